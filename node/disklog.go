package node

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/hashicorp/raft"
	raftboltdb "github.com/hashicorp/raft-boltdb/v2"
	wal "github.com/hashicorp/raft-wal"
	"github.com/hashicorp/raft-wal/metadb"
	"go.etcd.io/bbolt"
)

// LogStore says where the entries of Raft's log are on the disk. Term and vote are in raft.db with either.
type LogStore string

const (
	LogBolt LogStore = "boltdb" // in raft.db: a tree of pages, of which an append writes several, twice synced
	LogWAL  LogStore = "wal"    // in a folder of segments, at whose end an append writes what it has, once synced
)

const (
	walDir = "wal"
	// walSegment is the size of a segment, in bytes, which is taken from the file system when it begins.
	walSegment = 16 << 20
)

// diskLog is Raft's log and its votes on the disk, synced by every write.
type diskLog struct {
	raft.LogStore    // the entries
	raft.StableStore // term and vote
	votes            *raftboltdb.BoltStore
	segments         *segmented // nil: the entries are with the votes
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

// openVotes opens raft.db. Its lock is what keeps two processes apart.
func openVotes(dir string) (*raftboltdb.BoltStore, error) {
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

// segmented is a log in segments. Its table of contents is closed here: version 0.4.0 of the library forgets to, and the next to open
// it in this process would wait for its lock for ever.
type segmented struct {
	*wal.WAL
	contents *metadb.BoltMetaDB
}

func openSegments(folder string) (*segmented, error) {
	s := &segmented{contents: &metadb.BoltMetaDB{}}
	var err error
	s.WAL, err = wal.Open(folder, wal.WithSegmentSize(walSegment), wal.WithMetaStore(s.contents), wal.WithLogger(newRaftLog(slog.New(slog.DiscardHandler))))
	if err != nil {
		return nil, fmt.Errorf("open the log in %s: %w", folder, errors.Join(err, s.contents.Close()))
	}
	// The library syncs a segment's name with the first append by the process that made it. If that one made it and ended, nobody would.
	if err := syncDir(folder); err != nil {
		return nil, fmt.Errorf("open the log in %s: %w", folder, errors.Join(err, s.Close()))
	}
	return s, nil
}

func (s *segmented) Close() error { return errors.Join(s.WAL.Close(), s.contents.Close()) }

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
