package objects

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"stoker/fsm"
)

const (
	pullsCap  = 1 << 15         // records that wait
	pullsRest = 2 * time.Minute // the longest a failed pull waits for its next try
)

// errNoCopy: every member has answered and none has a good copy.
var errNoCopy = errors.New("objects: no node has a good copy")

// pulls are the records of which this node has to get a copy, each once.
type pulls struct {
	mu    sync.Mutex
	known map[fsm.ObjectRef]int // tries
	queue []fsm.ObjectRef
	bell  chan struct{}
}

func newPulls() *pulls {
	return &pulls{known: map[fsm.ObjectRef]int{}, bell: make(chan struct{}, 1)}
}

// add notes a record; false when there is no room.
func (p *pulls) add(ref fsm.ObjectRef) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, noted := p.known[ref]; noted {
		return true
	}
	if len(p.known) >= pullsCap {
		return false
	}
	p.known[ref] = 0
	p.push(ref)
	return true
}

func (p *pulls) push(ref fsm.ObjectRef) {
	p.queue = append(p.queue, ref)
	ring(p.bell)
}

// take gives the next one, when there is one.
func (p *pulls) take(ctx context.Context) (fsm.ObjectRef, error) {
	for {
		p.mu.Lock()
		if len(p.queue) > 0 {
			ref := p.queue[0]
			p.queue = p.queue[1:]
			if len(p.queue) > 0 {
				ring(p.bell) // for the next puller
			}
			p.mu.Unlock()
			return ref, nil
		}
		p.mu.Unlock()
		select {
		case <-p.bell:
		case <-ctx.Done():
			return fsm.ObjectRef{}, ctx.Err()
		}
	}
}

// end is done with a record, or has it tried again after a while.
func (p *pulls) end(ref fsm.ObjectRef, again bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !again {
		delete(p.known, ref)
		return
	}
	tries := p.known[ref]
	p.known[ref] = tries + 1
	rest := min(time.Second<<min(tries, 10), pullsRest)
	rest += time.Duration(rand.Int64N(int64(rest) / 4))
	time.AfterFunc(rest, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.push(ref)
	})
}

func (p *pulls) pending() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.known)
}

// puller gets one record's files after the other.
func (t *tender) puller(ctx context.Context) {
	for {
		ref, err := t.pulls.take(ctx)
		if err != nil {
			return
		}
		v := t.store.node.View()
		o, ok := v.Record(ref)
		v.Close()
		if !ok {
			t.found(ref)
			t.pulls.end(ref, false)
			continue
		}
		err = t.get(ctx, o)
		switch {
		case ctx.Err() != nil:
			return
		case err == nil:
			t.found(ref)
			t.words.say(ref, true)
		case errors.Is(err, errNoCopy):
			t.lament(ctx, o)
		default:
			t.store.cfg.Log.Debug("a copy could not be pulled; it is tried again", "key", o.Key, "err", err)
		}
		t.pulls.end(ref, err != nil)
		if err == nil && !t.store.holds(o) {
			t.missing(o) // lost again, before end: add took the pull for one that is under way
		}
	}
}

// get pulls what this node lacks of a record.
func (t *tender) get(ctx context.Context, o fsm.Object) error {
	for _, f := range o.Files() {
		b := blobOf(f)
		if t.store.disk.Has(b, f.Size) {
			continue
		}
		if err := t.fetch(ctx, o, f, b); err != nil {
			return err
		}
		t.store.disk.DropAside(b) // the good one is here
	}
	return nil
}

// fetch asks members for a file until one has given the right bytes.
func (t *tender) fetch(ctx context.Context, o fsm.Object, f fsm.File, b Blob) error {
	others := t.store.others()
	without := 0
	errs := []error{}
	for _, m := range t.store.peers.byLikelihood(b, o.Nodes, others) {
		err := t.copyFrom(ctx, m, o, f, b)
		switch {
		case err == nil:
			t.store.metrics.pulled.Inc()
			t.store.metrics.pulledBytes.Add(float64(f.Size))
			return nil
		case ctx.Err() != nil, errors.Is(err, ErrFull):
			return err
		case errors.Is(err, errDamaged), errors.Is(err, errAbsent):
			without++
		}
		errs = append(errs, err)
	}
	if without == len(others) {
		errs = append(errs, errNoCopy)
	}
	return errors.Join(errs...)
}

// copyFrom pulls a file from one member. It becomes a blob only when its bytes
// are those of the record.
func (t *tender) copyFrom(ctx context.Context, member string, o fsm.Object, f fsm.File, b Blob) error {
	w, err := t.store.disk.Create(f.Size, f.Size)
	if err != nil {
		return err
	}
	defer w.Close()
	if f.Size > 0 {
		r, err := t.store.peers.fetchFrom(b, f.Size, f.SHA256, 0, f.Size, []string{member}, func(string) { go t.suspect(member, o) })
		if err != nil {
			return err
		}
		defer r.Close()
		if err := copyExactly(w, paced{ctx, r, t.pull}, f.Size); err != nil {
			if errors.Is(context.Cause(ctx), context.Canceled) {
				return ctx.Err()
			}
			return errors.Join(err, r.(*fetched).failure())
		}
	}
	if sums := w.Sums(); string(sums.SHA256[:]) != string(f.SHA256) {
		return fmt.Errorf("%w: %s on %s", errDamaged, b, member)
	}
	if err := w.Commit(b); err != nil && !errors.Is(err, errExists) {
		return err
	}
	return nil
}

// paced reads no faster than its limiter allows.
type paced struct {
	ctx   context.Context
	r     io.Reader
	limit *rate.Limiter
}

func (p paced) Read(b []byte) (int, error) {
	n, err := p.r.Read(b[:min(len(b), burst)])
	if n > 0 {
		if slow := p.limit.WaitN(p.ctx, n); slow != nil {
			return 0, slow
		}
	}
	return n, err
}

// lament says, once, that a record's picture is lost: every member has answered,
// and none has a good copy. It is looked for again; nothing is deleted.
func (t *tender) lament(ctx context.Context, o fsm.Object) {
	v, err := t.store.read(ctx)
	if err != nil {
		return
	}
	_, ok := v.Record(o.Ref())
	v.Close()
	t.mu.Lock()
	_, said := t.gone[o.Ref()]
	if ok && !said {
		t.gone[o.Ref()] = o.Key
	}
	t.mu.Unlock()
	if ok && !said {
		t.store.cfg.Log.Error("no node has a good copy of an object; what is left of it is in the folder `rotten` beside the blobs, or in a backup", "key", o.Key, "blob", string(BlobOf(o)))
	}
}

// found takes a lament back.
func (t *tender) found(ref fsm.ObjectRef) {
	t.mu.Lock()
	delete(t.gone, ref)
	t.mu.Unlock()
}

// byLikelihood lists members, those first that are recorded to hold the blob; who
// is not in the record may have a copy by now.
func (p *peers) byLikelihood(b Blob, recorded, others []string) []string {
	holders := slices.DeleteFunc(slices.Clone(recorded), func(m string) bool { return !slices.Contains(others, m) })
	rest := slices.DeleteFunc(slices.Clone(others), func(m string) bool { return slices.Contains(holders, m) })
	return append(p.order(b, holders), p.order(b, rest)...)
}
