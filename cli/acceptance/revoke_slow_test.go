//go:build slow

package acceptance

import (
	"net/http"
	"path/filepath"
	"strings"
	"testing"
)

// TestSlowRestore_Tokens: a token that was revoked after the backup was made comes back with it, restore names it, and with
// --revoke-tokens none comes back. The tokens of the app's users hold either way.
func TestSlowRestore_Tokens(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 3, binary)
	c.begin(t)
	u := c.user(t)
	stolen := c.told(t, "", "access", "create", "--name", "stolen", "--scope", "admin")
	rack := c.told(t, "", "access", "create", "--name", "rack-7", "--worker")
	file, sealKey := filepath.Join(t.TempDir(), "b.tar"), c.kept(t)
	c.archived(t, "--out", file)
	c.told(t, "", "access", "revoke", "stolen")
	status := request{method: "GET", path: "/admin/status", token: stolen}
	if got := c.send(t, 0, status); got.status != http.StatusUnauthorized {
		t.Fatalf("revoked: %d %s", got.status, got.body)
	}
	c.Kill()

	for _, kind := range []struct {
		flags  []string
		says   string
		opens  int // what the two old tokens are answered
		leases int
	}{
		{nil, "are valid, also any that was revoked since", http.StatusOK, http.StatusNoContent},
		{[]string{"--revoke-tokens"}, "open nothing any more", http.StatusUnauthorized, http.StatusUnauthorized},
	} {
		anew, said := c.restored(t, file, sealKey, kind.flags...)
		for _, want := range []string{kind.says, "stolen", "rack-7"} {
			if !strings.Contains(said, want) {
				t.Errorf("restore %v does not say %q:\n%s", kind.flags, want, said)
			}
		}
		t.Cleanup(anew.Kill)
		anew.begin(t)
		for node := range anew.Nodes {
			if got := anew.send(t, node, status); got.status != kind.opens {
				t.Errorf("restore %v: the stolen token on node %d: %d %s", kind.flags, node, got.status, got.body)
			}
			poll := request{method: "POST", path: "/queue/lease", token: rack, body: map[string]any{"worker_id": "w", "presets": []string{"none"}, "wait_s": 0}}
			if got := anew.send(t, node, poll); got.status != kind.leases {
				t.Errorf("restore %v: the worker's token on node %d: %d %s", kind.flags, node, got.status, got.body)
			}
		}
		anew.as(u).credits(t, 10)
		if _, err := anew.at[0].Operator().Backups(t.Context()); err != nil {
			t.Errorf("restore %v: the new admin token: %v", kind.flags, err)
		}
		anew.Kill()
	}
}
