package node

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

// The flags of `go run ./proof cluster`, which says what they mean.
var (
	soakSeed   = flag.Uint64("cluster.seed", 0, "of the first world; the others have the numbers behind it; 0: by the clock")
	soakFor    = flag.Duration("cluster.for", 3*time.Minute, "virtual time of all worlds together")
	soakWorld  = flag.Duration("cluster.world", 3*time.Minute, "virtual time of a world, all of which is played")
	soakReport = flag.String("cluster.report", "", "write what was seen there, as JSON")
)

// proofOfCluster is what `go run ./proof cluster` reads.
type proofOfCluster struct {
	Seed, Worlds uint64
	World        time.Duration
	Virtual      time.Duration // that passed in the worlds, with their beginnings and ends
	Took         time.Duration
	Playing      uint64         // the world that was begun last; 0: all have come to their ends
	Faults       map[string]int // that were brought about
	Seen         map[string]int // what came of it
	Checks       map[string]int
	Violations   []violatedWorld

	// What its picture is made of. Moments are virtual, since the first world's beginning.
	Kinds  []kindOfTrouble // in their order, whether they came or not
	Lives  []lifetime      // of the worlds, one after the other
	Blows  []*blow
	Each   time.Duration    // paceEach
	Counts map[string][]int // of all that is in Seen and Checks, in each stretch of time
}

// violatedWorld is a world in which something did not hold.
type violatedWorld struct {
	Seed   uint64
	At     time.Duration // since its beginning
	Wrong  []string
	Last   []string // what its nodes logged last
	Replay string
}

// TestSoak_RandomFaults plays worlds: clusters to which everything happens that
// may. Its flags make it long; `go run ./proof cluster` sets them and tells what
// came of it.
func TestSoak_RandomFaults(t *testing.T) {
	seed := *soakSeed
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	p := &proofOfCluster{Seed: seed, World: *soakWorld, Faults: map[string]int{}, Seen: map[string]int{}, Checks: map[string]int{},
		Kinds: kindsOfTrouble(), Each: paceEach, Counts: map[string][]int{}}
	began, told := time.Now(), time.Now()
	for p.Virtual < *soakFor && len(p.Violations) == 0 {
		p.Playing = seed + p.Worlds
		p.save(t)
		t.Run(fmt.Sprintf("world %d", p.Playing), func(t *testing.T) { p.play(t, p.Playing) })
		p.Took = time.Since(began)
		if *soakReport != "" && time.Since(told) > 10*time.Second {
			told = time.Now()
			fmt.Printf("%v: %v virtual in %d worlds\n", p.Took.Round(time.Second), p.Virtual.Round(time.Minute), p.Worlds)
		}
	}
	p.Playing = 0
	p.save(t)
	t.Logf("%v virtual in %v; faults %v; seen %v; checks %v", p.Virtual, p.Took, p.Faults, p.Seen, p.Checks)
	if whole := time.Duration(p.Worlds) * p.World; len(p.Violations) == 0 && p.Virtual < whole {
		t.Errorf("%d worlds were %v long altogether, of %v: a world that is played again is played to its end", p.Worlds, p.Virtual, whole)
	}
	if p.Seen[sawAcked] < int(p.Virtual/(20*time.Second)) || p.Checks[heldReads] < int(p.Virtual/(20*time.Second)) {
		t.Error("hardly anything was done: the faults leave no time between them")
	}
	if len(p.Violations) == 0 {
		for _, wrong := range p.contradictions() {
			t.Errorf("the record: %s", wrong)
		}
	}
	if p.Virtual >= 2*time.Hour && len(p.Violations) == 0 {
		for _, what := range p.unseen() {
			t.Errorf("%s never happened: the worlds are too dull", what)
		}
	}
}

// play adds one world.
func (p *proofOfCluster) play(t *testing.T, seed uint64) {
	w := newWorld(seed, p.Virtual)
	defer func() { // also where the test ends in the middle
		p.Worlds++
		p.Virtual += w.virtual
		add(p.Faults, w.faults)
		add(p.Checks, w.checks)
		add(p.Seen, w.seen)
		p.Lives = append(p.Lives, lifetime{Seed: seed, Began: w.pace.past, Ended: p.Virtual})
		p.Blows = append(p.Blows, w.blows...)
		w.pace.addTo(p.Counts)
		if wrong := w.violations(); len(wrong) > 0 || t.Failed() {
			v := violatedWorld{Seed: seed, At: w.virtual, Wrong: wrong, Last: w.log.last(),
				Replay: fmt.Sprintf("go run ./proof cluster --seed %d --for 1s --world %v", seed, p.World)}
			p.Violations = append(p.Violations, v)
			t.Logf("world %d is violated %v after its beginning:\n%s\n\n%s\nagain: %s",
				v.Seed, v.At, strings.Join(v.Wrong, "\n"), strings.Join(v.Last, "\n"), v.Replay)
		}
	}()
	w.live(t, p.World)
}

func add(to, from map[string]int) {
	for what, n := range from {
		to[what] += n
	}
}

func (p *proofOfCluster) save(t *testing.T) {
	if *soakReport == "" {
		return
	}
	text, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(*soakReport, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

// unseen is what never happened: a proof that did not look is none.
func (p *proofOfCluster) unseen() (out []string) {
	for _, x := range troubles {
		if p.Faults[x.name] == 0 {
			out = append(out, x.name)
		}
	}
	for _, what := range []string{sawAcked, sawUnknown, sawRefused, sawInstalled, sawSnapshots, sawElections, sawTwice, sawJoins, sawRemovals} {
		if p.Seen[what] == 0 {
			out = append(out, what)
		}
	}
	for _, what := range []string{heldReads, heldSession, heldOrder, heldWrites, heldHeals, heldSame, heldAudit, heldTwice, heldWell, heldRemoved} {
		if p.Checks[what] == 0 {
			out = append(out, what)
		}
	}
	return out
}
