package handlers

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"stoker/fsm"
)

// event is one message of a stream. ID is the position in the job's history
// behind which the stream goes on; "" for what is in no history.
type event struct {
	ID   string `json:"id"`
	Name string `json:"event"`
	Body any    `json:"data"`
}

// feed is a job's history as it grows, from one position on. It takes what it
// sends from the history table, so it is complete and in order whichever node
// it runs on and however often it is interrupted.
type feed struct {
	s     *Server
	links links
	job   string
	user  string
	epoch uint64
	at    fsm.Mark // the last event sent, or stood for by the snapshot
	done  int      // items, at that position
	fail  int
	live  bool // the job was running there
	over  bool // it had ended there
	shown shown
}

// itemEvent is the body of an "item" event.
type itemEvent struct {
	Idx      int        `json:"idx"`
	Status   fsm.Status `json:"status"`
	Error    string     `json:"error,omitempty"`
	At       string     `json:"at"`
	Progress progress   `json:"progress"`
	Output   string     `json:"output_url,omitempty"`
	Preview  string     `json:"preview_url,omitempty"`
}

// statusEvent is the body of a "status" event.
type statusEvent struct {
	JobID    string     `json:"job_id"`
	Status   fsm.Status `json:"status"`
	From     fsm.Status `json:"from"`
	Detail   string     `json:"detail"`
	At       string     `json:"at"`
	Progress progress   `json:"progress"`
}

// eventID names a position in the life of a cluster that it belongs to.
func eventID(epoch uint64, m fsm.Mark) string {
	return tokenText(epoch, m.Index) + "-" + strconv.FormatUint(uint64(m.Ordinal), 16)
}

// parseEventID reads what eventID wrote.
func parseEventID(id string) (epoch uint64, m fsm.Mark, err error) {
	wrong := invalid("Last-Event-ID", "is not a position of ours; send one back as it was received")
	cut := strings.LastIndexByte(id, '-')
	if cut < 0 {
		return 0, m, wrong
	}
	ordinal, err := strconv.ParseUint(id[cut+1:], 16, 32)
	if err != nil {
		return 0, m, wrong
	}
	m.Ordinal = uint32(ordinal)
	if epoch, m.Index, err = parseToken(id[:cut]); err != nil {
		return 0, m, wrong
	}
	return epoch, m, nil
}

// newFeed opens the path's job for a stream and gives what is to be sent first:
// nothing when it resumes behind last, else a snapshot. A position of another
// epoch is not resumed: that history may be gone, the snapshot says what is.
func (s *Server) newFeed(c *call, last string) (*feed, []event, error) {
	j, err := c.ownJob()
	if err != nil {
		return nil, nil, err
	}
	v := j.view
	f := &feed{s: s, links: c.links(), job: j.ID, user: c.user, epoch: v.Epoch(), shown: newShown()}
	if last != "" {
		epoch, mark, err := parseEventID(last)
		if err != nil {
			return nil, nil, err
		}
		if epoch == f.epoch && j.past == nil { // of an archived job all there is to say is how it is
			f.skip(j.steps(), mark)
			return f, nil, nil
		}
	}
	f.skip(j.steps(), fsm.Mark{Index: v.Index(), Ordinal: ^uint32(0)})
	snapshot, err := jobOf(f.links, j)
	if err != nil {
		return nil, nil, err
	}
	first := []event{{eventID(f.epoch, f.at), "snapshot", map[string]any{"job": snapshot}}}
	if f.over { // whoever waits for the end must not miss that it is there
		first = append(first, event{first[0].ID, "status", statusEvent{
			JobID: j.ID, Status: j.Status, From: j.Status, At: stampOf(j.UpdatedAt),
			Progress: progress{f.done, f.fail, j.Total},
		}})
	}
	return f, first, nil
}

// skip takes the history up to a position as sent.
func (f *feed) skip(steps iter.Seq[fsm.Event], until fsm.Mark) {
	for e := range steps {
		if e.Index > until.Index || e.Index == until.Index && e.Ordinal > until.Ordinal {
			return
		}
		f.count(e)
	}
}

// count moves the feed behind an event.
func (f *feed) count(e fsm.Event) {
	f.at = fsm.Mark{Index: e.Index, Ordinal: e.Ordinal}
	if e.Item != nil {
		f.shown.count(*e.Item, e.To)
	}
	switch {
	case e.Item == nil:
		f.live = e.To == fsm.Running
		f.over = f.over || e.To.Ended()
	case e.To == fsm.Done:
		f.done++
	case e.To == fsm.Failed:
		f.fail++
	}
}

// errRestored ends a stream whose positions mean nothing any more: the client
// comes back and gets a snapshot.
var errRestored = errors.New("the cluster was restored under the stream")

// next gives the events behind the feed's position in this node's state; none
// behind the job's end, after which it may have left the state.
func (f *feed) next() ([]event, error) {
	if f.over {
		return nil, nil
	}
	v := f.s.node.View()
	defer v.Close()
	j, ok := v.Job(f.job)
	if !ok || v.Epoch() != f.epoch {
		return nil, errRestored
	}
	var out []event
	var items []fsm.Item
	for e := range v.History(f.job, f.at) {
		f.count(e)
		id, counts := eventID(f.epoch, f.at), progress{f.done, f.fail, j.Total}
		if e.Item == nil {
			out = append(out, event{id, "status", statusEvent{f.job, e.To, e.From, e.Detail, stampOf(e.At), counts}})
			continue
		}
		body := itemEvent{Idx: *e.Item, Status: e.To, At: stampOf(e.At), Progress: counts}
		switch e.To {
		case fsm.Failed:
			body.Error = e.Detail
		case fsm.Done:
			if items == nil {
				items = v.Items(f.job)
			}
			d, err := f.links.download(items[*e.Item])
			if err != nil {
				return nil, err
			}
			body.Output, body.Preview = d.Output, d.Preview
		}
		out = append(out, event{id, "item", body})
	}
	return out, nil
}

// revoked says whether the stream's user may not see it any more.
func (f *feed) revoked() bool {
	v := f.s.node.View()
	defer v.Close()
	u, ok := v.User(f.user)
	return ok && u.Revoked
}

// run sends events until the job has ended, ctx is done, the client has gone or
// its user is revoked.
// beat is called when nothing happened for a while.
func (f *feed) run(ctx context.Context, first []event, send func(name, id string, body []byte) error, beat func() error) error {
	defer f.s.count.park(parkedStream)()
	w := f.s.watch.on(f.job)
	defer w.close()
	busy := follower{queue: f.s.cfg.Queue, job: f.job}
	defer busy.done.Wait()
	ctx, leave := f.s.guests.enter(ctx, "user "+f.user)
	defer leave()
	if f.revoked() { // between the look that let it in and the line above
		return errRevoked
	}
	still := time.NewTicker(f.s.cfg.KeepAlive)
	defer still.Stop()
	for events := first; ; {
		for _, e := range events {
			body, err := json.Marshal(e.Body)
			if err != nil {
				return fmt.Errorf("stream: render %s: %w", e.Name, err)
			}
			if err := send(e.Name, e.ID, body); err != nil {
				return err
			}
		}
		var err error
		if events, err = f.next(); err != nil {
			return err
		}
		if len(events) > 0 {
			continue
		}
		if f.over {
			return nil
		}
		if f.live {
			busy.begin(ctx)
		}
		select {
		case <-ctx.Done():
			if context.Cause(ctx) == errRevoked {
				return errRevoked
			}
			return nil
		case <-w.wake:
		case p := <-busy.news:
			events = f.shown.event(p)
		case <-still.C:
			if err := beat(); err != nil {
				return err
			}
		}
	}
}
