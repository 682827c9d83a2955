package handlers

import (
	"strconv"
	"testing"

	"stoker/fsm"
)

// twoCells are two clusters of one node each.
func twoCells(t *testing.T) (here, there *house) {
	t.Helper()
	return newHouse(t), newCell(t, "east", nil)
}

// travel takes a user from one house to another up to the decision, and gives what the other one has of it.
func travel(t *testing.T, from, to *house, id, cell string) (move, has map[string]any) {
	t.Helper()
	move = from.good(200, from.operate("POST", "/admin/users/"+id+"/leave", m{"to": cell})).Data
	cursor := ""
	for last := false; !last; {
		a := from.good(200, from.operate("GET", "/admin/users/"+id+"/departure"+cursor, nil))
		has = to.good(200, to.operate("POST", "/admin/users/"+id+"/arrive", a.Data["part"])).Data
		next, more := a.Data["next_cursor"].(string)
		cursor, last = "?behind="+strconv.Itoa(number(has["entries"]))+"&cursor="+next, !more
	}
	return move, has
}

// TestMove: a user with a rule, a job and a ledger leaves one cell and lives in the other with all of it; the first one tells where.
func TestMove(t *testing.T) {
	here, there := twoCells(t)
	known := ask{method: "POST", path: "/auth/anon", body: m{"device_hash": "d1"}, header: map[string]string{headerKnown: knownOnly}}
	here.bad(fsm.NotFound, known) // a router asks before it makes a user
	in := here.good(200, ask{method: "POST", path: "/auth/anon", body: m{"device_hash": "d1"}})
	p := &person{here, in.Data["user_id"].(string), in.Data["token"].(string)}
	here.good(200, here.operate("POST", "/admin/users/"+p.id+"/credits", m{"amount": 30, "reason": "order 17"}))
	here.good(201, p.ask("POST", "/rules", m{"name": "White", "preset_id": "interior", "concepts": walls}))
	job := p.queued(2)
	lease := here.leased("w1", 4)

	user := "/admin/users/" + p.id
	here.bad(fsm.ValidationFailed, here.operate("POST", user+"/leave", m{"to": "test"}))
	here.good(200, here.operate("POST", user+"/leave", m{"to": "east"}))
	here.bad(fsm.Unavailable, p.ask("POST", "/jobs", m{"preset": "interior", "item_count": 1}))
	here.bad(fsm.MoveConflict, here.operate("GET", user+"/departure", nil)) // its job is worked on
	here.good(200, here.operate("POST", user+"/revoke", nil))
	here.bad(fsm.Forbidden, p.ask("GET", "/me", nil)) // revoked is revoked, leaving or not
	here.good(200, here.operate("POST", user+"/revoke", m{"revoked": false}))
	here.finish(lease, 0)
	here.finish(lease, 1)
	if s := p.status(job); s != "done" {
		t.Fatalf("the job of a user who leaves is %s", s)
	}
	first := p.credits()
	if a := here.good(200, known); a.Data["user_id"] != p.id || a.Data["is_new"] != false {
		t.Errorf("a device that is known signs in as %s", a.text)
	}
	kept := keyed(ask{method: "POST", path: "/auth/anon", body: m{"device_hash": "d1"}}, "a-sign-in-that-is-sent-again")
	here.good(200, kept)

	move, has := travel(t, here, there, p.id, "east")
	device := ask{method: "POST", path: "/auth/anon", body: m{"device_hash": "d1"}}
	there.bad(fsm.Unavailable, device)
	here.bad(fsm.MoveConflict, here.operate("POST", user+"/left", m{"move": move["move"], "entries": has["entries"], "credits": 1}))
	left := m{"move": move["move"], "entries": has["entries"], "credits": has["credits"]}
	var gone answer
	for range 2 { // a lost answer
		gone = here.good(200, here.operate("POST", user+"/left", left))
	}
	for _, a := range []ask{device, kept, known, p.ask("GET", "/me", nil), p.ask("POST", "/jobs", m{"preset": "interior", "item_count": 1}), p.ask("GET", "/jobs/"+job, nil)} {
		if refused := here.bad(fsm.UserMoved, a); refused.header.Get(headerCell) != "east" || refused.Error.Cell != "east" || refused.status != 421 {
			t.Errorf("%d, %q, %s", refused.status, refused.header.Get(headerCell), refused.text)
		}
	}
	settle := m{"from": "test", "move": move["move"], "entries": gone.Data["entries"], "credits": gone.Data["credits"], "revoked": gone.Data["revoked"]}
	for range 2 {
		there.good(200, there.operate("POST", user+"/settle", settle))
	}
	in = there.good(200, device)
	q := &person{there, in.Data["user_id"].(string), in.Data["token"].(string)}
	if q.id != p.id || in.Data["is_new"] != false || q.credits() != first {
		t.Errorf("it signs in as %v with %d credits of %d", in.Data, q.credits(), first)
	}
	if rules := q.get("/rules").Data["rules"].([]any); len(rules) != 1 {
		t.Errorf("rules: %v", rules)
	}
	if q.status(job) != "done" {
		t.Error("the job has not come along")
	}
	q.newJob(1)
	a, b := here.good(200, here.operate("GET", user, nil)), there.good(200, there.operate("GET", user, nil))
	if number(a.Data["credits"]) != 0 || a.Data["away"] != "left" || a.Data["move"].(map[string]any)["cell"] != "east" || b.Data["away"] != "" {
		t.Errorf("here %s\nthere %s", a.text, b.text)
	}
}
