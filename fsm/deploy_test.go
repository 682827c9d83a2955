package fsm

import (
	"fmt"
	"strings"
	"testing"
)

// TestDeploy_movesCapsInBoundedEntries: a thousand users in the queue get the cap
// of their plan, 500 in one entry, the rest by a timer that is due at once.
func TestDeploy_movesCapsInBoundedEntries(t *testing.T) {
	w := newWorld(t)
	must(w, genesis(DefaultSettings()))
	const people = 2*recapBatch + 3
	for i := range people {
		user, job := fmt.Sprintf("u%04d", i), fmt.Sprintf("j%04d", i)
		must(w, SignIn{NewID: user})
		must(w, CreateJob{User: user, ID: job, Preset: "interior", Items: 1})
		must(w, PutObject{Object: input(user, job, 0)})
		must(w, ConfirmUpload{User: user, Job: job})
		must(w, ExecuteJob{User: user, Job: job, Concepts: walls})
	}
	s := DefaultSettings()
	p := s.Plans["free"]
	p.MaxLeased = 3
	s.Plans["free"] = p
	must(w, Deploy{Settings: s, Base: 1})
	moved := func() (n int) {
		v := w.m.View()
		defer v.Close()
		for _, one := range shares.Scan(v, "") {
			if one.Max == 3 {
				n++
			}
		}
		return n
	}
	for _, want := range []int{recapBatch, 2 * recapBatch, people} {
		if got := moved(); got != want {
			t.Fatalf("%d of %d have the new cap, want %d", got, people, want)
		}
		must(w, Expire{Limit: 100})
	}
	v := w.m.View()
	defer v.Close()
	if due := v.NextTimer(); due <= v.Clock() {
		t.Errorf("a timer is due at %d when all is done at %d", due, v.Clock())
	}
}

// TestDeploy_countsWhoHoldsAPlan: the refusal names some and says how many there are.
func TestDeploy_countsWhoHoldsAPlan(t *testing.T) {
	w := newWorld(t)
	must(w, genesis(DefaultSettings()))
	s := DefaultSettings()
	delete(s.Plans, "pro")
	for _, c := range []struct {
		users int
		says  string
	}{{1, "u0 is on it"}, {3, "3 users are on it (u0, u1, u2)"}, {5, "5 users are on it (u0, u1, u2, …)"}} {
		for i := range c.users {
			id := fmt.Sprintf("u%d", i)
			w.propose(Propose(SignIn{NewID: id}))
			must(w, SetPlan{User: id, Plan: "pro"})
		}
		o := w.propose(Propose(Deploy{Settings: s}))[0]
		if o.Refusal == nil || o.Refusal.Code != PlanInUse || !strings.Contains(o.Refusal.Message, c.says) {
			t.Errorf("%d users: %v, want %q", c.users, o.Refusal, c.says)
		}
		v := w.m.View()
		if err := v.MayDeploy(s, 0); err == nil || err.Error() != o.Refusal.Error() {
			t.Errorf("asked before, the answer is %v", err)
		}
		v.Close()
	}
}

// TestSettings_flaws: every field is judged, and today's defaults are good.
func TestSettings_flaws(t *testing.T) {
	if wrong := DefaultSettings().Flaws(); len(wrong) > 0 {
		t.Fatalf("the defaults: %v", wrong)
	}
	for field, spoil := range map[string]func(*Settings){
		"plans.pro.max_wait":      func(s *Settings) { p := s.Plans["pro"]; p.MaxWait = -1; s.Plans["pro"] = p },
		"plans.a b":               func(s *Settings) { s.Plans["a b"] = s.Plans["pro"] },
		"presets.interior":        func(s *Settings) { s.Presets["interior"] = seller },
		"presets.seller.concepts": func(s *Settings) { p := seller; p.Concepts = []string{"A", "A"}; s.Presets["seller"] = p },
		"presets.seller.protect":  func(s *Settings) { p := seller; p.Protect = []string{""}; s.Presets["seller"] = p },
		"presets.seller.templates[1].id": func(s *Settings) {
			p := seller
			p.Templates = []Template{{"a", "b", ""}, {"a", "b", ""}}
			s.Presets["seller"] = p
		},
		"presets.seller.name":           func(s *Settings) { p := seller; p.Name = "\xff"; s.Presets["seller"] = p },
		"budgets.queue":                 func(s *Settings) { s.Budgets.Queue = year + 1 },
		"limits.picture_types[1]":       func(s *Settings) { s.PictureTypes = []string{"image/png", "text/html"} },
		"leases.ttl":                    func(s *Settings) { s.LeaseTTL, s.FirstContact = second, second },
		"leases.first_contact":          func(s *Settings) { s.FirstContact = s.LeaseTTL + 1 },
		"limits.token_life":             func(s *Settings) { s.TokenLife = 1 },
		"cors.origins[0]":               func(s *Settings) { s.CORS = &CORS{[]string{"app.example"}} },
		"rates.wrong_tokens_per_minute": func(s *Settings) { s.Rates = &Rates{WrongTokens: maxCalls + 1} },
		"presets":                       func(s *Settings) { s.Presets = nil },
		"plans": func(s *Settings) {
			for i := range maxPlans {
				s.Plans[fmt.Sprint("p", i)] = s.Plans["pro"]
			}
		},
		"settings": func(s *Settings) {
			for i := range 300 {
				p := seller
				p.ID, p.Description = fmt.Sprint("p", i), strings.Repeat("x", 1000)
				s.Presets[p.ID] = p
			}
		},
	} {
		s := DefaultSettings()
		spoil(&s)
		wrong := s.Flaws()
		if len(wrong) != 1 || wrong[0].Field != field || wrong[0].Reason == "" {
			t.Errorf("%s: %v", field, wrong)
		}
	}
}
