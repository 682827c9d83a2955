package fsm

import "stoker/store"

// Tx is what a command works with: the tables, the time that came in with the
// entry, and the collection of what has changed.
type Tx struct {
	*store.Tx
	m *meta // the machine's own row, written once per applied batch

	term     uint64 // the Raft term of the entry
	by       string // who asked
	deed     deed   // what the audit log would say of the command
	origin   string
	request  string // id of the request it came with
	trace    string // its traceparent
	seed     uint64 // the entry's chance, see jitter
	ordinal  uint32 // positions handed out within the entry
	changes  *Changes
	settings *Settings // the current ones, decoded once per batch
	calm     bool      // no alarm stands: looked at once per batch

	telling bool   // the entry is told in the feed
	notes   []note // what it has changed so far
	through string // the worker that changes items now, see feed.go
}

// now is the machine's clock in nanoseconds: for deadlines.
func (tx *Tx) now() int64 { return tx.m.Clock }

// wall is the leader's wall clock in nanoseconds: for people.
func (tx *Tx) wall() int64 { return tx.m.Wall }

// position gives the next place in history: (index of the entry, ordinal in it).
func (tx *Tx) position() (index uint64, ordinal uint32) {
	tx.ordinal++
	return tx.m.Index, tx.ordinal
}

// current gives the settings in force.
func (tx *Tx) current() *Settings {
	if tx.settings == nil {
		s, ok := settings.Get(tx, store.Uint(tx.m.SettingsVersion))
		if !ok {
			s = Settings{}
		}
		tx.settings = &s
	}
	return tx.settings
}
