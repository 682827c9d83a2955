package fsm

import (
	"encoding/binary"
	"fmt"
	"io"

	"stoker/store"
)

// Snapshot is the whole state at one index, durable on disk by the time it exists.
type Snapshot struct {
	Index uint64 // the machine's own index: what the log may be cut below
	s     *store.Snapshot
}

// Snapshot makes everything applied durable and pins it. Applying goes on while
// it is written.
func (m *Machine) Snapshot() (*Snapshot, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s, err := m.store.Snapshot()
	if err != nil {
		return nil, fmt.Errorf("fsm: snapshot: %w", err)
	}
	return &Snapshot{Index: m.meta.Index, s: s}, nil
}

// Write streams the snapshot. Equal states give equal bytes.
func (s *Snapshot) Write(w io.Writer) error {
	return s.s.Write(w, binary.BigEndian.AppendUint64(nil, s.Index))
}

// View reads the pinned state. It ends with the snapshot; do not close it.
func (s *Snapshot) View() *View {
	mt, _ := metas.Get(s.s, metaKey)
	return &View{View: s.s.View, meta: mt}
}

// Close unpins the state.
func (s *Snapshot) Close() { s.s.Close() }

// ReadSnapshotIndex reads a snapshot's index and nothing more.
func ReadSnapshotIndex(r io.Reader) (uint64, error) {
	h, err := store.ReadHeader(r)
	if err != nil {
		return 0, fmt.Errorf("fsm: snapshot: %w", err)
	}
	if len(h) != 8 {
		return 0, fmt.Errorf("fsm: snapshot: a header of %d bytes, not 8", len(h))
	}
	return binary.BigEndian.Uint64(h), nil
}

// Restore replaces the whole state with a snapshot. A broken stream leaves the
// state as it was.
func (m *Machine) Restore(r io.Reader) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, err := m.store.Restore(r); err != nil {
		return fmt.Errorf("fsm: restore: %w", err)
	}
	if err := m.load(); err != nil {
		m.stuck = err
		return err
	}
	v := m.store.View()
	due := nextTimer(v)
	v.Close()
	m.tell(Changes{Index: m.meta.Index, Clock: m.meta.Clock, Ready: true, Restored: true, NextTimer: due})
	return nil
}
