package handlers

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-json-experiment/json"
	"golang.org/x/time/rate"
)

const (
	// requestPace is how many requests a second one node shows unless ?rate= says
	// otherwise, and maxPace the most it may say.
	requestPace = 50
	maxPace     = 1000
	// leftEvery is how often who looks on is told how many were left out.
	leftEvery = time.Second
)

// requestLine is a request as it stands in the node's log.
type requestLine struct {
	At      string  `json:"at"`
	Node    string  `json:"node"`
	Method  string  `json:"method"`
	Path    string  `json:"path"`
	Route   string  `json:"route"`
	Status  int     `json:"status"`
	TookMS  float64 `json:"took_ms"`
	Bytes   int     `json:"bytes"` // -1: a stream
	By      string  `json:"by"`    // "": nobody has said who it is
	From    string  `json:"from"`
	Request string  `json:"request_id"`
}

// onlookers are the operators that look at this node's requests as they come.
// They are in no log: who is not looking misses them.
type onlookers struct {
	n  atomic.Int32
	mu sync.Mutex
	on map[*onlooker]struct{}
}

type onlooker struct {
	lines chan requestLine
	pace  *rate.Limiter
	left  atomic.Int64 // out, since it was last told
}

func (o *onlookers) enter(perSecond int) (one *onlooker, leave func()) {
	one = &onlooker{lines: make(chan requestLine, perSecond), pace: rate.NewLimiter(rate.Limit(perSecond), perSecond)}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.on == nil {
		o.on = map[*onlooker]struct{}{}
	}
	o.on[one] = struct{}{}
	o.n.Add(1)
	return one, func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		delete(o.on, one)
		o.n.Add(-1)
	}
}

// show gives a request to who looks on. It never waits: what is too much, or more
// than an onlooker takes off, is counted instead.
func (o *onlookers) show(line func() requestLine) {
	if o.n.Load() == 0 {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	for one := range o.on {
		if !one.pace.Allow() {
			one.left.Add(1)
			continue
		}
		select {
		case one.lines <- line():
		default:
			one.left.Add(1)
		}
	}
}

// adminRequests streams this node's requests as they are answered, at most
// ?rate= a second; of the others it says how many there were.
func (s *Server) adminRequests(c *call) (any, error) {
	pace := requestPace
	if text := c.query("rate"); text != "" {
		var err error
		if pace, err = strconv.Atoi(text); err != nil || pace < 1 || pace > maxPace {
			return nil, invalid("rate", "must be a whole number from 1 to %d", maxPace)
		}
	}
	holder := c.holder
	return c.stream(func(o outlet) error { return s.showRequests(s.parked, holder, pace, o) })
}

func (s *Server) showRequests(ctx context.Context, holder string, pace int, o outlet) error {
	defer s.count.park(parkedStream)()
	ctx, leave := s.guests.enter(ctx, holder)
	defer leave()
	one, gone := s.onlookers.enter(pace)
	defer gone()
	still, count := time.NewTicker(s.cfg.KeepAlive), time.NewTicker(leftEvery)
	defer still.Stop()
	defer count.Stop()
	send := func(name string, body any) error {
		text, err := json.Marshal(body)
		if err != nil {
			return fmt.Errorf("requests: render %s: %w", name, err)
		}
		return o.send(name, "", text)
	}
	for {
		var err error
		select {
		case <-ctx.Done():
			return nil
		case l := <-one.lines:
			err = send("request", l)
		case <-count.C:
			if n := one.left.Swap(0); n > 0 {
				err = send("left_out", map[string]any{"node": s.node.ID(), "count": n})
			}
		case <-still.C:
			err = o.beat()
		}
		if err != nil {
			return err
		}
	}
}
