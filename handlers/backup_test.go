package handlers

import (
	"bytes"
	"net/http"
	"strconv"
	"testing"

	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/go-json-experiment/json"

	"stoker/backup"
	"stoker/fsm"
	"stoker/node"
)

// The library that holds answers against openapi.json knows no archives.
func init() {
	openapi3filter.RegisterBodyDecoder("application/x-tar", openapi3filter.FileBodyDecoder)
}

// TestBackup_streams: what comes is a whole archive of the state that the header
// names, and is in the audit log.
func TestBackup_streams(t *testing.T) {
	h := newHouse(t)
	h.signUp("free")
	got := h.do(ask{method: "GET", path: "/admin/backup?blobs=reference", token: adminToken})
	if got.status != http.StatusOK {
		t.Fatalf("%d %s", got.status, got.text)
	}
	r, err := backup.Verify(bytes.NewReader(got.text), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	about, err := strconv.ParseInt(got.header.Get(headerBackupBytes), 10, 64)
	if err != nil || about < r.Bytes || r.Check.Users != 1 || got.header.Get(headerIndex) != tokenText(r.Manifest.Epoch, r.Index) {
		t.Errorf("%d bytes announced (%v), %d came; %+v; index %s", about, err, r.Bytes, r.Check, got.header.Get(headerIndex))
	}
	for path, status := range map[string]int{"/admin/backup?blobs=some": 400, "/admin/backups": 200} {
		if got := h.do(ask{method: "GET", path: path, token: adminToken}); got.status != status {
			t.Errorf("%s: %d %s", path, got.status, got.text)
		}
	}
	if got := h.do(ask{method: "GET", path: "/admin/backup", token: workerToken}); got.status != http.StatusUnauthorized {
		t.Errorf("a worker's token: %d %s", got.status, got.text)
	}
}

// TestBackups_lists: what the schedule recorded, as the operator sees it.
func TestBackups_lists(t *testing.T) {
	h := newHouse(t, func(_ *fsm.Settings, c *Config) { c.BackupSchedule = "every 6h" })
	for _, b := range []fsm.Backup{
		{At: 1_750_000_000_000_000_000, Took: 5e8, Node: "n1", Place: "/b", File: "x.tar", State: 7, Epoch: 1, Bytes: 9, SHA256: []byte{1}, Blobs: 2, Missing: 1},
		{At: 1_750_000_100_000_000_000, Node: "n1", Place: "/b", Error: "the disk is full"},
	} {
		if _, err := node.Apply(t.Context(), h.node, fsm.RecordBackup{Backup: b}); err != nil {
			t.Fatal(err)
		}
	}
	got := h.do(ask{method: "GET", path: "/admin/backups", token: adminToken})
	var out struct {
		Data struct {
			Schedule string       `json:"schedule"`
			AgeS     float64      `json:"last_success_age_s"`
			Backups  []backupView `json:"backups"`
		} `json:"data"`
	}
	if err := json.Unmarshal(got.text, &out); err != nil {
		t.Fatal(err)
	}
	if d := out.Data; d.Schedule != "every 6h" || d.AgeS <= 0 || len(d.Backups) != 2 || d.Backups[0].Error == "" || d.Backups[1].TookS != 0.5 || d.Backups[1].Missing != 1 {
		t.Errorf("%+v", out.Data)
	}
}
