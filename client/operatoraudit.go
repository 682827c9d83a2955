package client

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// AuditRow is one thing that an operator did, or was refused.
type AuditRow struct {
	ID        string    `json:"id"`
	At        time.Time `json:"at"`
	Who       string    `json:"who"` // the token's name
	Action    string    `json:"action"`
	Subject   string    `json:"subject"`
	Detail    string    `json:"detail"`
	Code      string    `json:"code"` // of the refusal; empty: it was done
	RequestID string    `json:"request_id"`
}

// AuditQuery chooses rows. Zero fields choose all.
type AuditQuery struct {
	Who   string
	Since time.Time
	Limit int // 50 at most, which zero means

	// Cursor goes on behind a page, newest first. After is the ID of a row: rows come oldest first from behind it; "0" is before all.
	Cursor, After string
}

// AuditPage is a stretch of the audit log.
type AuditPage struct {
	Rows []AuditRow `json:"rows"`
	Next string     `json:"next_cursor"` // for Cursor or After; empty at the end
}

// Audit reads the audit log.
func (o *Operator) Audit(ctx context.Context, q AuditQuery) (page AuditPage, err error) {
	query := url.Values{}
	set := func(key, value string) {
		if value != "" {
			query.Set(key, value)
		}
	}
	set("who", q.Who)
	set("cursor", q.Cursor)
	set("after", q.After)
	if !q.Since.IsZero() {
		set("since", q.Since.UTC().Format(time.RFC3339))
	}
	if q.Limit > 0 {
		set("limit", strconv.Itoa(q.Limit))
	}
	_, _, err = o.client.call(ctx, request{
		method: http.MethodGet, path: "/admin/audit", query: query, token: o.client.cluster.AdminToken,
	}, &page)
	return page, err
}
