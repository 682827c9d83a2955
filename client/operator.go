package client

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"time"
)

// Operator speaks with the admin token.
type Operator struct{ client *Client }

// Operator uses the cluster's AdminToken.
func (c *Client) Operator() *Operator { return &Operator{client: c} }

// Status is a node's view of the cluster. It grows with the server, so it is handed over as the server's own JSON; decode into
// a struct of what you show.
func (o *Operator) Status(ctx context.Context) (status json.RawMessage, err error) {
	err = o.call(ctx, http.MethodGet, "/admin/status", nil, &status)
	return status, err
}

// Account is a user as the operator sees it, with the newest of its ledger.
type Account struct {
	Me
	BillingPage
	Revoked    bool      `json:"revoked"`
	DeviceHash string    `json:"device_hash"`
	CreatedAt  time.Time `json:"created_at"`
	Away       string    `json:"away"` // why it may do nothing here: leaving, left, arriving; empty: it lives here
	Move       *CellMove `json:"move"` // its last one between this cell and another; nil: none
}

// User reads an account.
func (o *Operator) User(ctx context.Context, id string) (user Account, err error) {
	err = o.call(ctx, http.MethodGet, userPath(id), nil, &user)
	return user, err
}

// GrantCredits books amount (negative takes) on the user's ledger, once, with the reason.
func (o *Operator) GrantCredits(ctx context.Context, user string, amount int64, reason string) error {
	body := struct {
		Amount int64  `json:"amount"`
		Reason string `json:"reason"`
	}{amount, reason}
	return o.call(ctx, http.MethodPost, userPath(user)+"/credits", body, nil)
}

// SetPlan moves the user to a plan.
func (o *Operator) SetPlan(ctx context.Context, user, plan string) error {
	body := struct {
		Plan string `json:"plan"`
	}{plan}
	return o.call(ctx, http.MethodPut, userPath(user)+"/plan", body, nil)
}

func (o *Operator) call(ctx context.Context, method, path string, body, out any) error {
	_, _, err := o.client.call(ctx, request{
		method: method, path: path, body: body, token: o.client.cluster.AdminToken, keyed: method != http.MethodGet,
	}, out)
	return err
}

func userPath(id string) string { return "/admin/users/" + url.PathEscape(id) }
