package queue

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"strconv"
	"testing"
	"time"

	"stoker/fsm"
)

// twin is one of two machines that are fed the same, but for whom they are asked for.
type twin struct {
	t     *testing.T
	m     *fsm.Machine
	index uint64
	now   int64
}

func newTwin(t *testing.T) *twin {
	m, err := fsm.Open(t.TempDir(), fsm.Options{Fatal: func(err error) { t.Error(err) }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close() })
	w := &twin{t: t, m: m, now: int64(time.Hour)}
	settings := fsm.DefaultSettings()
	for _, id := range presets {
		p := settings.Presets["interior"]
		p.ID = id
		settings.Presets[id] = p
	}
	for name, p := range settings.Plans {
		p.MaxConcurrency, p.MaxItems, p.MaxLeased = 1<<20, 1<<20, 40
		settings.Plans[name] = p
	}
	w.apply(fsm.Propose(fsm.Genesis{
		ClusterID: "c", SealedCA: []byte("x"), JWTKeys: []fsm.Secret{{ID: "k", Sealed: []byte("x")}},
		ObjectKey: fsm.Secret{ID: "o", Sealed: []byte("x")}, FirstSettings: settings, Level: fsm.Level,
	}))
	return w
}

func (w *twin) apply(ps ...fsm.Proposal) []fsm.Outcome {
	w.t.Helper()
	w.index++
	w.now += int64(time.Millisecond)
	data := fsm.Batch{Stamp: w.now, Wall: w.now, Proposals: ps}.Encode()
	outcomes := w.m.Apply([]fsm.Entry{{Index: w.index, Term: 1, Data: data}})[0]
	for i, o := range outcomes {
		if o.Refusal != nil {
			w.t.Fatalf("%s: %v", fsm.CommandName(ps[i].Kind), o.Refusal)
		}
	}
	return outcomes
}

func (w *twin) lease(wants []fsm.Want) fsm.LeasedWork {
	w.t.Helper()
	c := fsm.Lease{Wants: wants}
	a, err := fsm.Answer(c, w.apply(fsm.Propose(c))[0])
	if err != nil {
		w.t.Fatal(err)
	}
	return a
}

func (w *twin) grantable() map[string]int {
	v := w.m.View()
	defer v.Close()
	return v.Grantable()
}

var presets = []string{"interior", "portrait", "seller", "upscale"}

func some(dice *rand.Rand) (out []string) {
	for _, p := range presets {
		if dice.IntN(3) == 0 {
			out = append(out, p)
		}
	}
	return out
}

// order is a job of a user's, ready.
func order(user, id, preset string, n int) []fsm.Proposal {
	ps := []fsm.Proposal{fsm.Propose(fsm.CreateJob{User: user, ID: id, Preset: preset, Items: int64(n)})}
	j := fsm.Job{ID: id, User: user}
	for i := range n {
		ps = append(ps, fsm.Propose(fsm.PutObject{Object: fsm.Object{Bucket: "photos", Key: j.InputKey(i), Upload: "x", Nodes: []string{"n1"}}}))
	}
	return append(ps, fsm.Propose(fsm.ConfirmUpload{User: user, Job: id}),
		fsm.Propose(fsm.ExecuteJob{User: user, Job: id, Concepts: map[string]fsm.Concept{"Wall": {Action: "recolor", Value: "red"}}}))
}

// TestLine_AskingForFewGrantsTheSame: whoever the line leaves out would have been
// granted nothing, and nobody's grant is another for it: not by affinity, nor by
// the order, nor by the wait for a warm worker.
func TestLine_AskingForFewGrantsTheSame(t *testing.T) {
	dice := rand.New(rand.NewPCG(3, 4))
	all, few := newTwin(t), newTwin(t)
	both := func(ps ...fsm.Proposal) {
		all.apply(ps...)
		few.apply(ps...)
	}
	for u := range 5 {
		user := "u" + strconv.Itoa(u)
		both(fsm.Propose(fsm.SignIn{NewID: user}), fsm.Propose(fsm.SetPlan{User: user, Plan: []string{"free", "pro"}[u%2]}),
			fsm.Propose(fsm.GrantCredits{User: user, Amount: 1 << 20, Reason: "test"}))
	}
	var held []*fsm.Grant
	var asked, left, granted, waited int
	for step := range 400 {
		for range dice.IntN(3) {
			both(order("u"+strconv.Itoa(dice.IntN(5)), fmt.Sprintf("j%d.%d", step, dice.IntN(1<<30)), presets[dice.IntN(4)], 1+dice.IntN(6))...)
		}
		for len(held) > 0 && dice.IntN(3) > 0 { // some of the workers are done
			i := dice.IntN(len(held))
			c := fsm.Report{Fence: held[i].Lease.Fence}
			for _, idx := range held[i].Lease.Granted {
				c.Results = append(c.Results, fsm.ItemResult{Idx: idx, Done: true})
			}
			held = append(held[:i], held[i+1:]...)
			both(fsm.Propose(c))
		}
		l := newLine()
		var wants []fsm.Want
		for i := range 1 + dice.IntN(60) {
			w := fsm.Want{Worker: fmt.Sprintf("w%d.%d", step, i), Poll: "p", Max: 1 + dice.IntN(20), Presets: some(dice), Loaded: some(dice)}
			wants = append(wants, w)
			l.add(newWaiter(w), nil, 1)
		}
		var chosen []fsm.Want
		for _, w := range l.next(few.grantable(), 1) {
			chosen = append(chosen, w.want)
		}
		asked, left = asked+len(chosen), left+len(wants)-len(chosen)
		want, got := all.lease(wants), few.lease(chosen)
		byWorker := map[string]*fsm.Grant{}
		for i, w := range chosen {
			byWorker[w.Worker] = got.Grants[i]
		}
		for i, w := range wants {
			if !reflect.DeepEqual(want.Grants[i], byWorker[w.Worker]) {
				t.Fatalf("step %d: %+v is granted %+v if all are asked for, and %+v if few", step, w, want.Grants[i], byWorker[w.Worker])
			}
			if g := want.Grants[i]; g != nil {
				granted++
				held = append(held, g)
			}
		}
		if want.RetryAt != got.RetryAt {
			t.Fatalf("step %d: again at %d, and %d if few are asked for", step, want.RetryAt, got.RetryAt)
		}
		if got.RetryAt != 0 {
			waited++
		}
	}
	if left < asked || granted < 300 || waited < 20 {
		t.Errorf("too little was seen: %d asked for, %d left out, %d grants, %d waits for a warm worker", asked, left, granted, waited)
	}
}

func TestLine_OneOfAKindSpeaksForAll(t *testing.T) {
	l, news := newLine(), uint64(7)
	a, b, other := newWaiter(fsm.Want{Worker: "a"}), newWaiter(fsm.Want{Worker: "b"}), newWaiter(fsm.Want{Worker: "c", Loaded: []string{"interior"}})
	for _, w := range []*waiter{a, b, other} {
		if !l.add(w, nil, news) {
			t.Fatal("a kind that was not looked at has nothing to look for")
		}
	}
	ready := map[string]int{"interior": 1}
	if asked := l.next(ready, news); !reflect.DeepEqual(asked, []*waiter{a, other}) {
		t.Fatalf("for one item %d are asked for, want the first of each kind", len(asked))
	}
	l.refused(a, fsm.Worker{}, news)
	if asked := l.next(ready, news); !reflect.DeepEqual(asked, []*waiter{other}) || !said(b) || said(other) {
		t.Fatalf("%d are asked for after the first kind was refused; said: %v, %v", len(asked), said(b), said(other))
	}
	if late := newWaiter(fsm.Want{Worker: "d"}); l.add(late, nil, news) || !said(late) {
		t.Fatal("who comes to a kind that was refused is asked for without news")
	}
	if asked := l.next(ready, news+1); len(asked) != 2 {
		t.Fatalf("with news %d are asked for", len(asked))
	}
}

func TestLine_WhoIsSetApartSpeaksForNobody(t *testing.T) {
	l, news := newLine(), uint64(7)
	a, b := newWaiter(fsm.Want{Worker: "a"}), newWaiter(fsm.Want{Worker: "b"})
	l.add(a, nil, news)
	l.add(b, nil, news)
	ready := map[string]int{"interior": 1}
	l.refused(a, fsm.Worker{State: fsm.WorkerQuarantined}, news)
	if asked := l.next(ready, news); !reflect.DeepEqual(asked, []*waiter{b}) {
		t.Fatalf("%d are asked for behind a worker in quarantine", len(asked))
	}
	l.refused(a, fsm.Worker{Missing: []string{"interior"}}, news+1) // found out while it waited
	if asked := l.next(ready, news+1); !reflect.DeepEqual(asked, []*waiter{b}) || l.n != 2 {
		t.Fatalf("%d are asked for behind a worker without the model, and %d wait", len(asked), l.n)
	}
	if asked := l.next(map[string]int{"seller": 2}, news+2); len(asked) != 2 {
		t.Fatalf("%d are asked for other work", len(asked))
	}
}

func TestLine_TooManyKindsAndTheWarmOneIsLast(t *testing.T) {
	l := newLine()
	for i := range 2 * maxWants {
		l.add(newWaiter(fsm.Want{Worker: strconv.Itoa(i), Presets: []string{"interior", strconv.Itoa(i)}}), nil, 1)
	}
	warm := newWaiter(fsm.Want{Worker: "warm", Loaded: []string{"interior"}})
	l.add(warm, nil, 1)
	asked := l.next(map[string]int{"interior": 1}, 1)
	if len(asked) != maxWants || asked[maxWants-1] != warm {
		t.Fatalf("%d are asked for, and the warm one is not the last of them", len(asked))
	}
}

func said(w *waiter) bool {
	select {
	case <-w.looked:
		return true
	default:
		return false
	}
}
