package node

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"
)

// paceEach is the virtual time of which a world's counts are told together.
const paceEach = 20 * time.Second

// pace counts what happens in each stretch of virtual time.
type pace struct {
	began time.Time     // the world
	past  time.Duration // virtual, in the worlds before it

	mu     sync.Mutex
	counts map[string][]int // what, in words → by stretch, from the first world's beginning
}

// now is the virtual time since the first world's beginning.
func (p *pace) now() time.Duration { return p.past + time.Since(p.began) }

func (p *pace) count(what string) {
	at := int(p.now() / paceEach)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.counts[what] = reaching(p.counts[what], at)
	p.counts[what][at]++
}

// addTo adds a world's counts to those of the worlds before it. Where one ends and the next begins both have counted in one stretch.
func (p *pace) addTo(all map[string][]int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for what, counts := range p.counts {
		all[what] = reaching(all[what], len(counts)-1)
		for i, n := range counts {
			all[what][i] += n
		}
	}
}

// reaching is a slice that has an element i.
func reaching(s []int, i int) []int {
	if i < len(s) {
		return s
	}
	return append(s, make([]int, i+1-len(s))...)
}

// blow is a fault as it went.
type blow struct {
	Kind   string
	Nodes  []string // that were struck, or between which, in words
	Began  time.Duration
	Mended time.Duration // 0: it was not
	Whole  time.Duration // when the check afterwards had passed: every node had acknowledged a write; 0: it had not
}

func (b *blow) hit(nodes ...string) {
	for _, n := range nodes {
		if !slices.Contains(b.Nodes, n) {
			b.Nodes = append(b.Nodes, n)
		}
	}
}

// hit says whom the fault strikes that is being struck.
func (w *world) hit(nodes ...string) { w.blows[len(w.blows)-1].hit(nodes...) }

// struck strikes, and writes down when that begins and when it has ended.
func (w *world) struck(x trouble, id string) (mend func()) {
	b := &blow{Kind: x.name, Began: w.pace.now()}
	w.blows = append(w.blows, b)
	end := x.strike(w, id)
	return func() {
		end()
		b.Mended = w.pace.now()
	}
}

// whole says that all is well again after the blows from the first-th on, unless it is not.
func (w *world) whole(first int) {
	if w.t.Failed() {
		return
	}
	for _, b := range w.blows[first:] {
		b.Whole = w.pace.now()
	}
}

// lifetime is a world's beginning and end.
type lifetime struct {
	Seed         uint64
	Began, Ended time.Duration
}

// kindOfTrouble is a kind of fault and what it is a fault of.
type kindOfTrouble struct{ Name, Of string }

func kindsOfTrouble() (out []kindOfTrouble) {
	for _, x := range troubles {
		out = append(out, kindOfTrouble{x.name, x.of})
	}
	return out
}

// contradictions say where what the picture shows is not what the totals say, or cannot have been.
func (p *proofOfCluster) contradictions() (out []string) {
	wrongf := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	faults := map[string]int{}
	for _, b := range p.Blows {
		faults[b.Kind]++
		lived := func(l lifetime) bool { return l.Began <= b.Began && b.Whole <= l.Ended }
		if b.Began > b.Mended || b.Mended > b.Whole || !slices.ContainsFunc(p.Lives, lived) {
			wrongf("%+v is in no world, or was mended before it began, or well before it was mended", *b)
		}
		if len(b.Nodes) == 0 && b.Kind != "members change" { // there may be nobody who can be asked
			wrongf("%+v struck nobody", *b)
		}
	}
	for _, x := range p.Kinds {
		if faults[x.Name] != p.Faults[x.Name] || x.Of == "" {
			wrongf("%d faults %q of %q were told, %d counted", faults[x.Name], x.Name, x.Of, p.Faults[x.Name])
		}
	}
	at := time.Duration(0)
	for _, l := range p.Lives {
		if l.Began != at || l.Ended <= l.Began {
			wrongf("world %d began at %v and ended at %v, after one that ended at %v", l.Seed, l.Began, l.Ended, at)
		}
		at = l.Ended
	}
	if at != p.Virtual || len(p.Lives) != int(p.Worlds) {
		wrongf("%d worlds until %v; there were %d, until %v", len(p.Lives), at, p.Worlds, p.Virtual)
	}
	totals := map[string]int{}
	add(totals, p.Seen)
	add(totals, p.Checks)
	for what, total := range totals {
		for _, n := range p.Counts[what] {
			total -= n
		}
		if stretches := len(p.Counts[what]); total != 0 || stretches > int(p.Virtual/paceEach)+1 {
			wrongf("%s: %d more in all than in the %d stretches until %v", what, total, stretches, p.Virtual)
		}
	}
	return out
}

// TestSoak_contradictions: a record that is not as it can have been is noticed.
func TestSoak_contradictions(t *testing.T) {
	const minute = time.Minute
	record := func() *proofOfCluster {
		return &proofOfCluster{Seed: 1, Worlds: 2, Virtual: 4 * minute, Kinds: []kindOfTrouble{{"pause", "processes"}}, Faults: map[string]int{"pause": 1},
			Seen: map[string]int{sawAcked: 3}, Checks: map[string]int{heldReads: 2}, Counts: map[string][]int{sawAcked: {1, 0, 2}, heldReads: {2}},
			Lives: []lifetime{{1, 0, 2 * minute}, {2, 2 * minute, 4 * minute}},
			Blows: []*blow{{"pause", []string{"n1"}, minute, minute + time.Second, minute + time.Second}}}
	}
	if wrong := record().contradictions(); len(wrong) > 0 {
		t.Fatal(wrong)
	}
	for what, spoil := range map[string]func(*proofOfCluster){
		"a fault that ended before it began":      func(p *proofOfCluster) { p.Blows[0].Began = 2 * minute },
		"well before the fault had ended":         func(p *proofOfCluster) { p.Blows[0].Whole = minute },
		"well when its world had ended":           func(p *proofOfCluster) { p.Blows[0].Whole = 3 * minute },
		"a fault that struck nobody":              func(p *proofOfCluster) { p.Blows[0].Nodes = nil },
		"a fault that is not told":                func(p *proofOfCluster) { p.Faults["pause"] = 2 },
		"worlds that overlap":                     func(p *proofOfCluster) { p.Lives[1].Began = minute },
		"time that no world had":                  func(p *proofOfCluster) { p.Virtual = 5 * minute },
		"a write that was in no stretch of time":  func(p *proofOfCluster) { p.Seen[sawAcked] = 4 },
		"a check that was made when all was over": func(p *proofOfCluster) { p.Counts[heldReads] = append(make([]int, 40), 2) },
		"a kind of fault that is of nothing":      func(p *proofOfCluster) { p.Kinds[0].Of = "" },
	} {
		p := record()
		if spoil(p); len(p.contradictions()) == 0 {
			t.Errorf("%s is not noticed", what)
		}
	}
}
