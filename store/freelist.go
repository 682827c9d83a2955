package store

import (
	"bytes"
	"fmt"
	"hash/fnv"

	bolt "go.etcd.io/bbolt"
)

// freelistMost is up to how many free pages their list goes into the file with each commit. Without it bbolt visits every page of
// the file when it opens it, to find out which are free, and keeps a map of them: a second and 200 MB for 5 GB. With it each
// commit writes the list anew, 8 bytes a page: half a megabyte at most, beside the megabytes of a flush. Tests have fewer.
var freelistMost = 64 << 10

// writeFreelist decides whether the next commit writes the list.
func writeFreelist(db *bolt.DB) {
	s := db.Stats()
	db.NoFreelistSync = s.FreePageN+s.PendingPageN > freelistMost
}

// leaveFreelist writes the list that was too long for each commit, once, before a file is closed in order: the next open would visit every
// page for it, which takes half a minute for 16 GB that are not in the page cache. Where it fails, what is in the file is not known: it is not
// said to be closed in order, and the next open reads it.
func leaveFreelist(db *bolt.DB) (err error) {
	if !db.NoFreelistSync {
		return nil
	}
	defer faultsPanic()()
	defer recoverFault(&err)
	db.NoFreelistSync = false
	return db.Update(func(*bolt.Tx) error { return nil })
}

const (
	freelistPage = 0x10
	metaBytes    = 64             // behind the page's header: magic 4, version 4, page size 4, flags 4, root 16, freelist 8, pages 8, txid 8, checksum 8
	noFreelist   = ^uint64(0)     // in the place of its page
	manyFree     = uint64(0xffff) // in the place of a count: it stands in front of the list
)

// freelist checks that the pages that bbolt will take for free are in nobody's use. The tree has been walked.
func (w *pages) freelist(txid uint64) error {
	id, err := w.freelistOf(txid)
	if err != nil || id == noFreelist {
		return err
	}
	p, err := w.read(id)
	if err != nil {
		return err
	}
	n, ids := uint64(native.Uint16(p[10:])), p[pageHeader:]
	if n == manyFree {
		n, ids = native.Uint64(ids), ids[8:]
	}
	if native.Uint16(p[8:]) != freelistPage || n > uint64(len(ids)/8) {
		return fmt.Errorf("page %d: flags %#x and %d free pages", id, native.Uint16(p[8:]), n)
	}
	for i := range n {
		if err := w.enter(native.Uint64(ids[8*i:])); err != nil {
			return fail(id, err)
		}
	}
	return nil
}

// freelistOf finds the list's page in the meta page of a transaction.
func (w *pages) freelistOf(txid uint64) (uint64, error) {
	for page := range int64(2) {
		m := make([]byte, metaBytes)
		if _, err := w.file.ReadAt(m, page*int64(w.size)+pageHeader); err != nil {
			return 0, fmt.Errorf("page %d: %w", page, err)
		}
		sum := fnv.New64a()
		sum.Write(m[:metaBytes-8])
		if native.Uint64(m[48:]) == txid && bytes.Equal(native.AppendUint64(nil, sum.Sum64()), m[metaBytes-8:]) {
			return native.Uint64(m[32:]), nil
		}
	}
	return 0, fmt.Errorf("neither meta page is of transaction %d", txid)
}
