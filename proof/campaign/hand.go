package campaign

import (
	"fmt"
	"math/rand/v2"
	"net/url"
	"sync"
	"time"

	"stoker/proof/judge"
)

// hand is a worker that speaks the protocol itself, and not always as it should: it reports fifty times, says nothing, sleeps
// longer than its lease lives.
type hand struct {
	*campaign
	client int
	dice   *rand.Rand
	life   int // a worker that has misbehaved goes on under another name, or it would be in quarantine
}

// lease is what a poll brought.
type lease struct {
	LeaseID string `json:"lease_id"`
	Fence   uint64 `json:"fence"`
	JobID   string `json:"job_id"`
	UserID  string `json:"user_id"`
	Items   []struct {
		Idx       int
		OutputURL string `json:"output_url"`
		OutputKey string `json:"output_key"`
	}
}

// fences are all that were ever granted, and to which poll.
type fences struct {
	mu   sync.Mutex
	held map[uint64]string
}

// take notes who was given a fence; another one who has had it is an error's other half.
func (f *fences) take(fence uint64, by string) (other string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if was, known := f.held[fence]; known && was != by {
		return was
	}
	f.held[fence] = by
	return ""
}

func (h *hand) name() string { return fmt.Sprintf("w%d-%d", h.client, h.life) }

func (h *hand) anywhere() int { return h.dice.IntN(h.places()) }

// work takes leases until the load ends.
func (h *hand) work() {
	for !h.over() {
		call := h.now()
		l, poll := h.poll()
		if l == nil {
			continue
		}
		by := h.name() + " " + poll
		if other := h.fences.take(l.Fence, by); other != "" {
			h.verdicts.violate(ruleFence, "fence %d was given to %s and to %s", l.Fence, other, by)
		}
		h.verdicts.passed(ruleFence)
		u := h.crowd.find(l.UserID)
		if u == nil || !u.join() {
			continue // retired: the lease runs out
		}
		o := judge.Op{Kind: judge.Lease, Client: h.client, Job: l.JobID, Call: call}
		for _, it := range l.Items {
			o.Results = append(o.Results, judge.Result{Idx: it.Idx})
		}
		h.finish(&o, answer{})
		u.record(o)
		u.exit()
		h.treat(u, l)
	}
}

// poll parks a poll, and repeats it elsewhere until it is answered; the same poll gets the same grant.
func (h *hand) poll() (*lease, string) {
	id := fmt.Sprintf("p%d", h.number())
	body := map[string]any{"worker_id": h.name(), "max_items": 1 + h.dice.IntN(3), "wait_s": 2, "poll_id": id, "presets": []string{"interior"}}
	place := h.anywhere()
	for try := range 4 {
		got := h.once((place+try)%h.places(), request{method: "POST", path: "/queue/lease", token: h.where.WorkerToken, body: body})
		if got.status == 204 {
			return nil, ""
		}
		if got.code == "" {
			if l, err := decode[lease](got.data); err == nil && l.LeaseID != "" {
				return &l, id
			}
			return nil, ""
		}
		time.Sleep(100 * time.Millisecond)
	}
	return nil, ""
}

// treat does with a lease what workers do, and what they should not.
func (h *hand) treat(u *user, l *lease) {
	time.Sleep(time.Duration(h.dice.IntN(40)) * time.Millisecond)
	switch n := h.dice.IntN(200); {
	case n < 1:
		h.life++ // it has died: nobody hears of it again
	case n < 2 && h.For > 3*time.Minute:
		h.oversleep(u, l)
	case n < 6:
		h.once(h.anywhere(), h.under(l, "release", map[string]any{"reason": "drain"}))
	case n < 60:
		for _, it := range l.Items {
			h.callback(u, l, it.Idx, h.dice.IntN(4) > 0)
		}
	default:
		h.report(u, l)
	}
}

func (h *hand) under(l *lease, verb string, body any) request {
	return request{method: "POST", path: "/queue/leases/" + l.LeaseID + "/" + verb, token: h.where.WorkerToken, body: body, limit: 6 * time.Second}
}

// oversleep confirms the lease and says nothing for longer than it lives; what it reports then is another's by now.
func (h *hand) oversleep(u *user, l *lease) {
	h.once(h.anywhere(), h.under(l, "heartbeat", map[string]any{}))
	h.rest(63 * time.Second)
	h.report(u, l)
	h.life++
}

func (h *hand) ends() judge.Result { return judge.Result{Done: h.dice.IntN(10) > 0} }

// report reports all items at once; now and then it has uploaded something first.
func (h *hand) report(u *user, l *lease) {
	o := judge.Op{Kind: judge.Report, Client: h.client, Job: l.JobID}
	var body []map[string]any
	var delivered []int
	for _, it := range l.Items {
		r := h.ends()
		r.Idx = it.Idx
		o.Results = append(o.Results, r)
		one := map[string]any{"idx": it.Idx, "status": statusOf(r)}
		if r.Done && h.dice.IntN(10) == 0 && h.deliver(l, it.OutputURL, it.Idx) {
			one["output_key"] = it.OutputKey
			delivered = append(delivered, it.Idx)
		}
		body = append(body, one)
	}
	if got := h.persist(u, o, h.under(l, "results", map[string]any{"results": body})); got.Code == "" && got.Processed == len(body) {
		u.mu.Lock()
		for _, idx := range delivered {
			u.results = append(u.results, result{l.JobID, idx})
		}
		u.mu.Unlock()
	}
}

// result names a picture that was delivered and counted.
type result struct {
	job string
	idx int
}

func statusOf(r judge.Result) string {
	if r.Done {
		return "done"
	}
	return "failed"
}

// deliver uploads a result that says whose it is.
func (h *hand) deliver(l *lease, to string, idx int) bool {
	at, err := url.Parse(to)
	if err != nil {
		return false
	}
	got := h.once(h.anywhere(), request{method: "PUT", path: at.RequestURI(), host: at.Host, body: resultOf(l.JobID, idx)})
	return got.code == ""
}

// resultOf is what a result holds.
func resultOf(job string, idx int) []byte { return fmt.Appendf(nil, "%s/%d\n", job, idx) }

// callback reports one item the old way: with its lease or without, once or fifty times at once.
func (h *hand) callback(u *user, l *lease, idx int, leased bool) {
	r := h.ends()
	r.Idx = idx
	o := judge.Op{Kind: judge.Callback, Client: h.client, Job: l.JobID, Results: []judge.Result{r}}
	path := "/jobs/" + l.JobID + "/callback"
	if leased {
		path += "?lease=" + url.QueryEscape(l.LeaseID)
	}
	req := request{
		method: "POST", path: path, token: h.where.WorkerToken, limit: 6 * time.Second,
		body: map[string]any{"idx": idx, "status": statusOf(r), "idempotency_key": fmt.Sprintf("%s:%d", l.JobID, idx)},
	}
	if h.dice.IntN(50) > 0 {
		h.persist(u, o, req)
		return
	}
	var all sync.WaitGroup
	for i := range 50 {
		all.Go(func() {
			if u.join() {
				defer u.exit()
				h.attempt(u, o, (i+int(l.Fence))%h.places(), req)
			}
		})
	}
	all.Wait()
}

// persist sends a word of a worker until it is taken or refused. Each attempt is an operation of its own: what a worker says has
// no key, it is the item that is final once.
func (h *hand) persist(u *user, o judge.Op, r request) judge.Op {
	place := h.anywhere()
	for try := range 6 {
		if !u.join() {
			break
		}
		said, got := h.attempt(u, o, (place+try)%h.places(), r)
		u.exit()
		if got.known() && !got.nothing() {
			return said
		}
		time.Sleep(200 * time.Millisecond)
	}
	return judge.Op{Code: judge.Unknown}
}

func (h *hand) attempt(u *user, o judge.Op, place int, r request) (judge.Op, answer) {
	o.Call, o.Node = h.now(), h.at(place).node.ID
	got := h.once(place, r)
	if got.code == "" {
		switch o.Kind {
		case judge.Report:
			var in struct {
				Processed int
				Status    string `json:"job_status"`
			}
			got.into(&in)
			o.Processed, o.Status = in.Processed, in.Status
		case judge.Callback:
			var in struct{ Processed bool }
			got.into(&in)
			if in.Processed {
				o.Processed = 1
			}
		}
	}
	h.finish(&o, got)
	u.record(o)
	return o, got
}
