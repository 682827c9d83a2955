package node

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/raft"
)

// small makes snapshots and truncation happen within a test.
func small(c *Config) {
	c.Timing.SnapshotEvery = 200 * time.Millisecond
	c.Timing.SnapshotThreshold = 20
	c.Timing.TrailingLogs = 5
}

func TestDisk_AFollowerFarBehindGetsASnapshotUnderLoad(t *testing.T) {
	inCluster(t, small, three, func(t *testing.T, c *cluster) {
		y := newTally()
		late := c.others(c.leader().cfg.ID)[0].cfg.ID
		c.crash(late)
		stop := y.load(t.Context(), c.others(""), 4, 20*time.Millisecond)
		time.Sleep(3 * time.Second)
		first, err := c.leader().db.FirstIndex()
		if err != nil || first < 50 {
			t.Fatalf("the log begins at %d (%v); nothing was truncated", first, err)
		}
		before := c.others("")[0].machine.Index()
		c.startAll()
		ctx := t.Context()
		if err := c.node(late).Ready(ctx); err != nil {
			t.Fatal(err)
		}
		if at := c.node(late).machine.Index(); at < before {
			t.Errorf("ready at %d, the others were at %d", at, before)
		}
		time.Sleep(time.Second)
		stop()
		y.check(t, c.node(late))
		c.agree()
	})
}

func TestDisk_RestartOfAllKeepsEverything(t *testing.T) {
	inCluster(t, small, three, func(t *testing.T, c *cluster) {
		y := newTally()
		for range 3 {
			stop := y.load(t.Context(), c.others(""), 2, 20*time.Millisecond)
			time.Sleep(500 * time.Millisecond)
			for _, id := range three {
				go c.crash(id)
			}
			synctest.Wait()
			stop()
			for len(c.others("")) > 0 {
				time.Sleep(time.Millisecond)
			}
			c.startAll()
			y.check(t, c.node("n2"))
		}
		if y.count() < 100 {
			t.Errorf("only %d writes", y.count())
		}
		c.agree()
	})
}

func TestDisk_AWipedNodeHasNoVote(t *testing.T) {
	inCluster(t, nil, three, func(t *testing.T, c *cluster) {
		c.crash("n3")
		if err := os.RemoveAll(filepath.Join(c.dir, "n3")); err != nil {
			t.Fatal(err)
		}
		err := c.start("n3")
		if err == nil || !strings.Contains(err.Error(), "has no vote") || !strings.Contains(err.Error(), "under a new id") {
			t.Fatalf("a wiped node starts: %v", err)
		}
		c.mustGrant(c.node("n1"))
	})
}

func TestDisk_ANewNodeWaitsForAllAndCanBeKilledWhileItWaits(t *testing.T) {
	testCA()
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, nil, three...)
		defer c.stopAll()
		done := make(chan error, 2)
		for _, id := range three[:2] {
			go func() { done <- c.start(id) }()
		}
		time.Sleep(20 * time.Second)
		synctest.Wait()
		if len(c.others("")) != 0 {
			t.Fatal("two of three have begun without the third")
		}
		if err := c.start("n3"); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := <-done; err != nil {
				t.Fatal(err)
			}
		}
		c.begun()
	})
}

func TestDisk_ATornStateIsRebuilt(t *testing.T) {
	for name, edit := range map[string]func(*Config){"from the log": nil, "from a snapshot": small} {
		t.Run(name, func(t *testing.T) {
			inCluster(t, edit, []string{"n1"}, func(t *testing.T, c *cluster) {
				for range 60 {
					c.mustGrant(c.node("n1"))
				}
				time.Sleep(2 * time.Second)
				at, sum := c.node("n1").machine.Hash()
				c.crash("n1")
				dir := filepath.Join(c.dir, "n1", stateDir)
				files, err := os.ReadDir(dir)
				if err != nil || len(files) == 0 {
					t.Fatal(files, err)
				}
				for _, f := range files {
					if err := os.Truncate(filepath.Join(dir, f.Name()), 20000); err != nil {
						t.Fatal(err)
					}
				}
				c.startAll()
				c.mustCredits(c.node("n1"), 70)
				if a, s := c.node("n1").machine.Hash(); a == at && s != sum {
					t.Error("the rebuilt state differs")
				}
			})
		})
	}
}

func TestDisk_AnOldStateIsBroughtUpToTheSnapshot(t *testing.T) {
	inCluster(t, small, []string{"n1"}, func(t *testing.T, c *cluster) {
		dir := filepath.Join(c.dir, "n1", stateDir)
		c.crash("n1")
		if err := os.CopyFS(dir+".old", os.DirFS(dir)); err != nil {
			t.Fatal(err)
		}
		c.startAll()
		for range 100 {
			c.mustGrant(c.node("n1"))
		}
		time.Sleep(2 * time.Second)
		c.crash("n1")
		if err := errors.Join(os.RemoveAll(dir), os.Rename(dir+".old", dir)); err != nil {
			t.Fatal(err)
		}
		c.startAll()
		c.mustCredits(c.node("n1"), 110)
	})
}

func TestDisk_AStateAboveItsLogIsRefused(t *testing.T) {
	inCluster(t, nil, []string{"n1"}, func(t *testing.T, c *cluster) {
		c.mustGrant(c.node("n1"))
		c.crash("n1")
		if err := os.RemoveAll(filepath.Join(c.dir, "n1", raftDir)); err != nil {
			t.Fatal(err)
		}
		if err := c.start("n1"); err == nil || !strings.Contains(err.Error(), "above the last entry") {
			t.Fatalf("a state without its log: %v", err)
		}
	})
}

// brokenLog is a disk that hangs or fails.
type brokenLog struct {
	raft.LogStore
	do func() error // in a bubble
}

func (b brokenLog) StoreLogs([]*raft.Log) error { return b.do() }

// brokenVotes is the same for term and vote.
type brokenVotes struct {
	raft.StableStore
	brokenLog
}

func (b brokenVotes) SetUint64([]byte, uint64) error { return b.StoreLogs(nil) }

func TestDisk_AHangingOrFailingDiskEndsTheProcess(t *testing.T) {
	for _, what := range []string{"log", "term"} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				write := func(b brokenLog) (ended *error, write func() error) {
					ended = new(error)
					watch := diskWatch{limit: 3 * time.Second, exit: func(err error) { *ended = err }, log: newCluster(t, nil).log}
					if what == "log" {
						return ended, func() error { return (&watchedLog{b, watch, newMetrics(nil).fsync}).StoreLogs(nil) }
					}
					return ended, func() error { return watchedVotes{brokenVotes{nil, b}, watch}.SetUint64(nil, 1) }
				}
				takes := func(d time.Duration) brokenLog {
					return brokenLog{do: func() error {
						time.Sleep(d)
						return nil
					}}
				}
				for _, broken := range []brokenLog{takes(4 * time.Second), {do: func() error { return errors.New("no space left on device") }}} {
					ended, do := write(broken)
					go do()
					time.Sleep(3*time.Second + time.Millisecond)
					synctest.Wait()
					if *ended == nil || !strings.Contains((*ended).Error(), what) {
						t.Errorf("the process ends with %v", *ended)
					}
					time.Sleep(2 * time.Second)
				}
				ended, do := write(takes(2 * time.Second))
				if err := do(); err != nil || *ended != nil {
					t.Errorf("a slow write: %v, %v", err, *ended)
				}
			})
		})
	}
}

// A paused process finds its timer due at once, however long it slept; that is
// one step of many.
func TestWatchdog_CountsOnlyTimeLivedThrough(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		barked := false
		w := watchFor(3*time.Second, func() { barked = true })
		for range watchSteps - 1 {
			if w.step(time.Hour) { // the pause's step
				t.Fatal("it barks too early")
			}
		}
		w.stop()
		time.Sleep(time.Minute)
		if barked || w.step(time.Hour) {
			t.Error("it barks although it was stopped")
		}
	})
}
