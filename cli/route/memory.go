package route

import (
	"crypto/sha256"
	"sync"
)

// memoryHalf bounds what a router remembers: two halves of about 100 bytes a device.
const memoryHalf = 1 << 16

// memory is where devices were found that do not live at home. It saves a request and no more: what it says is asked again each
// time. When the young half is full the old one is dropped whole, so that it is bounded without bookkeeping.
type memory struct {
	mu         sync.Mutex
	young, old map[[32]byte]int
}

func newMemory() *memory { return &memory{young: map[[32]byte]int{}} }

func (m *memory) get(device string) (place int, known bool) {
	key := sha256.Sum256([]byte(device))
	m.mu.Lock()
	defer m.mu.Unlock()
	if place, known = m.young[key]; !known {
		place, known = m.old[key]
	}
	return place, known
}

func (m *memory) put(device string, place int) {
	key := sha256.Sum256([]byte(device))
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.young) >= memoryHalf {
		m.old, m.young = m.young, make(map[[32]byte]int, memoryHalf)
	}
	m.young[key] = place
}
