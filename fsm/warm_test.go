package fsm

import "testing"

// TestLease_AGrantMakesAWorkerWarm: nobody has the preset warm when a round begins; who is given its first item loads it, and the
// second waits for that worker. Where a worker does not say what it has loaded, nobody waits for it.
func TestLease_AGrantMakesAWorkerWarm(t *testing.T) {
	for name, c := range map[string]struct {
		loaded []string
		both   bool
	}{"it says what it has": {[]string{"seller"}, false}, "it does not": {nil, true}} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			must(w, genesis(DefaultSettings()))
			must(w, SignIn{NewID: "u1"})
			w.queued("u1", "j1", 2)
			a := must(w, Lease{Wants: []Want{{Worker: "w1", Loaded: c.loaded, Max: 1}, {Worker: "w2", Max: 1}}})
			if a.Grants[0] == nil || (a.Grants[1] != nil) != c.both || (a.RetryAt == 0) != c.both {
				t.Errorf("%+v", a)
			}
		})
	}
}
