package query

import (
	"context"
	"errors"
	"time"
)

const (
	atOnce   = 2               // statements a node works on
	patience = 2 * time.Second // the next one waits for its turn
)

// ErrBusy is what Enter says when as many statements as may be are under way, for longer
// than a person should wait without a word.
var ErrBusy = errors.New("query: as many statements as may be are under way")

// Desk lets statements in.
type Desk struct{ places chan struct{} }

// NewDesk is one for a node.
func NewDesk() *Desk { return &Desk{make(chan struct{}, atOnce)} }

// Enter waits for a place and gives what leaves it again.
func (d *Desk) Enter(ctx context.Context) (leave func(), err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, patience, ErrBusy)
	defer cancel()
	select {
	case d.places <- struct{}{}:
		return func() { <-d.places }, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}
