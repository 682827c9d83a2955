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

	// Pace is told of each piece that was read and written, in bytes, and may rest: an error ends that. Nil: it is in a hurry.
	Pace func(bytes int) error

	s *store.Snapshot
}

// paced is a writer that rests.
type paced struct {
	io.Writer
	pace func(bytes int) error
}

func (p paced) Write(b []byte) (int, error) {
	n, err := p.Writer.Write(b)
	if err == nil {
		err = p.pace(n)
	}
	return n, err
}

// Snapshot makes everything applied durable and pins it, with what is applied
// meanwhile if that got there as well. Applying goes on while the disk is waited for, and while it is written.
func (m *Machine) Snapshot() (*Snapshot, error) {
	s, err := m.store.Snapshot()
	if err != nil {
		return nil, fmt.Errorf("fsm: snapshot: %w", err)
	}
	mt, _ := metas.Get(s, metaKey) // not the machine's, which may have gone on
	return &Snapshot{Index: mt.Index, s: s}, nil
}

// Write streams the snapshot. Equal states give equal bytes.
func (s *Snapshot) Write(w io.Writer) error { return s.s.Write(s.Paced(w), s.header()) }

func (s *Snapshot) header() []byte { return binary.BigEndian.AppendUint64(nil, s.Index) }

// Measure reads the snapshot, to know how long its stream is and which hash it has before it is written.
func (s *Snapshot) Measure() (*store.Measured, error) {
	m, err := s.s.Measure(s.header(), s.Pace)
	if err != nil {
		return nil, fmt.Errorf("fsm: snapshot: %w", err)
	}
	return m, nil
}

// Paced is a writer to w that rests as Pace says. What else is copied beside the state goes through it, too.
func (s *Snapshot) Paced(w io.Writer) io.Writer {
	if s.Pace == nil {
		return w
	}
	return paced{w, s.Pace}
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
