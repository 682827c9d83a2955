package queue

import (
	"context"
	"maps"
	"slices"
	"time"
)

// Progress is how far a worker says it has come with one item.
type Progress struct {
	Idx     int     `cbor:"1,keyasint"`
	Percent float64 `cbor:"2,keyasint"`
}

// Percents is what is known of a job's items that are being worked on.
type Percents struct {
	Version uint64          `cbor:"1,keyasint"` // goes up with each change
	Items   map[int]float64 `cbor:"2,keyasint"`
}

// board holds the progress of jobs in the leader's memory: it is shown and
// forgotten, no entry is worth it. The broker's lock guards it.
type board struct {
	version uint64
	jobs    map[string]*percents
}

type percents struct {
	Percents
	changed chan struct{} // closed with the next change
}

// newBoard starts the versions of each term above those of the term before.
func newBoard(term uint64) board {
	return board{version: term << 32, jobs: map[string]*percents{}}
}

func (b *board) of(job string) *percents {
	p := b.jobs[job]
	if p == nil {
		p = &percents{changed: make(chan struct{})}
		b.jobs[job] = p
	}
	return p
}

// note takes a worker's word about items that it holds.
func (b *board) note(job string, progress []Progress, held []int) {
	progress = slices.DeleteFunc(slices.Clone(progress), func(p Progress) bool { return !slices.Contains(held, p.Idx) })
	if len(progress) == 0 {
		return
	}
	p := b.of(job)
	items := maps.Clone(p.Items) // readers hold the old map
	if items == nil {
		items = map[int]float64{}
	}
	for _, one := range progress {
		items[one.Idx] = one.Percent
	}
	b.version++
	p.Version, p.Items = b.version, items
	close(p.changed)
	p.changed = make(chan struct{})
}

// drop forgets a job nobody works on any more.
func (b *board) drop(job string) {
	if p := b.jobs[job]; p != nil {
		close(p.changed)
		delete(b.jobs, job)
	}
}

// follow parks until there is something newer than after, or the context or
// patience ends; then the version is the old one.
func (b *broker) follow(ctx context.Context, job string, after uint64, patience time.Duration) (Percents, error) {
	timeout := time.NewTimer(patience)
	defer timeout.Stop()
	for {
		b.mu.Lock()
		if b.book.jobs[job] == 0 {
			b.mu.Unlock()
			return Percents{Version: after}, b.idle(ctx, timeout)
		}
		p := b.progress.of(job)
		now, changed := p.Percents, p.changed
		b.mu.Unlock()
		if now.Version > after {
			return now, nil
		}
		select {
		case <-changed:
		case <-timeout.C:
			return Percents{Version: after}, nil
		case <-ctx.Done():
			return Percents{Version: after}, nil
		case <-b.done:
			return Percents{}, errNotLeading
		}
	}
}

// idlePause is how soon somebody who follows a job that nobody works on asks again.
const idlePause = 2 * time.Second

// idle waits a little: nobody works on the job now.
func (b *broker) idle(ctx context.Context, timeout *time.Timer) error {
	select {
	case <-time.After(idlePause):
	case <-timeout.C:
	case <-ctx.Done():
	case <-b.done:
		return errNotLeading
	}
	return nil
}
