package demo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"stoker/cli/local"
)

// Workers of the demo. Two, so that one has work while the other waits; one slot each, so that the job takes long enough to be watched.
const (
	workers = 2
	// slow is what each picture takes longer when the leader is to be killed in the middle: small photographs
	// would all be done before anybody can pull a plug.
	slow = 300 * time.Millisecond
)

// finished is what the sample worker logs for each picture; it is part of the line, whatever the log's form.
var finished = []byte("picture done")

// crew are the worker processes.
type crew struct{ processes []*local.Process }

// hire starts the workers.
func hire(s *show, pictures int) (*crew, error) {
	c := &crew{}
	for i := range workers {
		id := fmt.Sprintf("w%d", i+1)
		args := []string{"worker", "--operator", filepath.Join(s.dir, "operator.toml"), "--id", id, "--slots", "1"}
		if s.KillLeader {
			args = append(args, "--delay", slow.String())
		}
		s.screen.worker(id, 0, pictures)
		tap := &counter{tell: func(n int) { s.screen.worker(id, n, pictures) }}
		p, err := local.Launch(local.Command{
			Name: "worker " + id, Path: s.Binary, Args: args, Log: filepath.Join(s.dir, "log", id+".log"), Tap: tap,
		})
		if err != nil {
			return c, err
		}
		c.processes = append(c.processes, p)
	}
	return c, nil
}

// failure tells which workers ended by themselves.
func (c *crew) failure() error {
	var all []error
	for _, p := range c.processes {
		all = append(all, p.Failure())
	}
	return errors.Join(all...)
}

// dismiss lets the workers finish and go.
func (c *crew) dismiss(ctx context.Context) {
	var all sync.WaitGroup
	for _, p := range c.processes {
		all.Go(func() { p.Stop(ctx) }) // killed if it does not stop, and nothing depends on how it went
	}
	all.Wait()
}

// counter counts finished pictures in a worker's output. One process writes at a time, and whole lines.
type counter struct {
	tell func(n int)
	n    int
}

func (c *counter) Write(p []byte) (int, error) {
	if n := bytes.Count(p, finished); n > 0 {
		c.n += n
		c.tell(c.n)
	}
	return len(p), nil
}
