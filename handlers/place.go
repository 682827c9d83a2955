package handlers

import "stoker/fsm"

// place is where a job's waiting work stands.
type place struct {
	Position int    `json:"position"` // of its first ready item, from 1; 0: all of it waits for a back-off
	ETA      *int   `json:"eta_s"`    // until that item is handed out; null: nobody knows
	Reason   string `json:"reason"`   // in words
}

// placeOf is nil unless the job has items that wait for a worker.
func placeOf(v *fsm.View, j fsm.Job) *place {
	if j.Status != fsm.Queued && j.Status != fsm.Running {
		return nil
	}
	e, ok := v.Explain(j.ID)
	if !ok || e.Ready+e.Backoff == 0 {
		return nil
	}
	p := explained(e)
	return &p
}

func explained(e fsm.Explanation) place {
	p := place{Position: e.Position, Reason: e.Reason}
	if e.ETA >= 0 {
		eta := seconds(e.ETA)
		p.ETA = &eta
	}
	return p
}
