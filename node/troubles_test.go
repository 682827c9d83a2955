package node

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

// trouble is a fault; strike gives what ends it.
type trouble struct {
	name   string
	of     string // power, links, …
	strike func(w *world, id string) (mend func())
	last   bool // it ends by itself, when the others have been ended
	full   bool // a node refuses entries for want of room
}

var troubles = []trouble{
	{name: "crash", of: "power", strike: func(w *world, id string) func() { return w.powerCut(false, id) }},
	{name: "leader crash", of: "power", strike: func(w *world, id string) func() { return w.powerCut(false, w.leads(id)) }},
	{name: "crash before the last append was written", of: "power", strike: func(w *world, id string) func() {
		w.gates.set(id, gate{shut: true})
		w.wait(1)
		return w.powerCut(false, id)
	}},
	{name: "crash with a torn state", of: "power", strike: func(w *world, id string) func() { return w.powerCut(true, id) }},
	{name: "crash of all", of: "power", strike: func(w *world, _ string) func() { return w.powerCut(false, w.ids()...) }},
	{name: "restart", of: "power", strike: func(w *world, id string) func() {
		w.hit(id)
		if n := w.take(id); n != nil {
			w.gates.set(id, gate{}) // a process that was paused hears of it when it goes on
			if err := n.Stop(w.t.Context()); err != nil {
				w.wrongf("stop %s: %v", id, err)
			}
		}
		return w.rise
	}},
	{name: "cut off", of: "links", strike: func(w *world, id string) func() { return w.isolated(id) }},
	{name: "leader cut off", of: "links", strike: func(w *world, id string) func() { return w.isolated(w.leads(id)) }},
	{name: "one-way cuts", of: "links", strike: func(w *world, _ string) func() {
		for range 1 + w.dice.IntN(3) {
			from, to := w.draw(), w.draw()
			w.hit(from + " to " + to)
			w.net.cut(from, to)
		}
		return w.net.heal
	}},
	{name: "slow links", of: "links", strike: func(w *world, _ string) func() {
		w.slowAll(1000)
		return w.net.heal
	}},
	{name: "one slow direction", of: "links", strike: func(w *world, id string) func() {
		to := w.draw()
		w.hit(id + " to " + to)
		w.net.slowDown(id, to, delay{w.upTo(3000), w.upTo(3000)})
		return w.net.heal
	}},
	{name: "broken connections", of: "links", strike: func(w *world, _ string) func() {
		w.slowAll(300) // or nothing would be on its way
		ids := w.ids()
		return w.meanwhile(func(dice *rand.Rand, sleep func(ms int) bool) {
			for sleep(3000) {
				w.net.sever(ids[dice.IntN(len(ids))], ids[dice.IntN(len(ids))])
			}
			w.net.heal()
		})
	}},
	{name: "lost answers", of: "links", strike: func(w *world, id string) func() {
		lead := w.leads(id)
		w.hit(lead)
		ids := w.ids()
		return w.meanwhile(func(dice *rand.Rand, sleep func(ms int) bool) {
			for sleep(2000) {
				other := ids[dice.IntN(len(ids))]
				w.net.cut(lead, other)
				sleep(600)
				w.net.sever(lead, other)
				w.net.mend(lead, other)
			}
		})
	}},
	{name: "pause", of: "processes", strike: func(w *world, id string) func() { return w.standstill(id) }},
	{name: "leader paused", of: "processes", strike: func(w *world, id string) func() { return w.standstill(w.leads(id)) }},
	{name: "transfer", of: "members", strike: func(w *world, id string) func() {
		ctx, cancel := context.WithTimeout(w.t.Context(), 10*time.Second)
		defer cancel()
		w.hit("to " + id)
		if n := w.node(w.leads(id)); n != nil {
			n.transferTo(ctx, id) // to itself, or to one that is behind: then it fails
		}
		return func() {}
	}},
	{name: "low disk", of: "disks", strike: func(w *world, id string) func() { return w.fill(roomOnly, id) }},
	{name: "full disk", of: "disks", strike: func(w *world, id string) func() { return w.fill(noRoom, id) }, full: true},
	{name: "full disks", of: "disks", strike: func(w *world, id string) func() { return w.fill(noRoom, id, w.draw()) }, full: true},
	{name: "slow disk", of: "disks", strike: func(w *world, id string) func() {
		w.hit(id)
		w.gates.set(id, gate{slow: w.upTo(1500)})
		return func() { w.gates.set(id, gate{}) }
	}},
	{name: "wall clock off", of: "clocks", strike: func(w *world, id string) func() {
		w.hit(id)
		w.walls.set(id, w.upTo(180_000)-90*time.Second)
		return func() { w.walls.set(id, 0) }
	}},
	{name: "members change", of: "members", strike: (*world).exchange, last: true},
}

// strike has one trouble, in every fourth case two, for a while, and then peace
// for a while, in which everything has to be well.
func (w *world) strike() {
	var mends []func()
	limit, healing := healsIn, len(w.blows)
	for range 1 + w.dice.IntN(4)/3 {
		x, id := troubles[w.dice.IntN(len(troubles))], w.draw()
		if len(w.others("")) < len(w.ids()) {
			break // of three one may be down
		}
		w.faults[x.name]++
		w.log.note(x.name, id)
		mend := w.struck(x, id)
		if x.full {
			limit = healsIn + raftPause
		}
		if x.last {
			mends = slices.Insert(mends, 0, mend)
		} else {
			mends = append(mends, mend)
		}
	}
	w.wait(30)
	slices.Reverse(mends)
	for _, mend := range mends {
		mend()
	}
	w.log.note("peace", "")
	w.heals(limit)
	w.whole(healing)
	w.wait(10)
}

// draw is a member.
func (w *world) draw() string {
	ids := w.ids()
	return ids[w.dice.IntN(len(ids))]
}

// leads is the node that leads, or else another.
func (w *world) leads(otherwise string) string {
	for _, n := range w.others("") {
		if _, ok := n.lead.current(); ok {
			return n.cfg.ID
		}
	}
	return otherwise
}

func (w *world) upTo(ms int) time.Duration { return time.Duration(w.dice.IntN(ms)) * time.Millisecond }

func (w *world) wait(seconds int) { time.Sleep(w.upTo(seconds * 1000)) }

// slowAll makes each direction slow in its own way, by up to so many ms.
func (w *world) slowAll(ms int) {
	w.hit("all links")
	for _, a := range w.ids() {
		for _, b := range w.ids() {
			w.net.slowDown(a, b, delay{w.upTo(ms), w.upTo(ms)})
		}
	}
}

// fill leaves so many MiB on disks.
func (w *world) fill(mb uint64, ids ...string) func() {
	w.hit(ids...)
	w.disks.set(mb, ids...)
	return func() { w.disks.set(1000, ids...) }
}

// isolated is a node that nobody reaches.
func (w *world) isolated(id string) func() {
	w.hit(id)
	w.net.isolate(id, w.ids()...)
	return w.net.heal
}

// meanwhile does something until it is to end. sleep waits for up to so many ms,
// and says whether to go on.
func (w *world) meanwhile(do func(dice *rand.Rand, sleep func(ms int) bool)) (end func()) {
	dice := rand.New(rand.NewPCG(w.dice.Uint64(), 0))
	ctx, cancel := context.WithCancel(w.t.Context())
	var doing sync.WaitGroup
	doing.Go(func() {
		do(dice, func(ms int) bool { return pause(ctx, time.Duration(1+dice.IntN(ms))*time.Millisecond) == nil })
	})
	return func() {
		cancel()
		doing.Wait()
	}
}

// standstill is a node that was paused, as far as the others can tell: nothing
// comes out of it and nothing goes in, and it writes nothing; then all of that comes
// at once. What it does not show is a process that does not know that time has
// passed: this one's timers go on, so that a leader knows when its lease is over.
// (TestRead_AConfirmationThatWasOnItsWayProvesNothing has a leader that does not.)
func (w *world) standstill(id string) func() {
	w.gates.set(id, gate{shut: true})
	heal := w.isolated(id)
	return func() {
		w.gates.set(id, gate{})
		heal()
	}
}

// rise starts all members that do not run.
func (w *world) rise() {
	var all sync.WaitGroup
	for _, id := range w.ids() {
		if w.node(id) != nil {
			continue
		}
		all.Go(func() {
			switch err := w.start(id); {
			case errors.Is(err, ErrRemoved): // whoever removed it takes it off the list
			case err != nil:
				w.wrongf("start %s: %v", id, err)
			case !slices.Contains(w.ids(), id): // meanwhile
				w.end(id)
			}
		})
	}
	all.Wait()
}
