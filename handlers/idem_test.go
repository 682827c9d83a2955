package handlers

import (
	"strings"
	"sync"
	"testing"

	"stoker/fsm"
)

func keyed(a ask, key string) ask {
	a.header = map[string]string{headerKey: key}
	return a
}

func TestIdempotency_OneJobPerKey(t *testing.T) {
	h := newHouse(t)
	p := h.signUp("pro")
	create := keyed(p.ask("POST", "/jobs", `{"preset":"interior","item_count":2}`), "k1")
	var wg sync.WaitGroup
	answers := make([]answer, 8)
	for i := range answers {
		wg.Go(func() { answers[i] = h.do(create) })
	}
	wg.Wait()
	fresh := 0
	for _, a := range answers {
		if a.status != 201 || a.Data["job_id"] != answers[0].Data["job_id"] {
			t.Fatalf("%d %s", a.status, a.text)
		}
		if a.header.Get(headerReplayed) == "" {
			fresh++
		}
	}
	if fresh != 1 || p.credits() != 98+10 {
		t.Errorf("%d answers were not replayed, %d credits are left", fresh, p.credits())
	}
	// the same request, written differently; its URLs are signed anew and good
	create.body = ` {"item_count" : 2.0 , "preset":"\u0069nterior"}`
	again := h.good(201, create)
	if again.header.Get(headerReplayed) != "true" {
		t.Error("not replayed")
	}
	h.put(again.Data["presigned_urls"].([]any)[0].(map[string]any)["url"].(string), aPicture)
	create.body = `{"preset":"interior","item_count":3}`
	h.bad(fsm.IdempotencyMismatch, create)
}

func TestIdempotency_IsOfUserMethodAndPath(t *testing.T) {
	h := newHouse(t)
	p, other := h.signUp("pro"), h.signUp("pro")
	body := m{"preset": "interior", "item_count": 1}
	first := h.good(201, keyed(p.ask("POST", "/jobs", body), "k"))
	second := h.good(201, keyed(other.ask("POST", "/jobs", body), "k"))
	if first.Data["job_id"] == second.Data["job_id"] || second.header.Get(headerReplayed) != "" {
		t.Error("two users share a key")
	}
	h.good(201, keyed(p.ask("POST", "/rules", ruleOfTest), "k"))
	cancel := keyed(p.ask("POST", "/jobs/"+first.Data["job_id"].(string)+"/cancel", nil), "k")
	h.good(200, cancel)
	if a := h.good(200, cancel); a.header.Get(headerReplayed) != "true" {
		t.Error("a second cancel under the key is not replayed")
	}
	grant := keyed(ask{method: "POST", path: "/admin/users/" + p.id + "/credits", token: adminToken, body: m{"amount": 5, "reason": "x"}}, "k")
	h.good(200, grant)
	h.good(200, grant)
	if p.credits() != 115 {
		t.Errorf("%d credits", p.credits())
	}
}

func TestIdempotency_KeepsRefusalsButNotThoseOfTheMoment(t *testing.T) {
	h := newHouse(t)
	p := h.signUp("free")
	id, _ := p.newJob(1)
	second := keyed(p.ask("POST", "/jobs", m{"preset": "interior", "item_count": 1}), "k1")
	h.bad(fsm.ConcurrencyLimit, second)
	h.good(200, p.ask("POST", "/jobs/"+id+"/cancel", nil))
	if a := h.good(201, second); a.header.Get(headerReplayed) != "" {
		t.Error("a 429 was kept")
	}
	eleven := keyed(p.ask("POST", "/jobs", m{"preset": "interior", "item_count": 11}), "k2")
	h.bad(fsm.ItemLimit, eleven)
	if a := h.bad(fsm.ItemLimit, eleven); a.header.Get(headerReplayed) != "true" {
		t.Error("a refusal was not kept")
	}
}

func TestIdempotency_Keys(t *testing.T) {
	h := newHouse(t)
	p := h.signUp("free")
	create := p.ask("POST", "/jobs", m{"preset": "interior", "item_count": 1})
	for _, key := range []string{"", "with space", "é", strings.Repeat("k", 256)} {
		h.bad(fsm.ValidationFailed, keyed(create, key))
	}
	h.good(201, keyed(create, strings.Repeat("k", 255)))
}
