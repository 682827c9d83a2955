package acceptance

import (
	"testing"

	"stoker/client"
)

// grant books one credit through a node and gives the token of the state that its answer reflects.
func (c *cluster) grant(t *testing.T, node int, u *user) (credits int64, token string) {
	t.Helper()
	got := c.send(t, node, request{
		method: "POST", path: "/admin/users/" + u.id + "/credits", token: c.operator.AdminToken,
		body: map[string]any{"amount": 1, "reason": "reads"},
	})
	var me client.Me
	got.into(t, &me)
	return me.Credits, got.header.Get("X-Stoker-Index")
}

// What was written on one node is seen on every node by the very next read.
func TestRead_SeesWhatWasJustWritten(t *testing.T) {
	c := shared(t)
	u := c.user(t)
	var last int64
	for round := range 5 {
		for writer := range c.Nodes {
			for reader := range c.Nodes {
				want, token := c.grant(t, writer, u)
				if token == "" {
					t.Fatal("the answer of a write carries no X-Stoker-Index")
				}
				get := request{method: "GET", path: "/me", token: u.token}
				if round%2 == 0 { // what is asked first is the harder one
					get.header = map[string]string{"X-Stoker-Index": token}
				}
				var me client.Me
				if c.send(t, reader, get).into(t, &me); me.Credits != want {
					t.Fatalf("written at node %d, read at %d with %v: %d credits, want %d", writer, reader, get.header, me.Credits, want)
				}
				last = want
			}
		}
	}
	if last != 10+5*9 {
		t.Errorf("%d credits at the end, want %d", last, 10+5*9)
	}
}

// A job is there for every node as soon as its creation was answered, and gone from "created" as soon as its cancel was.
func TestRead_SeesAJobEverywhere(t *testing.T) {
	c := shared(t)
	u := c.user(t)
	for round := range 6 {
		writer := round % 3
		job := u.created(t, writer, 1).JobID
		for reader := range c.Nodes {
			if j := u.job(t, reader, job); j.Status != client.Created {
				t.Errorf("created at %d, read at %d: %s", writer, reader, j.Status)
			}
		}
		if err := u.at[writer].Cancel(t.Context(), job); err != nil {
			t.Fatal(err)
		}
		for reader := range c.Nodes {
			if j := u.job(t, reader, job); j.Status != client.Canceled {
				t.Errorf("canceled at %d, read at %d: %s", writer, reader, j.Status)
			}
		}
	}
}

// A stale read answers out of the node's own state: a former balance is allowed, one that never was is not, nor one that stays.
func TestRead_StaleMayLag(t *testing.T) {
	c := shared(t)
	u := c.user(t)
	behind := 0
	seen := make([]int64, len(c.Nodes))
	stale := func(reader int) int64 {
		var me client.Me
		c.send(t, reader, request{method: "GET", path: "/me?consistency=stale", token: u.token}).into(t, &me)
		return me.Credits
	}
	for reader := range c.Nodes {
		eventually(t, "the user on every node", func() bool {
			got := c.send(t, reader, request{method: "GET", path: "/me?consistency=stale", token: u.token})
			return got.status == 200
		})
	}
	for round := range 30 {
		now, _ := c.grant(t, round%3, u)
		for reader := range c.Nodes {
			got := stale(reader)
			if got > now || got < seen[reader] {
				t.Fatalf("node %d said %d after %d, and there are %d", reader, got, seen[reader], now)
			}
			if seen[reader] = got; got < now {
				behind++
			}
		}
	}
	for reader := range c.Nodes {
		eventually(t, "a stale read of the last state", func() bool { return stale(reader) == 40 })
	}
	t.Logf("%d of 90 stale reads were behind", behind)
}

// A token that this cluster cannot honour is refused at once, not waited for.
func TestRead_RefusesForeignTokens(t *testing.T) {
	c := shared(t)
	u := c.user(t)
	_, token := c.grant(t, 0, u)
	for _, wrong := range []string{"nonsense", "ffff-1", token + "x"} {
		got := c.send(t, 1, request{method: "GET", path: "/me", token: u.token, header: map[string]string{"X-Stoker-Index": wrong}})
		if got.status != 400 || got.code != "VALIDATION_FAILED" {
			t.Errorf("token %q: %d %s, want 400 VALIDATION_FAILED", wrong, got.status, got.code)
		}
	}
}
