package fsm

import "slices"

// gameHooks are the webhooks of a game; each has its own life beside the model,
// see hookGame. Here they are told while everything else happens.
func gameHooks(d dice) map[string]Webhook {
	return oneOf(d, nil, map[string]Webhook{"shop": {
		URL: "https://shop.example", Events: WebhookEvents, Secrets: []string{"webhook.shop"},
	}})
}

// tell is a leader that sends some events, of which some fail, or tries again what is due.
func (d *driver) tell() {
	d.flush()
	v := d.m.View()
	defer v.Close()
	h, ok := v.Hook("shop")
	c := AdvanceHook{Hook: "shop", Turn: h.Turn, Lost: h.Lost, To: h.At}
	most := d.dice.of(4)
	for ch := range v.Feed(h.At) {
		if !slices.Contains(WebhookEvents, ch.Event) {
			continue
		}
		if most--; most < 0 {
			break
		}
		c.To = ch.Mark
		if d.dice.one(2) {
			c.Arrived++
			continue
		}
		c.Failed = append(c.Failed, Undelivered{Mark: ch.Mark, Event: ch.Event, Job: ch.Job, ID: "ev", Body: []byte("{}"), Error: "no"})
	}
	code := func() Code {
		if !ok {
			return NotFound
		}
		return ""
	}
	r := ReportHook{Hook: "shop"}
	for del := range v.Deliveries("shop", DeliveryDue, Mark{}) {
		r.Attempts = append(r.Attempts, HookAttempt{Mark: del.mark(), Before: del.Attempts, Arrived: d.dice.one(2), Error: "no"})
	}
	do(d, r, code, nil)
	do(d, c, code, nil)
	d.flush()
}
