package client

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// CellMove is a user's move between two cells as one of them knows it.
type CellMove struct {
	UserID  string    `json:"user_id"`
	State   MoveState `json:"state"`
	Out     bool      `json:"out"`  // from the cell that was asked
	Cell    string    `json:"cell"` // the other one's cluster id
	Move    string    `json:"move"` // its number
	At      time.Time `json:"at"`   // of the last step
	Credits int64     `json:"credits"`
	Entries int       `json:"entries"` // of the ledger
	Revoked bool      `json:"revoked"`
}

// MoveState is how far a move has come in one of its two cells.
type MoveState string

// The states: in the cell that the user leaves, in the one it comes to, and in both where it stays.
const (
	MoveLeaving  MoveState = "leaving"
	MoveLeft     MoveState = "left"
	MoveArriving MoveState = "arriving"
	MoveSettled  MoveState = "settled"
	MoveUndone   MoveState = "undone"
)

// ClusterID is the id of the cluster.
func (o *Operator) ClusterID(ctx context.Context) (string, error) {
	var out struct {
		ID string `json:"cluster_id"`
	}
	err := o.call(ctx, http.MethodGet, "/admin/status", nil, &out)
	return out.ID, err
}

// LeaveUser begins a move of a user to the cluster to. From here on the user does nothing but end its open jobs. Again it answers
// how far the move is.
func (o *Operator) LeaveUser(ctx context.Context, user, to string) (m CellMove, err error) {
	body := struct {
		To string `json:"to"`
	}{to}
	err = o.call(ctx, http.MethodPost, userPath(user)+"/leave", body, &m)
	return m, err
}

// StayUser takes back a move that is not decided; the other cell is told with SettleUser.
func (o *Operator) StayUser(ctx context.Context, user string) (m CellMove, err error) {
	body := struct {
		Back bool `json:"back"`
	}{true}
	err = o.call(ctx, http.MethodPost, userPath(user)+"/leave", body, &m)
	return m, err
}

// Departure reads a part of a user that leaves; it is handed to the other cell as it is. The first part has no cursor; with the
// second one behind says how much of the ledger the other cell has. next is empty behind the last part.
func (o *Operator) Departure(ctx context.Context, user, cursor string, behind int) (part json.RawMessage, next string, err error) {
	var out struct {
		Part json.RawMessage `json:"part"`
		Next string          `json:"next_cursor"`
	}
	path := userPath(user) + "/departure"
	if cursor != "" {
		path += "?" + url.Values{"cursor": {cursor}, "behind": {strconv.Itoa(behind)}}.Encode()
	}
	err = o.call(ctx, http.MethodGet, path, nil, &out)
	return out.Part, out.Next, err
}

// ArriveUser brings a part; again it changes nothing.
func (o *Operator) ArriveUser(ctx context.Context, user string, part json.RawMessage) (m CellMove, err error) {
	err = o.call(ctx, http.MethodPost, userPath(user)+"/arrive", part, &m)
	return m, err
}

// LeftUser decides a move, if what has arrived is all that the user has. Again it answers as before.
func (o *Operator) LeftUser(ctx context.Context, user, move string, arrived CellMove) (m CellMove, err error) {
	body := struct {
		Move    string `json:"move"`
		Entries int    `json:"entries"`
		Credits int64  `json:"credits"`
	}{move, arrived.Entries, arrived.Credits}
	err = o.call(ctx, http.MethodPost, userPath(user)+"/left", body, &m)
	return m, err
}

// SettleUser ends a move in the cell that the user comes to, from the cluster from, as the other one's LeftUser or StayUser
// answered. Again it answers as before.
func (o *Operator) SettleUser(ctx context.Context, user, from string, left CellMove) (m CellMove, err error) {
	body := struct {
		From    string `json:"from"`
		Move    string `json:"move"`
		Entries int    `json:"entries"`
		Credits int64  `json:"credits"`
		Revoked bool   `json:"revoked"`
		Back    bool   `json:"back"`
	}{from, left.Move, left.Entries, left.Credits, left.Revoked, left.State == MoveUndone}
	err = o.call(ctx, http.MethodPost, userPath(user)+"/settle", body, &m)
	return m, err
}
