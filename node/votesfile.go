package node

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	raftboltdb "github.com/hashicorp/raft-boltdb/v2"
	"go.etcd.io/bbolt"
)

const (
	votesName    = "raft.db"
	votesPending = votesName + ".new-" // and something that tells apart two processes that begin at the same time
)

// openVotes opens raft.db, and makes it if it is not there. Its lock is what keeps two processes apart.
func openVotes(dir string) (*raftboltdb.BoltStore, error) {
	path := filepath.Join(dir, votesName)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		if err := makeVotes(dir, path); err != nil {
			return nil, fmt.Errorf("make the log in %s: %w", dir, err)
		}
	}
	b, err := openBolt(path)
	if err != nil {
		return nil, fmt.Errorf("open the log in %s (is another process using it?): %w", dir, err)
	}
	return b, nil
}

// makeVotes makes the file under another name and gives it its own once all of it is durable. bbolt writes the first pages of a file
// all at once: when the power goes then, the two that say that it is one may be there and those that they point to not, and no later
// start would get beyond that.
func makeVotes(dir, path string) (err error) {
	left, err := filepath.Glob(filepath.Join(dir, votesPending+"*"))
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, votesPending+"*")
	if err != nil {
		return err
	}
	pending := f.Name()
	defer func() {
		for _, name := range append(left, pending) { // those left over are of a start that the power cut short
			if e := os.Remove(name); e != nil && !errors.Is(e, fs.ErrNotExist) {
				err = errors.Join(err, e)
			}
		}
	}()
	if err := f.Close(); err != nil {
		return err
	}
	b, err := openBolt(pending)
	if err != nil {
		return err
	}
	if err := b.Close(); err != nil {
		return err
	}
	// A link and no rename: who comes second must not replace what the first has begun to use.
	if err := os.Link(pending, path); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%w: the file system of a node's data must have hard links, as ext4, XFS and btrfs have", err)
	}
	return syncDir(dir)
}

func openBolt(path string) (*raftboltdb.BoltStore, error) {
	return raftboltdb.New(raftboltdb.Options{
		Path: path,
		BoltOptions: &bbolt.Options{
			Timeout: 2 * time.Second,
			// The file never shrinks, so after the first truncation it has many
			// free pages: do not write their list with each append, and do not
			// search it as an array.
			NoFreelistSync: true,
			FreelistType:   bbolt.FreelistMapType,
		},
	})
}
