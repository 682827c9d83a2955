package client

import (
	"context"
	"encoding/hex"
	"net/http"
	"net/url"
	"time"
)

// Members is who the members of the cluster are, as the node that answered sees them.
type Members struct {
	Leader    string    `json:"leader"` // empty while none is known
	Node      string    `json:"node"`   // that answered
	Members   []Member  `json:"members"`
	Autopilot Autopilot `json:"autopilot"`
}

// Member is one of them.
type Member struct {
	ID        string     `json:"id"`
	Cluster   string     `json:"cluster"` // host:port of its cluster port
	HTTP      string     `json:"http"`    // host:port of its public port
	Role      string     `json:"role"`    // as it said last
	Voter     bool       `json:"voter"`   // false: it learns, and gets a vote when it has caught up
	Draining  bool       `json:"draining"`
	Since     *time.Time `json:"since"` // when it was first heard of; nil: not known
	Alive     bool       `json:"alive"`
	Version   string     `json:"version"`
	Index     uint64     `json:"index"`
	Lag       uint64     `json:"lag"`             // entries behind the furthest
	ContactMS int64      `json:"last_contact_ms"` // since it was last heard of; -1: never
}

// Autopilot is how the members are together.
type Autopilot struct {
	Healthy          bool     `json:"healthy"`
	Voters           int      `json:"voters"`
	Alive            int      `json:"alive"` // voters that answer
	Quorum           int      `json:"quorum"`
	Tolerance        int      `json:"tolerance"` // voters that may fail from now on
	Failed           []string `json:"failed"`    // voters that do not answer
	Behind           []string `json:"behind"`    // voters that answer and do not keep up
	Learners         []string `json:"learners"`
	RemoveDeadAfterS int64    `json:"remove_dead_after_s"` // 0: never
}

// Removal says what taking a member's seat does.
type Removal struct {
	ID        string `json:"id"`
	Voter     bool   `json:"voter"`
	Leads     bool   `json:"leads"`  // it leads and hands over first
	Voters    int    `json:"voters"` // afterwards, as the others below
	Alive     int    `json:"alive"`
	Quorum    int    `json:"quorum"`
	Tolerance int    `json:"tolerance"`
	Pictures  int    `json:"pictures"` // objects of which it has the only copy
	Refused   string `json:"refused"`  // why it is not done; empty if it may be
	Done      bool   `json:"done"`
}

// JoinToken is a token by which a node comes into the cluster. Its secret is nowhere but with whoever made it.
type JoinToken struct {
	ID        string    `json:"id"`
	For       string    `json:"for"` // empty: any node
	Note      string    `json:"note"`
	CreatedBy string    `json:"created_by"`
	CreatedAt time.Time `json:"created_at"`
	ExpiresAt time.Time `json:"expires_at"`
	UsedBy    string    `json:"used_by"` // the node that it let in
}

// NewJoinToken is a join token to be made; the cluster is told the secret's SHA-256 only.
type NewJoinToken struct {
	ID         string
	SecretHash []byte
	Life       time.Duration
	For        string // empty: any node
	Note       string
}

// JoinPlace is what belongs into the token beside its secret.
type JoinPlace struct {
	JoinToken
	CAs       []string `json:"ca_sha256"` // fingerprints of the cluster's CAs
	Endpoints []string `json:"endpoints"` // cluster ports
}

// Members lists them.
func (o *Operator) Members(ctx context.Context) (m Members, err error) {
	err = o.call(ctx, http.MethodGet, "/admin/members", nil, &m)
	return m, err
}

// RemoveMember takes a member's seat for good, or with look says what that would do.
func (o *Operator) RemoveMember(ctx context.Context, id string, force, look bool) (r Removal, err error) {
	body := struct {
		Force bool `json:"force"`
		Look  bool `json:"look"`
	}{force, look}
	err = o.call(ctx, http.MethodPost, memberPath(id)+"/remove", body, &r)
	return r, err
}

// DrainNode has a member left alone before maintenance: no leadership, no polls, not ready.
func (o *Operator) DrainNode(ctx context.Context, id string) error {
	return o.call(ctx, http.MethodPost, memberPath(id)+"/drain", nil, nil)
}

// ResumeNode brings it back to work.
func (o *Operator) ResumeNode(ctx context.Context, id string) error {
	return o.call(ctx, http.MethodPost, memberPath(id)+"/resume", nil, nil)
}

// TransferLeadership hands leadership to a node, to the one furthest along when to is empty, and says to whom.
func (o *Operator) TransferLeadership(ctx context.Context, to string) (leader string, err error) {
	var out struct {
		Leader string `json:"leader"`
	}
	body := struct {
		To string `json:"to"`
	}{to}
	err = o.call(ctx, http.MethodPost, "/admin/leader/transfer", body, &out)
	return out.Leader, err
}

// SetAutopilot says after how long the leader removes a dead voter; 0 is never.
func (o *Operator) SetAutopilot(ctx context.Context, removeDeadAfter time.Duration) error {
	body := struct {
		After int64 `json:"remove_dead_after_s"`
	}{int64(removeDeadAfter / time.Second)}
	return o.call(ctx, http.MethodPut, "/admin/autopilot", body, nil)
}

// JoinTokens lists those that have not expired.
func (o *Operator) JoinTokens(ctx context.Context) ([]JoinToken, error) {
	var out struct {
		Tokens []JoinToken `json:"join_tokens"`
	}
	err := o.call(ctx, http.MethodGet, "/admin/join-tokens", nil, &out)
	return out.Tokens, err
}

// CreateJoinToken makes one known.
func (o *Operator) CreateJoinToken(ctx context.Context, t NewJoinToken) (p JoinPlace, err error) {
	body := struct {
		ID   string `json:"id"`
		Hash string `json:"secret_sha256"`
		TTL  int64  `json:"ttl_s"`
		For  string `json:"for"`
		Note string `json:"note"`
	}{t.ID, hex.EncodeToString(t.SecretHash), int64(t.Life / time.Second), t.For, t.Note}
	err = o.call(ctx, http.MethodPost, "/admin/join-tokens", body, &p)
	return p, err
}

// RevokeJoinToken makes one worthless. Who came in by it stays.
func (o *Operator) RevokeJoinToken(ctx context.Context, id string) error {
	return o.call(ctx, http.MethodDelete, "/admin/join-tokens/"+url.PathEscape(id), nil, nil)
}

func memberPath(id string) string { return "/admin/members/" + url.PathEscape(id) }
