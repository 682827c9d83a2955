package client

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"time"
)

// Webhook is where a webhook of the app's configuration stands.
type Webhook struct {
	Name   string   `json:"name"`
	URL    string   `json:"url"`
	Events []string `json:"events"`
	State  string   `json:"state"` // ok, failing, down, disabled

	Ahead     int        `json:"ahead"` // events that no attempt was made at yet
	AheadMore bool       `json:"ahead_more"`
	Oldest    *time.Time `json:"oldest_at"` // of these
	Waiting   int        `json:"waiting"`   // deliveries that are tried again
	GivenUp   int        `json:"given_up"`

	Arrived   uint64 `json:"arrived"`
	Lost      uint64 `json:"lost"`      // events that the change feed forgot before their turn
	Forgotten uint64 `json:"forgotten"` // deliveries that were given up and are listed no more

	Position   string     `json:"position"` // in the change feed
	ArrivedAt  *time.Time `json:"last_arrived_at"`
	FailedAt   *time.Time `json:"last_failed_at"`
	LastStatus int        `json:"last_status"` // HTTP's, of the last failure; 0: there was no answer
	LastError  string     `json:"last_error"`
	InARow     int        `json:"failures_in_a_row"`
}

// Delivery is an event that a webhook did not take at the first attempt.
type Delivery struct {
	ID         string          `json:"id"`
	Type       string          `json:"type"`
	JobID      string          `json:"job_id"`
	Status     string          `json:"status"` // waiting, due, failed
	Attempts   int             `json:"attempts"`
	TriedAt    time.Time       `json:"tried_at"`
	NextAt     *time.Time      `json:"next_at"` // when it is tried again, or forgotten
	LastStatus int             `json:"last_status"`
	LastError  string          `json:"last_error"`
	Message    json.RawMessage `json:"message"` // the body that is posted
}

// DeliveryPage is a stretch of a webhook's deliveries, oldest first.
type DeliveryPage struct {
	Deliveries []Delivery `json:"deliveries"`
	Next       string     `json:"next_cursor"` // empty at the end
}

// Ping is what came of a ping to a webhook.
type Ping struct {
	ID         string `json:"id"`
	Arrived    bool   `json:"arrived"`
	LastStatus int    `json:"last_status"`
	LastError  string `json:"last_error"`
	TookMS     int64  `json:"took_ms"`
}

// Webhooks lists the webhooks, by name.
func (o *Operator) Webhooks(ctx context.Context) ([]Webhook, error) {
	var out struct{ Webhooks []Webhook }
	err := o.call(ctx, http.MethodGet, "/admin/webhooks", nil, &out)
	return out.Webhooks, err
}

// Deliveries lists a webhook's events that have not arrived, of one status or of all, from a page's Next on.
func (o *Operator) Deliveries(ctx context.Context, webhook, status, cursor string) (page DeliveryPage, err error) {
	query := url.Values{}
	if status != "" {
		query.Set("status", status)
	}
	err = o.list(ctx, webhookPath(webhook)+"/deliveries", query, cursor, &page)
	return page, err
}

// Redeliver has a delivery tried now, one that was given up too.
func (o *Operator) Redeliver(ctx context.Context, webhook, id string) error {
	return o.call(ctx, http.MethodPost, webhookPath(webhook)+"/deliveries/"+url.PathEscape(id)+"/redeliver", nil, nil)
}

// PingWebhook posts a ping to a webhook and says what came of it.
func (o *Operator) PingWebhook(ctx context.Context, webhook string) (p Ping, err error) {
	err = o.call(ctx, http.MethodPost, webhookPath(webhook)+"/test", nil, &p)
	return p, err
}

func webhookPath(name string) string { return "/admin/webhooks/" + url.PathEscape(name) }
