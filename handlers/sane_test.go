package handlers

import (
	"regexp"
	"testing"

	"pgregory.net/rapid"
)

// Each is what this regular expression says.
func TestSane(t *testing.T) {
	for expression, s := range map[string]*sane{
		`^[A-Za-z0-9._:/+=-]{1,128}$`: saneID,
		`^[\x21-\x7e]{1,255}$`:        visibleKey,
		`^[A-Za-z0-9_.-]{1,64}$`:      saneName,
		`^[\x21-\x7e]{1,128}$`:        saneWorker,
		`^[\x20-\x7e]{1,256}$`:        saneDevice,
		`^[A-Za-z0-9]{3,64}$`:         saneAccessKey,
		`^[!-~]{16,128}$`:             saneSecretKey,
	} {
		e := regexp.MustCompile(expression)
		for b := range 256 {
			for _, n := range []int{0, s.least - 1, s.least, s.most, s.most + 1} {
				text := make([]byte, n)
				for i := range text {
					text[i] = byte(b)
				}
				if got, want := s.Match(text), e.Match(text); got != want {
					t.Fatalf("%s: %d times %q: %t", expression, n, rune(b), got)
				}
			}
		}
		rapid.Check(t, func(t *rapid.T) {
			text := rapid.OneOf(rapid.StringMatching(expression), rapid.String()).Draw(t, "text")
			if got, want := s.MatchString(text), e.MatchString(text); got != want {
				t.Fatalf("%s: %q: %t", expression, text, got)
			}
		})
	}
}
