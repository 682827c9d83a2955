package node

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/hashicorp/raft"
	wal "github.com/hashicorp/raft-wal"
	walfs "github.com/hashicorp/raft-wal/fs"
	"github.com/hashicorp/raft-wal/metadb"
	"github.com/hashicorp/raft-wal/segment"
	"github.com/hashicorp/raft-wal/types"
)

func entry(index uint64, size int) *raft.Log {
	return &raft.Log{Index: index, Term: 1, Type: raft.LogCommand, Data: bytes.Repeat([]byte{byte(index)}, size)}
}

func mustRead(t *testing.T, w *wal.WAL, index uint64, size int) {
	t.Helper()
	var got raft.Log
	if err := w.GetLog(index, &got); err != nil || !bytes.Equal(got.Data, entry(index, size).Data) {
		t.Fatalf("entry %d: %v, %d bytes", index, err, len(got.Data))
	}
}

// A follower that has entries of a leader that was deposed takes the end of its log back, and must be able to read what is left
// after a restart. Version 0.4.0 of the library left a segment without an index (its issue 31): such a node never started again.
func TestSegments_EndTakenBack(t *testing.T) {
	dir := t.TempDir()
	w, err := openSegments(dir)
	if err != nil {
		t.Fatal(err)
	}
	for i := range uint64(20) {
		if err := w.StoreLog(entry(1+i, 100)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.DeleteRange(15, 20); err != nil {
		t.Fatal(err)
	}
	if err := w.StoreLog(entry(15, 7)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if w, err = openSegments(dir); err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	for i := range uint64(14) {
		mustRead(t, w, 1+i, 100)
	}
	mustRead(t, w, 15, 7)
}

// A process dies when the append that fills a segment is synced, and the table of contents does not say so yet: what was appended is
// there after a restart, and the log goes on.
func TestSegments_DiesWhenOneIsFull(t *testing.T) {
	const size = 1 << 20
	dir := t.TempDir()
	w, err := openSegments(dir)
	if err != nil {
		t.Fatal(err)
	}
	next := uint64(1)
	for ; next < 15; next++ {
		if err := w.StoreLog(entry(next, size)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	path, _, index := fillSegment(t, dir, &next, size)
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	// What a longer append has left that was torn, and that the last one was written over.
	if _, err := f.WriteAt([]byte{frameEntry, 0, 0, 0, 16, 0, 0, 0, 1, 2, 3, 4}, index+4*16+walFrame); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	for range 3 { // and again, since what was mended must be whole itself
		if w, err = openSegments(dir); err != nil {
			t.Fatal(err)
		}
		if last, err := w.LastIndex(); err != nil || last != next-1 {
			t.Fatalf("the last entry is %d, %v; %d were stored", last, err, next-1)
		}
		if err := w.StoreLog(entry(next, size)); err != nil {
			t.Fatalf("append behind the full segment: %v", err)
		}
		next++
		for i := uint64(1); i < next; i++ {
			mustRead(t, w, i, size)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if files, err := filepath.Glob(filepath.Join(dir, "*.wal")); err != nil || len(files) != 2 {
		t.Errorf("segments: %v, %v", files, err)
	}
}

// The power goes while the append that fills a segment is written: of it the index is torn, or the entry, or only the word that it
// is whole is there. It was told to nobody; what was before it is there, and the log goes on.
func TestSegments_TornWhenOneIsFull(t *testing.T) {
	const size = 1 << 20
	for name, tear := range map[string]func(file []byte, entry, index int64){
		"the index":          func(file []byte, _, index int64) { file[index+2] ^= 1 },
		"the index, zeros":   func(file []byte, _, index int64) { clear(file[index:]) },
		"the entry":          func(file []byte, entry, _ int64) { file[entry+9] ^= 1 },
		"the entry, zeros":   func(file []byte, entry, index int64) { clear(file[entry+100 : index-walFrame]) },
		"the end":            func(file []byte, _, index int64) { clear(file[index+4*16:]) },
		"all but the header": func(file []byte, entry, _ int64) { clear(file[entry+walFrame:]) },
	} {
		t.Run(name, func(t *testing.T) {
			dir, next := t.TempDir(), uint64(1)
			w, err := openSegments(dir)
			if err != nil {
				t.Fatal(err)
			}
			for ; next < 15; next++ {
				if err := w.StoreLog(entry(next, size)); err != nil {
					t.Fatal(err)
				}
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			path, begins, index := fillSegment(t, dir, &next, size)
			file, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			tear(file, begins, index)
			if err := os.WriteFile(path, file, 0o600); err != nil {
				t.Fatal(err)
			}
			next-- // the torn one
			for range 3 {
				if w, err = openSegments(dir); err != nil {
					t.Fatal(err)
				}
				if last, err := w.LastIndex(); err != nil || last != next-1 {
					t.Fatalf("the last entry is %d, %v; %d are whole", last, err, next-1)
				}
				if err := w.StoreLog(entry(next, size)); err != nil {
					t.Fatalf("append behind what is whole: %v", err)
				}
				next++
				for i := uint64(1); i < next; i++ {
					mustRead(t, w, i, size)
				}
				if err := w.Close(); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// What was synced, and was damaged afterwards, is never taken for the end of the log.
func TestSegments_Damaged(t *testing.T) {
	const entries, size = 40, 700 // an append each
	junk := func(b []byte) {
		for i := range b {
			b[i] ^= byte(0x55 + 3*i)
		}
	}
	for name, c := range map[string]struct {
		harm   func(file []byte, at func(entry uint64) int)
		refuse bool
	}{
		"nothing":                           {func([]byte, func(uint64) int) {}, false},
		"the header":                        {func(f []byte, _ func(uint64) int) { junk(f[:4]) }, true},
		"the first page":                    {func(f []byte, _ func(uint64) int) { junk(f[:4096]) }, true},
		"the first page, zeros":             {func(f []byte, _ func(uint64) int) { clear(f[:4096]) }, true},
		"a bit of an entry":                 {func(f []byte, at func(uint64) int) { f[at(20)+50] ^= 4 }, true},
		"the head of an entry":              {func(f []byte, at func(uint64) int) { f[at(20)] = 9 }, true},
		"the length of an entry":            {func(f []byte, at func(uint64) int) { f[at(20)+6] = 200 }, true},
		"a commit":                          {func(f []byte, at func(uint64) int) { f[at(21)-walFrame] = 0 }, true},
		"the last entry, as if torn":        {func(f []byte, at func(uint64) int) { f[at(entries)+50] ^= 4 }, false},
		"the head of the last, as if torn":  {func(f []byte, at func(uint64) int) { clear(f[at(entries) : at(entries)+8]) }, false},
		"all of the last, as if not synced": {func(f []byte, at func(uint64) int) { clear(f[at(entries):]) }, false},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			w, err := openSegments(dir)
			if err != nil {
				t.Fatal(err)
			}
			for i := range uint64(entries) {
				if err := w.StoreLog(entry(1+i, size)); err != nil {
					t.Fatal(err)
				}
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			path, _ := filepath.Glob(filepath.Join(dir, "*.wal"))
			file, err := os.ReadFile(path[0])
			if err != nil {
				t.Fatal(err)
			}
			where := []int{walHeader}
			for at := walHeader; len(where) < entries; at += walFrame {
				if file[at] == frameCommit && file[at+walFrame] == frameEntry {
					where = append(where, at+walFrame)
				}
			}
			c.harm(file, func(entry uint64) int { return where[entry-1] })
			if err := os.WriteFile(path[0], file, 0o600); err != nil {
				t.Fatal(err)
			}
			w, err = openSegments(dir)
			if refused := errors.Is(err, errLogDamaged); refused != c.refuse || err != nil && !refused {
				t.Fatalf("opened: %v", err)
			}
			if err != nil {
				return
			}
			defer w.Close()
			if last, err := w.LastIndex(); err != nil || last < entries-1 {
				t.Errorf("entries up to %d, %v", last, err)
			}
		})
	}
}

// A segment that is full was synced to its last byte.
func TestSegments_DamagedWhenFull(t *testing.T) {
	const size = 1 << 20
	for name, harm := range map[string]func(file []byte){
		"the header": func(f []byte) { f[0] = 0 },
		"an entry":   func(f []byte) { f[5<<20] ^= 1 },
		"its end":    func(f []byte) { clear(f[15<<20:]) },
		"a zero":     func(f []byte) { clear(f) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			w, err := openSegments(dir)
			if err != nil {
				t.Fatal(err)
			}
			for i := range uint64(20) {
				if err := w.StoreLog(entry(1+i, size)); err != nil {
					t.Fatal(err)
				}
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			paths, _ := filepath.Glob(filepath.Join(dir, "*.wal"))
			if len(paths) != 2 {
				t.Fatalf("segments: %v", paths)
			}
			if w, err = openSegments(dir); err != nil {
				t.Fatal(err)
			} else if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			file, err := os.ReadFile(paths[0])
			if err != nil {
				t.Fatal(err)
			}
			harm(file)
			if err := os.WriteFile(paths[0], file, 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err = openSegments(dir); !errors.Is(err, errLogDamaged) {
				t.Errorf("opened: %v", err)
			}
		})
	}
}

// fillSegment appends to the last segment until it is full, without a word in the table of contents. It says where in which file the
// last entry and the index begin.
func fillSegment(t *testing.T, dir string, next *uint64, size int) (path string, last, index int64) {
	t.Helper()
	contents := &metadb.BoltMetaDB{}
	state, err := contents.Load(dir)
	if err != nil || len(state.Segments) != 1 {
		t.Fatalf("segments: %v, %v", state.Segments, err)
	}
	if err := contents.Close(); err != nil {
		t.Fatal(err)
	}
	tail, err := segment.NewFiler(dir, walfs.New()).RecoverTail(state.Segments[0])
	if err != nil {
		t.Fatal(err)
	}
	defer tail.Close()
	for {
		var b bytes.Buffer
		if err := (&wal.BinaryCodec{}).Encode(entry(*next, size), &b); err != nil {
			t.Fatal(err)
		}
		if err := tail.Append([]types.LogEntry{{Index: *next, Data: b.Bytes()}}); err != nil {
			t.Fatal(err)
		}
		*next++
		if full, index, err := tail.Sealed(); err != nil {
			t.Fatal(err)
		} else if full {
			last, err := tail.(*segment.Writer).OffsetForFrame(*next - 1)
			if err != nil {
				t.Fatal(err)
			}
			return filepath.Join(dir, segment.FileName(state.Segments[0])), int64(last), int64(index)
		}
	}
}

// What is checked of a segment is the segment, but for the zeros at its end, wherever an entry of zeros or a gap lies in it.
func TestSegments_AreReadWithoutTheirEnd(t *testing.T) {
	for name, size := range map[string]int{"a whole number of pieces": 4 << 16, "part of one more": 4<<16 + 5000, "less than one": 5000, "nothing": 0} {
		for _, at := range [][]int{{}, {0}, {0, 70_000}, {200_000}, {4<<16 - 1}, {size - 1}} {
			want := make([]byte, size)
			last := -1
			for _, i := range at {
				if i >= 0 && i < size {
					want[i], last = 1, i
				}
			}
			path := filepath.Join(t.TempDir(), "segment")
			if err := os.WriteFile(path, want, 0o600); err != nil {
				t.Fatal(err)
			}
			got, n, err := readSegment(path)
			if err != nil || n != size || len(got) <= last || !bytes.Equal(got, want[:len(got)]) {
				t.Errorf("%s, bytes at %v: %d bytes of %d (%v)", name, at, len(got), n, err)
			}
			if last < 0 && len(got) > 0 {
				t.Errorf("%s: %d zeros are kept", name, len(got))
			}
		}
	}
}
