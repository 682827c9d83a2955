package hostile

import (
	"context"
	"fmt"
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

// grace is how much later than its limit a connection may end: a machine that is busy with thousands of them.
const grace = 5 * time.Second

// patience is how much longer it is looked at.
const patience = 2 * time.Minute

// Attack attacks. The error says that it could not; what is wrong with the node is in the report.
func (t Target) Attack(ctx context.Context) (*Report, error) {
	r := &Report{Began: time.Now()}
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
	t.siege(ctx, b, calm, r)
	r.Lasted = time.Since(r.Began)
	return r, ctx.Err()
}
