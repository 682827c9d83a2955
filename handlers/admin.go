package handlers

import (
	"unicode/utf8"

	"stoker/fsm"
)

// userDetail is an account as the operator sees it.
type userDetail struct {
	account
	Revoked    bool          `json:"revoked"`
	DeviceHash string        `json:"device_hash"`
	CreatedAt  string        `json:"created_at"`
	Events     []ledgerEvent `json:"events"`      // of the ledger, newest first
	Next       *string       `json:"next_cursor"` // for ?cursor=
	Away       fsm.Away      `json:"away"`        // why it may do nothing here: leaving, left, arriving
	Move       *move         `json:"move"`        // its last one between this cell and another
}

// adminUser shows a user with a page of its ledger.
func (s *Server) adminUser(c *call) (any, error) {
	page, err := c.page()
	if err != nil {
		return nil, err
	}
	v, err := c.view()
	if err != nil {
		return nil, err
	}
	u, ok := v.User(c.param("id"))
	if !ok {
		return nil, noUser(c.param("id"))
	}
	ledger, err := s.ledgerOf(v, u.ID, page)
	if err != nil {
		return nil, fromArchive(err)
	}
	out := userDetail{
		account: accountOf(v, u), Revoked: u.Revoked, DeviceHash: u.DeviceHash,
		CreatedAt: stampOf(u.CreatedAt), Events: ledger.Events, Next: ledger.Next, Away: u.Away,
	}
	if m, ok := v.CellMove(u.ID); ok {
		last := moveOf(m)
		out.Move = &last
	}
	return out, nil
}

// adminGrant books credits on a user's ledger; a negative amount takes them back.
func (s *Server) adminGrant(c *call) (any, error) {
	var in struct {
		Amount *whole `json:"amount"`
		Reason string `json:"reason"`
	}
	id, err := c.userID()
	if err != nil {
		return nil, err
	}
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	var wrong flaws
	wrong.unless(in.Amount != nil, "amount", "is required")
	n := utf8.RuneCountInString(in.Reason)
	wrong.unless(n >= 1 && n <= maxText, "reason", "must have 1 to %d characters: it is what the ledger says of the change", maxText)
	if err := wrong.refusal(); err != nil {
		return nil, err
	}
	return answerUser(c)(apply(c, fsm.GrantCredits{User: id, Amount: int64(*in.Amount), Reason: in.Reason}))
}

// adminPlan moves a user to another plan.
func (s *Server) adminPlan(c *call) (any, error) {
	var in struct {
		Plan string `json:"plan"`
	}
	id, err := c.userID()
	if err != nil {
		return nil, err
	}
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	if in.Plan == "" || len(in.Plan) > maxName {
		return nil, invalid("plan", "is required")
	}
	return answerUser(c)(apply(c, fsm.SetPlan{User: id, Plan: in.Plan}))
}

// adminRevoke signs a user out for good, or with revoked=false lets it in again.
func (s *Server) adminRevoke(c *call) (any, error) {
	var in struct {
		Revoked *bool `json:"revoked"`
	}
	id, err := c.userID()
	if err != nil {
		return nil, err
	}
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	return answerUser(c)(apply(c, fsm.RevokeUser{User: id, Revoked: in.Revoked == nil || *in.Revoked}))
}

// answerUser renders the user that a command answered with.
func answerUser(c *call) func(fsm.User, error) (any, error) {
	return func(u fsm.User, err error) (any, error) {
		if err != nil {
			return nil, err
		}
		return struct {
			account
			Revoked bool `json:"revoked"`
		}{accountOf(c.local(), u), u.Revoked}, nil
	}
}

func (c *call) userID() (string, error) {
	id := c.param("id")
	if !saneName.MatchString(id) {
		return "", noUser(id)
	}
	return id, nil
}

func noUser(id string) error { return fsm.Refuse(fsm.NotFound, "no user %.80q", id) }
