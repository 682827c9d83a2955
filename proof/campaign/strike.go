package campaign

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"stoker/cli/local"
	"stoker/client"
)

// fault is something that happens to a cluster. strike lets it happen and leaves it so for a while; what it does not mend itself is
// mended behind it: lines are healed, and nodes that do not run are started.
type fault struct {
	name    string
	family  family
	about   string
	missing func(x *campaign) string // why this machine cannot have it; "" if it can
	strike  func(ctx context.Context, b *blow) error
}

// family is what a fault is of; the picture has a colour for each.
type family string

const (
	ofProcess family = "process"
	ofLink    family = "link"
	ofDisk    family = "disk"
	ofMembers family = "members"
	ofLoad    family = "load"
	ofClock   family = "clock"
)

// faults are all kinds.
var faults = concat(processFaults, linkFaults, diskFaults, memberFaults, clockFaults)

func concat(all ...[]fault) (out []fault) {
	for _, some := range all {
		out = append(out, some...)
	}
	return out
}

func always(*campaign) string { return "" }

// blow is a fault that strikes.
type blow struct {
	*campaign
	dice  *rand.Rand
	event *event
}

// event is a blow as it is told: which nodes were hit, when it began, when everything was mended and when all served again.
type event struct {
	Kind   string
	Family family
	Places []int
	Node   string // names of those that were hit
	Began  time.Duration
	Mended time.Duration
	Whole  time.Duration // 0: never
	Note   string

	ends bool // a node may end by itself
}

// errUnfit says that a fault could not strike now; it is not counted.
var errUnfit = errors.New("not now")

// hits notes who is struck.
func (b *blow) hits(places ...int) {
	b.event.Places = places
	var ids []string
	for _, p := range places {
		ids = append(ids, b.at(p).node.ID)
	}
	b.event.Node = strings.Join(ids, ", ")
}

// someone is any place, or one that does not lead.
func (b *blow) someone() int { return b.dice.IntN(b.places()) }

func (b *blow) follower(ctx context.Context) (int, error) {
	lead, err := b.leader(ctx)
	if err != nil {
		return 0, err
	}
	return (lead + 1 + b.dice.IntN(b.places()-1)) % b.places(), nil
}

// between is a random time.
func (b *blow) between(least, most time.Duration) time.Duration {
	return least + time.Duration(b.dice.Int64N(int64(most-least)))
}

// hold leaves the fault as it is for a while.
func (b *blow) hold(ctx context.Context, least, most time.Duration) error {
	return b.livesFor(ctx, b.between(least, most), func() bool { return false })
}

// settling is how long the load runs before the first fault.
const settling = 3 * time.Second

// quietEvery is how many faults lie between two looks at a cluster that nobody uses.
const quietEvery = 12

// strikes strikes until the time is over, and leaves everything well.
func (x *campaign) strikes(ctx context.Context) error {
	dice := rand.New(rand.NewPCG(x.Seed, 1))
	if err := pause(ctx, settling); err != nil {
		return x.enough(err)
	}
	defer x.watch(event{}) // what ended behind the last fault is found by nobody else: recover starts it
	var deck []fault
	for struck := 0; time.Since(x.began) < x.For; {
		if len(deck) == 0 {
			if deck = x.shuffled(dice); len(deck) == 0 {
				return errors.New("no fault of those that were asked for can be had here")
			}
		}
		next := deck[0]
		deck = deck[1:]
		did, err := x.blow(ctx, next, dice)
		if err != nil {
			return x.enough(err)
		}
		if did {
			if struck++; struck%quietEvery == 0 {
				if err := x.quiet(ctx); err != nil {
					return x.enough(err)
				}
			}
		}
		calm := time.Duration(dice.ExpFloat64() * float64(x.Every))
		if err := pause(ctx, min(calm, 4*x.Every, max(x.For-time.Since(x.began), 0))); err != nil {
			return x.enough(err)
		}
	}
	return nil
}

// enough tells an end that somebody wanted, or that a violation brought, from an error.
func (x *campaign) enough(err error) error {
	if errors.Is(err, errViolated) || errors.Is(err, context.Canceled) || x.verdicts.any() {
		x.heal()
		return nil
	}
	return err
}

// shuffled is one of each kind that there is, in any order.
func (x *campaign) shuffled(dice *rand.Rand) (deck []fault) {
	for _, f := range x.kinds {
		if x.skipped[f.name] == "" {
			deck = append(deck, f)
		}
	}
	dice.Shuffle(len(deck), func(i, j int) { deck[i], deck[j] = deck[j], deck[i] })
	return deck
}

// blow strikes once, mends, and waits until all is well again. An error says that it could not; that the cluster is not well is
// a violation.
func (x *campaign) blow(ctx context.Context, f fault, dice *rand.Rand) (did bool, err error) {
	x.watch(event{})
	e := event{Kind: f.name, Family: f.family, Began: time.Since(x.began)}
	err = f.strike(ctx, &blow{campaign: x, dice: dice, event: &e})
	if errors.Is(err, errUnfit) {
		x.tally.mu.Lock()
		known := x.unfit[f.name] == err.Error()
		x.unfit[f.name] = err.Error()
		x.tally.mu.Unlock()
		if !known {
			x.say("%s: %v", f.name, err)
		}
		return false, nil
	}
	if err != nil && ctx.Err() == nil {
		err = fmt.Errorf("%s of %s: %w", f.name, e.Node, err)
	}
	if err != nil {
		return false, err
	}
	x.watch(e)
	e.Mended = time.Since(x.began)
	if err := x.recover(ctx); err != nil {
		if ctx.Err() != nil {
			return false, err
		}
		x.verdicts.violate(ruleLive, "after %s of %s: %v", f.name, e.Node, err)
	} else {
		e.Whole = time.Since(x.began)
	}
	x.sick.Store(0)
	x.tally.mu.Lock()
	x.events = append(x.events, e)
	x.tally.faults++
	x.tally.mu.Unlock()
	x.say("%-16s %-10s %5.1f s, well again after %.1f s%s", e.Kind, e.Node, (e.Mended - e.Began).Seconds(), (e.Whole - e.Mended).Seconds(), note(e.Note))
	return true, nil
}

func note(text string) string {
	if text == "" {
		return ""
	}
	return "; " + text
}

// watch looks for nodes that have ended by themselves and had no reason to: only those that a fault struck may have one.
func (x *campaign) watch(e event) {
	for place := range x.places() {
		if p := x.at(place).node.Process(); p != nil && !(e.ends && slices.Contains(e.Places, place)) {
			err := p.Failure()
			x.verdicts.check(ruleEnds, err == nil, "after %s: %v", cmp.Or(e.Kind, "a while without a fault"), err)
		}
	}
}

// heal undoes what is between the nodes.
func (x *campaign) heal() { x.board.Heal() }

// servePatience is how long a node may take from its start until it serves. One that is new has all to catch up with, under load.
const servePatience = 2 * time.Minute

// start starts a node that does not run, and waits until it serves.
func (f *fleet) start(ctx context.Context, n *local.Node) error {
	if err := f.keepLog(n.ID); err != nil {
		return err
	}
	began := time.Now()
	err := n.Restart(ctx)
	if err == nil || n.Process() == nil || !n.Process().Alive() || ctx.Err() != nil {
		return err
	}
	// It runs, and was not waited for long enough.
	ready, cancel := context.WithTimeoutCause(ctx, servePatience-time.Since(began), fmt.Errorf("not within %s", servePatience))
	defer cancel()
	return n.WaitReady(ready)
}

// recover heals the lines, starts what does not run, and wants all nodes to serve and to write.
func (x *campaign) recover(ctx context.Context) error {
	x.heal()
	if err := x.each(func(place int) error {
		n := x.at(place).node
		if p := n.Process(); p == nil || !p.Alive() {
			return x.start(ctx, n)
		}
		ready, cancel := context.WithTimeoutCause(ctx, servePatience, fmt.Errorf("not within %s", servePatience))
		defer cancel()
		return n.WaitReady(ready)
	}); err != nil {
		return err
	}
	if err := x.each(func(place int) error { return x.writes(ctx, place) }); err != nil {
		return err
	}
	x.verdicts.passed(ruleLive)
	return x.equal(ctx)
}

func (x *campaign) each(do func(place int) error) error {
	errs := make([]error, x.places())
	var all sync.WaitGroup
	for place := range x.places() {
		all.Go(func() { errs[place] = do(place) })
	}
	all.Wait()
	return errors.Join(errs...)
}

// writeWithin is how long the first write after a healing may take.
const writeWithin = 10 * time.Second

// writes wants a node to acknowledge a write in time.
func (x *campaign) writes(ctx context.Context, place int) error {
	began := x.lived()
	for {
		got := x.once(place, request{
			method: "POST", path: "/auth/anon", limit: writeWithin, key: fmt.Sprintf("live-%d", x.number()),
			body: map[string]any{"device_hash": fmt.Sprintf("live-%d-%d", x.Seed, x.number())},
		})
		took := x.lived() - began
		if got.code == "" && took <= writeWithin {
			return nil
		}
		if took > writeWithin { // a stall that has just ended is not noted yet
			if err := pause(ctx, 3*stallTick); err != nil {
				return err
			}
			took = x.lived() - began
		}
		if took > writeWithin {
			return fmt.Errorf("%s acknowledged no write for %s (the last answer: %s)", x.at(place).node.ID, took.Round(time.Millisecond), got.code)
		}
		if err := pause(ctx, 100*time.Millisecond); err != nil {
			return err
		}
	}
}

// equal asks the cluster whether its nodes hold the same, under load.
func (x *campaign) equal(ctx context.Context) error {
	api, err := x.patient()
	if err != nil {
		return err
	}
	defer api.Close()
	ctx, cancel := context.WithTimeoutCause(ctx, time.Minute, errors.New("no node compares"))
	defer cancel()
	var v client.Verification
	if v, err = api.Operator().Verify(ctx, false); err != nil {
		return err
	}
	x.verdicts.check(ruleReplicas, len(v.Odd) == 0 && len(v.Alarms) == 0, "nodes differ: %+v, alarms %+v, from entry %d", v.Odd, v.Alarms, v.First)
	return nil
}
