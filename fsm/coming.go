package fsm

import "stoker/store"

// Coming says what work an entry of such proposals would make ready, by preset, as far as the view can tell: a job that is executed,
// or whose last picture comes and that goes on by itself, unless its preset is paused. What it says is a guess and binds nobody: a
// proposal may be refused, and the view may be behind.
func (v *View) Coming(entry []Proposal) map[string]int {
	var out map[string]int
	for i := range entry {
		j, ok := v.next(&entry[i])
		if !ok || paused(v, j.Preset) {
			continue
		}
		if out == nil {
			out = map[string]int{}
		}
		out[j.Preset] += j.Total
	}
	return out
}

// next gives the job that a proposal takes to the queue.
func (v *View) next(p *Proposal) (Job, bool) {
	switch p.Kind {
	case kindOf(ExecuteJob{}):
		var c ExecuteJob
		if decoder.Unmarshal(p.Body, &c) != nil || len(c.Job) > maxName {
			return Job{}, false
		}
		j, ok := jobs.Get(v, store.Str(c.Job))
		return j, ok && j.User == c.User && j.mayBecome(Queued) == nil
	case kindOf(PutObject{}):
		var c PutObject
		if decoder.Unmarshal(p.Body, &c) != nil || len(c.Object.Key) > maxName {
			return Job{}, false
		}
		kind, id, idx, ok := parseKey(c.Object.Key)
		if !ok || kind != "inputs" {
			return Job{}, false
		}
		j, ok := jobs.Get(v, store.Str(id))
		if !ok || j.Auto == nil || j.Status != Created {
			return Job{}, false
		}
		s, _ := settings.Get(v, store.Uint(j.Settings))
		return j, wholeBut(v, &s, j, idx)
	}
	return Job{}, false
}
