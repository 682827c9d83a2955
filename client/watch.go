package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

// errStalled is why a transfer or an event stream was given up on this node.
var errStalled = errors.New("nothing moved")

// watch cancels its context when no byte moved for a while.
type watch struct {
	ctx    context.Context
	cancel context.CancelCauseFunc
	timer  *time.Timer
	limit  time.Duration
}

// guard watches with the limit of transfers.
func guard(ctx context.Context) (context.Context, *watch) { return guardFor(ctx, stall) }

func guardFor(ctx context.Context, limit time.Duration) (context.Context, *watch) {
	ctx, cancel := context.WithCancelCause(ctx)
	w := &watch{ctx: ctx, cancel: cancel, limit: limit}
	w.timer = time.AfterFunc(limit, func() { cancel(fmt.Errorf("%w for %s", errStalled, limit)) })
	return ctx, w
}

func (w *watch) stop() {
	w.timer.Stop()
	w.cancel(nil)
}

// reader is r, each byte of which starts the time anew.
func (w *watch) reader(r io.Reader) io.Reader { return &watched{r, w} }

// explain replaces "context canceled" by what really happened.
func (w *watch) explain(err error) error {
	if cause := context.Cause(w.ctx); errors.Is(cause, errStalled) {
		return cause
	}
	return err
}

type watched struct {
	r io.Reader
	w *watch
}

func (r *watched) Read(p []byte) (int, error) {
	n, err := r.r.Read(p)
	if n > 0 {
		r.w.timer.Reset(r.w.limit)
	}
	return n, err
}
