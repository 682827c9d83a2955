package fsm

import (
	"slices"
	"strconv"
	"time"

	"stoker/store"
)

// LeaseRow is a grant: up to max_items items of one job in one worker's hands.
type LeaseRow struct {
	Fence   uint64 `cbor:"1,keyasint"`
	Worker  string `cbor:"2,keyasint"`
	Poll    string `cbor:"3,keyasint,omitempty"` // the poll it answered: asked again, the same grant
	Job     string `cbor:"4,keyasint"`
	User    string `cbor:"5,keyasint"`
	Granted []int  `cbor:"6,keyasint"` // items it was granted with
	Held    []int  `cbor:"7,keyasint"` // items it still holds
	Attempt int    `cbor:"8,keyasint"`
	At      int64  `cbor:"9,keyasint"` // machine clock
	Ended   string `cbor:"10,keyasint,omitempty"`
	TTL     int64  `cbor:"11,keyasint"`           // ns it lives after each renewal
	First   int64  `cbor:"12,keyasint"`           // ns it lives until its holder is heard of
	Budget  int64  `cbor:"13,keyasint,omitempty"` // ns it may take in all, however often it is renewed; 0: no bound
	Preset  string `cbor:"14,keyasint,omitempty"`
	Load    int64  `cbor:"15,keyasint,omitempty"` // part of Budget for loading the model, 0 if it was warm

	Answered []int `cbor:"16,keyasint,omitempty"` // items its own holder reported or gave back
}

// ID is the lease's name on the wire. It may be guessed: what protects it is the
// worker token, and the fence it stands for.
func (l LeaseRow) ID() string { return "ls_" + strconv.FormatUint(l.Fence, 10) }

// ParseLease gives the fence of a lease's name.
func ParseLease(id string) (fence uint64, ok bool) {
	if len(id) < 4 || id[:3] != "ls_" {
		return 0, false
	}
	fence, err := strconv.ParseUint(id[3:], 10, 64)
	return fence, err == nil && fence > 0
}

// Why a lease has ended.
const (
	endedDone     = "done"     // every item became final
	endedLost     = "lost"     // nobody renewed it
	endedReleased = "released" // its worker gave the rest back
)

// leaseAfterlife is how long the row of an ended lease is kept: a result that is
// sent again must be told from one that is stale.
const leaseAfterlife = int64(time.Hour)

var (
	leases = store.NewTable[LeaseRow]("leases") // by fence

	// leasesByPoll finds the live lease that answered a poll.
	leasesByPoll = store.NewIndex(leases, "leases_by_poll", func(_ store.Key, l LeaseRow) []store.Key {
		if l.Ended != "" || l.Poll == "" {
			return nil
		}
		return []store.Key{store.Str(l.Worker).Str(l.Poll)}
	})

	// leasesByJob are all that are kept of a job, in the order of their fences.
	leasesByJob = store.NewIndex(leases, "leases_by_job", func(_ store.Key, l LeaseRow) []store.Key {
		return []store.Key{store.Str(l.Job)}
	})

	// leasesLive are those that have not ended.
	leasesLive = store.NewIndex(leases, "leases_live", func(_ store.Key, l LeaseRow) []store.Key {
		if l.Ended != "" {
			return nil
		}
		return []store.Key{store.Key("")}
	})
)

// takeFromLease takes a leased item out of its lease, and ends the lease with
// its last item.
func takeFromLease(tx *Tx, it *Item) {
	l, ok := leases.Get(tx, store.Uint(it.Fence))
	if !ok {
		return
	}
	l.Held = slices.DeleteFunc(slices.Clone(l.Held), func(i int) bool { return i == it.Idx })
	if len(l.Held) == 0 {
		endLease(tx, &l, endedDone)
	}
	leases.Put(tx.Tx, store.Uint(l.Fence), l)
}

// answered notes items that a lease's own holder is done with: it need not be
// told to drop them.
func answered(tx *Tx, fence uint64, idx ...int) {
	l, ok := leases.Get(tx, store.Uint(fence))
	if !ok {
		return
	}
	l.Answered = slices.Clone(l.Answered)
	for _, i := range idx {
		if !slices.Contains(l.Answered, i) {
			l.Answered = append(l.Answered, i)
		}
	}
	leases.Put(tx.Tx, store.Uint(fence), l)
}

// endLease ends a lease that holds nothing any more; the caller writes the row.
func endLease(tx *Tx, l *LeaseRow, why string) {
	l.Ended = why
	setTimer(tx, tx.now()+leaseAfterlife, leaseOld, store.Uint(l.Fence))
	tx.changes.lease(LeaseChange{Fence: l.Fence, Ended: true})
}

func forgetLease(tx *Tx, ref store.Key) { leases.Delete(tx.Tx, ref) }

// live gives a lease that its holder has not lost.
func (tx *Tx) live(fence uint64) (LeaseRow, *Refusal) {
	l, ok := leases.Get(tx, store.Uint(fence))
	if !ok || l.Ended == endedLost || l.Ended == endedReleased {
		return l, Refuse(LeaseLost, "the lease is not held any more; drop its items and ask for new work")
	}
	return l, nil
}
