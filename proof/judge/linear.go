package judge

import (
	"hash/maphash"
	"time"

	"github.com/anishathalye/porcupine"
)

// Verdict is what was found of a history.
type Verdict string

// The verdicts.
const (
	Sound     Verdict = "linearizable"
	Violated  Verdict = "NOT linearizable"
	Undecided Verdict = "not decided in time"
)

// Linearizable decides whether there is an order of the operations, each within its interval, that the machine could have done one
// after the other with these answers.
func Linearizable(h History, limit time.Duration) Verdict {
	switch porcupine.CheckOperationsTimeout(h.model(), h.operations(), limit) {
	case porcupine.Ok:
		return Sound
	case porcupine.Illegal:
		return Violated
	}
	return Undecided
}

func (h History) operations() []porcupine.Operation {
	ops := make([]porcupine.Operation, 0, len(h.Ops))
	for _, o := range h.telling() {
		end := o.Return
		if o.Code == Unknown {
			end = Never
		}
		ops = append(ops, porcupine.Operation{ClientId: o.Client, Input: o, Call: o.Call, Return: end})
	}
	return ops
}

// telling are the operations that the answer hangs on. What is left out is implied by what stays: each of fifty callbacks for one
// item that were all told that it is final already would double the orders that must be tried.
//
//   - What saw nothing and did nothing, and refusals that say nothing of the state.
//   - Of callbacks that were told that the item is final: all but the first to return, since final is for ever.
//   - Of equal words whose outcome is not known and which have their effect once: all but the first to be said.
func (h History) telling() (out []*Op) {
	type word struct {
		kind Kind
		code string
		job  string
		idx  int
		done bool
	}
	kept := map[word]int{} // place in out
	for i := range h.Ops {
		o := &h.Ops[i]
		if o.Code == Unknown && o.Reads() || silent(o.Code) || o.Kind == Upload && o.Code != "" && o.Code != Unknown {
			continue
		}
		w := word{o.Kind, o.Code, o.Job, o.Idx, false}
		if o.Kind == Callback {
			w.idx, w.done = o.Results[0].Idx, o.Results[0].Done
		}
		switch final := o.Kind == Callback && o.Code == "" && o.Processed == 0; {
		case final:
			w.done = false
		case o.Code == Unknown && (o.Kind == Callback || o.Kind == Upload):
		default:
			out = append(out, o)
			continue
		}
		at, again := kept[w]
		switch {
		case !again:
			kept[w] = len(out)
			out = append(out, o)
		case o.Code == "" && o.Return < out[at].Return, o.Code == Unknown && o.Call < out[at].Call:
			out[at] = o
		}
	}
	return out
}

func (h History) model() porcupine.Model {
	m, seed := model{h.Account}, maphash.MakeSeed()
	return porcupine.Model{
		Init:  func() any { return state{credits: h.Account.Credits}.seal() },
		Step:  func(s, in, _ any) (bool, any) { return m.step(s.(state), in.(*Op)) },
		Equal: func(a, b any) bool { return a.(state).key == b.(state).key },
		Hash:  func(s any) uint64 { return maphash.String(seed, s.(state).key) },
	}
}
