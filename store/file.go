package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strconv"
	"sync/atomic"
	"time"

	bolt "go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
)

const (
	stateName   = "state.bolt"
	pendingName = "state.bolt.new" // a Restore or Compact that has not finished
)

// rowsBucket holds everything; its name is the version of the format.
var rowsBucket = []byte("rows1")

// addressSpace is how much is reserved for the map of one file. bbolt cannot
// grow its map while a read transaction is open, so a View held for long would
// stop the flusher. Addresses cost nothing; beyond this size of state, growing
// by a further GiB waits for the views of that moment.
const addressSpace = 1 << (30 + 6*(strconv.IntSize/64))

// lockWait is how long Open waits for another holder of the file: a process
// that is just ending, or a view of a store that was closed.
const lockWait = 2 * time.Second

// file is one open bbolt file. The store holds a reference while it is the
// current one, and so does each base on it; the last one out closes it. Nobody
// ever waits for a reader to go.
type file struct {
	db      *bolt.DB
	path    string // what it is called now; bbolt knows what it was opened as
	refs    atomic.Int64
	onError func(error) // of closing, when nobody is left to be told
	orderly atomic.Bool // no row will be written to it any more, and all that were are synced
}

// openFile opens or makes the file at path; the caller has the first reference.
// With noSync no commit is synced until db.NoSync is cleared.
// The file must have passed verify if it is not new: bbolt checks pages in a
// goroutine of its own, where a panic cannot be recovered.
func openFile(path string, noSync bool, onError func(error)) (f *file, err error) {
	defer recoverFault(&err)
	initial := addressSpace
	if runtime.GOOS == "windows" { // where bbolt makes the file as large as its map
		initial = 0
	}
	db, err := bolt.Open(path, 0o600, &bolt.Options{
		Timeout:         lockWait,
		FreelistType:    bolt.FreelistMapType,
		NoFreelistSync:  true, // until a commit decides: writeFreelist
		NoSync:          noSync,
		InitialMmapSize: initial,
	})
	if err != nil {
		return nil, openError(path, err)
	}
	writeFreelist(db)
	err = db.Update(func(tx *bolt.Tx) error {
		if tx.Bucket(rowsBucket) != nil {
			return nil
		}
		if other, _ := tx.Cursor().First(); other != nil {
			return fmt.Errorf("%s has the format %q; this version of the program reads %q", path, other, rowsBucket)
		}
		_, err := tx.CreateBucket(rowsBucket)
		return err
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("store: prepare: %w", err), db.Close())
	}
	f = &file{db: db, path: path, onError: onError}
	f.refs.Store(1)
	return f, nil
}

// openError tells a file that is damaged from one that is just not available.
func openError(path string, err error) error {
	var pe *fs.PathError
	switch {
	case errors.Is(err, berrors.ErrTimeout):
		return fmt.Errorf("store: open %s: another process, or an open View, still holds it: %w", path, err)
	case errors.As(err, &pe), errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("store: open: %w", err)
	default:
		return fmt.Errorf("%w: %s: %w", ErrTorn, path, err)
	}
}

func (f *file) retain() { f.refs.Add(1) }

func (f *file) release() {
	if f.refs.Add(-1) > 0 {
		return
	}
	var err error
	if f.orderly.Load() {
		if err = leaveFreelist(f.db); err == nil {
			err = leaveOrderly(f.path) // before the lock goes: whoever opens the file next must find the word
		}
	}
	if !errors.Is(err, ErrTorn) { // bbolt broke off in the middle, and may hold the lock that Close would wait for
		err = errors.Join(err, f.db.Close())
	}
	if err != nil {
		f.onError(fmt.Errorf("store: close: %w", err))
	}
}

// recoverFault makes an error of a panic, and of a fault in the mapped file
// where debug.SetPanicOnFault is set: bbolt trusts its pages.
func recoverFault(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("%w: bbolt: %v", ErrTorn, p)
	}
}

// faultsPanic turns faults of this goroutine into panics; call the result to
// turn that off.
func faultsPanic() func() {
	old := debug.SetPanicOnFault(true)
	return func() { debug.SetPanicOnFault(old) }
}

// Remove deletes the state in dir, so that Open starts with an empty one. The
// store must be closed. Without a state in dir it does nothing.
func Remove(dir string) error {
	for _, name := range [...]string{pendingName, orderlyName, vouchedName, stateName} {
		if err := os.Remove(filepath.Join(dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("store: remove: %w", err)
		}
	}
	if err := syncDir(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// syncDir makes the names in dir durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("store: %w", err)
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return fmt.Errorf("store: sync %s: %w", dir, err)
	}
	return nil
}
