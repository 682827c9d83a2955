package node

import (
	"errors"
	"os"
	"path/filepath"

	"github.com/hashicorp/raft"
	raftboltdb "github.com/hashicorp/raft-boltdb/v2"
	wal "github.com/hashicorp/raft-wal"
)

// LogStore says where the entries of Raft's log are on the disk. Term and vote are in raft.db with either.
type LogStore string

const (
	LogBolt LogStore = "boltdb" // in raft.db: a tree of pages, of which an append writes several, twice synced
	LogWAL  LogStore = "wal"    // in a folder of segments, at whose end an append writes what it has, once synced
)

// diskLog is Raft's log and its votes on the disk, synced by every write.
type diskLog struct {
	raft.LogStore    // the entries
	raft.StableStore // term and vote
	votes            *raftboltdb.BoltStore
	segments         *wal.WAL // nil: the entries are with the votes
}

// openLog opens a log wherever its entries are: in segments if their folder is there.
func openLog(dir string) (*diskLog, error) {
	votes, err := openVotes(dir)
	if err != nil {
		return nil, err
	}
	d := &diskLog{LogStore: votes, StableStore: votes, votes: votes}
	folder := filepath.Join(dir, walDir)
	if _, err := os.Stat(folder); errors.Is(err, os.ErrNotExist) {
		return d, nil
	}
	if d.segments, err = openSegments(folder); err != nil {
		return nil, errors.Join(err, votes.Close())
	}
	d.LogStore = d.segments
	return d, nil
}

// Close ends the use of both.
func (d *diskLog) Close() error {
	if d.segments == nil {
		return d.votes.Close()
	}
	return errors.Join(d.segments.Close(), d.votes.Close())
}

// IsMonotonic says whether the log may have no gaps.
func (d *diskLog) IsMonotonic() bool { return monotonic(d.LogStore) }

// spare is what the log may take from the disk beside the entries of an append.
func (d *diskLog) spare() int64 {
	if d.segments == nil {
		return 0
	}
	return walSegment
}

func monotonic(l raft.LogStore) bool {
	m, ok := l.(raft.MonotonicLogStore)
	return ok && m.IsMonotonic()
}
