package node

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/hashicorp/raft"

	"stoker/fsm"
)

// Survivor is the data folder of the one node that is left of a cluster that has
// lost its quorum. Its log may end before what the others have acknowledged
// without it, and after what any of them has: nobody can say which entries at its
// end were committed. Recover takes all of them.
type Survivor struct {
	Voters  []string  // of the cluster that was
	LastLog uint64    // the last entry here
	Term    uint64    // the last one that this node knew
	Wall    time.Time // when its last command was made

	folder string
	tmp    string
	db     *diskLog
	rest   *AtRest
}

// logFile is Raft's log in a node's data folder.
func logFile(dir string) string { return filepath.Join(dir, raftDir, votesName) }

// Idle refuses a data folder that a node is running on.
func Idle(dir string) error {
	if _, err := os.Stat(logFile(dir)); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	db, err := openLog(filepath.Join(dir, raftDir))
	if err != nil {
		return fmt.Errorf("node: stop the node of %s first: %w", dir, err)
	}
	return db.Close()
}

// OpenSurvivor reads what is left, into a copy: nothing in the folder changes
// before Recover. It refuses while a node is running on it. Close it.
func OpenSurvivor(dir string) (*Survivor, error) {
	s := &Survivor{folder: filepath.Join(dir, raftDir)}
	if _, err := os.Stat(logFile(dir)); err != nil {
		return nil, fmt.Errorf("node: %s is no node's data folder: %w", dir, err)
	}
	err := s.open(dir)
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *Survivor) open(dir string) (err error) {
	if s.db, err = openLog(s.folder); err != nil {
		return fmt.Errorf("node: stop the node first: %w", err)
	}
	snaps, err := openSnapshots(s.folder, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	if s.tmp, err = os.MkdirTemp(dir, "recover-"); err != nil {
		return fmt.Errorf("node: %w", err)
	}
	if s.rest, err = OpenAtRest(s.tmp); err != nil {
		return err
	}
	if s.Term, err = number(s.db, keyTerm); err != nil {
		return fmt.Errorf("node: read the term: %w", err)
	}
	from, err := s.load(snaps)
	if err != nil {
		return err
	}
	if err := s.replay(from); err != nil {
		return err
	}
	v := s.rest.View()
	defer v.Close()
	if s.Wall = time.Unix(0, v.Wall()); v.Epoch() == 0 {
		return errors.New("node: the cluster of this folder never began: there is nothing to recover")
	}
	return nil
}

// load takes the newest snapshot and gives the index behind it.
func (s *Survivor) load(snaps raft.SnapshotStore) (from uint64, err error) {
	all, err := snaps.List()
	if err != nil {
		return 0, fmt.Errorf("node: list the snapshots: %w", err)
	}
	if len(all) == 0 {
		first, err := s.db.FirstIndex()
		if err == nil && first > 1 {
			err = fmt.Errorf("the log begins at %d and there is no snapshot", first)
		}
		if err != nil {
			return 0, fmt.Errorf("node: this folder is not whole, take another node's or a backup: %w", err)
		}
		return 1, nil
	}
	if err := restore(s.rest.machine, snaps, all[0].ID); err != nil {
		return 0, fmt.Errorf("node: %w", err)
	}
	s.elect(all[0].Configuration)
	s.LastLog = all[0].Index
	return all[0].Index + 1, nil
}

func (s *Survivor) elect(c raft.Configuration) {
	s.Voters = nil
	for _, srv := range c.Servers {
		if srv.Suffrage == raft.Voter {
			s.Voters = append(s.Voters, string(srv.ID))
		}
	}
}

// replay applies what the log holds behind the snapshot, committed or not.
func (s *Survivor) replay(from uint64) error {
	last, err := s.db.LastIndex()
	if err != nil {
		return fmt.Errorf("node: read the log: %w", err)
	}
	for i := from; i <= last; i++ {
		var l raft.Log
		if err := s.db.GetLog(i, &l); err != nil {
			return fmt.Errorf("node: read entry %d: %w", i, err)
		}
		s.Term = max(s.Term, l.Term)
		switch l.Type {
		case raft.LogConfiguration:
			s.elect(raft.DecodeConfiguration(l.Data))
		case raft.LogCommand:
			s.rest.machine.Apply([]fsm.Entry{{Index: l.Index, Term: l.Term, Data: l.Data}})
			if s.rest.stuck != nil {
				return fmt.Errorf("node: %w", s.rest.stuck)
			}
		}
	}
	s.LastLog = max(s.LastLog, last)
	return nil
}

// View reads the state at the end of the log; close it.
func (s *Survivor) View() *fsm.View { return s.rest.View() }

// Recover makes the folder that of a cluster of one, in another epoch. It is done
// when the snapshot is synced; before, the folder is as it was.
func (s *Survivor) Recover(id string, wall time.Time) (fsm.Epoch, error) {
	e, err := s.rest.Begin(fsm.Restored{Why: fsm.FromSurvivor, From: s.LastLog, Gone: s.gone(id)}, s.LastLog, wall)
	if err != nil {
		return e, err
	}
	if err := s.rest.plant(s.db, s.folder, []string{id}, s.Term+1); err != nil {
		return e, err
	}
	// What is below the snapshot is read no more; Raft would cut it at the next one.
	first, err := s.db.FirstIndex()
	if err == nil && first > 0 {
		err = s.db.DeleteRange(first, s.LastLog)
	}
	if err != nil {
		return e, fmt.Errorf("node: cut the log: %w", err)
	}
	return e, nil
}

// gone are all that took part but for the one that is left.
func (s *Survivor) gone(left string) []string {
	ids := slices.Clone(s.Voters)
	v := s.View()
	defer v.Close()
	for _, m := range v.Members() {
		ids = append(ids, m.ID)
	}
	slices.Sort(ids)
	return slices.DeleteFunc(slices.Compact(ids), func(id string) bool { return id == left })
}

// Close lets the folder go.
func (s *Survivor) Close() error {
	var err error
	if s.rest != nil {
		err = s.rest.Close()
	}
	if s.db != nil {
		err = errors.Join(err, s.db.Close())
	}
	if s.tmp != "" {
		err = errors.Join(err, os.RemoveAll(s.tmp))
	}
	return err
}
