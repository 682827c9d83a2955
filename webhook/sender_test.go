package webhook

import (
	"net/http"
	"slices"
	"testing"

	"stoker/fsm"
)

// TestSender: each event is told once, in order where it is of one job, from the
// deploy on, with what is to be known of it.
func TestSender(t *testing.T) {
	h := newHouse(t, 1)
	in := newInbox(t)
	h.event()
	h.deploy(map[string]fsm.Webhook{"shop": {URL: in.url}, "idle": {URL: in.url, Disabled: true}, "dead": {URL: in.url, Events: []string{fsm.EventItemDead}}})
	var jobs []string
	for range 40 {
		jobs = append(jobs, h.event())
	}
	h.place("shop", func(r fsm.Hook) bool { return r.Arrived == 40 })
	var told []string
	for _, m := range in.all() {
		told = append(told, m.Job)
		if m.Type != "job.canceled" || m.User != "u1" || m.Preset != "interior" || m.Index == 0 || m.At == "" || *m.Items != (Progress{Total: 1}) {
			t.Fatalf("%+v", m)
		}
	}
	slices.Sort(told)
	slices.Sort(jobs)
	if !slices.Equal(told, jobs) {
		t.Errorf("told of %v, there were %v", told, jobs)
	}
	v := h.nodes[0].View()
	idle, _ := v.Hook("idle")
	n, oldest, more := v.HookAhead(idle)
	v.Close()
	if n != 40 || oldest == 0 || more || idle.Arrived+uint64(idle.Waiting) != 0 {
		t.Errorf("of the disabled one %d are ahead, it stands at %+v", n, idle)
	}
	h.deploy(map[string]fsm.Webhook{"shop": {URL: in.url}, "idle": {URL: in.url}})
	h.place("idle", func(r fsm.Hook) bool { return r.Arrived == 40 }) // what happened meanwhile
}

// TestSender_fails: one that is down is not asked for everything, holds nobody up,
// and hears of all when it is there again.
func TestSender_fails(t *testing.T) {
	h := newHouse(t, 1)
	up, down := newInbox(t), newInbox(t)
	down.fails(true)
	h.deploy(map[string]fsm.Webhook{"up": {URL: up.url}, "down": {URL: down.url}})
	const events = 3 * fsm.DownAfter
	for range events {
		h.event()
	}
	h.place("up", func(r fsm.Hook) bool { return r.Arrived == events })
	row := h.place("down", func(r fsm.Hook) bool { return r.Streak >= fsm.DownAfter })
	if row.Error != "answered 500" || row.Status != 500 || row.Waiting >= events {
		t.Errorf("%+v", row)
	}
	down.fails(false)
	v := h.nodes[0].View()
	first := slices.Collect(v.Deliveries("down", "", fsm.Mark{}))[0]
	v.Close()
	apply(h, fsm.RedeliverHook{Hook: "down", Mark: fsm.Mark{Index: first.Index, Ordinal: first.Ordinal}})
	h.place("down", func(r fsm.Hook) bool { return r.Arrived == events && r.Waiting == 0 })
	seen := map[string]bool{}
	for _, m := range down.all() {
		seen[m.Job] = true
	}
	if len(seen) != events {
		t.Errorf("told of %d jobs of %d", len(seen), events)
	}
}

// TestSender_secret: without its secret nothing is posted, and the row says why.
func TestSender_secret(t *testing.T) {
	h := newHouse(t, 1)
	in := newInbox(t)
	h.deploy(map[string]fsm.Webhook{"shop": {URL: in.url}})
	apply(h, fsm.DeleteSecret{Name: "webhook.test"})
	h.event()
	row := h.place("shop", func(r fsm.Hook) bool { return r.Waiting == 1 })
	if len(in.all()) > 0 || row.Error == "" || row.Status != 0 {
		t.Errorf("%+v; told %v", row, in.all())
	}
}

// TestSender_leaderLost: three nodes, and the one that posts goes in the middle of
// it, again and again: every event arrives, with the same id if it does so twice.
func TestSender_leaderLost(t *testing.T) {
	h := newHouse(t, 3)
	in := newInbox(t)
	gate := make(chan chan struct{}, 1) // holds the posts that find a channel in it, until that is closed
	held := make(chan struct{}, 100)
	slow := receiver(t, func(w http.ResponseWriter, r *http.Request) {
		select {
		case open := <-gate:
			gate <- open
			held <- struct{}{}
			select {
			case <-open:
			case <-r.Context().Done():
				return
			}
		default:
		}
		http.DefaultTransport.RoundTrip(forward(r, in.url))
	})
	h.deploy(map[string]fsm.Webhook{"shop": {URL: slow}})
	jobs := map[string]bool{}
	for round := range 60 {
		if round != 20 && round != 40 {
			jobs[h.event()] = true
			continue
		}
		open := make(chan struct{})
		gate <- open
		jobs[h.event()] = true
		<-held // something is under way when the leader goes
		leader, _ := h.nodes[2].Leader()
		for _, n := range h.nodes {
			if n.ID() == leader {
				n.Yield(t.Context())
			}
		}
		<-gate
		close(open)
	}
	row := h.place("shop", func(r fsm.Hook) bool { return r.Arrived >= 60 })
	if row.Lost+row.Forgotten != 0 {
		t.Errorf("%+v", row)
	}
	ids := map[string]string{}
	for _, m := range in.all() {
		if other, twice := ids[m.Job]; twice && other != m.ID {
			t.Errorf("%s arrived as %s and %s", m.Job, other, m.ID)
		}
		ids[m.Job] = m.ID
	}
	if len(ids) != len(jobs) {
		t.Errorf("told of %d jobs of %d", len(ids), len(jobs))
	}
	t.Logf("%d posts for %d events", len(in.all()), len(jobs))
}

func forward(r *http.Request, to string) *http.Request {
	out, err := http.NewRequestWithContext(r.Context(), r.Method, to, r.Body)
	if err != nil {
		panic(err)
	}
	return out
}

// TestSender_ping is posted whatever else there is.
func TestSender_ping(t *testing.T) {
	h := newHouse(t, 1)
	in := newInbox(t)
	s := &Sender{node: h.nodes[0], poster: NewPoster("test")}
	h.deploy(map[string]fsm.Webhook{"shop": {URL: in.url, Disabled: true}})
	o, err := s.Test(t.Context(), h.set.Webhooks["shop"], "ping_1")
	if got := in.all(); err != nil || !o.Arrived || len(got) != 1 || got[0].Type != "ping" || got[0].ID != "ping_1" {
		t.Error(o, err, got)
	}
	gone := h.set.Webhooks["shop"]
	gone.Secrets = []string{"webhook.other"}
	if o, err := s.Test(t.Context(), gone, "ping_2"); err != nil || o.Arrived || o.Error == "" {
		t.Error(o, err)
	}
}
