package hostile

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"
)

// Target is a node, and what it is said to keep.
type Target struct {
	Addr  string        // host:port of its public port
	Pid   int           // of its process; 0: its memory is not seen
	Admin string        // a token that may grant credits
	Read  time.Duration // a request has this long to come, all of it
	Idle  time.Duration // a connection has this long to its next request
	Conns int           // of the siege, together

	KeepIdle bool // wait for Idle too, however long it is
}

// Row is what came of one attack.
type Row struct {
	Name  string
	Conns int
	Came  string   // in words
	Wrong []string // what must not have been
}

// Report is all that came of it.
type Report struct {
	Rows   []Row
	Unseen []string // what could not be done, or looked at, and why
}

// grace is how much later than its limit a connection may end: a machine that is busy with thousands of them.
const grace = 5 * time.Second

// patience is how much longer it is looked at.
const patience = 2 * time.Minute

// Attack attacks. The error says that it could not; what is wrong with the node is in the report.
func (t Target) Attack(ctx context.Context) (*Report, error) {
	r := &Report{}
	if have, want := mostDescriptors(), 2*t.Conns; have > 0 && want > have {
		t.Conns = have / 2
		r.Unseen = append(r.Unseen, fmt.Sprintf("NOT DONE: %d connections: this system allows a process %d descriptors, so there were %d", want/2, have, t.Conns))
	}
	b, err := t.newBystander(ctx)
	if err != nil {
		return nil, fmt.Errorf("before anything hostile was done: %w", err)
	}
	calm, err := b.watch(ctx, time.Second)
	if err != nil {
		return nil, fmt.Errorf("before anything hostile was done: %w", err)
	}
	r.Rows = append(r.Rows, t.malformed(ctx)...)
	r.Rows = append(r.Rows, t.pipelines(ctx))
	rows, unseen := t.siege(ctx, b, calm)
	r.Rows, r.Unseen = append(r.Rows, rows...), append(r.Unseen, unseen...)
	return r, ctx.Err()
}

// Broken is how many rows have something wrong.
func (r *Report) Broken() (n int) {
	for _, row := range r.Rows {
		if len(row.Wrong) > 0 {
			n++
		}
	}
	return n
}

// Print writes a line for each attack, and what was wrong below it.
func (r *Report) Print(out io.Writer) {
	fmt.Fprintf(out, "%-22s %11s  %-8s %s\n", "attack", "connections", "verdict", "what came")
	for _, row := range r.Rows {
		verdict := "held"
		if len(row.Wrong) > 0 {
			verdict = "BROKEN"
		}
		fmt.Fprintf(out, "%-22s %11d  %-8s %s\n", row.Name, row.Conns, verdict, row.Came)
		for _, w := range slices.Compact(slices.Sorted(slices.Values(row.Wrong))) {
			fmt.Fprintf(out, "%-22s %11s  %s\n", "", "", w)
		}
	}
	for _, u := range r.Unseen {
		fmt.Fprintln(out, u)
	}
}
