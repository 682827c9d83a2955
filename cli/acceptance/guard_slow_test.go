//go:build slow

package acceptance

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// rewritten replaces a file of a node that does not run, or will be started again.
func rewritten(t *testing.T, path string, change func(string) string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err == nil {
		err = os.WriteFile(path, []byte(change(string(text))), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// bounce restarts a node as an operator does.
func (c *cluster) bounce(t *testing.T, node int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	n := c.Nodes[node]
	if err := n.Process().Stop(ctx); err != nil {
		t.Fatal(err)
	}
	if err := n.Restart(ctx); err != nil {
		t.Fatal(err)
	}
}

func (c *cluster) sealKey(node int) string { return filepath.Join(c.Dir, c.Nodes[node].ID, "seal.key") }

func TestSlowRekey_WithoutANodeTooMany(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 3, binary)
	c.begin(t)
	u := c.user(t)
	c.told(t, "old-callback", "secret", "put", "callback")
	key := make([]byte, 32)
	rand.Read(key)
	for node := range c.Nodes {
		if _, err := c.stoker(t, "", "secret", "rekey"); err == nil && node > 0 {
			t.Fatalf("rekeyed while node %d lacks the key", node)
		}
		rewritten(t, c.sealKey(node), func(old string) string { return hex.EncodeToString(key) + "\n" + old })
		c.bounce(t, node)
		u.me(t, node)
	}
	if said := c.told(t, "", "secret", "rekey"); !strings.Contains(said, "secrets went under key") {
		t.Errorf("rekey: %s", said)
	}
	c.told(t, "", "secret", "roll-jwt")
	for node := range c.Nodes {
		rewritten(t, c.sealKey(node), func(string) string { return hex.EncodeToString(key) + "\n" })
		c.bounce(t, node)
		u.me(t, node) // its token was signed by a key under the old seal key
		got := c.send(t, node, request{
			method: "POST", path: "/queue/lease", header: map[string]string{"X-Callback-Secret": "old-callback"},
			body: map[string]any{"worker_id": "w", "wait_s": 0},
		})
		if got.status != 204 {
			t.Errorf("node %d: %d %s", node, got.status, got.body)
		}
	}
	c.user(t)
	// A node with another key says so, and opens nothing.
	rewritten(t, c.sealKey(2), func(string) string { return strings.Repeat("ab", 32) + "\n" })
	c.bounce(t, 2)
	if got := c.send(t, 2, request{method: "GET", path: "/me", token: u.token}); got.status == 200 {
		t.Errorf("a node with another seal key verifies tokens: %s", got.body)
	}
	log, err := os.ReadFile(c.Nodes[2].Process().Log)
	if err != nil || !bytes.Contains(log, []byte("seal key")) {
		t.Errorf("its log does not name the seal key: %v", err)
	}
}

func TestSlowLimits_EachNodeCounts(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 3, binary)
	for _, n := range c.Nodes {
		rewritten(t, filepath.Join(c.Dir, n.ID, "stoker.toml"), func(text string) string {
			text = strings.Replace(text, "signups_per_minute = 60", "signups_per_minute = 10", 1)
			return strings.Replace(text, "trusted_proxies = []", `trusted_proxies = ["127.0.0.1"]`, 1)
		})
	}
	c.begin(t)
	signIn := func(node int, from string) reply {
		return c.send(t, node, request{method: "POST", path: "/auth/anon", header: map[string]string{"X-Forwarded-For": from}})
	}
	began := time.Now()
	passed := 0
	for i := range 60 {
		got := signIn(i%3, "198.51.100.7")
		switch {
		case got.status == 200:
			passed++
		case got.code != "RATE_LIMITED" || got.header.Get("Retry-After") == "":
			t.Fatalf("%d %s %v", got.status, got.body, got.header)
		}
	}
	// Half of ten at once at each node, and what came back meanwhile.
	if most := 15 + 3*int(1+time.Since(began).Minutes()*10); passed < 15 || passed > most {
		t.Errorf("%d sign-ins passed, want 15 to %d", passed, most)
	}
	for node := range c.Nodes {
		if got := signIn(node, "198.51.100.8"); got.status != 200 {
			t.Errorf("another address: %d %s", got.status, got.body)
		}
	}
}
