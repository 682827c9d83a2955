package bench

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"stoker/bench/drive"
	"stoker/cli/local"
)

// GrowthCopies is what jobs created at a steady rate took while the state was being copied, round by round.
type GrowthCopies struct {
	None     []CopyTimes `json:"none"`     // while it was not
	Snapshot []CopyTimes `json:"snapshot"` // while a node took a snapshot, as it does each 8192 entries
	Backup   []CopyTimes `json:"backup"`   // while `stoker backup` made a backup, on the same machine
	// p99 of a round by that of the round's quiet time.
	SnapshotP99 Spread `json:"snapshot_p99"`
	BackupP99   Spread `json:"backup_p99"`
}

// CopyTimes is a part of a round: so many seconds, and what was created in it.
type CopyTimes struct {
	Seconds float64 `json:"seconds"`
	drive.Row
}

// snapshotPatience is how long to wait for a node to take a snapshot: it looks every 30 to 60 s whether there are entries enough, and a
// large state whose pages are not in memory takes minutes.
const snapshotPatience = 15 * time.Minute

// copies drives and waits for each of the copies in turn.
func (c *Growth) copies(ctx context.Context, r *rig) (*GrowthCopies, error) {
	g := &GrowthCopies{}
	var snapshot, backup []float64
	for i := range c.Rounds {
		fmt.Fprintf(os.Stderr, "growth: jobs are created, and copies of the state made, round %d of %d\n", i+1, c.Rounds)
		if err := c.copiesOnce(ctx, r, g); err != nil {
			return nil, err
		}
		snapshot = append(snapshot, g.Snapshot[i].P99/g.None[i].P99)
		backup = append(backup, g.Backup[i].P99/g.None[i].P99)
	}
	g.SnapshotP99, g.BackupP99 = spread(snapshot), spread(backup)
	return g, nil
}

func (c *Growth) copiesOnce(ctx context.Context, r *rig, g *GrowthCopies) error {
	// Now, and not when the next one begins: a disk that frees a GB holds up its syncs for a tenth of a second.
	if err := os.Remove(r.file(backupFile)); err != nil && !errors.Is(err, fs.ErrNotExist) { // of the round before
		return err
	}
	do, _, err := createScenario{}.prepare(ctx, r, c.Clients)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	enough := make(chan struct{})
	var driven sync.WaitGroup
	var run *drive.Run
	driven.Go(func() {
		if run, err = drive.Open(ctx, c.Clients, c.Rate, drive.Span{Warm: r.Warm, For: c.Limit, Enough: enough}, do); err != nil {
			cancel(err)
		}
	})
	snapshots, backups, cause := copyState(ctx, r, c.For)
	close(enough)
	driven.Wait()
	if err := errors.Join(err, cause); err != nil {
		return err
	}
	g.None = append(g.None, copyTimes(run, run.Ended.Sub(run.Began)-snapshots.length()-backups.length(),
		func(from, to time.Time) bool { return !snapshots.meet(from, to) && !backups.meet(from, to) }))
	g.Snapshot = append(g.Snapshot, copyTimes(run, snapshots.length(), func(from, to time.Time) bool { return snapshots.meet(from, to) && !backups.meet(from, to) }))
	g.Backup = append(g.Backup, copyTimes(run, backups.length(), func(from, to time.Time) bool { return backups.meet(from, to) && !snapshots.meet(from, to) }))
	return nil
}

func copyTimes(run *drive.Run, long time.Duration, keep func(from, to time.Time) bool) CopyTimes {
	return CopyTimes{long.Seconds(), run.Only(keep).Row()}
}

// copyState waits until a node has taken a snapshot, makes a backup, and leaves the cluster alone for as long as quiet.
func copyState(ctx context.Context, r *rig, quiet time.Duration) (snapshots, backups stretches, err error) {
	watching, stop := context.WithCancel(ctx)
	taken := make(chan stretch, 1)
	var watch sync.WaitGroup
	watch.Go(func() {
		r.bed.watchSnapshots(watching, func(s stretch) {
			snapshots = append(snapshots, s)
			select {
			case taken <- s:
			default:
			}
		})
	})
	defer watch.Wait()
	defer stop()
	select {
	case <-taken:
	case <-time.After(snapshotPatience):
		return nil, nil, fmt.Errorf("no node took a snapshot within %s: give a higher --rate", snapshotPatience)
	case <-ctx.Done():
		return nil, nil, context.Cause(ctx)
	}
	if err := pause(ctx, quiet); err != nil {
		return nil, nil, err
	}
	began := time.Now()
	if err := r.backup(ctx); err != nil {
		return nil, nil, err
	}
	backups = stretches{{began, time.Now()}}
	if err := pause(ctx, quiet); err != nil {
		return nil, nil, err
	}
	stop()
	watch.Wait() // it writes down snapshots
	return snapshots, backups, nil
}

// backupFile is the backup's name in the rig's folder.
const backupFile = "backup.tar"

// backup has the program make a backup into the rig's folder, without pictures.
func (r *rig) backup(ctx context.Context) error {
	p, err := local.Launch(local.Command{
		Name: "stoker backup", Path: r.Binary, Log: r.file("backup.log"),
		Args: []string{"backup", "--operator", r.file("operator.toml"), "--out", r.file(backupFile), "--blobs", "reference"},
	})
	if err != nil {
		return err
	}
	return p.Wait(ctx)
}

// watchSnapshots tells of each snapshot that a node takes, when it is whole, until ctx ends.
func (t *testbed) watchSnapshots(ctx context.Context, tell func(stretch)) {
	var began time.Time
	for pause(ctx, 10*time.Millisecond) == nil {
		unfinished, _ := filepath.Glob(filepath.Join(t.dir, "*", "data", "raft", "snapshots", "*.tmp")) // the pattern is right
		switch {
		case len(unfinished) > 0 && began.IsZero():
			began = time.Now()
		case len(unfinished) == 0 && !began.IsZero():
			tell(stretch{began, time.Now()})
			began = time.Time{}
		}
	}
	if !began.IsZero() {
		tell(stretch{began, time.Now()})
	}
}

// stretch is a time from and to.
type stretch struct{ from, to time.Time }

type stretches []stretch

func (s stretches) length() (d time.Duration) {
	for _, one := range s {
		d += one.to.Sub(one.from)
	}
	return d
}

// meet says whether one of them has a moment in common with what began and ended then.
func (s stretches) meet(from, to time.Time) bool {
	for _, one := range s {
		if from.Before(one.to) && one.from.Before(to) {
			return true
		}
	}
	return false
}

func (g *GrowthCopies) print(out io.Writer, head string) {
	t := newTable(out, head+fmt.Sprintf("; the middling of %d rounds", len(g.None)), "meanwhile", "s", "jobs", "p50 ms", "p99", "max", "p99 by that of none")
	for _, one := range []struct {
		name  string
		times []CopyTimes
		by    string
	}{{"none", g.None, ""}, {"snapshot", g.Snapshot, g.SnapshotP99.String()}, {"backup", g.Backup, g.BackupP99.String()}} {
		m := middling(one.times)
		t.AppendRow([]any{one.name, fmt.Sprintf("%.1f", m.Seconds), m.Ops, two(m.P50), two(m.P99), two(m.Max), one.by})
	}
	t.Render()
}

// middling is the part with the middling p99.
func middling(of []CopyTimes) CopyTimes {
	of = slices.Clone(of)
	slices.SortFunc(of, func(a, b CopyTimes) int { return cmp.Compare(a.P99, b.P99) })
	return of[(len(of)-1)/2]
}
