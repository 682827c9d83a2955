package store

import (
	"errors"
	"log/slog"
	"time"
)

// Options of Open. The zero value is good for production.
type Options struct {
	// Logger gets a line for each flush that took over a second and for a file
	// that did not close. Nil: nothing is logged.
	Logger *slog.Logger

	// FlushBytes of unflushed rows start a flush. Update waits when twice as
	// much has gathered behind a flush that is still running. Zero: 4 MiB.
	FlushBytes int

	// FlushEvery after its first write an unflushed row is flushed at the
	// latest. Zero: 1 s. Negative: only FlushBytes and Flush start a flush.
	FlushEvery time.Duration

	// Guard is asked before each flush. An error puts the flush off: the rows
	// stay in memory, Flush returns the error, and the next try is FlushEvery
	// later. done is called when the flush has ended. Nil: every flush may begin.
	Guard func() (done func(), err error)

	// Watch is told of each row that an update writes, as it writes it: what it was (nil: none) and is (nil: deleted). It is
	// for checkers that hold each step against what must hold. Keep the bytes, change nothing. Nil: nobody is told.
	Watch func(table string, k Key, was, is []byte)

	// Fatal is told, once, that bbolt failed in the background. The store then
	// refuses every Update, Flush, Snapshot and Restore with the same error;
	// the process should end, since what is on disk no longer follows the log.
	// Nil: panic.
	Fatal func(error)
}

func (o Options) validate() (Options, error) {
	if o.FlushBytes < 0 {
		return o, errors.New("store: Options.FlushBytes is negative; zero means the default")
	}
	if o.FlushBytes == 0 {
		o.FlushBytes = 4 << 20
	}
	if o.FlushEvery == 0 {
		o.FlushEvery = time.Second
	}
	if o.Guard == nil {
		o.Guard = func() (func(), error) { return func() {}, nil }
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Fatal == nil {
		o.Fatal = func(err error) { panic(err) }
	}
	return o, nil
}
