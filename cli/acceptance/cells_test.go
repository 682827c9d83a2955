package acceptance

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"stoker/client"
)

// operatorFile is where the cluster's operator.toml is.
func (c *cluster) operatorFile() string { return filepath.Join(c.Dir, "operator.toml") }

// moves runs `stoker user move` from this cluster to another one.
func (c *cluster) moves(t *testing.T, id string, to *cluster, more ...string) (out, said string, err error) {
	t.Helper()
	args := append([]string{"user", "move", id, "--operator", c.operatorFile(), "--to", to.operatorFile()}, more...)
	return runs(t, nil, "", args...)
}

// phone signs a device in.
func (c *cluster) phone(t *testing.T, device string) (*user, error) {
	t.Helper()
	app := c.any.App("")
	in, err := app.SignIn(t.Context(), device)
	if err != nil {
		return nil, err
	}
	u := &user{id: in.UserID, token: in.Token, any: app}
	for _, one := range c.at {
		u.at = append(u.at, one.App(in.Token))
	}
	return u, nil
}

// known is phone where it must succeed.
func (c *cluster) known(t *testing.T, device string) *user {
	t.Helper()
	u, err := c.phone(t, device)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// twoCells are two clusters of one node each.
func twoCells(t *testing.T) (east, west *cluster) {
	t.Helper()
	east, west = newCluster(t, 1, binary), newCluster(t, 1, binary)
	east.begin(t)
	west.begin(t)
	return east, west
}

// TestMove_BetweenTwoClusters: a user with a rule, a finished job, its pictures and a ledger of more than one part is moved there and
// back, by the command that an operator runs. Each time it signs in where it lives now, and has all of it.
func TestMove_BetweenTwoClusters(t *testing.T) {
	east, west := twoCells(t)
	u := east.known(t, "phone-1")
	east.plan(t, u, "pro")
	for i := range 170 {
		if err := east.any.Operator().GrantCredits(t.Context(), u.id, 1, fmt.Sprintf("order %d", i)); err != nil {
			t.Fatal(err)
		}
	}
	job := u.queued(t, 0, 2)
	grant := east.lease(t, 0, 4, job)
	east.finished(t, 0, grant, "the east")
	rows, credits := u.ledger(t, 0), u.me(t, 0).Credits

	from, to := east, west
	for range 2 {
		out, said, err := from.moves(t, u.id, to)
		if err != nil || !strings.Contains(out, fmt.Sprintf("with %d credits and all %d rows of its ledger", credits, len(rows))) {
			t.Fatalf("%v\n%s%s", err, out, said)
		}
		if again, said, err := from.moves(t, u.id, to); err != nil || again != out {
			t.Errorf("again it is no success: %v\n%s%s", err, again, said)
		}
		for _, path := range []string{"/me", "/jobs/" + job} {
			if got := from.send(t, 0, request{method: "GET", path: path, token: u.token}); got.status != 421 || got.code != "USER_MOVED" || got.header.Get("X-Stoker-Cell") == "" {
				t.Errorf("GET %s of a user that has left: %d %s", path, got.status, got.body)
			}
		}
		if _, err := from.phone(t, "phone-1"); !client.Is(err, "USER_MOVED") {
			t.Errorf("its phone signs in where it has left: %v", err)
		}
		if left, err := from.any.Operator().User(t.Context(), u.id); err != nil || left.Credits != 0 || left.Away != "left" {
			t.Errorf("where it has left: %+v, %v", left, err)
		}
		old := u.id
		if u = to.known(t, "phone-1"); u.id != old {
			t.Fatalf("its phone signs in as %s, it was %s", u.id, old)
		}
		now := u.ledger(t, 0)
		if u.me(t, 0).Credits != credits || u.me(t, 0).Plan != "pro" || len(now) != len(rows)+2 || now[len(rows)].Type != "moved-out" || now[len(rows)+1].Type != "moved-in" {
			t.Errorf("it has %d credits and %d rows, of %d and %d and two for the move", u.me(t, 0).Credits, len(now), credits, len(rows))
		}
		found := u.job(t, 0, job)
		if found.Status != client.Done || len(found.DownloadURLs) != 2 {
			t.Fatalf("its job is %+v", found)
		}
		if got := to.download(t, 0, found.DownloadURLs[0].OutputURL); string(got) != "the east" {
			t.Errorf("its picture is %q", got)
		}
		rows, from, to = now, to, from
	}
	u.created(t, 0, 1)
}

// TestMove_WhatIsRefused loses nothing, and says why.
func TestMove_WhatIsRefused(t *testing.T) {
	east, west := twoCells(t)
	refused := func(want string, id string, more ...string) {
		t.Helper()
		if _, said, err := east.moves(t, id, west, more...); err == nil || !strings.Contains(said, want) {
			t.Errorf("stoker user move %s %q: %v, %s", id, more, err, said)
		}
	}
	u := east.known(t, "phone-2")
	if _, said, err := east.moves(t, u.id, east); err == nil || !strings.Contains(said, "--to names the operator file of the cell") {
		t.Errorf("to itself: %v %s", err, said)
	}
	refused("no user", "u_nobody")
	refused("has no device", east.user(t).id)

	west.known(t, "phone-2") // it has signed in there meanwhile
	refused("it stays where it was", u.id)
	u.created(t, 0, 1)
	refused("still has 1 open jobs", u.id, "--wait", "0s")
	out, said, err := runs(t, nil, "", "user", "show", u.id, "--operator", east.operatorFile())
	if err != nil || !strings.Contains(out, "it is leaving for cell") {
		t.Errorf("%v %s%s", err, out, said)
	}
	brief, cancel := context.WithTimeout(t.Context(), 8*time.Second) // the client tries again, as it is told to, and says what it was told
	defer cancel()
	if _, err := u.any.CreateJob(brief, "interior", 1); err == nil || !strings.Contains(err.Error(), "just moved to another cell") {
		t.Errorf("a user that leaves opens a job: %v", err)
	}
	if out, said, err := east.moves(t, u.id, west, "--back"); err != nil || !strings.Contains(out, "stays in cell") {
		t.Errorf("%v %s%s", err, out, said)
	}

	v := east.known(t, "phone-3")
	if _, err := v.any.CreateJob(t.Context(), "interior", 2); err != nil {
		t.Fatal(err)
	}
	if out, said, err := east.moves(t, v.id, west, "--cancel-open"); err != nil || !strings.Contains(out, "with 10 credits") {
		t.Errorf("%v %s%s", err, out, said)
	}
	refused("lives in cell", v.id, "--back")
	if there := west.known(t, "phone-3"); there.id != v.id || there.me(t, 0).Credits != 10 {
		t.Errorf("it signs in as %s, it was %s", there.id, v.id)
	}
}

// TestMove_LeaderAndMoverKilled: people are moved out of a cluster of three whose leader is killed meanwhile, by commands that are
// killed, too. Run again until they succeed, they have moved everybody once and with everything.
func TestMove_LeaderAndMoverKilled(t *testing.T) {
	east, west := newCluster(t, 3, binary), newCluster(t, 1, binary)
	east.begin(t)
	west.begin(t)
	const people = 12
	ids := make([]string, people)
	for i := range ids {
		u := east.known(t, fmt.Sprintf("phone-%d", i))
		ids[i] = u.id
		if err := east.any.Operator().GrantCredits(t.Context(), u.id, int64(i+1), "order"); err != nil {
			t.Fatal(err)
		}
	}
	lead := east.leader(t)
	for i, id := range ids {
		if i%3 == 1 { // one that ends anywhere
			cmd := exec.CommandContext(t.Context(), binary, "user", "move", id, "--operator", east.operatorFile(), "--to", west.operatorFile())
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			eventually(t, "the move has begun", func() bool {
				u, err := east.any.Operator().User(t.Context(), id)
				return err == nil && u.Move != nil
			})
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			if err := cmd.Wait(); err == nil {
				t.Log("the move was over before it could be killed")
			}
		}
		if i == people/2 {
			done := make(chan error, 1)
			go func() {
				_, said, err := east.moves(t, id, west)
				if err != nil {
					err = fmt.Errorf("%w: %s", err, said)
				}
				done <- err
			}()
			eventually(t, "the move has begun", func() bool {
				u, err := east.any.Operator().User(t.Context(), id)
				return err == nil && u.Move != nil
			})
			east.Nodes[lead].Kill()
			if err := <-done; err != nil {
				t.Errorf("a leader was killed meanwhile: %v", err)
			}
		}
		if out, said, err := east.moves(t, id, west); err != nil {
			t.Fatalf("%v %s%s", err, out, said)
		}
	}
	for i, id := range ids {
		u := west.known(t, fmt.Sprintf("phone-%d", i))
		rows := u.ledger(t, 0)
		if u.id != id || u.me(t, 0).Credits != int64(10+i+1) || len(rows) != 4 || count(rows, "grant", "order") != 1 {
			t.Errorf("%s arrived as %s with %+v", id, u.id, rows)
		}
	}
	if err := east.Nodes[lead].Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	east.agree(t)
}
