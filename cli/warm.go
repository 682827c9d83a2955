package cli

import (
	"maps"
	"slices"
	"sync"
)

// warm are the presets that the sample worker has made a picture of. It loads no models, so this is a pretence; but it lets a
// cluster of sample workers show the queue's affinity. The zero value is empty. Safe for concurrent use.
type warm struct {
	mu      sync.Mutex
	presets map[string]bool
}

func (w *warm) add(preset string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.presets == nil {
		w.presets = map[string]bool{}
	}
	w.presets[preset] = true
}

// list names them in order.
func (w *warm) list() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Sorted(maps.Keys(w.presets))
}
