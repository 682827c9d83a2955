package fsm

import (
	"maps"

	"stoker/store"
)

// ready holds the work that a worker could be given now. Its key is
// (preset, user, turn, job, idx): a user's own work in order.
type readyItem struct {
	Since int64  `cbor:"1,keyasint"`           // machine clock
	Alone bool   `cbor:"2,keyasint,omitempty"` // no other item shares its lease
	Class string `cbor:"3,keyasint"`           // of its user when it came
}

var (
	ready = store.NewTable[readyItem]("ready")

	// aged orders the ready work of a preset and class by how long it has waited.
	aged = store.NewIndex(ready, "ready_aged", func(k store.Key, r readyItem) []store.Key {
		preset, _ := k.PopStr()
		return []store.Key{store.Str(preset).Str(r.Class).Uint(uint64(r.Since))}
	})
)

// readyRef is a ready item's key, taken apart.
type readyRef struct {
	preset, user, job string
	turn              uint64
	idx               int
}

func readyKey(j Job, idx int) store.Key {
	return store.Str(j.Preset).Str(j.User).Uint(j.Turn).Str(j.ID).Uint(uint64(idx))
}

func parseReady(k store.Key) (r readyRef) {
	r.preset, k = k.PopStr()
	r.user, k = k.PopStr()
	r.turn, k = k.PopUint()
	r.job, k = k.PopStr()
	idx, _ := k.PopUint()
	r.idx = int(idx)
	return r
}

// count changes the number of ready items of a user and preset, in the user's
// share, its class and the machine's own row.
func count(tx *Tx, s *share, preset string, by int) {
	s.Waiting = add(s.Waiting, preset, by)
	tx.m.Waiting = add(tx.m.Waiting, preset, by)
	c := classOf(tx, s.Class)
	if by > 0 && asleep(tx, c) {
		rouse(tx, &c, preset) // a class that wakes up banks no credit
	}
	c.Waiting += by
	classes.Put(tx.Tx, store.Str(c.Name), c)
}

// add gives a copy of counts with one changed; views may hold the old map.
func add(counts map[string]int, key string, by int) map[string]int {
	out := maps.Clone(counts)
	if out == nil {
		out = map[string]int{}
	}
	if out[key] += by; out[key] == 0 {
		delete(out, key)
	}
	return out
}

// waiting is the number of ready items in the cluster.
func waiting(tx *Tx) int {
	n := 0
	for _, k := range tx.m.Waiting {
		n += k
	}
	return n
}

// enqueue puts an item that is nowhere into the ready queue. The caller writes the item.
func enqueue(tx *Tx, j Job, it *Item) {
	it.Place, it.Fence, it.ReadyAt = Ready, 0, 0
	s := shareOf(tx, j.User)
	ready.Put(tx.Tx, readyKey(j, it.Idx), readyItem{Since: tx.now(), Alone: it.Alone, Class: s.Class})
	wake(tx, &s, j.Preset)
	count(tx, &s, j.Preset, 1)
	putShare(tx, s)
	tx.changes.Ready = true
}

// schedule puts an item that is nowhere aside until its back-off has passed.
func schedule(tx *Tx, j Job, it *Item, wait int64) {
	if wait <= 0 {
		enqueue(tx, j, it)
		return
	}
	it.Place, it.Fence, it.ReadyAt = Scheduled, 0, tx.now()+wait
	setTimer(tx, it.ReadyAt, itemReady, itemKey(j.ID, it.Idx))
}

// itemComesBack is the end of a back-off.
func itemComesBack(tx *Tx, ref store.Key) {
	it, ok := items.Get(tx, ref)
	if !ok || it.Place != Scheduled {
		return
	}
	job, _ := ref.PopStr()
	j, ok := jobs.Get(tx, store.Str(job))
	if !ok {
		return
	}
	enqueue(tx, j, &it)
	items.Put(tx.Tx, ref, it)
}

// takeOff takes an item from wherever it is; it is nowhere then. The caller
// writes the item.
func takeOff(tx *Tx, j Job, it *Item) {
	switch it.Place {
	case Ready:
		ready.Delete(tx.Tx, readyKey(j, it.Idx))
		s := shareOf(tx, j.User)
		count(tx, &s, j.Preset, -1)
		putShare(tx, s)
	case Leased:
		takeFromLease(tx, it)
		s := shareOf(tx, j.User)
		rejoin(tx, &s)
		s.Leased--
		putShare(tx, s)
		tx.changes.Ready = true // a user at its cap may be served again
	case Scheduled:
		clearTimer(tx, it.ReadyAt, itemReady, itemKey(j.ID, it.Idx))
	}
	it.Place, it.Fence, it.ReadyAt = Nowhere, 0, 0
}
