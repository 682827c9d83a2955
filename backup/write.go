package backup

import (
	"archive/tar"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"time"

	"stoker/fsm"
	"stoker/node"
	"stoker/objects"
	"stoker/store"
)

// Pinned is a state that is about to be archived. Applying goes on; close it.
type Pinned struct {
	Manifest Manifest

	snap    *fsm.Snapshot
	state   *store.Measured
	store   *objects.Store
	blobs   []blob // in the archive's order
	list    []byte
	created time.Time
}

// Pin takes the state of this node as of now: it has seen all that was
// acknowledged before. It reads the state once, to know sizes and hashes before
// the first byte is written.
func Pin(ctx context.Context, n *node.Node, store *objects.Store, mode Blobs) (*Pinned, error) {
	snap, err := n.Snapshot(ctx)
	if err != nil {
		return nil, err
	}
	p := &Pinned{snap: snap, store: store, created: time.Now().UTC().Truncate(time.Second)}
	if err := p.measure(mode); err != nil {
		snap.Close()
		return nil, err
	}
	p.Manifest.Node, p.Manifest.Version, p.Manifest.CreatedAt = n.ID(), n.Version(), p.created
	return p, nil
}

// Close lets the state go.
func (p *Pinned) Close() { p.snap.Close() }

// measure fills in the manifest.
func (p *Pinned) measure(mode Blobs) error {
	v := p.snap.View()
	p.Manifest = describe(v)
	p.Manifest.Blobs.Mode = mode
	for o := range v.Objects() {
		p.blobs = append(p.blobs, blob{objects.BlobOf(o), o})
	}
	// A kicked job's input is a copy of its record, not of its file.
	slices.SortFunc(p.blobs, func(a, b blob) int { return cmp.Compare(a.name, b.name) })
	p.blobs = slices.CompactFunc(p.blobs, func(a, b blob) bool { return a.name == b.name })
	for _, b := range p.blobs {
		p.list = append(p.list, b.line()...)
		p.Manifest.Blobs.Count++
		p.Manifest.Blobs.Bytes += b.object.Size
	}
	p.Manifest.List = partOf(p.list)
	var err error
	if p.state, err = p.snap.Measure(); err != nil {
		return fmt.Errorf("backup: read the state: %w", err)
	}
	p.Manifest.State = Part{Bytes: p.state.Bytes, SHA256: hex.EncodeToString(p.state.SHA256[:])}
	return nil
}

func partOf(b []byte) Part {
	sum := sha256.Sum256(b)
	return Part{Bytes: int64(len(b)), SHA256: hex.EncodeToString(sum[:])}
}

// Size is about how long the archive will be, in bytes: blobs that no node can
// give make it shorter.
func (p *Pinned) Size() int64 {
	padded := func(n int64) int64 { return (n+511)/512*512 + 512 }
	total := padded(1<<10) + padded(p.Manifest.State.Bytes) + padded(p.Manifest.List.Bytes) + padded(200) + 1024
	if p.Manifest.Blobs.Mode == Included {
		for _, b := range p.blobs {
			total += padded(b.object.Size)
		}
	}
	return total
}

// Write writes the archive. What has gone out when it fails is no archive: the
// end is missing.
func (p *Pinned) Write(ctx context.Context, w io.Writer) error {
	out := tar.NewWriter(w)
	manifest, err := json.MarshalIndent(p.Manifest, "", "  ")
	if err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	if err := p.member(out, manifestName, manifest); err != nil {
		return err
	}
	if err := p.header(out, stateName, p.Manifest.State.Bytes); err != nil {
		return err
	}
	if err := p.state.Write(p.snap.Paced(out)); err != nil {
		return fmt.Errorf("backup: write %s: %w", stateName, err)
	}
	if err := p.member(out, listName, p.list); err != nil {
		return err
	}
	end := End{Manifest: partOf(manifest).SHA256, Missing: []string{}}
	if p.Manifest.Blobs.Mode == Included {
		if end.Missing, err = p.writeBlobs(ctx, out); err != nil {
			return err
		}
	}
	last, err := json.Marshal(end)
	if err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	if err := p.member(out, endName, last); err != nil {
		return err
	}
	if err := out.Close(); err != nil {
		return fmt.Errorf("backup: write the end: %w", err)
	}
	return nil
}

// writeBlobs gives the names of those that no node had.
func (p *Pinned) writeBlobs(ctx context.Context, out *tar.Writer) (missing []string, err error) {
	missing = []string{}
	for _, b := range p.blobs {
		if ctx.Err() != nil {
			return nil, fmt.Errorf("backup: %w", context.Cause(ctx))
		}
		body, err := p.store.Whole(b.object)
		if err != nil {
			missing = append(missing, string(b.name))
			continue
		}
		if err = p.header(out, blobFolder+string(b.name), b.object.Size); err == nil {
			_, err = io.Copy(p.snap.Paced(out), body)
		}
		_ = body.Close()
		if err != nil {
			return nil, fmt.Errorf("backup: write blob %s: %w", b.name, err)
		}
	}
	return missing, nil
}

func (p *Pinned) header(out *tar.Writer, name string, size int64) error {
	err := out.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Size: size, Mode: 0o600, ModTime: p.created})
	if err != nil {
		return fmt.Errorf("backup: write %s: %w", name, err)
	}
	return nil
}

func (p *Pinned) member(out *tar.Writer, name string, body []byte) error {
	if err := p.header(out, name, int64(len(body))); err != nil {
		return err
	}
	if _, err := out.Write(body); err != nil {
		return fmt.Errorf("backup: write %s: %w", name, err)
	}
	return nil
}
