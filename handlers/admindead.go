package handlers

import (
	"strconv"
	"strings"

	"stoker/fsm"
)

// deadLetter is an item that failed more often than it may.
type deadLetter struct {
	JobID  string   `json:"job_id"`
	Idx    int      `json:"idx"`
	User   string   `json:"user"`
	Preset string   `json:"preset"`
	Reason string   `json:"reason"`
	Errors []string `json:"errors"` // the last five, with their workers
	At     string   `json:"at"`
}

type deadPage struct {
	Dead []deadLetter `json:"dead"`
	Next *string      `json:"next_cursor"`
}

// adminDead lists dead items.
func (s *Server) adminDead(c *call) (any, error) {
	size, err := c.pageSize()
	if err != nil {
		return nil, err
	}
	job, idx, err := c.deadCursor()
	if err != nil {
		return nil, err
	}
	v, err := c.view()
	if err != nil {
		return nil, err
	}
	out := deadPage{Dead: []deadLetter{}}
	for _, d := range v.DeadLetters(job, idx, size+1) {
		if len(out.Dead) == size {
			last := out.Dead[size-1]
			next := last.JobID + ":" + strconv.Itoa(last.Idx)
			out.Next = &next
			break
		}
		out.Dead = append(out.Dead, deadLetter{d.Job, d.Idx, d.User, d.Preset, d.Reason, orNone(d.Errors), stampOf(d.At)})
	}
	return out, nil
}

// deadCursor reads ?cursor=: the letter behind which the list goes on.
func (c *call) deadCursor() (job string, idx int, err error) {
	cursor := c.query("cursor")
	if cursor == "" {
		return "", 0, nil
	}
	job, number, _ := strings.Cut(cursor, ":")
	n, err := strconv.ParseUint(number, 10, 31)
	if err != nil || !saneName.MatchString(job) {
		return "", 0, invalid("cursor", "is not one of ours; send one back as it was received")
	}
	return job, int(n), nil
}

// adminKick gives dead items of a job another chance, in a new job.
func (s *Server) adminKick(c *call) (any, error) {
	var in struct {
		JobID string `json:"job_id"`
		Idx   *whole `json:"idx"`
	}
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	idx := orElse(in.Idx, -1) // every one of them
	var wrong flaws
	wrong.unless(in.JobID != "", "job_id", "is required")
	wrong.unless(in.Idx == nil || saneIdx(idx), "idx", "is no item")
	if err := wrong.refusal(); err != nil {
		return nil, err
	}
	if !saneName.MatchString(in.JobID) {
		return nil, noJob(in.JobID)
	}
	if err := s.inputsHere(); err != nil {
		return nil, err
	}
	j, err := apply(c, fsm.KickDead{Job: in.JobID, Idx: int(idx), NewJob: newID("j_")})
	if err != nil {
		return nil, err
	}
	return map[string]string{"job_id": j.ID}, nil
}
