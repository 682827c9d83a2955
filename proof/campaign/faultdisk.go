package campaign

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"stoker/cli/local"
)

func canInject(*campaign) string { return local.CannotInject() }

// endWithin is how long a node may run on whose disk fails: a write that does not return is given up after 3 s, a flush of the
// state after 9 s, and both only once there is something to write.
const endWithin = 30 * time.Second

var diskFaults = []fault{
	{"disk-error", ofDisk, "each fsync and fdatasync of the leader fails with EIO; it must end, and is started again", canInject, func(ctx context.Context, b *blow) error {
		return b.failing(ctx, "error=EIO")
	}},
	{"disk-hang", ofDisk, "no fsync and fdatasync of the leader returns; it must end, and is started again", canInject, func(ctx context.Context, b *blow) error {
		return b.failing(ctx, "delay_enter=60000000")
	}},
	{"disk-slow", ofDisk, "each fsync and fdatasync of a node takes longer", canInject, func(ctx context.Context, b *blow) error {
		place := b.someone()
		b.hits(place)
		delay := b.between(20*time.Millisecond, 400*time.Millisecond)
		b.event.Note = fmt.Sprintf("by %s", delay.Round(time.Millisecond))
		mend, err := b.at(place).node.Process().Inject(fmt.Sprintf("delay_enter=%d", delay.Microseconds()))
		if err != nil {
			return err
		}
		defer mend()
		return b.hold(ctx, 2*time.Second, 8*time.Second)
	}},
	{"file-limit", ofDisk, "a node's files may not grow (RLIMIT_FSIZE); it must end, and is started again", canLimit, func(ctx context.Context, b *blow) error {
		place := b.someone()
		b.fails(place)
		p := b.at(place).node.Process()
		if err := limitFiles(p.Pid(), 16<<10); err != nil {
			return err
		}
		return b.ends(ctx, p)
	}},
	{"disk-full", ofDisk, "the file system of a node's data (a small one) is full, and has room again", canFill, fullDisk},
	{"damaged-log", ofDisk, "the head of a dead node's log is overwritten: it must refuse to start", always, func(ctx context.Context, b *blow) error {
		return b.damage(ctx, logFile, false, overwriteHead)
	}},
	{"damaged-state", ofDisk, "the head of a dead node's state is overwritten: it must be rebuilt", always, func(ctx context.Context, b *blow) error {
		return b.damage(ctx, "state/state.bolt", true, overwriteHead)
	}},
	{"damaged-snapshot", ofDisk, "the newest snapshot of a dead node is cut in half: it must refuse to start", always, func(ctx context.Context, b *blow) error {
		return b.damage(ctx, "raft/snapshots/*/state.bin", false, halve)
	}},
}

// failing lets the leader's disk fail as strace is told, until the node has ended.
func (b *blow) failing(ctx context.Context, inject string) error {
	place, err := b.leader(ctx)
	if err != nil {
		return err
	}
	b.fails(place)
	p := b.at(place).node.Process()
	mend, err := p.Inject(inject)
	if err != nil {
		return err
	}
	if inject == "error=EIO" {
		defer mend()
		return b.ends(ctx, p)
	}
	err = b.hold(ctx, 6*time.Second, 9*time.Second) // strace keeps the thread that waits, and with it the process
	mend()
	return errors.Join(err, b.ends(ctx, p))
}

// fails notes whose disk fails: it may answer so, and must end.
func (b *blow) fails(place int) {
	b.hits(place)
	b.event.ends = true
	b.sick.Store(int64(place + 1))
}

// ends waits until a node has ended by itself.
func (b *blow) ends(ctx context.Context, p *local.Process) error {
	ended := func() bool {
		select {
		case <-p.Ended():
			return true
		default:
			return false
		}
	}
	if err := b.livesFor(ctx, endWithin, ended); err != nil {
		return err
	}
	if !ended() {
		b.verdicts.violate(ruleEnds, "%s runs on %s after its disk has failed (%s)", b.event.Node, endWithin, b.event.Kind)
	}
	return nil
}

// damage kills a node that does not lead, does something to one of its files, and starts it: it must come back with all that it
// had, or must refuse, since what it has confirmed with its vote is not known any more. One that refuses gets its file back, as if
// the disk had been mended; nothing is lost meanwhile, since the others have it.
func (b *blow) damage(ctx context.Context, name string, rebuilt bool, how func(b *blow, path string) (string, error)) error {
	place, err := b.follower(ctx)
	if err != nil {
		return err
	}
	n := b.at(place).node
	found, err := b.files(n.ID, name)
	if err != nil || len(found) == 0 {
		return fmt.Errorf("%w: %s has no %s yet", errUnfit, n.ID, name)
	}
	b.hits(place)
	b.event.ends = true
	n.Kill()
	if found, err = b.files(n.ID, name); err != nil || len(found) == 0 { // as it has left them
		return fmt.Errorf("%s has no %s any more: %w", n.ID, name, err)
	}
	path := found[len(found)-1]
	spare := path + ".spare"
	if err := copyFile(path, spare); err != nil {
		return err
	}
	defer os.Remove(spare)
	what, err := how(b, path)
	if err != nil {
		return err
	}
	if err = b.start(ctx, n); ctx.Err() != nil {
		return context.Cause(ctx)
	}
	refused := err != nil && !n.Process().Alive() // one that runs on may be voting
	b.verdicts.check(ruleEnds, (err == nil) == rebuilt && refused != rebuilt, "%s of %s: %s, and it starts: %v; it has ended: %v", b.event.Kind, n.ID, what, err == nil, refused)
	if err == nil {
		b.event.Note = what + "; it came back"
		return nil
	}
	b.event.Note = what + "; it refused to start, and came back with the file as it was"
	n.Kill()
	if err := os.Rename(spare, path); err != nil {
		return err
	}
	return b.start(ctx, n)
}

// logFile is wherever the log's newest entries are.
const logFile = "the log"

// files are those of a node's data that a pattern matches, the newest last.
func (f *fleet) files(id, pattern string) ([]string, error) {
	if pattern != logFile {
		found, err := filepath.Glob(filepath.Join(f.data(id), pattern))
		found = slices.DeleteFunc(found, func(path string) bool { return strings.Contains(path, ".tmp"+string(filepath.Separator)) }) // a snapshot that is being made
		slices.SortFunc(found, func(a, b string) int { return written(a).Compare(written(b)) })                                       // by name term 9 is behind term 10
		return found, err
	}
	segments, err := f.files(id, "raft/wal/*.wal")
	if err != nil || len(segments) > 0 {
		return segments, err
	}
	return f.files(id, "raft/raft.db")
}

// written is when a file was; that of one that is gone by now was long ago.
func written(path string) (at time.Time) {
	if s, err := os.Stat(path); err == nil {
		at = s.ModTime()
	}
	return at
}

const page = 4096

// overwriteHead fills the first pages of a file, those by which all others are found, with bytes that mean nothing.
func overwriteHead(b *blow, path string) (string, error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return "", err
	}
	defer f.Close()
	junk := make([]byte, 4*page)
	for i := range junk {
		junk[i] = byte(b.dice.Uint32())
	}
	if _, err := f.WriteAt(junk, 0); err != nil {
		return "", err
	}
	return fmt.Sprintf("%d bytes overwritten", len(junk)), f.Sync()
}

func halve(_ *blow, path string) (string, error) {
	s, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("cut to %d bytes of %d", s.Size()/2, s.Size()), os.Truncate(path, s.Size()/2)
}

func copyFile(from, to string) error {
	text, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, text, 0o600)
}
