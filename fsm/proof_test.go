package fsm

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"stoker/store"
)

// The flags of `go run ./proof machine`, which says what they mean.
var (
	proofSeed     = flag.Uint64("machine.seed", 1, "of the first world; the others have the numbers behind it")
	proofCommands = flag.Int("machine.commands", 8_000, "stop after so many commands")
	proofFor      = flag.Duration("machine.for", 0, "stop after this time instead")
	proofWorld    = flag.Int("machine.world", 800, "commands in a world")
	proofFull     = flag.Uint64("machine.full", 128, "entries from one audit of the whole state to the next")
	proofReport   = flag.String("machine.report", "", "write what was seen there, as JSON")
)

// judge is the testing.TB of one world: what goes wrong in it is kept, and ends the world and not the test.
type judge struct {
	testing.TB
	mu    sync.Mutex
	dir   string
	dirs  int
	wrong []string
	after []func()
}

var errWorldEnds = errors.New("the world ends")

func (j *judge) Helper()           {}
func (j *judge) Cleanup(fn func()) { j.after = append(j.after, fn) }

func (j *judge) Errorf(format string, args ...any) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.wrong = append(j.wrong, fmt.Sprintf(format, args...))
}

func (j *judge) Fatalf(format string, args ...any) {
	j.Errorf(format, args...)
	panic(errWorldEnds)
}

func (j *judge) Fatal(args ...any) { j.Fatalf("%s", fmt.Sprint(args...)) }

func (j *judge) Failed() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return len(j.wrong) > 0
}

func (j *judge) TempDir() string {
	j.dirs++
	return filepath.Join(j.dir, fmt.Sprint(j.dirs))
}

// verdict is what became of a world.
type verdictOf struct {
	Seed     uint64
	Commands int
	Entries  int
	Wrong    []string // empty: nothing
	Entry    uint64   // that was found to be wrong
	First    uint64   // the first one at which an audit of the whole state fails
	Last     []string // entries before it
	Replay   string   // the command line that plays this world and no other
}

// playWorld plays one world. Equal seeds play equal worlds, however often they are audited.
func playWorld(t testing.TB, seed uint64, commands int, full uint64) (v verdictOf, s *sightings, checks map[string]int) {
	dir, err := os.MkdirTemp("", "machine-world-")
	if err != nil {
		t.Fatal(err)
	}
	j := &judge{TB: t, dir: dir}
	v.Seed = seed
	var d *driver
	defer func() {
		if p := recover(); p != nil && p != errWorldEnds {
			j.Errorf("panic: %v", p)
		}
		for _, fn := range slices.Backward(j.after) {
			fn()
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
		if v.Wrong = j.wrong; d != nil {
			v.Commands, v.Entries, v.Entry = d.seen.Commands, len(d.log), d.index
			s, checks = d.seen, d.steps.checks
			if len(v.Wrong) > 0 {
				v.Last = d.told(8)
			}
		}
	}()
	r := rand.New(rand.NewPCG(seed, 5))
	d = harsher(j, func() byte { return byte(r.Uint32()) }, 2+int(seed%5)*3, full)
	half, at := []byte(nil), 0
	for d.seen.Commands < commands && !d.stop {
		if d.rough(); half == nil && d.seen.Commands > commands/2 && !d.stop {
			d.flush()
			half, at = image(j, d.m), len(d.log)
		}
	}
	if d.flush(); d.stop {
		return v, s, checks
	}
	d.full = 0 // the end is looked at altogether
	if d.look("the end", nil); !j.Failed() {
		d.replayed(half, at)
	}
	return v, s, checks
}

// proofOfMachine is what `go run ./proof machine` reads.
type proofOfMachine struct {
	Seed, Worlds      uint64
	Commands, Entries int
	Took              time.Duration
	World             int
	Full              uint64
	Answers           map[string]map[string]int
	Faults            map[string]int
	Checks            map[string]int
	Violations        []verdictOf
	Lives             []life // of the worlds, in the order of their ends
}

// add takes a world in, and l with what it says of when and by whom it was played.
func (p *proofOfMachine) add(l life, v verdictOf, s *sightings, checks map[string]int) {
	p.Lives = append(p.Lives, l.of(v, s, checks))
	p.Worlds++
	p.Commands += v.Commands
	p.Entries += v.Entries
	for name, codes := range s.Answers {
		if p.Answers[name] == nil {
			p.Answers[name] = map[string]int{}
		}
		for code, n := range codes {
			p.Answers[name][code] += n
			p.Checks[heldAnswer] += n
		}
	}
	for what, n := range s.Faults {
		p.Faults[what] += n
	}
	for what, n := range checks {
		p.Checks[what] += n
	}
	if len(v.Wrong) > 0 {
		p.Violations = append(p.Violations, v)
	}
}

// TestProof_machine plays seeded worlds until there were enough commands, as many at a time as there are processors. Its flags make
// it long; `go run ./proof machine` sets them and tells what came of it.
func TestProof_machine(t *testing.T) {
	p := &proofOfMachine{Seed: *proofSeed, World: *proofWorld, Full: *proofFull,
		Answers: map[string]map[string]int{}, Faults: map[string]int{}, Checks: map[string]int{}}
	begun, told := time.Now(), time.Now()
	next, most := *proofSeed, *proofCommands
	if raced {
		most = min(most, 2*p.World)
	}
	var mu sync.Mutex
	var all sync.WaitGroup
	more := func() (seed uint64, ok bool) {
		mu.Lock()
		defer mu.Unlock()
		enough := int(next-*proofSeed)*p.World >= most
		if *proofFor > 0 {
			enough = time.Since(begun) >= *proofFor
		}
		next++
		return next - 1, !enough && len(p.Violations) == 0
	}
	for player := range runtime.GOMAXPROCS(0) {
		all.Go(func() {
			for seed, ok := more(); ok; seed, ok = more() {
				l := life{Player: player, Began: time.Since(begun)}
				v, s, checks := playWorld(t, seed, p.World, p.Full)
				l.Ended = time.Since(begun)
				mu.Lock()
				p.add(l, v, s, checks)
				if time.Since(told) > 10*time.Second {
					told = time.Now()
					fmt.Printf("%v: %d commands in %d worlds\n", time.Since(begun).Round(time.Second), p.Commands, p.Worlds)
				}
				mu.Unlock()
			}
		})
	}
	all.Wait()
	p.Took = time.Since(begun)
	for i := range p.Violations {
		p.blame(t, &p.Violations[i])
	}
	p.write(t)
	for _, wrong := range p.contradictions() {
		t.Errorf("the record: %s", wrong)
	}
	if len(p.Violations) == 0 {
		for _, what := range unseen(p) {
			t.Errorf("%s never happened: the worlds are too dull", what)
		}
	}
}

// blame says what is wrong and how to see it again, having played the world once more with an audit after each entry.
func (p *proofOfMachine) blame(t *testing.T, v *verdictOf) {
	again, _, _ := playWorld(t, v.Seed, p.World, 1)
	if len(again.Wrong) > 0 {
		v.First, v.Last, v.Wrong = again.Entry, again.Last, again.Wrong
	}
	v.Replay = fmt.Sprintf("go run ./proof machine --seed %d --commands 1 --world %d --full 1", v.Seed, p.World)
	t.Errorf("world %d is violated at entry %d; looked at altogether after each entry, at entry %d:\n%s\nthe last entries:\n%s\nagain: %s",
		v.Seed, v.Entry, v.First, strings.Join(v.Wrong, "\n"), strings.Join(v.Last, "\n"), v.Replay)
}

func (p *proofOfMachine) write(t *testing.T) {
	if *proofReport == "" {
		return
	}
	text, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(*proofReport, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

// unseen are the checks that were never made: a proof that did not look is none.
func unseen(p *proofOfMachine) []string {
	names := []string{heldLedger, heldMoney, heldOnce, heldOpen, heldFinal, heldPlace, heldFence, heldTimer, heldClock, heldRefusal,
		heldModel, heldAnswer, heldAudit, heldReplay, heldRestart, heldReapplied}
	if p.Commands < 5_000 {
		return nil // a replay
	}
	return slices.DeleteFunc(names, func(what string) bool { return p.Checks[what] > 0 })
}

// TestProof_planted: a mistake that somebody makes is found, and its world finds it again: at the same entry, in the same words.
func TestProof_planted(t *testing.T) {
	kind := kindOf(CancelJob{})
	honest := byKind[kind]
	defer func() { byKind[kind] = honest }()
	generous := honest
	generous.apply = func(tx *Tx, body []byte) ([]byte, error) {
		answer, err := honest.apply(tx, body)
		if err == nil {
			u, _ := users.Get(tx, store.Str(rowOf[Job](answer).User))
			book(tx, &u, "refund", 1, rowOf[Job](answer).ID) // for the inconvenience
			users.Put(tx.Tx, store.Str(u.ID), u)
		}
		return answer, err
	}
	byKind[kind] = generous
	for seed := range uint64(20) {
		one, _, _ := playWorld(t, seed, 800, 64)
		if len(one.Wrong) == 0 {
			continue
		}
		two, _, _ := playWorld(t, seed, 800, 64)
		all, _, _ := playWorld(t, seed, 800, 1)
		if !slices.Equal(one.Wrong, two.Wrong) || one.Entry != two.Entry || !slices.Equal(one.Last, two.Last) {
			t.Errorf("world %d went wrong in two ways: %+v and %+v", seed, one, two)
		}
		if len(all.Wrong) == 0 || all.Entry > one.Entry {
			t.Errorf("world %d went wrong at entry %d; looked at altogether after each entry, at %d: %q", seed, one.Entry, all.Entry, all.Wrong)
		}
		if last := one.Last[len(one.Last)-1]; !strings.Contains(last, "CancelJob") {
			t.Errorf("a cancel went wrong, the entry that is shown is %q", last)
		}
		return
	}
	t.Error("in 20 worlds nobody noticed that a cancel gives a credit away")
}
