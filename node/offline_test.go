package node

import (
	"testing"
	"time"

	"stoker/fsm"
)

// TestSignOffline_AClusterThatWasOffForTooLongComesBack: before and after its CA was replaced.
func TestSignOffline_AClusterThatWasOffForTooLongComesBack(t *testing.T) {
	for name, rotate := range map[string]bool{"the first CA": false, "a later CA": true} {
		t.Run(name, func(t *testing.T) {
			inCluster(t, keptFor(5*time.Minute), three, func(t *testing.T, c *cluster) {
				c.mustGrant(c.node("n1"))
				if rotate {
					r, err := c.node("n1").RotateCA(t.Context(), nil)
					must(err)
					c.settled(fsm.AuthorityID(r.CA))
				}
				for _, id := range three {
					c.crash(id)
				}
				time.Sleep(10 * time.Minute)
				for _, id := range three {
					conf := Config{ID: id, Dir: c.dir + "/" + id}
					if _, err := LoadTLS(filesOf(conf)); err == nil {
						t.Fatal("the certificate holds still")
					}
					o := Offline{ID: id, Dir: conf.Dir, Files: filesOf(conf), SealKeys: [][]byte{make([]byte, 32)}}
					if _, err := SignOffline(o); err != nil {
						t.Fatal(err)
					}
					o.SealKeys[0][0] = 1
					if _, err := SignOffline(o); err == nil {
						t.Error("another seal key opened the CA's")
					}
				}
				c.startAll()
				c.leader()
				c.mustCredits(c.node("n2"), startCredits+1)
			})
		})
	}
}

func TestSignOffline_ANodeWithoutStateUsesWhatItWasFoundedWith(t *testing.T) {
	c := Config{ID: "n1", Dir: t.TempDir() + "/n1"}
	keptFor(time.Hour)(&c)
	o := Offline{ID: "n1", Dir: c.Dir, Files: filesOf(c), SealKeys: [][]byte{make([]byte, 32)}}
	if _, err := SignOffline(o); err == nil {
		t.Error("signed without a CA's key")
	}
	o.SealedCA = testCA().sealed()
	if _, err := SignOffline(o); err != nil {
		t.Error(err)
	}
	if _, err := LoadTLS(o.Files); err != nil {
		t.Error(err)
	}
}
