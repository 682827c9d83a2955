package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestMutants_upToDate: each mutant's text stands in its file, once; its check names tests that there are. That keeps the table true
// while the program is changed. Whether they are found, `proof mutants` says.
func TestMutants_upToDate(t *testing.T) {
	all, err := (&mutantsCommand{}).chosen()
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 25 {
		t.Errorf("there are only %d mutants", len(all))
	}
	names := map[string]bool{}
	for _, m := range all {
		if names[m.Name] || m.Name == "" || m.Breaks == "" || m.Old == m.New {
			t.Errorf("mutant %+v: it needs a name of its own, what it breaks, and a change", m)
		}
		names[m.Name] = true
		source, err := os.ReadFile(filepath.Join("..", m.File))
		if err != nil {
			t.Errorf("mutant %s: %v", m.Name, err)
			continue
		}
		if _, err := m.mutated(string(source)); err != nil {
			t.Error(err)
		}
		tests := testsOf(t, m.By.Package)
		for part := range strings.SplitSeq(m.By.Run, "|") {
			if !regexp.MustCompile("(?m)" + part).MatchString(tests) {
				t.Errorf("mutant %s: no test of %s is called %s", m.Name, m.By.Package, part)
			}
		}
	}
}

// testsOf are the names of a package's tests, each on a line of its own, for patterns that know of lines.
func testsOf(t *testing.T, room string) string {
	files, err := filepath.Glob(filepath.Join("..", room, "*_test.go"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no tests in %s: %v", room, err)
	}
	var names strings.Builder
	for _, file := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range regexp.MustCompile(`(?m)^func (Test\w+)\(`).FindAllStringSubmatch(string(source), -1) {
			names.WriteString(name[1] + "\n")
		}
	}
	return names.String()
}

// TestMutant_stale: a mutant whose text is gone, or stands twice, is told and not taken for one that was found.
func TestMutant_stale(t *testing.T) {
	m := mutant{Name: "x", File: "a.go", Old: "one", New: "two"}
	if text, err := m.mutated("a one b"); err != nil || text != "a two b" {
		t.Errorf("%q, %v", text, err)
	}
	for _, source := range []string{"nothing", "one and one"} {
		if _, err := m.mutated(source); err == nil || !strings.Contains(err.Error(), "bring the mutant up to date") {
			t.Errorf("in %q: %v", source, err)
		}
	}
}
