package fsm

import (
	"crypto/sha256"
	"fmt"
	"strings"
	"time"
)

func (w words) member() (SetMember, error) {
	level, err := w.number("level", Level)
	m := SetMember{ID: w["id"], Addr: w["id"] + ":9080", HTTP: w["id"] + ":8080", Version: "1", Level: level, Incarnation: "i-" + w["id"]}
	if at, ok := w["addr"]; ok {
		m.Addr = at
	}
	if i, ok := w["incarnation"]; ok {
		m.Incarnation = i
	}
	return m, err
}

func tellMember(m Member) string {
	s := fmt.Sprintf("%s at %s", m.ID, m.Addr)
	if m.Draining {
		s += " draining"
	}
	return s
}

// member id=n1 [addr=…] [incarnation=…]: what a node says of itself.
func memberVerb(_ *stage, w words) ([]act, error) {
	m, err := w.member()
	return single(does(m, tellMember), err)
}

func secretHash(text string) []byte {
	sum := sha256.Sum256([]byte(text))
	return sum[:]
}

// join-token id=t1 secret=s ttl=1h for=n4 note=…
func joinTokenVerb(_ *stage, w words) ([]act, error) {
	ttl, err := time.ParseDuration(w["ttl"])
	c := CreateJoinToken{ID: w["id"], TTL: int64(ttl), For: w["for"], Note: w["note"]}
	if w.has("secret") {
		c.Hash = secretHash(w["secret"])
	}
	return single(does(c, tellJoinToken), err)
}

func tellJoinToken(t JoinToken) string {
	s := fmt.Sprintf("%s until %s", t.ID, clock(t.Due))
	if t.For != "" {
		s += " for " + t.For
	}
	if t.UsedBy != "" {
		s += " used by " + t.UsedBy
	}
	return s
}

// join token=t1 secret=s id=n4
func joinVerb(_ *stage, w words) ([]act, error) {
	m, err := w.member()
	return single(does(UseJoinToken{Token: w["token"], Hash: secretHash(w["secret"]), Member: m}, tellMember), err)
}

func revokeJoinTokenVerb(_ *stage, w words) ([]act, error) {
	return single(does(RevokeJoinToken{ID: w["id"]}, func(JoinTokenRevoked) string { return "revoked" }), nil)
}

func removeMemberVerb(_ *stage, w words) ([]act, error) {
	return single(does(RemoveMember{ID: w["id"]}, func(MemberGone) string { return "gone" }), nil)
}

// drain-node id=n1; with the word undo it is back.
func drainNodeVerb(_ *stage, w words) ([]act, error) {
	return single(does(DrainNode{ID: w["id"], Draining: !w.has("undo")}, tellMember), nil)
}

// autopilot dead=10m
func autopilotVerb(_ *stage, w words) ([]act, error) {
	after, err := time.ParseDuration(w["dead"])
	return single(does(SetAutopilot{Autopilot{RemoveDeadAfter: int64(after)}}, func(a Autopilot) string {
		return "removes after " + time.Duration(a.RemoveDeadAfter).String()
	}), err)
}

func showMembers(v *View, _ words) (string, error) {
	var out []string
	for _, m := range v.Members() {
		out = append(out, tellMember(m))
	}
	return strings.Join(out, ", "), nil
}

func showJoinTokens(v *View, _ words) (string, error) {
	var out []string
	for _, t := range v.JoinTokens() {
		out = append(out, tellJoinToken(t))
	}
	return strings.Join(out, ", "), nil
}
