package handlers

import (
	"crypto/sha256"
	"sync"
)

// cacheHalf bounds what a flood of good tokens can hold: two halves of about
// 200 bytes a token.
const cacheHalf = 8192

// verified remembers tokens whose signature was good. It has two generations:
// when the young one is full the old one is dropped whole, so that it is bounded
// without bookkeeping and whoever calls often stays in it. Bad tokens are not
// remembered: they would push out good ones.
type verified struct {
	mu         sync.Mutex
	young, old map[[32]byte]claims
}

func newVerified() *verified { return &verified{young: map[[32]byte]claims{}} }

func (v *verified) get(token string) (claims, bool) {
	sum := sha256.Sum256([]byte(token))
	v.mu.Lock()
	defer v.mu.Unlock()
	if c, ok := v.young[sum]; ok {
		return c, true
	}
	c, ok := v.old[sum]
	if ok {
		v.add(sum, c)
	}
	return c, ok
}

func (v *verified) has(token string) bool {
	_, ok := v.get(token)
	return ok
}

func (v *verified) put(token string, c claims) {
	sum := sha256.Sum256([]byte(token))
	v.mu.Lock()
	defer v.mu.Unlock()
	v.add(sum, c)
}

func (v *verified) add(sum [32]byte, c claims) {
	if len(v.young) >= cacheHalf {
		v.old, v.young = v.young, make(map[[32]byte]claims, cacheHalf)
	}
	v.young[sum] = c
}
