package fsm

import (
	"math/rand/v2"
	"testing"
	"time"
)

// TestMachine_model plays seeded random games against the model: always the
// same ones, enough to have seen all there is; under the race detector only the first few.
func TestMachine_model(t *testing.T) {
	const steps = 260
	games := 28
	if raced {
		games = 4
	}
	entries, begun := 0, time.Now()
	seen := map[string]int{}
	for game := range uint64(games) {
		r := rand.New(rand.NewPCG(game, 1))
		d := newDriver(t, func() byte { return byte(r.Uint32()) })
		for step := range steps {
			if game%3 == 2 && step%100 == 99 {
				d.rebirth()
			}
			if d.step(); d.stop {
				t.Fatalf("game %d", game)
			}
			d.model.notice(seen)
		}
		d.flush()
		entries += len(d.log)
		seen["grants"] += int(d.model.fence % fenceJump)
		seen["dead"] += len(d.model.dead)
	}
	spent := time.Since(begun)
	t.Logf("%d entries against the model in %v, %.0f/s; %d grants, %d dead letters",
		entries, spent.Round(time.Millisecond), float64(entries)/spent.Seconds(), seen["grants"], seen["dead"])
	if raced {
		return
	}
	for _, s := range []Status{Created, Uploaded, Queued, Running, Done, Failed, Canceled} {
		if seen[string(s)] == 0 {
			t.Errorf("no job of all games came to be %s: the games are too dull", s)
		}
	}
	for _, s := range []string{"dead", "kicked", "quarantined", "draining", "exiting", "missing", "paused", "alone", "late", "warmer", "forgotten", "deployed", "rolled back", "old price", "removed preset", "plan in use", "imported", "continued", "brought and forgotten", "archived", "folded"} {
		if seen[s] == 0 {
			t.Errorf("nothing of all games was %s: the games are too dull", s)
		}
	}
}

// notice marks what a game has come to.
func (m *model) notice(seen map[string]int) {
	for _, j := range m.jobs {
		seen[string(j.status)] = 1
		if j.price != m.set.Presets[j.preset].Price && j.status == Running {
			seen["old price"] = 1
		}
		if _, ok := m.set.Presets[j.preset]; !ok && !j.status.Ended() {
			seen["removed preset"] = 1
		}
		if j.retryOf != "" {
			seen["kicked"] = 1
		}
		for _, it := range j.items {
			if it.alone {
				seen["alone"] = 1
			}
		}
	}
	for _, w := range m.workers {
		seen[string(w.state)] = 1
		if len(w.missing) > 0 {
			seen["missing"] = 1
		}
		if w.until != 0 {
			seen["quarantined"]++
		}
	}
	for what := range m.shown {
		seen[what] = 1
	}
	for range m.paused {
		seen["paused"] = 1
	}
}

// FuzzMachine lets the fuzzer choose. The store's flusher makes its coverage
// waver, which the fuzzer takes for news and minimizes for a minute each time:
//
//	go test -fuzz FuzzMachine -fuzzminimizetime 1x ./fsm
func FuzzMachine(f *testing.F) {
	for seed := range uint64(4) {
		r := rand.New(rand.NewPCG(seed, 2))
		b := make([]byte, 400)
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, choices []byte) {
		at := 0
		d := newDriver(t, func() byte {
			if at >= len(choices) {
				return 0
			}
			at++
			return choices[at-1]
		})
		for at < min(len(choices), 4000) && !d.stop {
			d.step()
		}
		d.flush()
	})
}
