package store

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// TestBehind: a file that is sent to the disk piece by piece, and forgotten by the page cache, holds what was written.
func TestBehind(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "large"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b, want := NewBehind(f), []byte{}
	for i := range 40 {
		piece := bytes.Repeat([]byte{byte(i)}, behindBytes/9)
		n, err := f.Write(piece)
		if err != nil {
			t.Fatal(err)
		}
		b.Wrote(n)
		want = append(want, piece...)
		if b.size != int64(len(want)) || b.size-b.sent >= behindBytes {
			t.Fatalf("of %d bytes it knows %d, and has sent %d", len(want), b.size, b.sent)
		}
	}
	if got, err := os.ReadFile(f.Name()); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}
