package client

import (
	"context"
	"net/http"
	"net/url"
	"sync"
	"time"
)

// App speaks for one user. Safe for concurrent use.
type App struct {
	client  *Client
	session *Session

	mu    sync.Mutex
	token string
}

// App speaks for the user of this token; with an empty one SignIn comes first.
func (c *Client) App(token string) *App { return &App{client: c, token: token} }

// WithSession is the same user reading through s.
func (a *App) WithSession(s *Session) *App {
	return &App{client: a.client, session: s, token: a.Token()}
}

// Token is the user's current token, to be kept for the next start.
func (a *App) Token() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.token
}

func (a *App) hold(token string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.token = token
}

// read is a GET, which any node answers.
func (a *App) read(ctx context.Context, path string, query url.Values, out any) (http.Header, error) {
	header, _, err := a.client.call(ctx, request{method: http.MethodGet, path: path, query: query, token: a.Token(), session: a.session}, out)
	return header, err
}

// write is a call with an effect, which happens once.
func (a *App) write(ctx context.Context, method, path string, body, out any) error {
	_, _, err := a.client.call(ctx, request{method: method, path: path, body: body, token: a.Token(), session: a.session, keyed: true}, out)
	return err
}

// SignedIn is who an anonymous device is.
type SignedIn struct {
	UserID string `json:"user_id"`
	Token  string `json:"token"`
	Plan   string `json:"plan"`
	IsNew  bool   `json:"is_new"`
}

// SignIn makes or finds the user of a device and holds its token. The same deviceHash always gives the same user; an empty one
// gives a new user each time.
func (a *App) SignIn(ctx context.Context, deviceHash string) (SignedIn, error) {
	body := struct {
		DeviceHash string `json:"device_hash,omitempty"`
	}{deviceHash}
	var in SignedIn
	_, _, err := a.client.call(ctx, request{method: http.MethodPost, path: "/auth/anon", body: body, session: a.session, keyed: true}, &in)
	if err == nil {
		a.hold(in.Token)
	}
	return in, err
}

// Refresh takes a new token; the old one stays valid until it expires.
func (a *App) Refresh(ctx context.Context) error {
	var out struct{ Token string }
	if err := a.write(ctx, http.MethodPost, "/auth/refresh", nil, &out); err != nil {
		return err
	}
	a.hold(out.Token)
	return nil
}

// Me is the user's account.
type Me struct {
	UserID         string `json:"user_id"`
	Plan           string `json:"plan"`
	Credits        int64  `json:"credits"`
	RuleSlots      int    `json:"rule_slots"`      // in use
	ConcurrentJobs int    `json:"concurrent_jobs"` // in use
	Limits         Limits `json:"limits"`
}

// Limits are what the user's plan allows.
type Limits struct {
	MaxConcurrency int `json:"max_concurrency"`
	MaxRuleSlots   int `json:"max_rule_slots"`
	MaxItems       int `json:"max_items"`
}

// Me reads the account.
func (a *App) Me(ctx context.Context) (me Me, err error) {
	_, err = a.read(ctx, "/me", nil, &me)
	return me, err
}

// BillingPage is a stretch of the user's ledger, newest first.
type BillingPage struct {
	Events     []BillingEvent `json:"events"`
	NextCursor string         `json:"next_cursor"` // empty at the end
}

// BillingEvent is one ledger row: amounts add up to the user's credits.
type BillingEvent struct {
	ID        Position  `json:"id"`
	Type      string    `json:"type"`
	Amount    int64     `json:"amount"`
	Balance   int64     `json:"balance"`
	Ref       string    `json:"ref"`
	CreatedAt time.Time `json:"created_at"`
}

// Billing reads the ledger from cursor on; empty means from the newest.
func (a *App) Billing(ctx context.Context, cursor string) (page BillingPage, err error) {
	query := url.Values{}
	if cursor != "" {
		query.Set("cursor", cursor)
	}
	_, err = a.read(ctx, "/me/billing", query, &page)
	return page, err
}
