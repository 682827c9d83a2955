package node

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"slices"
	"time"

	"github.com/hashicorp/raft"

	"stoker/fsm"
	"stoker/store"
)

// AtRest is a state without a cluster: one that came out of a backup, or out of
// the node that was left. Nobody else has it open.
type AtRest struct {
	machine *fsm.Machine
	stuck   error
}

// OpenAtRest makes an empty one in a folder of its own.
func OpenAtRest(dir string) (*AtRest, error) {
	r := &AtRest{}
	m, err := fsm.Open(dir, fsm.Options{Fatal: func(err error) { r.stuck = err }})
	if err != nil {
		return nil, fmt.Errorf("node: %w", err)
	}
	r.machine = m
	return r, nil
}

// Load takes a snapshot's stream.
func (r *AtRest) Load(stream io.Reader) error {
	if err := r.machine.Restore(stream); err != nil {
		return fmt.Errorf("node: %w", err)
	}
	return nil
}

// View reads the state; close it.
func (r *AtRest) View() *fsm.View { return r.machine.View() }

// Close closes the state. Its folder is the caller's to remove.
func (r *AtRest) Close() error { return r.machine.Close() }

// Opens says whether the seal keys open every secret of the state.
func (r *AtRest) Opens(sealKeys ...[]byte) error {
	v := r.View()
	defer v.Close()
	for use, secrets := range v.AllSecrets() {
		for _, s := range secrets {
			if len(s.Sealed) == 0 {
				continue
			}
			if !slices.ContainsFunc(sealKeys, func(key []byte) bool {
				_, err := Unseal(key, purposeOf(use, s.ID), s.Sealed)
				return err == nil
			}) {
				return fmt.Errorf("node: the seal key does not open secret %s/%s: bring the seal.key that the nodes of this cluster had when the backup was made", use, s.ID)
			}
		}
	}
	return nil
}

// Begin begins another epoch, with an entry behind the state and behind the
// index after: the last one of a log, if there is one.
func (r *AtRest) Begin(c fsm.Restored, after uint64, wall time.Time) (fsm.Epoch, error) {
	p := fsm.Propose(c)
	p.By = "admin " + string(c.Why)
	b := fsm.Batch{Stamp: r.machine.Clock(), Wall: wall.UnixNano(), Proposals: []fsm.Proposal{p}}
	outcomes := r.machine.Apply([]fsm.Entry{{Index: max(after, r.machine.Index()) + 1, Term: 1, Data: b.Encode()}})[0]
	if len(outcomes) == 0 {
		return fsm.Epoch{}, fmt.Errorf("node: begin another epoch: %w", r.stuck)
	}
	return fsm.Answer(c, outcomes[0])
}

// Plant makes dir the data folder of a member of a cluster that begins with this
// state: Raft finds a snapshot of it, with those voters as the configuration, in
// term 1. Planted with the same state and voters the members agree from the start,
// and elect. The snapshot is synced when it returns.
func (r *AtRest) Plant(dir string, voters []string) error {
	folder := filepath.Join(dir, raftDir)
	if err := store.MakeDir(folder); err != nil {
		return fmt.Errorf("node: %w", err)
	}
	db, err := openLog(folder)
	if err != nil {
		return fmt.Errorf("node: %w", err)
	}
	return errors.Join(r.plant(db, folder, voters, 1), db.Close())
}

// plant makes the state what a Raft folder goes on from.
func (r *AtRest) plant(db *diskLog, folder string, voters []string, term uint64) error {
	if err := db.SetUint64([]byte(keyTerm), term); err != nil {
		return fmt.Errorf("node: write the term: %w", err)
	}
	snaps, err := openSnapshots(folder, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	s, err := r.machine.Snapshot()
	if err != nil {
		return err
	}
	defer s.Close()
	var conf raft.Configuration
	for _, id := range voters {
		conf.Servers = append(conf.Servers, raft.Server{Suffrage: raft.Voter, ID: raft.ServerID(id), Address: raft.ServerAddress(id)})
	}
	_, spell := raft.NewInmemTransport("") // spells addresses as versions before 1.0 did; nobody reads them
	defer spell.Close()
	sink, err := snaps.Create(raft.SnapshotVersionMax, s.Index, term, conf, 1, spell)
	if err != nil {
		return fmt.Errorf("node: plant the state: %w", err)
	}
	if err := (pinned{s}).Persist(sink); err != nil {
		return fmt.Errorf("node: plant the state: %w", err)
	}
	return nil
}

// Identity is a state in short: where it is, and the running hash there.
func (r *AtRest) Identity() (index uint64, hash string) {
	at, sum := r.machine.Hash()
	return at, hex.EncodeToString(sum[:])
}
