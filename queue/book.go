package queue

import (
	"time"

	"stoker/fsm"
)

// book knows when each live lease was last heard of. It is one leader's memory;
// the broker's lock guards it.
type book struct {
	leases map[uint64]*renewal
	jobs   map[string]int // leases of each job

	// No lease that is not named runs out before soonest, if any is such: the book need not be looked through at every grant.
	soonest time.Time
	any     bool
}

// renewal is one lease in the book.
type renewal struct {
	lease     fsm.LeaseRow // as it was granted
	until     time.Time
	end       time.Time // however often it is renewed; zero: no such end
	confirmed bool
	named     bool // the machine is being told that it ran out
}

func newBook() *book { return &book{leases: map[uint64]*renewal{}, jobs: map[string]int{}} }

// add notes a lease that is not confirmed yet and lives for first until it is.
func (b *book) add(l fsm.LeaseRow, first int64) {
	if b.leases[l.Fence] != nil {
		return
	}
	r := &renewal{lease: l, until: time.Now().Add(time.Duration(first))}
	if l.Budget > 0 {
		r.end = time.Now().Add(time.Duration(l.Budget))
	}
	b.leases[l.Fence] = r
	b.jobs[l.Job]++
	b.expect(r)
}

// expect notes when a lease runs out.
func (b *book) expect(r *renewal) {
	if at := r.runsOut(); !b.any || at.Before(b.soonest) {
		b.soonest, b.any = at, true
	}
}

// remove forgets a lease; last says that it was the last one of its job.
func (b *book) remove(fence uint64) (job string, last bool) {
	r := b.leases[fence]
	if r == nil {
		return "", false
	}
	delete(b.leases, fence)
	if b.jobs[r.lease.Job]--; b.jobs[r.lease.Job] > 0 {
		return r.lease.Job, false
	}
	delete(b.jobs, r.lease.Job)
	return r.lease.Job, true
}

// renew gives a lease a full TTL from now; false if the book has it not, or not any more.
func (b *book) renew(fence uint64) bool {
	r := b.leases[fence]
	if r == nil || r.named {
		return false
	}
	r.until, r.confirmed = time.Now().Add(time.Duration(r.lease.TTL)), true
	b.expect(r) // a TTL may be shorter than what it had to be confirmed
	return true
}

// runsOut is when a lease ends if nothing more is heard of it.
func (r *renewal) runsOut() time.Time {
	if !r.end.IsZero() && r.end.Before(r.until) {
		return r.end
	}
	return r.until
}

// overran says whether the lease ends by its budget, renewed as it is.
func (r *renewal) overran(now time.Time) bool {
	return r.confirmed && !r.end.IsZero() && !r.end.After(now)
}

// due gives the leases that have run out and names them, so that they are not
// renewed any more and not given again; and when it should be asked next (any: at all).
func (b *book) due(now time.Time) (out []uint64, next time.Time, any bool) {
	if !b.any || now.Before(b.soonest) {
		return nil, b.soonest, b.any
	}
	b.any = false
	for fence, r := range b.leases {
		switch {
		case r.named:
		case !r.runsOut().After(now):
			r.named = true
			out = append(out, fence)
		default:
			b.expect(r)
		}
	}
	return out, b.soonest, b.any
}

// unname takes it back for a lease that the machine was not told of.
func (b *book) unname(fence uint64) {
	if r := b.leases[fence]; r != nil {
		r.named = false
		b.expect(r)
	}
}
