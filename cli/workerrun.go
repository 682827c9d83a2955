package cli

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"strings"
	"time"

	"stoker/cli/picture"
	"stoker/client"
)

// workerGrace is how long pictures in work may take to finish after SIGTERM; a picture takes well under a second.
const workerGrace = 20 * time.Second

// workerRun is `stoker worker run`, and plain `stoker worker`.
type workerRun struct {
	operatorFlags
	ID        string        `env:"STOKER_WORKER_ID" help:"Name of this worker (host name and process id)."`
	Presets   []string      `metavar:"NAME" help:"Presets to take work for (all that it knows: interior, seller)."`
	Slots     int           `default:"0" help:"Pictures in work at once (one per processor)."`
	Delay     time.Duration `help:"Take so much longer for each picture, as a slow model would."`
	Spool     string        `metavar:"DIR" help:"Folder, of this worker alone, in which results wait until they are delivered; without one a crash loses them and the pictures are made again."`
	LogFormat string        `enum:"text,json" default:"text" metavar:"text|json" help:"Form of the log."`
}

// Help says what it can do, which is little.
func (*workerRun) Help() string {
	return `A stand-in for a GPU worker: it polls the queue of any node, really changes the pictures and reports them one by one.
It has no segmentation model. It finds regions by simple colour clustering over the picture, and tells which is which
by position, size and brightness: what lies low and wide is the floor. Plain rooms come out well, others as they may.

  recolor  #rrggbb or a CSS colour name          tone     warmer, cooler, brighter, darker or -100 to 100
  texture  wood, marble, linen or concrete       remove   fills the region from what surrounds it

Protected concepts keep every pixel. Results are PNG in full size, previews JPEG of at most 400 pixels.
A preset counts as loaded in memory once a picture of it was made, as with a model that takes long to load.

  stoker worker --operator cluster/operator.toml --presets interior --slots 2
  STOKER_ENDPOINTS=http://10.0.0.1:8080 STOKER_WORKER_TOKEN=wrk_… stoker worker`
}

// Run works until it is told to stop, then finishes what it began.
func (c *workerRun) Run(s *shell) error {
	cluster, err := c.cluster()
	if err != nil {
		return err
	}
	if cluster.WorkerToken == "" {
		return errors.New("no worker token: it is in operator.toml, or in STOKER_WORKER_TOKEN")
	}
	presets, err := c.presets()
	if err != nil {
		return err
	}
	if c.Slots < 0 {
		return fmt.Errorf("--slots %d: give 1 or more", c.Slots)
	}
	if c.Slots == 0 {
		c.Slots = runtime.GOMAXPROCS(0)
	}
	if c.ID == "" {
		host, err := os.Hostname()
		if err != nil {
			host = "worker"
		}
		c.ID = fmt.Sprintf("%s-%d", host, os.Getpid())
	}
	log := slog.New(slog.NewTextHandler(s.out, nil))
	if c.LogFormat == "json" {
		log = slog.New(slog.NewJSONHandler(s.out, nil))
	}
	hand := &retoucher{delay: c.Delay, log: log}
	w := client.Worker{
		Cluster: cluster, ID: c.ID, Presets: presets, Slots: c.Slots, Grace: workerGrace, Log: log,
		Spool: c.Spool, Loaded: hand.warm.list, Handle: hand.handle,
	}
	return w.Run(s.ctx)
}

// presets are those asked for, or all that the sample worker can do: what it did not know it could only refuse.
func (c *workerRun) presets() ([]string, error) {
	known := picture.Presets()
	if len(c.Presets) == 0 {
		return known, nil
	}
	for _, name := range c.Presets {
		if !strings.Contains(" "+strings.Join(known, " ")+" ", " "+name+" ") {
			return nil, fmt.Errorf("--presets %s: the sample worker knows %s", name, strings.Join(known, ", "))
		}
	}
	return c.Presets, nil
}
