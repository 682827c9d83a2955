package handlers

import (
	"context"
	"testing"
	"time"

	"stoker/fsm"
)

func TestReads_TokensAreOfTheStateRead(t *testing.T) {
	h := newHouse(t)
	p := h.signUp("free")
	made := h.good(201, p.ask("POST", "/rules", ruleOfTest))
	token := made.header.Get(headerIndex)
	if token == "" {
		t.Fatal("a write without its token")
	}
	read := p.ask("GET", "/rules", nil)
	read.header = map[string]string{headerIndex: token}
	if a := h.good(200, read); len(a.Data["rules"].([]any)) != 1 || a.header.Get(headerIndex) == "" {
		t.Errorf("read: %s, %v", a.text, a.header)
	}
	if a := p.get("/rules?consistency=stale"); a.header.Get(headerIndex) == "" {
		t.Error("a stale read without its token")
	}
	p.get("/rules?consistency=linearizable")
	refused := h.bad(fsm.RuleNotFound, p.ask("DELETE", "/rules/r_none", nil))
	if refused.header.Get(headerIndex) == "" {
		t.Error("a refusal by the machine without its token")
	}
}

func TestReads_TokensThatAreNone(t *testing.T) {
	h := newHouse(t)
	p := h.signUp("free")
	read := p.ask("GET", "/me", nil)
	for _, token := range []string{"x", "1", "1-", "-1", "1-zz", "1-2-3", "9-1", "0-1"} {
		read.header = map[string]string{headerIndex: token}
		h.bad(fsm.ValidationFailed, read)
	}
}

func TestReads_WaitForWhatIsNotThereYet(t *testing.T) {
	h := newHouse(t, func(_ *fsm.Settings, c *Config) { c.Timeout = 300 * time.Millisecond })
	p := h.signUp("free")
	read := p.ask("GET", "/me", nil)
	read.header = map[string]string{headerIndex: "1-ffffffff"}
	a := h.bad(fsm.Unavailable, read)
	if a.header.Get("Retry-After") == "" {
		t.Error("503 without Retry-After")
	}
}

func TestReady_OnlyWithALeader(t *testing.T) {
	h := newHouse(t, func(_ *fsm.Settings, c *Config) { c.Timeout = 300 * time.Millisecond })
	h.good(200, ask{method: "GET", path: "/ready"})
	if err := h.node.Stop(context.Background()); err != nil {
		t.Fatal(err)
	}
	h.bad(fsm.Unavailable, ask{method: "GET", path: "/ready"})
	if a := h.good(200, ask{method: "GET", path: "/health"}); a.Data["status"] != "healthy" || a.Data["node"] != "n1" || a.Data["version"] != "test" {
		t.Errorf("health: %v", a.Data)
	}
}
