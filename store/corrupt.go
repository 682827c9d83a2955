package store

import (
	"errors"
	"fmt"
)

// ErrTorn is what Open returns for a state file that cannot be trusted. The
// file is left as it is for whoever wants to look: Remove it and rebuild the
// state from a snapshot and the log.
var ErrTorn = errors.New("store: the state file is torn")

// ErrClosed is returned by the methods of a Store that was closed.
var ErrClosed = errors.New("store: closed")

// Corrupt is the value of the panic with which a read stops when it meets bytes
// that cannot be what was written. See the package comment.
type Corrupt struct {
	Table string // table or table/index; empty if it was not known
	Key   string // the raw key
	Err   error
}

func (c *Corrupt) Error() string {
	return fmt.Sprintf("store: corrupt record %q in table %q: %v", c.Key, c.Table, c.Err)
}

func (c *Corrupt) Unwrap() error { return c.Err }
