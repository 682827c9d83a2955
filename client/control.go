package client

import (
	"context"
	"errors"
	"net/http"
	"time"
)

// Control is one parked request for all of a worker's leases: it renews them when it arrives, brings progress in, and is answered
// as soon as there is something to say.
type Control struct {
	WorkerID  string      `json:"worker_id"`
	SessionID string      `json:"session_id,omitempty"`
	Leases    []LeaseBeat `json:"leases"`
	Told      []Told      `json:"told,omitempty"`
	WaitS     int         `json:"wait_s"` // how long it may be parked, 0 to 30
}

// LeaseBeat renews one lease.
type LeaseBeat struct {
	LeaseID  string     `json:"lease_id"`
	Progress []Progress `json:"progress,omitempty"`
}

// Told is which of a lease's cancels the worker knows, so that they are not news.
type Told struct {
	LeaseID string `json:"lease_id"`
	Idx     []int  `json:"idx"`
}

// Controlled answers a Control.
type Controlled struct {
	Directive Directive    `json:"directive"`
	TTLS      int          `json:"ttl_s"` // seconds that every lease named in the request lives from its arrival
	Leases    []LeaseState `json:"leases"`
	Lost      []string     `json:"lost"` // leases named in the request that are no longer the worker's
}

// LeaseState is one lease's part of the answer.
type LeaseState struct {
	LeaseID   string    `json:"lease_id"`
	ExpiresAt time.Time `json:"expires_at"`
	Cancel    []int     `json:"cancel"` // items to drop
}

// Control renews leases and listens. An older cluster refuses with 404 or 405, and takes heartbeats.
func (q *Queue) Control(ctx context.Context, c Control) (answer Controlled, err error) {
	r := q.post("/queue/control", c)
	r.attempt += time.Duration(c.WaitS) * time.Second
	_, _, err = q.client.call(ctx, r, &answer)
	return answer, err
}

// lacks reports whether err is an older cluster's answer to a call that it has not.
func lacks(err error) bool {
	var e *Error
	return errors.As(err, &e) && (e.Status == http.StatusNotFound || e.Status == http.StatusMethodNotAllowed)
}
