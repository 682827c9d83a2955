package handlers

import (
	"time"

	"stoker/fsm"
	"stoker/queue"
)

// maxDelay is for how many seconds released work may be held back.
const maxDelay = 3600

// percent is how far a worker has come with one item.
type percent struct {
	Idx     whole   `json:"idx"`
	Percent float64 `json:"percent"`
}

// progressOf checks what a worker says of a lease's items.
func progressOf(wrong *flaws, said []percent) []queue.Progress {
	wrong.unless(len(said) <= maxLeaseItems, "progress", "may name %d items", maxLeaseItems)
	var out []queue.Progress
	for _, p := range said {
		wrong.unless(saneIdx(p.Idx), "progress", "%d is no item", p.Idx)
		wrong.unless(p.Percent >= 0 && p.Percent <= 100, "progress", "item %d: percent must be 0 to 100", p.Idx)
		out = append(out, queue.Progress{Idx: int(p.Idx), Percent: p.Percent})
	}
	return out
}

// heartbeat renews a lease and says which of its items to drop. Neither that nor
// the progress costs an entry of the log: streams show it while it is fresh.
func (s *Server) heartbeat(c *call) (any, error) {
	fence, err := c.fence()
	if err != nil {
		return nil, err
	}
	var in struct {
		Progress []percent `json:"progress"`
	}
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	var wrong flaws
	progress := progressOf(&wrong, in.Progress)
	if err := wrong.refusal(); err != nil {
		return nil, err
	}
	beat, err := s.cfg.Queue.Heartbeat(c, fence, progress)
	if err != nil {
		return nil, err
	}
	return struct {
		ExpiresAt string `json:"expires_at"`
		Cancel    []int  `json:"cancel"`
	}{inTime(beat.TTL), orNone(beat.Cancel)}, nil
}

// inTime renders the moment that is d away.
func inTime(d time.Duration) string { return stampOf(time.Now().Add(d).UnixNano()) }

// orNone gives a list that renders as [].
func orNone[E any](list []E) []E {
	if list == nil {
		return []E{}
	}
	return list
}

// results reports items of a lease.
func (s *Server) results(c *call) (any, error) {
	fence, err := c.fence()
	if err != nil {
		return nil, err
	}
	var in struct {
		Results []leasedResult `json:"results"`
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
	if err := c.located("", fence, cmd.Results); err != nil {
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
