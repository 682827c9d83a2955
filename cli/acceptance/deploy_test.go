package acceptance

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"stoker/client"
)

// elsewhere is a node that does not lead.
func (c *cluster) elsewhere(t *testing.T) int { return (c.leader(t) + 1) % len(c.Nodes) }

// via runs the binary against one node only.
func (c *cluster) via(t *testing.T, node int, args ...string) (string, error) {
	t.Helper()
	return c.stoker(t, "", append(args, "--endpoint", "http://"+c.Nodes[node].HTTP)...)
}

// replaced changes one thing in a file.
func replaced(t *testing.T, path, old, with string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), old) {
		t.Fatalf("no %q in %s:\n%s", old, path, text)
	}
	if err := os.WriteFile(path, []byte(strings.ReplaceAll(string(text), old, with)), 0o600); err != nil {
		t.Fatal(err)
	}
}

// A deploy through a follower holds on all nodes at once and for what comes; what runs keeps its price; a rollback takes it back.
func TestDeploy_ThroughAFollower(t *testing.T) {
	c := newCluster(t, 3, binary)
	c.begin(t)
	u := c.user(t)
	at := c.elsewhere(t)
	file := filepath.Join(t.TempDir(), "stoker.app.toml")

	told := func(want string, args ...string) {
		t.Helper()
		out, err := c.via(t, at, args...)
		if err != nil || !strings.Contains(out, want) {
			t.Errorf("stoker %s: %v\n%s\nwant %q", strings.Join(args, " "), err, out, want)
		}
	}
	told("is version 1", "config", "pull", file)
	told("Nothing to deploy: version 1 is this.", "deploy", file)

	before := u.queued(t, 0, 2) // at 1 credit a picture
	replaced(t, file, "price = 1 ", "price = 3 ")
	told("+price = 3", "deploy", file, "--dry-run")
	told("Nothing to deploy: version 1 is this.", "deploy", pulledAgain(t, c, at))
	told("Version 2 is in force on all nodes.", "deploy", file, "--message", "dearer", "--base", "1")
	for node := range c.Nodes {
		v, err := c.at[node].Operator().Settings(t.Context())
		if err != nil || v.Version != 2 || v.Message != "dearer" || v.Settings.Presets["interior"].Price != 3 {
			t.Errorf("node %d: %+v, %v", node, v.SettingsLine, err)
		}
	}

	// Somebody who looked at version 1 is refused.
	replaced(t, file, "price = 3 ", "price = 4 ")
	if complaint := c.fails(t, "deploy", file, "--base", "1", "--endpoint", c.Nodes[at].HTTP, "--operator", filepath.Join(c.Dir, "operator.toml")); !strings.Contains(complaint, "version 2 is in force") {
		t.Errorf("a deploy over an older version: %s", complaint)
	}

	// One job was made before, one after: each is debited and refunded at its own price.
	c.finished(t, at, c.lease(t, at, 1, before), "one of two")
	if err := u.any.Cancel(t.Context(), before); err != nil {
		t.Fatal(err)
	}
	u.credits(t, 10-1)
	after := u.created(t, at, 2).JobID
	u.credits(t, 9-6)
	if err := u.any.Cancel(t.Context(), after); err != nil {
		t.Fatal(err)
	}
	u.credits(t, 9)

	told("-price = 1", "versions", "show", "2", "--diff")
	told("Version 3 is in force on all nodes.", "rollback", "--message", "too dear")
	told("back to 1: too dear", "versions")
	u.created(t, at, 2)
	u.credits(t, 7)

	// What the machine refuses is told with the line it stands on; what it keeps is there after all nodes were killed.
	replaced(t, file, "weight = 4 ", "weight = 0 ")
	if complaint := c.fails(t, "deploy", file, "--operator", filepath.Join(c.Dir, "operator.toml")); !strings.Contains(complaint, "stoker.app.toml:") || !strings.Contains(complaint, "plans.pro.weight: must be between 1 and 1000") {
		t.Errorf("a weight of nothing: %s", complaint)
	}
	c.Kill()
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	v, err := c.any.Operator().Settings(t.Context())
	if err != nil || v.Version != 3 || v.RollbackOf == nil || *v.RollbackOf != 1 {
		t.Errorf("after a restart: %+v, %v", v.SettingsLine, err)
	}
}

// pulledAgain pulls into a new file.
func pulledAgain(t *testing.T, c *cluster, node int) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "again.toml")
	if _, err := c.via(t, node, "config", "pull", path); err != nil {
		t.FailNow()
	}
	return path
}

// Browser apps are let in on every node as soon as the deploy is answered, without a restart.
func TestDeploy_OriginsHoldOnEveryNode(t *testing.T) {
	c := newCluster(t, 3, binary)
	c.begin(t)
	v, err := c.any.Operator().Settings(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s := v.Settings
	s.CORS = &client.CORSSettings{Origins: []string{"https://app.example.org"}}
	if _, err := c.at[c.elsewhere(t)].Operator().Deploy(t.Context(), s, client.Deployment{}); err != nil {
		t.Fatal(err)
	}
	for node := range c.Nodes {
		eventually(t, "the origin is let in", func() bool { // a follower applies what is committed a moment later
			got := c.send(t, node, request{method: "GET", path: "/health", header: map[string]string{"Origin": "https://app.example.org"}})
			return got.header.Get("Access-Control-Allow-Origin") == "https://app.example.org"
		})
	}
}
