package node

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/hashicorp/raft"
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

var toSegments = []func(dir string) error{
	func(dir string) error { // a copy, unless it is there
		if isDir(filepath.Join(dir, walDir)) {
			return nil
		}
		folder := filepath.Join(dir, walNew)
		if err := errors.Join(os.RemoveAll(folder), store.MakeDir(folder)); err != nil {
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
		return errors.Join(copyEntries(segments, votes), segments.Close(), votes.Close())
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
		if err := errors.Join(os.RemoveAll(filepath.Join(dir, walOld)), os.Rename(filepath.Join(dir, walDir), filepath.Join(dir, walOld))); err != nil {
			return err
		}
		return syncDir(dir)
	},
	func(dir string) error { return os.RemoveAll(filepath.Join(dir, walOld)) },
}

func isDir(path string) bool {
	s, err := os.Stat(path)
	return err == nil && s.IsDir()
}

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
