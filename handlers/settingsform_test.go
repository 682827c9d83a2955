package handlers

import (
	stdjson "encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/go-json-experiment/json"
	"pgregory.net/rapid"

	"stoker/cli/appfile"
	"stoker/client"
	"stoker/fsm"
)

// anySettings draws settings that the machine would take.
func anySettings(t *rapid.T) fsm.Settings {
	const second = int64(1e9)
	name := rapid.StringMatching(`[a-zA-Z0-9_-]{1,12}`)
	text := rapid.StringN(1, 20, 80)
	span := func(least, most int64) *rapid.Generator[int64] {
		return rapid.OneOf(rapid.Int64Range(least, most), rapid.Map(rapid.Int64Range(least/second+1, most/second-1), func(n int64) int64 { return n * second }),
			rapid.SampledFrom([]int64{60 * second, 3600 * second, 24 * 3600 * second})).Filter(func(n int64) bool { return n >= least && n <= most })
	}
	s := fsm.DefaultSettings()
	s.Version = 0
	year := 365 * 24 * 3600 * second
	s.Budgets = fsm.Budgets{Upload: span(second, year).Draw(t, "upload"), Execute: span(second, year).Draw(t, "execute"), Queue: span(second, year).Draw(t, "queue"), Run: span(second, year).Draw(t, "run")}
	s.LeaseTTL = span(5*second, 3600*second).Draw(t, "ttl")
	s.FirstContact = rapid.Int64Range(second, s.LeaseTTL).Draw(t, "first")
	s.QueueDepth, s.MaxUpload = rapid.IntRange(1, 1e8).Draw(t, "depth"), rapid.Int64Range(1024, 5<<30).Draw(t, "max")
	s.TokenLife = span(60*second, 100*year).Draw(t, "life")
	for _, plan := range rapid.SliceOfN(name, 0, 3).Draw(t, "plans") {
		s.Plans[plan] = fsm.Plan{MaxConcurrency: rapid.IntRange(1, 100).Draw(t, "c"), MaxItems: rapid.IntRange(1, 100).Draw(t, "i"), MaxRuleSlots: rapid.IntRange(0, 9).Draw(t, "r"),
			StartCredits: rapid.Int64Range(0, 1e12).Draw(t, "s"), Weight: 7, MaxLeased: 9, MaxWait: rapid.Int64Range(0, year).Draw(t, "w")}
	}
	for _, id := range rapid.SliceOfN(name, 0, 3).Draw(t, "presets") {
		p := fsm.Preset{ID: id, Name: text.Draw(t, "name"), Description: rapid.StringN(0, 20, 80).Draw(t, "description"), Price: rapid.Int64Range(0, 100_000).Draw(t, "price"),
			Concepts: rapid.SliceOfNDistinct(text, 1, 4, rapid.ID).Draw(t, "concepts"), Queue: rapid.Int64Range(0, year).Draw(t, "queue"), Exec: rapid.Int64Range(0, 24*3600*second).Draw(t, "exec")}
		if protect := rapid.SliceOfNDistinct(text, 0, 3, rapid.ID).Draw(t, "protect"); len(protect) > 0 {
			p.Protect = protect
		}
		for _, one := range rapid.SliceOfNDistinct(text, 0, 3, rapid.ID).Draw(t, "templates") {
			p.Templates = append(p.Templates, fsm.Template{ID: one, Name: text.Draw(t, "name")})
		}
		s.Presets[id] = p
	}
	switch rapid.IntRange(0, 3).Draw(t, "keep") {
	case 0:
		s.Retention = nil
	case 3:
		s.Retention = &fsm.Retention{Records: fsm.Keep{Done: span(60*second, year).Draw(t, "records"), Failed: 60 * second}}
	case 1:
		s.Retention, s.Replicas = &fsm.Retention{
			Inputs:   fsm.Keep{Done: span(60*second, year).Draw(t, "done"), Canceled: 60 * second},
			Prefixes: []fsm.PrefixKeep{{Prefix: text.Draw(t, "prefix"), For: span(60*second, year).Draw(t, "for")}},
		}, 2
	}
	if rapid.Bool().Draw(t, "types") {
		s.PictureTypes = []string{"image/png", "image/avif"}
	}
	if rapid.Bool().Draw(t, "cors") {
		s.CORS = &fsm.CORS{}
		if rapid.Bool().Draw(t, "origins") {
			s.CORS.Origins = []string{"*", "https://app.example"}
		}
	}
	if rapid.Bool().Draw(t, "rates") {
		s.Rates = &fsm.Rates{SignUps: rapid.IntRange(-1, 5).Draw(t, "signups"), User: 3}
	}
	for _, one := range rapid.SliceOfN(name, 0, 2).Draw(t, "webhooks") {
		h := fsm.Webhook{
			URL: "https://" + one + ".example/x?y=%20", Events: rapid.SliceOfNDistinct(rapid.SampledFrom(fsm.WebhookEvents), 1, 3, rapid.ID).Draw(t, "events"),
			Secrets: []string{"webhook." + one}, AllowPrivate: rapid.Bool().Draw(t, "private"), Disabled: rapid.Bool().Draw(t, "disabled"),
		}
		if s.Webhooks == nil {
			s.Webhooks = map[string]fsm.Webhook{}
		}
		s.Webhooks[one] = h
	}
	return s
}

// TestSettings_SurviveTheFile: what is pulled and deployed again is what it was,
// and its text is the same again: the diff is empty.
func TestSettings_SurviveTheFile(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		was := anySettings(t)
		if wrong := was.Flaws(); len(wrong) > 0 {
			t.Fatalf("drawn badly: %v", wrong)
		}
		text := appfile.Write(overTheWire(t, was))
		path := filepath.Join(dir, appfile.Name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		read, _, err := appfile.Read(path)
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		body, err := stdjson.Marshal(read)
		if err != nil {
			t.Fatal(err)
		}
		form := blankForm()
		if err := json.Unmarshal(body, &form, strictly); err != nil {
			t.Fatalf("%v\n%s", err, body)
		}
		is := form.settings()
		is.Bucket = was.Bucket
		if !is.Same(was) {
			t.Fatalf("was %+v\nis %+v\n%s", was, is, text)
		}
		if diff := appfile.Diff("was", "is", overTheWire(t, was), overTheWire(t, is), false); diff != "" {
			t.Fatal(diff)
		}
	})
}

// overTheWire is what a client reads of settings.
func overTheWire(t *rapid.T, s fsm.Settings) (out client.Settings) {
	body, err := json.Marshal(formOf(s))
	if err != nil {
		t.Fatal(err)
	}
	if err := stdjson.Unmarshal(body, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestSettings_TimesAndSizes(t *testing.T) {
	for text, canonical := range map[string]string{
		"30m": "30m", "90m": "1h30m", "24h": "1d", "14d": "14d", "1d12h": "36h", "0s": "0s", "0d": "0s", "1500ms": "1.5s", "1h0m5s": "1h0m5s",
		"": "0s", "-1s": "", "1": "", "d": "", "1d2d": "", "1e9h": "", "9999999d": "", "tomorrow": "", "1h ": "",
	} {
		var s span
		err := s.UnmarshalText([]byte(text))
		got, _ := s.MarshalText()
		if (err == nil) != (canonical != "") || err == nil && string(got) != canonical {
			t.Errorf("%q: %s, %v; want %q", text, got, err, canonical)
		}
	}
	for text, canonical := range map[string]string{
		"25MiB": "25MiB", "1024KiB": "1MiB", "1025 B": "1025B", "0B": "0B", "5GiB": "5GiB",
		"": "", "25": "", "25MB": "", "1.5GiB": "", "-1B": "", "9999999999TiB": "",
	} {
		var s size
		err := s.UnmarshalText([]byte(text))
		got, _ := s.MarshalText()
		if (err == nil) != (canonical != "") || err == nil && string(got) != canonical {
			t.Errorf("%q: %s, %v; want %q", text, got, err, canonical)
		}
	}
}
