package archive

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"strings"
	"time"

	"stoker/fsm"
	"stoker/node"
)

// batch is what goes into one segment of jobs.
type batch struct {
	row    fsm.ArchiveSegment
	hashes []fsm.RecordHash
	sizes  []int // of the records
	bytes  int   // of them all
	file   []byte
}

// moveJobs moves the jobs that there are into one segment.
func (k *Keeper) moveJobs(ctx context.Context) (wait time.Duration, err error) {
	b, wait, err := k.look(ctx)
	if err != nil || b == nil {
		return wait, err
	}
	if err := k.write(ctx, &b.row, b.file); err != nil {
		return wait, err
	}
	moved, err := k.move(ctx, b)
	if b.full() && moved > 0 {
		wait = 0 // there may be more
	}
	return wait, err
}

// look gives what is to be moved now, nil if nothing is.
func (k *Keeper) look(ctx context.Context) (b *batch, wait time.Duration, err error) {
	v := k.Node.View()
	defer v.Close()
	keep := v.Settings().Retention
	least := time.Duration(keep.LeastStay())
	if v.Epoch() == 0 || v.Level() < archiveLevel {
		return nil, idle, nil
	}
	if err := k.tidy(ctx, v); err != nil || least == 0 {
		return nil, idle, err
	}
	late := min(least/10, mostLate)
	wait = min(late, lookEvery)
	// Most times those that are old enough wait for others. That is found out by their own rows alone, then by what refers to
	// them; a record is read when it goes into a segment.
	var list []fsm.Job
	bonds := v.Bonds()
	for _, free := range []func(fsm.Job) bool{func(fsm.Job) bool { return true }, func(j fsm.Job) bool { return bonds.Of(j) == "" }} {
		var since time.Duration
		list, since, err = k.ready(ctx, v, keep, free)
		if err != nil || len(list) == 0 || len(list) < fullJobs && since < late {
			return nil, wait, err
		}
	}
	b, err = pack(ctx, v, list)
	return b, wait, err
}

func (b *batch) full() bool { return len(b.hashes) == fullJobs || b.bytes >= fullBytes }

// ready lists jobs that are old enough and free to leave, the oldest first and no more
// than fill a segment, and says how late the latest of them is.
func (k *Keeper) ready(ctx context.Context, v *fsm.View, keep *fsm.Retention, free func(fsm.Job) bool) (list []fsm.Job, late time.Duration, err error) {
	now := k.Now().UnixNano()
	if version := v.Settings().Version; version != k.under {
		k.under, k.floor = version, fsm.Mark{}
	}
	below := true
	latest := now - keep.LeastStay()
	young := 0
	for j := range v.JobsSince(k.floor) {
		if len(list) == fullJobs || ctx.Err() != nil {
			break
		}
		if j.Came() > latest {
			if young++; young > youngRun {
				break
			}
			below = false
			continue
		}
		young = 0
		leaves := keep.Leaves(j)
		if below = below && leaves == 0 && j.Status.Ended(); below {
			k.floor = j.Mark()
		}
		if leaves == 0 || leaves > now || !free(j) {
			continue
		}
		list, late = append(list, j), max(late, time.Duration(now-leaves))
	}
	return list, late, ctx.Err()
}

// pack makes a segment of jobs, until it is full.
func pack(ctx context.Context, v *fsm.View, list []fsm.Job) (*batch, error) {
	w, err := newWriter()
	if err != nil {
		return nil, err
	}
	b := &batch{row: fsm.ArchiveSegment{
		Key: fmt.Sprintf("jobs/%016x-%s", list[0].Index, strings.ToLower(rand.Text())), From: list[0].CreatedAt, To: list[0].CreatedAt,
	}}
	for _, j := range list {
		if b.full() || ctx.Err() != nil {
			break
		}
		raw := v.JobRecord(j.ID)
		w.add(j.ID, raw)
		b.hashes = append(b.hashes, fsm.RecordHash{Job: j.ID, SHA256: sha256.Sum256(raw)})
		b.sizes, b.bytes = append(b.sizes, len(raw)), b.bytes+len(raw)
		b.row.From, b.row.To = min(b.row.From, j.CreatedAt), max(b.row.To, j.CreatedAt)
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	b.row.Jobs = len(b.hashes)
	b.file, err = w.finish()
	return b, err
}

// move has the machine take the jobs out of the state, a few at a time.
func (k *Keeper) move(ctx context.Context, b *batch) (moved int, err error) {
	return k.takeOut(ctx, "jobs", b.row, b.sizes, func(from, to int, kept map[fsm.Bond]int) (int, error) {
		r, err := node.Apply(ctx, k.Node, fsm.ArchiveJobs{Segment: b.row, Jobs: b.hashes[from:to]}, node.By("system"))
		for _, one := range r.Answer.Kept {
			kept[one.Why]++
		}
		return r.Answer.Archived, err
	})
}
