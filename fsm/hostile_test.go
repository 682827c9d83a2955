package fsm

import (
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"stoker/store"
)

// furnished is a world with a job in each state and a live lease, in which the
// samples mean something.
func furnished(t testing.TB) *world {
	w := newWorld(t)
	s := DefaultSettings()
	s.Plans["free"] = Plan{MaxConcurrency: 20, MaxRuleSlots: 9, MaxItems: 10, StartCredits: 100, Weight: 1, MaxLeased: 20}
	must(w, genesis(s))
	must(w, RegisterOrigin{Origin: "o1", Node: "n1"})
	must(w, SignIn{NewID: "u1"})
	must(w, SignIn{NewID: "u2"})
	must(w, CreateRule{User: "u1", ID: "r1", Name: "White", Preset: "interior", Concepts: walls})
	w.queued("u1", "running", 2)
	must(w, Lease{Wants: []Want{{Worker: "w1", Max: 16}}})
	w.queued("u1", "queued", 3)
	for _, job := range []string{"j1", "created", "uploaded"} {
		must(w, CreateJob{User: "u1", ID: job, Preset: "interior", Items: 1})
		must(w, PutObject{Object: input("u1", job, 0)})
	}
	must(w, ConfirmUpload{User: "u1", Job: "uploaded"})
	return w
}

// bury lets a job of one item die in a furnished world.
func (w *world) bury(job string) {
	must(w, SetPlan{User: "u2", Plan: "pro"})
	w.queued("u2", job, 1)
	for _, worker := range []string{"w2", "w3", "w4", "w5"} {
		a := must(w, Lease{Wants: []Want{{Worker: worker, Max: 1}}})
		must(w, Release{Fence: a.Grants[0].Lease.Fence, Reason: string(Transient)})
		w.clock += int64(time.Minute)
		must(w, Expire{Limit: 100})
	}
}

var errRollback = errors.New("rolled back")

// rehearse applies a proposal and takes it back; the error is what would have
// stopped the node.
func (w *world) rehearse(p Proposal) (Outcome, error) {
	var o Outcome
	w.m.mu.Lock()
	defer w.m.mu.Unlock()
	if _, err := decodeBatch(Batch{Proposals: []Proposal{p}}.Encode()); err != nil {
		return o, err
	}
	next := w.m.meta
	err := w.m.update(func(st *store.Tx) error {
		tx := &Tx{Tx: st, m: &next, changes: &Changes{}, term: w.term}
		tx.m.Index++
		var err error
		if o, err = tx.proposal(&p); err != nil {
			return err
		}
		return errRollback
	})
	if errors.Is(err, errRollback) {
		return o, nil
	}
	return o, err
}

// TestHostile bends every field of every command. Whatever a proposer was
// talked into, the machine answers or refuses: a command that stops one node
// stops them all, and does so again after each restart.
func TestHostile(t *testing.T) {
	w := furnished(t)
	w.bury("dead")
	texts := []string{"", "\xff\xfe", "a\x00b", "../..", strings.Repeat("x", 40_000), strings.Repeat("\x00", 20_000),
		"inputs/u1/j1/-1.jpg", "outputs/u1/running/99999999999999999999_result.png", "outputs///", "u1", "running", "pro"}
	numbers := []int64{0, -1, 1, math.MaxInt64, math.MinInt64, math.MaxInt32}
	tried := 0
	try := func(path, what string, p Proposal) {
		t.Helper()
		tried++
		if _, err := w.rehearse(p); err != nil && !errors.Is(err, errTooNew) { // a node that was left behind stops
			t.Errorf("%s%s = %.20q stops the machine: %.200s", CommandName(p.Kind), path, what, err)
		}
	}
	for _, p := range samples() {
		p.Origin, p.Idem = "", nil
		v := decoded(t, p)
		bend := func(path, what string) {
			q := p
			q.Body = encode(v.Interface())
			try(path, what, q)
		}
		try("", "as it is", p)
		leaves(v, "", func(path string, leaf reflect.Value) {
			was := reflect.ValueOf(leaf.Interface())
			defer leaf.Set(was)
			switch leaf.Kind() {
			case reflect.String:
				for _, s := range texts {
					leaf.SetString(s)
					bend(path, s)
				}
			case reflect.Int, reflect.Int64:
				for _, n := range numbers {
					leaf.SetInt(n)
					bend(path, "number")
				}
			case reflect.Uint64, reflect.Uint32, reflect.Uint16, reflect.Uint8:
				for _, n := range numbers {
					leaf.SetUint(uint64(n) & (1<<leaf.Type().Bits() - 1))
					bend(path, "number")
				}
			case reflect.Bool:
				leaf.SetBool(!leaf.Bool())
				bend(path, "flag")
			case reflect.Slice:
				leaf.SetBytes([]byte(strings.Repeat("b", 50_000)))
				bend(path, "bytes")
			default:
				t.Fatalf("a field of kind %s", leaf.Kind())
			}
		})
	}
	for _, s := range texts {
		p := Propose(SignIn{NewID: "u8"})
		p.By, p.RequestID = s, s
		try(" By", s, p)
		p.Origin = s
		try(" Origin", s, p)
		p.Origin, p.Idem = "", &Idem{Scope: "s", Key: s}
		try(" Idem.Key", s, p)
		p.Idem = &Idem{Scope: s, Key: "k"}
		try(" Idem.Scope", s, p)
	}
	if tried < 600 {
		t.Errorf("only %d commands were tried", tried)
	}
	newAuditor(t).audit(w.m, "everything was rolled back", true)
}

// TestHostile_concepts: maps have keys that are as hostile.
func TestHostile_concepts(t *testing.T) {
	w := furnished(t)
	for _, key := range []string{"", "\xff", "a\x00", strings.Repeat("x", 70_000)} {
		bad := map[string]Concept{key: {Action: key, Value: key}, "Wall": {Action: "recolor", Value: "\xff"}}
		for _, p := range []Proposal{
			Propose(CreateRule{User: "u1", ID: "r7", Name: "X", Preset: "interior", Concepts: bad}),
			Propose(UpdateRule{User: "u1", ID: "r1", Concepts: bad}),
			Propose(ExecuteJob{User: "u1", Job: "uploaded", Concepts: bad}),
			Propose(ExecuteJob{User: "u1", Job: "uploaded", Concepts: map[string]Concept{"Wall": {Action: "recolor", Value: "\xff"}}}),
		} {
			if _, err := w.rehearse(p); err != nil {
				t.Errorf("%s with the concept %.10q stops the machine: %.200s", CommandName(p.Kind), key, err)
			}
		}
	}
}
