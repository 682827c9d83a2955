package webhook

import (
	"context"
	"errors"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"stoker/fsm"
	"stoker/node"
)

const (
	inFlight   = 8                     // POSTs to one webhook at once
	window     = 128                   // posts that are recorded together
	look       = 2000                  // changes that are looked at in one view: views are short
	breath     = 25 * time.Millisecond // in which what comes together is taken together
	probe      = time.Minute           // between two new events for a webhook that is down
	lazy       = time.Minute           // after which a place moves behind what nobody wanted
	leastPause = time.Second           // after what could not be recorded; twice as long each time
	patience   = 5 * time.Second       // of a record on its way into the log
)

// lane is one webhook's way out.
type lane struct {
	*Sender
	name   string
	hook   fsm.Webhook
	ctx    context.Context
	cancel context.CancelFunc
	wake   chan struct{}
	done   chan struct{}

	turn   uint64   // of the webhook's row when at was
	at     fsm.Mark // everything up to here was looked at
	saved  time.Time
	probed time.Time
}

func newLane(ctx context.Context, s *Sender, name string, h fsm.Webhook) *lane {
	l := &lane{Sender: s, name: name, hook: h, wake: make(chan struct{}, 1), done: make(chan struct{}), saved: time.Now()}
	l.ctx, l.cancel = context.WithCancel(ctx)
	return l
}

// run posts until the webhook or the leadership ends.
func (l *lane) run() {
	if l.hook.Disabled {
		<-l.ctx.Done()
		return
	}
	pause := leastPause
	for l.ctx.Err() == nil {
		more, err := l.round()
		switch {
		case err != nil:
			if l.ctx.Err() == nil {
				l.log.Warn("what was posted could not be recorded and is posted again", "webhook", l.name, "err", err)
			}
			l.sleep(nil, pause) // the receiver must not pay for our trouble
			pause = min(2*pause, probe)
			continue
		case !more:
			l.sleep(l.wake, probe)
			l.sleep(nil, breath)
		}
		pause = leastPause
	}
}

// sleep waits for a bell or for so long.
func (l *lane) sleep(bell <-chan struct{}, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-bell:
	case <-t.C:
	case <-l.ctx.Done():
	}
}

// batch is what one round posts.
type batch struct {
	hook  fsm.Hook
	due   []*post // further attempts
	fresh []*post // first ones, in order
	to    fsm.Mark
	more  bool // there is more to look at
}

// take reads what is to be posted out of this node's state.
func (l *lane) take() (b batch, ok bool) {
	v := l.node.View()
	defer v.Close()
	if b.hook, ok = v.Hook(l.name); !ok {
		return b, false
	}
	for d := range v.Deliveries(l.name, fsm.DeliveryDue, fsm.Mark{}) {
		if len(b.due) == window {
			b.more = true
			break
		}
		b.due = append(b.due, &post{mark: fsm.Mark{Index: d.Index, Ordinal: d.Ordinal}, event: d.Event, job: d.Job, id: d.ID, body: d.Body, tries: d.Attempts})
	}
	if l.turn != b.hook.Turn || b.hook.At.Follows(l.at) {
		l.turn, l.at = b.hook.Turn, b.hook.At
	}
	b.to = l.at
	room := min(window, fsm.MaxBacklog-b.hook.Waiting)
	if b.hook.Streak >= fsm.DownAfter {
		room = min(room, 1)
		if time.Since(l.probed) < probe {
			room = 0
		}
	}
	if room <= 0 {
		return b, true
	}
	looked := 0
	for c := range v.Feed(l.at) {
		wanted := slices.Contains(l.hook.Events, c.Event)
		if looked == look || wanted && len(b.fresh) == room {
			b.more = true
			break
		}
		looked++
		b.to = c.Mark
		if wanted {
			b.fresh = append(b.fresh, messageOf(v, c))
		}
	}
	return b, true
}

// round posts what there is and records what came of it. more: there is more.
func (l *lane) round() (more bool, err error) {
	b, ok := l.take()
	if !ok {
		return false, nil
	}
	if len(b.due)+len(b.fresh) > 0 {
		keys, definite, err := l.keys(l.ctx, l.hook)
		switch {
		case definite: // one attempt speaks for all
			b.fail(err)
		case err != nil:
			return false, err
		default:
			l.send(b, Target{l.hook.URL, l.hook.AllowPrivate, keys})
		}
		if len(b.fresh) > 0 && b.hook.Streak >= fsm.DownAfter {
			l.probed = time.Now()
		}
	}
	if err := l.record(b); err != nil {
		return false, err
	}
	down := b.hook.Streak >= fsm.DownAfter && len(b.due) == 0
	return b.more && !down, nil
}

// fail has the first post fail without an attempt.
func (b batch) fail(why error) {
	for _, p := range slices.Concat(b.due, b.fresh)[:1] {
		p.done, p.Outcome = true, Outcome{Error: short(why)}
	}
}

// alive: something arrived. Both entries that a round makes say so, in whichever
// order they come: what failed is then not the receiver's being down.
func (b batch) alive() bool {
	return slices.ContainsFunc(slices.Concat(b.due, b.fresh), func(p *post) bool { return p.done && p.Arrived })
}

// send posts a batch: those of one job in a row, others beside each other. Where
// nothing arrives it stops before everything has failed.
func (l *lane) send(b batch, to Target) {
	// What is under way when the leadership ends has a moment left.
	ctx, cancel := context.WithCancel(context.WithoutCancel(l.ctx))
	defer cancel()
	defer context.AfterFunc(l.ctx, func() { time.AfterFunc(l.grace, cancel) })()
	var rows [][]*post
	row := map[string]int{}
	for _, p := range slices.Concat(b.due, b.fresh) {
		i, known := row[p.job]
		if !known {
			i = len(rows)
			row[p.job] = i
			rows = append(rows, nil)
		}
		rows[i] = append(rows[i], p)
	}
	var luck luck
	var g errgroup.Group
	g.SetLimit(inFlight)
	for _, row := range rows {
		g.Go(func() error {
			for _, p := range row {
				if l.ctx.Err() != nil || luck.out() {
					return nil
				}
				o := l.poster.Post(ctx, to, p.id, p.body)
				if !o.Arrived && ctx.Err() != nil {
					return nil // cut off: nobody knows
				}
				p.done, p.Outcome = true, o
				luck.count(o.Arrived)
				l.metrics.count(l.name, o)
			}
			return nil
		})
	}
	g.Wait() // the rows fail in their posts
}

// record says in the log what came of a batch.
func (l *lane) record(b batch) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(l.ctx), patience)
	defer cancel()
	report := fsm.ReportHook{Hook: l.name, Alive: b.alive()}
	for _, p := range b.due {
		if p.done {
			report.Attempts = append(report.Attempts, fsm.HookAttempt{Mark: p.mark, Before: p.tries, Arrived: p.Arrived, Status: p.Status, Error: p.Error})
		}
	}
	var g errgroup.Group
	if len(report.Attempts) > 0 {
		g.Go(func() error { return l.apply(ctx, report) })
	}
	if c := l.advance(b); c != nil {
		g.Go(func() error {
			err := l.apply(ctx, *c)
			if err == nil {
				l.saved = time.Now()
			}
			return err
		})
	}
	return g.Wait()
}

// advance is the step that a batch allows: up to the first post that was not tried;
// nil if it is none worth an entry.
func (l *lane) advance(b batch) *fsm.AdvanceHook {
	c := &fsm.AdvanceHook{Hook: l.name, Turn: b.hook.Turn, Lost: b.hook.Lost, To: b.to, Alive: b.alive()}
	for i, p := range b.fresh {
		if !p.done {
			if i == 0 {
				return nil
			}
			c.To = b.fresh[i-1].mark
			break
		}
		if p.Arrived {
			c.Arrived++
			continue
		}
		c.Failed = append(c.Failed, fsm.Undelivered{Mark: p.mark, Event: p.event, Job: p.job, ID: p.id, Body: p.body, Status: p.Status, Error: p.Error})
	}
	if len(b.fresh) == 0 {
		l.at = b.to
		if !b.to.Follows(b.hook.At) || time.Since(l.saved) < lazy {
			return nil
		}
	}
	return c
}

// apply has the cluster do one of this room's commands.
func (l *lane) apply(ctx context.Context, c fsm.Command[fsm.Hook]) error {
	_, err := node.Apply(ctx, l.node, c, node.By("system"))
	var r *fsm.Refusal
	if errors.As(err, &r) && r.Code == fsm.NotFound {
		return nil // the webhook was taken out of the settings
	}
	return err
}
