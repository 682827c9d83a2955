package handlers

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"net"
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

// outside counts the packets that go out; after the last it is gone.
type outside struct {
	left int
	sent bytes.Buffer
}

func (o *outside) Write(b []byte) (int, error) {
	if o.left--; o.left < 0 {
		return 0, io.ErrClosedPipe
	}
	return o.sent.Write(b)
}

// TestBackup_body: an archive goes out in large pieces, small members together; a reader that has gone ends it with an error, upon
// which its connection is closed.
func TestBackup_body(t *testing.T) {
	h := newHouse(t)
	h.signUp("free")
	pinned, err := backup.Pin(t.Context(), h.node, h.server.cfg.Objects, backup.Referenced)
	if err != nil {
		t.Fatal(err)
	}
	here, there := net.Pipe()
	defer there.Close()
	body := &archiveBody{pinned: pinned, ctx: t.Context(), conn: here, log: slog.New(slog.DiscardHandler)}
	defer body.Close()
	reader := &outside{left: 1}
	if n, err := body.WriteTo(reader); err != nil || n != int64(reader.sent.Len()) || n > pieceBytes {
		t.Fatalf("%d bytes, %d arrived: %v", n, reader.sent.Len(), err)
	}
	if _, err := backup.Verify(&reader.sent, t.TempDir()); err != nil {
		t.Error(err)
	}
	if n, err := body.WriteTo(&outside{}); n != 0 || !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("to a reader that has gone: %d bytes, %v", n, err)
	}
	here.Close()
	if _, err := body.WriteTo(&outside{left: 9}); err == nil {
		t.Error("a connection that was closed took an archive")
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
