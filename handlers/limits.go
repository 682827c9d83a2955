package handlers

import (
	"math"
	"net/netip"
	"slices"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"stoker/fsm"
)

// Limits bound what one address, or one user, may ask of one node. Zero means
// the default, a negative number means no limit. This machine's own loopback is
// never limited, and neither are workers, health checks and objects.
type Limits struct {
	SignUps     int // POST /auth/anon by an address in a minute; 60, half of them at once
	Address     int // calls of the app by an address in a second; 100, four seconds' worth at once
	User        int // calls of the app by a user in a second; 50, four seconds' worth at once
	WrongTokens int // tokens by an address in a minute that open nothing; 60, half of them at once

	// TrustedProxies are believed what X-Forwarded-For says. None: nobody is.
	TrustedProxies []netip.Prefix
}

// throttle is the buckets of a node. They are in its memory only: three nodes let
// three times as much through, and none waits for another to say no.
type throttle struct {
	proxies []netip.Prefix
	signUps *buckets[netip.Prefix]
	address *buckets[netip.Prefix]
	user    *buckets[string]
	guesses *buckets[netip.Prefix]
}

func newThrottle(l Limits) *throttle {
	or := func(n, otherwise int) int {
		if n == 0 {
			return otherwise
		}
		return n
	}
	return &throttle{
		proxies: l.TrustedProxies,
		signUps: newBuckets[netip.Prefix](or(l.SignUps, 60), time.Minute, 0.5),
		address: newBuckets[netip.Prefix](or(l.Address, 100), time.Second, 4),
		user:    newBuckets[string](or(l.User, 50), time.Second, 4),
		guesses: newBuckets[netip.Prefix](or(l.WrongTokens, 60), time.Minute, 0.5),
	}
}

func (t *throttle) trusts(a netip.Addr) bool {
	return slices.ContainsFunc(t.proxies, func(p netip.Prefix) bool { return p.Contains(a) })
}

// limitAddress refuses an address that asks too much of the app's endpoints.
func (c *call) limitAddress(line route) error {
	if line.who != user && line.path != pathSignIn {
		return nil
	}
	at, counted := c.counted()
	if !counted {
		return nil
	}
	if wait := c.s.live.Load().throttle.address.take(at, time.Now()); wait > 0 {
		return tooMuch(wait, "your address sends too many requests")
	}
	if line.path == pathSignIn {
		if wait := c.s.live.Load().throttle.signUps.take(at, time.Now()); wait > 0 {
			return tooMuch(wait, "your address signs in too often")
		}
	}
	return nil
}

// limitUser refuses a user who asks too much.
func (c *call) limitUser() error {
	if _, counted := c.counted(); !counted || c.user == "" {
		return nil
	}
	if wait := c.s.live.Load().throttle.user.take(c.user, time.Now()); wait > 0 {
		return tooMuch(wait, "you send too many requests")
	}
	return nil
}

// mayGuess refuses an address that has shown too many wrong tokens.
func (c *call) mayGuess() error {
	at, counted := c.counted()
	if !counted {
		return nil
	}
	if wait := c.s.live.Load().throttle.guesses.look(at, time.Now()); wait > 0 {
		return tooMuch(wait, "your address has shown too many tokens that open nothing")
	}
	return nil
}

// guessed counts a wrong token.
func (c *call) guessed() {
	if at, counted := c.counted(); counted {
		c.s.live.Load().throttle.guesses.take(at, time.Now())
	}
}

// counted is what a call is counted under; false: it is not.
func (c *call) counted() (netip.Prefix, bool) {
	at := c.address()
	return source(at), at.IsValid() && !at.IsLoopback()
}

func tooMuch(wait time.Duration, what string) error {
	r := fsm.Refuse(rateLimited, "%s; come back in %v", what, wait.Round(time.Second))
	r.RetryAfter = int(math.Ceil(wait.Seconds()))
	return r
}

// bucketsHalf bounds what a flood of addresses can hold: two halves of about
// 200 bytes each.
const bucketsHalf = 16384

// buckets are token buckets by key, in two generations as in verified: whoever
// calls often keeps its bucket, and a flood of others costs a bounded memory.
type buckets[K comparable] struct {
	rate  rate.Limit
	burst int

	mu         sync.Mutex
	young, old map[K]*rate.Limiter
}

// newBuckets holds n in a time, and so many times' worth at once. n below 0: no limit.
func newBuckets[K comparable](n int, in time.Duration, atOnce float64) *buckets[K] {
	b := &buckets[K]{rate: rate.Inf, young: map[K]*rate.Limiter{}}
	if n > 0 {
		b.rate = rate.Limit(float64(n) / in.Seconds())
		b.burst = max(1, int(float64(n)*atOnce))
	}
	return b
}

// take takes one out of a key's bucket; when it is empty it says how long until it is not.
func (b *buckets[K]) take(key K, now time.Time) time.Duration {
	if b.rate == rate.Inf {
		return 0
	}
	r := b.of(key).ReserveN(now, 1)
	wait := r.DelayFrom(now)
	if wait > 0 {
		r.CancelAt(now)
	}
	return wait
}

// look is take that takes nothing.
func (b *buckets[K]) look(key K, now time.Time) time.Duration {
	if b.rate == rate.Inf {
		return 0
	}
	lack := 1 - b.of(key).TokensAt(now)
	if lack <= 0 {
		return 0
	}
	return time.Duration(lack / float64(b.rate) * float64(time.Second))
}

func (b *buckets[K]) of(key K) *rate.Limiter {
	b.mu.Lock()
	defer b.mu.Unlock()
	if one, ok := b.young[key]; ok {
		return one
	}
	one, ok := b.old[key]
	if !ok {
		one = rate.NewLimiter(b.rate, b.burst)
	}
	if len(b.young) >= bucketsHalf {
		b.old, b.young = b.young, map[K]*rate.Limiter{}
	}
	b.young[key] = one
	return one
}
