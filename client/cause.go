package client

import (
	"errors"
	"math"
	"time"
)

// Cause is why an attempt at an item came to nothing. Causes decide how often and how soon the cluster tries again.
type Cause string

// The causes that a worker may name.
const (
	CauseTransient    Cause = "transient"     // anything that may go better next time
	CauseOOM          Cause = "oom"           // memory, of the GPU or the machine: next time alone on a worker
	CauseTimeout      Cause = "timeout"       // it took longer than its budget
	CauseModelMissing Cause = "model_missing" // this worker has not what the preset needs: next time another one
	CauseBadInput     Cause = "bad_input"     // the picture itself: final, refunded
	CausePreempted    Cause = "preempted"     // the machine was taken away: burns no attempt
)

// longestDelay is the most that released work may be held back.
const longestDelay = time.Hour

// fault is an error with its cause.
type fault struct {
	error
	cause Cause
	after time.Duration // RetryAfter's
}

func (f fault) Unwrap() error { return f.error }

// BadInput marks an error that is the picture's fault: the item fails now and for good, and is refunded.
func BadInput(err error) error { return mark(err, CauseBadInput, 0) }

// Retryable marks an error that is not: another attempt, here or elsewhere, may do better while attempts are left. It is what an
// unmarked error means too; the mark says that somebody thought about it, and wins over a BadInput inside. So it is with all
// marks: the outermost counts.
func Retryable(err error) error { return mark(err, CauseTransient, 0) }

// OutOfMemory marks an error for want of GPU or host memory. The next attempt has a lease of its own.
func OutOfMemory(err error) error { return mark(err, CauseOOM, 0) }

// ModelMissing marks that this worker cannot do the item's preset. It is not granted that preset again before its next boot.
func ModelMissing(err error) error { return mark(err, CauseModelMissing, 0) }

// Timeout marks that the handler itself ran out of time. An unmarked error after [ErrOverBudget] means the same.
func Timeout(err error) error { return mark(err, CauseTimeout, 0) }

// RetryAfter is Retryable and says when another attempt is worth it: d from now, in whole seconds, one hour at most.
func RetryAfter(err error, d time.Duration) error {
	return mark(err, CauseTransient, max(d, time.Second))
}

// mark never makes a success of a nil error: whoever marks says that something went wrong.
func mark(err error, cause Cause, after time.Duration) error {
	if err == nil {
		err = errors.New(string(cause))
	}
	return fault{err, cause, after}
}

// causeOf gives the outermost mark; an unmarked error has none.
func causeOf(err error) (cause Cause, after time.Duration) {
	var f fault
	if errors.As(err, &f) {
		return f.cause, f.after
	}
	return "", 0
}

// seconds rounds up: asked again too early, the trouble is still there.
func seconds(d time.Duration) int { return int(math.Ceil(min(d, longestDelay).Seconds())) }
