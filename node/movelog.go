package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/hashicorp/raft"
	raftboltdb "github.com/hashicorp/raft-boltdb/v2"
	"github.com/hashicorp/raft-wal/migrate"

	"stoker/store"
)

// keepLog brings the entries of the log in a folder to where they shall be. Wherever it is interrupted, the log is whole in one place,
// and which that is the folder of segments says by being there: then what raft.db has is left over, or half a copy.
func keepLog(dir string, in LogStore) error {
	steps := toBolt
	if in == LogWAL {
		steps = toSegments
	}
	for _, step := range steps {
		if err := step(dir); err != nil {
			return fmt.Errorf("move the log to where log_store has it: %w", err)
		}
	}
	return nil
}

// Suffixes of a folder of segments that is not one yet, and of one that is none any more.
const (
	walNew = walDir + ".new"
	walOld = walDir + ".old"
)

// sweep removes what an interrupted move has left that is neither one nor the other log.
func sweep(dir string) error {
	return errors.Join(os.RemoveAll(filepath.Join(dir, walNew)), os.RemoveAll(filepath.Join(dir, walOld)))
}

var toSegments = []func(dir string) error{
	sweep,
	func(dir string) error { // a copy, unless it is there
		if isDir(filepath.Join(dir, walDir)) {
			return nil
		}
		folder := filepath.Join(dir, walNew)
		if err := store.MakeDir(folder); err != nil {
			return err
		}
		votes, err := openVotes(dir)
		if err != nil {
			return err
		}
		segments, err := openSegments(folder)
		if err != nil {
			return errors.Join(err, votes.Close())
		}
		return errors.Join(copyNeeded(dir, segments, votes), segments.Close(), votes.Close())
	},
	func(dir string) error { // it takes over
		if isDir(filepath.Join(dir, walDir)) {
			return nil
		}
		if err := os.Rename(filepath.Join(dir, walNew), filepath.Join(dir, walDir)); err != nil {
			return err
		}
		return syncDir(dir)
	},
	dropFromVotes,
}

var toBolt = []func(dir string) error{
	sweep,
	func(dir string) error {
		if !isDir(filepath.Join(dir, walDir)) {
			return nil
		}
		return dropFromVotes(dir)
	},
	func(dir string) error {
		folder := filepath.Join(dir, walDir)
		if !isDir(folder) {
			return nil
		}
		votes, err := openVotes(dir)
		if err != nil {
			return err
		}
		segments, err := openSegments(folder)
		if err != nil {
			return errors.Join(err, votes.Close())
		}
		return errors.Join(copyEntries(votes, segments), segments.Close(), votes.Close())
	},
	func(dir string) error {
		if !isDir(filepath.Join(dir, walDir)) {
			return nil
		}
		if err := os.Rename(filepath.Join(dir, walDir), filepath.Join(dir, walOld)); err != nil {
			return err
		}
		return syncDir(dir)
	},
	sweep,
}

func isDir(path string) bool {
	s, err := os.Stat(path)
	return err == nil && s.IsDir()
}

// copyNeeded fills an empty log that may have no gaps from one that may: a follower that is sent a snapshot keeps what it has in
// raft.db and goes on behind the snapshot. What is before the last gap is in the snapshot, and so is all of a log that ends below it.
func copyNeeded(dir string, to raft.LogStore, from *raftboltdb.BoltStore) error {
	snaps, err := raft.NewFileSnapshotStoreWithLogger(dir, 2, newRaftLog(slog.New(slog.DiscardHandler)))
	if err != nil {
		return err
	}
	all, err := snaps.List()
	if err != nil {
		return err
	}
	last, err := from.LastIndex()
	if err != nil || len(all) > 0 && last < all[0].Index {
		return err
	}
	first, err := from.FirstIndex()
	if err != nil {
		return err
	}
	var e raft.Log
	for i := last; i > first; i-- {
		switch err := from.GetLog(i-1, &e); {
		case errors.Is(err, raft.ErrLogNotFound):
			first = i
		case err != nil:
			return err
		}
	}
	return copyEntries(to, behind{from, first})
}

// behind is a log from an entry on.
type behind struct {
	raft.LogStore
	first uint64
}

func (b behind) FirstIndex() (uint64, error) { return b.first, nil }

// copyEntries fills an empty log.
func copyEntries(to, from raft.LogStore) error {
	last, err := from.LastIndex()
	if err != nil || last == 0 {
		return err
	}
	return migrate.CopyLogs(context.Background(), to, from, 1<<20, nil)
}

// dropFromVotes takes entries out of raft.db that are elsewhere.
func dropFromVotes(dir string) error {
	votes, err := openVotes(dir)
	if err != nil {
		return err
	}
	first, err1 := votes.FirstIndex()
	last, err2 := votes.LastIndex()
	if err := errors.Join(err1, err2); err != nil || last == 0 {
		return errors.Join(err, votes.Close())
	}
	return errors.Join(votes.DeleteRange(first, last), votes.Close())
}
