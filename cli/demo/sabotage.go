package demo

import (
	"context"
	"errors"
	"fmt"
	"time"

	"stoker/cli/local"
	"stoker/cli/status"
)

// quorumAfterKill is the least size of a cluster that goes on without one node. A smaller one is put together again at once.
const quorumAfterKill = 3

// murder is what was done to the leader.
type murder struct {
	node  *local.Node
	at    time.Time
	after int // pictures that were done
}

// killLeader asks the cluster who leads and kills that process.
func (s *show) killLeader(ctx context.Context, done, total int) (*murder, error) {
	for {
		now, err := status.Fetch(ctx, s.api.Operator())
		if err != nil {
			return nil, err
		}
		if n, ok := s.cluster.Node(now.Leader); ok {
			n.Kill()
			m := &murder{node: n, at: time.Now(), after: done}
			s.screen.note(fmt.Sprintf("kill -9 of %s, the leader, with %d of %d pictures done", n.ID, done, total))
			s.screen.node(n.ID, "killed", 0)
			if len(s.cluster.Nodes) < quorumAfterKill {
				return m, n.Restart(ctx)
			}
			return m, nil
		}
		select { // an election is under way
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// makeWhole starts nodes that do not run, and refuses those that ended by themselves.
func (s *show) makeWhole(ctx context.Context) error {
	var all []error
	for _, n := range s.cluster.Nodes {
		if p := n.Process(); p.Alive() {
			continue
		} else if err := p.Failure(); err != nil {
			all = append(all, err)
		} else {
			s.screen.note(fmt.Sprintf("starting %s again, with what its disk has", n.ID))
			all = append(all, n.Restart(ctx))
		}
	}
	return errors.Join(all...)
}

// watchNodes keeps the nodes' lines up to date. It only shows: while nobody answers, the lines stay as they are.
func (s *show) watchNodes(ctx context.Context) {
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		asking, cancel := context.WithTimeout(ctx, time.Second)
		now, err := status.Fetch(asking, s.api.Operator())
		cancel()
		if err == nil {
			for _, m := range now.Members {
				if n, ok := s.cluster.Node(m.ID); ok && n.Process().Alive() && m.Up() {
					s.screen.node(m.ID, now.RoleOf(m), m.Index)
				}
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
