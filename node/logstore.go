package node

import (
	"fmt"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/hashicorp/raft"
	raftboltdb "github.com/hashicorp/raft-boltdb/v2"
	"github.com/prometheus/client_golang/prometheus"
	"go.etcd.io/bbolt"
)

// cachedLogs is how many of the newest entries stay in memory for the
// followers. An entry may be a mebibyte; a handful covers one round trip.
const cachedLogs = 64

// openLog opens Raft's log and its votes, in a file of their own beside the
// state: both are synced by every write.
func openLog(dir string) (*raftboltdb.BoltStore, error) {
	b, err := raftboltdb.New(raftboltdb.Options{
		Path: filepath.Join(dir, "raft.db"),
		BoltOptions: &bbolt.Options{
			Timeout: 2 * time.Second,
			// The file never shrinks, so after the first truncation it has many
			// free pages: do not write their list with each append, and do not
			// search it as an array.
			NoFreelistSync: true,
			FreelistType:   bbolt.FreelistMapType,
		},
	})
	if err != nil {
		return nil, fmt.Errorf("open the log in %s (is another process using it?): %w", dir, err)
	}
	return b, nil
}

// watchedLog ends the process when the log cannot be written, or cannot be
// written in time. Raft would go on: a leader whose disk hangs keeps sending
// heartbeats from other goroutines, keeps its leadership and serves nobody
// (hashicorp/raft issue 503).
type watchedLog struct {
	raft.LogStore
	limit time.Duration
	exit  func(error)
	log   *slog.Logger
	took  prometheus.Histogram // seconds
}

func (w *watchedLog) StoreLogs(logs []*raft.Log) error {
	began := time.Now()
	dog := time.AfterFunc(w.limit, func() {
		w.exit(fmt.Errorf("the disk of the log hangs: a write has taken longer than %v; another node takes over; check the disk", w.limit))
	})
	err := w.LogStore.StoreLogs(logs)
	dog.Stop()
	if err != nil {
		err = fmt.Errorf("write the log: %w; free or repair the disk, then start again", err)
		w.exit(err)
		return err
	}
	took := time.Since(began)
	w.took.Observe(took.Seconds())
	if took > w.limit/4 {
		w.log.Warn("slow write of the log", "took", took, "entries", len(logs))
	}
	return nil
}

// StoreLog is never called by Raft but for the bootstrap.
func (w *watchedLog) StoreLog(l *raft.Log) error { return w.StoreLogs([]*raft.Log{l}) }
