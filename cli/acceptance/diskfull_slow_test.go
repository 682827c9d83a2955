//go:build slow && linux

package acceptance

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"stoker/client"
)

// Sizes in MiB. min_free_mb is the least that there may be; a quarter of it is where a node appends no more.
const (
	smallDisk = 256
	minFree   = 64
	lowFree   = 40
	noFree    = 6
)

// onSmallDisks is three nodes, each with its data on a disk of its own that can be filled.
func onSmallDisks(t *testing.T) *cluster {
	t.Helper()
	c := newCluster(t, 3, binary)
	for _, n := range c.Nodes {
		file := filepath.Join(c.Dir, n.ID, "stoker.toml")
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		small := strings.Replace(string(text), "min_free_mb = 256", fmt.Sprintf("min_free_mb = %d", minFree), 1)
		if small == string(text) {
			t.Fatal("stoker.toml has no min_free_mb = 256 any more")
		}
		if err := os.WriteFile(file, []byte(small), 0o600); err != nil {
			t.Fatal(err)
		}
		disk := c.disk(n.ID)
		if err := os.MkdirAll(disk, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := unix.Mount("stoker-test", disk, "tmpfs", 0, fmt.Sprintf("size=%dm", smallDisk)); err != nil {
			t.Fatalf("NOT RUN: a file system of %d MiB cannot be mounted: %v; run this test as root", smallDisk, err)
		}
		t.Cleanup(func() { unix.Unmount(disk, unix.MNT_DETACH) })
	}
	t.Cleanup(c.Kill) // before the disks go
	c.begin(t)
	return c
}

func (c *cluster) disk(id string) string { return filepath.Join(c.Dir, id, "data") }

// leave fills the disk of a node until so many MiB are free, or makes room.
func (c *cluster) leave(t *testing.T, node int, mib int64) {
	t.Helper()
	disk := c.disk(c.Nodes[node].ID)
	ballast := filepath.Join(disk, "ballast")
	if err := os.Remove(ballast); err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	var fs unix.Statfs_t
	if err := unix.Statfs(disk, &fs); err != nil {
		t.Fatal(err)
	}
	excess := int64(fs.Bavail)*int64(fs.Bsize) - mib<<20
	if excess <= 0 {
		t.Fatalf("only %d MiB are free", mib+excess>>20)
	}
	f, err := os.Create(ballast)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := syscall.Fallocate(int(f.Fd()), 0, 0, excess); err != nil {
		t.Fatal(err)
	}
}

const plenty = smallDisk / 2

// book books a credit at a node by a request that is sent once.
func (c *cluster) book(t *testing.T, node int, u *user) reply {
	t.Helper()
	return c.send(t, node, request{
		method: "POST", path: "/admin/users/" + u.id + "/credits", token: c.operator.AdminToken,
		body: map[string]any{"amount": 1, "reason": "while there is room"},
	})
}

func (c *cluster) read(t *testing.T, node int, u *user, query string) reply {
	t.Helper()
	return c.send(t, node, request{method: "GET", path: "/me" + query, token: u.token})
}

// TestSlowDiskFull_OneNode: its leadership goes to another; when nothing fits any more it appends nothing, says so, and serves
// what it can; then it catches up by itself. Its process lives through all of it, and no write fails on any other node.
func TestSlowDiskFull_OneNode(t *testing.T) {
	c := onSmallDisks(t)
	u := c.user(t)
	credits := int64(10)
	everywhere := func() {
		t.Helper()
		for node := range c.Nodes {
			if got := c.book(t, node, u); got.status != 200 {
				t.Fatalf("a write at %s: %d %.300s", c.Nodes[node].ID, got.status, got.body)
			}
			credits++
		}
	}
	everywhere()
	old := c.leader(t)
	c.leave(t, old, lowFree)
	eventually(t, "another node leads", func() bool { return c.leader(t) != old })
	everywhere()
	u.credits(t, credits)

	c.leave(t, old, noFree)
	eventually(t, "the node is shown as full", func() bool {
		for _, m := range c.status(t, (old+1)%3).Members {
			if m.ID == c.Nodes[old].ID && m.Room == "full" {
				return true
			}
		}
		return false
	})
	for node := range c.Nodes {
		// The full node may not know whose token it is, and says so: it has to be asked elsewhere.
		got := c.book(t, node, u)
		if got.status == 200 {
			credits++
		} else if node != old || got.code != client.CodeUnavailable {
			t.Errorf("a write at %s: %d %.300s", c.Nodes[node].ID, got.status, got.body)
		}
	}
	if got := c.read(t, old, u, ""); got.code != client.CodeUnavailable || !strings.Contains(string(got.body), "disk is full") {
		t.Errorf("a read of what it has not got: %d %.300s", got.status, got.body)
	}
	if got := c.read(t, old, u, "?consistency=stale"); got.status != 200 {
		t.Errorf("a stale read: %d %.300s", got.status, got.body)
	}
	if got := c.send(t, old, request{method: "GET", path: "/ready"}); got.status != 503 {
		t.Errorf("it is ready: %d", got.status)
	}
	for _, other := range []int{(old + 1) % 3, (old + 2) % 3} {
		if got := c.read(t, other, u, ""); got.status != 200 {
			t.Errorf("a read at %s: %d %.300s", c.Nodes[other].ID, got.status, got.body)
		}
	}
	c.leave(t, old, plenty)
	eventually(t, "the node has caught up", func() bool { return c.read(t, old, u, "").status == 200 })
	u.credits(t, credits)
	c.agree(t)
}

// TestSlowDiskFull_AllNodes: commands are refused with 507 before they are in any log, pictures too, while what ends something
// is taken and all is read; it ends with the shortage, and no process has.
func TestSlowDiskFull_AllNodes(t *testing.T) {
	c := onSmallDisks(t)
	u := c.user(t)
	job, err := u.any.CreateJob(t.Context(), "interior", 1)
	if err != nil {
		t.Fatal(err)
	}
	for node := range c.Nodes {
		c.leave(t, node, lowFree)
	}
	refuses := func(node int) bool {
		got := c.book(t, node, u)
		return got.status == 507 && got.code == "STORAGE_FULL" && got.header.Get("Retry-After") != ""
	}
	var booked int64
	for node := range c.Nodes {
		eventually(t, "writes are refused at "+c.Nodes[node].ID, func() bool {
			got := c.book(t, node, u)
			if got.status == 200 {
				booked++
			}
			return got.code == "STORAGE_FULL"
		})
	}
	for node := range c.Nodes {
		began := time.Now()
		if !refuses(node) {
			t.Errorf("%s takes a write", c.Nodes[node].ID)
		}
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("%s refuses after %s", c.Nodes[node].ID, took)
		}
		if got := c.send(t, node, request{method: "PUT", path: job.PresignedURLs[0].URL, body: []byte("a picture"), size: 9}); got.status != 507 {
			t.Errorf("an upload: %d %.300s", got.status, got.body)
		}
	}
	if err := u.any.Cancel(t.Context(), job.JobID); err != nil {
		t.Errorf("a job cannot be canceled: %v", err)
	}
	u.credits(t, 10+booked)
	for node := range c.Nodes {
		c.leave(t, node, noFree)
	}
	for node := range c.Nodes {
		if !refuses(node) {
			t.Errorf("%s takes a write without any room", c.Nodes[node].ID)
		}
		if got := c.read(t, node, u, "?consistency=stale"); got.status != 200 {
			t.Errorf("a stale read at %s: %d %.300s", c.Nodes[node].ID, got.status, got.body)
		}
	}
	for node := range c.Nodes {
		c.leave(t, node, plenty)
	}
	for node := range c.Nodes {
		eventually(t, "writes flow at "+c.Nodes[node].ID, func() bool {
			got := c.book(t, node, u)
			if got.status == 200 {
				booked++
			}
			return got.status == 200
		})
	}
	u.credits(t, 10+booked)
	c.agree(t)
}
