package handlers

import (
	"time"

	"stoker/fsm"
)

// What follows is the import's body: users and ended jobs as another stack knew them. Times are RFC 3339.
type importUser struct {
	ID         string        `json:"id"`
	Plan       string        `json:"plan"`
	Credits    whole         `json:"credits"`
	DeviceHash string        `json:"device_hash"`
	CreatedAt  time.Time     `json:"created_at"`
	Rules      []importRule  `json:"rules"`
	Opening    whole         `json:"opening"`
	Events     []importEvent `json:"events"`
	From       whole         `json:"from"`
	More       bool          `json:"more"`
}

type importRule struct {
	ID        string                 `json:"id"`
	Name      string                 `json:"name"`
	PresetID  string                 `json:"preset_id"`
	Concepts  map[string]fsm.Concept `json:"concepts"`
	Protect   []string               `json:"protect"`
	CreatedAt time.Time              `json:"created_at"`
	UpdatedAt time.Time              `json:"updated_at"`
}

type importEvent struct {
	ID        string    `json:"id"`
	Type      string    `json:"type"`
	Amount    whole     `json:"amount"`
	Ref       string    `json:"ref"`
	CreatedAt time.Time `json:"created_at"`
}

type importJob struct {
	JobID      string                 `json:"job_id"`
	UserID     string                 `json:"user_id"`
	Status     fsm.Status             `json:"status"`
	Preset     string                 `json:"preset"`
	Price      whole                  `json:"price"`
	RuleID     string                 `json:"rule_id"`
	Template   string                 `json:"output_template"`
	Concepts   map[string]fsm.Concept `json:"concepts"`
	Protect    []string               `json:"protect"`
	CreatedAt  time.Time              `json:"created_at"`
	FinishedAt time.Time              `json:"finished_at"`
	Error      string                 `json:"error"`
	Refund     whole                  `json:"refund"`
	Items      []importItem           `json:"items"`
}

type importItem struct {
	Status  fsm.Status `json:"status"`
	Input   string     `json:"input_key,omitempty"`
	Output  string     `json:"output_key,omitempty"`
	Preview string     `json:"preview_key,omitempty"`
	Error   string     `json:"error,omitempty"`
}

// fate is what became of one of them.
type fate struct {
	ID     string     `json:"id"`
	Result fsm.Result `json:"result"`
	Code   fsm.Code   `json:"code,omitempty"`
	Why    string     `json:"message,omitempty"`
	Next   int        `json:"next"` // of a user that is not whole: events so far
}

// adminImport brings users and ended jobs over, each as a whole or not at all. With
// dry_run it says what would become of them.
func (s *Server) adminImport(c *call) (any, error) {
	var in struct {
		DryRun bool         `json:"dry_run"`
		Users  []importUser `json:"users"`
		Jobs   []importJob  `json:"jobs"`
	}
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	if len(in.Users)+len(in.Jobs) == 0 {
		return nil, invalid("body", "names no user and no job")
	}
	var cmd fsm.Import
	for _, u := range in.Users {
		cmd.Users = append(cmd.Users, u.old())
	}
	for _, j := range in.Jobs {
		cmd.Jobs = append(cmd.Jobs, j.old())
	}
	done, err := s.importOr(c, cmd, in.DryRun)
	if err != nil {
		return nil, err
	}
	return struct {
		DryRun bool   `json:"dry_run"`
		Users  []fate `json:"users"`
		Jobs   []fate `json:"jobs"`
	}{in.DryRun, fates(done.Users), fates(done.Jobs)}, nil
}

func (s *Server) importOr(c *call, cmd fsm.Import, dry bool) (fsm.Imported, error) {
	if !dry {
		return apply(c, cmd)
	}
	v, err := c.view()
	if err != nil {
		return fsm.Imported{}, err
	}
	return v.Rehearse(cmd)
}

func fates(of []fsm.Fate) []fate {
	out := []fate{}
	for _, f := range of {
		out = append(out, fate{f.ID, f.Result, f.Code, f.Why, f.Next})
	}
	return out
}

// nanos is a time as the machine keeps it; one that was not given is before all, and so is what 64 bits of ns do not reach.
func nanos(t time.Time) int64 {
	if t.Year() < 1970 || t.Year() > 2200 {
		return -1
	}
	return t.UnixNano()
}

func (u importUser) old() fsm.OldUser {
	out := fsm.OldUser{
		ID: u.ID, Plan: u.Plan, Credits: int64(u.Credits), DeviceHash: u.DeviceHash, CreatedAt: nanos(u.CreatedAt),
		Opening: int64(u.Opening), From: int(u.From), More: u.More,
	}
	for _, r := range u.Rules {
		out.Rules = append(out.Rules, r.old())
	}
	for _, e := range u.Events {
		out.Events = append(out.Events, fsm.OldEvent{ID: e.ID, Type: e.Type, Amount: int64(e.Amount), Ref: e.Ref, At: nanos(e.CreatedAt)})
	}
	return out
}

func (r importRule) old() fsm.Rule {
	return fsm.Rule{
		ID: r.ID, Name: r.Name, Preset: r.PresetID, Concepts: r.Concepts, Protect: r.Protect,
		CreatedAt: max(nanos(r.CreatedAt), 0), UpdatedAt: max(nanos(r.UpdatedAt), 0),
	}
}

func (j importJob) old() fsm.OldJob {
	out := fsm.OldJob{
		ID: j.JobID, User: j.UserID, Status: j.Status, Preset: j.Preset, Price: int64(j.Price), Rule: j.RuleID, Template: j.Template,
		Concepts: j.Concepts, Protect: j.Protect, CreatedAt: nanos(j.CreatedAt), EndedAt: nanos(j.FinishedAt), Error: j.Error, Refund: int64(j.Refund),
	}
	for _, it := range j.Items {
		out.Items = append(out.Items, fsm.OldItem(it))
	}
	return out
}
