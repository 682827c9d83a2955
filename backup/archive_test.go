package backup

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"stoker/fsm"
	"stoker/objects"
)

// TestArchive_isOfOneIndex: what is committed while it is written is not in it.
func TestArchive_isOfOneIndex(t *testing.T) {
	h := newHouse(t, "n1", t.TempDir())
	h.populate(3)
	p, err := Pin(t.Context(), h.node, h.store, Included)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	index := h.view().Index()
	apply(h, fsm.SignIn{NewID: "u2"})
	var b bytes.Buffer
	if err := p.Write(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	r, err := Verify(&b, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if r.Index != index || r.Check.Users != 1 || r.Check.Jobs != 1 || r.Check.Items != 3 || r.Manifest.Blobs.Count != 3 || len(r.End.Missing) != 0 {
		t.Errorf("at %d, want %d: %+v %+v", r.Index, index, r.Check, r.Manifest)
	}
	if about := p.Size(); about < r.Bytes || about > r.Bytes+4096 {
		t.Errorf("the archive has %d bytes, %d were announced", r.Bytes, about)
	}
}

// TestArchive_missing: a blob that no node has does not stop the others from
// being saved, and is named. A copy that has rotted is as good as none.
func TestArchive_missing(t *testing.T) {
	h := newHouse(t, "n1", t.TempDir())
	h.populate(3)
	v, gone := h.view(), []objects.Blob{}
	for i := range 2 {
		o, _ := v.Object("photos", fsm.Job{ID: "j1", User: "u1"}.InputKey(i))
		gone = append(gone, objects.BlobOf(o))
	}
	path := func(b objects.Blob) string {
		return filepath.Join(h.data, "blobs", string(b[:2]), string(b[2:4]), string(b))
	}
	if err := errors.Join(os.Remove(path(gone[0])), os.WriteFile(path(gone[1]), []byte(picture(2)[:701]), 0o600)); err != nil {
		t.Fatal(err)
	}
	r, err := Verify(bytes.NewReader(h.archive(Included)), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if len(r.End.Missing) != 2 || !strings.Contains(fmt.Sprint(r.End.Missing), string(gone[0])) || !strings.Contains(fmt.Sprint(r.End.Missing), string(gone[1])) {
		t.Errorf("missing %v, want %v", r.End.Missing, gone)
	}
}

// TestRead_everyByte: wherever a bit is another one, wherever the file ends, it
// is no backup; and the error says which member.
func TestRead_everyByte(t *testing.T) {
	h := newHouse(t, "n1", t.TempDir())
	h.populate(2)
	whole := h.archive(Included)
	if _, err := Read(bytes.NewReader(whole), Visitor{}); err != nil {
		t.Fatal(err)
	}
	for at := 0; at < len(whole); at += 7 {
		bent := bytes.Clone(whole)
		bent[at] ^= 1 << (at % 8)
		if _, err := Read(bytes.NewReader(bent), Visitor{}); err == nil {
			t.Fatalf("byte %d of %d was altered and not missed", at, len(whole))
		} else if !strings.Contains(err.Error(), "at byte") {
			t.Fatalf("byte %d: %v", at, err)
		}
	}
	for at := 0; at < len(whole); at += 211 {
		if _, err := Read(bytes.NewReader(whole[:at]), Visitor{}); err == nil {
			t.Fatalf("cut at byte %d of %d and not missed", at, len(whole))
		}
	}
	for said, bent := range map[string][]byte{
		"follow": append(bytes.Clone(whole), 0), stateName: altered(t, whole, stateName), listName: altered(t, whole, listName),
		blobFolder: altered(t, whole, blobFolder), endName: altered(t, whole, endName), manifestName: altered(t, whole, manifestName),
	} {
		if _, err := Read(bytes.NewReader(bent), Visitor{}); err == nil || !strings.Contains(err.Error(), said) {
			t.Errorf("want an error that names %s, got: %v", said, err)
		}
	}
}

// altered writes the archive anew with one byte of a member another, and tar's
// own sums right.
func altered(t *testing.T, whole []byte, member string) []byte {
	t.Helper()
	var out bytes.Buffer
	in, w := tar.NewReader(bytes.NewReader(whole)), tar.NewWriter(&out)
	for {
		h, err := in.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(in)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(h.Name, member) {
			body[len(body)/2] ^= 1
			member = "none other"
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(body); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// TestSave_allOrNothing: an archive that is cut, altered or not read to its end
// gets no name, and one that has it is not replaced.
func TestSave_allOrNothing(t *testing.T) {
	h := newHouse(t, "n1", t.TempDir())
	h.populate(1)
	whole := h.archive(Included)
	dir := t.TempDir()
	place, err := ParsePlace(dir, S3{})
	if err != nil {
		t.Fatal(err)
	}
	broken := errors.New("the node went away")
	for name, from := range map[string]io.Reader{
		"cut":     bytes.NewReader(whole[:len(whole)-2000]),
		"altered": bytes.NewReader(altered(t, whole, blobFolder)),
		"broken":  io.MultiReader(bytes.NewReader(whole[:3000]), failing{broken}),
	} {
		if _, err := Save(t.Context(), place, name+".tar", from); err == nil {
			t.Errorf("%s: saved", name)
		} else if name == "broken" && !errors.Is(err, broken) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Fatalf("left over: %v, %v", left, err)
	}
	c, err := Save(t.Context(), place, "b.tar", bytes.NewReader(whole))
	if err != nil || c.Bytes != int64(len(whole)) {
		t.Fatal(c.Bytes, err)
	}
	if _, err := Save(t.Context(), place, "b.tar", bytes.NewReader(whole)); !errors.Is(err, os.ErrExist) {
		t.Errorf("a second one of that name: %v", err)
	}
	if left, _ := os.ReadDir(dir); len(left) != 1 {
		t.Errorf("left over: %v", left)
	}
}

type failing struct{ error }

func (f failing) Read([]byte) (int, error) { return 0, f.error }

// TestFolder_large: a file that reaches the disk piece by piece holds what came.
func TestFolder_large(t *testing.T) {
	dir, want := t.TempDir(), bytes.Repeat([]byte("0123456789abcdef"), 1<<20)
	if err := Folder(dir).Put(t.Context(), "large", bytes.NewReader(want)); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(filepath.Join(dir, "large")); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}
