package archive

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"sync"

	"stoker/fsm"
	"stoker/objects"
)

// Archive reads segments, on any node.
type Archive struct {
	objects *objects.Store

	mu    sync.Mutex
	known map[string]directory // by the segment's key; the last few that were read
}

// remembered bounds the directories that are kept in memory, some 100 KB each.
const remembered = 16

// New gives the archive in an object store.
func New(s *objects.Store) *Archive {
	return &Archive{objects: s, known: map[string]directory{}}
}

// Unreadable is a segment that no node could give.
type Unreadable struct {
	Segment fsm.ArchiveSegment
	Err     error
}

func (e *Unreadable) Error() string {
	return fmt.Sprintf("segment %d of the archive (%s/%s) cannot be read: %v; `stoker objects` says which nodes should have it, `stoker objects scrub` looks for a good copy, and a backup with blobs has one",
		e.Segment.Number, fsm.ArchiveBucket, e.Segment.Key, e.Err)
}

func (e *Unreadable) Unwrap() error { return e.Err }

// errMissing: the state says that a job or a booking is in a segment, and it is not.
var errMissing = errors.New("it has no such record")

// Job finds a job that has left the state of the view; ok says whether it is one.
// A segment that cannot be read is an *Unreadable.
func (a *Archive) Job(v *fsm.View, id string) (job fsm.ArchivedJob, ok bool, err error) {
	s, _, ok := v.Archived(id)
	if !ok {
		return job, false, nil
	}
	job.Segment = s
	err = a.with(v, s, func(f file) error {
		d, err := a.directory(s, f)
		if err != nil {
			return err
		}
		at, ok := d.find(id)
		if !ok {
			return errMissing
		}
		block, err := f.unpack(d.Blocks[at.Block])
		if err != nil {
			return err
		}
		job.JobRecord, err = at.parse(block)
		return err
	})
	return job, true, err
}

// Jobs gives all jobs of the archive in the view, segment by segment; with an id the
// one that has it, with a number those of one segment. A segment that cannot be
// read is an error in between; the others follow it. ctx ends the walk.
func (a *Archive) Jobs(ctx context.Context, v *fsm.View, id string, segment uint64) iter.Seq2[fsm.ArchivedJob, error] {
	return func(yield func(fsm.ArchivedJob, error) bool) {
		if id != "" {
			if job, ok, err := a.Job(v, id); ok {
				yield(job, err)
			}
			return
		}
		for s := range v.Segments() {
			if segment != 0 && s.Number != segment {
				continue
			}
			if ctx.Err() != nil {
				yield(fsm.ArchivedJob{Segment: s}, ctx.Err())
				return
			}
			jobs, err := a.jobs(ctx, v, s)
			for _, j := range jobs {
				if !yield(fsm.ArchivedJob{JobRecord: j, Segment: s}, nil) {
					return
				}
			}
			if err != nil && !yield(fsm.ArchivedJob{Segment: s}, err) {
				return
			}
		}
	}
}

// jobs reads those that have moved into a segment: what else is in the file is in
// the state still, or in another segment.
func (a *Archive) jobs(ctx context.Context, v *fsm.View, s fsm.ArchiveSegment) (list []fsm.JobRecord, err error) {
	if s.Archived == 0 {
		return nil, nil
	}
	err = a.with(v, s, func(f file) error {
		list = nil
		return each(ctx, f, func(d directory) []record { return d.Jobs }, record.where, func(r record) bool {
			in, _, ok := v.Archived(r.Job)
			return ok && in.Number == s.Number
		}, func(r record, block []byte) error {
			j, err := r.parse(block)
			list = append(list, j)
			return err
		})
	})
	return list, err
}

// each reads what is wanted of a file, block by block.
func each[T any](ctx context.Context, f file, all func(directory) []T, where func(T) place, wanted func(T) bool, read func(T, []byte) error) error {
	d, err := f.directory()
	if err != nil {
		return err
	}
	inBlock := make([][]T, len(d.Blocks))
	for _, one := range all(d) {
		if b := where(one).Block; wanted(one) {
			inBlock[b] = append(inBlock[b], one)
		}
	}
	for i, list := range inBlock {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if len(list) == 0 {
			continue
		}
		block, err := f.unpack(d.Blocks[i])
		if err != nil {
			return err
		}
		for _, one := range list {
			if err := read(one, block); err != nil {
				return err
			}
		}
	}
	return nil
}

func (p place) where() place { return p }

func (r record) parse(block []byte) (fsm.JobRecord, error) {
	raw, err := r.cut(block)
	if err != nil {
		return fsm.JobRecord{}, err
	}
	j, err := fsm.ParseJobRecord(raw)
	if err == nil && j.Job.ID != r.Job {
		err = errDamaged
	}
	return j, err
}

// directory is f.directory, read once.
func (a *Archive) directory(s fsm.ArchiveSegment, f file) (directory, error) {
	a.mu.Lock()
	d, ok := a.known[s.Key]
	a.mu.Unlock()
	if ok {
		return d, nil
	}
	d, err := f.directory()
	if err != nil {
		return d, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.known) >= remembered {
		clear(a.known)
	}
	a.known[s.Key] = d
	return d, nil
}

// with reads a segment as it is on this node, in ranges. If that fails the whole
// file is read and held against its hash, here and then on the other nodes: so a
// damaged copy is found out, set aside and replaced on the way.
func (a *Archive) with(v *fsm.View, s fsm.ArchiveSegment, read func(file) error) error {
	o, ok := v.Object(fsm.ArchiveBucket, s.Key)
	if !ok {
		return &Unreadable{s, errors.New("its object is not recorded")}
	}
	err := read(file{o.Size, func(off, n int64) (io.ReadCloser, error) { return a.objects.Open(o, off, n) }})
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	whole, second := a.objects.Whole(o)
	if second != nil {
		return &Unreadable{s, errors.Join(err, second)}
	}
	defer whole.Close()
	at, ok := whole.(io.ReaderAt)
	if !ok {
		return &Unreadable{s, err}
	}
	if err := read(file{o.Size, func(off, n int64) (io.ReadCloser, error) {
		return io.NopCloser(io.NewSectionReader(at, off, n)), nil
	}}); err != nil {
		return &Unreadable{s, err}
	}
	return nil
}
