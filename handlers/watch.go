package handlers

import (
	"slices"
	"sync"

	"stoker/fsm"
)

// watchers wakes the streams of the jobs that changed. It carries no events:
// a stream reads those from the history, so that a slow one holds up nobody.
type watchers struct {
	mu    sync.Mutex
	byJob map[string]map[*watcher]struct{}
}

// watcher is one stream that waits.
type watcher struct {
	wake chan struct{} // holds one signal: more say no more
	job  string
	in   *watchers
}

// everyJob is watched by who wants to hear of every change, of whatever it is.
const everyJob = ""

func newWatchers() *watchers { return &watchers{byJob: map[string]map[*watcher]struct{}{}} }

// on watches a job until the watcher is closed. Whoever calls it must read the
// history after this, not before, or lose what came between.
func (w *watchers) on(job string) *watcher {
	one := &watcher{wake: make(chan struct{}, 1), job: job, in: w}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.byJob[job] == nil {
		w.byJob[job] = map[*watcher]struct{}{}
	}
	w.byJob[job][one] = struct{}{}
	return one
}

func (o *watcher) close() {
	o.in.mu.Lock()
	defer o.in.mu.Unlock()
	delete(o.in.byJob[o.job], o)
	if len(o.in.byJob[o.job]) == 0 {
		delete(o.in.byJob, o.job)
	}
}

// changed is told by the machine after a batch became visible; it never blocks.
func (w *watchers) changed(c fsm.Changes) {
	w.mu.Lock()
	defer w.mu.Unlock()
	jobs := c.Jobs
	if c.Told || c.Restored {
		jobs = append(slices.Clip(jobs), everyJob)
	}
	for _, job := range jobs {
		for one := range w.byJob[job] {
			select {
			case one.wake <- struct{}{}:
			default:
			}
		}
	}
}
