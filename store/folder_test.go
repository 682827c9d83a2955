package store

import (
	"os"
	"path/filepath"
	"testing"
)

// TestMakeDir: all that are missing are made; that there is one already is fine, that there is a file is not. That their names are
// durable is shown by `go run ./proof powercut`.
func TestMakeDir(t *testing.T) {
	base := t.TempDir()
	dir := filepath.Join(base, "n1", "data", "state")
	for range 2 {
		if err := MakeDir(dir); err != nil {
			t.Fatal(err)
		}
	}
	if s, err := os.Stat(dir); err != nil || s.Mode().Perm() != 0o700 {
		t.Errorf("%v, %v", s, err)
	}
	file := filepath.Join(base, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := MakeDir(file); err == nil {
		t.Error("a file was taken for a folder")
	}
	if err := MakeDir(filepath.Join(file, "x")); err == nil {
		t.Error("a folder was made in a file")
	}
	t.Chdir(base)
	if err := MakeDir("here/there"); err != nil {
		t.Error(err)
	}
}
