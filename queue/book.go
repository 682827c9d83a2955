package queue

import "time"

// book knows when each live lease was last heard of. It is one leader's memory;
// the broker's lock guards it.
type book struct {
	leases map[uint64]*renewal
}

// renewal is one lease in the book.
type renewal struct {
	until     time.Time
	ttl       time.Duration // it lives so long after each renewal
	confirmed bool
	named     bool // the machine is being told that it ran out
}

func newBook() *book { return &book{leases: map[uint64]*renewal{}} }

// add notes a lease that is not confirmed yet and lives for first until it is.
func (b *book) add(fence uint64, ttl, first time.Duration) {
	if b.leases[fence] == nil {
		b.leases[fence] = &renewal{until: time.Now().Add(first), ttl: ttl}
	}
}

func (b *book) remove(fence uint64) { delete(b.leases, fence) }

// renew gives a lease a full TTL from now; false if the book has it not, or not any more.
func (b *book) renew(fence uint64) bool {
	r := b.leases[fence]
	if r == nil || r.named {
		return false
	}
	r.until, r.confirmed = time.Now().Add(r.ttl), true
	return true
}

// due gives the leases that have run out and are not named yet, and when the
// next one will (any: there is one).
func (b *book) due(now time.Time) (out []uint64, next time.Duration, any bool) {
	for fence, r := range b.leases {
		left := r.until.Sub(now)
		switch {
		case r.named:
		case left <= 0:
			out = append(out, fence)
		case !any || left < next:
			next, any = left, true
		}
	}
	return out, next, any
}
