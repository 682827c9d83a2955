//go:build slow

package acceptance

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"stoker/client"
)

// sabotaged is this version built with the tag sabotage: a node of it does wrong when it finds an order in its folder.
func sabotaged(t *testing.T) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "stoker")
	if text, err := exec.Command("go", "build", "-tags", "sabotage", "-o", out, "stoker").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, text)
	}
	return out
}

// verified is what `stoker verify --json` says, and whether it finds all sound.
func (f *fleet) verified(t *testing.T) (v client.Verification, sound bool) {
	t.Helper()
	out, err := f.stoker(t, "", "verify", "--json")
	if err := json.Unmarshal([]byte(out), &v); err != nil {
		t.Fatalf("%v in %q", err, out)
	}
	return v, err == nil
}

// TestSlowVerify_ADivergentNodeIsFound has a node write a row that the others do not (the leader, then in another cluster a
// follower), and one whose rows change under its digest. Each is found within a minute, ends and stays down; no job is opened
// until an operator says so; the entry is named.
func TestSlowVerify_ADivergentNodeIsFound(t *testing.T) {
	t.Parallel()
	binary := sabotaged(t)
	for _, c := range []struct {
		name, order string
		leads       bool
	}{
		{"the leader writes a wrong row", "row", true},
		{"a follower writes a wrong row", "row", false},
		{"a follower's rows change at rest", "rest", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f := fleetOf(t, binary)
			f.begin(t)
			u := f.user(t)
			victim := f.leader(t)
			if !c.leads {
				victim = (victim + 1) % 3
			}
			id := f.Nodes[victim].ID
			if _, sound := f.verified(t); !sound {
				t.Fatal("something is wrong before anything was done")
			}
			before := f.status(t, victim).HashAt
			if err := os.WriteFile(filepath.Join(f.folder(victim), "sabotage"), []byte(c.order), 0o600); err != nil {
				t.Fatal(err)
			}
			for range 5 {
				f.grant(t, (victim+1)%3, u)
			}
			process := f.Nodes[victim].Process()
			select {
			case <-process.Ended():
			case <-time.After(2 * time.Minute): // one, on a machine that has time
				t.Fatal("a node that is wrong is up")
			}
			if err := process.Failure(); err == nil || !strings.Contains(err.Error(), "quarantine") {
				t.Errorf("it ended so: %v", err)
			}

			other := (victim + 1) % 3
			var refused *client.Error
			eventually(t, "jobs are refused", func() bool {
				_, err := u.at[other].CreateJob(t.Context(), "interior", 1)
				return errors.As(err, &refused) && refused.Code == "DIVERGED"
			})
			v, sound := f.verified(t)
			if sound || len(v.Alarms) != 1 || !slices.Equal(v.Alarms[0].Nodes, []string{id}) {
				t.Fatalf("verified: sound %v, alarms %+v", sound, v.Alarms)
			}
			if at := v.Alarms[0].Index; c.order == "row" && (at <= before || at > before+20 || len(v.Entries) == 0) {
				t.Errorf("it began at %d, is said to have begun at %d; told %+v", before, at, v.Entries)
			}
			if err := f.Nodes[victim].Restart(t.Context()); err == nil || !strings.Contains(err.Error(), "quarantine") {
				t.Errorf("a node in quarantine came back: %v", err)
			}
			f.told(t, "", "verify", "--clear")
			if _, err := u.at[other].CreateJob(t.Context(), "interior", 1); err != nil {
				t.Errorf("the alarm is cleared: %v", err)
			}
			f.Nodes[victim].Kill() // it has ended by itself, as it was to
		})
	}
}
