package webhook

import (
	"context"
	"log/slog"
	"reflect"
	"sync"
	"time"

	"stoker/fsm"
	"stoker/node"
)

// Sender has webhooks told where the leader is.
type Sender struct {
	node    *node.Node
	poster  *Poster
	metrics *metrics
	log     *slog.Logger
	grace   time.Duration // that a POST under way has when this node leads no more

	mu    sync.Mutex
	lanes map[string]*lane // under way on this node
	again chan struct{}    // the settings have changed
}

// Start has a node's webhooks sent for as long as it runs.
func Start(n *node.Node, version string, log *slog.Logger) *Sender {
	s := &Sender{
		node: n, poster: NewPoster(version), metrics: newMetrics(n), log: log, grace: 2 * time.Second,
		lanes: map[string]*lane{}, again: make(chan struct{}, 1),
	}
	n.Subscribe(s.hear)
	s.metrics.show(n)
	n.WhileLeader("webhooks", s.lead)
	return s
}

// hear is told of each applied batch; it must not block.
func (s *Sender) hear(c fsm.Changes) {
	if c.Settings || c.Restored {
		ring(s.again)
		s.metrics.show(s.node)
	}
	if !c.Told && !c.Hooks {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.lanes {
		ring(l.wake)
	}
}

// ring sends a signal that is not lost and does not wait.
func ring(bell chan struct{}) {
	select {
	case bell <- struct{}{}:
	default:
	}
}

// lead keeps a lane going for each webhook of the settings in force.
func (s *Sender) lead(ctx context.Context, _ uint64) {
	defer func() {
		s.adjust(ctx, nil)
		s.mu.Lock()
		lanes := s.lanes
		s.lanes = map[string]*lane{}
		s.mu.Unlock()
		for _, l := range lanes {
			<-l.done
		}
	}()
	for ctx.Err() == nil {
		v := s.node.View()
		want := v.Settings().Webhooks
		v.Close()
		s.adjust(ctx, want)
		select {
		case <-s.again:
		case <-ctx.Done():
		}
	}
}

// adjust begins and ends lanes. One whose webhook is another now begins when the
// old one has said what it has posted.
func (s *Sender) adjust(ctx context.Context, want map[string]fsm.Webhook) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, l := range s.lanes {
		if h, stays := want[name]; !stays || !reflect.DeepEqual(h, l.hook) {
			l.cancel()
		}
	}
	for name, h := range want {
		old := s.lanes[name]
		if old != nil && old.ctx.Err() == nil {
			continue
		}
		l := newLane(ctx, s, name, h)
		s.lanes[name] = l
		go func() {
			defer close(l.done)
			if old != nil {
				<-old.done
			}
			l.run()
		}()
	}
}

// keys opens the secrets that sign a webhook. definite: trying again would not help.
func (s *Sender) keys(ctx context.Context, h fsm.Webhook) (keys [][]byte, definite bool, err error) {
	for _, name := range h.Secrets {
		secret, err := s.node.Secret(ctx, name)
		if err != nil {
			return nil, isDefinite(err), err
		}
		key, err := Key(string(secret))
		if err != nil {
			return nil, true, &badSecret{name, err}
		}
		keys = append(keys, key)
	}
	return keys, false, nil
}

// Test posts a ping to a webhook now, disabled or not, from whichever node.
func (s *Sender) Test(ctx context.Context, h fsm.Webhook, id string) (Outcome, error) {
	keys, definite, err := s.keys(ctx, h)
	if definite {
		return Outcome{Error: short(err)}, nil
	}
	if err != nil {
		return Outcome{}, err
	}
	m := Message{ID: id, Type: "ping", At: stamp(s.poster.now().UnixNano())}
	return s.poster.Post(ctx, Target{h.URL, h.AllowPrivate, keys}, id, m.encode()), nil
}
