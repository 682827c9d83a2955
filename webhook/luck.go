package webhook

import (
	"sync/atomic"

	"stoker/fsm"
)

// luck says when a batch is out of it: nothing has arrived, and enough has failed
// that the webhook counts as down.
type luck struct{ arrived, failed atomic.Int32 }

func (l *luck) count(arrived bool) {
	if arrived {
		l.arrived.Add(1)
	} else {
		l.failed.Add(1)
	}
}

func (l *luck) out() bool { return l.arrived.Load() == 0 && l.failed.Load() >= fsm.DownAfter }
