package handlers

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"stoker/fsm"
)

// move is a user's move between two cells as one of them knows it.
type move struct {
	User    string        `json:"user_id"`
	State   fsm.MoveState `json:"state"` // leaving, left; arriving, settled; undone
	Out     bool          `json:"out"`   // from this cell
	Cell    string        `json:"cell"`  // the other one
	Move    string        `json:"move"`  // its number
	At      string        `json:"at"`    // of the last step
	Credits int64         `json:"credits"`
	Entries int           `json:"entries"` // of the ledger
	Revoked bool          `json:"revoked"`
}

func moveOf(m fsm.CellMove) move {
	return move{m.User, m.State, m.Out, m.Cell, numberText(m.Epoch, m.Index), stampOf(m.At), m.Credits, m.Entries, m.Revoked}
}

// numberText is a move's number as clients carry it.
func numberText(epoch, index uint64) string { return fmt.Sprintf("%x-%x", epoch, index) }

func parseNumber(text string) (epoch, index uint64, err error) {
	e, i, ok := strings.Cut(text, "-")
	epoch, err1 := strconv.ParseUint(e, 16, 64)
	index, err2 := strconv.ParseUint(i, 16, 64)
	if !ok || err1 != nil || err2 != nil {
		return 0, 0, invalid("move", "is no number of a move; send one back as it was received")
	}
	return epoch, index, nil
}

// movePart is a part of a user that leaves: what one cell answers is what the other takes.
type movePart struct {
	From string `json:"from"` // the cluster that it leaves
	To   string `json:"to"`
	Move string `json:"move"`

	Head    *moveHead   `json:"head,omitempty"`
	Behind  whole       `json:"behind"` // rows of the ledger before these
	Entries []moveEntry `json:"entries,omitempty"`
	Jobs    []importJob `json:"jobs,omitempty"`
}

type moveHead struct {
	Plan       string       `json:"plan"`
	DeviceHash string       `json:"device_hash"`
	CreatedAt  time.Time    `json:"created_at"`
	Rules      []importRule `json:"rules,omitempty"`
	Entries    whole        `json:"entries"` // of its ledger
}

// moveEntry is a row of the ledger.
type moveEntry struct {
	ID        string    `json:"id"`
	Type      string    `json:"type"`
	Amount    whole     `json:"amount"`
	Ref       string    `json:"ref,omitempty"`
	By        string    `json:"by,omitempty"`
	CreatedAt time.Time `json:"created_at"`
}

// adminLeave begins a move of a user to another cell, or takes it back.
func (s *Server) adminLeave(c *call) (any, error) {
	var in struct {
		To   string `json:"to"`
		Back bool   `json:"back"`
	}
	id, err := c.userID()
	if err != nil {
		return nil, err
	}
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	return answerMove(apply(c, fsm.LeaveUser{User: id, To: in.To, Back: in.Back}))
}

// adminDeparture gives the next part of a user that leaves. ?behind= says how much of the ledger the other cell has.
func (s *Server) adminDeparture(c *call) (any, error) {
	id, err := c.userID()
	if err != nil {
		return nil, err
	}
	at, err := waypoint(c.query("cursor"), c.query("behind"))
	if err != nil {
		return nil, err
	}
	v, err := c.view()
	if err != nil {
		return nil, err
	}
	part, next, last, err := v.Departing(id, at, s.archive.Stretch)
	if err != nil {
		return nil, fromArchive(err)
	}
	out := struct {
		Part movePart `json:"part"`
		Next *string  `json:"next_cursor"`
	}{Part: partOf(part)}
	if !last {
		text := waypointText(next)
		out.Next = &text
	}
	return out, nil
}

// The stages of a departure, as its cursor names them.
const (
	stageLedger = "ledger"
	stageJobs   = "jobs"
)

func waypointText(w fsm.Waypoint) string {
	stage := stageLedger
	if w.Jobs {
		stage = stageJobs
	}
	return fmt.Sprintf("%s_%d_%s", stage, w.Behind, cursorText(w.After))
}

func waypoint(cursor, behind string) (w fsm.Waypoint, err error) {
	wrong := invalid("cursor", "is not one of ours; send one back as it was received")
	if cursor != "" {
		f := strings.Split(cursor, "_")
		if len(f) != 3 || f[0] != stageLedger && f[0] != stageJobs {
			return w, wrong
		}
		w.Begun, w.Jobs = true, f[0] == stageJobs
		n, err := strconv.ParseUint(f[1], 10, 31)
		mark, ok := parseCursor(f[2])
		if err != nil || !ok && f[2] != cursorText(fsm.Mark{}) {
			return w, wrong
		}
		w.Behind, w.After = int(n), mark
	}
	if behind != "" && w.After == (fsm.Mark{}) {
		n, err := strconv.ParseUint(behind, 10, 31)
		if err != nil {
			return w, invalid("behind", "must be a number of rows")
		}
		w.Behind = int(n)
	}
	return w, nil
}

// moveStep reads a step's user and body, in which move is then the move's number.
func (c *call) moveStep(in any, move *string) (user string, epoch, index uint64, err error) {
	if user, err = c.userID(); err != nil {
		return user, 0, 0, err
	}
	if err = c.decode(in); err != nil {
		return user, 0, 0, err
	}
	epoch, index, err = parseNumber(*move)
	return user, epoch, index, err
}

// adminArrive takes a part of a user that comes from another cell.
func (s *Server) adminArrive(c *call) (any, error) {
	var in movePart
	id, err := c.userID()
	if err != nil {
		return nil, err
	}
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	cmd, err := in.arrive(id)
	if err != nil {
		return nil, err
	}
	return answerMove(apply(c, cmd))
}

// adminLeft decides a move, in the cell that the user leaves.
func (s *Server) adminLeft(c *call) (any, error) {
	var in struct {
		Move    string `json:"move"`
		Entries whole  `json:"entries"`
		Credits whole  `json:"credits"`
	}
	id, epoch, index, err := c.moveStep(&in, &in.Move)
	if err != nil {
		return nil, err
	}
	return answerMove(apply(c, fsm.LeftUser{User: id, Epoch: epoch, Index: index, Entries: int(in.Entries), Credits: int64(in.Credits)}))
}

// adminSettle ends a move, in the cell that the user comes to.
func (s *Server) adminSettle(c *call) (any, error) {
	var in struct {
		From    string `json:"from"`
		Move    string `json:"move"`
		Entries whole  `json:"entries"`
		Credits whole  `json:"credits"`
		Revoked bool   `json:"revoked"`
		Back    bool   `json:"back"`
	}
	id, epoch, index, err := c.moveStep(&in, &in.Move)
	if err != nil {
		return nil, err
	}
	return answerMove(apply(c, fsm.SettleUser{
		User: id, From: in.From, Epoch: epoch, Index: index, Entries: int(in.Entries), Credits: int64(in.Credits), Revoked: in.Revoked, Back: in.Back,
	}))
}

func answerMove(m fsm.CellMove, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	return moveOf(m), nil
}

func (p movePart) arrive(user string) (fsm.ArriveUser, error) {
	epoch, index, err := parseNumber(p.Move)
	out := fsm.ArriveUser{User: user, From: p.From, To: p.To, Epoch: epoch, Index: index, Behind: int(p.Behind)}
	if h := p.Head; h != nil {
		out.Head = &fsm.Arrival{Plan: h.Plan, DeviceHash: h.DeviceHash, CreatedAt: nanos(h.CreatedAt), Entries: int(h.Entries)}
		for _, r := range h.Rules {
			out.Head.Rules = append(out.Head.Rules, r.old())
		}
	}
	for _, e := range p.Entries {
		out.Entries = append(out.Entries, fsm.MovedRow{Type: e.Type, Amount: int64(e.Amount), Ref: e.Ref, At: nanos(e.CreatedAt), By: e.By, Old: e.ID})
	}
	for _, j := range p.Jobs {
		out.Jobs = append(out.Jobs, j.old())
	}
	return out, err
}

func partOf(c fsm.ArriveUser) movePart {
	out := movePart{From: c.From, To: c.To, Move: numberText(c.Epoch, c.Index), Behind: whole(c.Behind)}
	if h := c.Head; h != nil {
		out.Head = &moveHead{Plan: h.Plan, DeviceHash: h.DeviceHash, CreatedAt: timeOf(h.CreatedAt), Entries: whole(h.Entries)}
		for _, r := range h.Rules {
			out.Head.Rules = append(out.Head.Rules, importRule{r.ID, r.Name, r.Preset, r.Concepts, r.Protect, timeOf(r.CreatedAt), timeOf(r.UpdatedAt)})
		}
	}
	for _, e := range c.Entries {
		out.Entries = append(out.Entries, moveEntry{e.Old, e.Type, whole(e.Amount), e.Ref, e.By, timeOf(e.At)})
	}
	for _, j := range c.Jobs {
		old := importJob{
			JobID: j.ID, UserID: j.User, Status: j.Status, Preset: j.Preset, Price: whole(j.Price), RuleID: j.Rule, Template: j.Template,
			Concepts: j.Concepts, Protect: j.Protect, CreatedAt: timeOf(j.CreatedAt), FinishedAt: timeOf(j.EndedAt), Error: j.Error,
		}
		for _, it := range j.Items {
			old.Items = append(old.Items, importItem(it))
		}
		out.Jobs = append(out.Jobs, old)
	}
	return out
}

func timeOf(ns int64) time.Time { return time.Unix(0, ns).UTC() }
