package objects

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"stoker/fsm"
)

// Whole opens an object's blob of which every byte was found right, from this
// node or another. It reads all of it before it gives out the first byte: whoever
// has begun to write an archive cannot take anything back. The object is one blob: of
// what came in parts it is one of Pieces.
func (s *Store) Whole(o fsm.Object) (io.ReadCloser, error) {
	b := BlobOf(o)
	f, _, err := s.disk.Open(b)
	if err == nil {
		sum := sha256.New()
		if _, err = io.Copy(sum, f); err == nil && string(sum.Sum(nil)) == string(o.SHA256) {
			_, err = f.Seek(0, io.SeekStart)
			return f, err
		}
		_ = f.Close()
		s.tender.rotten(o, b, cmp.Or(err, errDamaged))
	}
	r, err := s.fetch(b, o, o, 0, o.Size)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	// Without a name it is gone with the last who has it open, whatever happens.
	spool, err := os.CreateTemp(filepath.Join(s.disk.dir, drafts), draftPrefix)
	if err != nil {
		return nil, full(err)
	}
	if err = os.Remove(spool.Name()); err == nil {
		_, err = io.Copy(spool, r)
	}
	if err == nil {
		_, err = spool.Seek(0, io.SeekStart)
	}
	if err != nil {
		_ = spool.Close()
		return nil, fmt.Errorf("objects: read %s: %w", b, err)
	}
	return spool, nil
}

// OpenBlob opens a blob in the folder of a node that need not run.
func OpenBlob(dir string, b Blob) (*os.File, error) { return os.Open(filepath.Join(dir, b.path())) }
