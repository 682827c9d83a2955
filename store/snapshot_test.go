package store

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestSnapshot_EqualUpdatesGiveEqualBytes(t *testing.T) {
	var want []byte
	for _, flushes := range []func(i int) bool{
		func(i int) bool { return false },
		func(i int) bool { return true },
		func(i int) bool { return i%3 == 1 },
	} {
		s := open(t, t.TempDir(), manual)
		for i := range uint64(20) {
			update(t, s, func(tx *Tx) {
				counters.Put(tx, Uint(i*7%20), i)
				counters.Delete(tx, Uint(i*3%20))
				tasks.Put(tx, Uint(i%5), task{Group: "x", Rank: i})
			})
			if flushes(int(i)) {
				flush(t, s)
			}
		}
		got := snapshot(t, s, "header")
		if want == nil {
			want = got
		}
		if !bytes.Equal(got, want) {
			t.Error("the bytes depend on when flushes came")
		}
	}
}

func TestSnapshot_IsOfItsMoment(t *testing.T) {
	s := open(t, t.TempDir(), manual)
	put(t, s, "k", 1)
	sn, err := s.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	defer sn.Close()
	put(t, s, "k", 2)
	flush(t, s)
	restore(t, s, snapshotOf(t, map[Key]uint64{"k": 3}))
	if n, _ := counters.Get(sn, "k"); n != 1 {
		t.Errorf("it reads %d", n)
	}
	var b bytes.Buffer
	if err := sn.Write(&b, nil); err != nil {
		t.Fatal(err)
	}
	restore(t, s, b.Bytes())
	if got := frozen(s); got["k"] != 1 {
		t.Errorf("it wrote %v", got)
	}
}

func TestSnapshot_HeaderIsReadByItselfAndChecked(t *testing.T) {
	stream := snapshotOf(t, nil)
	r := bytes.NewReader(stream)
	header, err := ReadHeader(r)
	if err != nil || string(header) != "header" {
		t.Fatalf("%q, %v", header, err)
	}
	size := len(stream) - r.Len()
	for i := range size {
		if _, err := ReadHeader(bytes.NewReader(stream[:i])); err == nil {
			t.Errorf("%d of its %d bytes are enough", i, size)
		}
		if _, err := ReadHeader(bytes.NewReader(flipped(stream, i))); err == nil {
			t.Errorf("byte %d is flipped and nobody minds", i)
		}
	}
	s := open(t, t.TempDir(), manual)
	sn, err := s.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	defer sn.Close()
	if err := sn.Write(io.Discard, make([]byte, maxHeader+1)); err == nil {
		t.Error("a header was written that ReadHeader would refuse")
	}
}

func flipped(b []byte, i int) []byte {
	b = bytes.Clone(b)
	b[i] ^= 0x10
	return b
}

func TestRestore_RefusesDamageAndKeepsTheOldState(t *testing.T) {
	stream := snapshotOf(t, map[Key]uint64{Str("a"): 1, Str("b"): 2, Str("c"): 3})
	dir := t.TempDir()
	s := open(t, dir, manual)
	put(t, s, Str("old"), 7)
	flush(t, s)
	put(t, s, Str("new"), 8) // not yet in the file
	want := map[Key]uint64{Str("old"): 7, Str("new"): 8}
	v := s.View()
	defer v.Close()
	refused := func(what string, i int, stream []byte) {
		t.Helper()
		if _, err := s.Restore(bytes.NewReader(stream)); err == nil {
			t.Fatalf("%s %d was restored", what, i)
		}
		if got := frozen(s); !maps.Equal(got, want) {
			t.Fatalf("%s %d left %v", what, i, got)
		}
	}
	for i := range stream {
		refused("truncated at", i, stream[:i])
		refused("flipped", i, flipped(stream, i))
	}
	refused("longer by", 1, append(bytes.Clone(stream), 0))
	if _, err := s.Restore(&failing{bytes.NewReader(stream[:len(stream)/2])}); !errors.Is(err, errUnplugged) {
		t.Fatalf("the reader's own error is gone: %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, pendingName)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a refused stream left its file behind: %v", err)
	}

	header, err := s.Restore(bytes.NewReader(stream))
	if err != nil || string(header) != "header" {
		t.Fatalf("the sound stream: %q, %v", header, err)
	}
	want = map[Key]uint64{Str("a"): 1, Str("b"): 2, Str("c"): 3}
	if got := frozen(s); !maps.Equal(got, want) {
		t.Errorf("restored %v", got)
	}
	if got := frozen(open(t, crash(t, s), manual)); !maps.Equal(got, want) {
		t.Errorf("a crash after Restore leaves %v", got)
	}
}

var errUnplugged = errors.New("unplugged")

// failing is a connection that breaks.
type failing struct{ io.Reader }

func (f *failing) Read(p []byte) (int, error) {
	n, err := f.Reader.Read(p)
	if err == io.EOF {
		err = errUnplugged
	}
	return n, err
}

// A process that dies in a Restore has the old state, and its rubbish goes.
func TestRestore_CutOffByACrash(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, manual)
	put(t, s, "k", 1)
	flush(t, s)
	after := crash(t, s)
	if err := os.WriteFile(filepath.Join(after, pendingName), []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := frozen(open(t, after, manual)); got["k"] != 1 {
		t.Errorf("the state is %v", got)
	}
	if _, err := os.Stat(filepath.Join(after, pendingName)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the unfinished file is still there: %v", err)
	}
}

// More than one transaction of a load, and records that fill many pages.
func TestRestore_Large(t *testing.T) {
	blobs := NewTable[[]byte]("blobs")
	s := open(t, t.TempDir(), manual)
	update(t, s, func(tx *Tx) {
		for i := range uint64(300) {
			blobs.Put(tx, Uint(i), bytes.Repeat([]byte{byte(i)}, 64<<10))
		}
	})
	stream := snapshot(t, s, "")
	to := open(t, t.TempDir(), manual)
	restore(t, to, stream)
	if !bytes.Equal(snapshot(t, to, ""), stream) {
		t.Error("the restored state differs")
	}
}

// TestSnapshot_Measured: what was measured is what is written, by Write too, and a pace that gives up ends it.
func TestSnapshot_Measured(t *testing.T) {
	s := open(t, t.TempDir(), manual)
	for i := range uint64(5000) {
		update(t, s, func(tx *Tx) { tasks.Put(tx, Uint(i), task{Group: strings.Repeat("x", 40), Rank: i}) })
	}
	sn, err := s.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	defer sn.Close()
	paced := 0
	m, err := sn.Measure([]byte("header"), func(n int) error { paced += n; return nil })
	if err != nil {
		t.Fatal(err)
	}
	var plain, measured bytes.Buffer
	if err := errors.Join(sn.Write(&plain, []byte("header")), m.Write(&measured)); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(plain.Bytes(), measured.Bytes()) || m.Bytes != int64(plain.Len()) || m.SHA256 != sha256.Sum256(plain.Bytes()) || paced != plain.Len() {
		t.Errorf("%d bytes were measured with %x, %d paced, %d written, and %d by Write", m.Bytes, m.SHA256, paced, measured.Len(), plain.Len())
	}
	restore(t, s, measured.Bytes())

	enough := errors.New("enough")
	if _, err := sn.Measure(nil, func(int) error { return enough }); !errors.Is(err, enough) {
		t.Errorf("a pace that gave up: %v", err)
	}
	if _, err := sn.Measure(make([]byte, maxHeader+1), nil); err == nil {
		t.Error("a header that is too long was measured")
	}
}
