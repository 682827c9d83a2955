package objects

import (
	"context"
	"crypto/sha256"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"stoker/fsm"
	"stoker/node"
)

// Pace says how fast a node looks after its blobs.
type Pace struct {
	Walk  time.Duration // between two looks at all records; 0 is 10 min
	Grace time.Duration // a file is unreferenced at least as long before it is removed; 0 is 1 h
	Scrub time.Duration // within which every blob is read again; 0 is 7 days
	Pull  int64         // bytes a second that missing copies are pulled with; 0 is 32 MiB
	Tell  time.Duration // between two words to the cluster about copies; 0 is 500 ms
}

func (p Pace) withDefaults() Pace {
	for _, d := range []struct {
		is *time.Duration
		or time.Duration
	}{{&p.Walk, 10 * time.Minute}, {&p.Grace, time.Hour}, {&p.Scrub, 7 * 24 * time.Hour}, {&p.Tell, 500 * time.Millisecond}} {
		if *d.is == 0 {
			*d.is = d.or
		}
	}
	if p.Pull == 0 {
		p.Pull = 32 << 20
	}
	return p
}

const (
	walkStep    = 256     // records of one view
	freshCap    = 1 << 13 // new records that wait for a look; beyond it the walk finds them
	burst       = 1 << 20 // bytes that a paced stream may be ahead
	pullers     = 4       // at once
	fullDefault = 3       // nodes that hold an object when the settings say nothing
)

// tender looks after this node's share of the blobs: it pulls what should be here
// and is not, says what is here, reads everything again now and then, and removes
// what no record refers to. All of it goes on whoever leads.
type tender struct {
	store *Store
	pace  Pace
	pulls *pulls
	pull  *rate.Limiter

	fresh chan fsm.ObjectRef
	again chan struct{} // look at all records now
	scrub chan struct{} // read all blobs now

	words    words
	suspects map[Blob]time.Time // files no record refers to, since when; of the walk alone

	mu     sync.Mutex
	status DiskStatus
	gone   map[fsm.ObjectRef]string // records of which no node has a good copy, by key
	around map[string]DiskStatus    // the other members, as they last said

	bytes atomic.Int64 // of this node's blobs at the last walk
}

func newTender(s *Store) *tender {
	return &tender{
		store: s, pace: s.cfg.Pace, pulls: newPulls(), pull: rate.NewLimiter(rate.Limit(s.cfg.Pace.Pull), burst),
		fresh: make(chan fsm.ObjectRef, freshCap), again: make(chan struct{}, 1), scrub: make(chan struct{}, 1),
		words: words{said: map[fsm.ObjectRef]bool{}, bell: make(chan struct{}, 1)}, suspects: map[Blob]time.Time{},
		gone: map[fsm.ObjectRef]string{}, around: map[string]DiskStatus{},
	}
}

// start begins all that goes on as long as the node runs.
func (t *tender) start() {
	n := t.store.node
	n.Subscribe(t.hear)
	for _, duty := range []func(context.Context){t.walk, t.look, t.tell, t.rescrub, t.neighbours} {
		n.WhileRunning(duty)
	}
	for range pullers {
		n.WhileRunning(t.puller)
	}
}

// ring sends a signal that is not lost and does not wait.
func ring(bell chan struct{}) {
	select {
	case bell <- struct{}{}:
	default:
	}
}

// hear is told of each applied batch; it must not block.
func (t *tender) hear(c fsm.Changes) {
	if c.Restored || c.Members || c.Settings { // there may have to be more copies
		ring(t.again)
	}
	for _, ref := range c.Objects {
		select {
		case t.fresh <- ref:
		default:
			ring(t.again)
			return
		}
	}
}

// look considers records as they are made, so that a copy follows within a moment.
func (t *tender) look(ctx context.Context) {
	for {
		select {
		case ref := <-t.fresh:
			v := t.store.node.View()
			o, ok := v.Record(ref)
			s := v.Settings()
			v.Close()
			if ok && !t.consider(o, t.store.seats(), s.Replicas) {
				ring(t.again) // the queue is full: the walk waits for room
			}
		case <-ctx.Done():
			return
		}
	}
}

// walk looks at all records now and then, and after it for files without one.
func (t *tender) walk(ctx context.Context) {
	for {
		if t.walkOnce(ctx) != nil {
			return
		}
		t.collect(ctx)
		if t.store.cfg.walked != nil {
			t.store.cfg.walked()
		}
		select {
		case <-t.again:
			// Not hot, however often members come and go.
			if pause(ctx, min(t.pace.Walk, time.Second)) != nil {
				return
			}
		case <-time.After(t.pace.Walk):
		case <-ctx.Done():
			return
		}
	}
}

func (t *tender) walkOnce(ctx context.Context) error {
	var walk fsm.ObjectWalk
	for {
		v := t.store.node.View()
		step, s := walk.Step(v, walkStep), v.Settings()
		v.Close()
		if len(step) == 0 {
			t.mu.Lock()
			t.status.Walked = time.Now()
			t.mu.Unlock()
			return ctx.Err()
		}
		seats := t.store.seats()
		for _, o := range step {
			for !t.consider(o, seats, s.Replicas) {
				if err := pause(ctx, time.Second); err != nil { // until the pullers have made room
					return err
				}
			}
		}
		if err := pause(ctx, time.Millisecond); err != nil {
			return err
		}
	}
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// consider holds a record against this node's disk. It gives false when there is
// something to pull and no room to note it.
func (t *tender) consider(o fsm.Object, seats []string, replicas int) bool {
	self, ref := t.store.node.ID(), o.Ref()
	here, recorded := t.store.holds(o), o.Holds(self)
	switch {
	case here && !recorded:
		t.words.say(ref, true)
		fallthrough
	case here:
		t.found(ref)
		return true
	case recorded:
		t.words.say(ref, false)
	case !due(o, self, seats, replicas):
		return true
	}
	return t.pulls.add(ref)
}

// due says whether this node is among those that should get a copy that is
// missing. All nodes agree on who that is, record by record.
func due(o fsm.Object, self string, seats []string, replicas int) bool {
	if replicas <= 0 {
		replicas = min(fullDefault, len(seats))
	}
	var without []string
	for _, id := range seats {
		if o.Holds(id) {
			replicas--
		} else {
			without = append(without, id)
		}
	}
	rank := func(id string) string {
		sum := sha256.Sum256([]byte(id + "/" + o.Upload))
		return string(sum[:])
	}
	slices.SortFunc(without, func(a, b string) int { return strings.Compare(rank(a), rank(b)) })
	return slices.Contains(without[:max(0, min(replicas, len(without)))], self)
}

// missing is told of a record whose file a reader did not find here.
func (t *tender) missing(o fsm.Object) {
	select {
	case t.fresh <- o.Ref():
	default:
	}
}

// rotten sets a file aside that is not what its record says, and has it replaced.
func (t *tender) rotten(o fsm.Object, b Blob, why error) {
	t.store.metrics.rotten.Inc()
	t.store.cfg.Log.Error("this node's copy of a blob is damaged; it is set aside and pulled from another node", "key", o.Key, "blob", string(b), "err", why)
	if err := t.store.disk.SetAside(b); err != nil {
		t.store.cfg.Log.Error("a damaged blob cannot be set aside", "blob", string(b), "err", err)
		return
	}
	t.missing(o)
}

// words are what this node has to say of copies, the last word on each record.
type words struct {
	mu   sync.Mutex
	said map[fsm.ObjectRef]bool // held, else lost
	bell chan struct{}
}

func (w *words) say(ref fsm.ObjectRef, held bool) {
	w.mu.Lock()
	w.said[ref] = held
	w.mu.Unlock()
	ring(w.bell)
}

// wordsOnce is how many records one command speaks of.
const wordsOnce = 256

// take gives some of what is to be said.
func (w *words) take() (held, lost []fsm.ObjectRef) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for ref, is := range w.said {
		if len(held)+len(lost) == wordsOnce {
			ring(w.bell)
			break
		}
		delete(w.said, ref)
		if is {
			held = append(held, ref)
		} else {
			lost = append(lost, ref)
		}
	}
	return held, lost
}

// tell says it, many records in a command and a few commands a second at most.
// What cannot be said now, the next walk finds again.
func (t *tender) tell(ctx context.Context) {
	for {
		select {
		case <-t.words.bell:
		case <-ctx.Done():
			return
		}
		if pause(ctx, t.pace.Tell) != nil {
			return
		}
		v := t.store.node.View()
		able := v.Level() >= fsm.HoldersLevel
		v.Close()
		held, lost := t.words.take()
		if !able || len(held)+len(lost) == 0 {
			continue
		}
		c := fsm.SetHolder{Node: t.store.node.ID(), Held: held, Lost: lost}
		if _, err := node.Apply(ctx, t.store.node, c, node.By("system")); err != nil && ctx.Err() == nil {
			t.store.cfg.Log.Warn("what this node holds could not be recorded; it is tried again", "held", len(held), "lost", len(lost), "err", err)
			ring(t.again)
			if pause(ctx, 5*time.Second) != nil {
				return
			}
		}
	}
}
