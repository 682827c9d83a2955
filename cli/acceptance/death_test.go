package acceptance

import (
	"bytes"
	"testing"

	"stoker/client"
)

// A node dies at the worst moment for one of its clients. Each time it is the leader once, and a follower once.
func TestDeath(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 3, binary)
	c.begin(t)
	whole := t.Run("of the follower that took an upload", func(t *testing.T) { c.diesAfterUpload(t, (c.leader(t)+1)%3) }) &&
		t.Run("of the leader that took an upload", func(t *testing.T) { c.diesAfterUpload(t, c.leader(t)) }) &&
		t.Run("of the leader while a follower holds a poll", c.leaderDiesUnderPoll)
	if whole { // else nobody has started the victim again
		c.agree(t)
	}
}

// diesAfterUpload kills a node as soon as it has acknowledged a picture. The picture is on the others, and there again when the
// node comes back.
func (c *cluster) diesAfterUpload(t *testing.T, victim int) {
	u := c.user(t)
	ticket := u.created(t, victim, 1)
	picture := pictureOf(ticket.JobID, 0)
	put := request{method: "PUT", path: ticket.PresignedURLs[0].URL, body: picture}
	if got := c.send(t, victim, c.moved(t, put)); got.status != 200 {
		t.Fatalf("upload: HTTP %d: %.300s", got.status, got.body)
	}
	c.Nodes[victim].Kill()

	if err := u.any.ConfirmUpload(t.Context(), ticket.JobID); err != nil {
		t.Fatal(err)
	}
	if err := u.any.Execute(t.Context(), ticket.JobID, wall); err != nil {
		t.Fatal(err)
	}
	next, last := (victim+1)%3, (victim+2)%3
	g := c.lease(t, next, 1, ticket.JobID)
	for _, node := range []int{next, last} {
		if !bytes.Equal(c.download(t, node, g.Items[0].InputURL), picture) {
			t.Errorf("node %d has another picture", node)
		}
	}
	c.finished(t, last, g, "made without a node")
	if err := c.Nodes[victim].Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	j := u.job(t, victim, ticket.JobID)
	if j.Status != client.Done || len(j.DownloadURLs) != 1 {
		t.Fatalf("the node that came back says %+v", j)
	}
	if got := c.download(t, victim, j.DownloadURLs[0].OutputURL); string(got) != "made without a node" {
		t.Errorf("the node that came back gives %.100q for the result", got)
	}
	if !bytes.Equal(c.download(t, victim, g.Items[0].InputURL), picture) {
		t.Error("the node that came back has another picture")
	}
	u.credits(t, 9)
}

// leaderDiesUnderPoll kills the leader while a worker's poll is parked on a follower. The worker notices nothing: the one
// request that it sent is answered with work that was made after.
func (c *cluster) leaderDiesUnderPoll(t *testing.T) {
	leader := c.leader(t)
	follower := (leader + 1) % 3
	u := c.user(t)
	type answer struct {
		reply
		err error
	}
	polled := make(chan answer, 1)
	go func() {
		got, err := c.try(t.Context(), follower, request{
			method: "POST", path: "/queue/lease", token: c.operator.WorkerToken,
			body: client.Poll{WorkerID: "patient", MaxItems: 4, WaitS: 60},
		})
		polled <- answer{got, err}
	}()
	eventually(t, "the poll is parked at the leader", func() bool {
		leader = c.leader(t)
		return leader != follower && c.status(t, leader).Queue.Waiters == 1
	})
	c.Nodes[leader].Kill()

	job := u.uploaded(t, follower, 2).JobID
	select {
	case got := <-polled:
		t.Fatalf("the poll ended before there was work: HTTP %d, %v", got.status, got.err)
	default:
	}
	if err := u.any.Execute(t.Context(), job, wall); err != nil {
		t.Fatal(err)
	}
	got := <-polled
	if got.err != nil {
		t.Fatal(got.err)
	}
	var g client.Grant
	if got.into(t, &g); g.JobID != job || len(g.Items) != 2 || g.Attempt != 1 {
		t.Fatalf("leased %+v, want the two items of %s at the first attempt", g, job)
	}
	c.finished(t, (leader+2)%3, &g, "made after the leader died")
	if j := u.job(t, follower, job); j.Status != client.Done || j.DoneItems != 2 {
		t.Errorf("the job is %+v", j)
	}
	if err := c.Nodes[leader].Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	u.credits(t, 8)
}
