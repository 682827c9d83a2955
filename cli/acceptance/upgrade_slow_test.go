//go:build slow

package acceptance

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"stoker/cli/local"
	"stoker/client"
	"stoker/fsm"
)

// The last commits of the feature levels before this one: what may be in the field when this version comes.
const (
	firstLevel  = "c5c1e03105dcd822673ecd3c361982ad78d23886"
	secondLevel = "535e0467de4e40f22a2c31e90d3810555b2c6628"
)

// builtFrom gives the binary of an earlier commit, built from this repository's own history.
func builtFrom(t *testing.T, commit string) string {
	t.Helper()
	top, err := exec.Command("git", "rev-parse", "--show-toplevel").Output()
	if err == nil {
		err = exec.Command("git", "cat-file", "-e", commit+"^{commit}").Run()
	}
	if err != nil {
		t.Fatalf("this test builds commit %s, and its history is not here (%v): run it in a full clone, with git installed (`git fetch --unshallow`)", commit, err)
	}
	source, out := t.TempDir(), filepath.Join(t.TempDir(), "stoker")
	for _, step := range []*exec.Cmd{
		exec.Command("sh", "-c", `git -C "$0" archive "$1" | tar -x -C "$2"`, strings.TrimSpace(string(top)), commit, source),
		exec.Command("go", "build", "-C", source, "-trimpath", "-ldflags=-s -w", "-buildvcs=false", "-o", out, "."),
	} {
		if text, err := step.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", step, err, text)
		}
	}
	return out
}

// fleet is a cluster in which each node has a binary of its own, beside its configuration.
type fleet struct {
	*cluster
	binaries []string // by node
}

// launcher is what local starts: it runs the binary in the folder of the node. A sabotaged one finds its orders there too.
const launcher = "#!/bin/sh\ndir=$(dirname \"$3\")\nSTOKER_SABOTAGE=\"$dir/sabotage\" exec \"$dir/stoker\" \"$@\"\n"

// fleetOf makes a cluster's folders with the init of one binary, which all nodes then run.
func fleetOf(t *testing.T, binary string) *fleet {
	t.Helper()
	dir := t.TempDir()
	nodes, err := local.Anywhere(3)
	if err != nil {
		t.Fatal(err)
	}
	args := []string{"init", "--out", filepath.Join(dir, "cluster")}
	for _, n := range nodes {
		args = append(args, "--node", fmt.Sprintf("%s=%s:%d:%d", n.ID, n.Host, n.HTTP, n.Cluster))
	}
	if text, err := exec.Command(binary, args...).CombinedOutput(); err != nil {
		t.Fatalf("init: %v\n%s", err, text)
	}
	start := filepath.Join(dir, "launcher")
	if err := os.WriteFile(start, []byte(launcher), 0o700); err != nil {
		t.Fatal(err)
	}
	f := &fleet{cluster: &cluster{}, binaries: make([]string, len(nodes))}
	if f.Cluster, err = local.Open(filepath.Join(dir, "cluster"), start); err != nil {
		t.Fatal(err)
	}
	if f.operator, err = client.LoadOperator(filepath.Join(dir, "cluster", "operator.toml")); err != nil {
		t.Fatal(err)
	}
	if f.any, err = client.New(f.operator); err != nil {
		t.Fatal(err)
	}
	for i, node := range f.Nodes {
		one := f.operator
		one.Endpoints = []string{"http://" + node.HTTP}
		only, err := client.New(one)
		if err != nil {
			t.Fatal(err)
		}
		f.at = append(f.at, only)
		f.give(t, i, binary)
	}
	t.Cleanup(f.Kill)
	f.explain(t)
	return f
}

func (f *fleet) folder(node int) string { return filepath.Join(f.Dir, f.Nodes[node].ID) }

// give puts a binary into a node's folder, for its next start.
func (f *fleet) give(t *testing.T, node int, binary string) {
	t.Helper()
	place := filepath.Join(f.folder(node), "stoker")
	os.Remove(place)
	if err := os.Symlink(binary, place); err != nil {
		t.Fatal(err)
	}
	f.binaries[node] = binary
}

// change stops a node as an operator does, and starts it with a binary.
func (f *fleet) change(t *testing.T, node int, binary string) {
	t.Helper()
	f.give(t, node, binary)
	f.bounce(t, node)
}

// leads makes a node with this binary the leader. One that is stopped hands over to whoever has heard most, so that two nodes that
// are stopped in turn may hand over to each other for ever: the second is stopped before the first has come back.
func (f *fleet) leads(t *testing.T, binary string) {
	t.Helper()
	for range 20 {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		var stopped []int
		for leader := f.leader(t); f.binaries[leader] != binary; {
			if err := f.Nodes[leader].Process().Stop(ctx); err != nil {
				t.Fatal(err)
			}
			if stopped = append(stopped, leader); len(stopped) == 2 {
				break // no quorum is left
			}
			leader = f.leader(t)
		}
		for _, node := range stopped {
			if err := f.Nodes[node].Start(); err != nil {
				t.Fatal(err)
			}
		}
		for _, node := range stopped {
			if err := f.Nodes[node].WaitReady(ctx); err != nil {
				t.Fatal(err)
			}
		}
		if f.binaries[f.leader(t)] == binary {
			return
		}
	}
	t.Fatal("twenty leaders, none of the wanted version")
}

// served takes a job through its life, each step at another node.
func (f *fleet) served(t *testing.T, first int) {
	t.Helper()
	u := f.user(t)
	at := func(i int) int { return (first + i) % len(f.Nodes) }
	job := u.queued(t, at(0), 2)
	g := f.lease(t, at(1), 2, job)
	f.finished(t, at(2), g, "made in the middle of an upgrade")
	for node := range f.Nodes {
		if j := u.job(t, node, job); j.Status != client.Done || len(j.DownloadURLs) != 2 {
			t.Errorf("node %d says of the job %+v", node, j)
		}
	}
}

// TestSlowUpgrade_Rolling takes a cluster from the version before levels to this one, over two levels at once.
func TestSlowUpgrade_Rolling(t *testing.T) {
	t.Parallel()
	old := builtFrom(t, firstLevel)
	f := rolled(t, old, []string{"access", "create", "--name", "early", "--scope", "read"})
	f.leftBehind(t, old, 2)
}

// TestSlowUpgrade_FromTheLast takes a cluster from the version that was released last to this one.
func TestSlowUpgrade_FromTheLast(t *testing.T) {
	t.Parallel()
	old := builtFrom(t, secondLevel)
	f := rolled(t, old, []string{"key", "create", "--name", "early", "--read"})
	f.keptOut(t, old, 2)
}

// rolled changes the binary of a cluster for this one, one node at a time, under load, back down and up again, with leaders of
// both versions, and turns on what is new. Nothing that was acknowledged is lost, the nodes agree at every stage, and the
// ledgers are right. The command early works at the new level and not before, as the level itself stays.
func rolled(t *testing.T, old string, early []string) *fleet {
	t.Helper()
	f := fleetOf(t, old)
	f.begin(t)
	var tellers []*teller
	for i := range 2 {
		tellers = append(tellers, f.hire(t, i))
	}
	working, stop := context.WithCancel(t.Context())
	var all sync.WaitGroup
	for _, k := range tellers {
		all.Go(func() { k.work(working) })
	}
	defer all.Wait()
	defer stop()
	stage := func(what string, node int) {
		t.Helper()
		advance(t, tellers, 2)
		f.served(t, node)
		if t.Failed() {
			t.Fatal("in the stage: " + what)
		}
	}
	stage("all are old", 0)

	f.change(t, 0, binary)
	f.leads(t, old)
	stage("one is new, an old one leads", 0)
	if out, err := f.stoker(t, "", "upgrade", "finalize", "--endpoint", "http://"+f.Nodes[0].HTTP); err == nil {
		t.Fatalf("finalized with two old nodes: %s", out)
	}
	f.leads(t, binary)
	stage("one is new and leads", 1)
	level := f.level(t, 0)
	if level >= fsm.Level {
		t.Fatalf("level %d in the middle of the upgrade", level)
	}
	if _, said, err := f.stokerAt(t, 0, "", early...); err == nil || !strings.Contains(said, "stoker upgrade finalize") {
		t.Fatalf("what is new, in the middle of the upgrade: %v %s", err, said)
	}
	// A new word of an old command: old nodes would do it without the word, and new ones not at all.
	if _, said, err := f.stokerAt(t, 0, "value", "secret", "put", "early", "--expires", "1h"); err == nil || !strings.Contains(said, "stoker upgrade finalize") {
		t.Fatalf("a secret that ends, in the middle of the upgrade: %v %s", err, said)
	}

	f.change(t, 1, binary)
	f.leads(t, old)
	stage("two are new, the old one leads", 2)
	f.change(t, 0, old)
	f.leads(t, binary)
	stage("one is old again, a new one leads", 0)
	f.change(t, 1, old)
	stage("all are old again", 1)

	for node := range f.Nodes {
		f.change(t, node, binary)
		stage("up again", node)
	}
	eventually(t, "all nodes have heard of all", func() bool { // each says what it has heard
		for node := range f.Nodes {
			if out, _, err := f.stokerAt(t, node, "", "upgrade", "status"); err != nil || !strings.Contains(out, "All nodes are upgraded") {
				return false
			}
		}
		return true
	})
	if now := f.level(t, 0); now != level {
		t.Fatalf("it was at level %d and is at %d, though nobody has finalized", level, now)
	}
	f.told(t, "", "upgrade", "finalize")
	stage("at the new level", 0)
	for node := range f.Nodes {
		if now := f.level(t, node); now != fsm.Level {
			t.Errorf("finalized, %s is at level %d", f.Nodes[node].ID, now)
		}
	}
	f.told(t, "", early...)
	stop()
	all.Wait()

	for _, k := range tellers {
		k.audit(t)
		k.finish(t)
	}
	f.agree(t)
	if text := f.told(t, "", "verify"); !strings.Contains(text, "All nodes hold the same state.") {
		t.Errorf("verified:\n%s", text)
	}
	f.change(t, 2, binary) // the state of the new level is read again
	f.agree(t)
	return f
}

// level is the feature level of the cluster, as a node of this version says.
func (f *fleet) level(t *testing.T, node int) uint64 {
	t.Helper()
	var u struct{ Level uint64 }
	out := f.told(t, "", "upgrade", "status", "--json", "--endpoint", "http://"+f.Nodes[node].HTTP)
	if err := json.Unmarshal([]byte(out), &u); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	return u.Level
}

// keptOut starts a binary that knows of levels in a cluster that has been raised above it: it says so, and does not start.
func (f *fleet) keptOut(t *testing.T, old string, node int) {
	t.Helper()
	f.Nodes[node].Kill()
	f.give(t, node, old)
	refusesToStart(t, f.Nodes[node], "above what this binary understands")
	f.Nodes[node].Kill() // it has ended, as it should
}

// leftBehind starts a binary in a cluster that has been raised above it. It cannot know; the others see that its hash is not
// theirs, and the alarm that they raise is the first command that it does not know.
func (f *fleet) leftBehind(t *testing.T, old string, node int) {
	t.Helper()
	u := f.user(t)
	f.change(t, node, old)
	process := f.Nodes[node].Process()
	eventually(t, "the old binary stops", func() bool {
		f.grant(t, 0, u)
		return !process.Alive()
	})
	if err := process.Failure(); err == nil || !strings.Contains(err.Error(), "unknown kind of command") {
		t.Errorf("it stopped so: %v", err)
	}
	f.Nodes[node].Kill()
	if v, _ := f.verified(t); len(v.Alarms) != 1 || !slices.Equal(v.Alarms[0].Nodes, []string{f.Nodes[node].ID}) {
		t.Errorf("the alarms are %+v", v.Alarms)
	}
}
