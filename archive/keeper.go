package archive

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"time"

	"stoker/fsm"
	"stoker/node"
	"stoker/objects"
)

// Keeper moves jobs and old bookings into the archive where the leader is.
type Keeper struct {
	Node    *node.Node
	Objects *objects.Store
	Log     *slog.Logger
	Now     func() time.Time // nil is time.Now

	wrote func() // between a segment and the first entry that moves jobs into it; tests only

	deployed chan struct{} // rings when other settings are in force: how long nothing needs to be looked at was found out under the old ones

	under uint64   // the settings that floor was found under
	floor fsm.Mark // up to it there is no job that will ever leave
	walk  walk     // over the ledgers
}

const (
	fullJobs  = 2000     // that make a segment full
	fullBytes = 32 << 20 // likewise, before compression

	// What one entry moves at most: it holds the machine up for as many deletions as
	// the jobs have rows, or as there are bookings. One job that has more is moved alone.
	stepJobs  = 64
	stepRows  = 512
	stepBytes = 64 << 10
	stepPause = 25 * time.Millisecond // before the next: a long backlog must not slow down what is asked now

	// After so many jobs in a row that came too lately the rest did, too. One alone may be of another time than its neighbours: it was
	// brought back from another cell, or a clock was wrong.
	youngRun = 1000

	lookEvery = 10 * time.Minute // at most; more often where jobs stay for less
	mostLate  = 24 * time.Hour   // a job may be, for the sake of full segments
	idle      = time.Minute      // between looks at whether there is a setting
)

// archiveLevel is the feature level from which on jobs are archived.
var archiveLevel = fsm.LevelOf(fsm.Propose(fsm.ArchiveJobs{}))

// Start has jobs moved for as long as the node runs.
func (k *Keeper) Start() {
	if k.Now == nil {
		k.Now = time.Now
	}
	if k.Log == nil {
		k.Log = slog.New(slog.DiscardHandler)
	}
	watch(k.Node)
	k.deployed = make(chan struct{}, 1)
	k.Node.Subscribe(func(c fsm.Changes) {
		if c.Settings || c.Restored {
			select {
			case k.deployed <- struct{}{}:
			default:
			}
		}
	})
	k.Node.WhileLeader("archive", func(ctx context.Context, _ uint64) {
		k.floor, k.walk = fsm.Mark{}, walk{}
		for ctx.Err() == nil {
			wait, err := k.round(ctx)
			if err != nil && ctx.Err() == nil {
				k.Log.Warn("nothing was archived; it is tried again", "err", err)
				wait = max(wait, idle)
			}
			t := time.NewTimer(wait)
			select {
			case <-t.C:
			case <-k.deployed:
			case <-ctx.Done():
			}
			t.Stop()
		}
	})
}

// round looks once, and moves what there is: into one segment of jobs, and one of
// bookings behind it. wait is how long nothing needs to be looked at.
func (k *Keeper) round(ctx context.Context) (wait time.Duration, err error) {
	wait = lookEvery
	for _, move := range []func(context.Context) (time.Duration, error){k.moveJobs, k.moveBookings} {
		again, err := move(ctx)
		if wait = min(wait, again); err != nil {
			return wait, err
		}
	}
	return wait, nil
}

// tidy deletes segments that nothing has moved into.
func (k *Keeper) tidy(ctx context.Context, v *fsm.View) error {
	for _, o := range v.LooseSegments() {
		if err := k.Objects.Delete(ctx, o.Bucket, o.Key, node.By("system")); err != nil {
			return fmt.Errorf("archive: delete a segment that was left behind: %w", err)
		}
		k.Log.Info("a segment that nothing had moved into was deleted", "segment", o.Key)
	}
	return nil
}

// write puts a segment into the object store, and says in its row what it is.
func (k *Keeper) write(ctx context.Context, row *fsm.ArchiveSegment, file []byte) error {
	o, err := k.Objects.Put(ctx, objects.PutRequest{
		Bucket: fsm.ArchiveBucket, Key: row.Key, Body: bytes.NewReader(file), Size: int64(len(file)),
		ContentType: "application/octet-stream", By: "system",
	})
	if err != nil {
		return fmt.Errorf("archive: write a segment: %w", err)
	}
	row.Bytes, row.SHA256 = o.Size, o.SHA256
	if k.wrote != nil {
		k.wrote()
	}
	return nil
}

// takeOut has what is in a segment taken out of the state by entries that apply proposes, and logs how much that was and why some
// had to stay.
func (k *Keeper) takeOut(ctx context.Context, what string, row fsm.ArchiveSegment, sizes []int, apply func(from, to int, kept map[fsm.Bond]int) (int, error)) (moved int, err error) {
	kept := map[fsm.Bond]int{}
	err = inSteps(ctx, sizes, func(from, to int) error {
		n, err := apply(from, to, kept)
		moved += n
		return err
	})
	if err != nil {
		return moved, fmt.Errorf("archive: move %s into %s: %w", what, row.Key, err)
	}
	k.Log.Info(what+" were archived", "segment", row.Key, what, moved, "bytes", row.Bytes, "kept", kept)
	return moved, nil
}

// inSteps has entries applied for records of such sizes, one behind the other, each
// for as many as may go together.
func inSteps(ctx context.Context, sizes []int, apply func(from, to int) error) error {
	pause := time.NewTicker(stepPause)
	defer pause.Stop()
	for from := 0; from < len(sizes); {
		if from > 0 {
			select {
			case <-pause.C:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		to, size := from, 0
		for to < len(sizes) && to-from < stepJobs && (to == from || size+sizes[to] <= stepBytes) {
			size += sizes[to]
			to++
		}
		if err := apply(from, to); err != nil {
			return err
		}
		from = to
	}
	return nil
}
