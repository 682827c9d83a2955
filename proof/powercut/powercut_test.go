package powercut

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// hexed writes a text as strace -xx does.
func hexed(s string) string {
	var b strings.Builder
	for i := range len(s) {
		fmt.Fprintf(&b, `\x%02x`, s[i])
	}
	return b.String()
}

// script is a trace in the making: each call takes a microsecond, and they come one after the other.
type script struct {
	t   *testing.T
	dir string
	at  int64
	out []call
}

// do adds a line in which «…» are texts and ‹…› paths below the folder.
func (s *script) do(line, result string) {
	s.t.Helper()
	for _, q := range []struct{ open, end, is string }{{"«", "»", `"%s"`}, {"‹", "›", "<%s>"}} {
		for strings.Contains(line, q.open) {
			before, rest, _ := strings.Cut(line, q.open)
			inside, after, _ := strings.Cut(rest, q.end)
			if q.open == "‹" || strings.HasPrefix(inside, "/") {
				inside = filepath.Join(s.dir, inside)
			}
			line = before + fmt.Sprintf(q.is, hexed(inside)) + after
		}
	}
	s.at += 10_000
	took := " <0.000001000>"
	if result == "" {
		took = ""
	} else {
		line += " = " + result
	}
	c, err := parseCall(fmt.Sprintf("100.%09d %s%s", s.at, line, took))
	if err != nil {
		s.t.Fatalf("%s: %v", line, err)
	}
	s.out = append(s.out, c)
}

// ends gives the folder as it is after the trace, if what was not durable met this fate.
func (s *script) ends(f fate, seed uint64) map[string]string {
	s.t.Helper()
	root := newFolder()
	disk := &replay{base: s.dir, root: root, at: map[int]int64{}}
	for _, e := range moments(s.out) {
		if err := disk.play(e); err != nil {
			s.t.Fatal(err)
		}
	}
	to := filepath.Join(s.t.TempDir(), "image")
	if err := root.image(to, f, rand.New(rand.NewPCG(seed, 0)), nil); err != nil {
		s.t.Fatal(err)
	}
	found := map[string]string{}
	err := filepath.WalkDir(to, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			text, err := os.ReadFile(path)
			name, _ := filepath.Rel(to, path)
			found[name] = string(text)
			return err
		}
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return found
}

// all are the contents that a file can have after the power went, over many fates.
func (s *script) all(name string) map[string]bool {
	out := map[string]bool{}
	for _, f := range fates {
		for seed := range uint64(40) {
			text, ok := s.ends(f, seed)[name]
			if !ok {
				text = "(none)"
			}
			out[text] = true
		}
	}
	return out
}

func (s *script) mustBe(name string, want ...string) {
	s.t.Helper()
	got := s.all(name)
	for _, w := range want {
		if !got[w] {
			s.t.Errorf("%s is never %.40q", name, w)
		}
		delete(got, w)
	}
	for g := range got {
		s.t.Errorf("%s was %.40q (%d bytes)", name, g, len(g))
	}
}

// TestDisk_WhatIsThere tells what may be on a disk after each beginning of a few calls.
func TestDisk_WhatIsThere(t *testing.T) {
	s := &script{t: t, dir: "/n"}
	open := func(name, flags, fd string) { s.do("openat(AT_FDCWD‹›, «/"+name+"», "+flags+", 0600)", fd+"<x>") }

	open("a", "O_WRONLY|O_CREAT|O_CLOEXEC", "5")
	s.do("write(5‹a›, «one», 3)", "3")
	s.mustBe("a", "(none)", "", "one")
	s.do("fsync(5‹a›)", "0")
	s.mustBe("a", "(none)", "one") // the file is durable, its name is not
	s.do("fsync(6‹›)", "0")
	s.mustBe("a", "one")

	s.do("write(5‹a›, «two», 3)", "3")
	s.mustBe("a", "one", "onetwo")
	s.do("fdatasync(5‹a›)", "-1 EIO (Input/output error)")
	s.mustBe("a", "one", "onetwo") // a sync that failed made nothing durable
	s.do("pwrite64(5‹a›, «T», 1, 3)", "1")
	s.mustBe("a", "one", "onetwo", "oneTwo") // and not oneT: a page keeps the order of its writes
	s.do("fdatasync(5‹a›)", "0")
	s.mustBe("a", "oneTwo")

	s.do("ftruncate(5‹a›, 3)", "0")
	s.mustBe("a", "one", "oneTwo")
	s.do("fdatasync(5‹a›)", "")
	s.mustBe("a", "one", "oneTwo") // one that never returned
	s.do("fdatasync(5‹a›)", "0")

	open("b.new", "O_WRONLY|O_CREAT|O_TRUNC|O_CLOEXEC", "7")
	s.do("write(7‹b.new›, «new», 3)", "3")
	s.do("fsync(7‹b.new›)", "0")
	s.do("renameat(AT_FDCWD‹›, «/b.new», AT_FDCWD‹›, «/b»)", "0")
	s.mustBe("b", "(none)", "new")
	s.do("fsync(6‹›)", "0")
	s.mustBe("b", "new")
	s.mustBe("b.new", "(none)")

	s.do("mkdirat(AT_FDCWD‹›, «/d», 0700)", "0")
	s.do("renameat(AT_FDCWD‹›, «/b», AT_FDCWD‹›, «/d/b»)", "0")
	s.mustBe("d/b", "(none)", "new")
	s.do("fsync(8‹d›)", "0") // the name d/b is durable, and so is what came before it in both folders: a journal keeps order
	s.mustBe("d/b", "new")
	s.mustBe("b", "(none)")
	s.do("unlinkat(AT_FDCWD‹›, «/d/b», 0)", "0")
	s.mustBe("d/b", "(none)", "new")
}

// TestDisk_Torn: a page may be there in part, by sectors, and only of what was not synced.
func TestDisk_Torn(t *testing.T) {
	s := &script{t: t, dir: "/n"}
	s.do("openat(AT_FDCWD‹›, «/a», O_RDWR|O_CREAT, 0600)", "5<x>")
	s.do("fsync(6‹›)", "0")
	s.do("pwrite64(5‹a›, «"+strings.Repeat("x", 3*pageSize)+"», 12288, 0)", "12288")
	torn, pages := false, map[int]bool{}
	for text := range s.all("a") {
		n := strings.Count(text, "x")
		torn = torn || n%pageSize != 0
		if n%sector != 0 {
			t.Errorf("%d bytes arrived: no device writes so", n)
		}
		pages[n/pageSize] = true
	}
	if !torn || len(pages) != 4 {
		t.Errorf("torn: %v, numbers of pages: %v", torn, pages)
	}
	s.do("fsync(5‹a›)", "0")
	s.mustBe("a", strings.Repeat("x", 3*pageSize))
}

// TestReplay_WhatItDoesNotUnderstand is an error, not a wrong image.
func TestReplay_WhatItDoesNotUnderstand(t *testing.T) {
	for _, line := range []string{
		"copy_file_range(5‹a›, NULL, 6‹b›, NULL, 100, 0)",
		"fallocate(5‹a›, FALLOC_FL_PUNCH_HOLE, 0, 4096)",
		"symlinkat(«x», AT_FDCWD‹›, «/l»)",
	} {
		s := &script{t: t, dir: "/n"}
		s.do("openat(AT_FDCWD‹›, «/a», O_RDWR|O_CREAT, 0600)", "5<x>")
		s.do(line, "0")
		disk := &replay{base: "/n", root: newFolder(), at: map[int]int64{}}
		var err error
		for _, e := range moments(s.out) {
			if err = disk.play(e); err != nil {
				break
			}
		}
		if err == nil || !strings.Contains(err.Error(), "not understood") {
			t.Errorf("%s: %v", line, err)
		}
	}
}

func TestParseCall_lines(t *testing.T) {
	for _, line := range []string{"", "x", "100.5 close(3) = 0", `100.000000000 write(3<\x2f>, "\x0`, `100.000000000 write(3, "\x61"..., 5000) = 5000 <0.000000001>`} {
		if c, err := parseCall(line); err == nil {
			t.Errorf("%q is %+v", line, c)
		}
	}
	for _, line := range []string{"100.000000000 +++ killed by SIGKILL +++", "100.000000000 ???( <detached ...>"} {
		if c, err := parseCall(line); err != nil || c.name != "" {
			t.Errorf("%q is %+v, %v", line, c, err)
		}
	}
	c, err := parseCall(`100.000000007 writev(3<` + hexed("/n/a") + `>(deleted), [{iov_base="` + hexed("ab") + `", iov_len=2}, {iov_base="` + hexed("c") + `", iov_len=1}], 2) = 3 <0.000000005>`)
	if err != nil || c.start != 100*1e9+7 || c.end != c.start+5 || c.result != 3 || string(c.data()) != "abc" || c.args[0].path != "" {
		t.Errorf("%+v, %v", c, err)
	}
}

// TestContent holds writes and cuts against a slice of bytes.
func TestContent(t *testing.T) {
	dice := rand.New(rand.NewPCG(1, 1))
	var c content
	var want []byte
	for range 2000 {
		if dice.IntN(4) == 0 {
			size := dice.IntN(5 * pageSize)
			c.resize(int64(size))
			want = append(want[:min(size, len(want))], make([]byte, max(0, size-len(want)))...)
			continue
		}
		off, data := dice.IntN(4*pageSize), bytes.Repeat([]byte{byte(dice.Uint32())}, 1+dice.IntN(pageSize))
		c.write(int64(off), data)
		want = append(want, make([]byte, max(0, off+len(data)-len(want)))...)
		copy(want[off:], data)
	}
	path := filepath.Join(t.TempDir(), "f")
	if err := c.save(path); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%d bytes, not %d: %v", len(got), len(want), err)
	}
}

// TestShelf: a picture has one copy for all images until it changes, and a node that writes to one is found out.
func TestShelf(t *testing.T) {
	root, shelf := newFolder(), &shelf{dir: t.TempDir()}
	blob, other := &node{}, &node{}
	blob.content.write(0, []byte("picture"))
	other.content.write(0, []byte("log"))
	under := newFolder()
	under.entries["ab"] = newFolder()
	under.entries["ab"].entries["x"] = blob
	root.entries[blobFolder], root.entries["log"] = under, other
	paint := func() (picture, log os.FileInfo, text string) {
		t.Helper()
		to := filepath.Join(t.TempDir(), "image")
		if err := root.image(to, everything, rand.New(rand.NewPCG(1, 1)), shelf); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(to, blobFolder, "ab", "x")
		picture, err := os.Stat(path)
		log, err2 := os.Stat(filepath.Join(to, "log"))
		data, err3 := os.ReadFile(path)
		if err != nil || err2 != nil || err3 != nil {
			t.Fatal(err, err2, err3)
		}
		return picture, log, string(data)
	}
	a, logA, _ := paint()
	b, logB, text := paint()
	if !os.SameFile(a, b) || os.SameFile(logA, logB) || text != "picture" {
		t.Errorf("one picture: %v, one log: %v, %q", os.SameFile(a, b), os.SameFile(logA, logB), text)
	}
	blob.changes = []*change{{end: 1, off: 0, data: []byte("P")}}
	if c, _, text := paint(); os.SameFile(a, c) || text != "Picture" {
		t.Errorf("a picture that is being written: %v, %q", os.SameFile(a, c), text)
	}
	blob.sync(2)
	if c, _, text := paint(); os.SameFile(a, c) || text != "Picture" {
		t.Errorf("a picture that was written: %v, %q", os.SameFile(a, c), text)
	}
	if err := shelf.check(); err != nil {
		t.Error(err)
	}
	if err := os.WriteFile(blob.shelved, []byte("picturE"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := shelf.check(); err == nil {
		t.Error("a picture was written to, and nobody said so")
	}
}
