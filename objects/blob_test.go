package objects

import (
	"bytes"
	"crypto/md5"
	"crypto/sha256"
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

func openDisk(t testing.TB) *Disk {
	t.Helper()
	d, err := OpenDisk(filepath.Join(t.TempDir(), "blobs"), 0)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// write stores a whole body and gives its sums.
func write(t testing.TB, d *Disk, b Blob, body string) Sums {
	t.Helper()
	w, err := d.Create(int64(len(body)), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if _, err := io.WriteString(w, body); err != nil {
		t.Fatal(err)
	}
	sums := w.Sums()
	if err := w.Commit(b); err != nil {
		t.Fatal(err)
	}
	return sums
}

func read(t testing.TB, d *Disk, b Blob) string {
	t.Helper()
	f, size, err := d.Open(b)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	body, err := io.ReadAll(f)
	if err != nil || int64(len(body)) != size {
		t.Fatalf("%d bytes of %d, %v", len(body), size, err)
	}
	return string(body)
}

// files lists all that is in a disk's folder, but folders.
func files(t testing.TB, d *Disk) []string {
	t.Helper()
	var found []string
	err := filepath.WalkDir(d.dir, func(path string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() && !strings.HasPrefix(e.Name(), scrubFile) {
			rel, _ := filepath.Rel(d.dir, path)
			found = append(found, rel)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestDisk_WriteReadRemove(t *testing.T) {
	d := openDisk(t)
	b := NameBlob("photos", "../../etc/passwd", "u1")
	sums := write(t, d, b, "hello")
	sha, md := sha256.Sum256([]byte("hello")), md5.Sum([]byte("hello"))
	if want := (Sums{5, sha, md}); sums != want {
		t.Errorf("sums %+v, want %+v", sums, want)
	}
	if got := read(t, d, b); got != "hello" {
		t.Errorf("read %q", got)
	}
	name := string(b)
	if got := files(t, d); len(got) != 1 || got[0] != filepath.Join(name[:2], name[2:4], name) {
		t.Errorf("files %v", got)
	}
	for range 2 { // removing what is not there is no error
		if err := d.Remove(b); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := d.Open(b); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("open after remove: %v", err)
	}
}

// A second upload of a key is another file; the same name is never written twice.
func TestDisk_NeverOverwrites(t *testing.T) {
	d := openDisk(t)
	first, second := NameBlob("photos", "k", "u1"), NameBlob("photos", "k", "u2")
	write(t, d, first, "one")
	write(t, d, second, "two")
	w, err := d.Create(5, 100)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(w, "three"); err != nil {
		t.Fatal(err)
	}
	if err := w.Commit(first); !errors.Is(err, errExists) {
		t.Errorf("commit over a blob: %v", err)
	}
	w.Close()
	if got := read(t, d, first) + read(t, d, second); got != "onetwo" {
		t.Errorf("blobs are %q", got)
	}
	if got := files(t, d); len(got) != 2 {
		t.Errorf("files %v", got)
	}
}

func TestDisk_Limit(t *testing.T) {
	d := openDisk(t)
	_, err := d.Create(11, 10)
	wantCode(t, err, EntityTooLarge)
	w, err := d.Create(-1, 10) // the size was not announced
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(w, "0123456789"); err != nil {
		t.Error(err)
	}
	_, err = io.WriteString(w, "x")
	wantCode(t, err, EntityTooLarge)
	w.Close()
	if got := files(t, d); len(got) != 0 {
		t.Errorf("files %v", got)
	}
}

func TestDisk_Full(t *testing.T) {
	d := openDisk(t)
	d.reserve = 100
	d.free = func(string) (int64, error) { return 150, nil }
	if _, err := d.Create(51, 1000); !errors.Is(err, ErrFull) {
		t.Errorf("51 of 50 bytes: %v", err)
	}
	w, err := d.Create(50, 1000)
	if err != nil {
		t.Fatal(err)
	}
	w.Close()
	for _, no := range []syscall.Errno{syscall.ENOSPC, syscall.EDQUOT} {
		if err := full(&fs.PathError{Op: "write", Path: "p", Err: no}); !errors.Is(err, ErrFull) {
			t.Errorf("%v became %v", no, err)
		}
	}
}

// A crash leaves drafts, and files that were never recorded. Only drafts are
// certain to be nobody's.
func TestDisk_CrashLeftovers(t *testing.T) {
	d := openDisk(t)
	kept := NameBlob("photos", "k", "u1")
	write(t, d, kept, "kept")
	w, err := d.Create(4, 100)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(w, "lost"); err != nil {
		t.Fatal(err)
	}
	foreign := filepath.Join(d.dir, drafts, "README")
	if err := os.WriteFile(foreign, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	again, err := OpenDisk(d.dir, 0)
	if err != nil {
		t.Fatal(err)
	}
	if got := files(t, again); len(got) != 2 || !strings.HasSuffix(got[0], string(kept)) && !strings.HasSuffix(got[1], string(kept)) {
		t.Errorf("files after the restart: %v", got)
	}
	if got := read(t, again, kept); got != "kept" {
		t.Errorf("read %q", got)
	}
}

func TestParseBlob(t *testing.T) {
	good := NameBlob("photos", "k", "abc234")
	if b, ok := ParseBlob(string(good)); !ok || b != good {
		t.Errorf("%q %v", b, ok)
	}
	hash := string(good[:64])
	for _, bad := range []string{
		"", "-", hash, hash + "-", "-abc", hash[:63] + "-abc", hash + "-ABC", hash + "-a-b", hash + "-../x",
		hash + "-a/b", strings.ToUpper(hash) + "-abc", "../" + hash[3:] + "-abc", hash + "-" + strings.Repeat("a", 65),
	} {
		if _, ok := ParseBlob(bad); ok {
			t.Errorf("%q was taken for a blob's name", bad)
		}
	}
}

// Memory is flat whatever the size: 64 MB go through, and the heap does not
// notice.
func TestDisk_FlatMemory(t *testing.T) {
	d := openDisk(t)
	const size = 64 << 20
	w, err := d.Create(size, size)
	if err != nil {
		t.Fatal(err)
	}
	before := allocated()
	source := io.LimitReader(rand.NewChaCha8([32]byte{}), size)
	if _, err := io.CopyBuffer(struct{ io.Writer }{w}, source, make([]byte, 64<<10)); err != nil {
		t.Fatal(err)
	}
	sums := w.Sums()
	b := NameBlob("photos", "big", "u1")
	if err := w.Commit(b); err != nil {
		t.Fatal(err)
	}
	if grown := allocated() - before; grown > 1<<20 {
		t.Errorf("writing %d MB allocated %d KB", size>>20, grown>>10)
	}
	f, n, err := d.Open(b)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil || n != size || [32]byte(h.Sum(nil)) != sums.SHA256 {
		t.Errorf("read back %d bytes, %v", n, err)
	}
}

// allocated is all that was ever allocated, freed or not: garbage counts too.
func allocated() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}

func TestError_XML(t *testing.T) {
	e := fail(NoSuchKey, "there is no <%s>", "k")
	want := `<?xml version="1.0" encoding="UTF-8"?>` + "\n" +
		`<Error><Code>NoSuchKey</Code><Message>there is no &lt;k&gt;</Message><Resource>/photos/k</Resource><RequestId>req1</RequestId></Error>`
	if got := e.XML("/photos/k", "req1"); !bytes.Equal(got, []byte(want)) {
		t.Errorf("%s", got)
	}
}

// A code without a status would be answered as HTTP 0.
func TestError_EveryCodeHasAStatus(t *testing.T) {
	source, err := os.ReadFile("xml.go")
	if err != nil {
		t.Fatal(err)
	}
	codes := regexp.MustCompile(`Code += "(\w+)"`).FindAllSubmatch(source, -1)
	if len(codes) != len(status) {
		t.Errorf("%d codes, %d statuses", len(codes), len(status))
	}
	for _, c := range codes {
		if status[Code(c[1])] < 400 {
			t.Errorf("%s has no status", c[1])
		}
	}
}

// TestDisk_FolderDeleted: a folder that somebody deletes is made again with the next draft, whoever comes first.
func TestDisk_FolderDeleted(t *testing.T) {
	d, err := OpenDisk(filepath.Join(t.TempDir(), "blobs"), 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(d.dir); err != nil {
		t.Fatal(err)
	}
	w, err := d.Create(3, 10)
	if err != nil {
		t.Fatal(err)
	}
	w.Close()
}
