package store

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	bolt "go.etcd.io/bbolt"
)

// Restore replaces the state by that of a snapshot stream and returns the
// stream's header. Views opened before keep the state they had. When it returns
// nil the new state is durable; when it returns an error, or the process dies
// in it, the old state is untouched. Updates that run meanwhile are lost with
// the state they changed.
func (s *Store) Restore(r io.Reader) (header []byte, err error) {
	s.endCompaction()
	s.restore.Lock()
	s.restoresNow()
	defer s.restore.Unlock()
	if err := s.failed(); err != nil {
		return nil, err
	}
	pending := filepath.Join(s.dir, pendingName)
	if err := removeStale(pending); err != nil {
		return nil, err
	}
	f, err := openFile(pending, true, s.closeFailed)
	if err != nil {
		return nil, err
	}
	if header, err = load(f.db, r); err == nil {
		err = s.swap(f, pending)
	}
	if err != nil {
		f.release()
		return nil, errors.Join(err, removeStale(pending))
	}
	if err := syncDir(s.dir); err != nil {
		s.fail(err) // which of the two files has the name after a crash is open
		return nil, err
	}
	return header, nil
}

// swap makes the file the store's; it takes the caller's reference if it
// returns nil.
func (s *Store) swap(f *file, pending string) error {
	s.commit.Lock() // a commit to the old file that runs settles first
	defer s.commit.Unlock()
	s.write.Lock()
	defer s.write.Unlock()
	if err := s.failed(); err != nil {
		return err
	}
	return s.take(f, pending, func(b *base) {
		s.now = layers{live: newOverlay(), base: b}
		s.applied++
		s.durable = s.applied
		s.settled.Broadcast()
	})
}

// take gives a file at a path the state's name and makes it the current one; set says what readers get from here on, with s.mu held,
// as s.commit is all the time. If it fails nothing has changed.
func (s *Store) take(f *file, path string, set func(*base)) error {
	b, err := newBase(f)
	if err != nil {
		return err
	}
	named := filepath.Join(s.dir, stateName)
	if err := os.Rename(path, named); err != nil {
		b.release()
		return fmt.Errorf("store: %w", err)
	}
	f.path = named
	s.mu.Lock()
	oldBase, oldFile := s.now.base, s.file
	set(b)
	s.file = f
	s.mu.Unlock()
	s.trusted.Store(true)
	s.mustSpeak()
	oldBase.release()
	oldFile.release()
	return nil
}

func removeStale(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("store: %w", err)
	}
	return nil
}

// loadBytes go into one bbolt transaction of a load.
const loadBytes = 4 << 20

// load fills an empty file, opened without syncs, from a stream and syncs it. It
// does so once, at the end: until the file has its name, a crash only leaves
// rubbish behind.
func load(db *bolt.DB, r io.Reader) ([]byte, error) {
	in := &stream{r: bufio.NewReaderSize(r, 64<<10), digest: sha256.New()}
	header, err := ReadHeader(in)
	if err != nil {
		return nil, err
	}
	for more := true; more; {
		err := db.Update(func(tx *bolt.Tx) error {
			b := tx.Bucket(rowsBucket)
			b.FillPercent = 0.9 // rows come in order
			var err error
			more, err = in.fill(b, loadBytes)
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("store: restore: %w", err)
		}
	}
	if err := in.finish(); err != nil {
		return nil, fmt.Errorf("store: restore: %w", err)
	}
	if err := reindex(db); err != nil {
		return nil, err
	}
	if err := db.Sync(); err != nil {
		return nil, fmt.Errorf("store: restore: %w", err)
	}
	db.NoSync = false
	return header, nil
}

// stream reads a snapshot and sums what it reads.
type stream struct {
	r      *bufio.Reader
	digest hash.Hash
	last   []byte // the key before
	count  uint64
}

func (in *stream) Read(p []byte) (int, error) {
	n, err := in.r.Read(p)
	in.digest.Write(p[:n])
	return n, err
}

// fill puts about n bytes of records into b; false after the last one.
func (in *stream) fill(b *bolt.Bucket, n int) (more bool, err error) {
	for n > 0 {
		key, val, err := in.record()
		if err != nil || key == nil {
			return false, err
		}
		if err := b.Put(key, seal(key, val)); err != nil {
			return false, err
		}
		n -= len(key) + len(val) + rowCost
	}
	return true, nil
}

var errDamaged = errors.New("the snapshot is damaged")

// record reads the next record; a nil key after the last one.
func (in *stream) record() (key, val []byte, err error) {
	var n [4]byte
	if _, err := io.ReadFull(in, n[:]); err != nil {
		return nil, nil, cutShort(err)
	}
	ksize := binary.BigEndian.Uint32(n[:])
	if ksize == 0 {
		return nil, nil, nil
	}
	if _, err := io.ReadFull(in, n[:]); err != nil {
		return nil, nil, cutShort(err)
	}
	vsize := binary.BigEndian.Uint32(n[:])
	if ksize > maxFullKey || vsize > MaxValue {
		return nil, nil, fmt.Errorf("%w: record %d has %d+%d bytes", errDamaged, in.count, ksize, vsize)
	}
	kv := make([]byte, ksize+vsize)
	if _, err := io.ReadFull(in, kv); err != nil {
		return nil, nil, cutShort(err)
	}
	key, val = kv[:ksize], kv[ksize:]
	if bytes.Compare(in.last, key) >= 0 {
		return nil, nil, fmt.Errorf("%w: record %d is out of order", errDamaged, in.count)
	}
	in.last = key
	in.count++
	return key, val, nil
}

// finish reads what follows the last record and requires the stream's end.
func (in *stream) finish() error {
	var n [8]byte
	if _, err := io.ReadFull(in, n[:]); err != nil {
		return cutShort(err)
	}
	want := in.digest.Sum(nil)
	got := make([]byte, len(want))
	if _, err := io.ReadFull(in.r, got); err != nil {
		return cutShort(err)
	}
	if binary.BigEndian.Uint64(n[:]) != in.count || !bytes.Equal(got, want) {
		return fmt.Errorf("%w: its checksum does not match", errDamaged)
	}
	if _, err := in.r.ReadByte(); err != io.EOF {
		return fmt.Errorf("%w: it goes on after its end", errDamaged)
	}
	return nil
}

func cutShort(err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return fmt.Errorf("%w: it ends too early", errDamaged)
	}
	return err
}
