package client

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// forever is the patience of what must arrive however long it takes, such as a worker's result.
const forever = time.Duration(-1)

// errBusy is a node that was told to pace this client; asking another node would not change that.
type errBusy struct{ refused *Error }

func (e errBusy) Error() string { return e.refused.Error() }
func (e errBusy) Unwrap() error { return e.refused }

// errFinal wraps an error that another attempt would meet again.
type errFinal struct{ error }

func (e errFinal) Unwrap() error { return e.error }

// judge sorts an API call's refusal: final, wait here, or (as it is) try the next node.
func judge(e *Error) error {
	switch {
	case e.Status == http.StatusTooManyRequests && e.Code == CodeRateLimited:
		return errBusy{e}
	case e.Status == http.StatusBadGateway, e.Status == http.StatusServiceUnavailable, e.Status == http.StatusGatewayTimeout:
		return e
	}
	return errFinal{e}
}

// judgeObject is judge for PUT and GET of an object, which may be repeated whatever the server's trouble was.
func judgeObject(e *Error) error {
	if e.Status == http.StatusInternalServerError || e.Code == "SlowDown" {
		return e
	}
	return judge(e)
}

// persist runs attempt over rounds of nodes until one succeeds, one refuses for good, or patience ends. With a deadline in ctx
// patience is that; without one it is the argument, zero meaning the cluster's.
func (c *Client) persist(ctx context.Context, what string, patience time.Duration, round func() []*url.URL, attempt func(ctx context.Context, node *url.URL) error) error {
	if patience == 0 {
		patience = c.patience
	}
	if deadline, ok := ctx.Deadline(); ok {
		patience = time.Until(deadline)
	} else if patience > 0 {
		bounded, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		ctx = bounded
	}
	var last error // the last answer says more than "context deadline exceeded"
	operation := func() (struct{}, error) {
		err, wait := c.once(ctx, round(), attempt)
		var final errFinal
		switch {
		case err == nil:
			return struct{}{}, nil
		case errors.As(err, &final):
			last = final.error
			return struct{}{}, backoff.Permanent(err)
		case ctx.Err() != nil:
			return struct{}{}, backoff.Permanent(err)
		}
		last = err
		if wait > 0 { // at least so long, and spread, so that not all who were told come back at once
			err = &backoff.RetryAfterError{Duration: wait + time.Duration(rand.Int64N(int64(wait)/4+1))}
		}
		return struct{}{}, err
	}
	_, err := backoff.Retry(ctx, operation,
		backoff.WithBackOff(fullJitter()),
		backoff.WithMaxElapsedTime(max(patience, 0))) // 0: no limit; else stop when the next wait would pass it
	var final errFinal
	switch {
	case err == nil:
		return nil
	case errors.As(err, &final):
		return fmt.Errorf("%s: %w", what, last)
	case ctx.Err() != nil && last != nil:
		return fmt.Errorf("%s: %w; before that: %w", what, context.Cause(ctx), last)
	case ctx.Err() != nil:
		return fmt.Errorf("%s: %w", what, context.Cause(ctx))
	}
	return fmt.Errorf("%s: no node served it: %w", what, last)
}

// once visits each node until one serves or refuses for good. Of nodes that did not serve it returns the last error and the
// longest wait that one asked for.
func (c *Client) once(ctx context.Context, round []*url.URL, attempt func(ctx context.Context, node *url.URL) error) (last error, wait time.Duration) {
	for _, node := range round {
		err := attempt(ctx, node)
		var busy errBusy
		var final errFinal
		switch {
		case err == nil:
			return nil, 0
		case errors.As(err, &final) || ctx.Err() != nil:
			return err, 0
		case errors.As(err, &busy):
			return err, busy.refused.RetryAfter
		}
		c.nodes.leave(node)
		last = err
		var refused *Error
		if errors.As(err, &refused) {
			wait = max(wait, refused.RetryAfter)
		}
	}
	return last, wait
}

// fullJitter waits between 0 and a cap that doubles from 100 ms to 4 s.
func fullJitter() backoff.BackOff {
	b := backoff.NewExponentialBackOff()
	b.InitialInterval = 50 * time.Millisecond // the mean; a factor of 1 makes it 0 to twice that
	b.RandomizationFactor = 1
	b.Multiplier = 2
	b.MaxInterval = 2 * time.Second
	return b
}
