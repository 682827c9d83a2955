package handlers

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"stoker/fsm"
)

func TestSession_SaysHowToBehave(t *testing.T) {
	h := newHouse(t)
	s := h.boot("gpu-1", "b1")
	if s["session_id"] == "" || number(s["poll_wait_s"]) != 30 || number(s["lease_ttl_s"]) != 60 || number(s["heartbeat_s"]) != 20 || s["directive"] != "run" {
		t.Errorf("session: %v", s)
	}
	h.good(200, h.operate("POST", "/admin/workers/gpu-1/drain", nil))
	if again := h.boot("gpu-1", "b2"); again["directive"] != "drain" || again["session_id"] == s["session_id"] {
		t.Errorf("a drained worker's next session: %v", again)
	}
}

func TestSession_ANewBootGivesBackTheOld(t *testing.T) {
	h := newHouse(t)
	h.signUp("free").queued(2)
	h.boot("w", "b1")
	held := h.leased("w", 2)["lease_id"]
	lost := func() []any {
		t.Helper()
		return h.good(200, h.work("/queue/control", m{"worker_id": "w", "wait_s": 0, "leases": []m{{"lease_id": held}}})).Data["lost"].([]any)
	}
	h.boot("w", "b1") // the same life again
	if l := lost(); len(l) != 0 {
		t.Fatalf("its own session took %v", l)
	}
	h.boot("w", "b2")
	if l := lost(); len(l) != 1 || l[0] != held {
		t.Errorf("lost: %v, want %v", l, held)
	}
	if again := h.leased("w2", 2); number(again["attempt"]) != 1 || len(again["items"].([]any)) != 2 {
		t.Errorf("given back: %v", again)
	}
}

func TestSession_WhatIsRefused(t *testing.T) {
	h := newHouse(t)
	for _, change := range []m{
		{"worker_id": ""}, {"worker_id": "a b"}, {"boot_id": ""}, {"boot_id": strings.Repeat("b", 129)}, {"slots": 0}, {"slots": 1025},
		{"presets": []string{""}}, {"presets": "interior"}, {"vram_mb": -1}, {"gpu": strings.Repeat("x", 501)}, {"sdk": 7},
	} {
		body := m{"worker_id": "w", "boot_id": "b"}
		for k, v := range change {
			body[k] = v
		}
		h.bad(fsm.ValidationFailed, h.work("/queue/session", body))
	}
}

func TestPoll_FreeSlotsBoundTheLease(t *testing.T) {
	h := newHouse(t)
	h.signUp("free").queued(3)
	got := h.good(200, h.work("/queue/lease", m{"worker_id": "w", "max_items": 16, "free_slots": 2, "wait_s": 5})).Data
	if n := len(got["items"].([]any)); n != 2 {
		t.Errorf("%d items for 2 free slots", n)
	}
}

func TestPoll_WithASessionIsToldWhyItIsEmpty(t *testing.T) {
	h := newHouse(t)
	p := h.signUp("free")
	session := h.boot("w", "b")["session_id"]
	poll := func(more m) map[string]any {
		t.Helper()
		body := m{"worker_id": "w", "session_id": session, "wait_s": 0, "free_slots": 2, "loaded": []string{"interior"}}
		for k, v := range more {
			body[k] = v
		}
		return h.good(200, h.work("/queue/lease", body)).Data
	}
	if a := poll(nil); a["directive"] != "run" || a["lease_id"] != nil || len(a["lost"].([]any)) != 0 || len(a["skipped"].(map[string]any)) != 0 {
		t.Errorf("nothing at all: %v", a)
	}
	p.queued(2)
	if a := poll(m{"presets": []string{"seller"}}); fmt.Sprint(a["skipped"]) != "map[preset:2]" {
		t.Errorf("another preset: %v", a)
	}
	got := poll(nil)
	if got["directive"] != "run" || number(got["load_budget_s"]) != 0 || number(got["exec_budget_s"]) != 2*300 || len(got["lost"].([]any)) != 0 {
		t.Errorf("a warm grant: %v", got)
	}
	lease := got["lease_id"].(string)
	if a := poll(m{"held": []string{lease}}); len(a["lost"].([]any)) != 0 {
		t.Errorf("what it holds: %v", a)
	}
	h.good(200, h.work("/queue/leases/"+lease+"/release", m{"reason": "drain", "items": []int{0, 1}}))
	if again := poll(m{"held": []string{lease}, "loaded": []string{}}); fmt.Sprint(again["lost"]) != "["+lease+"]" || number(again["load_budget_s"]) != 600 {
		t.Errorf("what it gave back: %v", again)
	}
	for _, flaw := range []m{{"held": []string{"x"}}, {"held": make([]string, 1025)}, {"loaded": []string{""}}, {"free_slots": -1}, {"session_id": "a b"}} {
		body := m{"worker_id": "w", "wait_s": 0}
		for k, v := range flaw {
			body[k] = v
		}
		h.bad(fsm.ValidationFailed, h.work("/queue/lease", body))
	}
}

func TestPoll_BareIsToldInHeaders(t *testing.T) {
	h := newHouse(t)
	h.signUp("free").queued(2)
	a := h.good(204, h.work("/queue/lease", m{"worker_id": "w", "wait_s": 0, "presets": []string{"seller"}}))
	if len(a.text) != 0 || a.header.Get(headerDirective) != "run" || a.header.Get(headerSkipped) != "preset=2" {
		t.Errorf("%q %v", a.text, a.header)
	}
	h.boot("w", "b")
	h.good(200, h.operate("POST", "/admin/workers/w/exit", nil))
	a = h.good(204, h.work("/queue/lease", m{"worker_id": "w", "wait_s": 0}))
	if a.header.Get(headerDirective) != "exit" || a.header.Get(headerSkipped) != "exiting=2" {
		t.Errorf("%v", a.header)
	}
	began := time.Now()
	h.good(204, h.work("/queue/lease", m{"worker_id": "w", "wait_s": 30}))
	if took := time.Since(began); took < bareRest || took > 10*bareRest {
		t.Errorf("a worker that knows no directive could ask again after %v", took)
	}
}

func TestPoll_ADirectiveReachesAParkedOne(t *testing.T) {
	for verb, want := range map[string]string{"drain": "drain", "quarantine": "drain", "exit": "exit"} {
		t.Run(verb, func(t *testing.T) {
			h := newHouse(t)
			session := h.boot("w", "b")["session_id"]
			poll := h.work("/queue/lease", m{"worker_id": "w", "session_id": session, "wait_s": 60})
			polled := make(chan answer, 1)
			go func() { polled <- h.do(poll) }()
			h.untilWaiters(1)
			h.good(200, h.operate("POST", "/admin/workers/w/"+verb, m{"why": "new driver"}))
			if a := <-polled; a.status != 200 || a.Data["directive"] != want || a.Data["lease_id"] != nil {
				t.Errorf("parked: %d %s", a.status, a.text)
			}
			h.signUp("free").queued(1)
			state := map[string]string{"drain": "draining", "quarantine": "quarantined", "exit": "exiting"}[verb]
			if a := h.good(200, poll); a.Data["directive"] != want || fmt.Sprint(a.Data["skipped"]) != "map["+state+":1]" {
				t.Errorf("asked again: %s", a.text)
			}
			h.good(200, h.operate("POST", "/admin/workers/w/resume", nil))
			if a := h.good(200, poll); a.Data["lease_id"] == nil {
				t.Errorf("resumed: %s", a.text)
			}
		})
	}
}

func TestResults_CausesDecide(t *testing.T) {
	h := newHouse(t)
	p := h.signUp("free")
	job := p.queued(9)
	lease := "/queue/leases/" + h.leased("w", 9)["lease_id"].(string)
	words := []m{
		{"cause": "oom"}, {"cause": "timeout"}, {"cause": "model_missing"}, {"cause": "preempted"}, {"cause": "transient"},
		{"retryable": true}, {"cause": "sunspots"}, {"cause": "lost"}, {"cause": "bad_input", "retryable": true},
	}
	want := []fsm.Cause{fsm.OutOfMemory, fsm.Timeout, fsm.ModelMissing, fsm.Preempted, fsm.Transient, fsm.Transient, fsm.Transient, fsm.Transient, ""}
	var results []m
	for i, word := range words {
		word["idx"], word["status"], word["error"], word["gpu_ms"] = i, "failed", "no luck", 800
		results = append(results, word)
	}
	h.bad(fsm.ValidationFailed, h.work(lease+"/results", m{"results": []m{{"idx": 0, "status": "done", "gpu_ms": -1}}}))
	h.bad(fsm.ValidationFailed, h.work(lease+"/results", m{"results": []m{{"idx": 0, "status": "failed", "cause": 7}}}))
	if a := h.good(200, h.work(lease+"/results", m{"results": results})); number(a.Data["processed"]) != 9 {
		t.Fatalf("%s", a.text)
	}
	v := h.node.View()
	defer v.Close()
	for i, it := range v.Items(job) {
		if want[i] == "" {
			if it.Status != fsm.Failed {
				t.Errorf("bad_input left item %d %s", i, it.Status)
			}
			continue
		}
		if it.Status != fsm.Running || it.Tries[want[i]] != 1 || len(it.Tries) != 1 {
			t.Errorf("%v: item %d is %s after %v, want one %s", words[i], i, it.Status, it.Tries, want[i])
		}
	}
	if w, _ := v.Worker("w"); !slices.Contains(w.Missing, "interior") {
		t.Errorf("missing: %v", w.Missing)
	}
}

func TestRelease_ReasonsDecide(t *testing.T) {
	h := newHouse(t)
	job := h.signUp("free").queued(5)
	lease := "/queue/leases/" + h.leased("w", 5)["lease_id"].(string)
	want := map[string]fsm.Cause{
		"preempted": fsm.Preempted, "oom": fsm.OutOfMemory, "timeout": fsm.Timeout, "tired": fsm.Transient, "lost": fsm.Transient,
	}
	idx := 0
	for reason, cause := range want {
		h.good(200, h.work(lease+"/release", m{"items": []int{idx}, "reason": reason}))
		v := h.node.View()
		if it := v.Items(job)[idx]; it.Tries[cause] != 1 {
			t.Errorf("%s: %v", reason, it.Tries)
		}
		v.Close()
		idx++
	}
}
