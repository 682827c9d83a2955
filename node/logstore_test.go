package node

import (
	"reflect"
	"strings"
	"testing"

	"github.com/hashicorp/raft"
)

// What is acknowledged stands on a majority's disks: the log's file is opened so that each write is synced. That bbolt then
// does so is its business, and shown by faults on real disks.
func TestLog_IsOpenedToSync(t *testing.T) {
	logs, err := openLog(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer logs.Close()
	db := reflect.ValueOf(logs.votes).Elem().FieldByName("conn").Elem()
	if db.FieldByName("NoSync").Bool() || db.FieldByName("NoGrowSync").Bool() {
		t.Error("the log is not synced")
	}
}

// A node that has just started is given again what its state has: until it has caught up with itself, a snapshot would bear an
// index below what is in it.
func TestAdapter_NoSnapshotBelowTheState(t *testing.T) {
	inCluster(t, nil, three[:1], func(t *testing.T, c *cluster) {
		n := c.leader()
		c.mustGrant(n)
		a := &adapter{machine: n.machine, applied: n.applied, seats: func(raft.Configuration, uint64) {}, metrics: n.metrics, breath: func() func(int) error { return nil }}
		if _, err := a.Snapshot(); err == nil || !strings.Contains(err.Error(), "still being read") {
			t.Errorf("a snapshot at %d of a state at %d: %v", a.seen, n.machine.Index(), err)
		}
		a.ApplyBatch([]*raft.Log{{Index: n.machine.Index(), Term: 1, Type: raft.LogNoop}})
		s, err := a.Snapshot()
		if err != nil {
			t.Fatal(err)
		}
		s.Release()
	})
}
