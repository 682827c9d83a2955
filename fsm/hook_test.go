package fsm

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// hookGame plays a cluster whose webhooks are sent by leaders that know of each
// other too late, while the feed forgets.
type hookGame struct {
	*world
	d    *rapid.T
	set  Settings
	jobs int
	told map[string]int // events of each webhook since it was deployed
	sent []AdvanceHook  // that leaders have read and sent, and not yet said
}

// event ends a job, which is an event of the webhooks that want to know.
func (g *hookGame) event() {
	g.jobs++
	job := fmt.Sprintf("j%d", g.jobs)
	must(g.world, GrantCredits{User: "u", Amount: 1, Reason: strings.Repeat("r", 200)})
	must(g.world, CreateJob{User: "u", ID: job, Preset: "interior", Items: 1})
	must(g.world, CancelJob{Job: job})
	for name, h := range g.set.Webhooks {
		if slices.Contains(h.Events, EventJobCanceled) {
			g.told[name]++
		}
	}
}

// configure deploys a random choice of webhooks.
func (g *hookGame) configure() {
	g.set.Webhooks = map[string]Webhook{}
	for _, name := range []string{"a", "b", "c"} {
		if !rapid.Bool().Draw(g.d, name) {
			delete(g.told, name)
			continue
		}
		events := []string{EventJobCanceled}
		if name == "c" {
			events = []string{EventItemDead}
		}
		g.set.Webhooks[name] = Webhook{
			URL: "https://" + name + ".example", Events: events, Secrets: []string{"webhook.x"}, Disabled: rapid.Bool().Draw(g.d, "disabled"),
		}
	}
	must(g.world, Deploy{Settings: g.set})
}

// read is a leader that takes some events from where a webhook stands and sends them.
func (g *hookGame) read(name string) {
	v := g.m.View()
	defer v.Close()
	h, ok := v.Hook(name)
	if !ok {
		return
	}
	c := AdvanceHook{Hook: name, Turn: h.Turn, Lost: h.Lost, To: h.At, Alive: rapid.Bool().Draw(g.d, "alive")}
	most := rapid.IntRange(0, 5).Draw(g.d, "events")
	for ch := range v.Feed(h.At) {
		c.To = ch.Mark
		if !slices.Contains(v.Settings().Webhooks[name].Events, ch.Event) {
			continue
		}
		if rapid.Bool().Draw(g.d, "arrives") {
			c.Arrived++
		} else {
			c.Failed = append(c.Failed, Undelivered{Mark: ch.Mark, Event: ch.Event, Job: ch.Job, ID: "ev", Body: []byte("{}"),
				Status: rapid.SampledFrom([]int{0, 500, 410}).Draw(g.d, "status"), Error: "no"})
		}
		if most--; most <= 0 {
			break
		}
	}
	g.sent = append(g.sent, c)
}

// deliveries lists what a webhook has of them.
func (g *hookGame) deliveries(name string) []Delivery {
	v := g.m.View()
	defer v.Close()
	return slices.Collect(v.Deliveries(name, "", Mark{}))
}

func (g *hookGame) step() {
	name := rapid.SampledFrom([]string{"a", "a", "b", "c"}).Draw(g.d, "hook")
	switch rapid.IntRange(0, 11).Draw(g.d, "step") {
	case 0:
		g.configure()
	case 1, 2, 3:
		g.event()
	case 4, 5:
		g.read(name)
	case 6, 7:
		if n := len(g.sent); n > 0 { // in any order, some never
			i := rapid.IntRange(0, n-1).Draw(g.d, "which")
			g.propose(Propose(g.sent[i]))
			g.sent = slices.Delete(g.sent, i, i+1)
		}
	case 8:
		for _, d := range g.deliveries(name) {
			a := HookAttempt{Mark: d.mark(), Before: d.Attempts - rapid.IntRange(0, 1).Draw(g.d, "late"), Arrived: rapid.Bool().Draw(g.d, "arrives"), Error: "no"}
			must(g.world, ReportHook{Hook: name, Attempts: []HookAttempt{a, a}})
		}
	case 9:
		for _, d := range g.deliveries(name) {
			must(g.world, RedeliverHook{Hook: name, Mark: d.mark()})
			break
		}
	default:
		g.clock += rapid.SampledFrom([]int64{second, 60 * second, hour, 80 * hour, 400 * hour}).Draw(g.d, "pass")
		must(g.world, Expire{Limit: 1000})
	}
}

// accounted: each event arrived, waits, is given up, is counted as lost, or is
// still ahead in the feed. None is nowhere, and none is twice.
func (g *hookGame) accounted() {
	v := g.m.View()
	defer v.Close()
	if c, err := v.Check(); err != nil || len(c.Wrong) > 0 {
		g.d.Fatal(err, c.Wrong)
	}
	for name, want := range g.told {
		h, _ := v.Hook(name)
		ahead := 0
		for c := range v.Feed(h.At) {
			if slices.Contains(v.Settings().Webhooks[name].Events, c.Event) {
				ahead++
			}
		}
		if have := int(h.Arrived+h.Lost+h.Forgotten) + h.Waiting + h.GivenUp + ahead; have != want {
			g.d.Fatalf("%d events were for %s, %d of them are somewhere: %+v, %d ahead", want, name, have, h, ahead)
		}
	}
}

// TestHook_everyEventIsSomewhere: whatever leaders say late or twice, whatever
// fails, is deployed or forgotten by the feed meanwhile.
func TestHook_everyEventIsSomewhere(t *testing.T) {
	defer func(room int64) { feedRoom = room }(feedRoom)
	lost, jobs, most := uint64(0), 0, 60
	if raced {
		most = 15
	}
	rapid.Check(t, func(d *rapid.T) {
		feedRoom = rapid.SampledFrom([]int64{1500, 64 << 20}).Draw(d, "room")
		g := &hookGame{world: newWorld(t), d: d, set: DefaultSettings(), told: map[string]int{}}
		must(g.world, genesis(g.set))
		must(g.world, SignIn{NewID: "u"})
		must(g.world, PutSecret{Name: "webhook.x", Sealed: []byte("s")})
		g.configure()
		for range rapid.IntRange(1, most).Draw(d, "steps") {
			g.step()
			g.accounted()
		}
		v := g.m.View()
		for _, h := range v.Hooks() {
			lost += h.Lost
		}
		v.Close()
		jobs += g.jobs
		g.m.Close()
	})
	t.Logf("%d jobs, %d events lost to the feed's end", jobs, lost)
	if lost == 0 && !raced {
		t.Error("the feed never overtook a webhook: the game is too tame")
	}
}

// full deploys one webhook and gives it n deliveries that wait.
func full(t *testing.T, n int) *world {
	w := newWorld(t)
	set := DefaultSettings()
	plan := set.Plans["free"]
	plan.MaxItems, plan.StartCredits = n, int64(n)
	set.Plans["free"] = plan
	must(w, genesis(set))
	must(w, SignIn{NewID: "u"})
	must(w, PutSecret{Name: "webhook.x", Sealed: []byte("s")})
	set.Webhooks = map[string]Webhook{"a": {URL: "https://a.example", Events: []string{EventJobCanceled}, Secrets: []string{"webhook.x"}}}
	must(w, Deploy{Settings: set})
	v := w.m.View()
	h, _ := v.Hook("a")
	v.Close()
	must(w, AdvanceHook{Hook: "a", Turn: h.Turn, To: Mark{Index: w.index, Ordinal: lastOrdinal}, Failed: undelivered(1, n)})
	return w
}

// undelivered makes failures at ordinals of an entry that has been.
func undelivered(from, n int) (all []Undelivered) {
	for i := range n {
		all = append(all, Undelivered{Mark: Mark{Index: 1, Ordinal: uint32(from + i)}, Event: EventJobCanceled, ID: fmt.Sprint(from + i), Body: []byte("{}"), Error: "no"})
	}
	return all
}

// TestHook_bounded: as many deliveries as may wait do, then the place waits; and
// of those that were given up the oldest goes.
func TestHook_bounded(t *testing.T) {
	w := full(t, MaxBacklog)
	v := w.m.View()
	h, _ := v.Hook("a")
	v.Close()
	o := w.propose(Propose(AdvanceHook{Hook: "a", Turn: h.Turn, To: h.At, Failed: undelivered(5000, 1)}))[0]
	if o.Refusal == nil || o.Refusal.Code != ValidationFailed {
		t.Fatalf("one more waits: %+v", o)
	}
	for round := range 2 { // all are given up, and then as many again
		w.clock += hookTries
		for fired := 1; fired > 0; {
			fired = must(w, Expire{Limit: 10_000}).Fired
		}
		v := w.m.View()
		var late []HookAttempt
		for d := range v.Deliveries("a", DeliveryDue, Mark{}) {
			late = append(late, HookAttempt{Mark: d.mark(), Before: d.Attempts, Error: "no"})
		}
		v.Close()
		if h = must(w, ReportHook{Hook: "a", Attempts: late}); len(late) != MaxBacklog || h.GivenUp != maxGivenUp || h.Forgotten != uint64(round*maxGivenUp) || h.Waiting != 0 {
			t.Fatalf("round %d: %d tried, %+v", round, len(late), h)
		}
		if round == 0 {
			h = must(w, AdvanceHook{Hook: "a", Turn: h.Turn, To: h.At, Failed: undelivered(5000, MaxBacklog)})
		}
	}
}

// TestHook_comesBack: when a receiver that was down takes one delivery, all others
// are due at once, not in an hour.
func TestHook_comesBack(t *testing.T) {
	w := full(t, DownAfter)
	v := w.m.View()
	first := slices.Collect(v.Deliveries("a", DeliveryWaiting, Mark{}))[0]
	v.Close()
	must(w, RedeliverHook{Hook: "a", Mark: first.mark()})
	must(w, ReportHook{Hook: "a", Attempts: []HookAttempt{{Mark: first.mark(), Before: 1, Arrived: true}}})
	v = w.m.View()
	defer v.Close()
	if due := slices.Collect(v.Deliveries("a", DeliveryDue, Mark{})); len(due) != DownAfter-1 {
		t.Errorf("%d of %d are due", len(due), DownAfter-1)
	}
}

// TestHook_someFail: where others arrive, what fails waits as long as each failure
// has it wait, and the webhook does not count as down, whichever entry says which.
func TestHook_someFail(t *testing.T) {
	standing := func(w *world, when string, h Hook, waiting int) {
		t.Helper()
		v := w.m.View()
		defer v.Close()
		if due := slices.Collect(v.Deliveries("a", DeliveryDue, Mark{})); len(due) != 0 || h.Waiting != waiting || h.Streak != 0 {
			t.Errorf("%s: %d are due at once, %+v", when, len(due), h)
		}
	}
	w := full(t, 1)
	v := w.m.View()
	h, _ := v.Hook("a")
	v.Close()
	h = must(w, AdvanceHook{Hook: "a", Turn: h.Turn, To: h.At, Arrived: 5, Failed: undelivered(5000, 2*DownAfter)})
	standing(w, "in one entry", h, 1+2*DownAfter)
	w.clock += hour
	must(w, Expire{Limit: 1000})
	v = w.m.View()
	var again []HookAttempt
	for d := range v.Deliveries("a", DeliveryDue, Mark{}) {
		again = append(again, HookAttempt{Mark: d.mark(), Before: d.Attempts, Error: "no"})
	}
	v.Close()
	h = must(w, ReportHook{Hook: "a", Attempts: again, Alive: true})
	standing(w, "new events arrived, said in another entry", h, 1+2*DownAfter)
	h = must(w, AdvanceHook{Hook: "a", Turn: h.Turn, To: h.At, Failed: undelivered(6000, DownAfter), Alive: true})
	standing(w, "older ones arrived, said in another entry", h, 1+3*DownAfter)
}

// TestWebhook_flaws: what a webhook may not be is named with its field.
func TestWebhook_flaws(t *testing.T) {
	good := Webhook{URL: "https://a.example/x?y=1", Events: []string{EventJobDone}, Secrets: []string{"webhook.a"}}
	for field, spoil := range map[string]func(h *Webhook){
		"":           func(h *Webhook) {},
		"url":        func(h *Webhook) { h.URL = "http://a.example" },
		"url ":       func(h *Webhook) { h.URL = "https://me:secret@a.example" },
		"url  ":      func(h *Webhook) { h.URL, h.AllowPrivate = "ftp://a.example", true },
		"url   ":     func(h *Webhook) { h.URL = "https://" },
		"url    ":    func(h *Webhook) { h.URL = "https://?a.example" },
		"url     ":   func(h *Webhook) { h.URL = "https://http://a.example" },
		"url      ":  func(h *Webhook) { h.URL = "https://a.example/#there" },
		"events":     func(h *Webhook) { h.Events = nil },
		"events[0]":  func(h *Webhook) { h.Events = []string{"job.exploded"} },
		"events[1]":  func(h *Webhook) { h.Events = []string{EventJobDone, EventJobDone} },
		"secrets":    func(h *Webhook) { h.Secrets = nil },
		"secrets[0]": func(h *Webhook) { h.Secrets = []string{"s3.backup.secret_key"} },
		"secrets[1]": func(h *Webhook) { h.Secrets = []string{"webhook.a", "webhook.a"} },
		"allowed":    func(h *Webhook) { h.URL, h.AllowPrivate = "http://10.0.0.1:8080/x", true },
	} {
		h := good
		spoil(&h)
		s := DefaultSettings()
		s.Webhooks = map[string]Webhook{"a": h}
		var want []string
		if field != "" && field != "allowed" {
			want = []string{"webhooks.a." + strings.TrimSpace(field)}
		}
		var got []string
		for _, f := range s.Flaws() {
			got = append(got, f.Field)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q: refused for %v", field, got)
		}
	}
}
