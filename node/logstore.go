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

// openSnapshots opens Raft's snapshots, which are in the folder of its log. Two
// are kept: a follower may be reading the older one while a new one is made.
func openSnapshots(dir string, log *slog.Logger) (raft.SnapshotStore, error) {
	snaps, err := raft.NewFileSnapshotStoreWithLogger(dir, 2, newRaftLog(log))
	if err != nil {
		return nil, fmt.Errorf("node: open the snapshots: %w", err)
	}
	return snaps, nil
}

// watchedLog is Raft's log under watch.
type watchedLog struct {
	raft.LogStore
	disk diskWatch
	took prometheus.Histogram // seconds
}

func (w *watchedLog) StoreLogs(logs []*raft.Log) error {
	began := time.Now()
	err := w.disk.write("the log", func() error { return w.LogStore.StoreLogs(logs) })
	w.took.Observe(time.Since(began).Seconds())
	return err
}

// StoreLog is never called by Raft but for the bootstrap.
func (w *watchedLog) StoreLog(l *raft.Log) error { return w.StoreLogs([]*raft.Log{l}) }

// DeleteRange cuts the log: below a snapshot, or what another leader overwrites.
func (w *watchedLog) DeleteRange(first, last uint64) error {
	return w.disk.write("the log", func() error { return w.LogStore.DeleteRange(first, last) })
}

// watchedVotes is where Raft keeps its term and its vote, under watch: Raft
// panics when it cannot write them.
type watchedVotes struct {
	raft.StableStore
	disk diskWatch
}

func (w watchedVotes) Set(key, val []byte) error {
	return w.disk.write("the vote", func() error { return w.StableStore.Set(key, val) })
}

func (w watchedVotes) SetUint64(key []byte, val uint64) error {
	return w.disk.write("the term", func() error { return w.StableStore.SetUint64(key, val) })
}
