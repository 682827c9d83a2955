package appfile

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"stoker/client"
)

const sample = `[plans.free]
max_concurrency = 1
max_items = 10
weight = 0

[presets.seller]
name = "Shop"
concepts = ["Body"]

[[presets.seller.templates]]
id = "a"
name = "A"

[[presets.seller.templates]]
id = "a"
name = "B"

[limits]
queue_depth = 0
`

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), Name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestRead_Refusals(t *testing.T) {
	for text, says := range map[string]string{
		"[plans.free]\nmax_itmes = 1\n":          Name + `:2: unknown key "plans.free.max_itmes"`,
		"[plans.free]\nmax_items = \"many\"\n":   Name + ":2:",
		"[presets.a]\nname = 'x\n":               Name + ":2:",
		"[plan.free]\nmax_items = 1\n":           Name + `:1: unknown key "plan.free"`,
		"[[presets.a.templates]]\nidd = \"x\"\n": Name + `:2: unknown key "presets.a.templates.idd"`,
	} {
		if _, _, err := Read(write(t, text)); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v, want %q", text, err, says)
		}
	}
	if _, _, err := Read(filepath.Join(t.TempDir(), Name)); err == nil || !strings.Contains(err.Error(), "stoker config pull") {
		t.Errorf("a file that is not there: %v", err)
	}
}

// TestLocate: what the cluster finds is told with the line it stands on, or the table's.
func TestLocate(t *testing.T) {
	err := Locate("f.toml", []byte(sample), &client.Error{Code: client.CodeValidation, Fields: []client.Field{
		{Field: "plans.free.weight", Reason: "r"}, {Field: "plans.free.max_leased", Reason: "r"}, {Field: "presets.seller.templates[1].id", Reason: "r"},
		{Field: "settings.limits.queue_depth", Reason: "r"}, {Field: "presets.seller.concepts", Reason: "r"}, {Field: "budgets.run", Reason: "r"},
	}})
	want := `f.toml:4: plans.free.weight: r
f.toml:1: plans.free.max_leased: r
f.toml:15: presets.seller.templates[1].id: r
f.toml:19: limits.queue_depth: r
f.toml:8: presets.seller.concepts: r
f.toml: budgets.run: r`
	if err.Error() != want {
		t.Errorf("located:\n%v\nwant:\n%s", err, want)
	}
}

func TestDiff(t *testing.T) {
	s, _, err := Read(write(t, sample))
	if err != nil {
		t.Fatal(err)
	}
	if d := Diff("a", "b", s, s, false); d != "" {
		t.Errorf("nothing changed and the diff is %s", d)
	}
	dearer := s
	p := s.Presets["seller"]
	p.Price, p.Name = 2, "Shöp \x7f\u2028\"\\"
	dearer.Presets = map[string]client.PresetSettings{"seller": p}
	d := Diff("version 1", Name, s, dearer, false)
	if !strings.HasPrefix(d, "--- version 1\n+++ "+Name+"\n@@") || !strings.Contains(d, "\n-price = 0") || !strings.Contains(d, "\n+price = 2") {
		t.Errorf("the diff is\n%s", d)
	}
	if colour := Diff("version 1", Name, s, dearer, true); !strings.Contains(colour, "\x1b[31m-price = 0") || !strings.Contains(colour, "\x1b[32m+price = 2") {
		t.Errorf("in colour it is %q", colour)
	}
	if again, _, err := Read(write(t, Write(dearer))); err != nil || again.Presets["seller"].Name != p.Name {
		t.Errorf("read again: %v, %q", err, again.Presets["seller"].Name)
	}
}
