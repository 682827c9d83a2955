package handlers

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"stoker/fsm"
)

const (
	// tailChunk is how many events a tail takes out of one view of the state, and
	// tailLook how many changes it looks at for them: views are short.
	tailChunk = 200
	tailLook  = 2000
	// headerOldest tells who asked for too old a position which one is kept.
	headerOldest = "X-Stoker-Oldest"
	maxFilters   = 20
)

// changeLine is one change of the state, as a tail tells it.
type changeLine struct {
	ID      string     `json:"id"`
	Index   uint64     `json:"index"`
	Ordinal uint32     `json:"ordinal"`
	At      string     `json:"at"`
	Event   string     `json:"event"`
	Job     string     `json:"job_id,omitempty"`
	Item    *int       `json:"item,omitempty"`
	User    string     `json:"user_id,omitempty"`
	Worker  string     `json:"worker,omitempty"`
	Node    string     `json:"node,omitempty"`
	Lease   string     `json:"lease_id,omitempty"`
	Items   int        `json:"items,omitzero"` // of the lease
	From    fsm.Status `json:"from,omitempty"`
	To      fsm.Status `json:"to,omitempty"`
	Amount  int64      `json:"amount,omitzero"` // credits
	Balance *int64     `json:"balance,omitempty"`
	Action  string     `json:"action,omitempty"` // what an operator did
	Subject string     `json:"subject,omitempty"`
	Code    fsm.Code   `json:"code,omitempty"` // of the refusal
	By      string     `json:"by,omitempty"`
	Detail  string     `json:"detail,omitempty"`
	Request string     `json:"request_id,omitempty"`
}

func changeLineOf(c fsm.Change) changeLine {
	l := changeLine{
		ID: eventID(c.Epoch, c.Mark), Index: c.Index, Ordinal: c.Ordinal, At: stampOf(c.At), Event: c.Event,
		Job: c.Job, Item: c.Item, User: c.User, Worker: c.Worker, Node: c.Node, Items: c.Count, From: c.From, To: c.To,
		Amount: c.Amount, Action: c.Action, Subject: c.Subject, Code: c.Code, By: c.By, Detail: c.Detail, Request: c.Request,
	}
	if c.Lease != 0 {
		l.Lease = fsm.LeaseRow{Fence: c.Lease}.ID()
	}
	if c.Amount != 0 {
		l.Balance = &c.Balance
	}
	return l
}

// tailFilter chooses changes. What is empty chooses all.
type tailFilter struct {
	job, user, worker string
	statuses          []string
	events            []string // whole names, or the part before the dot
}

func (c *call) tailFilter() (f tailFilter, err error) {
	f.job, f.user, f.worker = c.query("job"), c.query("user"), c.query("worker")
	list := func(name string) []string {
		return strings.FieldsFunc(c.query(name), func(r rune) bool { return r == ',' })
	}
	f.statuses, f.events = list("status"), list("event")
	var wrong flaws
	wrong.unless(len(f.statuses) <= maxFilters, "status", "names too many")
	wrong.unless(len(f.events) <= maxFilters, "event", "names too many")
	for _, s := range f.statuses {
		known := slices.Contains(statuses, fsm.Status(s)) || s == string(fsm.Pending)
		wrong.unless(known, "status", "must be some of %v, with commas between them", statuses)
	}
	for _, e := range f.events {
		kind, _, _ := strings.Cut(e, ".")
		wrong.unless(slices.Contains(fsm.EventKinds, kind), "event", "%.40q is none; they begin with one of %v", e, fsm.EventKinds)
	}
	return f, wrong.refusal()
}

func (f tailFilter) takes(c fsm.Change) bool {
	kind, _, _ := strings.Cut(c.Event, ".")
	return (f.job == "" || f.job == c.Job) && (f.user == "" || f.user == c.User) && (f.worker == "" || f.worker == c.Worker) &&
		(len(f.statuses) == 0 || slices.Contains(f.statuses, string(c.To))) &&
		(len(f.events) == 0 || slices.Contains(f.events, c.Event) || slices.Contains(f.events, kind))
}

// tail is the feed from one position on, as it grows. It reads what this node has
// applied, which is committed.
type tail struct {
	s      *Server
	only   tailFilter
	holder string
	epoch  uint64
	at     fsm.Mark // the last change looked at
}

// adminTail streams every change of the state: from now, from behind
// Last-Event-ID, or ?from= a position, an entry's index, a time, or "start", which
// is as far as they are kept.
func (s *Server) adminTail(c *call) (any, error) {
	only, err := c.tailFilter()
	if err != nil {
		return nil, err
	}
	v, err := c.view()
	if err != nil {
		return nil, err
	}
	oldest, kept := v.FeedFrom()
	if !kept {
		return nil, fsm.Refuse(fsm.FeatureLevel, "changes are kept in order from feature level 3 on and the cluster is at %d: when all nodes run the new version, `stoker upgrade finalize` raises it", v.Level())
	}
	t := &tail{s: s, only: only, holder: c.holder}
	if t.epoch, t.at, err = c.tailFrom(v); err != nil {
		return nil, err
	}
	if !v.Kept(t.epoch, t.at) {
		id := eventID(v.Epoch(), oldest)
		c.http.Response.Header.Set(headerOldest, id)
		return nil, fsm.Refuse(positionGone, "what came behind this position is not kept, or was undone when the cluster was restored; go on from %s, the oldest that is kept, or from now", id)
	}
	first := map[string]string{"id": eventID(t.epoch, t.at), "oldest": eventID(v.Epoch(), oldest)}
	return c.stream(func(o outlet) error { return t.run(s.parked, first, o) })
}

// tailFrom is the position that a tail begins behind.
func (c *call) tailFrom(v *fsm.View) (epoch uint64, m fsm.Mark, err error) {
	from := c.header("Last-Event-ID")
	if from == "" {
		from = c.query("from")
	}
	oldest, _ := v.FeedFrom()
	switch from {
	case "", "now":
		return v.Epoch(), v.FeedEnd(), nil
	case "start":
		return v.Epoch(), oldest, nil
	}
	if index, err := strconv.ParseUint(from, 10, 64); err == nil && index > 0 {
		return v.Epoch(), fsm.Mark{Index: index - 1, Ordinal: v.FeedEnd().Ordinal}, nil
	}
	if at, err := time.Parse(time.RFC3339, from); err == nil {
		return v.Epoch(), v.FeedAt(at.UnixNano()), nil
	}
	if epoch, m, err = parseEventID(from); err != nil {
		return 0, m, invalid("from", "must be start, now, an entry's index, a time as in 2026-01-02T15:04:05Z, or an event's id")
	}
	return epoch, m, nil
}

// errOvertaken ends a tail that was slower than changes are forgotten, or whose
// past was undone: whoever comes back with its position is told so.
var errOvertaken = errors.New("the tail's position is not kept any more")

// next gives events behind the tail's position in this node's state; more says
// that it has not looked at everything.
func (t *tail) next() (out []changeLine, more bool, err error) {
	v := t.s.node.View()
	defer v.Close()
	if !v.Kept(t.epoch, t.at) {
		return nil, false, errOvertaken
	}
	t.epoch = v.Epoch()
	looked := 0
	for c := range v.Feed(t.at) {
		if len(out) == tailChunk || looked == tailLook {
			return out, true, nil
		}
		looked++
		t.at = c.Mark
		if t.only.takes(c) {
			out = append(out, changeLineOf(c))
		}
	}
	return out, false, nil
}

// run sends events until the client has gone, the node leaves or the operator's
// token is revoked.
func (t *tail) run(ctx context.Context, first any, o outlet) error {
	defer t.s.count.park(parkedStream)()
	w := t.s.watch.on(everyJob)
	defer w.close()
	ctx, leave := t.s.guests.enter(ctx, t.holder)
	defer leave()
	still := time.NewTicker(t.s.cfg.KeepAlive)
	defer still.Stop()
	told := fsm.Mark{} // the position that the client knows
	send := func(name, id string, body any) error {
		text, err := json.Marshal(body)
		if err != nil {
			return fmt.Errorf("tail: render %s: %w", name, err)
		}
		return o.send(name, id, text)
	}
	if err := send("position", eventID(t.epoch, t.at), first); err != nil {
		return err
	}
	for {
		events, more, err := t.next()
		if err != nil {
			return err
		}
		for _, e := range events {
			if err := send("change", e.ID, e); err != nil {
				return err
			}
			told = fsm.Mark{Index: e.Index, Ordinal: e.Ordinal}
		}
		if more && ctx.Err() == nil {
			continue
		}
		select {
		case <-ctx.Done():
			return nil
		case <-w.wake:
		case <-still.C:
			if told == t.at {
				err = o.beat()
			} else { // it has looked at much that was not asked for: remember how far
				told = t.at
				id := eventID(t.epoch, t.at)
				err = send("position", id, map[string]string{"id": id})
			}
			if err != nil {
				return err
			}
		}
	}
}
