package handlers

import (
	"time"

	"stoker/fsm"
)

// everything is how the wire names all presets.
const everything = "*"

type queueLine struct {
	Class   string `json:"class"`
	Preset  string `json:"preset"`
	Depth   int    `json:"depth"`    // ready items
	OldestS int    `json:"oldest_s"` // the oldest has waited
}

// adminQueue shows what is ready, and who waits for it.
func (s *Server) adminQueue(c *call) (any, error) {
	v, err := c.view()
	if err != nil {
		return nil, err
	}
	depth, err := s.cfg.Queue.Depth(c)
	if err != nil {
		return nil, err
	}
	lines := []queueLine{}
	for _, l := range v.QueueLines() {
		lines = append(lines, queueLine{l.Class, l.Preset, l.Depth, int(l.Oldest / int64(time.Second))})
	}
	counts := v.Counts()
	return struct {
		Paused  []string    `json:"paused"`
		Classes []queueLine `json:"classes"`
		Waiting int         `json:"waiting_workers"`
		Leases  int         `json:"leases"`
		Grants  float64     `json:"grants_per_s"`
		Dead    int         `json:"dead"`
	}{v.Paused(), lines, depth.Waiters, counts.Live, depth.GrantsPerSecond, counts.Dead}, nil
}

type explanation struct {
	JobID  string     `json:"job_id"`
	Status fsm.Status `json:"status"`
	place
	Ahead     int       `json:"ahead"` // items that are handed out before its first
	Leases    []holding `json:"leases"`
	NextTimer *string   `json:"next_timer"` // when something becomes of it without anybody's doing
}

// holding is who works on items of a job.
type holding struct {
	LeaseID string `json:"lease_id"`
	Worker  string `json:"worker"`
	Items   []int  `json:"items"`
}

// adminJobWhy says what a job waits for.
func (s *Server) adminJobWhy(c *call) (any, error) {
	id, err := c.jobID()
	if err != nil {
		return nil, err
	}
	v, err := c.view()
	if err != nil {
		return nil, err
	}
	e, ok := v.Explain(id)
	if !ok {
		return nil, noJob(id)
	}
	out := explanation{
		JobID: e.Job.ID, Status: e.Job.Status, place: explained(e), Ahead: max(e.Position-1, 0),
		Leases: []holding{}, NextTimer: timerOf(v, e),
	}
	for _, l := range e.Leases {
		out.Leases = append(out.Leases, holding{l.ID(), l.Worker, orNone(l.Held)})
	}
	return out, nil
}

// timerOf is the first of a job's deadlines, on the wall clock, for people.
func timerOf(v *fsm.View, e fsm.Explanation) *string {
	due := e.Timer
	if e.Retry != 0 && (due == 0 || e.Retry < due) {
		due = e.Retry
	}
	if due == 0 {
		return nil
	}
	at := stampOf(v.Wall() + due - v.Clock())
	return &at
}

// pauseQueue stops granting work of a preset, or goes on with it.
func pauseQueue(paused bool) func(*Server, *call) (any, error) {
	return func(_ *Server, c *call) (any, error) {
		var in struct {
			Preset string `json:"preset"`
		}
		if err := c.decode(&in); err != nil {
			return nil, err
		}
		if len(in.Preset) > maxName {
			return nil, invalid("preset", "is too long")
		}
		if in.Preset == everything {
			in.Preset = ""
		}
		a, err := apply(c, fsm.PauseQueue{Preset: in.Preset, Paused: paused})
		if err != nil {
			return nil, err
		}
		return map[string][]string{"paused": a.Paused}, nil
	}
}

// purgeStep is how many jobs one entry of a purge cancels.
const purgeStep = 100

// adminPurge cancels the jobs that have waiting work, entry by entry. It takes no
// Idempotency-Key: its entries would all be the same one, and asked again it
// finds what is left.
func (s *Server) adminPurge(c *call) (any, error) {
	var in struct {
		Preset string `json:"preset"`
		User   string `json:"user"`
	}
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	var wrong flaws
	wrong.unless(len(in.Preset) <= maxName, "preset", "is too long")
	wrong.unless(in.User == "" || saneName.MatchString(in.User), "user", "is no user's id")
	if err := wrong.refusal(); err != nil {
		return nil, err
	}
	c.scope = ""
	for n := 0; ; {
		a, err := apply(c, fsm.PurgeQueue{Preset: in.Preset, User: in.User, Limit: purgeStep})
		if err != nil {
			return nil, err
		}
		if n += a.Jobs; !a.More {
			return map[string]int{"canceled_jobs": n}, nil
		}
	}
}
