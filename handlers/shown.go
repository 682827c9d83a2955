package handlers

import (
	"context"
	"sync"
	"time"

	"stoker/fsm"
	"stoker/queue"
)

// percentPace is how often a stream shows progress at most.
const percentPace = 500 * time.Millisecond

// percentEvent is the body of a "progress" event: items whose workers say
// something new. It has no ID: it is in no history and is not resumed.
type percentEvent struct {
	Items []percent `json:"items"`
}

// shown is what a stream has told of the items that workers are busy with.
type shown struct {
	final map[int]bool // nothing more is told of them
	said  map[int]float64
}

func newShown() shown { return shown{final: map[int]bool{}, said: map[int]float64{}} }

// count takes an item's transition: what was said of it is stale.
func (s shown) count(item int, to fsm.Status) {
	delete(s.said, item)
	if to.Ended() {
		s.final[item] = true
	}
}

// event gives what is new in p, or nothing.
func (s shown) event(p queue.Percents) []event {
	var out percentEvent
	for _, idx := range sortedKeys(p.Items) {
		now := p.Items[idx]
		if was, told := s.said[idx]; s.final[idx] || told && was == now {
			continue
		}
		s.said[idx] = now
		out.Items = append(out.Items, percent{whole(idx), now})
	}
	if out.Items == nil {
		return nil
	}
	return []event{{Name: "progress", Body: out}}
}

// follower asks for a job's progress on behalf of one stream, and ends with it.
type follower struct {
	queue *queue.Queue
	job   string
	news  chan queue.Percents // nil until it has begun
	done  sync.WaitGroup
}

// begin starts asking, once: before the job runs there is nothing to ask for.
func (f *follower) begin(ctx context.Context) {
	if f.news != nil {
		return
	}
	f.news = make(chan queue.Percents)
	f.done.Go(func() { f.follow(ctx) })
}

// follow hands on what is newest, at its pace, until ctx ends.
func (f *follower) follow(ctx context.Context) {
	for version := uint64(0); ; {
		p, err := f.queue.Progress(ctx, f.job, version)
		if err == nil && p.Version > version { // else there was nothing, or no leader: asked again
			version = p.Version
			select {
			case f.news <- p:
			case <-ctx.Done():
				return
			}
		}
		select {
		case <-time.After(percentPace):
		case <-ctx.Done():
			return
		}
	}
}
