package campaign

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"stoker/client"
)

// drainWithin is how long the queue may take to be empty when nobody orders.
const drainWithin = 30 * time.Second

// quiet has the users silent, and wants the queue to drain and all nodes to come to rest at one state.
func (x *campaign) quiet(ctx context.Context) error {
	silence, cancel := context.WithTimeoutCause(ctx, auditTime, errors.New("somebody's request is never answered"))
	defer cancel()
	err := x.calm.still(silence)
	defer x.calm.end()
	if err != nil {
		return err
	}
	return x.atRest(ctx)
}

// atRest looks at a cluster that nobody orders from.
func (x *campaign) atRest(ctx context.Context) error {
	began := time.Now()
	for {
		ready, first, same, err := x.look(ctx)
		switch {
		case err != nil && ctx.Err() != nil:
			return context.Cause(ctx)
		case err == nil && ready == 0 && same:
			x.verdicts.passed(ruleDrain)
			x.verdicts.passed(ruleReplicas)
			return nil
		case time.Since(began) > drainWithin && ready > 0:
			x.verdicts.violate(ruleDrain, "%d items wait after %s", ready, drainWithin)
			return nil
		case time.Since(began) > drainWithin:
			x.verdicts.violate(ruleReplicas, "the nodes were not seen in one state for %s: %v %v", drainWithin, first, err)
			return nil
		}
		if err := pause(ctx, 100*time.Millisecond); err != nil {
			return err
		}
	}
}

// look asks each node what it has: how many items are ready, and whether all have the same hash behind the same entry.
func (x *campaign) look(ctx context.Context) (ready int, all []string, same bool, err error) {
	same = true
	var first status
	for place := range x.places() {
		s, err := x.status(ctx, place)
		if err != nil {
			return 0, all, false, err
		}
		if place == 0 {
			first = s
			for _, n := range s.Queue.Ready {
				ready += n
			}
		}
		all = append(all, fmt.Sprintf("%s at %d: %s", s.Node, s.HashAt, s.Hash))
		if s.HashAt == first.HashAt && s.Hash != first.Hash && s.HashAt > 0 {
			x.verdicts.violate(ruleReplicas, "behind entry %d %s holds %s, and %s %s", s.HashAt, first.Node, first.Hash, s.Node, s.Hash)
		}
		same = same && s.HashAt == first.HashAt && s.Hash != ""
	}
	return ready, all, same, nil
}

// endgame closes the books of all users, and looks at everything that ever was.
func (x *campaign) endgame(ctx context.Context) error {
	if err := x.recover(ctx); err != nil {
		x.verdicts.violate(ruleLive, "at the end: %v", err)
		return nil
	}
	var all errgroup.Group
	all.SetLimit(6)
	working := make(chan struct{})
	for i := range 3 { // somebody has to do the work that is left
		h := &hand{campaign: x, client: clients + hands + 1 + i, dice: newDice(x.Seed, 5000+i)}
		go h.until(working)
	}
	for _, u := range x.crowd.rest() {
		all.Go(func() error { x.audit(u); return nil })
	}
	all.Wait()
	close(working)
	if x.verdicts.any() {
		return nil
	}
	if err := x.atRest(ctx); err != nil {
		return err
	}
	if err := x.each(func(place int) error { return x.inventory(ctx, place) }); err != nil {
		return err
	}
	x.finished.Store(true)
	return nil
}

// until works until it is told to stop.
func (h *hand) until(stop chan struct{}) {
	for {
		select {
		case <-stop:
			return
		default:
		}
		if l, _ := h.poll(); l != nil {
			if u := h.crowd.find(l.UserID); u != nil {
				h.report(u, l)
			}
		}
	}
}

// inventory holds what a node has against what all users had when they were retired.
func (x *campaign) inventory(ctx context.Context, place int) error {
	ctx, cancel := context.WithTimeoutCause(ctx, 3*time.Minute, errors.New("the inventory takes too long"))
	defer cancel()
	o, id := x.at(place).api.Operator(), x.at(place).node.ID
	credits, statuses := map[string]int64{}, map[string]string{}
	err := rows(ctx, o, "SELECT id, credits FROM users", func(r []any) { credits[r[0].(string)] = r[1].(int64) })
	if err == nil {
		err = rows(ctx, o, "SELECT job_id, status FROM jobs_log", func(r []any) { statuses[r[0].(string)] = r[1].(string) })
	}
	wrong := 0
	if err == nil {
		err = rows(ctx, o, "SELECT count(*) FROM (SELECT u.id FROM users u LEFT JOIN (SELECT user_id, sum(amount) AS s FROM billing_events GROUP BY user_id) b ON b.user_id = u.id WHERE u.credits <> coalesce(b.s, 0))",
			func(r []any) { wrong = int(r[0].(int64)) })
	}
	if err != nil {
		return fmt.Errorf("the inventory of %s: %w", id, err)
	}
	x.verdicts.check(ruleLasting, wrong == 0, "at %s %d ledgers do not add up", id, wrong)
	for _, user := range slices.Sorted(maps.Keys(x.crowd.retired)) {
		was := x.crowd.retired[user]
		x.verdicts.check(ruleLasting, credits[user] == was.credits, "user %s had %d credits when it was retired, and has %d at %s", user, was.credits, credits[user], id)
		for job, status := range was.jobs {
			x.verdicts.check(ruleLasting, statuses[job] == status, "job %s of user %s was %s when its user was retired, and is %q at %s", job, user, status, statuses[job], id)
		}
	}
	return nil
}

// rows asks a statement and visits its answer.
func rows(ctx context.Context, o *client.Operator, sql string, visit func([]any)) error {
	answer, err := o.SQL(ctx, client.SQLQuery{SQL: sql, Timeout: time.Minute, MaxRows: 1_000_000})
	if err != nil {
		return err
	}
	defer answer.Close()
	for {
		row, err := answer.Next()
		if err == io.EOF {
			if answer.End.Truncated {
				return errors.New("the answer was cut")
			}
			return nil
		}
		if err != nil {
			return err
		}
		visit(row)
	}
}
