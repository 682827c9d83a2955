package fsm

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"
)

// dice is where a driver's choices come from: a seeded source or a fuzzer's bytes.
type dice func() byte

func (d dice) of(n int) int                { return int(d()) % n }
func (d dice) one(in int) bool             { return d.of(in) == 0 }
func oneOf[T any](d dice, of ...T) T       { return of[d.of(len(of))] }
func (d dice) name(s string, n int) string { return fmt.Sprintf("%s%d", s, d.of(n)) }

// driver does random things to a machine and to the model, and compares.
type driver struct {
	*world
	dice  dice
	model *model
	audit *auditor
	log   []Entry // all that was applied
	stop  bool
	blind bool // plays without looking: the log is all that is wanted

	harsh   bool       // more goes wrong: see harsher
	dir     string     // of the machine, if it is to be opened again
	hurry   int        // one in so many commands ends its entry
	seen    *sightings // what was played, if anybody counts
	steps   *steps     // looks at what an entry touched; the audit comes every full-th entry only
	full    uint64
	audited uint64 // the last entry with an audit

	pending []proposed // of the next entry
	sent    []proposed // numbered ones, to be sent again
	seq     uint64
	gaps    []uint64 // sequences that were handed out and come later, out of order
	origin  string
	born    int64 // of the origin: last registration or proposal
	idems   map[string]idemKept
	uploads int
}

// proposed is a proposal with what is expected of it.
type proposed struct {
	Proposal
	check func(Outcome) error
	first *Outcome // of the first time, for those that are sent again
}

type idemKept struct {
	p    Proposal
	hash []byte
	o    *Outcome // set when the entry is applied
	till int64
}

// small are settings in which everything runs out soon.
func small() Settings {
	s := DefaultSettings()
	s.Plans = map[string]Plan{
		"free": {MaxConcurrency: 2, MaxRuleSlots: 2, MaxItems: 4, StartCredits: 12, Weight: 1, MaxLeased: 3, MaxWait: 600 * second},
		"pro":  {MaxConcurrency: 4, MaxRuleSlots: 3, MaxItems: 12, StartCredits: 40, Weight: 4, MaxLeased: 12, MaxWait: 60 * second},
	}
	p := s.Presets["seller"]
	p.Price, p.Queue, p.Load, p.Exec = 3, 2*hour, 0, 30*second
	s.Presets = map[string]Preset{"interior": s.Presets["interior"], "seller": p}
	s.Budgets = Budgets{Upload: hour, Execute: 2 * hour, Queue: 3 * hour, Run: 4 * hour}
	s.QueueDepth, s.MaxUpload = 40, 1024
	s.Retention = &Retention{
		Inputs: Keep{Done: hour, Failed: 60 * second, Canceled: 2 * hour}, Outputs: Keep{Done: 60 * second, Failed: 3 * hour}, Previews: Keep{Done: hour},
	}
	return s
}

func newDriver(t testing.TB, d dice) *driver {
	dr := &driver{world: newWorld(t), dice: d, model: newModel(small()), audit: newAuditor(t), idems: map[string]idemKept{}, hurry: 2}
	dr.dry = 16
	dr.begin()
	return dr
}

// begin makes a cluster with a few users.
func (d *driver) begin() {
	d.direct(genesis(small()))
	for i := range 3 {
		d.model.signIn("", fmt.Sprintf("u%d", i))
		d.direct(SignIn{NewID: fmt.Sprintf("u%d", i)})
	}
	d.direct(PutSecret{Name: "webhook.shop", Sealed: []byte("sealed")})
	d.register()
}

// direct applies a command that cannot be refused, outside of the game.
func (d *driver) direct(c any) {
	p := Proposal{Kind: kindOf(c), Body: encode(c)}
	d.pending = append(d.pending, proposed{Proposal: p, check: func(o Outcome) error {
		if o.Refusal != nil {
			return o.Refusal
		}
		return nil
	}})
	d.flush()
}

// register begins a new life of the proposer.
func (d *driver) register() {
	d.origin = fmt.Sprintf("o%d", d.index)
	d.seq, d.sent, d.gaps, d.born = 0, nil, nil, d.clock
	d.direct(RegisterOrigin{Origin: d.origin, Node: "n1"})
}

// do plays a command: the model says what must come of it, unless its envelope
// decides before. answer compares what was answered.
func do[A any](d *driver, c Command[A], model func() Code, answer func(A) error) {
	p := Propose(c)
	p.By = "worker w1"
	check := d.expect(&p, model, func(o Outcome) error {
		a, err := Answer(c, o)
		if err != nil || answer == nil {
			return err
		}
		return answer(a)
	})
	d.pending = append(d.pending, d.number(p, check))
	if d.dice.one(d.hurry) {
		d.flush()
	}
}

// expect asks the model, behind an Idempotency-Key now and then.
func (d *driver) expect(p *Proposal, model func() Code, answer func(Outcome) error) func(Outcome) error {
	if !d.dice.one(10) {
		return verdict(model(), answer)
	}
	sum := sha256.Sum256(p.Body)
	p.Idem = &Idem{Scope: "s", Key: d.dice.name("k", 12), Hash: sum[:]}
	if kept, ok := d.idems[p.Idem.Key]; ok {
		if !bytes.Equal(kept.hash, sum[:]) {
			d.seen.fault("a key used for another request")
			return verdict(IdempotencyMismatch, nil)
		}
		d.seen.fault("a request repeated under its key")
		return kept.replays
	}
	code := model()
	if slices.Contains([]Code{ConcurrencyLimit, QueueFull, Unavailable, SettingsMoved, PlanInUse, PreconditionFailed}, code) {
		return verdict(code, answer) // what is about the moment is not stored
	}
	kept := idemKept{p: *p, hash: sum[:], o: &Outcome{}, till: d.clock + day}
	d.idems[p.Idem.Key] = kept
	expected := verdict(code, answer)
	return func(o Outcome) error {
		*kept.o = o
		return expected(o)
	}
}

// replays checks that the outcome is the stored one.
func (k idemKept) replays(o Outcome) error {
	if !o.Replayed || !bytes.Equal(o.Body, k.o.Body) || fmt.Sprint(o.Refusal) != fmt.Sprint(k.o.Refusal) {
		return fmt.Errorf("%+v is no replay of %+v", o, *k.o)
	}
	return nil
}

func verdict(code Code, answer func(Outcome) error) func(Outcome) error {
	return func(o Outcome) error {
		got := Code("")
		if o.Refusal != nil {
			got = o.Refusal.Code
		}
		if got != code {
			return fmt.Errorf("answered %q (%v), the model says %q", got, o.Refusal, code)
		}
		if code != "" || answer == nil {
			return nil
		}
		return answer(o)
	}
}

// number gives most proposals an origin and a sequence, so that they can be sent again.
func (d *driver) number(p Proposal, check func(Outcome) error) proposed {
	if d.dice.one(3) {
		return proposed{Proposal: p, check: check}
	}
	d.seq++
	p.Origin, p.Seq, p.Floor = d.origin, d.seq, d.floor()
	d.reorder(&p)
	pr := proposed{Proposal: p, check: check, first: &Outcome{}}
	d.sent = append(d.sent, pr)
	return pr
}

// floor is the lowest sequence without an answer; the driver claims the last few.
func (d *driver) floor() uint64 {
	if d.seq < 4 {
		return 1
	}
	return d.seq - 3
}

// retry asks once more under an Idempotency-Key: the stored answer comes.
func (d *driver) retry() {
	d.flush()
	if key := some(d, d.idems, ""); key != "" && !d.stop {
		d.seen.fault("a request repeated under its key")
		kept := d.idems[key]
		d.pending = append(d.pending, d.number(kept.p, kept.replays))
		d.flush()
	}
}

// again sends a numbered proposal once more: the answer is the first one, or it
// has been given up.
func (d *driver) again() {
	if len(d.sent) == 0 {
		return
	}
	d.flush()
	d.seen.fault("a proposal sent again")
	p := d.sent[len(d.sent)-1-d.dice.of(min(len(d.sent), 8))]
	first := *p.first
	p.check = func(o Outcome) error {
		if !bytes.Equal(o.Encode(), first.Encode()) {
			return fmt.Errorf("sent again it is answered %+v, first %+v", o, first)
		}
		return nil
	}
	if p.Seq < d.floor() {
		d.seen.fault("a sequence that was given up")
		p.check = verdict(SequencePassed, nil)
	}
	if d.dice.one(8) {
		d.seen.fault("a proposal of an unknown origin")
		p.Origin = "nobody"
		p.check = verdict(OriginUnknown, nil)
	}
	p.first = nil
	d.pending = append(d.pending, p)
	d.flush()
}

// flush applies what is pending as one entry and checks everything.
func (d *driver) flush() {
	if len(d.pending) == 0 || d.stop {
		d.pending = nil
		return
	}
	d.t.Helper()
	var ps []Proposal
	names := ""
	for _, p := range d.pending {
		ps = append(ps, p.Proposal)
		names += CommandName(p.Kind) + " "
		if p.Origin == d.origin {
			d.born = d.clock
		}
	}
	d.seed = 0
	if d.model.seeded {
		d.seed = d.index*0x9e3779b97f4a7c15 + 1
	}
	outcomes := d.propose(ps...)
	d.model.seeded = d.dice.one(3) // of the next entry
	for i, p := range d.pending {
		d.seen.answered(p.Kind, outcomes[i])
		if p.first != nil {
			*p.first = outcomes[i]
		}
		if err := p.check(outcomes[i]); err != nil {
			d.t.Errorf("entry %d, %s %x: %v", d.index, CommandName(p.Kind), p.Body, err)
			d.stop = true
		}
	}
	d.pending = nil
	d.look(names, outcomes)
	d.stop = d.stop || d.t.Failed()
}

// look holds the state after an entry against the model and the invariants.
func (d *driver) look(names string, outcomes []Outcome) {
	d.t.Helper()
	v := d.m.View()
	defer v.Close()
	if err := d.model.settleBacks(v); err != nil {
		d.t.Errorf("after entry %d, %s: %v", d.index, names, err)
	}
	if d.blind {
		return
	}
	if d.steps != nil {
		d.steps.held(v, !slices.ContainsFunc(outcomes, func(o Outcome) bool { return o.Refusal == nil }))
		if err := d.steps.compare(v, d.model); err != nil {
			d.t.Errorf("after entry %d, %s: %v", d.index, names, err)
		}
		if d.index < d.audited+d.full {
			return
		}
		if d.audited+1 < d.index {
			d.audit.idle = nil // who might work when a lease was granted, it has not seen
		}
		d.audited = d.index
		d.steps.checks[heldAudit]++
	}
	if err := d.model.compare(v); err != nil {
		d.t.Errorf("after entry %d, %s: %v", d.index, names, err)
	}
	d.audit.audit(d.m, fmt.Sprintf("entry %d, %s", d.index, names), d.index%64 == 0)
}

// pass lets time pass.
func (d *driver) pass() {
	d.flush()
	steps := []time.Duration{0, time.Second, 2 * time.Second, 10 * time.Second, 20 * time.Second, 30 * time.Second, time.Minute, 10 * time.Minute}
	by := int64(steps[d.dice.of(len(steps))])
	if d.dice.one(20) {
		d.seen.fault("hours that pass at once")
		by = oneOf(d.dice, hour, hour, 3*hour, 13*hour)
	}
	d.clock += by
	d.model.now = dawn + d.clock
}

// expire fires all that is due, a few at a time.
func (d *driver) expire() {
	d.flush()
	d.model.expire()
	maps.DeleteFunc(d.idems, func(_ string, k idemKept) bool { return k.till <= d.clock })
	silent := d.born+day <= d.clock
	limit := oneOf(d.dice, 1, 3, 1000)
	for fired := limit; fired > 0 && !d.stop; { // what fires may set what is due
		e := d.entry(Propose(Expire{Limit: limit}))
		o := d.apply(e)
		a, err := Answer(Expire{}, o[0])
		if err != nil {
			d.t.Fatal(err)
		}
		d.expired(o)
		fired = a.Fired
		d.seen.faults("a deadline that came due", fired)
	}
	if silent {
		d.register()
	}
	d.again() // compares, too
}

// entry keeps what it makes.
func (d *driver) entry(ps ...Proposal) Entry {
	e := d.world.entry(ps...)
	d.log = append(d.log, e)
	return e
}

func (d *driver) apply(e Entry) []Outcome { return d.m.Apply([]Entry{e})[0] }

func (d *driver) propose(ps ...Proposal) []Outcome {
	d.model.turn = d.index + 1
	out := d.world.propose(ps...)
	d.log = append(d.log, d.world.last)
	return out
}

// some picks one of a map's keys, the same one for the same dice.
func some[V any](d *driver, of map[string]V, otherwise string) string {
	if len(of) == 0 || d.dice.one(12) {
		return otherwise
	}
	keys := slices.Sorted(maps.Keys(of))
	return keys[d.dice.of(len(keys))]
}

// expired looks at one of several entries that expire what is due. The model has done all of it at once.
func (d *driver) expired(out []Outcome) {
	d.seen.answered(kindOf(Expire{}), out[0])
	if d.steps == nil {
		return
	}
	v := d.m.View()
	defer v.Close()
	d.steps.held(v, false)
	d.stop = d.stop || d.t.Failed()
}
