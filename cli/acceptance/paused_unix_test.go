//go:build unix

package acceptance

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"stoker/cli/local"
	"stoker/client"
)

func init() { roles["paused-worker"] = pausedWorker }

// pausedWorker leases, stops its own process as SIGSTOP (or a swapping machine) does, and goes on when it is woken as if
// nothing had been: it uploads and reports. What the cluster says to that is its output.
func pausedWorker(args []string) int {
	operator, err := client.LoadOperator(args[1])
	if err != nil {
		fmt.Println(err)
		return 1
	}
	c, err := client.New(operator)
	if err != nil {
		fmt.Println(err)
		return 1
	}
	ctx := context.Background()
	g, err := c.Queue().Lease(ctx, client.Poll{WorkerID: "paused", MaxItems: 1, WaitS: 60})
	if err != nil || g == nil {
		fmt.Println("no work:", err)
		return 1
	}
	fmt.Println("leased", g.LeaseID)
	woken := make(chan os.Signal, 1)
	signal.Notify(woken, syscall.SIGCONT)
	if err := syscall.Kill(os.Getpid(), syscall.SIGSTOP); err != nil {
		fmt.Println(err)
		return 1
	}
	<-woken // the signal stops other threads a moment before this one
	item := g.Items[0]
	said := map[string]string{}
	say := func(what string, err error) { said[what] = fmt.Sprint(statusOf(err), " ", codeOf(err)) }
	say("upload", c.Upload(ctx, item.OutputURL, bytes.NewReader([]byte("made in its sleep"))))
	_, err = c.Queue().Heartbeat(ctx, g.LeaseID, nil)
	say("heartbeat", err)
	done := client.ItemResult{Idx: item.Idx, Status: client.Done, OutputKey: item.OutputKey}
	_, err = c.Queue().Results(ctx, g.LeaseID, done)
	say("results", err)
	text, err := json.Marshal(said)
	fmt.Println("woke", string(text), err)
	return 0
}

// A worker that slept through its lease wakes up and reports: the item is another's by then, and the other's result stands.
//
// The lease was never confirmed, so it lasts 10 s; one that was would take a minute.
func TestLease_OfAPausedWorker(t *testing.T) {
	t.Parallel()
	c := shared(t)
	u := c.user(t)
	job := u.queued(t, 0, 1)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var said output
	p, err := local.Launch(local.Command{
		Name: "paused worker", Path: self, Args: []string{"paused-worker", filepath.Join(c.Dir, "operator.toml")},
		Log: filepath.Join(t.TempDir(), "paused.log"), Tap: &said,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	eventually(t, "the worker has leased and sleeps", func() bool { return strings.Contains(said.String(), "leased") })

	g := c.lease(t, 1, 1, job) // parked until the other's lease has run out
	if g.Attempt != 1 {
		t.Errorf("attempt %d: a lease that was never confirmed burns none", g.Attempt)
	}
	c.finished(t, 2, g, "made awake")
	if err := syscall.Kill(p.Pid(), syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the worker wakes and reports", func() bool { return strings.Contains(said.String(), "woke") })

	_, text, _ := strings.Cut(said.String(), "woke ")
	var answers map[string]string
	if err := json.NewDecoder(strings.NewReader(text)).Decode(&answers); err != nil {
		t.Fatalf("%v in %q", err, text)
	}
	for what, want := range map[string]string{"heartbeat": "409 LEASE_LOST", "results": "409 LEASE_LOST", "upload": "403 AccessDenied"} {
		if answers[what] != want {
			t.Errorf("the late %s was answered %q, want %q", what, answers[what], want)
		}
	}
	for node := range c.Nodes {
		j := u.job(t, node, job)
		if j.Status != client.Done || j.DoneItems != 1 || len(j.DownloadURLs) != 1 {
			t.Fatalf("node %d: %+v", node, j)
		}
		if got := c.download(t, node, j.DownloadURLs[0].OutputURL); string(got) != "made awake" {
			t.Errorf("node %d gives %q for the result", node, got)
		}
	}
	if n := endings(t, u, job, 0); n != 1 {
		t.Errorf("the history says %d times that the item is done", n)
	}
	u.credits(t, 9)
}

// output is what a process has printed so far.
type output struct {
	mu   sync.Mutex
	text strings.Builder
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}
