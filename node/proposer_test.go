package node

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"stoker/fsm"
)

func TestOrigin_FloorIsTheLowestOpenSequence(t *testing.T) {
	o := newOrigin()
	for want := uint64(1); want <= 5; want++ {
		if got := o.take(); got != want {
			t.Fatalf("sequence %d, want %d", got, want)
		}
	}
	for _, step := range []struct{ settle, floor uint64 }{{2, 1}, {4, 1}, {1, 3}, {1, 3}, {3, 5}, {5, 6}} {
		o.settle(step.settle)
		if o.floor() != step.floor {
			t.Errorf("after %d the floor is %d, want %d", step.settle, o.floor(), step.floor)
		}
	}
	if got := o.take(); got != 6 || o.floor() != 6 {
		t.Errorf("sequence %d, floor %d", got, o.floor())
	}
}

// script is a leader that answers attempts as a test tells it to.
type script struct {
	t     *testing.T
	steps []func(ps []fsm.Proposal, handed func() bool) ([]fsm.Outcome, error)
	seen  [][]fsm.Proposal
}

func (s *script) send(_ context.Context, _ string, ps []fsm.Proposal, handed func() bool) ([]fsm.Outcome, error) {
	s.seen = append(s.seen, slices.Clone(ps))
	if len(s.steps) == 0 {
		s.t.Error("one attempt too many")
		return nil, errNotTaken
	}
	step := s.steps[0]
	s.steps = s.steps[1:]
	return step(ps, handed)
}

func done(ps []fsm.Proposal, handed func() bool) ([]fsm.Outcome, error) {
	handed()
	return make([]fsm.Outcome, len(ps)), nil
}

func notTaken(_ []fsm.Proposal, handed func() bool) ([]fsm.Outcome, error) {
	handed()
	return nil, errNotTaken
}

func lost(_ []fsm.Proposal, handed func() bool) ([]fsm.Outcome, error) {
	handed()
	return nil, errFateUnknown
}

// refused answers the last proposal with a code; those before it are done.
func refused(code fsm.Code) func([]fsm.Proposal, func() bool) ([]fsm.Outcome, error) {
	return func(ps []fsm.Proposal, handed func() bool) ([]fsm.Outcome, error) {
		out, err := done(ps, handed)
		out[len(out)-1].Refusal = fsm.Refuse(code, "")
		return out, err
	}
}

// withProposer runs a test with a proposer whose leader follows a script.
func withProposer(t *testing.T, test func(t *testing.T, r *proposer, s *script)) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{t: t}
		l := &leaderWatch{}
		l.set("x")
		r := &proposer{
			node: "n1", patience: 10*time.Second + retryEvery/2, silence: 6 * time.Hour, leader: l, send: s.send,
			slots: make(chan struct{}, groupsAtOnce), wake: make(chan struct{}, 1), origin: newOrigin(),
		}
		ctx, cancel := context.WithCancel(t.Context())
		go r.run(ctx)
		defer synctest.Wait()
		defer cancel()
		test(t, r, s)
	})
}

var aCommand = fsm.Propose(fsm.RevokeUser{User: "u"})

func TestProposer_RegistersWithTheFirstGroupAndSendsAgainUntilAnswered(t *testing.T) {
	withProposer(t, func(t *testing.T, r *proposer, s *script) {
		s.steps = append(s.steps, lost, notTaken, done, done)
		for range 2 {
			if _, err := r.do(t.Context(), aCommand); err != nil {
				t.Fatal(err)
			}
		}
		for i, g := range s.seen[:3] {
			if len(g) != 2 || g[0].Origin != "" || g[1].Seq != 1 || g[1].Origin != s.seen[0][1].Origin {
				t.Errorf("attempt %d: %+v; want a registration and sequence 1 of the same origin", i, g)
			}
		}
		if g := s.seen[3]; len(g) != 1 || g[0].Seq != 2 || g[0].Floor != 2 {
			t.Errorf("the second proposal: %+v", g)
		}
	})
}

func TestProposer_OriginUnknown(t *testing.T) {
	for name, c := range map[string]struct {
		first func([]fsm.Proposal, func() bool) ([]fsm.Outcome, error)
		want  error
	}{
		"never handed before: under a new origin": {notTaken, nil},
		"handed before: unknown":                  {lost, ErrOutcomeUnknown},
	} {
		t.Run(name, func(t *testing.T) {
			withProposer(t, func(t *testing.T, r *proposer, s *script) {
				s.steps = append(s.steps, c.first, refused(fsm.OriginUnknown), done)
				if _, err := r.do(t.Context(), aCommand); !errors.Is(err, c.want) {
					t.Errorf("%v, want %v", err, c.want)
				}
				if c.want == nil {
					old, now := s.seen[1][1], s.seen[2]
					if len(now) != 2 || now[1].Origin == old.Origin || now[1].Seq != 1 {
						t.Errorf("sent again as %+v after %+v", now, old)
					}
				}
			})
		})
	}
}

func TestProposer_SequencePassedIsUnknown(t *testing.T) {
	withProposer(t, func(t *testing.T, r *proposer, s *script) {
		s.steps = append(s.steps, refused(fsm.SequencePassed))
		if _, err := r.do(t.Context(), aCommand); !errors.Is(err, ErrOutcomeUnknown) {
			t.Error(err)
		}
	})
}

func TestProposer_AfterTheDeadline(t *testing.T) {
	for name, c := range map[string]struct {
		step func([]fsm.Proposal, func() bool) ([]fsm.Outcome, error)
		want error
	}{
		"nobody took it":              {notTaken, ErrUnavailable},
		"it may be in somebody's log": {lost, ErrOutcomeUnknown},
	} {
		t.Run(name, func(t *testing.T) {
			withProposer(t, func(t *testing.T, r *proposer, s *script) {
				for range 2000 {
					s.steps = append(s.steps, c.step)
				}
				began := time.Now()
				if _, err := r.do(t.Context(), aCommand); !errors.Is(err, c.want) {
					t.Errorf("%v, want %v", err, c.want)
				}
				if took := time.Since(began); took != r.patience {
					t.Errorf("gave up after %v", took)
				}
				synctest.Wait()
				s.steps = []func([]fsm.Proposal, func() bool) ([]fsm.Outcome, error){done}
				time.Sleep(time.Second)
				if n := len(s.steps); n != 1 {
					t.Error("what was given up was sent again")
				}
				if _, err := r.do(t.Context(), aCommand); err != nil {
					t.Error(err)
				}
				if p := s.seen[len(s.seen)-1][1]; p.Seq != 2 || p.Floor != 2 {
					t.Errorf("the next one is %+v; the given-up sequence must not hold the floor", p)
				}
			})
		})
	}
}

func TestProposer_ALongSilenceCostsNoAttempt(t *testing.T) {
	withProposer(t, func(t *testing.T, r *proposer, s *script) {
		s.steps = append(s.steps, done, done)
		for range 2 {
			if _, err := r.do(t.Context(), aCommand); err != nil {
				t.Fatal(err)
			}
			time.Sleep(7 * time.Hour)
		}
		if g := s.seen[1]; len(g) != 2 || g[1].Origin == s.seen[0][1].Origin || g[1].Seq != 1 {
			t.Errorf("after seven hours: %+v; want a new origin, registered in the same group", g)
		}
	})
}

// A group that waits for a connection is not handed over once one of its callers
// was told that nothing was written. The others' proposals go with the next.
func TestProposer_WhoWasToldThatNothingWasWrittenIsNotSent(t *testing.T) {
	withProposer(t, func(t *testing.T, r *proposer, s *script) {
		s.steps = append(s.steps,
			func(ps []fsm.Proposal, handed func() bool) ([]fsm.Outcome, error) {
				time.Sleep(2 * time.Second)
				if handed() {
					t.Error("the group is handed over all the same")
				}
				return nil, errNotTaken
			}, done)
		left := make(chan error)
		r.leader.set("") // both shall be in one group
		for _, limit := range []time.Duration{time.Second, time.Minute} {
			go func() {
				ctx, cancel := context.WithTimeout(t.Context(), limit)
				defer cancel()
				_, err := r.do(ctx, aCommand)
				left <- err
			}()
		}
		synctest.Wait()
		r.leader.set("x")
		if err := <-left; !errors.Is(err, ErrUnavailable) {
			t.Errorf("the one who left: %v", err)
		}
		if err := <-left; err != nil {
			t.Errorf("the one who stayed: %v", err)
		}
		if g := s.seen[len(s.seen)-1]; len(g) != 2 || g[1].Floor != g[1].Seq {
			t.Errorf("sent at last: %+v", g)
		}
	})
}
