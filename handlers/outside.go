package handlers

import (
	"context"

	"stoker/fsm"
	"stoker/node"
	"stoker/objects"
)

// confirmOutside looks at a job's pictures where they are and says what it found.
// A store that cannot be asked is 503, and nothing has changed.
func (c *call) confirmOutside(outside *objects.Outside, id string) (fsm.Job, error) {
	j, err := c.ownJob()
	if err != nil {
		return j.Job, err
	}
	cmd := fsm.ConfirmOutside{User: c.user, Job: id}
	if j.Status == fsm.Created { // else the machine has something better to say
		if cmd.Found, err = outside.Inputs(c, j.Job); err != nil {
			return j.Job, err
		}
	}
	return apply(c, cmd)
}

// located names where the outputs of results are, if that is a store outside and
// they were made under a grant: what was uploaded to the grant's URLs is named in
// place of the usual keys, so that the entry publishes it. A worker that has a
// storage client of its own may have used the usual keys: they stand.
//
// Without a fence a result is of whoever holds the item, without a job of the
// fence's.
func (c *call) located(job string, fence uint64, results []fsm.ItemResult) error {
	outside := c.s.cfg.Objects.Outside()
	if outside == nil {
		return nil
	}
	v, err := c.s.node.Read(c, node.Linearizable)
	if err != nil {
		return err
	}
	defer v.Close()
	if job == "" {
		l, _ := v.Lease(fence)
		job = l.Job
	}
	j, found := v.Job(job)
	if !found {
		return nil // the machine has something to say to that
	}
	grants := map[int]uint64{}
	for _, it := range v.Items(job) {
		grants[it.Idx] = it.Fence
	}
	type place struct {
		named         *string
		usual, staged string
	}
	var places []place
	var keys []string
	for i := range results {
		r := &results[i]
		grant := grants[r.Idx]
		if !r.Done || grant == 0 || fence != 0 && grant != fence {
			continue // it is refused, or counts for nothing
		}
		for _, p := range []place{{named: &r.Output, usual: j.OutputKey(r.Idx)}, {named: &r.Preview, usual: j.PreviewKey(r.Idx)}} {
			if *p.named == "" || *p.named == p.usual {
				p.staged = objects.Staged(p.usual, grant)
				places, keys = append(places, p), append(keys, p.staged)
			}
		}
	}
	there, err := outside.Has(c, keys)
	if err != nil {
		return err
	}
	for _, p := range places {
		if there[p.staged] {
			*p.named = p.staged
		}
	}
	return nil
}

// storeTrouble is what is wrong with the store outside; "" for nothing, and where
// there is none.
func (s *Server) storeTrouble(ctx context.Context) string {
	outside := s.cfg.Objects.Outside()
	if outside == nil {
		return ""
	}
	return outside.Trouble(ctx)
}

// storeStatus is the store outside for the operator.
type storeStatus struct {
	At      string `json:"at"`      // endpoint and bucket
	Trouble string `json:"trouble"` // "": it answers
}

func (s *Server) storeStatus(ctx context.Context) *storeStatus {
	outside := s.cfg.Objects.Outside()
	if outside == nil {
		return nil
	}
	return &storeStatus{outside.String(), outside.Trouble(ctx)}
}

// inputsHere refuses to give a job's pictures to another job where they are not
// the cluster's own.
func (s *Server) inputsHere() error {
	if s.cfg.Objects.Outside() == nil {
		return nil
	}
	return invalid("job_id", "its pictures are in a store outside, where they cannot be given to another job; its owner uploads them again")
}
