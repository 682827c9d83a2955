package bench

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
)

// episode is what was done to a leader, and when.
type episode struct {
	place          int // of the leader
	struck, mended time.Time
	cut            bool
}

// judge adds a round to the figures. The load has been stopped.
func (l *load) judge(ctx context.Context, out *FaultFigures, e episode) error {
	count := func(in map[string]int, said string) {
		if said != "" {
			in[said]++
		}
	}
	for _, c := range l.writes {
		if c.place == e.place {
			count(out.Struck, c.bare)
		} else {
			count(out.Bare, c.bare)
		}
		count(out.Retried, c.last)
		if e.cut && c.last == "" && c.by == e.place && c.sent.After(e.struck) && c.acked.Before(e.mended) {
			out.CutAcks++
		}
	}
	out.Writes += len(l.writes)
	out.Reads += int(l.reads.Load())
	out.Stale += int(l.stale.Load())
	worst := time.Duration(0)
	for place := range l.cluster.Nodes {
		if place != e.place {
			worst = max(worst, l.gap(place, e.struck))
		}
	}
	out.pauses = append(out.pauses, millis(worst))
	booked, err := l.ledger(ctx)
	if err != nil {
		return err
	}
	for _, c := range l.writes {
		if c.last == "" && booked[c.ref] == 0 {
			out.Lost++
		}
		if booked[c.ref] > 1 {
			out.Twice++
		}
	}
	return nil
}

// gap is the longest time without an acknowledgement for the clients of a node, from shortly before the blow to the end.
func (l *load) gap(place int, struck time.Time) (longest time.Duration) {
	var at []time.Time
	for _, c := range l.writes {
		if c.place == place && c.last == "" && c.acked.After(struck.Add(-settling/2)) {
			at = append(at, c.acked)
		}
	}
	slices.SortFunc(at, time.Time.Compare)
	for i := 1; i < len(at); i++ {
		longest = max(longest, at[i].Sub(at[i-1]))
	}
	return longest
}

// ledger counts how often each write was booked.
func (l *load) ledger(ctx context.Context) (map[string]int, error) {
	booked := map[string]int{}
	for cursor := ""; ; {
		page, err := l.user.Billing(ctx, cursor)
		if err != nil {
			return nil, err
		}
		for _, e := range page.Events {
			booked[e.Ref]++
		}
		if cursor = page.NextCursor; cursor == "" {
			return booked, nil
		}
	}
}

// print is the two tables.
func (f *FailoverFigures) print(out io.Writer) {
	t := newTable(out, fmt.Sprintf("The leader is struck under %d writes/s: pause of the surviving nodes' clients, ms", f.Rate),
		"fault", "rounds", "p50", "p99", "max", "target", "kept", "writes", "lost", "twice", "reads", "stale", "acks while cut off")
	ms := func(v float64) string { return fmt.Sprintf("%.0f", v) }
	for _, x := range f.Faults {
		if x.Skipped != "" {
			t.AppendRow([]any{x.Fault, x.Skipped})
			continue
		}
		kept := "yes"
		if x.Max > x.Target {
			kept = "NO"
		}
		t.AppendRow([]any{x.Fault, x.Rounds, ms(x.P50), ms(x.P99), ms(x.Max), ms(x.Target), kept, x.Writes, x.Lost, x.Twice, x.Reads, x.Stale, x.CutAcks})
	}
	t.Render()
	t = newTable(out, "What clients were told instead of an acknowledgement", "fault", "first attempt at a surviving node", "first attempt at the struck node", "after trying again")
	for _, x := range f.Faults {
		if x.Skipped == "" {
			t.AppendRow([]any{x.Fault, codes(x.Bare), codes(x.Struck), codes(x.Retried)})
		}
	}
	t.Render()
}

// codes are counts by code, the most frequent first.
func codes(counts map[string]int) string {
	if len(counts) == 0 {
		return "nothing else"
	}
	order := slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b))
	})
	said := make([]string, len(order))
	for i, code := range order {
		said[i] = fmt.Sprintf("%s: %d", code, counts[code])
	}
	return strings.Join(said, ", ")
}

// verdict is what must hold whatever the machine, and the pauses if they count.
func (f *FailoverFigures) verdict(strict bool) error {
	var broken []error
	wrong := func(x FaultFigures, n int, what string) {
		if n > 0 {
			broken = append(broken, fmt.Errorf("%s: %d %s", x.Fault, n, what))
		}
	}
	for _, x := range f.Faults {
		wrong(x, x.Lost, "acknowledged writes were lost")
		wrong(x, x.Twice, "writes were done twice")
		wrong(x, x.Stale, "reads were stale")
		wrong(x, x.CutAcks, "writes were acknowledged by a leader that was cut off")
		wrong(x, total(x.Retried), "writes failed although they were tried again: "+codes(x.Retried))
		wrong(x, total(x.Bare), "first attempts at surviving nodes failed: "+codes(x.Bare))
		if x.Fault == "sigterm" { // after the port is closed nothing can be sent
			wrong(x, total(x.Struck)-x.Struck[saidRefused], "first attempts at the leaving node failed: "+codes(x.Struck))
		}
		if strict && x.Max > x.Target {
			broken = append(broken, fmt.Errorf("%s: a pause of %.0f ms, at most %.0f are wanted", x.Fault, x.Max, x.Target))
		}
	}
	return errors.Join(broken...)
}

func total(counts map[string]int) (n int) {
	for _, c := range counts {
		n += c
	}
	return n
}
