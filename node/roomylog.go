package node

import (
	"fmt"

	"github.com/hashicorp/raft"
)

// roomyLog refuses entries for which there is no room before the log's file is
// touched. An error of the log is safe then, since nothing was written: a leader
// steps down. A follower's intake has refused before; should the room have gone
// since, it answers that it does not hold the entry.
type roomyLog struct {
	raft.LogStore
	space *space
	spare int64 // that the log takes from the disk now and then
	owed  bool  // the log's end was cut off: what replaces it must be taken
}

// entryOverhead is what an entry takes in bbolt's pages beside its own bytes: a
// leaf and the branches above it are written anew.
const entryOverhead = 64 << 10

// entryRoom is what entries take.
func entryRoom(logs []*raft.Log) int64 {
	size := int64(entryOverhead)
	for _, e := range logs {
		size += int64(len(e.Data)) + 64
	}
	return size
}

func (l *roomyLog) StoreLogs(logs []*raft.Log) error {
	if err := l.space.take(l.spare+entryRoom(logs), logKeeps); err != nil && !l.owed {
		return err
	}
	l.owed = false
	return l.LogStore.StoreLogs(logs)
}

// IsMonotonic is the log's own answer.
func (l *roomyLog) IsMonotonic() bool { return monotonic(l.LogStore) }

func (l *roomyLog) StoreLog(e *raft.Log) error { return l.StoreLogs([]*raft.Log{e}) }

// DeleteRange cuts the log's beginning, which needs next to no room, or its end,
// to be replaced at once: Raft would not know where its log ends if the one was
// done and the other refused.
func (l *roomyLog) DeleteRange(first, last uint64) error {
	end, err := l.LogStore.LastIndex()
	if err != nil {
		return err
	}
	if last == end {
		if err := l.space.take(l.spare+entryOverhead, logKeeps); err != nil {
			return err
		}
		l.owed = true
	}
	return l.LogStore.DeleteRange(first, last)
}

// roomySnapshots begins no snapshot that would not fit, own or received.
type roomySnapshots struct {
	raft.SnapshotStore
	space *space
	size  func() int64 // of the state
}

func (s roomySnapshots) Create(v raft.SnapshotVersion, index, term uint64, c raft.Configuration, at uint64, t raft.Transport) (raft.SnapshotSink, error) {
	if err := s.space.take(s.size(), logKeeps); err != nil {
		return nil, fmt.Errorf("no snapshot: %w", err)
	}
	return s.SnapshotStore.Create(v, index, term, c, at, t)
}
