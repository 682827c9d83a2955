package handlers

import (
	"net/url"
	"unicode/utf8"

	"stoker/fsm"
)

// workerLine is a worker as the operator sees it.
type workerLine struct {
	WorkerID  string   `json:"worker_id"`
	SessionID string   `json:"session_id"` // "": it opened none
	State     string   `json:"state"`
	Why       string   `json:"why"`
	GPU       string   `json:"gpu"`
	VRAM      int      `json:"vram_mb"`
	SDK       string   `json:"sdk"`
	Slots     int      `json:"slots"`
	Presets   []string `json:"presets"` // none: any
	Loaded    []string `json:"loaded"`  // warm in its memory
	Missing   []string `json:"missing"` // it reported that it has not what they need
	Leases    int      `json:"leases"`  // it holds
	Items     int      `json:"items"`   // in them
	Done      int64    `json:"done"`    // items, ever
	Failed    int64    `json:"failed"`
	Lost      int64    `json:"lost"`   // leases, ever
	Faults    int      `json:"faults"` // in a row
	LastGrant *string  `json:"last_grant"`
}

func workerLineOf(v *fsm.View, w fsm.Worker) workerLine {
	out := workerLine{
		WorkerID: w.ID, SessionID: w.Session, State: string(w.State), Why: w.Why,
		GPU: w.GPU, VRAM: w.VRAM, SDK: w.SDK, Slots: w.Slots,
		Presets: orNone(w.Presets), Loaded: orNone(w.Loaded), Missing: orNone(w.Missing),
		Done: w.Done, Failed: w.Failed, Lost: w.Lost, Faults: w.Faults,
	}
	if w.State == fsm.WorkerActive {
		out.State = "active"
	}
	for _, l := range v.WorkerLeases(w.ID) {
		out.Leases++
		out.Items += len(l.Held)
	}
	if w.GrantedAt != 0 {
		at := stampOf(w.GrantedAt)
		out.LastGrant = &at
	}
	return out
}

// adminWorkers lists the workers that have been here in the last day.
func (s *Server) adminWorkers(c *call) (any, error) {
	v, err := c.view()
	if err != nil {
		return nil, err
	}
	lines := []workerLine{}
	for _, w := range v.Workers() {
		lines = append(lines, workerLineOf(v, w))
	}
	return map[string][]workerLine{"workers": lines}, nil
}

// setWorker is the operator's word on a worker.
func setWorker(state fsm.WorkerState) func(*Server, *call) (any, error) {
	return func(_ *Server, c *call) (any, error) {
		id, err := c.workerID()
		if err != nil {
			return nil, err
		}
		var in struct {
			Why string `json:"why"`
		}
		if err := c.decode(&in); err != nil {
			return nil, err
		}
		if utf8.RuneCountInString(in.Why) > maxText {
			return nil, invalid("why", "may have %d characters", maxText)
		}
		w, err := apply(c, fsm.SetWorker{Worker: id, State: state, Why: in.Why})
		if err != nil {
			return nil, err
		}
		return map[string]workerLine{"worker": workerLineOf(c.local(), w)}, nil
	}
}

// workerID reads the path's worker, which may be escaped. What cannot be one is
// not found.
func (c *call) workerID() (string, error) {
	id, err := url.PathUnescape(c.param("id"))
	if err != nil || !saneWorker.MatchString(id) {
		return "", fsm.Refuse(fsm.NotFound, "no worker %.80q", c.param("id"))
	}
	return id, nil
}
