package bench

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"
)

// GrowthRestarts is how long the first node takes from its start until it serves, in seconds.
type GrowthRestarts struct {
	Stopped float64 `json:"stopped_s"` // after it was stopped in order
	Killed  float64 `json:"killed_s"`  // after it was killed
	Again   float64 `json:"again_s"`   // after it was killed again at once: then it reads all of its state
}

// restarts stops the first node and kills it, twice.
func restarts(ctx context.Context, r *rig) (*GrowthRestarts, error) {
	g, node := &GrowthRestarts{}, r.bed.cluster.Nodes[0]
	bye, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if err := node.Process().Stop(bye); err != nil {
		return nil, err
	}
	for _, took := range []*float64{&g.Stopped, &g.Killed, &g.Again} {
		node.Kill() // which has ended, the first time
		r.wire.hangUp()
		began := time.Now()
		if err := errors.Join(node.Start(), node.WaitReady(ctx)); err != nil {
			return nil, err
		}
		*took = time.Since(began).Seconds()
	}
	return g, nil
}

// sizes are those of a node's state and of its log and snapshots, in MB.
func sizes(dir string) (state, log float64, err error) {
	err = filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
		if os.IsNotExist(err) {
			return nil // a snapshot that has just got its name, or went
		}
		if err != nil || info.IsDir() {
			return err
		}
		mb := float64(info.Size()) / (1 << 20)
		if filepath.Base(path) == "state.bolt" {
			state += mb
		} else {
			log += mb
		}
		return nil
	})
	return state, log, err
}
