package fsm

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"

	"stoker/store"
)

// Options configure a machine.
type Options struct {
	// Fatal is told when the machine cannot go on: a broken disk, an unknown
	// kind, a broken invariant. It must end the process; the machine applies
	// nothing after it. Nil panics.
	Fatal func(error)
	// Guard is store.Options.Guard: asked before the state is flushed.
	Guard func() (done func(), err error)
	// Watch is store.Options.Watch: told of each row that an entry writes.
	Watch func(table string, k store.Key, was, is []byte)
	// Log gets what an operator should know. Nil discards.
	Log *slog.Logger
}

// Machine applies entries to the state.
type Machine struct {
	store *store.Store
	fatal func(error)

	mu    sync.Mutex // one writer: Apply, Restore; held while the disk is waited for
	meta  meta
	stuck error // why nothing is applied any more

	at    atomic.Pointer[Footprint]
	index atomic.Uint64
	clock atomic.Int64
	level atomic.Uint64
	trail trail

	subMu sync.Mutex
	subs  []func(Changes)
}

// Entry is one committed entry of the log.
type Entry struct {
	Index, Term uint64
	Data        []byte
}

// Open opens the state in dir, empty at first. The error wraps store.ErrTorn
// when the file cannot be read: delete it and rebuild it from snapshot and log.
func Open(dir string, o Options) (*Machine, error) {
	if o.Fatal == nil {
		o.Fatal = func(err error) { panic(err) }
	}
	s, err := store.Open(dir, store.Options{Logger: o.Log, Guard: o.Guard, Watch: o.Watch, Fatal: o.Fatal})
	if err != nil {
		return nil, err
	}
	m := &Machine{store: s, fatal: o.Fatal}
	if err := m.load(); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return m, nil
}

// load takes the machine's own row out of the store.
func (m *Machine) load() error {
	v := m.store.View()
	defer v.Close()
	m.meta, _ = metas.Get(v, metaKey)
	m.trail.reset(Footprint{m.meta.Index, m.meta.Hash})
	m.publish()
	if m.meta.Level > Level {
		return fmt.Errorf("fsm: the state is of feature level %d, understood are %d: %w", m.meta.Level, Level, errTooNew)
	}
	return nil
}

func (m *Machine) publish() {
	m.at.Store(&Footprint{m.meta.Index, m.meta.Hash})
	m.index.Store(m.meta.Index)
	m.clock.Store(m.meta.Clock)
	m.level.Store(m.meta.level())
}

// Index is the last entry applied; Clock is the machine's clock there.
func (m *Machine) Index() uint64 { return m.index.Load() }

// Clock is the machine's clock in nanoseconds.
func (m *Machine) Clock() int64 { return m.clock.Load() }

// Hash is the running hash at the last applied index. It waits for nothing: a
// node is asked for it by the others, and must answer while its disk is slow.
func (m *Machine) Hash() (index uint64, sum [32]byte) {
	at := m.at.Load()
	return at.Index, at.Hash
}

// Subscribe adds a listener, called in order after each applied batch is
// visible to views. It must not block and must not call Apply.
func (m *Machine) Subscribe(fn func(Changes)) {
	m.subMu.Lock()
	defer m.subMu.Unlock()
	m.subs = append(m.subs, fn)
}

// Apply applies committed entries in one store transaction and answers each
// proposal of each. Entries at or below the applied index are skipped and
// answered nil: the store outlived the process that applied them.
func (m *Machine) Apply(entries []Entry) [][]Outcome {
	m.mu.Lock()
	defer m.mu.Unlock()
	outcomes := make([][]Outcome, len(entries))
	if m.stuck != nil {
		return outcomes
	}
	next, changes := m.meta, Changes{}
	var steps []Footprint
	err := m.update(func(st *store.Tx) error {
		tx := &Tx{Tx: st, m: &next, changes: &changes}
		for i, e := range entries {
			if e.Index <= next.Index {
				continue
			}
			var err error
			if outcomes[i], err = tx.entry(e); err != nil {
				return fmt.Errorf("entry %d: %w", e.Index, err)
			}
			steps = append(steps, Footprint{next.Index, next.Hash})
		}
		metas.Put(st, metaKey, next)
		changes.NextTimer = nextTimer(st)
		return nil
	})
	if err != nil {
		m.stuck = err
		m.fatal(fmt.Errorf("fsm: the machine stopped before it could diverge: %w", err))
		return make([][]Outcome, len(entries))
	}
	m.meta = next
	m.trail.add(steps)
	m.publish()
	changes.Index, changes.Clock = next.Index, next.Clock
	m.tell(changes)
	return outcomes
}

// update turns the store's panics (broken disk, undecodable row) into errors.
func (m *Machine) update(fn func(*store.Tx) error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			if e, ok := p.(error); ok {
				err = fmt.Errorf("store: %w", e)
				return
			}
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	return m.store.Update(fn)
}

func (m *Machine) tell(c Changes) {
	m.subMu.Lock()
	subs := m.subs
	m.subMu.Unlock()
	for _, fn := range subs {
		fn(c)
	}
}

// entry applies one entry: the clock first, then each proposal.
func (tx *Tx) entry(e Entry) ([]Outcome, error) {
	b, err := decodeBatch(e.Data)
	if err != nil {
		return nil, err
	}
	tx.m.Index, tx.term, tx.ordinal, tx.seed = e.Index, e.Term, 0, b.Seed
	tx.m.Clock = max(tx.m.Clock, b.Stamp)
	tx.m.Wall = max(tx.m.Wall, b.Wall)

	sum := sha256.New()
	sum.Write(tx.m.Hash[:])
	sum.Write(e.Data)
	tx.telling, tx.notes = tx.level() >= 3, nil
	outcomes := make([]Outcome, len(b.Proposals))
	for i := range b.Proposals {
		if outcomes[i], err = tx.proposal(&b.Proposals[i]); err != nil {
			return nil, err
		}
		sum.Write(outcomes[i].Encode())
	}
	tx.publishNotes()
	if spoil != nil {
		spoil(tx)
	}
	sum.Write(tx.chain())
	sum.Sum(tx.m.Hash[:0])
	return outcomes, nil
}

// proposal applies one proposal once: what was answered before is answered again.
func (tx *Tx) proposal(p *Proposal) (Outcome, error) {
	if p.Origin != "" {
		if o, answered := tx.recall(p); answered {
			return o, nil
		}
	}
	o, err := tx.command(p)
	if err != nil {
		return o, err
	}
	if p.Origin != "" {
		tx.remember(p, o)
	}
	return o, nil
}

// command applies the command itself, under its Idempotency-Key if it has one.
func (tx *Tx) command(p *Proposal) (Outcome, error) {
	r, ok := byKind[p.Kind]
	if !ok {
		return Outcome{}, fmt.Errorf("kind %d: %w", p.Kind, errUnknownKind)
	}
	if r.level > tx.level() {
		refusal := tx.begun()
		if refusal == nil {
			refusal = TooEarly(*p, tx.level())
		}
		return Outcome{Index: tx.m.Index, Refusal: refusal}, nil
	}
	if p.Idem != nil {
		if r := tooLong("Idempotency-Key", p.Idem.Key, p.Idem.Scope); r != nil {
			return Outcome{Index: tx.m.Index, Refusal: r}, nil
		}
		if o, kept := tx.replay(p); kept {
			return o, nil
		}
	}
	tx.by, tx.origin, tx.request, tx.trace, tx.deed, tx.through = p.By, p.Origin, p.RequestID, p.Trace, deed{}, ""
	o := Outcome{Index: tx.m.Index}
	body, err := tx.perform(r, p.Body)
	switch refusal := (*Refusal)(nil); {
	case err == nil:
		o.Body = body
	case errors.As(err, &refusal):
		o.Refusal = refusal
	default:
		return o, fmt.Errorf("%s: %w", r.name, err)
	}
	tx.audit(p, r.name, o.Refusal)
	if p.Idem != nil {
		tx.keep(p, o)
	}
	return o, nil
}

// perform applies the command unless an alarm forbids it.
func (tx *Tx) perform(r row, body []byte) ([]byte, error) {
	if r.costs {
		if refusal := tx.sound(); refusal != nil {
			return nil, refusal
		}
	}
	return r.apply(tx, body)
}

// Stats is a glance at the state's file.
func (m *Machine) Stats() store.Stats { return m.store.Stats() }

// Compact writes the state's file anew, without its gaps, beside everything else; see [store.Store.Compact].
func (m *Machine) Compact(ctx context.Context) error { return m.store.Compact(ctx) }

// Vouch says that all rows were read and are right; see [store.Store.Vouch].
func (m *Machine) Vouch() error { return m.store.Vouch() }

// Trusted says whether all rows of the file were read, or made; see [store.Store.Trusted].
func (m *Machine) Trusted() bool { return m.store.Trusted() }

// Close makes everything durable and closes the state.
func (m *Machine) Close() error { return m.store.Close() }
