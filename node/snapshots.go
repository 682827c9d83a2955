package node

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/hashicorp/raft"

	"stoker/fsm"
	"stoker/store"
)

// snapshots are Raft's, each in a folder of its own beside the log.
type snapshots struct {
	raft.SnapshotStore
	folder string
}

// How raft.FileSnapshotStore names them.
const (
	snapshotsFolder = "snapshots"
	snapshotState   = "state.bin"
	snapshotPending = ".tmp" // behind the name of one that is being written
)

// openSnapshots opens Raft's snapshots, which are in the folder of its log. Two
// are kept: a follower may be reading the older one while a new one is made.
func openSnapshots(dir string, log *slog.Logger) (*snapshots, error) {
	snaps, err := raft.NewFileSnapshotStoreWithLogger(dir, 2, newRaftLog(log))
	if err != nil {
		return nil, fmt.Errorf("node: open the snapshots: %w", err)
	}
	return &snapshots{snaps, filepath.Join(dir, snapshotsFolder)}, nil
}

// errCut is a snapshot that is not as long as it was made.
var errCut = errors.New("the file was cut off, or something was added")

// whole reads all of a snapshot: an error says that it is damaged.
func (s *snapshots) whole(id string) error {
	_, r, err := s.Open(id)
	if err != nil {
		return fmt.Errorf("open snapshot %s: %w", id, err)
	}
	return r.Close()
}

// newest gives the newest snapshot, nil if there is none, and the machine's index
// in its header. Only that is read: Open reads all of a snapshot first, for its
// checksum, which is gigabytes, and at most starts nobody needs them.
func (s *snapshots) newest() (*raft.SnapshotMeta, uint64, error) {
	all, err := s.List()
	if err != nil {
		return nil, 0, fmt.Errorf("list the snapshots: %w", err)
	}
	if len(all) == 0 {
		return nil, 0, nil
	}
	f, err := os.Open(filepath.Join(s.folder, all[0].ID, snapshotState))
	if err != nil {
		return nil, 0, fmt.Errorf("open snapshot %s: %w", all[0].ID, err)
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || info.Size() != all[0].Size {
		return nil, 0, fmt.Errorf("snapshot %s has not the %d bytes that were written: %w", all[0].ID, all[0].Size, cmp.Or(err, errCut))
	}
	header, err := fsm.ReadSnapshotIndex(f)
	if err != nil {
		return nil, 0, fmt.Errorf("snapshot %s: %w", all[0].ID, err)
	}
	return all[0], header, nil
}

// Create begins a snapshot, of this node or one that the leader sends. Its file
// reaches the disk while it is written: gigabytes that are synced at its end
// would hold up every sync of the log until then.
func (s *snapshots) Create(v raft.SnapshotVersion, index, term uint64, c raft.Configuration, at uint64, t raft.Transport) (raft.SnapshotSink, error) {
	sink, err := s.SnapshotStore.Create(v, index, term, c, at, t)
	if err != nil {
		return nil, err
	}
	f, err := os.OpenFile(filepath.Join(s.folder, sink.ID()+snapshotPending, snapshotState), os.O_RDWR, 0)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open the file of a new snapshot: %w", err), sink.Cancel())
	}
	return &steadySink{sink, f, store.NewBehind(f)}, nil
}

// steadySink is a snapshot that is being written, a few MB of which at most wait for the disk.
type steadySink struct {
	raft.SnapshotSink
	file   *os.File // its own, for another look at what is written
	behind *store.Behind
}

func (s *steadySink) Write(b []byte) (int, error) {
	n, err := s.SnapshotSink.Write(b)
	s.behind.Wrote(n)
	return n, err
}

func (s *steadySink) Close() error { return errors.Join(s.SnapshotSink.Close(), s.shut()) }

func (s *steadySink) Cancel() error { return errors.Join(s.SnapshotSink.Cancel(), s.shut()) }

// shut closes the file, once: Raft closes a sink after Persist has.
func (s *steadySink) shut() error {
	f := s.file
	if s.file = nil; f == nil {
		return nil
	}
	return f.Close()
}
