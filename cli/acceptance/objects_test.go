package acceptance

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"stoker/client"
)

// key makes an access key for everything.
func (c *cluster) key(t *testing.T, name string) (access, secret string) {
	t.Helper()
	var key struct {
		AccessKey string `json:"access_key"`
		SecretKey string `json:"secret_key"`
	}
	out := c.told(t, "", "key", "create", "--name", name, "--read", "--write", "--json")
	if err := json.Unmarshal([]byte(out), &key); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return key.AccessKey, key.SecretKey
}

// s3 is minio-go at one host.
func s3(t *testing.T, host, access, secret string) *minio.Client {
	t.Helper()
	m, err := minio.New(host, &minio.Options{Creds: credentials.NewStaticV4(access, secret, ""), BucketLookup: minio.BucketLookupPath})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// disks asks a node how all nodes' files are.
func (c *cluster) disks(t *testing.T) (d client.Disks) {
	t.Helper()
	if err := json.Unmarshal([]byte(c.told(t, "", "objects", "--json")), &d); err != nil {
		t.Fatal(err)
	}
	return d
}

// blobs are a node's files, but for drafts and what is set aside.
func (c *cluster) blobs(node int) []string {
	found, _ := filepath.Glob(filepath.Join(c.blobDir(node), "??", "??", "*"))
	return found
}

func (c *cluster) blobDir(node int) string {
	return filepath.Join(c.Dir, c.Nodes[node].ID, "data", "blobs")
}

// heals waits until a node has as many files as there are objects.
func (c *cluster) heals(t *testing.T, node, want int, after string) {
	t.Helper()
	eventually(t, fmt.Sprintf("%s has all %d files again after %s", c.Nodes[node].ID, want, after), func() bool { return len(c.blobs(node)) == want })
}

// Pictures outlive the node that took them, a node's folder, and rot; readers notice nothing.
func TestObjects_Heal(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 3, binary)
	c.begin(t)
	u := c.user(t)
	ticket := u.created(t, 0, 4)
	pictures := make([][]byte, 4)
	for i := range pictures {
		pictures[i] = pictureOf(ticket.JobID, i)
		put := request{method: "PUT", path: ticket.PresignedURLs[i].URL, body: pictures[i]}
		if got := c.send(t, i%3, c.moved(t, put)); got.status != 200 {
			t.Fatalf("upload: HTTP %d: %.300s", got.status, got.body)
		}
	}
	if err := u.any.ConfirmUpload(t.Context(), ticket.JobID); err != nil {
		t.Fatal(err)
	}
	if err := u.any.Execute(t.Context(), ticket.JobID, wall); err != nil {
		t.Fatal(err)
	}
	g := c.lease(t, 1, 4, ticket.JobID)
	for node := range c.Nodes {
		c.heals(t, node, 4, "the uploads")
	}

	// Readers of all pictures on the nodes that are up, until the end.
	ctx, stop := context.WithCancel(t.Context())
	var readers sync.WaitGroup
	defer func() { stop(); readers.Wait() }()
	for _, node := range []int{0, 1} { // the third goes down on the way
		readers.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				i := n % len(g.Items)
				got, err := c.try(ctx, node, c.moved(t, request{method: "GET", path: g.Items[i].InputURL}))
				if ctx.Err() != nil {
					return
				}
				if err != nil || got.status != 200 || !bytes.Equal(got.body, pictures[g.Items[i].Idx]) {
					t.Errorf("picture %d at %s: HTTP %d, %d bytes, %v", i, c.Nodes[node].ID, got.status, len(got.body), err)
					return
				}
			}
		})
	}

	// Deleted while it runs: a read finds out.
	eventually(t, "the folder is deleted", func() bool { return os.RemoveAll(c.blobDir(1)) == nil })
	c.heals(t, 1, 4, "its folder was deleted while it ran")

	// Deleted while it is down.
	c.Nodes[2].Kill()
	if err := os.RemoveAll(c.blobDir(2)); err != nil {
		t.Fatal(err)
	}
	if err := c.Nodes[2].Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.heals(t, 2, 4, "its folder was deleted while it was down")

	// A byte rots.
	rotten := c.blobs(2)[0]
	good, err := os.ReadFile(rotten)
	if err != nil {
		t.Fatal(err)
	}
	bad := bytes.Clone(good)
	bad[len(bad)/2] ^= 1
	if err := os.WriteFile(rotten, bad, 0o600); err != nil {
		t.Fatal(err)
	}
	c.told(t, "", "objects", "scrub")
	eventually(t, "the rotten file is replaced", func() bool {
		now, err := os.ReadFile(rotten)
		return err == nil && bytes.Equal(now, good)
	})
	eventually(t, "all nodes say that nothing is missing, damaged or lost", func() bool {
		for _, n := range c.disks(t).Nodes {
			if n.Error != "" || n.Missing+n.Rotten+n.Lost != 0 {
				return false
			}
		}
		return true
	})
}
