package client

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// silence is how long a stream may say nothing, not even a keep-alive comment, before it is taken for dead.
const silence = 45 * time.Second

// maxEvent bounds one event: a snapshot of a job of 200 items with signed URLs is far below it.
const maxEvent = 4 << 20

// Event is one message of a job's stream.
type Event struct {
	ID   string          // position; hand the last one to Events to go on from there
	Type string          // snapshot, item, status or progress
	Data json.RawMessage // as GET /jobs/{id} and the contract describe it
}

// Status is the job's status if the event tells it, else empty.
func (e Event) Status() Status {
	var told struct {
		Status Status
		Job    struct{ Status Status }
	}
	if e.Type == "item" || e.Type == "progress" || json.Unmarshal(e.Data, &told) != nil {
		return "" // an item's is not the job's
	}
	if told.Status == "" {
		return told.Job.Status
	}
	return told.Status
}

// Progress is how far the event says that items are; nil unless it is of type progress. Progress lives in memory only: what came
// while a stream was cut is not told again.
func (e Event) Progress() (items []Progress) {
	var told struct {
		Items []struct {
			Idx     int
			Percent float64
		}
	}
	if e.Type != "progress" || json.Unmarshal(e.Data, &told) != nil {
		return nil
	}
	for _, it := range told.Items {
		items = append(items, Progress{Idx: it.Idx, Percent: int(it.Percent)})
	}
	return items
}

// Events yields a job's events after lastID (empty: from now, beginning with a snapshot) until the job ends. A cut stream is
// taken up on another node where it broke. An error is yielded once, as the last element: a refusal, the context's end, or no
// node served for as long as [Cluster.Patience].
func (a *App) Events(ctx context.Context, jobID, lastID string) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		s := stream{app: a, path: jobPath(jobID) + "/events", last: lastID, yield: yield}
		over := false // the job had ended before the current stream was opened
		pace := fullJitter()
		for {
			before := s.last
			clean, err := s.follow(ctx)
			switch {
			case s.stopped || s.ended:
				return
			case err != nil:
				yield(Event{}, err)
				return
			case clean && over:
				return // opened after the end, read to its end: there is nothing more
			}
			// Cut, or ended by a node that is shutting down, or by one with nothing to tell after lastID. Ask before opening
			// again, not after: what happens in between is then in the next stream.
			job, err := a.Job(ctx, jobID)
			if err != nil {
				yield(Event{}, err)
				return
			}
			over = job.Status.Terminal()
			if s.last != before {
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

// stream is the state that survives from one connection to the next.
type stream struct {
	app     *App
	path    string
	last    string
	yield   func(Event, error) bool
	ended   bool // a terminal status was yielded
	stopped bool // the caller broke out of its loop
}

// follow opens the stream, at whichever node gives it, and yields its events; clean means that the server ended it. The error is
// only of opening: a stream that breaks is not an error but the next connection's beginning.
func (s *stream) follow(ctx context.Context) (clean bool, err error) {
	err = s.app.client.persist(ctx, "GET "+s.path, 0, s.app.client.nodes.round, func(opening context.Context, node *url.URL) error {
		err := s.app.client.eventStream(ctx, opening, node, s.path, s.app.Token(), s.last, func(r io.Reader) error {
			var err error
			if clean, err = s.read(r); errors.As(err, new(errFinal)) {
				return err
			}
			return nil
		})
		if err != nil {
			return err
		}
		if !s.stopped && !s.ended {
			s.app.client.nodes.leave(node) // it broke, or it is shutting down
		}
		return nil
	})
	return clean, err
}

// read yields whole events; clean means that the server ended the stream.
func (s *stream) read(r io.Reader) (clean bool, err error) {
	err = readEvents(r, s.last, func(id, event string, data []byte) bool {
		if data == nil {
			return true
		}
		e := Event{ID: id, Type: event, Data: data}
		s.last = id
		s.ended = e.Status().Terminal()
		s.stopped = !s.yield(e, nil)
		return !s.stopped && !s.ended
	})
	if errors.As(err, new(errFinal)) {
		return false, fmt.Errorf("%s: %w", s.path, err)
	}
	return err == nil, nil
}

// eventStream opens a stream of Server-Sent Events at a node, behind last, and has it read until it ends. The patience of opening must
// not end the stream, so the connection lives on ctx. The error is of opening, or what read returned.
func (c *Client) eventStream(ctx, opening context.Context, node *url.URL, path, token, last string, read func(io.Reader) error) error {
	live, watch := guardFor(ctx, silence)
	defer watch.stop()
	giveUp := context.AfterFunc(opening, func() { watch.cancel(context.Cause(opening)) })
	slow := time.AfterFunc(c.attempt, func() { watch.cancel(errStalled) })
	res, err := c.openEvents(live, node, path, token, last)
	slow.Stop()
	giveUp()
	if err != nil {
		return watch.explain(err)
	}
	defer res.Body.Close()
	return read(watch.reader(res.Body))
}

func (c *Client) openEvents(ctx context.Context, node *url.URL, path, token, last string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, node.String()+path, nil)
	if err != nil {
		return nil, errFinal{err}
	}
	req.Header = request{token: token}.headers()
	req.Header.Set("Accept", "text/event-stream")
	if last != "" {
		req.Header.Set(headerLastEventID, last)
	}
	res, err := c.http.Do(req)
	if err != nil {
		return nil, err
	}
	if res.StatusCode == http.StatusOK {
		return res, nil
	}
	defer res.Body.Close()
	text, err := io.ReadAll(io.LimitReader(res.Body, 64<<10))
	if err != nil {
		return nil, err
	}
	return nil, judge(refusal(node.Host, res, text))
}

// readEvents parses a stream as the HTML standard says (section 9.2.6) and hands over whole events, in which data may be nil,
// until told to stop; a half one at a cut is dropped, and so is asked for again. id is the last one that came, on an earlier
// connection to begin with.
func readEvents(r io.Reader, id string, take func(id, event string, data []byte) bool) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 4096), maxEvent)
	var event string
	var data []string
	for lines.Scan() {
		line := strings.TrimSuffix(lines.Text(), "\r")
		field, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case line != "" && field == "id":
			id = value
		case line != "" && field == "event":
			event = value
		case line != "" && field == "data":
			data = append(data, value)
		case line == "" && len(data) > 0:
			if !take(id, event, []byte(strings.Join(data, "\n"))) {
				return nil
			}
			event, data = "", nil
		}
	}
	if errors.Is(lines.Err(), bufio.ErrTooLong) {
		return errFinal{fmt.Errorf("an event is larger than %d bytes", maxEvent)}
	}
	return lines.Err()
}
