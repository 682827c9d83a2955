package handlers

// What a text from a client may be made of.
const (
	upper   = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	lower   = "abcdefghijklmnopqrstuvwxyz"
	digits  = "0123456789"
	marks   = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"
	visible = upper + lower + digits + marks // ASCII
)

// sane is what a text has to be: least to most bytes of some. It stands for a regular expression that counts so far, of which
// compiling a handful took a node longer than all else that its packages do at the start.
type sane struct {
	least, most int
	of          [256]bool
}

func saneOf(least, most int, of string) *sane {
	s := &sane{least: least, most: most}
	for _, b := range []byte(of) {
		s.of[b] = true
	}
	return s
}

// MatchString says whether the text is one.
func (s *sane) MatchString(text string) bool { return matches(s, text) }

// Match says whether the bytes are one.
func (s *sane) Match(text []byte) bool { return matches(s, text) }

func matches[T string | []byte](s *sane, text T) bool {
	if len(text) < s.least || len(text) > s.most {
		return false
	}
	for i := range len(text) {
		if !s.of[text[i]] {
			return false
		}
	}
	return true
}
