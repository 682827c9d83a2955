package backup

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"stoker/fsm"
	"stoker/node"
	"stoker/objects"
)

// Plan says what to make of an archive: the data folders of a new cluster.
type Plan struct {
	Nodes []Target
	Begin fsm.Restored // SealedCA and tokens of the new cluster; the rest is filled in

	SealKeys  [][]byte  // of the old cluster; the new one goes on with them
	BlobsFrom []string  // blob folders of old nodes, for what is not in the archive
	Force     bool      // move data folders that are there out of the way
	Now       time.Time // goes into the first entry of the epoch, and into names of what is moved away
}

// Target is a node to be.
type Target struct {
	ID   string
	Data string // its data folder
}

// Restored is what came of a plan.
type Restored struct {
	Report
	Epoch   fsm.Epoch
	Blobs   int            // in each node's folder
	Missing []objects.Blob // that records refer to and nobody brought
	Aside   []string       // where Force has moved data folders to
}

// unfinished is behind the name of a data folder that is being made.
const unfinished = ".restoring"

// Restore makes the data folders. They get their names when all of them are
// whole; a plan that fails leaves nothing, and moves nothing away.
func Restore(r io.Reader, p Plan) (Restored, error) {
	if err := p.check(); err != nil {
		return Restored{}, err
	}
	s, err := stage(filepath.Dir(p.Nodes[0].Data))
	if err != nil {
		return Restored{}, err
	}
	defer s.Close()
	b := &builder{Plan: p, staged: s, placed: map[objects.Blob]bool{}}
	err = b.build(r)
	if err == nil {
		err = b.publish()
	}
	if err != nil {
		for _, n := range p.Nodes {
			err = errors.Join(err, os.RemoveAll(n.Data+unfinished))
		}
	}
	return b.done, err
}

// check refuses to touch what is there.
func (p Plan) check() error {
	if len(p.Nodes) == 0 {
		return errors.New("backup: restore: no nodes")
	}
	for _, n := range p.Nodes {
		files, err := os.ReadDir(n.Data)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("backup: %w", err)
		}
		if len(files) > 0 && !p.Force {
			return fmt.Errorf("backup: %s holds a node's data: choose another folder, or --force to move it out of the way", n.Data)
		}
		if err := node.Idle(n.Data); err != nil {
			return err
		}
	}
	return nil
}

// builder is a restore under way.
type builder struct {
	Plan
	*staged
	disks  []*objects.Disk
	placed map[objects.Blob]bool
	done   Restored
}

// build makes everything under its unfinished name.
func (b *builder) build(r io.Reader) (err error) {
	for _, n := range b.Nodes {
		if err := os.RemoveAll(n.Data + unfinished); err != nil {
			return fmt.Errorf("backup: %w", err)
		}
		disk, err := objects.OpenDisk(filepath.Join(n.Data+unfinished, "blobs"), 0)
		if err != nil {
			return fmt.Errorf("backup: %w", err)
		}
		b.disks = append(b.disks, disk)
	}
	b.done.Contents, err = Read(r, Visitor{State: b.state, Blob: b.place})
	if err != nil {
		return err
	}
	if err := b.listed(b.done.Contents); err != nil {
		return err
	}
	b.done.Check = b.found
	b.done.Index, b.done.Hash = b.rest.Identity()
	if err := b.gather(); err != nil {
		return err
	}
	b.done.Blobs = len(b.placed)
	return b.begin()
}

func (b *builder) state(m Manifest, r io.Reader) error {
	if err := b.load(m, r); err != nil {
		return err
	}
	return b.rest.Opens(b.SealKeys...)
}

// place puts a blob into every node's folder.
func (b *builder) place(name objects.Blob, size int64, r io.Reader) error {
	var all []io.Writer
	var drafts []*objects.Draft
	for _, disk := range b.disks {
		d, err := disk.Create(size, size)
		if err != nil {
			return err
		}
		defer d.Close()
		drafts, all = append(drafts, d), append(all, d)
	}
	if _, err := io.Copy(io.MultiWriter(all...), r); err != nil {
		return err
	}
	for _, d := range drafts {
		d.Seal()
		if err := d.Commit(name); err != nil {
			return err
		}
	}
	b.placed[name] = true
	return nil
}

// gather looks for what was not in the archive.
func (b *builder) gather() error {
	for name, sum := range b.done.list {
		if b.placed[name] {
			continue
		}
		found := false
		for _, dir := range b.BlobsFrom {
			ok, err := b.take(dir, name, sum)
			if err != nil {
				return err
			}
			if found = ok; found {
				break
			}
		}
		if !found {
			b.done.Missing = append(b.done.Missing, name)
		}
	}
	slices.Sort(b.done.Missing)
	return nil
}

// take places a blob out of an old node's folder, if it is there and whole.
func (b *builder) take(dir string, name objects.Blob, sum string) (bool, error) {
	f, err := objects.OpenBlob(dir, name)
	if err != nil {
		return false, nil
	}
	defer f.Close()
	h := sha256.New()
	size, err := io.Copy(h, f)
	if want, _ := hex.DecodeString(sum); err != nil || !bytes.Equal(h.Sum(nil), want) {
		return false, nil // damaged there: another folder may have it
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return false, fmt.Errorf("backup: %w", err)
	}
	return true, b.place(name, size, f)
}

// begin makes the state that of another epoch, the same on all nodes.
func (b *builder) begin() error {
	c, ids := b.Begin, []string{}
	for _, n := range b.Nodes {
		ids = append(ids, n.ID)
	}
	c.Why, c.From = fsm.FromBackup, b.done.Index
	if len(b.placed) > 0 {
		c.Hold = ids
	}
	var err error
	if b.done.Epoch, err = b.rest.Begin(c, 0, b.Now); err != nil {
		return err
	}
	for _, n := range b.Nodes {
		if err := b.rest.Plant(n.Data+unfinished, ids); err != nil {
			return err
		}
	}
	return nil
}

// publish gives the folders their names.
func (b *builder) publish() error {
	for _, n := range b.Nodes {
		aside := n.Data + ".before-" + b.Now.UTC().Format("20060102T150405Z")
		err := os.Rename(n.Data, aside)
		if err == nil {
			b.done.Aside = append(b.done.Aside, aside)
		} else if !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("backup: %w", err)
		}
		if err := os.Rename(n.Data+unfinished, n.Data); err != nil {
			return fmt.Errorf("backup: %w", err)
		}
		if err := syncDir(filepath.Dir(n.Data)); err != nil {
			return fmt.Errorf("backup: %w", err)
		}
	}
	return nil
}
