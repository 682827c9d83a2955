package fsm

import (
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"
)

// pages reads a sequence page by page, n at a time, each from the last mark.
func pages[V any](n int, read func(Mark) iter.Seq[V], mark func(V) Mark) []V {
	var all []V
	for at := (Mark{}); ; {
		page := 0
		for v := range read(at) {
			all = append(all, v)
			at = mark(v)
			if page++; page == n {
				break
			}
		}
		if page < n {
			return all
		}
	}
}

// TestView_pages: lists read page by page are what they are read at once, with
// several rows of one entry, and nothing of anybody else.
func TestView_pages(t *testing.T) {
	w := furnished(t)
	var same []Proposal
	for i := range 5 {
		same = append(same, Propose(CreateJob{User: "u1", ID: fmt.Sprintf("same%d", i), Preset: "interior", Items: 1}))
	}
	w.propose(same...)
	must(w, CreateJob{User: "u2", ID: "other", Preset: "interior", Items: 1})
	v := w.m.View()
	defer v.Close()
	for n := 1; n < 5; n++ {
		var ids []string
		for _, j := range pages(n, func(m Mark) iter.Seq[Job] { return v.Jobs("u1", m) }, func(j Job) Mark { return Mark{j.Index, j.Ordinal} }) {
			ids = append(ids, j.ID)
		}
		want := []string{"same4", "same3", "same2", "same1", "same0", "uploaded", "created", "j1", "queued", "running"}
		if !slices.Equal(ids, want) {
			t.Errorf("jobs by %d: %v, newest first they are %v", n, ids, want)
		}

		entries := pages(n, func(m Mark) iter.Seq[LedgerEntry] { return v.Ledger("u1", m) }, func(e LedgerEntry) Mark { return Mark{e.Index, e.Ordinal} })
		if len(entries) != 11 || entries[10].Type != "signup" {
			t.Errorf("%d ledger entries by %d, the last is %+v", len(entries), n, entries[len(entries)-1])
		}
		for i, e := range entries[:10] {
			if e.Balance-e.Amount != entries[i+1].Balance {
				t.Errorf("%+v follows %+v", e, entries[i+1])
			}
		}

		events := pages(n, func(m Mark) iter.Seq[Event] { return v.History("running", m) }, func(e Event) Mark { return Mark{e.Index, e.Ordinal} })
		if len(events) != 6 || events[0].To != Created || events[5].To != Running {
			t.Errorf("history by %d: %+v", n, events)
		}
	}
}

// TestView_frozen: a view shows what was when it was opened.
func TestView_frozen(t *testing.T) {
	w := furnished(t)
	v := w.m.View()
	defer v.Close()
	at, credits := v.Index(), must(w, GrantCredits{User: "u2", Amount: 5}).Credits
	must(w, CancelJob{Job: "queued"})
	if u, _ := v.User("u2"); v.Index() != at || u.Credits != credits-5 {
		t.Errorf("the view moved to %d, %d credits", v.Index(), u.Credits)
	}
	if n := v.Waiting()["interior"]; n != 3 {
		t.Errorf("%d items wait in the view after the job was canceled, not 3", n)
	}
	if j, _ := v.Job("queued"); j.Status != Queued {
		t.Errorf("the view's job is %s", j.Status)
	}
}

// TestView_mayPut: asked before the bytes come, it answers as the command would.
func TestView_mayPut(t *testing.T) {
	w := furnished(t)
	v := w.m.View()
	defer v.Close()
	for key, code := range map[string]Code{ // key, or key@fence
		"inputs/u1/created/0.jpg":            "",
		"inputs/u1/created/1.jpg":            Forbidden,
		"inputs/u2/created/0.jpg":            Forbidden,
		"inputs/u1/uploaded/0.jpg":           Forbidden,
		"outputs/u1/running/0_result.png":    LeaseLost,
		"outputs/u1/running/0_result.png@1":  "",
		"previews/u1/running/1_thumb.jpg@1":  "",
		"outputs/u1/running/1_result.png@2":  LeaseLost,
		"outputs/u1/queued/0_result.png@1":   LeaseLost,
		"outputs/u1/running/2_result.png@1":  Forbidden,
		"previews/u1/running/1_result.png@1": Forbidden,
		"anything/else":                      "",
	} {
		o := Object{Bucket: "photos", Key: key, Upload: "x", Nodes: []string{"n1"}, Size: 1}
		if plain, fence, ok := strings.Cut(key, "@"); ok {
			o.Key, o.Fence = plain, uint64(fence[0]-'0')
		}
		var asked *Refusal
		errors.As(v.MayPut(o), &asked)
		out, err := w.rehearse(Propose(PutObject{Object: o}))
		if err != nil {
			t.Fatal(err)
		}
		for which, r := range map[string]*Refusal{"asked": asked, "put": out.Refusal} {
			if got := codeOf(r); got != code {
				t.Errorf("%s is answered %q when %s, not %q", key, got, which, code)
			}
		}
	}
}

func codeOf(r *Refusal) Code {
	if r == nil {
		return ""
	}
	return r.Code
}

// TestView_secrets: what Genesis brought is found by its use, and a token by its sum.
func TestView_secrets(t *testing.T) {
	w := furnished(t)
	must(w, SetNode{Greeting{ID: "n2", HTTP: "10.0.0.2:8080"}})
	v := w.m.View()
	defer v.Close()
	for use, id := range map[string]string{"jwt": "k1", "object": "a1", "ca": "ca"} {
		if s := v.Secrets(use); len(s) != 1 || s[0].ID != id {
			t.Errorf("secrets for %s: %+v", use, s)
		}
	}
	if tok, ok := v.Token([32]byte{1}); !ok || tok.Kind != AdminToken {
		t.Errorf("the admin token is %+v", tok)
	}
	if tok, ok := v.Token([32]byte{2}); !ok || tok.Kind != WorkerToken {
		t.Errorf("the worker token is %+v", tok)
	}
	if _, ok := v.Token([32]byte{3}); ok {
		t.Error("any token opens")
	}
	if m := v.Members(); len(m) != 1 || m[0].ID != "n2" {
		t.Errorf("members %+v", m)
	}
	if c := v.Counts(); c.Live != 1 || c.Ready["interior"] != 3 || c.Dead != 0 || len(v.LiveLeases()) != 1 {
		t.Errorf("counts %+v", c)
	}
}
