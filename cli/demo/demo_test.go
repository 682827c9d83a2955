package demo

import (
	"bytes"
	"image/jpeg"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"stoker/cli/picture"
)

// program is the whole binary: the demo is nothing without real processes.
var program string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "demo-test-")
	if err != nil {
		log.Fatal(err)
	}
	program = filepath.Join(dir, "stoker.exe") // the ending does no harm where it means nothing
	if out, err := exec.Command("go", "build", "-o", program, "stoker").CombinedOutput(); err != nil {
		log.Fatalf("go build: %v\n%s", err, out)
	}
	code := m.Run()
	if err := os.RemoveAll(dir); err != nil {
		log.Fatal(err)
	}
	os.Exit(code)
}

// rooms draws n small rooms into a folder, and something that is no picture.
func rooms(t *testing.T, n int) string {
	t.Helper()
	dir := t.TempDir()
	for i := range n {
		var file bytes.Buffer
		if err := jpeg.Encode(&file, picture.Room(uint64(i), 320, 240), nil); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, string(rune('a'+i))+".jpg"), file.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "README.md"), []byte("not a picture"), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestRun(t *testing.T) {
	for _, c := range []struct {
		name   string
		nodes  int
		kill   bool
		photos int
		says   []string
	}{
		{"one node", 1, false, 3, []string{"3 of 3 pictures arrived, each once; no request failed, 1 node(s) agree; 3 credits"}},
		// Twelve pictures are more than a free user may have: the plan changes and credits are granted.
		{"three nodes, the leader killed", 3, true, 12, []string{
			"kill -9 of n", "the leader, was killed after", "12 of 12 pictures arrived, each once", "3 node(s) agree; 12 credits", "grant", "(pro)",
		}},
		{"one node, killed", 1, true, 6, []string{"the leader, was killed after", "6 of 6 pictures arrived, each once"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			out := t.TempDir()
			t.Setenv("TMPDIR", t.TempDir())
			var screen bytes.Buffer
			err := Run(t.Context(), Options{Nodes: c.nodes, KillLeader: c.kill, Photos: rooms(t, c.photos), Out: out, Screen: &screen, Binary: program})
			if err != nil {
				t.Fatalf("%v\n%s", err, screen.String())
			}
			for _, says := range c.says {
				if !strings.Contains(screen.String(), says) {
					t.Errorf("the demo does not say %q:\n%s", says, screen.String())
				}
			}
			for _, kind := range []string{"*.png", "*_preview.jpg"} {
				if found, err := filepath.Glob(filepath.Join(out, kind)); err != nil || len(found) != c.photos {
					t.Errorf("%d of %s, %v, want %d", len(found), kind, err, c.photos)
				}
			}
			if left, err := filepath.Glob(filepath.Join(os.TempDir(), "stoker-*")); err != nil || len(left) > 0 {
				t.Errorf("left behind: %v, %v", left, err)
			}
		})
	}
}

func TestRun_ABrokenPictureFailsTheDemo(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	photos := rooms(t, 2)
	whole, err := os.ReadFile(filepath.Join(photos, "a.jpg"))
	if err != nil {
		t.Fatal(err)
	}
	// Its head is right, so it is only the worker that finds out.
	if err := os.WriteFile(filepath.Join(photos, "c.jpg"), whole[:len(whole)/2], 0o600); err != nil {
		t.Fatal(err)
	}
	var screen bytes.Buffer
	err = Run(t.Context(), Options{Nodes: 1, Photos: photos, Out: t.TempDir(), Screen: &screen, Binary: program})
	if err == nil {
		t.Fatalf("a broken picture arrived:\n%s", screen.String())
	}
	for _, says := range []string{"2 done and 1 failed of 3", "picture 2 is failed: broken jpeg picture", "folder was kept"} {
		if !strings.Contains(err.Error(), says) {
			t.Errorf("%q does not say %q", err, says)
		}
	}
}

func TestRun_Refusals(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	empty := t.TempDir()
	for says, o := range map[string]Options{
		"--nodes 10":               {Nodes: 10},
		"--nodes -1":               {Nodes: -1},
		"no .jpg, .jpeg or .png":   {Nodes: 1, Photos: empty},
		"--photos":                 {Nodes: 1, Photos: filepath.Join(empty, "x")},
		"nothing: no such file or": {Nodes: 1, Photos: rooms(t, 1), Binary: filepath.Join(empty, "nothing")},
	} {
		o.Screen, o.Out = &bytes.Buffer{}, t.TempDir()
		if err := Run(t.Context(), o); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", says, err)
		}
	}
}
