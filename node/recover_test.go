package node

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"stoker/fsm"
)

// TestRecover_OneIsLeft: with two data folders gone, the third goes on alone, in
// another epoch, with all that it had.
func TestRecover_OneIsLeft(t *testing.T) {
	inCluster(t, small, three, func(t *testing.T, c *cluster) {
		y := newTally()
		stop := y.load(t.Context(), c.others(""), 2, 20*time.Millisecond)
		time.Sleep(2 * time.Second) // until there are a snapshot and a log behind it
		stop()
		c.agree()
		before := c.node("n1").machine.Index()
		for _, id := range three {
			c.crash(id)
		}
		dir := filepath.Join(c.dir, "n1")
		s, err := OpenSurvivor(dir)
		if err != nil {
			t.Fatal(err)
		}
		voters := slices.Sorted(slices.Values(s.Voters))
		if s.LastLog < before || !slices.Equal(voters, three) || s.Wall.IsZero() {
			t.Errorf("left is %+v; the node was at %d", s, before)
		}
		e, err := s.Recover("n1", time.Now())
		if err != nil || e.Why != fsm.FromSurvivor || e.Epoch != 2 || e.Index <= s.LastLog {
			t.Fatalf("%+v, %v", e, err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if left, err := filepath.Glob(filepath.Join(dir, "recover-*")); err != nil || len(left) > 0 {
			t.Errorf("left over: %v, %v", left, err)
		}
		if err := c.start("n1"); err != nil {
			t.Fatal(err)
		}
		if err := c.node("n1").Ready(t.Context()); err != nil {
			t.Fatal(err)
		}
		y.check(t, c.node("n1"))
		// What must not be and will be: somebody starts the lost nodes. The two are a
		// quorum of the cluster that was, and call on the third.
		for _, id := range []string{"n2", "n3"} {
			if err := c.start(id); err != nil {
				t.Logf("%s does not start: %v", id, err)
			}
		}
		time.Sleep(10 * time.Second)
		if r := c.node("n1").Status(); r.Role != "leader" || r.Epoch != 2 || r.Index < e.Index {
			t.Errorf("n1 is %s of epoch %d at %d", r.Role, r.Epoch, r.Index)
		}
		stop = y.load(t.Context(), []*Node{c.node("n1")}, 1, 20*time.Millisecond)
		time.Sleep(time.Second)
		stop()
		y.check(t, c.node("n1"))
	})
}

// TestSurvivor_refuses what is no node's folder, and changes nothing of one that
// is only looked at.
func TestSurvivor_refuses(t *testing.T) {
	if _, err := OpenSurvivor(t.TempDir()); err == nil || !strings.Contains(err.Error(), "no node's data folder") {
		t.Errorf("an empty folder: %v", err)
	}
	inCluster(t, nil, three, func(t *testing.T, c *cluster) {
		y := newTally()
		stop := y.load(t.Context(), c.others(""), 1, 20*time.Millisecond)
		time.Sleep(200 * time.Millisecond)
		stop()
		c.crash("n1")
		s, err := OpenSurvivor(filepath.Join(c.dir, "n1"))
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if err := c.start("n1"); err != nil {
			t.Fatal(err)
		}
		if err := c.node("n1").Ready(t.Context()); err != nil {
			t.Fatal(err)
		}
		y.check(t, c.node("n1"))
		c.agree()
	})
}
