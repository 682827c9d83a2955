package acceptance

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"stoker/cli/local"
	"stoker/client"
)

// routed are two cells, and a router in front of them that runs.
type routed struct {
	cells map[string]*cluster // by cluster id
	file  string
	url   string
	front *client.Client
}

// newRouted starts a cell of three nodes, one of a single node, and a router.
func newRouted(t *testing.T) *routed {
	t.Helper()
	r := &routed{cells: map[string]*cluster{}, file: filepath.Join(t.TempDir(), "cells.toml")}
	var b strings.Builder
	for i, n := range []int{3, 1} {
		c := newCluster(t, n, binary)
		c.begin(t)
		id, err := c.any.Operator().ClusterID(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		r.cells[id] = c
		fmt.Fprintf(&b, "[[cells]]\nname = \"cell-%d\"\ncluster = %q\nendpoints = [", i, id)
		for _, node := range c.Nodes {
			fmt.Fprintf(&b, "%q, ", "http://"+node.HTTP)
		}
		b.WriteString("]\n")
	}
	if err := os.WriteFile(r.file, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	r.start(t)
	return r
}

// start runs a router, another one each time.
func (r *routed) start(t *testing.T) *local.Process {
	t.Helper()
	free, err := local.Anywhere(1)
	if err != nil {
		t.Fatal(err)
	}
	at := fmt.Sprintf("127.0.0.1:%d", free[0].HTTP)
	p, err := local.Launch(local.Command{
		Name: "router", Path: binary, Args: []string{"route", "--config", r.file, "--listen", at}, Log: filepath.Join(t.TempDir(), "router.log"),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	r.url = "http://" + at
	eventually(t, "the router serves", func() bool {
		res, err := web.Get(r.url + "/health")
		if err != nil {
			return false
		}
		return res.Body.Close() == nil && res.StatusCode == http.StatusOK
	})
	if r.front, err = client.New(client.Cluster{Endpoints: []string{r.url}}); err != nil {
		t.Fatal(err)
	}
	return p
}

// where finds the one cell that a user lives in.
func (r *routed) where(t *testing.T, id string) (home, other *cluster) {
	t.Helper()
	for _, c := range r.cells {
		if u, err := c.any.Operator().User(t.Context(), id); err == nil && u.Away == "" && home == nil {
			home = c
		} else {
			other = c
		}
	}
	if home == nil || other == nil {
		t.Fatalf("%s does not live in one cell", id)
	}
	return home, other
}

// get asks the router with a token, once.
func (r *routed) get(t *testing.T, path, token string) reply {
	t.Helper()
	for _, c := range r.cells {
		return c.send(t, 0, request{method: "GET", path: r.url + path, token: token})
	}
	return reply{}
}

// TestRoute_TheWholeJobAndAMove: an app that knows the router alone signs in, has pictures worked on, watches, is moved to the other
// cell, signs in again and finds all of it; then its cell loses its leader and the router is another one.
func TestRoute_TheWholeJobAndAMove(t *testing.T) {
	r := newRouted(t)
	lives := map[*cluster][]string{}
	for i := 0; len(lives) < 2; i++ {
		device := fmt.Sprintf("phone-%d", i)
		in, err := r.front.App("").SignIn(t.Context(), device)
		if err != nil {
			t.Fatal(err)
		}
		home, _ := r.where(t, in.UserID)
		lives[home] = append(lives[home], device)
	}
	var device string
	for c, devices := range lives {
		if len(c.Nodes) == 1 { // it moves to where a leader can be lost
			device = devices[0]
		}
	}
	app := r.front.App("")
	in, err := app.SignIn(t.Context(), device)
	if err != nil || in.IsNew {
		t.Fatalf("%+v, %v", in, err)
	}
	home, other := r.where(t, in.UserID)
	job := r.work(t, app, home)

	if out, said, err := home.moves(t, in.UserID, other); err != nil {
		t.Fatalf("%v %s%s", err, out, said)
	}
	if got := r.get(t, "/me", in.Token); got.status != 401 || got.code != "AUTH_EXPIRED_TOKEN" {
		t.Errorf("with the token of the cell that it has left: %d %s", got.status, got.body)
	}
	moved := r.front.App("")
	again, err := moved.SignIn(t.Context(), device)
	if err != nil || again.UserID != in.UserID || again.IsNew {
		t.Fatalf("it signs in as %+v, %v", again, err)
	}
	found, err := moved.Job(t.Context(), job)
	if err != nil || len(found.DownloadURLs) != 1 {
		t.Fatalf("%+v, %v", found, err)
	}
	var picture bytes.Buffer
	if _, err := moved.Download(t.Context(), found.DownloadURLs[0].OutputURL, &picture); err != nil || picture.String() != "done" {
		t.Errorf("its picture is %q, %v", picture.String(), err)
	}
	r.work(t, moved, other)

	other.Nodes[other.leader(t)].Kill()
	r.start(t)
	if me, err := r.front.App(again.Token).Me(t.Context()); err != nil || me.UserID != in.UserID {
		t.Errorf("a leader and the router were lost: %+v, %v", me, err)
	}
	for _, n := range other.Nodes {
		n.Kill()
	}
	if got := r.get(t, "/me", again.Token); got.status != 503 || got.header.Get("Retry-After") == "" {
		t.Errorf("its cell is down: %d %s", got.status, got.body)
	}
	for c, devices := range lives {
		if c == home && len(devices) > 1 {
			if _, err := r.front.App("").SignIn(t.Context(), devices[1]); err != nil {
				t.Errorf("a device of the other cell: %v", err)
			}
		}
	}
}

// work takes a job of one picture through its whole life, by the router for the app and at the cell for the worker, while the app
// watches.
func (r *routed) work(t *testing.T, app *client.App, cell *cluster) (job string) {
	t.Helper()
	ticket, err := app.CreateJob(t.Context(), "interior", 1)
	if err != nil {
		t.Fatal(err)
	}
	job = ticket.JobID
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	ended := make(chan error, 1)
	go func() {
		last := ""
		for e, err := range app.Events(ctx, job, "") {
			if err != nil {
				ended <- err
				return
			}
			last = e.Type + string(e.Data)
		}
		if !strings.Contains(last, "done") {
			ended <- fmt.Errorf("the stream ended with %s", last)
		}
		close(ended)
	}()
	if err := app.Upload(t.Context(), ticket.PresignedURLs[0].URL, bytes.NewReader(pictureOf(job, 0))); err != nil {
		t.Fatal(err)
	}
	if err := app.ConfirmUpload(t.Context(), job); err != nil {
		t.Fatal(err)
	}
	if err := app.Execute(t.Context(), job, wall); err != nil {
		t.Fatal(err)
	}
	cell.finished(t, 0, cell.lease(t, 0, 1, job), "done")
	if err := <-ended; err != nil {
		t.Errorf("the stream of %s: %v", job, err)
	}
	return job
}
