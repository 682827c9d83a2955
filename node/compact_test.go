package node

import (
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"stoker/store"
)

// A node writes its state's file anew beside its work: another file has the name, with the same state in it, also after a restart.
func TestCompact_BesideTheWork(t *testing.T) {
	inCluster(t, func(c *Config) { c.Timing.Compact = 5 * time.Second }, three[:1], func(t *testing.T, c *cluster) {
		n := c.leader()
		path := filepath.Join(n.cfg.Dir, "state", "state.bolt")
		before, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		var looks atomic.Int64
		n.wg.Go(func() { n.compact(n.ctx, func(store.Stats, int64) bool { looks.Add(1); return true }) })
		last := c.mustGrant(n).Answer
		c.eventually("three looks", func() bool {
			last = c.mustGrant(n).Answer
			return looks.Load() > 3
		})
		after, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if os.SameFile(before, after) {
			t.Errorf("after %d looks it is the same file", looks.Load())
		}
		c.crash(n.cfg.ID)
		if err := c.start(n.cfg.ID); err != nil {
			t.Fatal(err)
		}
		c.mustCredits(c.leader(), last.Credits)
	})
}

func TestCompact_WhenItIsWorthIt(t *testing.T) {
	const mb = 1 << 20
	for name, c := range map[string]struct {
		file, gaps, spare int64
		want              bool
	}{
		"half of it is gaps":         {1000 * mb, 500 * mb, 10_000 * mb, true},
		"less than half":             {1000 * mb, 499 * mb, 10_000 * mb, false},
		"all of a small file":        {33 * mb, 31 * mb, 10_000 * mb, false},
		"no room for a second copy":  {1000 * mb, 600 * mb, 655 * mb, false},
		"just room for it":           {1000 * mb, 600 * mb, 656 * mb, true},
		"the disk does not say":      {1000 * mb, 600 * mb, -256 * mb, false},
		"nothing was written so far": {16 * mb, 0, 10_000 * mb, false},
	} {
		if got := worthCompacting(store.Stats{FileBytes: c.file, FreeBytes: c.gaps}, c.spare); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
