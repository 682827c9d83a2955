//go:build slow

package acceptance

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"stoker/cli/backup"
	"stoker/cli/local"
	"stoker/client"
)

// archived makes a backup to a file and gives what the command says of it.
func (c *cluster) archived(t *testing.T, args ...string) (a backup.Archive) {
	t.Helper()
	out := c.told(t, "", append([]string{"backup", "--json"}, args...)...)
	if err := json.Unmarshal([]byte(out), &a); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return a
}

// restored makes a cluster of three out of a backup, on other ports and under other ids, and gives what the command said.
// Nothing is started.
func (c *cluster) restored(t *testing.T, file, sealKey string, more ...string) (anew *cluster, said string) {
	t.Helper()
	nodes, err := local.Anywhere(3)
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "anew")
	args := append([]string{"restore", file, "--seal-key", sealKey, "--out", dir}, more...)
	for i, n := range nodes {
		args = append(args, "--node", fmt.Sprintf("m%d=%s:%d:%d", i+1, n.Host, n.HTTP, n.Cluster))
	}
	said = c.told(t, "", args...)
	t.Log(said)
	if anew, err = opened(dir, binary); err != nil {
		t.Fatal(err)
	}
	return anew, said
}

// as is a user of another cluster as this one's.
func (c *cluster) as(u *user) *user {
	same := &user{id: u.id, token: u.token, any: c.any.App(u.token)}
	for _, one := range c.at {
		same.at = append(same.at, one.App(u.token))
	}
	return same
}

// kept copies a node's seal key to where its owner keeps it.
func (c *cluster) kept(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(c.Dir, c.Nodes[0].ID, "seal.key"))
	path := filepath.Join(t.TempDir(), "seal.key")
	if err == nil {
		err = os.WriteFile(path, text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// TestSlowBackup_Drill: a backup is made under load, everything is destroyed, and three other nodes go on from it.
func TestSlowBackup_Drill(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 3, binary)
	var anew *cluster
	t.Cleanup(func() { // after those of the users, who look at their jobs again
		if anew != nil {
			anew.Kill()
		}
	})
	c.begin(t)
	u := c.user(t)
	c.plan(t, u, "pro")
	job := u.queued(t, 0, 4)
	half := c.lease(t, 1, 2, job)
	c.finished(t, 1, half, "before")
	held := c.lease(t, 2, 1, job) // the old cluster's worker will not live to finish it
	credits := u.me(t, 0).Credits
	sealKey := c.kept(t)
	stale := c.send(t, 0, request{method: "GET", path: "/me", token: u.token}).header.Get("X-Stoker-Index")

	file := filepath.Join(t.TempDir(), "drill.tar")
	var made backup.Archive
	c.underLoad(t, func() { made = c.archived(t, "--out", file, "--node", c.Nodes[2].ID) })
	if made.Node != c.Nodes[2].ID || made.BlobCount < 4 || len(made.Missing) > 0 {
		t.Errorf("made %+v", made)
	}
	c.refusesDamaged(t, file, sealKey)
	if said := c.told(t, "", "backup", "verify", file); !strings.Contains(said, "is good") {
		t.Errorf("verify: %s", said)
	}
	if _, err := c.stoker(t, "", "restore", file, "--seal-key", sealKey, "--node", "n1=localhost:1:2", "--out", c.Dir); err == nil {
		t.Error("restored into the folder of a cluster")
	}
	c.Kill()
	for _, n := range c.Nodes {
		if err := os.RemoveAll(filepath.Join(c.Dir, n.ID)); err != nil {
			t.Fatal(err)
		}
	}

	anew, _ = c.restored(t, file, sealKey)
	anew.explain(t)
	anew.begin(t)
	anew.begunFrom(t, made, "restore")
	same := anew.as(u)
	u.any = same.any
	same.credits(t, credits)
	_, err := anew.at[0].Queue().Results(t.Context(), held.LeaseID, client.ItemResult{Idx: held.Items[0].Idx, Status: client.Done})
	if !client.Is(err, client.CodeLeaseLost) {
		t.Errorf("a worker of the old cluster reports: %v", err)
	}
	if got := anew.send(t, 1, request{method: "GET", path: "/me", token: u.token, header: map[string]string{"X-Stoker-Index": stale}}); got.status != http.StatusBadRequest {
		t.Errorf("a read token of the old epoch: %d %s", got.status, got.body)
	}
	rest := anew.lease(t, 2, 4, job)
	if len(rest.Items) != 2 {
		t.Errorf("the queue gives %d items of the job, want 2", len(rest.Items))
	}
	for _, item := range rest.Items {
		if got := anew.download(t, 0, item.InputURL); !bytes.Equal(got, pictureOf(job, item.Idx)) {
			t.Errorf("picture %d came back with %d other bytes", item.Idx, len(got))
		}
	}
	anew.finished(t, 1, rest, "after")
	done := same.job(t, 0, job)
	if done.Status != client.Done || len(done.DownloadURLs) != 4 {
		t.Fatalf("the job is %s with %d results", done.Status, len(done.DownloadURLs))
	}
	by := map[string]int{}
	for i, d := range done.DownloadURLs {
		by[string(anew.download(t, i%3, d.OutputURL))]++
	}
	if by["before"] != 2 || by["after"] != 2 {
		t.Errorf("results by %v", by)
	}
	if _, err := anew.at[0].Operator().Backups(t.Context()); err != nil {
		t.Errorf("the new admin token: %v", err)
	}
	anew.agree(t)
}

// underLoad does something while users come and go.
func (c *cluster) underLoad(t *testing.T, do func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var all sync.WaitGroup
	tellers := []*teller{c.hire(t, 0), c.hire(t, 1)}
	for _, k := range tellers {
		all.Go(func() { k.work(ctx) })
	}
	advance(t, tellers, 3)
	do()
	cancel()
	all.Wait()
	for _, k := range tellers {
		if len(k.wrong) > 0 {
			t.Error(errors.Join(k.wrong...))
		}
	}
}

// refusesDamaged: a backup with one other bit, and one that was cut, are refused by name.
func (c *cluster) refusesDamaged(t *testing.T, file, sealKey string) {
	t.Helper()
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	bent := bytes.Clone(whole)
	bent[len(bent)/2] ^= 1
	for said, text := range map[string][]byte{"at byte": bent, "was cut": whole[:len(whole)-3000]} {
		path := filepath.Join(t.TempDir(), "damaged.tar")
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		out := filepath.Join(t.TempDir(), "never")
		for _, args := range [][]string{{"backup", "verify", path}, {"restore", path, "--seal-key", sealKey, "--node", "m1=localhost:1:2", "--out", out}} {
			if complaint := c.fails(t, args...); !strings.Contains(complaint, said) {
				t.Errorf("stoker %s: %s", args[0], complaint)
			}
		}
		if _, err := os.Stat(out); !os.IsNotExist(err) {
			t.Errorf("a refused restore left %s: %v", out, err)
		}
	}
}

// begunFrom: the new epoch began with exactly the state that was archived.
func (c *cluster) begunFrom(t *testing.T, a backup.Archive, why string) {
	t.Helper()
	all, err := c.any.Operator().Backups(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var epochs []struct {
		Epoch uint64
		Why   string
		From  uint64 `json:"from_index"`
		Hash  string `json:"from_hash"`
	}
	if err := json.Unmarshal(all.Epochs, &epochs); err != nil || len(epochs) != 1 {
		t.Fatalf("epochs %s: %v", all.Epochs, err)
	}
	if e := epochs[0]; e.Epoch != a.Epoch+1 || e.Why != why || e.From != a.Index || e.Hash != a.Hash {
		t.Errorf("the epoch began as %+v, the backup is of entry %d, hash %s", e, a.Index, a.Hash)
	}
}

// TestSlowRecover_OneIsLeft: two of three are gone for good; the third goes on alone.
func TestSlowRecover_OneIsLeft(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 3, binary)
	c.begin(t)
	u := c.user(t)
	const items = 8
	job := u.queued(t, 0, items)
	credits := u.me(t, 0).Credits
	conf := filepath.Join(c.Dir, c.Nodes[0].ID, "stoker.toml")
	if complaint := c.fails(t, "recover", "--config", conf, "--yes"); !strings.Contains(complaint, "stop the node") {
		t.Errorf("recover while the node runs: %s", complaint)
	}
	c.agree(t)
	c.Kill()
	for _, n := range c.Nodes[1:] {
		if err := os.RemoveAll(filepath.Join(c.Dir, n.ID)); err != nil {
			t.Fatal(err)
		}
	}
	if complaint := c.fails(t, "recover", "--config", conf); !strings.Contains(complaint, "nothing was changed") {
		t.Errorf("recover without a yes: %s", complaint)
	}
	said := c.told(t, "", "recover", "--config", conf, "--yes")
	for _, want := range []string{"What may be lost", "n1, n2, n3", "epoch 2 begins"} {
		if !strings.Contains(said, want) {
			t.Errorf("recover does not say %q:\n%s", want, said)
		}
	}
	left := c.Nodes[0]
	if err := left.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	alone := &user{id: u.id, token: u.token, any: u.at[0], at: u.at[:1]}
	alone.credits(t, credits)
	g := c.lease(t, 0, items, job)
	if len(g.Items) != items {
		t.Fatalf("leased %+v", g)
	}
	// A picture is on two nodes of three: those that only the lost ones had are lost, and recover has said how many.
	lost := 0
	for _, item := range g.Items {
		switch got := c.send(t, 0, c.moved(t, request{method: "GET", path: item.InputURL})); {
		case got.status == http.StatusServiceUnavailable:
			lost++
		case got.status != http.StatusOK || !bytes.Equal(got.body, pictureOf(job, item.Idx)):
			t.Errorf("picture %d came back with HTTP %d and %d other bytes", item.Idx, got.status, len(got.body))
		}
	}
	if want := fmt.Sprintf("Of %d pictures on record %d are not in its folder", items, lost); lost == items || lost > 0 != strings.Contains(said, want) {
		t.Errorf("%d pictures of %d are lost; recover says:\n%s", lost, items, said)
	}
	c.finished(t, 0, g, "the one that was left")
	if got := alone.job(t, 0, job); got.Status != client.Done {
		t.Errorf("the job is %s", got.Status)
	}
}
