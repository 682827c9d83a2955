package fsm

import "stoker/store"

// ready holds the work that a worker could be given now. Its key is
// (preset, user, turn, job, idx): a user's own work in order.
type readyItem struct {
	Since int64 `cbor:"1,keyasint"`           // machine clock
	Alone bool  `cbor:"2,keyasint,omitempty"` // it was lost once: no other item shares its lease
}

var ready = store.NewTable[readyItem]("ready")

// share is a user's place in the fair order. A user without work in the queue
// and without leases has no row.
type share struct {
	User    string         `cbor:"1,keyasint"`
	VTime   uint64         `cbor:"2,keyasint"` // virtual time: what it has received, by weight
	Weight  int64          `cbor:"3,keyasint"`
	Leased  int            `cbor:"4,keyasint"` // items in workers' hands
	Max     int            `cbor:"5,keyasint"` // of them at once
	Waiting map[string]int `cbor:"6,keyasint"` // ready items by preset
}

var (
	shares = store.NewTable[share]("shares") // by user

	// fair orders the users with ready work of a preset by their virtual time;
	// a user at its cap is not in it.
	fair = store.NewIndex(shares, "shares_fair", func(_ store.Key, s share) []store.Key {
		if s.Leased >= s.Max {
			return nil
		}
		var keys []store.Key
		for preset, n := range s.Waiting {
			if n > 0 {
				keys = append(keys, store.Str(preset).Uint(s.VTime))
			}
		}
		return keys
	})
)

// tick is the virtual time that one credit of work costs a user of weight 1.
const tick = 1 << 16

func readyKey(j Job, idx int) store.Key {
	return store.Str(j.Preset).Str(j.User).Uint(j.Turn).Str(j.ID).Uint(uint64(idx))
}

// shareOf gives the user's share; one that wakes up banks no credit: its
// virtual time is at least the queue's.
func shareOf(tx *Tx, user string) share {
	s, ok := shares.Get(tx, store.Str(user))
	if ok {
		return s
	}
	u, _ := users.Get(tx, store.Str(user))
	p := u.plan(tx.current())
	return share{User: user, VTime: tx.m.VTime, Weight: max(p.Weight, 1), Max: max(p.MaxLeased, 1), Waiting: map[string]int{}}
}

// putShare writes the share, or removes it when the user has left the queue.
func putShare(tx *Tx, s share) {
	for preset, n := range s.Waiting {
		if n == 0 {
			delete(s.Waiting, preset)
		}
	}
	if s.Leased == 0 && len(s.Waiting) == 0 && s.VTime <= tx.m.VTime {
		shares.Delete(tx.Tx, store.Str(s.User))
		return
	}
	if s.Waiting == nil {
		s.Waiting = map[string]int{}
	}
	shares.Put(tx.Tx, store.Str(s.User), s)
}

// count changes the number of ready items of a user and preset.
func count(tx *Tx, s *share, preset string, by int) {
	if s.Waiting == nil {
		s.Waiting = map[string]int{}
	}
	if len(s.Waiting) == 0 {
		s.VTime = max(s.VTime, tx.m.VTime)
	}
	s.Waiting[preset] += by
	w := make(map[string]int, len(tx.m.Waiting)+1) // views may hold the old map
	for p, n := range tx.m.Waiting {
		w[p] = n
	}
	if w[preset] += by; w[preset] == 0 {
		delete(w, preset)
	}
	tx.m.Waiting = w
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
	ready.Put(tx.Tx, readyKey(j, it.Idx), readyItem{Since: tx.now(), Alone: it.Lost > 0})
	s := shareOf(tx, j.User)
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
		s.Leased--
		putShare(tx, s)
		tx.changes.Ready = true // a user at its cap may be served again
	case Scheduled:
		clearTimer(tx, it.ReadyAt, itemReady, itemKey(j.ID, it.Idx))
	}
	it.Place, it.Fence, it.ReadyAt = Nowhere, 0, 0
}

// reweigh gives a user's share the weight and cap of its plan.
func reweigh(tx *Tx, u User) {
	s, ok := shares.Get(tx, store.Str(u.ID))
	if !ok {
		return
	}
	p := u.plan(tx.current())
	s.Weight, s.Max = max(p.Weight, 1), max(p.MaxLeased, 1)
	putShare(tx, s)
	tx.changes.Ready = true
}
