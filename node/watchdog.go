package node

import (
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// diskWatch ends the process when the disk fails or hangs under a write. Raft
// would go on: a leader whose disk hangs keeps sending heartbeats from other
// goroutines, keeps its leadership and serves nobody (hashicorp/raft issue 503).
type diskWatch struct {
	limit time.Duration
	exit  func(error)
	log   *slog.Logger
}

// during watches over a write of what; call the result when it is done.
func (w diskWatch) during(what string) (done func()) {
	began := time.Now()
	dog := watchFor(w.limit, func() {
		w.exit(fmt.Errorf("the disk hangs: a write of %s has taken longer than %v; another node takes over; check the disk", what, w.limit))
	})
	return func() {
		dog.stop()
		if took := time.Since(began); took > w.limit/4 {
			w.log.Warn("slow write", "of", what, "took", took)
		}
	}
}

// write watches over a write after whose failure the node cannot go on.
func (w diskWatch) write(what string, write func() error) error {
	done := w.during(what)
	err := write()
	done()
	if err != nil {
		err = fmt.Errorf("write %s: %w; free or repair the disk, then start again", what, err)
		w.exit(err)
	}
	return err
}

// watchdog barks when something takes too long, in time that this process has
// lived through: a machine that was paused or moved has not waited for its disk,
// and must not die of it when it wakes.
type watchdog struct {
	mu    sync.Mutex
	left  int // steps until it barks; 0 once it has, or was stopped
	timer *time.Timer
}

// watchSteps is into how many naps a watchdog divides its limit. A pause of the
// process counts as one, however long it was.
const watchSteps = 12

// watchFor barks after limit, unless it is stopped before.
func watchFor(limit time.Duration, bark func()) *watchdog {
	w := &watchdog{left: watchSteps}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.timer = time.AfterFunc(limit/watchSteps, func() {
		if w.step(limit / watchSteps) {
			bark()
		}
	})
	return w
}

// step says whether the limit is reached.
func (w *watchdog) step(nap time.Duration) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.left == 0 {
		return false
	}
	if w.left--; w.left == 0 {
		return true
	}
	w.timer.Reset(nap)
	return false
}

func (w *watchdog) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.left = 0
	w.timer.Stop()
}
