//go:build slow

package acceptance

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// day is an operator's, in order: every command that speaks to a running cluster and leaves its members alone, and what it says.
// The words in braces stand for what this cluster has.
const day = `
status                                          | leader
members                                         | 3 of 3 voters up
autopilot                                       | voters
autopilot set --remove-dead-after 24h           | 24
cert                                            | n1
cert ca                                         | BEGIN CERTIFICATE
upgrade status                                  | There is nothing to do
verify                                          | All nodes hold the same state
user list                                       | {user}
user show {user}                                | pro
user grant {user} 7 --reason gift               | 15
user ledger {user}                              | gift
user plan {user} free                           | free
user plan {user} pro                            | pro
user revoke {user}                              | revoked
user restore {user}                             | {user}
job list --user {user}                          | queued
job show {job}                                  | queued
job why {job}                                   | queued
job log {job}                                   | job.queued
queue                                           | interior
queue pause interior                            | interior
job why {job}                                   | paused
queue resume interior                           | Nothing is paused
queue dead                                      |
worker list                                     | w-day
worker drain w-day --why driver                 | w-day
worker quarantine w-day --why suspect           | w-day
worker resume w-day                             | w-day
worker exit w-day                               | w-day
job cancel {job}                                | canceled
job retry {job}                                 | j_
objects                                         | n3
objects scrub                                   |
sql SELECT_count(*)_AS_jobs_FROM_jobs_log       | jobs
sql --csv SELECT_id,credits_FROM_users          | {user}
export --sqlite {dir}/state.db                  | state.db
config pull {dir}/app.toml                      | version 1
deploy {dir}/dearer.toml --dry-run              | price = 2
deploy {dir}/dearer.toml --yes -m dearer        | Version 2 is in force
versions                                        | dearer
versions show 2                                 | price = 2
rollback --yes -m cheaper                       | Version 3 is in force
secret put webhook.shop --from-file {dir}/secret | webhook.shop
secret                                          | webhook.shop
deploy {dir}/hooked.toml --yes -m hooked        | Version 4 is in force
webhook                                         | shop
webhook show shop                               | shop
webhook deliveries shop                         |
rollback --yes -m unhooked                      | Version 5 is in force
secret delete webhook.shop                              | hook
secret roll-jwt                                 | A new key signs
key create --name site --read                   | STOKER
key                                             | site
key revoke site                                 | site
access create --name guest --scope read         | adm_
access                                          | guest
access revoke guest                             | guest
token create --ttl 1h                           | serve
token                                           | jt_
token revoke {jointoken}                        | {jointoken}
backup --out {dir}/b.tar                        | b.tar
backup list                                     |
audit                                           | cheaper
audit export --csv {dir}/audit.csv              | rows written
tail --from start --event job.created --limit 1 | job.created
`

// TestSlowCommands_LeaderElsewhere: each command works over a node that does not lead, and says what it did.
func TestSlowCommands_LeaderElsewhere(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 3, binary)
	c.begin(t)
	dir := t.TempDir()
	u := c.user(t)
	c.plan(t, u, "pro")
	if got := c.send(t, 0, request{method: "POST", path: "/queue/session", token: c.operator.WorkerToken, body: map[string]any{"worker_id": "w-day", "boot_id": "b1", "presets": []string{"seller"}}}); got.status != 200 {
		t.Fatalf("a worker: %d %s", got.status, got.body)
	}
	here := strings.NewReplacer("{user}", u.id, "{job}", u.queued(t, 0, 2), "{dir}", dir)
	if err := os.WriteFile(filepath.Join(dir, "secret"), []byte("whsec_0123456789abcdef0123456789abcdef"), 0o600); err != nil {
		t.Fatal(err)
	}
	eventually(t, "each node has heard of the others", func() bool {
		for node := range c.Nodes {
			if out, _, err := c.stokerAt(t, node, "", "members"); err != nil || !strings.Contains(out, "3 of 3 voters up") {
				return false
			}
		}
		return true
	})
	for line := range strings.Lines(strings.TrimSpace(day)) {
		words, want, _ := strings.Cut(line, "|")
		if strings.Contains(words, "{jointoken}") {
			words = strings.ReplaceAll(words, "{jointoken}", c.joinToken(t))
			want = ""
		}
		var args []string
		for _, word := range strings.Fields(here.Replace(words)) {
			if strings.HasPrefix(word, "SELECT_") {
				word = strings.ReplaceAll(word, "_", " ")
				word = strings.ReplaceAll(word, "jobs log", "jobs_log")
			}
			args = append(args, word)
		}
		follower := (c.leader(t) + 1) % 3
		out, said, err := c.stokerAt(t, follower, "", args...)
		if want = strings.TrimSpace(here.Replace(want)); err != nil || !strings.Contains(out+said, want) {
			t.Errorf("stoker %s: %v, and nothing of %q\n%s%s", strings.Join(args, " "), err, want, out, said)
		}
		if strings.HasPrefix(words, "config pull") {
			variants(t, dir)
		}
	}
}

// variants are two other configurations.
func variants(t *testing.T, dir string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "app.toml"))
	if err != nil {
		t.Fatal(err)
	}
	hook := "\n[webhooks.shop]\nurl = \"https://shop.example/hook\"\nsecrets = [\"webhook.shop\"]\nevents = [\"job.done\"]\n"
	for name, changed := range map[string]string{
		"dearer.toml": strings.Replace(string(text), "\nprice = 1 ", "\nprice = 2 ", 1),
		"hooked.toml": string(text) + hook,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(changed), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// joinToken is the id of the one that was made.
func (c *cluster) joinToken(t *testing.T) string {
	t.Helper()
	for word := range strings.FieldsSeq(c.told(t, "", "token", "list", "--json")) {
		if id := strings.Trim(word, `",`); strings.HasPrefix(id, "jt_") {
			return id
		}
	}
	t.Fatal("no join token is listed")
	return ""
}
