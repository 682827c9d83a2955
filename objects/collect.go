package objects

import (
	"context"
	"errors"
	"hash/maphash"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// suspectsCap bounds what is remembered of files without a record; the rest has
// its turn when these are gone.
const suspectsCap = 1 << 18

// collect removes files that no record refers to: of deleted and replaced
// objects, of uploads that were refused or broke off between file and record. It
// counts what is here, too.
//
// A file goes only when two looks, Grace or more apart by this process's own
// clock, have found it without a record, each in a state that has seen all that
// was acknowledged. See doc.go for why no record can come to name it afterwards.
func (t *tender) collect(ctx context.Context) {
	d := t.store.disk
	began := time.Now()
	v, err := t.store.read(ctx)
	if err != nil {
		return // no quorum: nothing is known
	}
	if v.Epoch() == 0 {
		v.Close()
		return
	}
	seed := maphash.MakeSeed()
	// Sixteen bytes a file instead of a name's hundred; two that are taken for one
	// only spare a file.
	referred := map[uint64]struct{}{}
	for f := range v.Files() {
		referred[maphash.String(seed, string(blobOf(f)))] = struct{}{}
	}
	v.Close()
	var blobs, bytes int64
	removed, suspects := 0, map[Blob]time.Time{}
	err = d.each(ctx, func(b Blob, size int64, aside bool) {
		if !aside {
			blobs, bytes = blobs+1, bytes+size
		}
		if _, ok := referred[maphash.String(seed, string(b))]; ok || d.inFlight(b) {
			return
		}
		since, known := t.suspects[b]
		if !known {
			since = began
		}
		if began.Sub(since) < t.pace.Grace || !known {
			if len(suspects) < suspectsCap {
				suspects[b] = since
			}
			return
		}
		if aside {
			d.DropAside(b)
		} else if err := d.Remove(b); err != nil {
			t.store.cfg.Log.Warn("a file without a record cannot be removed", "blob", string(b), "err", err)
			return
		} else {
			blobs, bytes = blobs-1, bytes-size
		}
		removed++
	})
	if err != nil {
		if ctx.Err() == nil {
			t.store.cfg.Log.Warn("look through the blobs' folder", "err", err)
		}
		return
	}
	t.suspects = suspects
	t.bytes.Store(bytes)
	d.used.Store(bytes)
	t.mu.Lock()
	t.status.Blobs, t.status.Bytes, t.status.Unreferenced = blobs, bytes, len(suspects)
	t.mu.Unlock()
	if removed > 0 {
		t.store.metrics.collected.Add(float64(removed))
		t.store.cfg.Log.Info("files without a record were removed", "files", removed)
	}
}

// each visits the files of all blobs, those set aside too, a folder at a time.
func (d *Disk) each(ctx context.Context, visit func(b Blob, size int64, aside bool)) error {
	return filepath.WalkDir(d.dir, func(path string, e fs.DirEntry, err error) error {
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, fs.ErrNotExist):
			return nil // removed meanwhile
		case err != nil:
			return err
		case e.IsDir() && path == filepath.Join(d.dir, drafts):
			return fs.SkipDir
		case e.IsDir():
			return nil
		}
		b, ok := ParseBlob(e.Name())
		if !ok {
			return nil
		}
		info, err := e.Info()
		if err != nil {
			return nil // removed meanwhile
		}
		visit(b, info.Size(), filepath.Base(filepath.Dir(path)) == asideDir)
		return nil
	})
}

// hold keeps a blob from being collected until release, whatever the records say:
// an upload that is under way, or one whose outcome nobody knows yet.
func (d *Disk) hold(b Blob) (release func()) {
	d.mu.Lock()
	d.flying[b]++
	d.mu.Unlock()
	return func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.flying[b]--; d.flying[b] == 0 {
			delete(d.flying, b)
		}
	}
}

func (d *Disk) inFlight(b Blob) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.flying[b] > 0
}

// asideDir has what was found damaged. No blob folder has a name of this length.
const asideDir = "rotten"

// SetAside takes a blob out of its place without deleting it: when no node has a
// better one, what is left of it is here.
func (d *Disk) SetAside(b Blob) error {
	if err := os.MkdirAll(filepath.Join(d.dir, asideDir), 0o700); err != nil {
		return full(err)
	}
	path := filepath.Join(d.dir, b.path())
	if err := os.Rename(path, filepath.Join(d.dir, asideDir, string(b))); err != nil {
		return full(err)
	}
	return errors.Join(syncDir(filepath.Dir(path)), syncDir(filepath.Join(d.dir, asideDir)))
}

// DropAside deletes what was set aside of a blob.
func (d *Disk) DropAside(b Blob) { _ = os.Remove(filepath.Join(d.dir, asideDir, string(b))) }

// asides counts what is set aside.
func (d *Disk) asides() int {
	list, err := os.ReadDir(filepath.Join(d.dir, asideDir))
	if err != nil {
		return 0 // there is none
	}
	return len(list)
}

func (d *Disk) exists(b Blob) bool {
	_, err := os.Stat(filepath.Join(d.dir, b.path()))
	return err == nil
}

// Has says whether a blob is here in its full size.
func (d *Disk) Has(b Blob, size int64) bool {
	info, err := os.Stat(filepath.Join(d.dir, b.path()))
	return err == nil && info.Size() == size
}
