package handlers

import (
	"context"
	"time"

	"stoker/fsm"
	"stoker/node"
	"stoker/queue"
)

// Bounds of a control request, in seconds.
const (
	maxControl     = 30
	defaultControl = 20
)

// controlBody is what a worker says of all that it holds.
type controlBody struct {
	WorkerID  string `json:"worker_id"`
	SessionID string `json:"session_id"`
	Leases    []struct {
		LeaseID  string    `json:"lease_id"`
		Progress []percent `json:"progress"`
	} `json:"leases"`
	Told []struct {
		LeaseID string  `json:"lease_id"`
		Idx     []whole `json:"idx"`
	} `json:"told"`
	WaitS *whole `json:"wait_s"`
}

// control renews all leases of a worker and waits for something that it does not
// know: a cancel, a lost lease, a directive.
func (s *Server) control(c *call) (any, error) {
	var in controlBody
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	ask, err := in.ask()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(node.WithRequest(s.parked, c.id), ask.Wait+s.cfg.Timeout)
	defer cancel()
	defer s.count.park(parkedControl)()
	a, err := s.cfg.Queue.Control(ctx, ask)
	if err != nil {
		return nil, err
	}
	return controlOf(a, time.Duration(c.local().Settings().LeaseTTL)), nil
}

// ask checks the body and gives what it means to the queue.
func (in controlBody) ask() (queue.ControlAsk, error) {
	wait := orElse(in.WaitS, defaultControl)
	var wrong flaws
	wrong.unless(saneWorker.MatchString(in.WorkerID), "worker_id", "must be 1 to 128 visible ASCII characters")
	wrong.unless(in.SessionID == "" || saneWorker.MatchString(in.SessionID), "session_id", "must be 1 to 128 visible ASCII characters")
	wrong.unless(wait >= 0 && wait <= maxControl, "wait_s", "must be 0 to %d", maxControl)
	wrong.unless(len(in.Leases) <= maxHeld, "leases", "may name %d leases", maxHeld)
	wrong.unless(len(in.Told) <= maxHeld, "told", "may name %d leases", maxHeld)
	ask := queue.ControlAsk{Worker: in.WorkerID, Told: map[uint64][]int{}, Wait: time.Duration(wait) * time.Second}
	for _, l := range in.Leases {
		ask.Leases = append(ask.Leases, queue.LeaseBeat{
			Fence: leaseNamed(&wrong, "leases", l.LeaseID), Progress: progressOf(&wrong, l.Progress),
		})
	}
	for _, l := range in.Told {
		fence := leaseNamed(&wrong, "told", l.LeaseID)
		wrong.unless(len(l.Idx) <= maxLeaseItems, "told", "may name %d items", maxLeaseItems)
		for _, idx := range l.Idx {
			ask.Told[fence] = append(ask.Told[fence], int(idx))
		}
	}
	return ask, wrong.refusal()
}

type controlled struct {
	Directive string       `json:"directive"`
	TTLS      int          `json:"ttl_s"`
	Leases    []leaseState `json:"leases"`
	Lost      []string     `json:"lost"`
}

type leaseState struct {
	LeaseID   string `json:"lease_id"`
	ExpiresAt string `json:"expires_at"`
	Cancel    []int  `json:"cancel"` // items to drop, told before or not
}

func controlOf(a queue.ControlAnswer, ttl time.Duration) controlled {
	out := controlled{Directive: a.Directive, TTLS: int(ttl / time.Second), Leases: []leaseState{}, Lost: []string{}}
	for _, l := range a.Leases {
		out.Leases = append(out.Leases, leaseState{fsm.LeaseRow{Fence: l.Fence}.ID(), inTime(l.TTL), orNone(l.Cancel)})
	}
	for _, fence := range a.Lost {
		out.Lost = append(out.Lost, fsm.LeaseRow{Fence: fence}.ID())
	}
	return out
}
