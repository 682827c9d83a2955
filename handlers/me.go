package handlers

import (
	"fmt"
	"strconv"
	"strings"

	"stoker/fsm"
)

type account struct {
	UserID         string `json:"user_id"`
	Plan           string `json:"plan"`
	Credits        int64  `json:"credits"`
	RuleSlots      int    `json:"rule_slots"`      // in use
	ConcurrentJobs int    `json:"concurrent_jobs"` // in use
	Limits         limits `json:"limits"`
}

type limits struct {
	MaxConcurrency int `json:"max_concurrency"`
	MaxRuleSlots   int `json:"max_rule_slots"`
	MaxItems       int `json:"max_items"`
}

// me shows the caller's account.
func (s *Server) me(c *call) (any, error) {
	v, err := c.view()
	if err != nil {
		return nil, err
	}
	u, err := c.account(v)
	if err != nil {
		return nil, err
	}
	return accountOf(v, u), nil
}

func accountOf(v *fsm.View, u fsm.User) account {
	p := v.Settings().Plans[u.Plan]
	return account{
		UserID: u.ID, Plan: u.Plan, Credits: u.Credits,
		RuleSlots: u.RuleSlots, ConcurrentJobs: u.ActiveJobs,
		Limits: limits{p.MaxConcurrency, p.MaxRuleSlots, p.MaxItems},
	}
}

type ledgerPage struct {
	Events []ledgerEvent `json:"events"`
	Next   *string       `json:"next_cursor"`
}

type ledgerEvent struct {
	ID        string `json:"id"`
	Type      string `json:"type"`
	Amount    int64  `json:"amount"`
	Balance   int64  `json:"balance"`
	Ref       string `json:"ref"`
	CreatedAt string `json:"created_at"`
}

// pageSize is the most a list gives at once.
const pageSize = 50

// billing lists the caller's ledger, newest first.
func (s *Server) billing(c *call) (any, error) {
	page, err := c.page()
	if err != nil {
		return nil, err
	}
	v, err := c.view()
	if err != nil {
		return nil, err
	}
	out, err := s.ledgerOf(v, c.user, page)
	return out, c.hushed(err)
}

// ledgerOf gives a page of a user's ledger, which goes on into the archive. A page ends
// before what cannot be read and says that there is more; one that would begin there
// is refused with an *archive.Unreadable.
func (s *Server) ledgerOf(v *fsm.View, user string, page page) (ledgerPage, error) {
	out := ledgerPage{Events: []ledgerEvent{}}
	var last fsm.Mark
	for e, err := range v.WholeLedger(user, page.before, s.archive.Stretch) {
		if err != nil && len(out.Events) == 0 {
			return out, err
		}
		if err != nil || len(out.Events) == page.size {
			next := cursorText(last)
			out.Next = &next
			break
		}
		last = e.Mark()
		out.Events = append(out.Events, ledgerEvent{
			ID: "l_" + cursorText(last), Type: e.Type, Amount: e.Amount,
			Balance: e.Balance, Ref: e.Ref, CreatedAt: stampOf(e.At),
		})
	}
	return out, nil
}

// page is where a list goes on and how much of it is asked for.
type page struct {
	before fsm.Mark // zero: from the newest
	size   int
}

func (c *call) page() (p page, err error) {
	if p.size, err = c.pageSize(); err != nil {
		return p, err
	}
	if cursor := c.query("cursor"); cursor != "" {
		mark, ok := parseCursor(cursor)
		if !ok {
			return p, invalid("cursor", "is not one of ours; send one back as it was received")
		}
		p.before = mark
	}
	return p, nil
}

// pageSize reads ?limit=.
func (c *call) pageSize() (int, error) {
	limit := c.query("limit")
	if limit == "" {
		return pageSize, nil
	}
	n, err := strconv.Atoi(limit)
	if err != nil || n < 1 {
		return 0, invalid("limit", "must be a whole number from 1 to %d", pageSize)
	}
	return min(n, pageSize), nil
}

// cursorText writes a position; it sorts nowhere and means nothing to a client.
func cursorText(m fsm.Mark) string { return fmt.Sprintf("%x-%x", m.Index, m.Ordinal) }

func parseCursor(text string) (fsm.Mark, bool) {
	index, ordinal, ok := strings.Cut(text, "-")
	i, err1 := strconv.ParseUint(index, 16, 64)
	o, err2 := strconv.ParseUint(ordinal, 16, 32)
	m := fsm.Mark{Index: i, Ordinal: uint32(o)}
	return m, ok && err1 == nil && err2 == nil && m != (fsm.Mark{})
}
