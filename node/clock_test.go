package node

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestClock_FollowsTheWallByATenthAndNeverGoesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var off time.Duration
		c := &clock{wall: func() time.Time { return time.Now().Add(off) }}
		start := time.Now().UnixNano()
		c.lead(0)
		for _, step := range []struct {
			wall, pass, want time.Duration // the wall's error, what passes, the clock since start
		}{
			{0, 10 * time.Second, 10 * time.Second},                               // right
			{time.Hour, 10 * time.Second, 21 * time.Second},                       // an hour ahead: faster by a tenth
			{-time.Hour, 10 * time.Second, 30 * time.Second},                      // an hour behind: slower by a tenth
			{-time.Hour, 0, 30 * time.Second},                                     // no time, no step
			{500 * time.Millisecond, 10 * time.Second, 40_500 * time.Millisecond}, // near: all the way
		} {
			off = step.wall
			time.Sleep(step.pass)
			if got := time.Duration(c.now() - start); got != step.want {
				t.Errorf("wall off by %v, after %v: %v since the start, want %v", step.wall, step.pass, got, step.want)
			}
		}
		c.lead(start - int64(time.Hour)) // the machine's clock, far behind after an outage
		if got := c.now(); got != start-int64(time.Hour) {
			t.Errorf("an election moved the clock by %v", time.Duration(got-start)+time.Hour)
		}
	})
}

func TestSuccessor_OnlyAClockThatIsOffIsReplacedAndByABetterOne(t *testing.T) {
	const s = time.Second
	for name, c := range map[string]struct {
		others map[string]time.Duration
		better string
	}{
		"alone":                {nil, ""},
		"all agree":            {map[string]time.Duration{"b": 0, "c": s}, ""},
		"one other is off":     {map[string]time.Duration{"b": 0, "c": 8 * s}, ""},
		"we are off":           {map[string]time.Duration{"b": 60 * s, "c": 61 * s}, "b"},
		"all three differ":     {map[string]time.Duration{"b": 60 * s, "c": -90 * s}, ""},
		"two nodes, who knows": {map[string]time.Duration{"b": 60 * s}, "b"},
		"five, one other off":  {map[string]time.Duration{"b": -60 * s, "c": -61 * s, "d": -61 * s, "e": 0}, "b"},
	} {
		if _, better := successor(c.others, 5*s); better != c.better {
			t.Errorf("%s: hands over to %q, want %q", name, better, c.better)
		}
	}
}

func TestClock_ANodeWhoseClockIsOffHandsLeadershipOver(t *testing.T) {
	off := map[string]*atomic.Int64{"n1": {}, "n2": {}, "n3": {}}
	edit := func(c *Config) {
		mine := off[c.ID]
		c.Wall = func() time.Time { return time.Now().Add(time.Duration(mine.Load())) }
	}
	inCluster(t, edit, three, func(t *testing.T, c *cluster) {
		bad := c.leader()
		off[bad.cfg.ID].Store(int64(time.Minute))
		time.Sleep(5 * time.Second)
		if now := c.leader(); now == bad {
			t.Errorf("%s still leads with a clock a minute ahead", bad.cfg.ID)
		}
		c.mustGrant(bad)
	})
}
