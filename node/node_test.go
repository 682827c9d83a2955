package node

import (
	"testing"
	"time"
)

func TestSingle_ServesAtOnceAndKeepsWhatItAcknowledged(t *testing.T) {
	began := time.Time{}
	inCluster(t, func(c *Config) { began = time.Now() }, []string{"n1"}, func(t *testing.T, c *cluster) {
		if took := time.Since(began); took > 300*time.Millisecond {
			t.Errorf("from start to the first write: %v", took)
		}
		for range 20 {
			c.mustGrant(c.node("n1"))
		}
		c.mustCredits(c.node("n1"), 30)
		c.crash("n1")
		c.startAll()
		c.mustCredits(c.node("n1"), 30)
	})
}

func TestThree_EveryNodeWritesAndReadsItsWrites(t *testing.T) {
	inCluster(t, nil, three, func(t *testing.T, c *cluster) {
		want := int64(10)
		for range 5 {
			for _, w := range c.others("") {
				c.mustGrant(w)
				want++
				for _, r := range c.others("") {
					c.mustCredits(r, want)
				}
			}
		}
		c.agree()
	})
}
