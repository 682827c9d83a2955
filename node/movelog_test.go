package node

import (
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/hashicorp/raft"
)

// filled makes a folder with a log of some entries, from 5 on, in raft.db, and a term.
func filled(t *testing.T) (dir string, want []*raft.Log) {
	t.Helper()
	dir = t.TempDir()
	d, err := openLog(dir)
	if err != nil {
		t.Fatal(err)
	}
	for i := range uint64(40) {
		want = append(want, &raft.Log{Index: 5 + i, Term: 1 + i/10, Type: raft.LogCommand, Data: make([]byte, 1000*i)})
	}
	fill(t, d, want)
	if err := d.SetUint64([]byte(keyTerm), 7); err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	return dir, want
}

func fill(t *testing.T, l raft.LogStore, entries []*raft.Log) {
	t.Helper()
	for _, e := range entries {
		if err := l.StoreLog(e); err != nil {
			t.Fatal(err)
		}
	}
}

// mustHold compares a log, all of it, and says where it is.
func mustHold(t *testing.T, dir string, want []*raft.Log) LogStore {
	t.Helper()
	d, err := openLog(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	first, err := d.FirstIndex()
	last, err2 := d.LastIndex()
	if err != nil || err2 != nil || first != want[0].Index || last != want[len(want)-1].Index {
		t.Fatalf("entries %d to %d, %v, %v", first, last, err, err2)
	}
	for _, w := range want {
		var got raft.Log
		if err := d.GetLog(w.Index, &got); err != nil || got.Term != w.Term || got.Type != w.Type || !slices.Equal(got.Data, w.Data) {
			t.Fatalf("entry %d: %v, %d bytes", w.Index, err, len(got.Data))
		}
	}
	if term, err := number(d, keyTerm); err != nil || term != 7 {
		t.Fatalf("term %d, %v", term, err)
	}
	if d.IsMonotonic() {
		return LogWAL
	}
	return LogBolt
}

// TestKeepLog_CrashAtAnyMoment: after each step, in either direction, the log is whole, and the next start brings it to where it shall
// be, or back.
func TestKeepLog_CrashAtAnyMoment(t *testing.T) {
	for _, to := range []LogStore{LogWAL, LogBolt} {
		steps := toSegments
		if to == LogBolt {
			steps = toBolt
		}
		for done := range len(steps) + 1 {
			for _, then := range []LogStore{to, LogWAL, LogBolt} {
				dir, want := filled(t)
				if to == LogBolt {
					if err := keepLog(dir, LogWAL); err != nil {
						t.Fatal(err)
					}
				}
				for _, step := range steps[:done] {
					if err := step(dir); err != nil {
						t.Fatal(err)
					}
				}
				mustHold(t, dir, want)
				for range 2 {
					if err := keepLog(dir, then); err != nil {
						t.Fatal(err)
					}
					if in := mustHold(t, dir, want); in != then {
						t.Errorf("to %s, after %d steps, then to %s: the log is in %s", to, done, then, in)
					}
				}
				if left, _ := filepath.Glob(filepath.Join(dir, walDir+".*")); len(left) > 0 && then == to {
					t.Errorf("left behind: %v", left)
				}
			}
		}
	}
}

// TestKeepLog_HalfACopy: what a crash left of a copy is not taken for the log.
func TestKeepLog_HalfACopy(t *testing.T) {
	dir, want := filled(t)
	half := filepath.Join(dir, walNew)
	if err := os.Mkdir(half, 0o700); err != nil {
		t.Fatal(err)
	}
	w, err := openSegments(half)
	if err != nil {
		t.Fatal(err)
	}
	fill(t, w, want[:7])
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if in := mustHold(t, dir, want); in != LogBolt {
		t.Errorf("in %s", in)
	}
	if err := keepLog(dir, LogWAL); err != nil {
		t.Fatal(err)
	}
	mustHold(t, dir, want)

	// and the other way round: half of it is back in raft.db
	if err := dropFromVotes(dir); err != nil {
		t.Fatal(err)
	}
	votes, err := openVotes(dir)
	if err != nil {
		t.Fatal(err)
	}
	fill(t, votes, want[:7])
	if err := votes.Close(); err != nil {
		t.Fatal(err)
	}
	if in := mustHold(t, dir, want); in != LogWAL {
		t.Errorf("in %s", in)
	}
	if err := keepLog(dir, LogBolt); err != nil {
		t.Fatal(err)
	}
	mustHold(t, dir, want)
}

// TestKeepLog_ACluster: nodes whose logs are in segments do what the others do: crash, come back, fall far behind, and are moved there
// and back by a restart, each by itself.
func TestKeepLog_ACluster(t *testing.T) {
	in := map[string]LogStore{"n1": LogWAL, "n2": LogBolt, "n3": LogWAL}
	inCluster(t, func(c *Config) {
		small(c)
		c.LogStore = in[c.ID]
	}, three, func(t *testing.T, c *cluster) {
		n := int64(10)
		more := func() {
			t.Helper()
			for range 60 {
				c.mustGrant(c.leader())
				n++
			}
		}
		more()
		for _, id := range three {
			c.crash(id)
			more() // beyond what logs keep: it is sent a snapshot
			if in[id] == LogWAL {
				in[id] = LogBolt
			} else {
				in[id] = LogWAL
			}
			c.startAll()
			more()
			c.agree()
		}
		for _, id := range three {
			c.crash(id)
		}
		c.startAll()
		c.leader()
		for _, id := range three {
			c.mustCredits(c.node(id), n)
			if got := c.node(id).db.IsMonotonic(); got != (in[id] == LogWAL) {
				t.Errorf("%s: in segments: %v", id, got)
			}
		}
	})
}

// A follower that is sent a snapshot keeps what it has in raft.db, and goes on behind the snapshot. A log in segments may have no gap.
func TestKeepLog_AfterASnapshotWasSent(t *testing.T) {
	for name, c := range map[string]struct {
		entries     [][2]uint64 // from, to
		snapshot    uint64
		first, last uint64
	}{
		"with entries behind it":         {[][2]uint64{{5, 10}, {21, 30}}, 20, 21, 30},
		"twice":                          {[][2]uint64{{5, 10}, {21, 30}, {41, 41}}, 40, 41, 41},
		"with nothing behind it":         {[][2]uint64{{5, 10}}, 20, 0, 0},
		"with nothing behind the second": {[][2]uint64{{5, 10}, {21, 30}}, 40, 0, 0},
		"its own":                        {[][2]uint64{{5, 30}}, 20, 5, 30},
		"its own, of the last entry":     {[][2]uint64{{5, 30}}, 30, 5, 30},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			votes, err := openVotes(dir)
			if err != nil {
				t.Fatal(err)
			}
			for _, span := range c.entries {
				for i := span[0]; i <= span[1]; i++ {
					if err := votes.StoreLog(entry(i, 100)); err != nil {
						t.Fatal(err)
					}
				}
			}
			if err := votes.Close(); err != nil {
				t.Fatal(err)
			}
			snaps, err := raft.NewFileSnapshotStoreWithLogger(dir, 2, newRaftLog(slog.New(slog.DiscardHandler)))
			if err != nil {
				t.Fatal(err)
			}
			sink, err := snaps.Create(raft.SnapshotVersionMax, c.snapshot, 1, raft.Configuration{}, 1, nil)
			if err != nil {
				t.Fatal(err)
			}
			if err := sink.Close(); err != nil {
				t.Fatal(err)
			}
			if err := keepLog(dir, LogWAL); err != nil {
				t.Fatal(err)
			}
			d, err := openLog(dir)
			if err != nil {
				t.Fatal(err)
			}
			defer d.Close()
			first, err1 := d.FirstIndex()
			last, err2 := d.LastIndex()
			if err1 != nil || err2 != nil || first != c.first || last != c.last {
				t.Errorf("entries %d to %d, %v, %v; want %d to %d", first, last, err1, err2, c.first, c.last)
			}
			next := max(c.last, c.snapshot) + 1 // as Raft goes on
			if err := d.StoreLog(entry(next, 100)); err != nil {
				t.Errorf("append of %d: %v", next, err)
			}
		})
	}
}
