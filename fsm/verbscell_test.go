package fsm

import (
	"fmt"
	"maps"
	"strconv"
	"strings"
)

func init() {
	maps.Copy(verbs, map[string]verb{"leave": leaveVerb, "arrive": arriveVerb, "left": leftVerb, "settle": settleVerb})
	maps.Copy(shows, map[string]func(*View, words) (string, error){"show-whereabouts": showWhereabouts, "show-departing": showDeparting})
}

// leave user=u to=east, or back.
func leaveVerb(_ *stage, w words) ([]act, error) {
	return single(does(LeaveUser{User: w["user"], To: w["to"], Back: w.has("back")}, tellMove), nil)
}

// number reads the numbers that a move has, 0 for one that is not there.
func (w words) numbers(keys ...string) ([]int64, error) {
	out := make([]int64, len(keys))
	for i, key := range keys {
		var err error
		if out[i], err = w.integer(key, 0); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// arrive user=u cell=east index=7 plan=pro device=d rules=1 total=2: the head. behind=0 entries=grant:10,debit:-3 and jobs=j1:done,j2:failed: what follows it.
func arriveVerb(_ *stage, w words) ([]act, error) {
	n, err := w.numbers("index", "behind", "rules", "total")
	if err != nil {
		return nil, err
	}
	c := ArriveUser{User: w["user"], From: w["cell"], To: "c1", Epoch: 1, Index: uint64(n[0]), Behind: int(n[1])}
	if w.has("to") {
		c.To = w["to"]
	}
	if w.has("plan") {
		c.Head = &Arrival{Plan: w["plan"], DeviceHash: w["device"], CreatedAt: summer - hour, Entries: int(n[3])}
		for i := range n[2] {
			c.Head.Rules = append(c.Head.Rules, Rule{ID: "r" + strconv.Itoa(int(i)), Name: "White", Preset: "interior", Concepts: walls})
		}
	}
	for i, e := range w.list("entries") {
		typ, amount, _ := strings.Cut(e, ":")
		credits, err := strconv.ParseInt(amount, 10, 64)
		if err != nil {
			return nil, err
		}
		c.Entries = append(c.Entries, MovedRow{Type: typ, Amount: credits, At: summer - hour + int64(i)*second, By: "there", Old: fmt.Sprintf("l_%d", c.Behind+i)})
	}
	for _, j := range w.list("jobs") {
		id, status, _ := strings.Cut(j, ":")
		c.Jobs = append(c.Jobs, OldJob{ID: id, User: c.User, Status: Status(status), Preset: "interior", Price: 1, CreatedAt: summer - hour, EndedAt: summer, Items: []OldItem{{Status: Status(status)}}})
	}
	return single(does(c, tellMove), nil)
}

func leftVerb(_ *stage, w words) ([]act, error) {
	n, err := w.numbers("index", "entries", "credits")
	if err != nil {
		return nil, err
	}
	return single(does(LeftUser{User: w["user"], Epoch: 1, Index: uint64(n[0]), Entries: int(n[1]), Credits: n[2]}, tellMove), nil)
}

func settleVerb(_ *stage, w words) ([]act, error) {
	n, err := w.numbers("index", "entries", "credits")
	if err != nil {
		return nil, err
	}
	return single(does(SettleUser{
		User: w["user"], From: w["cell"], Epoch: 1, Index: uint64(n[0]), Entries: int(n[1]), Credits: n[2], Revoked: w.has("revoked"), Back: w.has("back"),
	}, tellMove), nil)
}

func tellMove(m CellMove) string {
	way := "from"
	if m.Out {
		way = "to"
	}
	s := fmt.Sprintf("%s %s cell %s, move %d: %d rows, %d credits", m.State, way, m.Cell, m.Index, m.Entries, m.Credits)
	if m.Revoked {
		s += ", revoked"
	}
	return s
}

func showWhereabouts(v *View, w words) (string, error) {
	u, ok := v.User(w["user"])
	if !ok {
		return "", fmt.Errorf("no such user")
	}
	s := fmt.Sprintf("%s plan=%s credits=%d jobs=%d rules=%d", u.ID, u.Plan, u.Credits, u.ActiveJobs, u.RuleSlots)
	if u.Revoked {
		s += " revoked"
	}
	if u.Away != "" {
		s += " " + string(u.Away)
	}
	c, err := v.Check()
	return fmt.Sprintf("%s; %d credits are here", s, c.Credits), err
}

// show-departing user=u: all that leaves.
func showDeparting(v *View, w words) (string, error) {
	var out []string
	var at Waypoint
	for last := false; !last; {
		var part ArriveUser
		var err error
		if part, at, last, err = v.Departing(w["user"], at, filedStretch); err != nil {
			if r, ok := err.(*Refusal); ok {
				return refusal(r), nil
			}
			return "", err
		}
		if h := part.Head; h != nil {
			out = append(out, fmt.Sprintf("%s of cell %s to %s, move %d: plan=%s device=%s rules=%d rows=%d", part.User, part.From, part.To, part.Index, h.Plan, h.DeviceHash, len(h.Rules), h.Entries))
		}
		for i, e := range part.Entries {
			out = append(out, fmt.Sprintf("%d: %s %+d", part.Behind+i, e.Type, e.Amount))
		}
		for _, j := range part.Jobs {
			out = append(out, fmt.Sprintf("%s %s of %d", j.ID, j.Status, len(j.Items)))
		}
	}
	return strings.Join(out, "\n"), nil
}
