package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

// Objects is `stoker bench objects`: pictures through the object store and through another S3 server, in one run.
type Objects struct {
	Against     string        `default:"versitygw" enum:"versitygw,none" help:"The other S3 server, started beside it: versitygw or none (${default})."`
	Peer        string        `type:"existingfile" metavar:"FILE" help:"Its program (installed once with go install into the user's cache folder)."`
	MB          int           `name:"mb" default:"5" help:"Size of a picture in MB (${default})."`
	Connections int           `default:"64" help:"Connections at a time (${default})."`
	Pictures    int           `default:"256" help:"Pictures in a round (${default})."`
	Rounds      int           `default:"2" help:"Rounds; in each, both servers are measured in turn (${default})."`
	Nodes       int           `default:"1" help:"Nodes of the cluster; with more than one each upload is on two before its answer (${default})."`
	Binary      string        `type:"existingfile" metavar:"FILE" help:"Program of the nodes (this one)."`
	JSON        bool          `name:"json" help:"Print JSON instead of a table."`
	Limit       time.Duration `default:"15m" help:"Give up after that (${default})."`
}

// Help says what is measured.
func (*Objects) Help() string {
	return `Starts a cluster as processes on loopback and another S3 server beside it, on the same disk, and sends both the same pictures
with the same client over the same number of connections: all PUTs, then all GETs, in turn, round after round. Prints MB/s,
the time of a request, each process's largest resident memory, and the ratio of the two. Every byte that comes back is
compared; exits 1 if one is another, or a request is refused.

versitygw keeps objects as files and does not sync them; a cluster syncs file, folder and log before it answers a PUT.

  stoker bench objects
  stoker bench objects --nodes 3 --pictures 128 --json
  stoker bench objects --against none --mb 1`
}

// ObjectsFigures is what Objects prints with --json.
type ObjectsFigures struct {
	MB          int            `json:"mb"`
	Connections int            `json:"connections"`
	Pictures    int            `json:"pictures"`
	Nodes       int            `json:"nodes"`
	Servers     []ServerFigure `json:"servers"`
	PutRatio    float64        `json:"put_ratio"` // the cluster's MB/s ÷ the other's; 0: there is no other
	GetRatio    float64        `json:"get_ratio"`
}

// ServerFigure is one server, all rounds together.
type ServerFigure struct {
	Name   string             `json:"name"`
	Put    Transfer           `json:"put"`
	Get    Transfer           `json:"get"`
	PeakMB map[string]float64 `json:"peak_mb"` // resident memory of each process; empty where the system does not tell
}

// Transfer is what went one way.
type Transfer struct {
	MBs     float64 `json:"mb_per_s"`
	P50     float64 `json:"p50_ms"`
	P99     float64 `json:"p99_ms"`
	bytes   int64
	seconds float64
	times   []float64
}

func (t *Transfer) sum() {
	t.MBs = float64(t.bytes) / (1 << 20) / t.seconds
	t.P50, t.P99 = percentile(t.times, 50), percentile(t.times, 99)
}

// Run measures and prints.
func (c *Objects) Run(ctx context.Context, out io.Writer) error {
	if c.MB < 1 || c.Connections < 1 || c.Pictures < 1 || c.Rounds < 1 || c.Nodes < 1 {
		return errors.New("bench objects: at least one of everything")
	}
	ctx, cancel := context.WithTimeoutCause(ctx, c.Limit, fmt.Errorf("it took longer than %s", c.Limit))
	defer cancel()
	if err := raiseFiles(uint64(4*c.Connections + 1024)); err != nil {
		return fmt.Errorf("bench objects: %w", err)
	}
	f, err := c.measure(ctx)
	if err != nil {
		return fmt.Errorf("bench objects: %w", err)
	}
	return show(out, c.JSON, &f)
}

func (c *Objects) measure(ctx context.Context) (f ObjectsFigures, err error) {
	t, err := openTestbed(ctx, bed{nodes: c.Nodes, binary: c.Binary})
	if err != nil {
		return f, err
	}
	defer func() { err = errors.Join(err, t.close()) }()
	ours, err := t.bucket(ctx)
	if err != nil {
		return f, err
	}
	servers := []*s3server{ours}
	if c.Against != "none" {
		program := c.Peer
		if program == "" {
			if program, err = installed(ctx, versitygw); err != nil {
				return f, err
			}
		}
		peer, err := startVersitygw(ctx, program, t.dir)
		if err != nil {
			return f, err
		}
		defer peer.stop()
		servers = append(servers, peer)
	}
	f = ObjectsFigures{MB: c.MB, Connections: c.Connections, Pictures: c.Pictures * c.Rounds, Nodes: c.Nodes}
	f.Servers = make([]ServerFigure, len(servers))
	load := newTransferLoad(c.MB<<20, c.Connections, c.Pictures)
	for round := range c.Rounds {
		for i, s := range servers {
			if err := load.run(ctx, s, "PUT", round, &f.Servers[i].Put); err != nil {
				return f, err
			}
		}
		for i, s := range servers {
			if err := load.run(ctx, s, "GET", round, &f.Servers[i].Get); err != nil {
				return f, err
			}
		}
	}
	for i, s := range servers {
		f.Servers[i].Name, f.Servers[i].PeakMB = s.name, s.peaks()
		f.Servers[i].Put.sum()
		f.Servers[i].Get.sum()
	}
	if len(servers) > 1 {
		f.PutRatio = f.Servers[0].Put.MBs / f.Servers[1].Put.MBs
		f.GetRatio = f.Servers[0].Get.MBs / f.Servers[1].Get.MBs
	}
	return f, nil
}

// print is the table.
func (f *ObjectsFigures) print(out io.Writer) {
	t := newTable(out, fmt.Sprintf("%d pictures of %d MB over %d connections", f.Pictures, f.MB, f.Connections),
		"server", "PUT MB/s", "p50 ms", "p99", "GET MB/s", "p50 ms", "p99", "peak memory MB")
	one := func(v float64) string { return fmt.Sprintf("%.1f", v) }
	for _, s := range f.Servers {
		t.AppendRow([]any{s.Name, one(s.Put.MBs), one(s.Put.P50), one(s.Put.P99), one(s.Get.MBs), one(s.Get.P50), one(s.Get.P99), peaksText(s.PeakMB)})
	}
	if f.PutRatio > 0 {
		t.AppendFooter([]any{"ratio", fmt.Sprintf("%.2f", f.PutRatio), "", "", fmt.Sprintf("%.2f", f.GetRatio)})
	}
	t.Render()
}
