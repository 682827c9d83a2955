package node

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"stoker/fsm"
	"stoker/store"
)

// A scrub takes a fifth of a core at most while it walks, and then rests twenty times
// as long as it took or Timing.Scrub, whichever is longer: a state of a few hundred
// MB is read every few minutes, a large one with a hundredth of one core's time.
const (
	scrubStep  = 32 << 10 // bytes between two breaths: a step that computes for milliseconds, or waits for pages of the disk, holds a processor that a request waits for
	breathFor  = 4        // times as long as the step took
	restFactor = 20
)

// scrubbed is what the last walk through this node's rows found.
type scrubbed struct {
	mu   sync.Mutex
	last Scrub
}

// Scrub is one walk through a node's own rows, held against the digest that its
// state carries.
type Scrub struct {
	Index uint64    `json:"index" cbor:"1,keyasint"` // of the state that was read
	Rows  int       `json:"rows" cbor:"2,keyasint"`
	Took  int64     `json:"took_ns" cbor:"3,keyasint"`     // ns
	At    time.Time `json:"at,omitzero" cbor:"4,keyasint"` // when it ended; zero: there was none
	Wrong string    `json:"wrong" cbor:"5,keyasint"`       // what is wrong with the rows; "": nothing
}

// scrub walks until ctx ends. Behind the first walk it looks at the newest snapshot, of which a start reads no more than its head.
func (n *Node) scrub(ctx context.Context) {
	look := sync.OnceFunc(n.scrubSnapshot)
	for rest := n.cfg.Timing.Scrub / 4; pause(ctx, rest) == nil; {
		s, err := n.scrubOnce(ctx, breathing(ctx, breathFor, time.Second))
		if err != nil {
			return // ctx has ended
		}
		look()
		rest = max(n.cfg.Timing.Scrub, restFactor*time.Duration(s.Took))
	}
}

// scrubSnapshot reads the newest snapshot and has another one made if it is damaged: nobody could be sent it, and this node not be
// rebuilt from it.
func (n *Node) scrubSnapshot() {
	newest, _, err := n.kept.newest()
	if err == nil && newest == nil {
		return
	}
	if err == nil {
		err = n.kept.whole(newest.ID)
	}
	if now, _, lost := n.kept.newest(); err == nil || lost == nil && newest != nil && now != nil && now.ID != newest.ID {
		return // it is whole, or another one has taken its place meanwhile
	}
	n.log.Error("this node's newest snapshot is damaged; another one is made", "err", err)
	if err := n.raft.Snapshot().Error(); err != nil {
		n.log.Error("no other snapshot could be made; the next one is, by itself, behind 8192 entries", "err", err)
	}
}

// breathing paces a walk: after each step it rests so many times as long as that took, and no longer than most.
func breathing(ctx context.Context, rest, most time.Duration) func(int) error {
	read, since := 0, time.Now()
	return func(bytes int) error {
		if read += bytes; read < scrubStep {
			return nil
		}
		err := pause(ctx, min(rest*time.Since(since), most))
		read, since = 0, time.Now()
		return err
	}
}

// scrubOnce reads every row. Rows that are wrong are this node's own trouble,
// whatever the others hold: it says so and ends. The error is pace's.
func (n *Node) scrubOnce(ctx context.Context, pace func(int) error) (Scrub, error) {
	v := n.machine.View()
	defer v.Close()
	began, unread := time.Now(), !n.machine.Trusted()
	var gaveUp error
	rows, err := v.Scrub(func(bytes int) error {
		gaveUp = pace(bytes)
		return gaveUp
	})
	if gaveUp != nil {
		return Scrub{}, gaveUp
	}
	s := Scrub{Index: v.Index(), Rows: rows, Took: time.Since(began).Nanoseconds(), At: n.cfg.Wall()}
	if err != nil {
		s.Wrong = err.Error()
	}
	n.scrubbed.mu.Lock()
	n.scrubbed.last = s
	n.scrubbed.mu.Unlock()
	n.compared.mu.Lock()
	n.compared.counts.Scrubs++
	n.compared.counts.Scrubbed = s.At
	if err != nil {
		n.compared.counts.Rotten++
	}
	n.compared.mu.Unlock()
	if err == nil && rows > 0 {
		if err := n.machine.Vouch(); err != nil {
			n.log.Warn("the state will be read at the next start, should this process be killed", "err", err)
		}
	}
	if torn := (*store.Corrupt)(nil); unread && errors.As(err, &torn) {
		// The file was opened without being read: a start that reads it rebuilds it.
		n.cfg.Exit(fmt.Errorf("the state has changed on the disk since it was written; the next start rebuilds it from snapshot and log: %w", err))
		return s, nil
	}
	if err != nil {
		n.log.Error("this node's rows are not what it applied", "err", err)
		why := "the rows of " + n.cfg.ID + " are not what it applied: " + s.Wrong
		n.alarm(ctx, fsm.RaiseAlarm{Kind: fsm.Divergence, Index: s.Index, Nodes: []string{n.cfg.ID}, Why: why})
		n.quarantine(quarantined{Index: s.Index, At: s.At, Why: "its rows are not what it applied: " + s.Wrong})
	}
	return s, nil
}

func (s *scrubbed) get() Scrub {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.last
}
