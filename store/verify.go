package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"

	bolt "go.etcd.io/bbolt"
)

// verify reads every page that the newest valid meta page of the file leads to
// and checks structure, order, the checksum of every row, and that no page of
// these is listed as free. It returns an error that is ErrTorn if anything is
// wrong; a file that is missing or empty is right.
//
// bbolt does not survive a damaged file: it follows page numbers and offsets
// into the void, partly in goroutines of its own. So we walk the pages first,
// by plain reads with every bound checked, while bbolt's lock keeps others from
// writing. The layout is that of bbolt's internal/common, version 2.
func verify(path string) (err error) {
	info, err := os.Stat(path)
	if errors.Is(err, os.ErrNotExist) || err == nil && info.Size() == 0 {
		return nil
	}
	if err != nil {
		return fmt.Errorf("store: open: %w", err)
	}
	db, err := bolt.Open(path, 0o600, &bolt.Options{ReadOnly: true, Timeout: lockWait})
	if err != nil {
		return openError(path, err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("store: open: %w", err)
	}
	defer f.Close()
	// Beginning a transaction reads the meta page only.
	tx, err := db.Begin(false)
	if err != nil {
		return fmt.Errorf("store: open: %w", err)
	}
	defer func() { err = errors.Join(err, tx.Rollback()) }()
	size := db.Info().PageSize
	w := pages{file: f, size: size, seen: make([]bool, min(tx.Size(), info.Size())/int64(size))}
	err = w.walk(uint64(tx.Cursor().Bucket().Root()), span{}, w.bucket)
	if err == nil {
		err = w.freelist(uint64(tx.ID()))
	}
	if err != nil {
		return fmt.Errorf("%w: %s: %w", ErrTorn, path, err)
	}
	return nil
}

// pages walks the trees of one file. A page is entered once, so the walk ends
// whatever the pages say.
type pages struct {
	file io.ReaderAt
	size int
	seen []bool // by page number, up to the end of what is in use
}

// span is where the keys of a subtree must lie: [lo, hi), nil for no bound.
type span struct{ lo, hi []byte }

const (
	pageHeader  = 16 // id 8, flags 2, count 2, overflow 4
	element     = 16 // branch: pos 4, ksize 4, page 8; leaf: flags 4, pos 4, ksize 4, vsize 4
	bucketValue = 16 // root 8, sequence 8

	branchPage = 0x01
	leafPage   = 0x02
	bucketLeaf = 0x01
)

var native = binary.NativeEndian

// leafRow is told of each element of a leaf.
type leafRow func(flags uint32, key, val []byte) error

// walk checks the tree below a page.
func (w *pages) walk(id uint64, in span, row leafRow) error {
	p, err := w.read(id)
	if err != nil {
		return err
	}
	if native.Uint16(p[8:]) == leafPage {
		return fail(id, leaf(p, in, row))
	}
	n := int(native.Uint16(p[10:]))
	if native.Uint16(p[8:]) != branchPage || n == 0 {
		return fmt.Errorf("page %d: flags %#x and %d elements", id, native.Uint16(p[8:]), n)
	}
	type child struct {
		key  []byte
		page uint64
	}
	children := make([]child, n)
	for i := range children {
		at := pageHeader + i*element
		if at+element > len(p) {
			return fmt.Errorf("page %d: %d elements do not fit", id, n)
		}
		key, err := cut(p, at, native.Uint32(p[at:]), native.Uint32(p[at+4:]))
		if err != nil {
			return fail(id, err)
		}
		children[i] = child{key, native.Uint64(p[at+8:])}
	}
	for i, c := range children {
		within := span{c.key, in.hi}
		if i+1 < n {
			within.hi = children[i+1].key
		}
		if !in.contains(c.key) || within.hi != nil && bytes.Compare(c.key, within.hi) >= 0 {
			return fmt.Errorf("page %d: element %d out of order", id, i)
		}
		if err := w.walk(c.page, within, row); err != nil {
			return err
		}
	}
	return nil
}

// bucket checks an element of the top level and the tree that it names.
func (w *pages) bucket(flags uint32, key, val []byte) error {
	if flags&bucketLeaf == 0 || len(val) < bucketValue {
		return fmt.Errorf("%q is no bucket", key)
	}
	row := func(flags uint32, k, v []byte) error {
		if flags != 0 || bytes.Equal(key, rowsBucket) && !sealed(k, v) {
			return &Corrupt{Table: spaceOf(string(k)), Key: string(k), Err: errChecksum}
		}
		return nil
	}
	root := native.Uint64(val)
	if root != 0 {
		return w.walk(root, span{}, row)
	}
	inline := val[bucketValue:]
	if len(inline) < pageHeader || native.Uint16(inline[8:]) != leafPage {
		return fmt.Errorf("bucket %q has no page", key)
	}
	return leaf(inline, span{}, row)
}

var errChecksum = errors.New("the checksum does not match")

// read returns a page with what overflows from it.
func (w *pages) read(id uint64) ([]byte, error) {
	if err := w.enter(id); err != nil {
		return nil, err
	}
	p := make([]byte, w.size)
	at := int64(id) * int64(w.size)
	if _, err := w.file.ReadAt(p, at); err != nil {
		return nil, fmt.Errorf("page %d: %w", id, err)
	}
	if native.Uint64(p) != id {
		return nil, fmt.Errorf("page %d calls itself %d", id, native.Uint64(p))
	}
	over := uint64(native.Uint32(p[12:]))
	for i := uint64(1); i <= over; i++ {
		if err := w.enter(id + i); err != nil {
			return nil, err
		}
	}
	if over > 0 {
		p = append(p, make([]byte, int(over)*w.size)...)
		if _, err := w.file.ReadAt(p[w.size:], at+int64(w.size)); err != nil {
			return nil, fmt.Errorf("page %d: %w", id, err)
		}
	}
	return p, nil
}

func (w *pages) enter(id uint64) error {
	if id < 2 || id >= uint64(len(w.seen)) || w.seen[id] {
		return fmt.Errorf("page %d is out of bounds or named twice", id)
	}
	w.seen[id] = true
	return nil
}

// leaf checks the elements of a leaf page.
func leaf(p []byte, in span, row leafRow) error {
	n := int(native.Uint16(p[10:]))
	var last []byte
	for i := range n {
		at := pageHeader + i*element
		if at+element > len(p) {
			return fmt.Errorf("%d elements do not fit", n)
		}
		pos, ksize, vsize := native.Uint32(p[at+4:]), native.Uint32(p[at+8:]), native.Uint32(p[at+12:])
		kv, err := cut(p, at, pos, ksize, vsize)
		if err != nil {
			return err
		}
		key, val := kv[:ksize], kv[ksize:]
		if !in.contains(key) || i > 0 && bytes.Compare(last, key) >= 0 {
			return fmt.Errorf("element %d out of order", i)
		}
		if err := row(native.Uint32(p[at:]), key, val); err != nil {
			return err
		}
		last = key
	}
	return nil
}

// cut returns what begins pos bytes after the element at at.
func cut(p []byte, at int, pos uint32, sizes ...uint32) ([]byte, error) {
	from := int64(at) + int64(pos)
	to := from
	for _, n := range sizes {
		to += int64(n)
	}
	if to > int64(len(p)) {
		return nil, fmt.Errorf("an element ends at %d of %d bytes", to, len(p))
	}
	return p[from:to], nil
}

func (s span) contains(key []byte) bool {
	return (s.lo == nil || bytes.Compare(key, s.lo) >= 0) && (s.hi == nil || bytes.Compare(key, s.hi) < 0)
}

func fail(page uint64, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("page %d: %w", page, err)
}
