package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestFuzz_targets: every fuzzed function of the module is run, and none that is not there.
func TestFuzz_targets(t *testing.T) {
	declared := regexp.MustCompile(`(?m)^func (Fuzz\w+)\(f \*testing\.F\)`)
	var is, want []string
	err := filepath.WalkDir("..", func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(file, "_test.go") {
			return err
		}
		text, err := os.ReadFile(file)
		for _, m := range declared.FindAllStringSubmatch(string(text), -1) {
			is = append(is, "."+strings.TrimPrefix(filepath.ToSlash(filepath.Dir(file)), "..")+" "+m[1])
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, target := range targets {
		want = append(want, target.pkg+" "+target.name)
	}
	slices.Sort(is)
	slices.Sort(want)
	if !slices.Equal(is, want) {
		t.Errorf("in the source are\n%s\nin the table\n%s", strings.Join(is, "\n"), strings.Join(want, "\n"))
	}
}

// TestFuzz_verdicts: what was found is named by the line that sees it again; a run that did not look is no run in which nothing was found.
func TestFuzz_verdicts(t *testing.T) {
	const at = "fuzz: elapsed: 3s, execs: 325017 (108336/sec), new interesting: 11 (total: 202)\n"
	exit := errors.New("exit status 1")
	for _, c := range []struct {
		log    string
		failed error
		want   string // of the verdict, or of the error
	}{
		{at + "PASS\n", nil, "nothing found"},
		{"PASS\n", nil, "nothing was executed"},
		{at + "--- FAIL: FuzzKey (1s)\n    --- FAIL: FuzzKey (0s)\n    Failing input written to testdata/fuzz/FuzzKey/0a1b\n", exit, "FOUND: go test ./objects -run '^FuzzKey$/^0a1b$'"},
		{"--- FAIL: FuzzKey (1s)\n    --- FAIL: FuzzKey/seed#3 (0s)\n", exit, "FOUND: go test ./objects -run '^FuzzKey$/^seed#3$'"},
		{at + "--- FAIL: FuzzKey (3.09s)\n    context deadline exceeded\nFAIL\n", exit, "nothing found"},
		{"--- FAIL: FuzzKey (3.09s)\n    context deadline exceeded\nFAIL\n", exit, "exit status 1"},
		{at + "signal: killed\n", exit, "exit status 1"},
	} {
		f, err := target{pkg: "./objects", name: "FuzzKey"}.read(c.log, c.failed)
		got := f.verdict()
		if err != nil {
			got = err.Error()
		}
		if !strings.HasPrefix(got, c.want) {
			t.Errorf("%q: %q, want %q", c.log, got, c.want)
		}
	}
}
