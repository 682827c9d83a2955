package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
)

// CodePositionGone refuses a position behind which not everything is kept any more.
const CodePositionGone = "POSITION_GONE"

// Change is one change of the cluster's state.
type Change struct {
	ID      string    `json:"id"` // position; hand it to Tail as From to go on behind it
	Index   uint64    `json:"index"`
	Ordinal uint32    `json:"ordinal"`
	At      time.Time `json:"at"`
	Event   string    `json:"event"` // what happened to what: job.done, credits.debit, worker.gone
	JobID   string    `json:"job_id,omitempty"`
	Item    *int      `json:"item,omitempty"`
	UserID  string    `json:"user_id,omitempty"`
	Worker  string    `json:"worker,omitempty"`
	Node    string    `json:"node,omitempty"`
	LeaseID string    `json:"lease_id,omitempty"`
	Items   int       `json:"items,omitempty"` // of the lease
	From    Status    `json:"from,omitempty"`
	To      Status    `json:"to,omitempty"`
	Amount  int64     `json:"amount,omitempty"`
	Balance *int64    `json:"balance,omitempty"`
	Action  string    `json:"action,omitempty"` // what an operator did
	Subject string    `json:"subject,omitempty"`
	Code    string    `json:"code,omitempty"` // of the refusal
	By      string    `json:"by,omitempty"`
	Detail  string    `json:"detail,omitempty"`
	Request string    `json:"request_id,omitempty"`
}

// TailQuery chooses changes. Zero fields choose all.
type TailQuery struct {
	From              string // now (which empty means), start, an entry's index, a time (RFC 3339), or a change's ID
	Job, User, Worker string
	Statuses, Events  []string
}

func (q TailQuery) values() url.Values {
	v := url.Values{}
	for key, value := range map[string]string{
		"from": q.From, "job": q.Job, "user": q.User, "worker": q.Worker,
		"status": strings.Join(q.Statuses, ","), "event": strings.Join(q.Events, ","),
	} {
		if value != "" {
			v.Set(key, value)
		}
	}
	return v
}

// Tail yields every change, in the order of the log, until ctx ends. A cut stream is taken up on another node behind the last
// change: none is left out and none told twice. An error is yielded once, as the last element: a refusal, the context's end, or
// no node served for as long as [Cluster.Patience].
func (o *Operator) Tail(ctx context.Context, q TailQuery) iter.Seq2[Change, error] {
	return func(yield func(Change, error) bool) {
		s := sse{client: o.client, path: "/admin/tail", query: q.values()}
		pace := fullJitter()
		for {
			before := s.last
			stopped := false
			err := s.open(ctx, o.client.nodes.round, func(m message) error {
				if m.event != "change" {
					return nil
				}
				var c Change
				if err := json.Unmarshal(m.data, &c); err != nil {
					return errFinal{fmt.Errorf("a change does not decode: %w", err)}
				}
				if stopped = !yield(c, nil); stopped {
					return errStopped
				}
				return nil
			})
			switch {
			case stopped:
				return
			case err != nil:
				yield(Change{}, err)
				return
			case s.last != before:
				pace.Reset()
				continue
			}
			select { // nothing came: do not open streams as fast as they end
			case <-time.After(pace.NextBackOff()):
			case <-ctx.Done():
			}
		}
	}
}

// ShownRequest is a request that a node has answered.
type ShownRequest struct {
	At      time.Time `json:"at"`
	Node    string    `json:"node"`
	Method  string    `json:"method"`
	Path    string    `json:"path"`
	Route   string    `json:"route"`
	Status  int       `json:"status"`
	TookMS  float64   `json:"took_ms"`
	Bytes   int       `json:"bytes"`
	By      string    `json:"by"`
	From    string    `json:"from"`
	Request string    `json:"request_id"`
	LeftOut int       `json:"left_out,omitempty"` // this is no request: so many of this node's were not shown
}

// Requests shows what every node of the cluster's endpoints answers, as it does, at most rate a second of each, until ctx ends or
// show returns false. What a node answers while it cannot be reached is missed. A node that goes away is asked again; gone is
// told of it, and of its return with a nil error. The error is a refusal.
func (o *Operator) Requests(ctx context.Context, rate int, show func(ShownRequest), gone func(node string, err error)) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var all sync.WaitGroup
	var one sync.Mutex // show and gone are called by one at a time
	for _, node := range o.client.nodes.nodes {
		all.Go(func() {
			err := o.requestsOf(ctx, node, rate, func(r ShownRequest) {
				one.Lock()
				defer one.Unlock()
				show(r)
			}, func(err error) {
				one.Lock()
				defer one.Unlock()
				gone(node.Host, err)
			})
			if err != nil {
				cancel(err)
			}
		})
	}
	all.Wait()
	if err := context.Cause(ctx); !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

func (o *Operator) requestsOf(ctx context.Context, node *url.URL, rate int, show func(ShownRequest), gone func(error)) error {
	s := sse{client: o.client, path: "/admin/requests", query: url.Values{"rate": {strconv.Itoa(rate)}}}
	pace := fullJitter()
	for away := false; ctx.Err() == nil; {
		err := s.follow(ctx, ctx, node, func(m message) error {
			if away {
				away = false
				gone(nil)
				pace.Reset()
			}
			var r ShownRequest
			switch m.event {
			case "request":
				if err := json.Unmarshal(m.data, &r); err != nil {
					return errFinal{fmt.Errorf("a request does not decode: %w", err)}
				}
			case "left_out":
				var left struct {
					Node  string
					Count int
				}
				if err := json.Unmarshal(m.data, &left); err != nil {
					return errFinal{fmt.Errorf("a count does not decode: %w", err)}
				}
				r.Node, r.LeftOut = left.Node, left.Count
			default:
				return nil
			}
			show(r)
			return nil
		})
		if final := (errFinal{}); errors.As(err, &final) {
			return final.error
		}
		if !away && ctx.Err() == nil {
			away = true
			gone(errors.Join(err, errCut))
		}
		select {
		case <-time.After(pace.NextBackOff()):
		case <-ctx.Done():
		}
	}
	return nil
}

var (
	errStopped = errors.New("nobody wants more")
	errCut     = errors.New("the stream was cut")
)

// message is one Server-Sent Event.
type message struct {
	event string
	data  []byte
}

// sse is an operator's stream of Server-Sent Events over whatever connections it takes.
type sse struct {
	client *Client
	path   string
	query  url.Values
	last   string // the id to go on behind
}

// open follows the stream at whichever node gives it. The error is of opening, or what take returned; nil: the stream ended.
func (s *sse) open(ctx context.Context, round func() []*url.URL, take func(message) error) error {
	return s.client.persist(ctx, "GET "+s.path, 0, round, func(opening context.Context, node *url.URL) error {
		err := s.follow(ctx, opening, node, take)
		if err == nil {
			s.client.nodes.leave(node) // it is shutting down, or the connection broke
		}
		return err
	})
}

// follow opens the stream at a node, while opening lasts, and hands its messages to take until it ends.
func (s *sse) follow(ctx, opening context.Context, node *url.URL, take func(message) error) error {
	path := s.path + "?" + s.query.Encode()
	return s.client.eventStream(ctx, opening, node, path, s.client.cluster.AdminToken, s.last, func(r io.Reader) error {
		var stop error
		err := readEvents(r, s.last, func(id, event string, data []byte) bool {
			if data != nil {
				stop = take(message{event, data})
			}
			if stop == nil {
				s.last = id
			}
			return stop == nil
		})
		if stop != nil {
			return errFinal{stop}
		}
		if errors.As(err, new(errFinal)) {
			return err
		}
		return nil
	})
}
