package objects

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"

	"stoker/fsm"
)

// ErrFull is returned when the disk has no room: 507, nothing stored.
var ErrFull error = fail(StorageFull, "this node's disk is full")

// Blob names a file: the hash of bucket and key, and the upload's id. Nothing a
// client chose gets into a path, and no two uploads share a name.
type Blob string

// NameBlob gives the blob of one upload of a key. upload has only lower-case
// letters and digits, as newUpload makes it.
func NameBlob(bucket, key, upload string) Blob {
	sum := sha256.Sum256([]byte(bucket + "/" + key))
	return Blob(hex.EncodeToString(sum[:]) + "-" + upload)
}

// BlobOf names the file of a record. A record that is a copy shares the file of
// the key that its bytes were uploaded under.
func BlobOf(o fsm.Object) Blob { return blobOf(o.Files()[0]) }

func blobOf(f fsm.File) Blob { return NameBlob(f.Bucket, f.Key, f.Upload) }

// ParseBlob takes a name from another node; it trusts it no more than a
// client's, since it becomes a path.
func ParseBlob(name string) (Blob, bool) {
	hash, upload, ok := strings.Cut(name, "-")
	if !ok || len(hash) != 2*sha256.Size || !only(hash, "0123456789abcdef") {
		return "", false
	}
	return Blob(name), validUpload(upload)
}

func validUpload(upload string) bool {
	return upload != "" && len(upload) <= 64 && only(upload, "abcdefghijklmnopqrstuvwxyz0123456789")
}

func only(s, alphabet string) bool { return strings.Trim(s, alphabet) == "" }

func (b Blob) path() string { return filepath.Join(string(b[:2]), string(b[2:4]), string(b)) }

// Disk keeps blobs as files. A file under a blob's name is whole, was synced
// before it got its name, and never changes again.
type Disk struct {
	dir     string
	reserve int64                           // bytes that uploads leave free
	free    func(dir string) (int64, error) // bytes that are free now
	most    int64                           // bytes that blobs may take; 0: what the disk has
	used    atomic.Int64                    // bytes that they take, since the last count about

	mu      sync.Mutex
	durable map[string]bool // folders whose own names are synced
	flying  map[Blob]int    // that are not to be collected, see hold
}

// drafts is the folder of files that are not blobs yet. It is on the same
// filesystem as the blobs, and no blob folder has a name of this length.
const (
	drafts      = "tmp"
	draftPrefix = "draft-"
)

// OpenDisk opens or makes the folder and removes what uploads of an earlier
// process left unfinished. Uploads are refused with ErrFull when they would
// leave less than reserve bytes free.
func OpenDisk(dir string, reserve int64) (*Disk, error) {
	d := &Disk{dir: dir, reserve: reserve, free: freeBytes, durable: make(map[string]bool), flying: make(map[Blob]int)}
	if err := os.MkdirAll(filepath.Join(dir, drafts), 0o700); err != nil {
		return nil, fmt.Errorf("objects: %w", err)
	}
	if err := errors.Join(syncDir(dir), syncDir(filepath.Dir(dir))); err != nil {
		return nil, err
	}
	left, err := filepath.Glob(filepath.Join(dir, drafts, draftPrefix+"*"))
	if err != nil {
		return nil, fmt.Errorf("objects: %w", err)
	}
	for _, path := range left {
		if err := os.Remove(path); err != nil {
			return nil, fmt.Errorf("objects: removing an unfinished upload: %w", err)
		}
	}
	return d, nil
}

// Open opens a blob for reading; fs.ErrNotExist when this node has none.
func (d *Disk) Open(b Blob) (*os.File, int64, error) {
	f, err := os.Open(filepath.Join(d.dir, b.path()))
	if err != nil {
		return nil, 0, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, 0, errors.Join(err, f.Close())
	}
	return f, info.Size(), nil
}

// Remove deletes a blob; one that is not here is no error. Readers that have it
// open keep it.
func (d *Disk) Remove(b Blob) error {
	if err := os.Remove(filepath.Join(d.dir, b.path())); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("objects: %w", err)
	}
	return nil
}

// room refuses an upload of size bytes that would not leave the reserve free.
func (d *Disk) room(size int64) error {
	free, err := d.free(d.dir)
	if errors.Is(err, fs.ErrNotExist) { // somebody has deleted the folder
		if err = os.MkdirAll(filepath.Join(d.dir, drafts), 0o700); err == nil {
			free, err = d.free(d.dir)
		}
	}
	if err != nil {
		return fmt.Errorf("objects: free space of %s: %w", d.dir, err)
	}
	if free-size < d.reserve || d.most > 0 && d.used.Load()+size > d.most {
		return ErrFull
	}
	return nil
}

// folder makes the folder of a blob and syncs the names above it. Who finds
// the folder there cannot know that its maker has synced it already, so only
// durable, which this process fills after the sync, saves the work.
func (d *Disk) folder(b Blob) (string, error) {
	inner := filepath.Dir(filepath.Join(d.dir, b.path()))
	d.mu.Lock()
	done := d.durable[inner]
	d.mu.Unlock()
	if done {
		return inner, nil
	}
	if err := os.MkdirAll(inner, 0o700); err != nil {
		return "", full(err)
	}
	if err := errors.Join(syncDir(filepath.Dir(inner)), syncDir(d.dir)); err != nil {
		return "", err
	}
	d.mu.Lock()
	d.durable[inner] = true
	d.mu.Unlock()
	return inner, nil
}

// forget has the folder of a blob made anew: somebody has deleted it.
func (d *Disk) forget(b Blob) {
	d.mu.Lock()
	delete(d.durable, filepath.Dir(filepath.Join(d.dir, b.path())))
	d.mu.Unlock()
}

// full turns "no space" into ErrFull and wraps the rest.
func full(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return ErrFull
	}
	return fmt.Errorf("objects: %w", err)
}

func freeBytes(dir string) (int64, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return 0, err
	}
	return int64(s.Bavail) * int64(s.Bsize), nil
}

func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("objects: %w", err)
	}
	return full(errors.Join(f.Sync(), f.Close()))
}
