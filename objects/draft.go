package objects

import (
	"crypto/md5"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
)

// errExists is returned by Draft.Commit when the name is taken.
var errExists = errors.New("objects: a blob of this name exists")

// Sums is what is known of a body once it is all there.
type Sums struct {
	Size   int64
	SHA256 [sha256.Size]byte
	MD5    [md5.Size]byte // S3's ETag of an object uploaded in one piece
}

// Draft is an upload being written: Write…, Seal, Commit, and Close in any
// case. One goroutine writes; any number of followers read behind it.
type Draft struct {
	disk   *Disk
	file   *os.File
	limit  int64
	sha256 hash.Hash
	md5    hash.Hash

	mu    sync.Mutex
	moved sync.Cond // size grew, or the draft was sealed or closed
	size  int64
	state draftState
	sums  Sums
}

type draftState int

const (
	writing draftState = iota
	sealed             // all bytes are there, and they are the right ones
	closed
)

// Create begins a draft. Writing more than limit bytes fails with EntityTooLarge.
// size is what the client announced, to refuse early what the disk cannot take.
func (d *Disk) Create(size, limit int64) (*Draft, error) {
	if size > limit {
		return nil, tooLarge(limit)
	}
	if err := d.room(size); err != nil {
		return nil, err
	}
	f, err := os.CreateTemp(filepath.Join(d.dir, drafts), draftPrefix)
	if errors.Is(err, fs.ErrNotExist) { // somebody has deleted the folder
		if err = os.MkdirAll(filepath.Join(d.dir, drafts), 0o700); err == nil {
			f, err = os.CreateTemp(filepath.Join(d.dir, drafts), draftPrefix)
		}
	}
	if err != nil {
		return nil, full(err)
	}
	w := &Draft{disk: d, file: f, limit: limit, sha256: sha256.New(), md5: md5.New()}
	w.moved.L = &w.mu
	return w, nil
}

func tooLarge(limit int64) error {
	return fail(EntityTooLarge, "an upload has at most %d bytes", limit)
}

func (w *Draft) Write(p []byte) (int, error) {
	if w.size+int64(len(p)) > w.limit {
		return 0, tooLarge(w.limit)
	}
	n, err := w.file.Write(p)
	w.sha256.Write(p[:n])
	w.md5.Write(p[:n])
	w.mu.Lock()
	w.size += int64(n)
	w.mu.Unlock()
	w.moved.Broadcast()
	return n, full(err)
}

// Sums of what was written until now.
func (w *Draft) Sums() Sums {
	s := Sums{Size: w.size}
	w.sha256.Sum(s.SHA256[:0])
	w.md5.Sum(s.MD5[:0])
	return s
}

// Seal says that all is written and that it is what the client meant: only now
// can a follower reach its end, and so a copy on another node become a blob.
func (w *Draft) Seal() {
	w.mu.Lock()
	w.state, w.sums = sealed, w.Sums()
	w.mu.Unlock()
	w.moved.Broadcast()
}

// Commit makes the draft the blob b: the file is synced, gets its name, and the
// folder with the name is synced. When it returns nil the blob survives a power
// cut. errExists means that b is there already; it was not touched.
//
// The name is made with link, not rename: rename would silently replace a blob.
func (w *Draft) Commit(b Blob) error {
	if err := w.file.Sync(); err != nil {
		return full(err)
	}
	dir, err := w.disk.folder(b)
	if err != nil {
		return err
	}
	err = os.Link(w.file.Name(), filepath.Join(dir, string(b)))
	if errors.Is(err, fs.ErrNotExist) { // somebody has deleted the folder
		w.disk.forget(b)
		if dir, err = w.disk.folder(b); err == nil {
			err = os.Link(w.file.Name(), filepath.Join(dir, string(b)))
		}
	}
	switch {
	case errors.Is(err, fs.ErrExist):
		return fmt.Errorf("%w: %s", errExists, b)
	case errors.Is(err, fs.ErrNotExist):
		return fail(ServiceUnavailable, "the folder of the blobs was deleted meanwhile; nothing was stored, try again")
	case err != nil:
		return full(err)
	}
	w.disk.used.Add(w.size)
	return syncDir(dir)
}

// Close ends the draft. What was not committed is gone, and followers that have
// not reached the end fail. A second Close does nothing.
func (w *Draft) Close() {
	w.mu.Lock()
	again := w.state == closed
	w.state = closed
	w.mu.Unlock()
	w.moved.Broadcast()
	if !again {
		// What cannot be removed now is removed at the next start.
		_ = os.Remove(w.file.Name())
		_ = w.file.Close()
	}
}

// Follow reads the draft from its beginning while it is still being written,
// and behind its last byte the 32 bytes of its SHA-256. That trailer is what
// makes a cut stream and a finished one different to the receiver, also where
// the length was announced wrongly.
func (w *Draft) Follow() io.ReadCloser { return &follower{draft: w} }

// errDraftClosed is what a follower sees of an upload that came to nothing.
var errDraftClosed = errors.New("objects: the upload ended before its last byte")

type follower struct {
	draft  *Draft
	at     int64
	closed bool // under draft.mu
}

func (f *follower) Read(p []byte) (int, error) {
	w := f.draft
	w.mu.Lock()
	for f.at >= w.size && w.state == writing && !f.closed {
		w.moved.Wait()
	}
	size, state, gone := w.size, w.state, f.closed
	w.mu.Unlock()
	switch {
	case gone || state == closed:
		return 0, errDraftClosed
	case f.at < size:
		n, err := w.file.ReadAt(p[:min(int64(len(p)), size-f.at)], f.at)
		f.at += int64(n)
		return n, err
	}
	n := copy(p, w.sums.SHA256[f.at-size:])
	f.at += int64(n)
	if n == 0 && len(p) > 0 {
		return 0, io.EOF
	}
	return n, nil
}

// Close wakes a Read that waits for the writer.
func (f *follower) Close() error {
	f.draft.mu.Lock()
	f.closed = true
	f.draft.mu.Unlock()
	f.draft.moved.Broadcast()
	return nil
}
