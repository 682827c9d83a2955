package handlers

import (
	"strconv"

	"stoker/fsm"
)

// userLine is a user in a list.
type userLine struct {
	UserID         string `json:"user_id"`
	Plan           string `json:"plan"`
	Credits        int64  `json:"credits"`
	ConcurrentJobs int    `json:"concurrent_jobs"`
	RuleSlots      int    `json:"rule_slots"`
	Revoked        bool   `json:"revoked"`
	CreatedAt      string `json:"created_at"`

	Away fsm.Away `json:"away"` // as in userDetail
}

type userList struct {
	Users []userLine `json:"users"`
	Next  *string    `json:"next_cursor"`
}

// adminUsers lists users by id; ?plan= and ?min_credits= choose. One request looks
// at a bounded number of them: a page may be short, or empty, and go on.
func (s *Server) adminUsers(c *call) (any, error) {
	most, err := c.pageSize()
	if err != nil {
		return nil, err
	}
	var least int64
	if text := c.query("min_credits"); text != "" {
		if least, err = strconv.ParseInt(text, 10, 64); err != nil {
			return nil, invalid("min_credits", "must be a whole number")
		}
	}
	plan, after := c.query("plan"), c.query("cursor")
	if after != "" && !saneName.MatchString(after) {
		return nil, invalid("cursor", "is not one of ours; send one back as it was received")
	}
	v, err := c.view()
	if err != nil {
		return nil, err
	}
	if _, known := v.Settings().Plans[plan]; plan != "" && !known {
		return nil, invalid("plan", "no plan %.80q", plan)
	}
	out, looked, last := userList{Users: []userLine{}}, 0, ""
	for u := range v.Users(plan, after) {
		if len(out.Users) == most || looked == maxSkipped {
			out.Next = &last
			break
		}
		looked++
		if last = u.ID; u.Credits >= least {
			out.Users = append(out.Users, userLineOf(u))
		}
	}
	return out, nil
}

func userLineOf(u fsm.User) userLine {
	return userLine{u.ID, u.Plan, u.Credits, u.ActiveJobs, u.RuleSlots, u.Revoked, stampOf(u.CreatedAt), u.Away}
}
