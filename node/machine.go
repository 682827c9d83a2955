package node

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/hashicorp/raft"

	"stoker/fsm"
	"stoker/store"
)

// adapter is the machine as Raft sees it: a raft.BatchingFSM. Raft calls it from
// one goroutine.
type adapter struct {
	machine *fsm.Machine
	applied *progress
	seats   func(conf raft.Configuration, index uint64) // called with each configuration that is committed
	seen    uint64                                      // the last index Raft has given us in this process
	metrics *metrics
	breath  func() func(bytes int) error // makes the pace of a snapshot
}

var _ raft.BatchingFSM = (*adapter)(nil)

// ApplyBatch applies the commands among logs; configurations are Raft's own.
// The response to a command is its []fsm.Outcome.
func (a *adapter) ApplyBatch(logs []*raft.Log) []any {
	entries := make([]fsm.Entry, 0, len(logs))
	for _, l := range logs {
		if l.Type == raft.LogCommand {
			entries = append(entries, fsm.Entry{Index: l.Index, Term: l.Term, Data: l.Data})
		}
	}
	responses := make([]any, len(logs))
	for _, l := range logs {
		if l.Type == raft.LogConfiguration {
			a.seats(raft.DecodeConfiguration(l.Data), l.Index)
		}
	}
	if len(entries) > 0 {
		began := time.Now()
		outcomes := a.machine.Apply(entries)
		a.metrics.apply.Observe(time.Since(began).Seconds())
		a.metrics.batch.Observe(float64(len(entries)))
		for i, l := range logs {
			if l.Type == raft.LogCommand {
				responses[i], outcomes = outcomes[0], outcomes[1:]
			}
		}
		a.applied.reach(a.machine.Index())
	}
	a.seen = logs[len(logs)-1].Index
	return responses
}

// Apply is ApplyBatch of one; Raft does not call it on a batching machine.
func (a *adapter) Apply(l *raft.Log) any { return a.ApplyBatch([]*raft.Log{l})[0] }

// Snapshot pins the state. Right after a start Raft gives us again what the
// state has kept; a snapshot taken then would bear an index below the state's.
func (a *adapter) Snapshot() (raft.FSMSnapshot, error) {
	if have := a.machine.Index(); have > a.seen {
		return nil, fmt.Errorf("the state is at %d and the log is still being read at %d", have, a.seen)
	}
	s, err := a.machine.Snapshot()
	if err != nil {
		return nil, err
	}
	s.Pace = a.breath()
	return pinned{s}, nil
}

// Restore takes the leader's snapshot.
func (a *adapter) Restore(r io.ReadCloser) error {
	defer r.Close()
	if err := a.machine.Restore(r); err != nil {
		return err
	}
	a.seen = max(a.seen, a.machine.Index())
	a.applied.reach(a.machine.Index())
	return nil
}

// pinned is a snapshot on its way into Raft's snapshot store, which syncs it
// before the log is truncated.
type pinned struct{ s *fsm.Snapshot }

func (p pinned) Persist(sink raft.SnapshotSink) error {
	if err := p.s.Write(sink); err != nil {
		return errors.Join(err, sink.Cancel())
	}
	return sink.Close()
}

func (p pinned) Release() { p.s.Close() }

// openMachine opens the state and brings it to where Raft may go on from:
// at the newest snapshot or above, and not above what log and snapshot know.
// Raft replays the log from the snapshot; the machine skips what it has.
func openMachine(dir string, logs raft.LogStore, snaps *snapshots, o fsm.Options, log *slog.Logger) (*fsm.Machine, error) {
	newest, header, err := snaps.newest()
	if err != nil {
		return nil, err
	}
	first, err := logs.FirstIndex()
	if err != nil {
		return nil, fmt.Errorf("read the log: %w", err)
	}
	last, err := logs.LastIndex()
	if err != nil {
		return nil, fmt.Errorf("read the log: %w", err)
	}

	m, err := fsm.Open(dir, o)
	if errors.Is(err, store.ErrTorn) {
		if newest == nil && first > 1 {
			return nil, fmt.Errorf("the state in %s is torn, there is no snapshot, and the log begins at %d: this node's data is lost; remove it from the cluster and join again under a new id: %w", dir, first, err)
		}
		if newest != nil {
			if damaged := snaps.whole(newest.ID); damaged != nil { // before what there is of the state is gone
				return nil, fmt.Errorf("the state in %s is torn, and it cannot be rebuilt: %w: remove this node from the cluster and join again under a new id: %w", dir, damaged, err)
			}
		}
		log.Warn("the state is torn; it is rebuilt from snapshot and log", "err", err)
		if err := os.RemoveAll(dir); err != nil {
			return nil, fmt.Errorf("remove the torn state: %w", err)
		}
		m, err = fsm.Open(dir, o)
	}
	if err != nil {
		return nil, fmt.Errorf("open the state: %w", err)
	}

	top := last
	if newest != nil {
		top = max(top, newest.Index)
	}
	switch at := m.Index(); {
	case at > top:
		return nil, errors.Join(m.Close(), fmt.Errorf(
			"the state in %s is at entry %d, above the last entry of log and snapshots (%d): the log is not the one this state was made from; restore the whole data folder, or remove this node from the cluster and join again under a new id", dir, at, top))
	case newest != nil && at < header:
		log.Info("the state is rebuilt from a snapshot", "state", at, "snapshot", header)
		if err := restore(m, snaps, newest.ID); err != nil {
			return nil, errors.Join(m.Close(), err)
		}
	}
	return m, nil
}

func restore(m *fsm.Machine, snaps raft.SnapshotStore, id string) error {
	_, r, err := snaps.Open(id)
	if err != nil {
		return fmt.Errorf("open snapshot %s: %w", id, err)
	}
	defer r.Close()
	return m.Restore(r)
}
