package bench

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
	mathrand "math/rand/v2"
	"time"

	"stoker/client"
)

// ChaosWorker is `stoker bench chaos-worker`, the process that queue-chaos kills: a worker on the Go SDK that waits instead
// of computing, and uploads a few bytes that say whose they are.
type ChaosWorker struct {
	Operator string        `required:"" type:"existingfile" help:"operator.toml of the cluster."`
	ID       string        `required:"" help:"Name of this worker."`
	Spool    string        `required:"" help:"Folder of results that were not delivered."`
	Mean     time.Duration `default:"1s" help:"Mean time of an item; times are exponentially distributed."`
}

// takenLine and lostLine are the SDK's log lines of a new lease and of one that is not its worker's any more; the proof
// counts them.
const (
	takenLine = "lease taken"
	lostLine  = "lease lost"
)

// Run works until ctx ends, or the process is killed, which is what it is for.
func (c *ChaosWorker) Run(ctx context.Context, out io.Writer) error {
	cluster, err := client.LoadOperator(c.Operator)
	if err != nil {
		return err
	}
	boot := rand.Text()
	w := client.Worker{
		Cluster: cluster, ID: c.ID, Presets: []string{preset}, Slots: 1, Spool: c.Spool, Grace: 5 * time.Second,
		Log: slog.New(slog.NewJSONHandler(out, nil)).With("boot", boot),
		Handle: func(ctx context.Context, item *client.Item) (client.Result, error) {
			took := time.Duration(mathrand.ExpFloat64() * float64(c.Mean))
			if err := pause(ctx, min(took, 10*c.Mean)); err != nil {
				return client.Result{}, err
			}
			if err := item.UploadOutput(ctx, signature(item.JobID, item.Idx, c.ID, boot)); err != nil {
				return client.Result{}, err
			}
			return client.Result{}, item.UploadPreview(ctx, signature(item.JobID, item.Idx, c.ID, boot))
		},
	}
	return w.Run(ctx)
}

// signature is what an item's output holds. Its beginning, up to the worker, is the same whoever made it.
func signature(job string, idx int, worker, boot string) *bytes.Reader {
	return bytes.NewReader(fmt.Appendf(nil, "%s/%d by %s %s\n", job, idx, worker, boot))
}
