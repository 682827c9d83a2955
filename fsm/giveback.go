package fsm

import (
	"fmt"
	"slices"
	"time"

	"stoker/store"
)

// deadAfter lost leases an item is poison, if they were lost by two workers or
// there is but one.
const deadAfter = 3

// unconfirmedInRow returns of an item that nobody was heard of count as a lost
// lease: a picture that kills its worker at once must still die.
const unconfirmedInRow = 3

// workerGone is how long ago a worker may have been granted something and still
// count as one of the fleet.
const workerGone = int64(10 * time.Minute)

// Release gives items back before their lease runs out.
type Release struct {
	Fence  uint64 `cbor:"1,keyasint"`
	Items  []int  `cbor:"2,keyasint,omitempty"` // none: all it holds
	Delay  int64  `cbor:"3,keyasint,omitempty"` // ns, at most 1 h
	Reason string `cbor:"4,keyasint,omitempty"` // a Cause; another word counts as Transient
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
	tx.through = l.Worker
	tx.changes.lease(LeaseChange{Fence: c.Fence, Confirmed: true})
	back := c.Items
	if len(back) == 0 {
		back = l.Held
	}
	j, _ := jobs.Get(tx, store.Str(l.Job))
	f := failure{cause: Cause(c.Reason).named(), worker: l.Worker, what: "released: " + c.Reason,
		delay: min(max(c.Delay, 0), int64(time.Hour))}
	if Cause(c.Reason) == BadInput {
		f.what = "bad input"
	}
	var a Released
	for _, idx := range back {
		it, _ := items.Get(tx, itemKey(j.ID, idx))
		if it.Fence != c.Fence {
			continue
		}
		a.Requeued++
		setBack(tx, &j, &it, f)
	}
	if a.Requeued > 0 { // else it is nothing new
		tx.say(note{Kind: noteRelease, Of: j.ID, Who: l.Worker, Num: l.Fence, Count: a.Requeued, Text: string(f.cause)})
		fell(tx, l.Worker, 0, a.Requeued)
		f.blameWorker(tx, j.Preset)
	}
	answered(tx, c.Fence, back...)
	if l, ok := leases.Get(tx, store.Uint(c.Fence)); ok && l.Ended == endedDone && a.Requeued > 0 {
		l.Ended = endedReleased // what comes now from its holder is stale
		leases.Put(tx.Tx, store.Uint(c.Fence), l)
	}
	settle(tx, &j)
	jobs.Put(tx.Tx, store.Str(j.ID), j)
	return a, nil
}

// failure is an attempt that came to nothing.
type failure struct {
	cause  Cause
	worker string
	what   string // in words
	delay  int64  // ns the worker asks for; the policy's wait counts if it is longer
}

// blameWorker counts the failure against the worker, once for however many items.
func (f failure) blameWorker(tx *Tx, preset string) {
	if f.cause == ModelMissing {
		lacks(tx, f.worker, preset)
	}
	if policies[f.cause].fault {
		faulty(tx, f.worker, f.cause)
	}
}

// setBack is what a failure does to an item: back to the queue after the
// cause's back-off, or dead when it has no attempt left, or final at once. The
// item's row is written.
func setBack(tx *Tx, j *Job, it *Item, f failure) {
	p := policies[f.cause]
	it.Unconfirmed = 0 // whatever else: somebody was heard of, or has paid for it
	if !p.free {
		it.blame(f.worker, f.what)
	}
	n := it.tried(f.cause)
	it.Alone = it.Alone || p.alone
	switch {
	case p.final:
		finish(tx, j, it, Failed, f.what)
		return
	case p.free:
		takeOff(tx, *j, it)
		schedule(tx, *j, it, f.delay)
	case f.cause == Lost && poison(tx, it, n, f.worker), f.cause != Lost && n > len(p.waits):
		tally(&tx.changes.Tally.Dead, f.cause, 1)
		bury(tx, j, it, epitaph(f, n))
		return
	default:
		takeOff(tx, *j, it)
		schedule(tx, *j, it, max(f.delay, tx.jitter(p.waits[min(n, len(p.waits))-1])))
	}
	items.Put(tx.Tx, itemKey(j.ID, it.Idx), *it)
}

// epitaph is the error of a dead item.
func epitaph(f failure, n int) string {
	if f.cause == Lost {
		return fmt.Sprintf("%d leases with it were lost", n)
	}
	return fmt.Sprintf("%s %d times, the last: %s", f.cause, n, f.what)
}

// poison says whether an item whose nth lease was lost now is dead: three lost
// leases by two workers, or by the only one there is, or one more in any case.
func poison(tx *Tx, it *Item, n int, worker string) bool {
	if !slices.Contains(it.LostBy, worker) {
		it.LostBy = append(slices.Clone(it.LostBy), worker)
	}
	return n > deadAfter || n == deadAfter && (len(it.LostBy) > 1 || !othersThan(tx, worker))
}

// othersThan says whether the fleet has had another worker lately.
func othersThan(tx *Tx, worker string) bool {
	for k, w := range workers.Scan(tx, "") {
		if id, _ := k.PopStr(); id != worker && atWork(tx, w) {
			return true
		}
	}
	return false
}

// ExpireLeases ends leases that nobody renewed, or that took longer than their
// budget, by name: their renewals live in the memory of the leader of Term, so
// only an entry of that very term counts.
type ExpireLeases struct {
	Term   uint64    `cbor:"1,keyasint"`
	Leases []Silence `cbor:"2,keyasint"`
}

// Silence is a lease that ran out, and whether its holder was ever heard of.
type Silence struct {
	Fence     uint64 `cbor:"1,keyasint"`
	Confirmed bool   `cbor:"2,keyasint,omitempty"`
	Overran   bool   `cbor:"3,keyasint,omitempty"` // it was renewed, but its budget is used up
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
		switch {
		case s.Overran:
			loseLease(tx, l, Timeout, "it took longer than its budget")
		case s.Confirmed:
			loseLease(tx, l, Lost, "lease lost")
		default:
			unconfirm(tx, l)
		}
	}
	return a, nil
}

// loseLease takes every item of a lease back as a failure of its worker.
func loseLease(tx *Tx, l LeaseRow, cause Cause, what string) {
	tx.through = l.Worker
	tx.say(note{Kind: noteLost, Of: l.Job, Who: l.Worker, Num: l.Fence, Count: len(l.Held), Text: what})
	j, _ := jobs.Get(tx, store.Str(l.Job))
	f := failure{cause: cause, worker: l.Worker, what: what}
	for _, idx := range l.Held {
		it, _ := items.Get(tx, itemKey(l.Job, idx))
		setBack(tx, &j, &it, f)
	}
	endSilent(tx, &j, l.Fence)
	missed(tx, l.Worker)
	f.blameWorker(tx, j.Preset)
}

// unconfirm takes back a lease whose holder was never heard of, or that its
// restarted worker knows nothing of: no attempt is burned, but the third time in
// a row is a lost lease.
func unconfirm(tx *Tx, l LeaseRow) {
	tx.through = l.Worker
	tx.say(note{Kind: noteLost, Of: l.Job, Who: l.Worker, Num: l.Fence, Count: len(l.Held), Text: "never heard of"})
	j, _ := jobs.Get(tx, store.Str(l.Job))
	f := failure{cause: Lost, worker: l.Worker, what: "never heard of, three times in a row"}
	lost := false
	for _, idx := range l.Held {
		it, _ := items.Get(tx, itemKey(l.Job, idx))
		if it.Unconfirmed++; it.Unconfirmed >= unconfirmedInRow {
			setBack(tx, &j, &it, f)
			lost = true
			continue
		}
		takeOff(tx, j, &it)
		enqueue(tx, j, &it)
		items.Put(tx.Tx, itemKey(j.ID, idx), it)
	}
	endSilent(tx, &j, l.Fence)
	if lost {
		missed(tx, l.Worker)
		f.blameWorker(tx, j.Preset)
	}
}

// endSilent marks a lease as lost, so that its holder is refused from now on,
// and ends the job if that was its last item.
func endSilent(tx *Tx, j *Job, fence uint64) {
	if l, ok := leases.Get(tx, store.Uint(fence)); ok {
		l.Ended = endedLost
		tx.changes.Tally.Lost++
		leases.Put(tx.Tx, store.Uint(fence), l)
	}
	settle(tx, j)
	jobs.Put(tx.Tx, store.Str(j.ID), *j)
}
