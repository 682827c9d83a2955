package node

import (
	"context"
	"sync"
	"time"

	"stoker/fsm"
)

// A scrub takes a fifth of a core while it walks, and then rests twenty times as
// long as it took or Timing.Scrub, whichever is longer: a state of a few hundred
// MB is read every minute, a large one with a twentieth of one core's time.
const (
	scrubStep  = 256 << 10 // bytes between two breaths
	breathFor  = 4         // times as long as the step took
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

// scrub walks until ctx ends.
func (n *Node) scrub(ctx context.Context) {
	for rest := n.cfg.Timing.Scrub / 4; pause(ctx, rest) == nil; {
		s, err := n.scrubOnce(ctx, breathing(ctx))
		if err != nil {
			return // ctx has ended
		}
		rest = max(n.cfg.Timing.Scrub, restFactor*time.Duration(s.Took))
	}
}

// breathing paces a walk.
func breathing(ctx context.Context) func(int) error {
	read, since := 0, time.Now()
	return func(bytes int) error {
		if read += bytes; read < scrubStep {
			return nil
		}
		err := pause(ctx, breathFor*time.Since(since))
		read, since = 0, time.Now()
		return err
	}
}

// scrubOnce reads every row. Rows that are wrong are this node's own trouble,
// whatever the others hold: it says so and ends. The error is pace's.
func (n *Node) scrubOnce(ctx context.Context, pace func(int) error) (Scrub, error) {
	v := n.machine.View()
	defer v.Close()
	began := time.Now()
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
