package store

import "github.com/tidwall/btree"

// overlayDegree makes nodes of up to 31 rows. A batch copies each node that it is
// the first to touch: for ten scattered puts 35 KB, against 58 KB with the
// library's default of 63 rows.
const overlayDegree = 16

// overlay is an ordered map of the rows that bbolt does not have yet. A nil
// value is a tombstone: the row is deleted here, whatever lies beneath. A row that
// came and went between two flushes leaves none (Tx.set): an index whose first
// position moves with each update would have a walk pass by all its former ones.
//
// An overlay is changed only by the Tx that made it, before it is published;
// a published overlay is never changed again, so any number may read it
// without a lock. Copy is O(1), both sides then share nodes until one of them
// writes.
type overlay struct {
	rows  *btree.Map[string, []byte]
	bytes int // keys, values and a guess of what a row costs beside them
}

// rowCost is what a row occupies in memory and in a bbolt page beside its own bytes.
const rowCost = 48

func newOverlay() *overlay {
	return &overlay{rows: btree.NewMap[string, []byte](overlayDegree)}
}

func (o *overlay) copy() *overlay {
	return &overlay{rows: o.rows.Copy(), bytes: o.bytes}
}

func (o *overlay) set(key string, val []byte) {
	if old, replaced := o.rows.Set(key, val); replaced {
		o.bytes += len(val) - len(old)
		return
	}
	o.bytes += len(key) + len(val) + rowCost
}

// has says whether there is anything at key, a tombstone included.
func (o *overlay) has(key string) bool {
	_, ok := o.rows.Get(key)
	return ok
}

// remove leaves nothing at key, where there is something, so that what lies
// beneath is seen again.
func (o *overlay) remove(key string) {
	old, _ := o.rows.Delete(key)
	o.bytes -= len(key) + len(old) + rowCost
}

// forward walks the rows of [lo, hi) in ascending order.
func (o *overlay) forward(lo, hi string) func() (string, []byte, bool) {
	it := o.rows.Iter()
	started := false
	return func() (string, []byte, bool) {
		var ok bool
		if started {
			ok = it.Next()
		} else {
			started, ok = true, it.Seek(lo)
		}
		if !ok || it.Key() >= hi {
			return "", nil, false
		}
		return it.Key(), it.Value(), true
	}
}

// backward walks the rows of [lo, hi) in descending order.
func (o *overlay) backward(lo, hi string) func() (string, []byte, bool) {
	it := o.rows.Iter()
	started := false
	return func() (string, []byte, bool) {
		// A Seek that finds nothing leaves the iterator nowhere: all is below hi.
		ok := false
		if started || it.Seek(hi) {
			ok = it.Prev()
		} else {
			ok = it.Last()
		}
		started = true
		if !ok || it.Key() < lo {
			return "", nil, false
		}
		return it.Key(), it.Value(), true
	}
}
