package handlers

import (
	"encoding/hex"
	"regexp"
	"time"
	"unicode/utf8"

	"stoker/fsm"
	"stoker/node"
)

// saneNode is what a node may be called.
var saneNode = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$`)

// membersView is who the members are and how they are.
type membersView struct {
	Leader    string         `json:"leader"` // "" while none is known
	Node      string         `json:"node"`   // that answers
	Members   []memberStatus `json:"members"`
	Autopilot autopilotView  `json:"autopilot"`
}

type autopilotView struct {
	node.AutopilotReport
	RemoveDeadAfterS int64 `json:"remove_dead_after_s"` // 0: never
}

// adminMembers shows the members as this node sees them. It asks nobody, so that
// it answers when the cluster does not.
func (s *Server) adminMembers(*call) (any, error) {
	n, pilot := s.node.Status(), s.node.Autopilot()
	out := membersView{
		Leader: n.Leader, Node: n.ID, Members: []memberStatus{},
		Autopilot: autopilotView{pilot, int64(pilot.RemoveDeadAfter / time.Second)},
	}
	for _, m := range n.Members {
		out.Members = append(out.Members, memberOf(m))
	}
	return out, nil
}

func (c *call) nodeID() (string, error) {
	id := c.param("id")
	if !saneNode.MatchString(id) {
		return "", fsm.Refuse(fsm.NotFound, "no member %.80q", id)
	}
	return id, nil
}

// adminRemoveMember takes a member's seat, or with look says what that would do.
func (s *Server) adminRemoveMember(c *call) (any, error) {
	var in struct {
		Force bool `json:"force"`
		Look  bool `json:"look"`
	}
	id, err := c.nodeID()
	if err != nil {
		return nil, err
	}
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	r, err := s.node.RemoveMember(c, id, in.Force, in.Look, node.By(c.by), node.RequestID(c.id))
	if err != nil {
		return nil, err
	}
	c.proposed = true // the removal stands in the audit log by itself, and a look is none
	return r, nil
}

// drainNode has a member left alone, or brings it back.
func drainNode(draining bool) func(*Server, *call) (any, error) {
	return func(s *Server, c *call) (any, error) {
		id, err := c.nodeID()
		if err != nil {
			return nil, err
		}
		m, err := apply(c, fsm.DrainNode{ID: id, Draining: draining})
		if err != nil {
			return nil, err
		}
		return struct {
			ID       string `json:"id"`
			Draining bool   `json:"draining"`
		}{m.ID, m.Draining}, nil
	}
}

// adminTransfer hands leadership over. It is no command of the machine, so that
// the audit log has a note of it.
func (s *Server) adminTransfer(c *call) (any, error) {
	var in struct {
		To string `json:"to"`
	}
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	if in.To != "" && !saneNode.MatchString(in.To) {
		return nil, fsm.Refuse(fsm.NotFound, "no member %.80q", in.To)
	}
	leader, err := s.node.TransferLeadership(c, in.To)
	if err != nil {
		return nil, err
	}
	if _, err := apply(c, fsm.Note{Action: "TransferLeadership", Subject: leader}); err != nil {
		return nil, err
	}
	return map[string]string{"leader": leader}, nil
}

// adminAutopilot sets what the leader may do about members by itself.
func (s *Server) adminAutopilot(c *call) (any, error) {
	var in struct {
		After *whole `json:"remove_dead_after_s"`
	}
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	var wrong flaws
	wrong.unless(in.After != nil && *in.After >= 0 && *in.After <= 365*24*3600, "remove_dead_after_s", "must be 0 (never), or 60 to a year")
	if err := wrong.refusal(); err != nil {
		return nil, err
	}
	a, err := apply(c, fsm.SetAutopilot{Autopilot: fsm.Autopilot{RemoveDeadAfter: int64(*in.After) * int64(time.Second)}})
	if err != nil {
		return nil, err
	}
	return map[string]int64{"remove_dead_after_s": a.RemoveDeadAfter / int64(time.Second)}, nil
}

// joinTokenLine is a join token as the operator sees it; nobody has its secret.
type joinTokenLine struct {
	ID        string `json:"id"`
	For       string `json:"for"` // "": any node
	Note      string `json:"note"`
	CreatedBy string `json:"created_by"`
	CreatedAt string `json:"created_at"`
	ExpiresAt string `json:"expires_at"`
	UsedBy    string `json:"used_by"` // the node that it let in
}

func joinTokenLineOf(v *fsm.View, t fsm.JoinToken) joinTokenLine {
	return joinTokenLine{t.ID, t.For, t.Note, t.By, stampOf(t.CreatedAt), inTime(time.Duration(t.Due - v.Clock())), t.UsedBy}
}

// adminJoinTokens lists those that have not expired.
func (s *Server) adminJoinTokens(c *call) (any, error) {
	v, err := c.view()
	if err != nil {
		return nil, err
	}
	lines := []joinTokenLine{}
	for _, t := range v.JoinTokens() {
		lines = append(lines, joinTokenLineOf(v, t))
	}
	return map[string][]joinTokenLine{"join_tokens": lines}, nil
}

// saneJoinToken is what a join token may be called.
var saneJoinToken = regexp.MustCompile(`^jt_[a-z0-9]{6,32}$`)

// adminCreateJoinToken makes a join token known. Its secret was made by whoever
// asks and comes here as a hash; the answer has what else belongs into the text.
func (s *Server) adminCreateJoinToken(c *call) (any, error) {
	var in struct {
		ID   string `json:"id"`
		Hash string `json:"secret_sha256"`
		TTL  whole  `json:"ttl_s"`
		For  string `json:"for"`
		Note string `json:"note"`
	}
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	hash, err := hex.DecodeString(in.Hash)
	var wrong flaws
	wrong.unless(saneJoinToken.MatchString(in.ID), "id", "must be jt_ and 6 to 32 of a-z and 0-9")
	wrong.unless(err == nil && len(hash) == 32, "secret_sha256", "must be the SHA-256 of the secret as 64 hex digits")
	wrong.unless(in.TTL >= 60 && in.TTL <= 30*24*3600, "ttl_s", "must be 60 to 2592000, which is 30 days")
	wrong.unless(in.For == "" || saneNode.MatchString(in.For), "for", "must be a node id: 1 to 32 of a-z, 0-9 and -")
	wrong.unless(utf8.RuneCountInString(in.Note) <= maxText, "note", "may have %d characters", maxText)
	if err := wrong.refusal(); err != nil {
		return nil, err
	}
	t, err := apply(c, fsm.CreateJoinToken{ID: in.ID, Hash: hash, TTL: int64(in.TTL) * int64(time.Second), For: in.For, Note: in.Note})
	if err != nil {
		return nil, err
	}
	cas, endpoints := s.node.JoinPlace()
	return struct {
		joinTokenLine
		CAs       []string `json:"ca_sha256"` // of the certificates, in hex
		Endpoints []string `json:"endpoints"` // cluster ports
	}{joinTokenLineOf(c.local(), t), orNone(cas), orNone(endpoints)}, nil
}

// adminRevokeJoinToken ends a join token. Who came in by it stays.
func (s *Server) adminRevokeJoinToken(c *call) (any, error) {
	id := c.param("id")
	if !saneJoinToken.MatchString(id) {
		return nil, fsm.Refuse(fsm.NotFound, "no join token %.80q", id)
	}
	if _, err := apply(c, fsm.RevokeJoinToken{ID: id}); err != nil {
		return nil, err
	}
	return struct {
		ID      string `json:"id"`
		Revoked bool   `json:"revoked"`
	}{id, true}, nil
}
