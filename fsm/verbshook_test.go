package fsm

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"stoker/store"
)

func init() {
	maps.Copy(verbs, map[string]verb{"hooks": hooksVerb, "advance": advanceVerb, "attempt": attemptVerb, "redeliver": redeliverVerb})
	maps.Copy(shows, map[string]func(*View, words) (string, error){"show-hook": showHook})
}

// hooks NAME=EVENT,EVENT …: deploys the settings of a new cluster with these
// webhooks, and with no other.
func hooksVerb(_ *stage, w words) ([]act, error) {
	c := Deploy{Settings: DefaultSettings()}
	c.Settings.Webhooks = map[string]Webhook{}
	for name := range w {
		if name != "by" {
			c.Settings.Webhooks[name] = Webhook{URL: "https://" + name + ".example", Events: w.list(name), Secrets: []string{"webhook." + name}}
		}
	}
	return single(does(c, tellDeployed), nil)
}

func tellHook(h Hook) string {
	line := fmt.Sprintf("waiting=%d given_up=%d arrived=%d lost=%d forgotten=%d streak=%d", h.Waiting, h.GivenUp, h.Arrived, h.Lost, h.Forgotten, h.Streak)
	if h.Error != "" {
		line += fmt.Sprintf(" (%s)", h.Error)
	}
	return line
}

// endOf is the position at which a job ended.
func endOf(v *View, job string) (m Mark) {
	for _, e := range history.Scan(v, store.Str(job)) {
		if e.Item == nil && e.To.Ended() {
			m = Mark{Index: e.Index, Ordinal: e.Ordinal}
		}
	}
	return m
}

// advance hook=shop [turn=ENTRY] [to=ENTRY] [failed=JOB,…] [status=500]: what a leader says that has
// read the feed up to an entry and sent all of it. What of it did not fail arrived.
func advanceVerb(st *stage, w words) ([]act, error) {
	v := st.m.View()
	defer v.Close()
	h, _ := v.Hook(w["hook"])
	turn, err := w.number("turn", h.Turn)
	if err != nil {
		return nil, err
	}
	to, err := w.number("to", v.Index())
	if err != nil {
		return nil, err
	}
	status, err := w.integer("status", 500)
	if err != nil {
		return nil, err
	}
	c := AdvanceHook{Hook: w["hook"], Turn: turn, Lost: h.Lost, To: Mark{Index: to, Ordinal: lastOrdinal}}
	failed := w.list("failed")
	for ch := range v.Feed(h.At) {
		if !slices.Contains(v.Settings().Webhooks[h.Name].Events, ch.Event) || ch.Index > to {
			continue
		}
		c.Arrived++
		if slices.Contains(failed, ch.Job) {
			c.Arrived--
			c.Failed = append(c.Failed, Undelivered{
				Mark: ch.Mark, Event: ch.Event, Job: ch.Job, ID: fmt.Sprintf("ev_1_%d_%d", ch.Index, ch.Ordinal), Body: []byte("{}"),
				Status: int(status), Error: fmt.Sprintf("answered %d", status),
			})
		}
	}
	return single(does(c, tellHook), nil)
}

// attempt hook=shop of=JOB before=1 [arrived] [status=500]
func attemptVerb(st *stage, w words) ([]act, error) {
	v := st.m.View()
	defer v.Close()
	a := HookAttempt{Mark: endOf(v, w["of"])}
	before, err := w.integer("before", 1)
	if err != nil {
		return nil, err
	}
	status, err := w.integer("status", 500)
	a.Before, a.Arrived, a.Status, a.Error = int(before), w.has("arrived"), int(status), fmt.Sprintf("answered %d", status)
	return single(does(ReportHook{Hook: w["hook"], Attempts: []HookAttempt{a}}, tellHook), err)
}

// redeliver hook=shop of=JOB
func redeliverVerb(st *stage, w words) ([]act, error) {
	v := st.m.View()
	defer v.Close()
	return single(does(RedeliverHook{Hook: w["hook"], Mark: endOf(v, w["of"])}, tellDelivery), nil)
}

func tellDelivery(d Delivery) string {
	line := fmt.Sprintf("%s of %s %s attempts=%d", d.Event, d.Job, d.State, d.Attempts)
	if d.Next != 0 {
		line += " until " + clock(d.Next)
	}
	return line
}

// show-hook name=shop [state=failed]
func showHook(v *View, w words) (string, error) {
	h, ok := v.Hook(w["name"])
	if !ok {
		return "none", nil
	}
	out := []string{fmt.Sprintf("at=%d %s", h.At.Index, tellHook(h))}
	for d := range v.Deliveries(h.Name, DeliveryState(w["state"]), Mark{}) {
		out = append(out, tellDelivery(d))
	}
	return strings.Join(out, "\n"), nil
}
