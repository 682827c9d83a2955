package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"stoker/cli/local"
	"stoker/client"
)

// Rooms, in place of a folder, has a seed's pictures drawn.
const Rooms = "rooms"

// seedTime is how long a seed may take, however slow the machine.
const seedTime = 3 * time.Minute

// Seed is one job on a cluster that runs already, so that its pages have something to show.
type Seed struct {
	Cluster *local.Cluster
	API     *client.Client
	Photos  string // folder of JPEG and PNG pictures, or Rooms
	Device  string // of the user who orders it
	Spare   int64  // credits that the user has left after it
	Screen  io.Writer
	Binary  string // of the workers; empty: this one
}

// Run orders the job, has two workers do it, and sends them home. The job's id is what it gives.
func (o Seed) Run(ctx context.Context) (job string, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, seedTime, fmt.Errorf("it took longer than %s", seedTime))
	defer cancel()
	s := &show{Options: Options{Screen: o.Screen, Binary: o.Binary}, dir: o.Cluster.Dir, cluster: o.Cluster, api: o.API}
	photos, err := o.pictures(ctx)
	if err != nil {
		return "", err
	}
	s.screen = newScreen(o.Screen)
	defer s.screen.close()
	s.crew, err = hire(s, len(photos))
	defer func() {
		leave, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), goodbye, errors.New("it took too long"))
		defer cancel()
		s.crew.dismiss(leave)
	}()
	if err != nil {
		return "", err
	}
	c := &customer{show: s, app: o.API.App(""), photos: photos, device: o.Device, spare: o.Spare}
	if err := c.order(ctx); err != nil {
		return "", errors.Join(err, s.crew.failure())
	}
	return c.job, nil
}

// pictures are those of the folder; drawn ones go into the cluster's.
func (o Seed) pictures(ctx context.Context) ([]photo, error) {
	if _, err := os.Stat(o.Photos); err != nil && o.Photos == Rooms {
		return draw(ctx, filepath.Join(o.Cluster.Dir, Rooms))
	}
	return find(o.Photos)
}
