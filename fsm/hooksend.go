package fsm

import (
	"slices"
	"strings"

	"stoker/store"
)

// What a receiver answers that never wants to hear of an event again.
const statusGone = 410

// AdvanceHook moves a webhook's place in the feed behind what was sent. It is
// refused if another one did before: Turn and Lost are the row's as the proposer
// read them.
type AdvanceHook struct {
	Hook    string        `cbor:"1,keyasint"`
	Turn    uint64        `cbor:"2,keyasint"`
	Lost    uint64        `cbor:"3,keyasint"`
	To      Mark          `cbor:"4,keyasint"`
	Arrived int           `cbor:"5,keyasint"`           // events up to To
	Failed  []Undelivered `cbor:"6,keyasint"`           // the other events up to To, in order
	Alive   bool          `cbor:"7,keyasint,omitempty"` // something arrived in the same round, said here or not
}

// Undelivered is an event whose first attempt failed.
type Undelivered struct {
	Mark   Mark   `cbor:"1,keyasint"`
	Event  string `cbor:"2,keyasint"`
	Job    string `cbor:"3,keyasint"`
	ID     string `cbor:"4,keyasint"`
	Body   []byte `cbor:"5,keyasint"`
	Status int    `cbor:"6,keyasint"`
	Error  string `cbor:"7,keyasint"`
}

func (c AdvanceHook) apply(tx *Tx) (Hook, error) {
	h, ok := hooks.Get(tx, store.Str(c.Hook))
	switch {
	case !ok:
		return Hook{}, noHook(c.Hook)
	case c.Turn != h.Turn || c.Lost > h.Lost:
		return Hook{}, Refuse(Unavailable, "the place of webhook %s has moved; look again", c.Hook)
	case c.Arrived < 0 || h.Waiting+len(c.Failed) > MaxBacklog:
		return Hook{}, invalid("failed", "at most %d deliveries may wait", MaxBacklog)
	case c.To.Follows(Mark{Index: tx.m.Index}):
		return Hook{}, invalid("to", "nothing has happened there yet")
	}
	last := Mark{}
	for _, f := range c.Failed {
		if r := f.flaw(); r != nil {
			return Hook{}, r
		}
		if !f.Mark.Follows(last) || f.Mark.Follows(c.To) || deliveries.Has(tx, deliveryKey(c.Hook, f.Mark)) {
			return Hook{}, invalid("failed", "must be in order, up to the place, and each once")
		}
		last = f.Mark
	}
	// from here on nothing may refuse
	// What the feed has forgotten meanwhile, and was sent all the same, is not lost.
	h.Lost -= min(h.Lost-c.Lost, uint64(c.Arrived+len(c.Failed)))
	h.Turn++
	if c.To.Follows(h.At) {
		h.At = c.To
	}
	alive := c.Alive || c.Arrived > 0
	if alive {
		h.comesBack(tx)
	}
	for _, f := range c.Failed {
		d := Delivery{
			Hook: h.Name, Index: f.Mark.Index, Ordinal: f.Mark.Ordinal, Event: f.Event, Job: f.Job, ID: f.ID, Body: f.Body,
			State: DeliveryDue, Since: tx.now(),
		}
		h.Waiting++
		h.failed(tx, d, f.Status, f.Error)
	}
	h.arrived(tx, c.Arrived, alive)
	hooks.Put(tx.Tx, store.Str(h.Name), h)
	return h, nil
}

func (f Undelivered) flaw() *Refusal {
	if len(f.Body) == 0 || len(f.Body) > maxBody || len(f.Error) > maxSaid || f.ID == "" {
		return invalid("failed", "needs a body of at most %d bytes, an error of at most %d, and an id", maxBody, maxSaid)
	}
	return tooLong("failed", f.Event, f.Job, f.ID)
}

func noHook(name string) *Refusal { return Refuse(NotFound, "no webhook %.80q", name) }

// ReportHook tells what came of further attempts.
type ReportHook struct {
	Hook     string        `cbor:"1,keyasint"`
	Attempts []HookAttempt `cbor:"2,keyasint"`
	Alive    bool          `cbor:"3,keyasint,omitempty"` // as in AdvanceHook
}

// HookAttempt is a further attempt at a delivery.
type HookAttempt struct {
	Mark    Mark   `cbor:"1,keyasint"`
	Before  int    `cbor:"2,keyasint"` // attempts that there had been: a report that comes twice counts once
	Arrived bool   `cbor:"3,keyasint"`
	Status  int    `cbor:"4,keyasint"`
	Error   string `cbor:"5,keyasint"`
}

func (c ReportHook) apply(tx *Tx) (Hook, error) {
	h, ok := hooks.Get(tx, store.Str(c.Hook))
	if !ok {
		return Hook{}, noHook(c.Hook)
	}
	for _, a := range c.Attempts {
		if len(a.Error) > maxSaid {
			return Hook{}, invalid("attempts", "an error may have %d bytes", maxSaid)
		}
	}
	// from here on nothing may refuse
	alive := c.Alive || slices.ContainsFunc(c.Attempts, func(a HookAttempt) bool { return a.Arrived })
	if alive {
		h.comesBack(tx)
	}
	arrived := 0
	for _, a := range c.Attempts {
		d, ok := deliveries.Get(tx, deliveryKey(h.Name, a.Mark))
		switch {
		case !ok:
		case a.Arrived: // whoever else tried it, and whatever came of that
			h.takeOff(tx, d)
			arrived++
		case d.State == DeliveryDue && d.Attempts == a.Before:
			h.failed(tx, d, a.Status, a.Error)
		}
	}
	h.arrived(tx, arrived, alive)
	hooks.Put(tx.Tx, store.Str(h.Name), h)
	return h, nil
}

// takeOff takes a delivery off the list.
func (h *Hook) takeOff(tx *Tx, d Delivery) {
	if d.Next != 0 {
		clearTimer(tx, d.Next, deliveryNext, d.key())
	}
	if d.State == DeliveryFailed {
		h.GivenUp--
	} else {
		h.Waiting--
	}
	deliveries.Delete(tx.Tx, d.key())
}

// comesBack has all that waits for a receiver that was down due at once: it waited for
// the receiver, not for its own sake. What fails beside what arrives does, so this
// comes before the failures of the same round.
func (h *Hook) comesBack(tx *Tx) {
	if h.Streak < DownAfter {
		return
	}
	for _, d := range deliveriesByState.Scan(tx, store.Str(h.Name).Str(string(DeliveryWaiting))) {
		d.due(tx)
	}
}

// arrived counts n events, and ends the failures in a row if anything arrived in the
// round: one that takes others is not down.
func (h *Hook) arrived(tx *Tx, n int, alive bool) {
	if n > 0 {
		h.Arrived, h.ArrivedAt = h.Arrived+uint64(n), tx.wall()
	}
	if alive {
		h.Streak = 0
	}
}

// failed notes an attempt at a delivery that is due, new ones too.
func (h *Hook) failed(tx *Tx, d Delivery, status int, said string) {
	said = strings.ToValidUTF8(said, "")
	h.Streak, h.FailedAt, h.Status, h.Error = h.Streak+1, tx.wall(), status, said
	d.Attempts++
	d.TriedAt, d.Status, d.Error = tx.wall(), status, said
	if status == statusGone || tx.now()-d.Since >= hookTries {
		h.Waiting--
		h.giveUp(tx, d)
		return
	}
	d.State, d.Next = DeliveryWaiting, tx.now()+tx.jitter(hookOff(d.Attempts))
	setTimer(tx, d.Next, deliveryNext, d.key())
	deliveries.Put(tx.Tx, d.key(), d)
}

// hookOff is the wait after so many attempts: 5 s, twice as long each time, an hour
// at most.
func hookOff(attempts int) int64 {
	wait := leastHookOff
	for range attempts - 1 {
		if wait *= 2; wait >= mostHookOff {
			return mostHookOff
		}
	}
	return wait
}

// giveUp lists a delivery for whoever wants to have it sent again. Of too many the
// oldest is forgotten.
func (h *Hook) giveUp(tx *Tx, d Delivery) {
	if h.GivenUp == maxGivenUp {
		for _, oldest := range deliveriesByState.Scan(tx, store.Str(h.Name).Str(string(DeliveryFailed))) {
			h.takeOff(tx, oldest)
			h.Forgotten++
			break
		}
	}
	h.GivenUp++
	d.State, d.Next = DeliveryFailed, tx.now()+hookList
	setTimer(tx, d.Next, deliveryNext, d.key())
	deliveries.Put(tx.Tx, d.key(), d)
}

// due hands a delivery to the leader, from now on.
func (d Delivery) due(tx *Tx) Delivery {
	if d.Next != 0 {
		clearTimer(tx, d.Next, deliveryNext, d.key())
	}
	d.State, d.Next = DeliveryDue, 0
	deliveries.Put(tx.Tx, d.key(), d)
	tx.changes.Hooks = true
	return d
}

// deliveryGoesOn fires when a delivery has waited, or was listed, for long enough.
func deliveryGoesOn(tx *Tx, ref store.Key) {
	d, ok := deliveries.Get(tx, ref)
	if !ok {
		return
	}
	if d.State == DeliveryWaiting {
		d.Next = 0 // the timer has fired
		d.due(tx)
		return
	}
	h, _ := hooks.Get(tx, store.Str(d.Hook))
	d.Next = 0 // likewise
	h.takeOff(tx, d)
	h.Forgotten++
	hooks.Put(tx.Tx, store.Str(h.Name), h)
}

// RedeliverHook has a delivery tried now, one that was given up too.
type RedeliverHook struct {
	Hook string `cbor:"1,keyasint"`
	Mark Mark   `cbor:"2,keyasint"`
}

func (c RedeliverHook) deed() deed { return deed{Subject: shorten(c.Hook)} }

func (c RedeliverHook) apply(tx *Tx) (Delivery, error) {
	h, ok := hooks.Get(tx, store.Str(c.Hook))
	if !ok {
		return Delivery{}, noHook(c.Hook)
	}
	d, ok := deliveries.Get(tx, deliveryKey(c.Hook, c.Mark))
	if !ok {
		return Delivery{}, Refuse(NotFound, "no such delivery of webhook %s: it has arrived, or is listed no more", h.Name)
	}
	if d.State == DeliveryFailed {
		if h.Waiting >= MaxBacklog {
			return Delivery{}, Refuse(QueueFull, "%d deliveries of webhook %s wait already; see what it answers first", h.Waiting, h.Name)
		}
		h.GivenUp--
		h.Waiting++
		d.Since = tx.now()
		hooks.Put(tx.Tx, store.Str(h.Name), h)
	}
	return d.due(tx), nil
}
