//go:build slow

package acceptance

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/minio/minio-go/v7"

	"stoker/cli/local"
	"stoker/client"
)

// members is what `stoker members` shows.
func (c *cluster) members(t *testing.T) (m client.Members) {
	t.Helper()
	out, err := c.stoker(t, "", "members", "--json")
	if err != nil {
		return m // the node that was asked may be the one that leaves
	}
	if err := json.Unmarshal([]byte(out), &m); err != nil {
		t.Fatal(err)
	}
	return m
}

func (c *cluster) voters(t *testing.T) (ids []string) {
	for _, m := range c.members(t).Members {
		if m.Voter {
			ids = append(ids, m.ID)
		}
	}
	return ids
}

// joining runs `stoker serve` with a token; it goes on serving.
func (c *cluster) joining(t *testing.T, token, id string) *local.Process {
	t.Helper()
	at, err := local.Anywhere(1)
	if err != nil {
		t.Fatal(err)
	}
	port := func(n int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(n)) }
	p, err := local.Launch(local.Command{
		Name: "join " + id, Path: binary, Log: filepath.Join(c.Dir, "log", "join-"+id+".log"),
		Args: []string{"serve", "--token", token, "--id", id, "--config", c.config(id), "--http", port(at[0].HTTP), "--cluster", port(at[0].Cluster)},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	return p
}

func (c *cluster) config(id string) string { return filepath.Join(c.Dir, id, "stoker.toml") }

// join brings a node in, has it start once more from what was written, and waits for its vote.
func (c *cluster) join(t *testing.T, id string) *local.Node {
	t.Helper()
	token := strings.TrimSpace(c.told(t, "", "token", "create", "--for", id))
	p := c.joining(t, token, id)
	eventually(t, id+" is a member", func() bool {
		return slices.ContainsFunc(c.members(t).Members, func(m client.Member) bool { return m.ID == id && m.Alive })
	})
	if err := p.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	again, err := local.Open(c.Dir, binary)
	if err != nil {
		t.Fatal(err)
	}
	n, _ := again.Node(id)
	t.Cleanup(n.Kill)
	if err := n.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	eventually(t, id+" has a vote", func() bool { return slices.Contains(c.voters(t), id) })

	other := c.joining(t, token, id+"-again")
	<-other.Ended()
	if said := logOf(t, other); !strings.Contains(said, "is for node "+id) {
		t.Errorf("the token a second time: %s", said)
	}
	if _, err := os.Stat(filepath.Join(c.Dir, id+"-again")); err == nil {
		t.Error("a node that was not let in left a folder behind")
	}
	return n
}

func logOf(t *testing.T, p *local.Process) string {
	t.Helper()
	text, err := os.ReadFile(p.Log)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// refusesToStart launches a node that must end by itself, and wants its reason.
func refusesToStart(t *testing.T, n *local.Node, reason string) {
	t.Helper()
	if n.Restart(t.Context()) == nil {
		t.Fatalf("%s serves", n.ID)
	}
	if said := logOf(t, n.Process()); !strings.Contains(said, reason) {
		t.Errorf("%s says: %s", n.ID, said)
	}
}

// replace puts a node and its client in the place of another.
func (c *cluster) replace(t *testing.T, i int, n *local.Node, tellers ...*teller) {
	t.Helper()
	one := c.operator
	one.Endpoints = []string{n.HTTP}
	only, err := client.New(one)
	if err != nil {
		t.Fatal(err)
	}
	c.Nodes[i], c.at[i] = n, only
	for _, k := range tellers {
		k.u.at[i] = only.App(k.u.token)
	}
}

// TestSlowMembers_TheLeaderIsReplacedUnderLoad: a node comes by a token, the
// leader goes for good, and nobody notices but the two.
func TestSlowMembers_TheLeaderIsReplacedUnderLoad(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 3, binary)
	c.begin(t)
	tellers := []*teller{c.hire(t, 0), c.hire(t, 1)}
	ctx, stop := context.WithCancel(t.Context())
	var load sync.WaitGroup
	for _, k := range tellers {
		load.Go(func() { k.work(ctx) })
	}

	n4 := c.join(t, "n4")
	lead := c.leader(t)
	gone := c.Nodes[lead]
	if out, err := c.stoker(t, "", "member", "remove", gone.ID); err == nil || !strings.Contains(out, "3 voters") {
		t.Errorf("without --yes it only says what it would do: %v\n%s", err, out)
	}
	said := c.told(t, "", "member", "remove", gone.ID, "--yes")
	if !strings.Contains(said, gone.ID+" is removed") {
		t.Error(said)
	}
	eventually(t, "the removed node's process ends", func() bool { return !gone.Process().Alive() })
	if said := logOf(t, gone.Process()); !strings.Contains(said, "was removed from the cluster") {
		t.Errorf("it ended with: %s", said)
	}
	refusesToStart(t, gone, "was removed from the cluster")

	rounds := func() (n int64) {
		for _, k := range tellers {
			n += k.rounds.Load()
		}
		return n
	}
	before := rounds()
	eventually(t, "work goes on", func() bool { return rounds() >= before+20 })
	stop()
	load.Wait()
	c.replace(t, lead, n4, tellers...)
	c.agree(t)
	for _, k := range tellers {
		k.audit(t)
		k.finish(t)
	}

	n4.Kill()
	if err := os.RemoveAll(filepath.Join(c.Dir, "n4", "data")); err != nil {
		t.Fatal(err)
	}
	refusesToStart(t, n4, "has no vote")
	c.Nodes = slices.Delete(c.Nodes, lead, lead+1) // it ended by itself, as it should
}

// TestSlowMembers_OneGrowsToThree, each with a copy of everything, and then any of the three may go away.
func TestSlowMembers_OneGrowsToThree(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 1, binary)
	c.begin(t)
	u := c.user(t)
	access, secret := c.key(t, "joiner")
	const pictures = 20
	for i := range pictures {
		body := pictureOf("joiner", i)
		_, err := s3(t, c.Nodes[0].HTTP, access, secret).PutObject(t.Context(), "photos", fmt.Sprintf("joiner/%d", i), bytes.NewReader(body), int64(len(body)), minio.PutObjectOptions{})
		if err != nil {
			t.Fatal(err)
		}
	}
	c.join(t, "n2")
	n3 := c.join(t, "n3")
	for _, id := range []string{"n2", "n3"} {
		eventually(t, id+" has filled up", func() bool {
			found, _ := filepath.Glob(filepath.Join(c.Dir, id, "data", "blobs", "??", "??", "*"))
			return len(found) == pictures
		})
	}
	c.operator.Endpoints = append(c.operator.Endpoints, n3.HTTP)
	c.Nodes[0].Kill()
	c.replace(t, 0, n3)
	u.at[0] = c.at[0].App(u.token)
	eventually(t, "the two that are left serve", func() bool {
		_, err := c.at[0].App(u.token).Me(t.Context())
		return err == nil
	})
	if err := c.at[0].Operator().SetPlan(t.Context(), u.id, "pro"); err != nil {
		t.Error(err)
	}
	for i := range pictures {
		o, err := s3(t, n3.HTTP, access, secret).GetObject(t.Context(), "photos", fmt.Sprintf("joiner/%d", i), minio.GetObjectOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(o); err != nil || !bytes.Equal(got, pictureOf("joiner", i)) {
			t.Errorf("picture %d of the node that is gone: %d bytes, %v", i, len(got), err)
		}
	}
}

// TestSlowMembers_AddressesMayChange: each node comes back on other ports, one
// after the other; only its own file is edited.
func TestSlowMembers_AddressesMayChange(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 3, binary)
	c.begin(t)
	u := c.user(t)
	for i, n := range c.Nodes {
		if err := n.Process().Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
		at, err := local.Anywhere(1)
		if err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(c.config(n.ID))
		if err != nil {
			t.Fatal(err)
		}
		_, public, _ := net.SplitHostPort(n.HTTP)
		var private string
		eventually(t, "the others say where it was", func() bool {
			all := c.members(t).Members
			was := slices.IndexFunc(all, func(m client.Member) bool { return m.ID == n.ID })
			if was >= 0 {
				_, private, _ = net.SplitHostPort(all[was].Cluster)
			}
			return private != ""
		})
		edited := strings.NewReplacer("127.0.0.1:"+public, "127.0.0.1:"+strconv.Itoa(at[0].HTTP), "127.0.0.1:"+private, "127.0.0.1:"+strconv.Itoa(at[0].Cluster)).Replace(string(text))
		if err := os.WriteFile(c.config(n.ID), []byte(edited), 0o600); err != nil {
			t.Fatal(err)
		}
		moved, err := local.Open(c.Dir, binary)
		if err != nil {
			t.Fatal(err)
		}
		again, _ := moved.Node(n.ID)
		t.Cleanup(again.Kill)
		if err := again.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
		c.replace(t, i, again)
		u.at[i] = c.at[i].App(u.token)
		c.operator.Endpoints[i] = "http://" + again.HTTP
	}
	eventually(t, "all know where all are", func() bool {
		for i := range c.Nodes {
			if c.status(t, i).Leader == "" {
				return false
			}
		}
		return true
	})
	if err := c.at[0].Operator().SetPlan(t.Context(), u.id, "pro"); err != nil {
		t.Error(err)
	}
	c.agree(t)
}
