package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"time"

	"stoker/fsm"
	"stoker/node"
	"stoker/objects"
)

// Keeper makes the scheduled backups where the leader is, and deletes old ones.
type Keeper struct {
	Node    *node.Node
	Objects *objects.Store

	Schedule Schedule
	To       func(ctx context.Context) (Place, error) // where to; it may have to open a secret first
	Blobs    Blobs
	Keep     int // newest ones that stay; 0: all
	KeepDays int // how old one may become; 0: any age. The newest stays in any case
	Log      *slog.Logger
	Now      func() time.Time // nil is time.Now
}

const (
	retryAfter = 10 * time.Minute // an attempt that failed is made again
	lookEvery  = time.Minute      // for what is due or old, at least
	patience   = time.Minute      // of a record on its way into the log
	maxError   = 500              // bytes of an error that is recorded
)

// Start has the backups made for as long as the node runs.
func (k *Keeper) Start() {
	if k.Now == nil {
		k.Now = time.Now
	}
	if k.Schedule.Never() {
		return
	}
	k.Node.WhileLeader("backups", func(ctx context.Context, _ uint64) {
		for ctx.Err() == nil {
			if k.due() {
				k.attempt(ctx)
			}
			k.pause(ctx)
		}
	})
	k.Node.WhileRunning(k.tidyUp)
}

// tidyUp deletes old backups that are this node's to delete, leader or not.
func (k *Keeper) tidyUp(ctx context.Context) {
	for ctx.Err() == nil {
		k.tidy(ctx)
		k.pause(ctx)
	}
}

func (k *Keeper) pause(ctx context.Context) {
	t := time.NewTimer(lookEvery)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// due says whether a backup should be made now: by the last attempt that is on
// record, whoever made it. A schedule that has none yet begins with one.
func (k *Keeper) due() bool {
	v := k.Node.View()
	all, secrets := v.Backups(), v.Secrets(fsm.UseNamed)
	ready := v.Epoch() != 0 && v.Level() >= recordLevel
	v.Close()
	if !ready {
		return false
	}
	if len(all) == 0 {
		return true
	}
	last := all[0]
	next, err := k.Schedule.After(time.Unix(0, last.At))
	if err != nil {
		k.Log.Error("no backup can be planned", "err", err)
		return false
	}
	if again := time.Unix(0, last.At).Add(retryAfter); last.Error != "" && again.Before(next) {
		next = again
	}
	if last.Error != "" && slices.ContainsFunc(secrets, func(s fsm.Secret) bool { return s.CreatedAt > last.At }) {
		return true // it may have failed for want of that: a cluster has none when it begins
	}
	return !k.Now().Before(next)
}

// recordLevel is the feature level from which on backups are recorded.
var recordLevel = fsm.LevelOf(fsm.Propose(fsm.RecordBackup{}))

// attempt makes one and records what came of it. One that ends with the
// leadership is not recorded: the next leader makes its own.
func (k *Keeper) attempt(ctx context.Context) {
	began := k.Now()
	b := fsm.Backup{At: began.UnixNano(), Node: k.Node.ID()}
	place, err := k.To(ctx)
	if err == nil {
		b.Place = place.String()
		err = k.make(ctx, place, &b)
	}
	if ctx.Err() != nil {
		return
	}
	b.Took = k.Now().Sub(began).Nanoseconds()
	if err != nil {
		b.Error = strings.ToValidUTF8(err.Error()[:min(len(err.Error()), maxError)], "")
		k.Log.Error("the scheduled backup failed", "err", err)
	}
	// The file is there: its record must not depend on this node leading on.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	r, rerr := node.Apply(ctx, k.Node, fsm.RecordBackup{Backup: b}, node.By("system"))
	switch {
	case rerr == nil && err == nil:
		k.Log.Info("backup made", "id", r.Answer.ID(), "file", b.File, "to", b.Place, "bytes", b.Bytes, "index", b.State, "missing_blobs", b.Missing)
	case rerr == nil:
	case b.File != "" && !errors.Is(rerr, node.ErrOutcomeUnknown):
		k.Log.Error("the backup could not be recorded; its file is removed", "err", errors.Join(rerr, place.Delete(ctx, b.File)))
	default:
		k.Log.Error("the attempt at a backup could not be recorded", "file", b.File, "err", rerr)
	}
}

// make makes the file and fills in what it is.
func (k *Keeper) make(ctx context.Context, place Place, b *fsm.Backup) error {
	pinned, err := Pin(ctx, k.Node, k.Objects, k.Blobs)
	if err != nil {
		return err
	}
	defer pinned.Close()
	read, write := io.Pipe()
	written := make(chan struct{})
	go func() {
		defer close(written)
		write.CloseWithError(pinned.Write(ctx, write))
	}()
	name := FileName(time.Unix(0, b.At))
	c, err := Save(ctx, place, name, read)
	read.CloseWithError(io.ErrClosedPipe)
	<-written
	if err != nil {
		return err
	}
	b.File, b.State, b.Epoch, b.Bytes, b.SHA256 = name, c.Manifest.Index, c.Manifest.Epoch, c.Bytes, c.SHA256[:]
	if b.Missing = len(c.End.Missing); c.Manifest.Blobs.Mode == Included {
		b.Blobs = c.Manifest.Blobs.Count - b.Missing
	}
	return nil
}

// tidy deletes what the schedule made and may no longer be kept.
func (k *Keeper) tidy(ctx context.Context) {
	v := k.Node.View()
	all := v.Backups()
	v.Close()
	if len(all) == 0 {
		return
	}
	place, err := k.To(ctx)
	if err != nil {
		return // attempt says so
	}
	for _, b := range k.old(all, place.String()) {
		if !k.mine(b, place) {
			continue
		}
		if b.Node == k.Node.ID() || place.Shared() {
			err = place.Delete(ctx, b.File)
		}
		if err == nil {
			_, err = node.Apply(ctx, k.Node, fsm.ForgetBackup{Index: b.Index, Ordinal: b.Ordinal}, node.By("system"))
		}
		if err != nil {
			k.Log.Warn("an old backup was not deleted; it is tried again", "file", b.File, "err", err)
			return
		}
		k.Log.Info("an old backup was deleted", "id", b.ID(), "file", b.File, "to", b.Place)
	}
}

// old are the backups of a place that need not be kept. It is only ever names
// that Stoker gave; what else is in the place is nobody's business.
func (k *Keeper) old(all []fsm.Backup, place string) (out []fsm.Backup) {
	n := 0
	for _, b := range all { // newest first
		if b.Error != "" || b.Place != place {
			continue
		}
		n++
		age := k.Now().Sub(time.Unix(0, b.At))
		if n > 1 && (k.Keep > 0 && n > k.Keep || k.KeepDays > 0 && age > time.Duration(k.KeepDays)*24*time.Hour) {
			out = append(out, b)
		}
	}
	return out
}

// mine says whether this node is to delete a backup: a file is on the node that
// made it, what all can see is the leader's, as is the record of a node that is gone.
func (k *Keeper) mine(b fsm.Backup, place Place) bool {
	if b.Node == k.Node.ID() && !place.Shared() {
		return true
	}
	leader, _ := k.Node.Leader()
	if leader != k.Node.ID() {
		return false
	}
	if place.Shared() {
		return true
	}
	for _, m := range k.Node.Members() {
		if m.ID == b.Node {
			return false
		}
	}
	return true
}

// Keys names the secrets that open the bucket: `stoker secret put` puts them.
const (
	AccessKeySecret = "s3.backup.access_key"
	SecretKeySecret = "s3.backup.secret_key"
)

// SecretKeys fills in what an operator has put of the keys.
func (s S3) SecretKeys(ctx context.Context, n *node.Node) (S3, error) {
	for _, k := range []struct {
		name string
		to   *string
	}{{AccessKeySecret, &s.AccessKey}, {SecretKeySecret, &s.SecretKey}} {
		if *k.to != "" {
			continue
		}
		value, err := n.Secret(ctx, k.name)
		if err != nil {
			return s, fmt.Errorf("backup: %w", err)
		}
		*k.to = string(value)
	}
	return s, nil
}
