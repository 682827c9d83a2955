package handlers

import (
	"unicode/utf8"

	"stoker/fsm"
)

// maxDetail is how much of a worker's error is kept, in bytes. A longer one is
// clipped: refusing it would lose the result it came with.
const maxDetail = 1000

// resultBody is what became of one item, in results and callbacks.
type resultBody struct {
	Idx        *whole `json:"idx"`
	Status     string `json:"status"`
	OutputKey  string `json:"output_key"`
	PreviewKey string `json:"preview_key"`
	Error      string `json:"error"`
	Retryable  bool   `json:"retryable"`
}

func (r resultBody) check(wrong *flaws) {
	wrong.unless(r.Idx != nil, "idx", "is required")
	wrong.unless(r.Idx == nil || saneIdx(*r.Idx), "idx", "is no item")
	switch r.Status {
	case "done", "completed", "failed":
	case "":
		wrong.unless(false, "status", "is required")
	default:
		wrong.unless(false, "status", "must be done, completed or failed")
	}
	wrong.unless(len(r.OutputKey) <= 1024, "output_key", "is too long")
	wrong.unless(len(r.PreviewKey) <= 1024, "preview_key", "is too long")
}

// result is the body for the machine, once check found nothing.
func (r resultBody) result() fsm.ItemResult {
	out := fsm.ItemResult{
		Done: r.Status != "failed", Output: r.OutputKey, Preview: r.PreviewKey,
		Error: clip(r.Error), Retryable: r.Retryable,
	}
	if r.Idx != nil {
		out.Idx = int(*r.Idx)
	}
	return out
}

// leasedResult is a result under a lease, which may say what went wrong and what
// it cost.
type leasedResult struct {
	resultBody
	Cause     string `json:"cause"`
	GPUMillis whole  `json:"gpu_ms"`
}

func (r leasedResult) check(wrong *flaws) {
	r.resultBody.check(wrong)
	wrong.unless(r.GPUMillis >= 0, "gpu_ms", "must not be negative")
}

func (r leasedResult) result() fsm.ItemResult {
	out := r.resultBody.result()
	out.Cause, out.GPUMillis = fsm.Cause(clip(r.Cause)), int64(r.GPUMillis)
	return out
}

// saneIdx keeps numbers that no item has out of the keys they would become.
func saneIdx(idx whole) bool { return idx >= 0 && idx < 1<<31 }

// clip shortens a text without breaking a character.
func clip(text string) string {
	if len(text) <= maxDetail {
		return text
	}
	end := maxDetail
	for !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end]
}

// callback takes one item's result the way the existing worker sends it. With
// ?lease= it counts only while that lease is held. The body's idempotency_key is
// not needed and not kept: an item is final once, under whatever key.
func (s *Server) callback(c *call) (any, error) {
	id, err := c.jobID()
	if err != nil {
		return nil, err
	}
	var fence uint64
	if lease := c.query("lease"); lease != "" {
		var ok bool
		if fence, ok = fsm.ParseLease(lease); !ok {
			return nil, fsm.Refuse(fsm.LeaseLost, "no lease %.80q", lease)
		}
	}
	var in resultBody
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	var wrong flaws
	in.check(&wrong)
	if err := wrong.refusal(); err != nil {
		return nil, err
	}
	results := []fsm.ItemResult{in.result()}
	if err := c.located(id, fence, results); err != nil {
		return nil, err
	}
	a, err := apply(c, fsm.Callback{Job: id, Fence: fence, Result: results[0]})
	if err != nil {
		return nil, err
	}
	return map[string]bool{"processed": a.Processed}, nil
}
