package node

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"stoker/fsm"
	"stoker/pki"
)

// exchangeIn is how long a change of members may take, faults included.
const exchangeIn = 5 * time.Minute

// exchange has a node join by a token, and then takes the seat of one of the four,
// the new one or another. The faults that come meanwhile end before it has to.
func (w *world) exchange(string) (mend func()) {
	w.newcomers++
	id, dice := fmt.Sprintf("n%d", len(three)+w.newcomers), rand.New(rand.NewPCG(w.dice.Uint64(), 0))
	b := w.blows[len(w.blows)-1]
	var doing sync.WaitGroup
	doing.Go(func() {
		ctx, cancel := context.WithTimeout(w.t.Context(), exchangeIn)
		defer cancel()
		if len(w.ids()) <= len(three) {
			b.hit(id + " asks to join")
			w.bring(ctx, id, dice)
		}
		if ids := w.ids(); len(ids) > len(three) {
			out := ids[dice.IntN(len(ids))]
			b.hit(out + " has to go")
			w.dismiss(ctx, out, dice)
		}
	})
	return doing.Wait
}

// bring has a node join, and waits until it has a vote. One that did not hear
// that it is let in may be a member all the same, and is none afterwards.
func (w *world) bring(ctx context.Context, id string, dice *rand.Rand) {
	token, ok := w.invite(ctx, id, dice)
	if !ok {
		return
	}
	got, err := w.ask(token, id)
	if err != nil {
		os.RemoveAll(filepath.Join(w.dir, id))
		w.dismiss(ctx, id, dice)
		return
	}
	w.mu.Lock()
	w.joined[id] = got
	w.mu.Unlock()
	if err := w.start(id); err != nil {
		w.wrongf("start %s, which was let in: %v", id, err)
		return
	}
	w.mu.Lock()
	w.members = append(w.members, Member{ID: id, Addr: id + ":90", HTTP: id + ":80"})
	w.mu.Unlock()
	for !w.votes(id) {
		if pause(ctx, time.Second) != nil {
			w.wrongf("%s has no vote %v after it asked to join", id, exchangeIn)
			return
		}
	}
	w.saw(sawJoins)
}

// invite makes a join token, if somebody can within half a minute.
func (w *world) invite(ctx context.Context, id string, dice *rand.Rand) (pki.JoinToken, bool) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for ctx.Err() == nil {
		if n := w.any(dice); n != nil {
			t := pki.NewJoinToken(id)
			if _, err := Apply(ctx, n, fsm.CreateJoinToken{ID: t.ID, Hash: t.Hash(), TTL: int64(time.Hour), For: id}); err == nil {
				t.CAs, t.Endpoints = n.JoinPlace()
				return t, true
			}
		}
		pause(ctx, time.Second)
	}
	return pki.JoinToken{}, false
}

// votes says whether the others know a member to have a vote.
func (w *world) votes(id string) bool {
	for _, n := range w.others(id) {
		if slices.ContainsFunc(n.Members(), func(s Seat) bool { return s.ID == id && s.Voter }) {
			return true
		}
	}
	return false
}

// dismiss takes a seat away, and ends the node when it has been told.
func (w *world) dismiss(ctx context.Context, id string, dice *rand.Rand) {
	for !w.dismissed(ctx, id, dice) {
		if pause(ctx, time.Second) != nil {
			w.wrongf("%s is not removed in %v", id, exchangeIn)
			return
		}
	}
	for told := false; !told && w.node(id) != nil; {
		select {
		case <-w.node(id).Removed():
			told = true
			w.checked(heldRemoved)
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			w.wrongf("%s runs, and was not told in %v that it is removed", id, exchangeIn)
			told = true
		}
	}
	w.mu.Lock()
	w.members = slices.DeleteFunc(w.members, func(m Member) bool { return m.ID == id })
	w.mu.Unlock()
	w.end(id)
	w.saw(sawRemovals)
}

// dismissed says whether some other node has had it done, or knows that it is done. Who is asked may itself be removed or ended before it
// has answered, and waits for a leader as long as it is let: it is let as long as an operator is.
func (w *world) dismissed(ctx context.Context, id string, dice *rand.Rand) bool {
	others := w.others(id)
	if len(others) == 0 {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	r, err := others[dice.IntN(len(others))].RemoveMember(ctx, id, false, false)
	return err == nil && r.Done || refusedWith(err, fsm.NotFound) || refusedWith(err, fsm.MemberRemoved)
}

// end ends a node if it runs.
func (w *world) end(id string) {
	if n := w.take(id); n != nil {
		n.stop.Do(func() { n.shutdown() })
	}
}
