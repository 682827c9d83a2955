package fsm

import (
	"strings"
	"testing"

	"stoker/store"
)

// TestCheck_finds: a state as the commands leave it is in order; one that
// something else wrote to is not, and the check says where.
func TestCheck_finds(t *testing.T) {
	w := newWorld(t)
	look := func() Check {
		t.Helper()
		v := w.m.View()
		defer v.Close()
		c, err := v.Check()
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	if c := look(); len(c.Wrong) != 1 || !strings.Contains(c.Wrong[0], "has not begun") {
		t.Errorf("an empty state: %v", c.Wrong)
	}
	must(w, genesis(DefaultSettings()))
	must(w, SignIn{NewID: "u1"})
	w.queued("u1", "j1", 3)
	must(w, Lease{Wants: []Want{{Worker: "w1", Poll: "p", Max: 1}}})
	want := Check{Users: 1, Jobs: 1, Items: 3, Entries: 2, Objects: 3, Credits: 7}
	if c := look(); c.Users != want.Users || c.Jobs != want.Jobs || c.Items != want.Items || c.Entries != want.Entries ||
		c.Objects != want.Objects || c.Credits != want.Credits || len(c.Wrong) > 0 {
		t.Errorf("found %+v", c)
	}
	for said, damage := range map[string]func(tx *store.Tx){
		"u1 has 8 credits, its ledger says 7": func(tx *store.Tx) {
			u, _ := users.Get(tx, store.Str("u1"))
			u.Credits++
			users.Put(tx, store.Str("u1"), u)
		},
		"u1 counts 2 open jobs, there are 1": func(tx *store.Tx) {
			u, _ := users.Get(tx, store.Str("u1"))
			u.ActiveJobs++
			users.Put(tx, store.Str("u1"), u)
		},
		"job j1 is running and counts 1 done": func(tx *store.Tx) {
			j, _ := jobs.Get(tx, store.Str("j1"))
			j.Done++
			jobs.Put(tx, store.Str("j1"), j)
		},
		"item j1/2 and the ready queue do not agree": func(tx *store.Tx) {
			j, _ := jobs.Get(tx, store.Str("j1"))
			ready.Delete(tx, readyKey(j, 2))
		},
		"there is a ledger of u9": func(tx *store.Tx) {
			ledger.Put(tx, store.Str("u9").Uint(1).Uint(1), LedgerEntry{User: "u9", Amount: 1, Balance: 1})
		},
	} {
		before := image(t, w.m)
		if err := w.m.update(func(tx *store.Tx) error { damage(tx); return nil }); err != nil {
			t.Fatal(err)
		}
		if c := look(); len(c.Wrong) != 1 || !strings.Contains(c.Wrong[0], said) {
			t.Errorf("want %q, found %q", said, c.Wrong)
		}
		if err := w.m.Restore(strings.NewReader(string(before))); err != nil {
			t.Fatal(err)
		}
	}
}
