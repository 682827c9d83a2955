package client

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// BackupRequest says what to back up and from where.
type BackupRequest struct {
	Blobs string // include (also "") or reference
	Node  string // id of the node to take it from; empty: any
}

// BackupStream is a backup on its way. It is whole when its reader has found the end in it, not when Read says EOF.
type BackupStream struct {
	io.ReadCloser
	Bytes int64 // about so many will come
}

// Backup begins a backup. It takes as long as the state and the pictures do; ctx bounds it.
func (o *Operator) Backup(ctx context.Context, r BackupRequest) (*BackupStream, error) {
	nodes := o.client.nodes.round
	if r.Node != "" {
		node, err := o.locate(ctx, r.Node)
		if err != nil {
			return nil, err
		}
		nodes = func() []*url.URL { return []*url.URL{node} }
	}
	call := request{method: http.MethodGet, path: "/admin/backup", query: url.Values{}, token: o.client.cluster.AdminToken}
	if r.Blobs != "" {
		call.query.Set("blobs", r.Blobs)
	}
	body, header, err := o.client.stream(ctx, call, "application/x-tar", nodes)
	if err != nil {
		return nil, err
	}
	about, _ := strconv.ParseInt(header.Get("X-Stoker-Backup-Bytes"), 10, 64)
	return &BackupStream{ReadCloser: body, Bytes: about}, nil
}

// locate finds a node's public port by its id.
func (o *Operator) locate(ctx context.Context, id string) (*url.URL, error) {
	text, err := o.Status(ctx)
	if err != nil {
		return nil, err
	}
	var status struct {
		Members []struct {
			ID   string `json:"id"`
			HTTP string `json:"http"`
		} `json:"members"`
	}
	if err := json.Unmarshal(text, &status); err != nil {
		return nil, fmt.Errorf("status: %w", err)
	}
	for _, m := range status.Members {
		if m.ID == id && m.HTTP != "" {
			node := *o.client.nodes.round()[0]
			node.Host = m.HTTP
			return &node, nil
		}
	}
	return nil, fmt.Errorf("no node %q with a public port is a member; `stoker status` lists them", id)
}

// Backups is what the schedule made, and how the cluster's epochs began.
type Backups struct {
	Schedule string          `json:"schedule"`
	AgeS     *float64        `json:"last_success_age_s"` // nil: there is none
	Backups  []BackupEntry   `json:"backups"`            // newest first
	Epochs   json.RawMessage `json:"epochs"`
}

// BackupEntry is one of them, or an attempt.
type BackupEntry struct {
	ID      string    `json:"id"`
	At      time.Time `json:"at"`
	TookS   float64   `json:"took_s"`
	Node    string    `json:"node"`
	Place   string    `json:"place"`
	File    string    `json:"file"`
	Epoch   uint64    `json:"epoch"`
	Index   uint64    `json:"index"`
	Bytes   int64     `json:"bytes"`
	SHA256  string    `json:"sha256"`
	Blobs   int       `json:"blobs"`
	Missing int       `json:"missing_blobs"`
	Error   string    `json:"error"`
}

// Backups lists them.
func (o *Operator) Backups(ctx context.Context) (all Backups, err error) {
	err = o.call(ctx, http.MethodGet, "/admin/backups", nil, &all)
	return all, err
}
