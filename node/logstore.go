package node

import (
	"time"

	"github.com/hashicorp/raft"
	"github.com/prometheus/client_golang/prometheus"
)

// cachedLogs is how many of the newest entries stay in memory for the
// followers. An entry may be a mebibyte; a handful covers one round trip.
const cachedLogs = 64

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

// IsMonotonic says whether the log may have no gaps: Raft cuts it before it goes on behind a snapshot that it was sent.
func (w *watchedLog) IsMonotonic() bool { return monotonic(w.LogStore) }

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
