package campaign

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"sync"
	"time"

	"golang.org/x/term"

	"stoker/proof/judge"
)

// second is what happened in one.
type second struct {
	ok, refused, unknown int
	took                 []float32 // ms, of those that were answered
}

// tally counts operations.
type tally struct {
	line     sync.Mutex // of the output
	terminal bool

	mu      sync.Mutex
	seconds []second
	codes   map[judge.Kind]map[string]int
	total   int
	faults  int
	last    int64 // when an operation was acknowledged last
	gaps    []Gap // worth telling
}

// gapFrom is the shortest time without an acknowledgement that is told.
const gapFrom = 300 * time.Millisecond

func newTally() *tally {
	return &tally{codes: map[judge.Kind]map[string]int{}, terminal: term.IsTerminal(int(os.Stdout.Fd()))}
}

// plain is how much of a line's beginning is for terminals only.
func (t *tally) plain() int {
	if t.terminal {
		return 0
	}
	return len("\r\x1b[K")
}

// count takes an operation that has returned.
func (t *tally) count(o *judge.Op) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.codes[o.Kind] == nil {
		t.codes[o.Kind] = map[string]int{}
	}
	t.codes[o.Kind][o.Code]++
	if o.Kind == judge.Die {
		return
	}
	t.total++
	at := int(o.Return / int64(time.Second))
	for len(t.seconds) <= at {
		t.seconds = append(t.seconds, second{})
	}
	s := &t.seconds[at]
	switch o.Code {
	case "":
		s.ok++
		if gap := time.Duration(o.Return - t.last); t.last > 0 && gap > gapFrom {
			t.gaps = append(t.gaps, Gap{time.Duration(t.last), gap})
		}
		t.last = max(t.last, o.Return)
	case judge.Unknown:
		s.unknown++
		return
	default:
		s.refused++
	}
	if took := time.Duration(o.Return - o.Call); o.Kind != judge.Lease && took < tries*attemptLimit { // not one that is parked, nor what an auditor learned later
		s.took = append(s.took, float32(took)/1e6)
	}
}

// kinds are the operations, by name.
func (t *tally) kinds() []judge.Kind { return slices.Sorted(maps.Keys(t.codes)) }

// outcomes are counts by code, acknowledged and unknown first.
func outcomes(codes map[string]int) (ok, unknown int, refused []string) {
	for _, code := range slices.SortedFunc(maps.Keys(codes), func(a, b string) int { return cmp.Or(cmp.Compare(codes[b], codes[a]), cmp.Compare(a, b)) }) {
		switch code {
		case "":
			ok = codes[code]
		case judge.Unknown:
			unknown = codes[code]
		default:
			refused = append(refused, fmt.Sprintf("%s %d", code, codes[code]))
		}
	}
	return ok, unknown, refused
}

// tell shows how far it is: one line that is written over on a terminal, a line now and then elsewhere.
func (x *campaign) tell(ctx context.Context) {
	every := time.Second
	if !x.tally.terminal {
		every = 15 * time.Second
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for was := 0; ; {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		x.tally.mu.Lock()
		ops, faults := x.tally.total, x.tally.faults
		x.tally.mu.Unlock()
		x.verdicts.mu.Lock()
		checked, bad := x.verdicts.operations, len(x.verdicts.violations)
		x.verdicts.mu.Unlock()
		text := fmt.Sprintf("%6s of %s  %d operations, %.0f/s, %d judged  %d faults  %d violations",
			time.Since(x.began).Round(time.Second), x.For, ops, float64(ops-was)/every.Seconds(), checked, faults, bad)
		was = ops
		x.tally.line.Lock()
		if x.tally.terminal {
			fmt.Fprintf(x.out, "\r\x1b[K%s", text)
		} else {
			fmt.Fprintln(x.out, text)
		}
		x.tally.line.Unlock()
	}
}
