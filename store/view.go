package store

import "sync/atomic"

// View is the state as it was when it was opened: frozen, consistent, and
// untouched by updates, flushes, Restore and Close. Opening one takes a lock for
// a moment and copies three pointers. Any number of goroutines may read it.
//
// An open View keeps the pages it can see from being reused, so the file grows
// while it lives; it delays nobody.
type View struct {
	layers
	store  *Store
	closed atomic.Bool
}

// Close ends the view; closing it again does nothing. Nothing may be reading
// from it any more: what it reads is unmapped with it.
func (v *View) Close() {
	if v.closed.Swap(true) {
		return
	}
	v.store.views.Add(-1)
	v.base.release()
}

func (v *View) read() *layers {
	if v.closed.Load() {
		panic("store: View used after Close")
	}
	return &v.layers
}

func (v *View) hold() (layers, func()) { return *v.read(), func() {} }
