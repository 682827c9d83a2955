package handlers

import (
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"stoker/fsm"
	"stoker/webhook"
)

// webhookLine is where a webhook stands.
type webhookLine struct {
	Name       string   `json:"name"`
	URL        string   `json:"url"`
	Events     []string `json:"events"`
	State      string   `json:"state"` // ok, failing, down, disabled
	Ahead      int      `json:"ahead"` // events that it was not told yet and that no attempt was made at
	AheadMore  bool     `json:"ahead_more"`
	Oldest     *string  `json:"oldest_at"` // of these
	Waiting    int      `json:"waiting"`   // deliveries that are tried again
	GivenUp    int      `json:"given_up"`
	Arrived    uint64   `json:"arrived"`
	Lost       uint64   `json:"lost"`
	Forgotten  uint64   `json:"forgotten"`
	Position   string   `json:"position"` // as a tail takes it
	ArrivedAt  *string  `json:"last_arrived_at"`
	FailedAt   *string  `json:"last_failed_at"`
	LastStatus int      `json:"last_status"`
	LastError  string   `json:"last_error"`
	InARow     int      `json:"failures_in_a_row"`
}

// webhookState is a webhook's state in a word.
func webhookState(w fsm.Webhook, h fsm.Hook) string {
	switch {
	case w.Disabled:
		return "disabled"
	case h.Streak >= fsm.DownAfter:
		return "down"
	case h.Streak > 0:
		return "failing"
	}
	return "ok"
}

func webhookOf(v *fsm.View, h fsm.Hook, w fsm.Webhook) webhookLine {
	line := webhookLine{
		Name: h.Name, URL: w.URL, Events: orNone(w.Events), State: webhookState(w, h), Waiting: h.Waiting, GivenUp: h.GivenUp,
		Arrived: h.Arrived, Lost: h.Lost, Forgotten: h.Forgotten, Position: eventID(v.Epoch(), h.At),
		ArrivedAt: stampOrNone(h.ArrivedAt), FailedAt: stampOrNone(h.FailedAt), LastStatus: h.Status, LastError: h.Error, InARow: h.Streak,
	}
	var oldest int64
	line.Ahead, oldest, line.AheadMore = v.HookAhead(h)
	line.Oldest = stampOrNone(oldest)
	return line
}

// webhookTrouble is a webhook that takes nothing.
type webhookTrouble struct {
	Name    string `json:"name"`
	Trouble string `json:"trouble"`
}

// troubled are the webhooks that are down.
func troubled(v *fsm.View) (all []webhookTrouble) {
	set := v.Settings().Webhooks
	for _, h := range v.Hooks() {
		if webhookState(set[h.Name], h) == "down" {
			all = append(all, webhookTrouble{h.Name, h.Error})
		}
	}
	return all
}

func stampOrNone(ns int64) *string {
	if ns == 0 {
		return nil
	}
	at := stampOf(ns)
	return &at
}

// adminWebhooks shows where each webhook stands.
func (s *Server) adminWebhooks(c *call) (any, error) {
	v, err := c.view()
	if err != nil {
		return nil, err
	}
	set, lines := v.Settings().Webhooks, []webhookLine{}
	for _, h := range v.Hooks() {
		lines = append(lines, webhookOf(v, h, set[h.Name]))
	}
	return struct {
		Webhooks []webhookLine `json:"webhooks"`
	}{lines}, nil
}

// deliveryLine is an event that did not arrive at the first attempt.
type deliveryLine struct {
	ID         string            `json:"id"`
	Type       string            `json:"type"`
	JobID      string            `json:"job_id"`
	Status     fsm.DeliveryState `json:"status"`
	Attempts   int               `json:"attempts"`
	TriedAt    string            `json:"tried_at"`
	NextAt     *string           `json:"next_at"` // waiting: it is tried again; failed: it is forgotten
	LastStatus int               `json:"last_status"`
	LastError  string            `json:"last_error"`
	Message    jsontext.Value    `json:"message"`
}

func deliveryOf(v *fsm.View, d fsm.Delivery) deliveryLine {
	return deliveryLine{
		ID: d.ID, Type: d.Event, JobID: d.Job, Status: d.State, Attempts: d.Attempts, TriedAt: stampOf(d.TriedAt),
		NextAt: stampOrNone(v.WallAt(d.Next)), LastStatus: d.Status, LastError: d.Error, Message: d.Body,
	}
}

type deliveryPage struct {
	Deliveries []deliveryLine `json:"deliveries"`
	Next       *string        `json:"next_cursor"`
}

var deliveryStates = []fsm.DeliveryState{fsm.DeliveryWaiting, fsm.DeliveryDue, fsm.DeliveryFailed}

// adminDeliveries lists a webhook's deliveries that have not arrived, oldest first.
func (s *Server) adminDeliveries(c *call) (any, error) {
	size, err := c.pageSize()
	if err != nil {
		return nil, err
	}
	state, after := fsm.DeliveryState(c.query("status")), fsm.Mark{}
	if state != "" && !slices.Contains(deliveryStates, state) {
		return nil, invalid("status", "must be one of %v", deliveryStates)
	}
	if text := c.query("cursor"); text != "" {
		var ok bool
		if _, after, ok = webhook.ParseEventID(text); !ok {
			return nil, invalid("cursor", "is not one of ours; send one back as it was received")
		}
	}
	v, err := c.view()
	if err != nil {
		return nil, err
	}
	name := c.param("name")
	if _, ok := v.Hook(name); !ok {
		return nil, noWebhook(name)
	}
	out := deliveryPage{Deliveries: []deliveryLine{}}
	for d := range v.Deliveries(name, state, after) {
		if len(out.Deliveries) == size {
			out.Next = &out.Deliveries[size-1].ID
			break
		}
		out.Deliveries = append(out.Deliveries, deliveryOf(v, d))
	}
	return out, nil
}

func noWebhook(name string) error {
	return fsm.Refuse(fsm.NotFound, "no webhook %.80q; `stoker webhook` lists them", name)
}

// adminRedeliver has a delivery tried now.
func (s *Server) adminRedeliver(c *call) (any, error) {
	_, m, ok := webhook.ParseEventID(c.param("id"))
	if name := c.param("name"); !ok {
		return nil, fsm.Refuse(fsm.NotFound, "no delivery %.80q of webhook %.80q", c.param("id"), name)
	}
	d, err := apply(c, fsm.RedeliverHook{Hook: clip(c.param("name")), Mark: m})
	if err != nil {
		return nil, err
	}
	return map[string]any{"id": d.ID, "status": d.State}, nil
}

// adminTestWebhook posts a ping to a webhook, from this node, and tells what came of it.
func (s *Server) adminTestWebhook(c *call) (any, error) {
	v, err := c.view()
	if err != nil {
		return nil, err
	}
	w, ok := v.Settings().Webhooks[c.param("name")]
	if !ok {
		return nil, noWebhook(c.param("name"))
	}
	id := newID("ping_")
	o, err := s.cfg.Webhooks.Test(c, w, id)
	if err != nil {
		return nil, err
	}
	c.detail = "arrived"
	if !o.Arrived {
		c.detail = o.Error
	}
	return struct {
		ID      string `json:"id"`
		Arrived bool   `json:"arrived"`
		Status  int    `json:"last_status"`
		Error   string `json:"last_error"`
		Took    int64  `json:"took_ms"`
	}{id, o.Arrived, o.Status, o.Error, o.Took.Milliseconds()}, nil
}
