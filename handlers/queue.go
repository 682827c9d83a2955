package handlers

import (
	"context"
	"regexp"
	"time"

	"stoker/fsm"
)

// Bounds of a poll, from the contract.
const (
	maxLeaseItems     = 64
	defaultLeaseItems = 16
	maxWait           = 60 // seconds
	defaultWait       = 30
	maxDelay          = 3600 // seconds that released work may be held back
)

// leastWait is what a poll that will not wait waits all the same: the way to the
// leader and the log's entry take their time, and without it would find nothing.
const leastWait = 200 * time.Millisecond

// saneWorker is what a worker or a poll may be called.
var saneWorker = regexp.MustCompile(`^[\x21-\x7e]{1,128}$`)

// lease waits for work and hands it out.
func (s *Server) lease(c *call) (any, error) {
	var in struct {
		WorkerID string   `json:"worker_id"`
		PollID   string   `json:"poll_id"`
		Presets  []string `json:"presets"`
		MaxItems *whole   `json:"max_items"`
		WaitS    *whole   `json:"wait_s"`
	}
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	most, wait := orElse(in.MaxItems, defaultLeaseItems), orElse(in.WaitS, defaultWait)
	var wrong flaws
	wrong.unless(saneWorker.MatchString(in.WorkerID), "worker_id", "must be 1 to 128 visible ASCII characters")
	wrong.unless(in.PollID == "" || saneWorker.MatchString(in.PollID), "poll_id", "must be 1 to 128 visible ASCII characters")
	wrong.unless(most >= 1 && most <= maxLeaseItems, "max_items", "must be 1 to %d", maxLeaseItems)
	wrong.unless(wait >= 0 && wait <= maxWait, "wait_s", "must be 0 to %d", maxWait)
	wrong.unless(len(in.Presets) <= maxConcepts, "presets", "may name %d presets", maxConcepts)
	for _, preset := range in.Presets {
		wrong.unless(len(preset) >= 1 && len(preset) <= maxName, "presets", "has a name that is empty or too long")
	}
	if err := wrong.refusal(); err != nil {
		return nil, err
	}
	patience := max(time.Duration(wait)*time.Second, leastWait)
	ctx, cancel := context.WithTimeout(s.parked, patience+s.cfg.Timeout)
	defer cancel()
	g, err := s.cfg.Queue.Poll(ctx, fsm.Want{
		Worker: in.WorkerID, Poll: in.PollID, Presets: in.Presets, Max: int(most),
	}, patience)
	switch {
	case err != nil && s.parked.Err() != nil:
		return noContent{}, nil // the node is leaving, and the worker finds another
	case err != nil:
		return nil, err
	case g == nil:
		return noContent{}, nil
	}
	return messageOf(c, g)
}

func orElse(n *whole, otherwise whole) whole {
	if n == nil {
		return otherwise
	}
	return *n
}

// heartbeat renews a lease and says which of its items to drop. Progress is for
// the worker's own log: a renewal costs no entry, so nothing of it is kept.
func (s *Server) heartbeat(c *call) (any, error) {
	fence, err := c.fence()
	if err != nil {
		return nil, err
	}
	var in struct {
		Progress []struct {
			Idx     whole   `json:"idx"`
			Percent float64 `json:"percent"`
		} `json:"progress"`
	}
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	var wrong flaws
	for _, p := range in.Progress {
		wrong.unless(p.Percent >= 0 && p.Percent <= 100, "progress", "item %d: percent must be 0 to 100", p.Idx)
	}
	if err := wrong.refusal(); err != nil {
		return nil, err
	}
	beat, err := s.cfg.Queue.Heartbeat(c, fence)
	if err != nil {
		return nil, err
	}
	if beat.Cancel == nil {
		beat.Cancel = []int{}
	}
	return struct {
		ExpiresAt string `json:"expires_at"`
		Cancel    []int  `json:"cancel"`
	}{stampOf(time.Now().Add(beat.TTL).UnixNano()), beat.Cancel}, nil
}

// results reports items of a lease.
func (s *Server) results(c *call) (any, error) {
	fence, err := c.fence()
	if err != nil {
		return nil, err
	}
	var in struct {
		Results []resultBody `json:"results"`
	}
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	var wrong flaws
	wrong.unless(len(in.Results) >= 1 && len(in.Results) <= maxLeaseItems, "results", "must hold 1 to %d results", maxLeaseItems)
	cmd := fsm.Report{Fence: fence}
	for _, r := range in.Results {
		r.check(&wrong)
		cmd.Results = append(cmd.Results, r.result())
	}
	if err := wrong.refusal(); err != nil {
		return nil, err
	}
	a, err := apply(c, cmd)
	if err != nil {
		return nil, err
	}
	return struct {
		Processed  int        `json:"processed"`
		Duplicates int        `json:"duplicates"`
		JobStatus  fsm.Status `json:"job_status"`
	}{a.Processed, a.Duplicates, a.JobStatus}, nil
}

// release gives work back.
func (s *Server) release(c *call) (any, error) {
	fence, err := c.fence()
	if err != nil {
		return nil, err
	}
	var in struct {
		Items  []whole `json:"items"`
		DelayS whole   `json:"delay_s"`
		Reason string  `json:"reason"`
	}
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	var wrong flaws
	wrong.unless(len(in.Items) <= maxLeaseItems, "items", "may name %d items", maxLeaseItems)
	wrong.unless(in.DelayS >= 0 && in.DelayS <= maxDelay, "delay_s", "must be 0 to %d", maxDelay)
	cmd := fsm.Release{Fence: fence, Delay: int64(in.DelayS) * int64(time.Second), Reason: clip(in.Reason)}
	for _, idx := range in.Items {
		wrong.unless(saneIdx(idx), "items", "%d is no item", idx)
		cmd.Items = append(cmd.Items, int(idx))
	}
	if err := wrong.refusal(); err != nil {
		return nil, err
	}
	a, err := apply(c, cmd)
	if err != nil {
		return nil, err
	}
	return map[string]int{"requeued": a.Requeued}, nil
}

// fence reads the path's lease. What cannot be one has been lost, or never was.
func (c *call) fence() (uint64, error) {
	fence, ok := fsm.ParseLease(c.param("lease_id"))
	if !ok {
		return 0, fsm.Refuse(fsm.LeaseLost, "no lease %.80q", c.param("lease_id"))
	}
	return fence, nil
}
