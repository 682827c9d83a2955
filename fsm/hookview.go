package fsm

import (
	"iter"
	"slices"

	"stoker/store"
)

// Hooks are the webhooks' places, by name.
func (v *View) Hooks() []Hook { return values(hooks.Scan(v, "")) }

// Hook is the place of one webhook.
func (v *View) Hook(name string) (Hook, bool) {
	if len(name) > maxName {
		return Hook{}, false
	}
	return hooks.Get(v, store.Str(name))
}

// Deliveries gives a webhook's deliveries from behind a mark on, oldest first; with
// a state those in it.
func (v *View) Deliveries(hook string, state DeliveryState, after Mark) iter.Seq[Delivery] {
	if state == "" {
		from := store.Key("")
		if after != (Mark{}) {
			from = deliveryKey(hook, after)
		}
		return only(deliveries.ScanAfter(v, store.Str(hook), from))
	}
	prefix, from := store.Str(hook).Str(string(state)), store.Key("")
	if after != (Mark{}) {
		from = deliveriesByState.Pos(prefix, deliveryKey(hook, after))
	}
	return only(deliveriesByState.ScanAfter(v, prefix, from))
}

// Delivery finds one.
func (v *View) Delivery(hook string, m Mark) (Delivery, bool) {
	return deliveries.Get(v, deliveryKey(hook, m))
}

// aheadLook is how many changes are looked at to count what is ahead.
const aheadLook = 2000

// HookAhead counts the events between a webhook's place and the feed's end, and
// gives the wall clock of the first, in ns. more: there may be more than these.
func (v *View) HookAhead(h Hook) (n int, oldest int64, more bool) {
	wants, looked := v.Settings().Webhooks[h.Name].Events, 0
	for c := range v.Feed(h.At) {
		if looked++; looked > aheadLook {
			return n, oldest, true
		}
		if !slices.Contains(wants, c.Event) {
			continue
		}
		if n++; n == 1 {
			oldest = c.At
		}
	}
	return n, oldest, false
}

// checkHooks holds the webhooks' places against the settings in force and the feed,
// and their counts and deadlines against their deliveries.
func (v *View) checkHooks(c *Check) {
	from, _ := v.FeedFrom()
	want, have := v.Settings().Webhooks, map[string]Hook{}
	for _, h := range hooks.Scan(v, "") {
		have[h.Name] = h
		if _, ok := want[h.Name]; !ok {
			c.failf("webhook %s is not in the settings", h.Name)
		}
		if from.Follows(h.At) || h.At.Follows(v.FeedEnd()) {
			c.failf("webhook %s stands at %v, the feed goes from %v to %v", h.Name, h.At, from, v.FeedEnd())
		}
		if h.Waiting > MaxBacklog || h.GivenUp > maxGivenUp {
			c.failf("%d deliveries of webhook %s wait, %d are given up", h.Waiting, h.Name, h.GivenUp)
		}
	}
	for name := range want {
		if _, ok := have[name]; !ok {
			c.failf("webhook %s stands nowhere", name)
		}
	}
	for k, d := range deliveries.Scan(v, "") {
		h, ok := have[d.Hook]
		if !ok {
			c.failf("a delivery is of webhook %q, which there is not", d.Hook)
		}
		if d.State == DeliveryFailed {
			h.GivenUp--
		} else {
			h.Waiting--
		}
		have[d.Hook] = h
		if timed := d.Next != 0; timed == (d.State == DeliveryDue) || timed && !timers.Has(v, timerKey(d.Next, deliveryNext, k)) {
			c.failf("delivery %s of webhook %s is %s and has no deadline for it", d.ID, d.Hook, d.State)
		}
	}
	for name, h := range have {
		if h.Waiting != 0 || h.GivenUp != 0 {
			c.failf("webhook %s counts %+d waiting and %+d given up beside its deliveries", name, h.Waiting, h.GivenUp)
		}
	}
}
