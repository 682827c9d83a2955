package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"stoker/store"
)

// Place is where backups are kept: a folder or a bucket.
type Place interface {
	// Put keeps what r gives under a name that is free. When it fails, or r ends
	// with anything but EOF, nothing is left under that name.
	Put(ctx context.Context, name string, r io.Reader) error
	// Delete removes it; what is not there is no error.
	Delete(ctx context.Context, name string) error
	// String is the place as ParsePlace reads it. It holds no secret.
	String() string
	// Shared says whether all nodes see the same place.
	Shared() bool
}

// ParsePlace reads a folder's path or s3://bucket/prefix. The bucket is not
// looked for; keys and endpoint matter for it only.
func ParsePlace(text string, s3 S3) (Place, error) {
	if rest, ok := strings.CutPrefix(text, "s3://"); ok {
		return newBucket(rest, s3, nil)
	}
	if strings.Contains(text, "://") || text == "" {
		return nil, fmt.Errorf("backup: %q: write a folder or s3://bucket/prefix", text)
	}
	dir, err := filepath.Abs(text)
	if err != nil {
		return nil, fmt.Errorf("backup: %w", err)
	}
	return Folder(dir), nil
}

// Folder is a folder on this machine.
type Folder string

func (f Folder) String() string { return string(f) }

// Shared is false: a folder may be mounted on all nodes, and nobody can tell.
func (f Folder) Shared() bool { return false }

// Put writes a file that nobody sees before it is whole and synced. It reaches the disk
// while it is written, since a node's log may be on the same one.
func (f Folder) Put(_ context.Context, name string, r io.Reader) error {
	if err := os.MkdirAll(string(f), 0o700); err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	tmp, err := os.CreateTemp(string(f), "."+name+".*")
	if err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	_, err = io.Copy(steady{tmp, store.NewBehind(tmp)}, r)
	if err == nil {
		err = tmp.Sync()
	}
	err = errors.Join(err, tmp.Close())
	if err == nil {
		err = os.Link(tmp.Name(), filepath.Join(string(f), name)) // a rename would replace what is there
	}
	err = errors.Join(err, os.Remove(tmp.Name()))
	if err == nil {
		err = syncDir(string(f))
	}
	switch {
	case err == nil:
		return nil
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return fmt.Errorf("backup: the disk of %s is full; nothing is left of the attempt: %w", f, err)
	case errors.Is(err, fs.ErrExist):
		return fmt.Errorf("backup: %s is there already; it was not touched: %w", filepath.Join(string(f), name), fs.ErrExist)
	}
	return fmt.Errorf("backup: write %s: %w", filepath.Join(string(f), name), err)
}

// steady is a file of which the disk has most at any time.
type steady struct {
	file   *os.File
	behind *store.Behind
}

func (s steady) Write(b []byte) (int, error) {
	n, err := s.file.Write(b)
	s.behind.Wrote(n)
	return n, err
}

// Delete removes a backup.
func (f Folder) Delete(_ context.Context, name string) error {
	err := os.Remove(filepath.Join(string(f), filepath.Base(name)))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("backup: %w", err)
	}
	return nil
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
