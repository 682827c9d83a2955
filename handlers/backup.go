package handlers

import (
	"bufio"
	"context"
	"encoding/hex"
	"errors"
	"io"
	"log/slog"
	"net"
	"strconv"
	"time"

	"github.com/valyala/fasthttp"

	"stoker/backup"
	"stoker/fsm"
)

// headerBackupBytes says about how long a backup will be, for whoever watches.
const headerBackupBytes = "X-Stoker-Backup-Bytes"

// adminBackup streams a backup of this node's state, which has seen all that was
// acknowledged before. One that breaks off has no end: its reader sees that.
func (s *Server) adminBackup(c *call) (any, error) {
	mode, err := backup.ParseBlobs(c.query("blobs"))
	if err != nil {
		return nil, invalid("blobs", "must be include or reference")
	}
	// Reading the state once may take longer than a request may.
	ctx, cancel := context.WithTimeout(s.work, s.cfg.Transfer)
	pinned, err := backup.Pin(ctx, s.node, s.cfg.Objects, mode)
	cancel()
	if err != nil {
		return nil, err
	}
	c.token = tokenText(pinned.Manifest.Epoch, pinned.Manifest.Index)
	h := &c.http.Response.Header
	c.http.SetStatusCode(fasthttp.StatusOK)
	c.http.SetContentType("application/x-tar")
	h.Set(fasthttp.HeaderCacheControl, "no-store")
	h.Set("Content-Disposition", `attachment; filename="`+backup.FileName(pinned.Manifest.CreatedAt)+`"`)
	h.Set(headerBackupBytes, strconv.FormatInt(pinned.Size(), 10))
	c.http.SetBodyStream(&archiveBody{pinned: pinned, ctx: s.parked, conn: c.http.Conn(), log: s.log, request: c.id}, -1)
	return sent{}, nil
}

// archiveBody writes an archive as the body of an answer: the request is over by then. A body that is read instead, or
// written by a function, goes through a pipe, and out in packets of 4 KiB, each of which wakes its reader.
type archiveBody struct {
	pinned  *backup.Pinned
	ctx     context.Context
	conn    net.Conn
	log     *slog.Logger
	request string
}

// SupportsBodyWriteTo has the archive written and not read.
func (*archiveBody) SupportsBodyWriteTo() bool { return true }

// Read is never called.
func (*archiveBody) Read([]byte) (int, error) { return 0, errors.ErrUnsupported }

// WriteTo gives the other side time anew for each piece. When it fails the connection is closed, and the reader has no end.
func (b *archiveBody) WriteTo(w io.Writer) (int64, error) {
	out := &pieces{conn: b.conn, w: w}
	err := b.writeTo(out)
	if err != nil {
		b.log.Warn("a backup broke off", keyRequest, b.request, keyError, err)
	}
	return out.n, err
}

func (b *archiveBody) writeTo(out io.Writer) error {
	whole := bufio.NewWriterSize(out, pieceBytes)
	if err := b.pinned.Write(b.ctx, whole); err != nil {
		return err
	}
	return whole.Flush()
}

// pieceBytes go out together.
const pieceBytes = 64 << 10

// pieces is a connection's other side.
type pieces struct {
	conn net.Conn
	w    io.Writer
	n    int64
}

func (p *pieces) Write(b []byte) (int, error) {
	if err := p.conn.SetWriteDeadline(time.Now().Add(streamWrite)); err != nil {
		return 0, err
	}
	n, err := p.w.Write(b)
	p.n += int64(n)
	return n, err
}

// Close lets the state go, however the answer went.
func (b *archiveBody) Close() error {
	b.pinned.Close()
	return nil
}

// backupView is a backup of the schedule as the operator sees it.
type backupView struct {
	ID      string  `json:"id"`
	At      string  `json:"at"`
	TookS   float64 `json:"took_s"`
	Node    string  `json:"node"`
	Place   string  `json:"place"`
	File    string  `json:"file"` // "" of an attempt that failed
	Epoch   uint64  `json:"epoch"`
	Index   uint64  `json:"index"` // of the state in it
	Bytes   int64   `json:"bytes"`
	SHA256  string  `json:"sha256"`
	Blobs   int     `json:"blobs"`
	Missing int     `json:"missing_blobs"`
	Error   string  `json:"error"`
}

// epochView is how an epoch began.
type epochView struct {
	Epoch uint64      `json:"epoch"`
	Why   fsm.Rebirth `json:"why"`
	At    string      `json:"at"`
	Index uint64      `json:"index"`
	From  uint64      `json:"from_index"`
	Hash  string      `json:"from_hash"` // the running hash there: of a backup its manifest's
}

// adminBackups lists what the schedule made and how epochs began.
func (s *Server) adminBackups(c *call) (any, error) {
	v, err := c.view()
	if err != nil {
		return nil, err
	}
	out := struct {
		Schedule string       `json:"schedule"` // of this node; "": none
		AgeS     *float64     `json:"last_success_age_s"`
		Backups  []backupView `json:"backups"`
		Epochs   []epochView  `json:"epochs"`
	}{Schedule: s.cfg.BackupSchedule, Backups: []backupView{}, Epochs: []epochView{}}
	if last, ok := v.LastBackup(); ok {
		age := max(0, time.Since(time.Unix(0, last.At)).Seconds())
		out.AgeS = &age
	}
	for _, b := range v.Backups() {
		out.Backups = append(out.Backups, backupView{
			ID: b.ID(), At: stampOf(b.At), TookS: time.Duration(b.Took).Seconds(), Node: b.Node, Place: b.Place, File: b.File,
			Epoch: b.Epoch, Index: b.State, Bytes: b.Bytes, SHA256: hex.EncodeToString(b.SHA256), Blobs: b.Blobs, Missing: b.Missing, Error: b.Error,
		})
	}
	for _, e := range v.Epochs() {
		out.Epochs = append(out.Epochs, epochView{
			Epoch: e.Epoch, Why: e.Why, At: stampOf(e.At), Index: e.Index, From: e.From, Hash: hex.EncodeToString(e.Hash[:]),
		})
	}
	return out, nil
}
