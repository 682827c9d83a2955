package fsm

import (
	"fmt"
	"slices"
	"time"

	"stoker/store"
)

// Back-offs before the next attempt, by how often it has happened.
var (
	retryWaits = []int64{int64(2 * time.Second), int64(8 * time.Second), int64(30 * time.Second)}
	lostWaits  = []int64{int64(1 * time.Second), int64(20 * time.Second), int64(40 * time.Second)}
)

// deadAfter lost leases an item is dead, if they were lost by two workers or
// there is but one.
const deadAfter = 3

// workerGone is how long ago a worker may have been granted something and still
// count as one of the fleet.
const workerGone = int64(10 * time.Minute)

// ReasonDrain gives work back without burning an attempt.
const ReasonDrain = "drain"

// Release gives items back before their lease runs out.
type Release struct {
	Fence  uint64 `cbor:"1,keyasint"`
	Items  []int  `cbor:"2,keyasint,omitempty"` // none: all it holds
	Delay  int64  `cbor:"3,keyasint,omitempty"` // ns, at most 1 h
	Reason string `cbor:"4,keyasint,omitempty"`
}

// Released answers Release.
type Released struct {
	Requeued int `cbor:"1,keyasint"`
}

func (c Release) apply(tx *Tx) (Released, error) {
	l, r := tx.live(c.Fence)
	if r != nil {
		return Released{}, r
	}
	for _, idx := range c.Items {
		if !slices.Contains(l.Granted, idx) {
			return Released{}, invalid("items", "item %d is not part of lease %s", idx, l.ID())
		}
	}
	// from here on nothing may refuse
	tx.changes.lease(LeaseChange{Fence: c.Fence, Confirmed: true})
	back := c.Items
	if len(back) == 0 {
		back = l.Held
	}
	j, _ := jobs.Get(tx, store.Str(l.Job))
	delay := min(max(c.Delay, 0), int64(time.Hour))
	var a Released
	for _, idx := range back {
		it, _ := items.Get(tx, itemKey(j.ID, idx))
		if it.Fence != c.Fence {
			continue
		}
		a.Requeued++
		if c.Reason == ReasonDrain {
			it.Unconfirmed = 0 // its worker was heard of
			takeOff(tx, j, &it)
			schedule(tx, j, &it, delay)
			items.Put(tx.Tx, itemKey(j.ID, idx), it)
			continue
		}
		it.blame(l.Worker, "released: "+c.Reason)
		retry(tx, &j, &it, "given back too often: "+c.Reason, delay)
	}
	if l, ok := leases.Get(tx, store.Uint(c.Fence)); ok && l.Ended == endedDone && a.Requeued > 0 {
		l.Ended = endedReleased // what comes now from its holder is stale
		leases.Put(tx.Tx, store.Uint(c.Fence), l)
	}
	settle(tx, &j)
	jobs.Put(tx.Tx, store.Str(j.ID), j)
	return a, nil
}

// retry burns an attempt: back to the queue after the back-off, or dead when
// there is no attempt left. The item's row is written.
func retry(tx *Tx, j *Job, it *Item, why string, delay int64) {
	it.Retries++
	it.Unconfirmed = 0
	if it.Retries > len(retryWaits) {
		bury(tx, j, it, why)
		return
	}
	takeOff(tx, *j, it)
	schedule(tx, *j, it, max(delay, retryWaits[it.Retries-1]))
	items.Put(tx.Tx, itemKey(j.ID, it.Idx), *it)
}

// ExpireLeases ends leases that nobody renewed, by name: their renewals live in
// the memory of the leader of Term, so only an entry of that very term counts.
type ExpireLeases struct {
	Term   uint64    `cbor:"1,keyasint"`
	Leases []Silence `cbor:"2,keyasint"`
}

// Silence is a lease that ran out, and whether its holder was ever heard of.
type Silence struct {
	Fence     uint64 `cbor:"1,keyasint"`
	Confirmed bool   `cbor:"2,keyasint,omitempty"`
}

// LeasesExpired answers ExpireLeases.
type LeasesExpired struct {
	Ended int `cbor:"1,keyasint"`
}

func (c ExpireLeases) apply(tx *Tx) (LeasesExpired, error) {
	var a LeasesExpired
	if c.Term != tx.term {
		return a, nil // a deposed leader's word
	}
	for _, s := range c.Leases {
		l, ok := leases.Get(tx, store.Uint(s.Fence))
		if !ok || l.Ended != "" {
			continue
		}
		a.Ended++
		lose(tx, l, s.Confirmed)
	}
	return a, nil
}

// lose takes every item of a silent lease back.
func lose(tx *Tx, l LeaseRow, confirmed bool) {
	j, _ := jobs.Get(tx, store.Str(l.Job))
	for _, idx := range l.Held {
		it, _ := items.Get(tx, itemKey(l.Job, idx))
		if !confirmed {
			it.Unconfirmed++
		}
		if !confirmed && it.Unconfirmed < 3 {
			takeOff(tx, j, &it)
			enqueue(tx, j, &it)
			items.Put(tx.Tx, itemKey(j.ID, idx), it)
			continue
		}
		loseItem(tx, &j, &it, l.Worker)
	}
	if l, ok := leases.Get(tx, store.Uint(l.Fence)); ok {
		l.Ended = endedLost
		leases.Put(tx.Tx, store.Uint(l.Fence), l)
	}
	settle(tx, &j)
	jobs.Put(tx.Tx, store.Str(j.ID), j)
}

// loseItem counts a lost lease against the item: back-off, or dead.
func loseItem(tx *Tx, j *Job, it *Item, worker string) {
	it.Lost++
	it.Unconfirmed = 0
	it.blame(worker, "lease lost")
	if !slices.Contains(it.LostBy, worker) {
		it.LostBy = append(slices.Clone(it.LostBy), worker)
	}
	if it.Lost > deadAfter || it.Lost == deadAfter && (len(it.LostBy) > 1 || !othersThan(tx, worker)) {
		bury(tx, j, it, fmt.Sprintf("%d leases with it were lost", it.Lost))
		return
	}
	takeOff(tx, *j, it)
	schedule(tx, *j, it, lostWaits[it.Lost-1])
	items.Put(tx.Tx, itemKey(j.ID, it.Idx), *it)
}

// othersThan says whether the fleet has had another worker lately.
func othersThan(tx *Tx, worker string) bool {
	for k, w := range workers.Scan(tx, "") {
		if id, _ := k.PopStr(); id != worker && w.LastGrant+workerGone > tx.now() {
			return true
		}
	}
	return false
}
