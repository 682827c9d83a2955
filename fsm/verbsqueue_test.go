package fsm

import (
	"fmt"
	"slices"
	"strings"
)

// lease worker=w1 max=4 [poll=p] [presets=a,b] [warm=w2] [budgets]; worker=w1,w2
// are two wants in one command. A worker that is warm has interior loaded, or
// what loaded= names.
func leaseVerb(_ *stage, w words) ([]act, error) {
	most, err := w.integer("max", 16)
	if err != nil {
		return nil, err
	}
	var c Lease
	for worker := range strings.SplitSeq(w["worker"], ",") {
		want := Want{Worker: worker, Poll: w["poll"], Presets: w.list("presets"), Max: int(most)}
		if slices.Contains(w.list("warm"), worker) {
			if want.Loaded = w.list("loaded"); want.Loaded == nil {
				want.Loaded = []string{"interior"}
			}
		}
		c.Wants = append(c.Wants, want)
	}
	return single(does(c, func(a LeasedWork) string {
		var told []string
		for _, g := range a.Grants {
			if g == nil {
				told = append(told, "nothing")
				continue
			}
			l := g.Lease
			told = append(told, fmt.Sprintf("fence=%d %s/%s attempt=%d", l.Fence, l.Job, ranges(l.Granted), l.Attempt))
			if w.has("budgets") {
				told[len(told)-1] += fmt.Sprintf(" load=%s exec=%s budget=%s", clock(dawn+g.Load), clock(dawn+g.Exec), clock(dawn+l.Budget))
			}
		}
		if a.RetryAt != 0 {
			told = append(told, "ask again at "+clock(a.RetryAt))
		}
		return strings.Join(told, "; ")
	}), nil)
}

// item reads what became of an item: done, failed, error=…, retryable, cause=oom,
// gpu=900 (ms); keys names the outputs that the contract gives it, output= and preview= others.
func (w words) item(j Job, idx int) ItemResult {
	r := ItemResult{Idx: idx, Done: w.has("done"), Error: w["error"], Retryable: w.has("retryable"), Output: w["output"], Preview: w["preview"]}
	if w.has("keys") {
		r.Output, r.Preview = j.OutputKey(idx), j.PreviewKey(idx)
	}
	r.Cause = Cause(w["cause"])
	r.GPUMillis, _ = w.integer("gpu", 0)
	return r
}

// result fence=7 items=0-3 done keys
func resultVerb(s *stage, w words) ([]act, error) {
	fence, err := w.number("fence", 0)
	if err != nil {
		return nil, err
	}
	v := s.m.View()
	defer v.Close()
	l, _ := v.Lease(fence)
	j, _ := v.Job(l.Job)
	list, err := unranges(w["items"])
	c := Report{Fence: fence}
	for _, idx := range list {
		c.Results = append(c.Results, w.item(j, idx))
	}
	return single(does(c, func(a Reported) string {
		return fmt.Sprintf("processed=%d duplicates=%d job=%s", a.Processed, a.Duplicates, a.JobStatus)
	}), err)
}

// release fence=7 [items=0,1] [reason=drain] [delay=5s]
func releaseVerb(_ *stage, w words) ([]act, error) {
	fence, err := w.number("fence", 0)
	if err != nil {
		return nil, err
	}
	delay, err := w.length("delay")
	if err != nil {
		return nil, err
	}
	list, err := unranges(w["items"])
	return single(does(Release{Fence: fence, Items: list, Delay: delay, Reason: w["reason"]}, func(a Released) string {
		return fmt.Sprintf("requeued=%d", a.Requeued)
	}), err)
}

// callback job=j1 item=0 done [fence=7]
func callbackVerb(s *stage, w words) ([]act, error) {
	fence, err := w.number("fence", 0)
	if err != nil {
		return nil, err
	}
	idx, err := w.integer("item", 0)
	v := s.m.View()
	defer v.Close()
	j, _ := v.Job(w["job"])
	c := Callback{Job: w["job"], Fence: fence, Result: w.item(j, int(idx))}
	return single(does(c, func(a CalledBack) string { return fmt.Sprintf("processed=%v", a.Processed) }), err)
}

// silent fences=7,8 [confirmed] [overran] [term=2]: the leader of the term says that
// nobody renewed these leases.
func silentVerb(s *stage, w words) ([]act, error) {
	term, err := w.number("term", s.term)
	if err != nil {
		return nil, err
	}
	list, err := unranges(w["fences"])
	c := ExpireLeases{Term: term}
	for _, fence := range list {
		c.Leases = append(c.Leases, Silence{Fence: uint64(fence), Confirmed: w.has("confirmed"), Overran: w.has("overran")})
	}
	return single(does(c, func(a LeasesExpired) string { return fmt.Sprintf("ended=%d", a.Ended) }), err)
}

// shows are the verbs that look and change nothing.
var shows = map[string]func(*View, words) (string, error){
	"show-members": showMembers, "show-join-tokens": showJoinTokens,
	"show-user": func(v *View, w words) (string, error) {
		u, ok := v.User(w["user"])
		if !ok {
			return "no such user", nil
		}
		return tellUser(u), nil
	},
	"show-backups": showBackups, "show-epochs": showEpochs, "show-copies": showCopies,
	"show-ledger": func(v *View, w words) (string, error) {
		var lines []string
		for e := range v.Ledger(w["user"], Mark{}) {
			lines = append(lines, strings.TrimSpace(fmt.Sprintf("%s %+d = %d %s", e.Type, e.Amount, e.Balance, e.Ref)))
		}
		return fmt.Sprintf("%d entries\n%s", len(lines), strings.Join(lines, "\n")), nil
	},
	"show-history": func(v *View, w words) (string, error) {
		var lines []string
		for e := range v.History(w["job"], Mark{}) {
			who := "job"
			if e.Item != nil {
				who = fmt.Sprintf("item %d", *e.Item)
			}
			line := fmt.Sprintf("%s: %s > %s", who, e.From, e.To)
			if e.By != "" {
				line += " by " + e.By
			}
			if e.Detail != "" {
				line += " (" + e.Detail + ")"
			}
			lines = append(lines, line)
		}
		return fmt.Sprintf("%d events\n%s", len(lines), strings.Join(lines, "\n")), nil
	},
	"show-item": func(v *View, w words) (string, error) {
		idx, err := w.number("item", 0)
		list := v.Items(w["job"])
		if err != nil || int(idx) >= len(list) {
			return "no such item", err
		}
		it := list[idx]
		return fmt.Sprintf("%s attempt=%d lost=%d unconfirmed=%d error=%q", standing(v, it), it.Attempt(), it.Tries[Lost], it.Unconfirmed, it.Error), nil
	},
	"show-lease": func(v *View, w words) (string, error) {
		fence, err := w.number("fence", 0)
		l, ok := v.Lease(fence)
		if !ok {
			return "forgotten", err
		}
		return fmt.Sprintf("%s holds=%s ended=%q drop=%s", l.Worker, ranges(l.Held), l.Ended, ranges(v.Dropped(l))), err
	},
	"show-object": func(v *View, w words) (string, error) {
		o, ok := v.Object("photos", w["key"])
		if !ok {
			return "none", nil
		}
		line := fmt.Sprintf("upload=%s size=%d", o.Upload, o.Size)
		if o.File != "" {
			line += " file=" + o.File
		}
		return line, nil
	},
	"show-timer": func(v *View, _ words) (string, error) {
		if due := v.NextTimer(); due != 0 {
			return clock(due), nil
		}
		return "none", nil
	},
}
