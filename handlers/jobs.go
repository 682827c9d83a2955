package handlers

import "stoker/fsm"

// createJob debits the items and says where to upload them.
func (s *Server) createJob(c *call) (any, error) {
	var in struct {
		Preset      *string    `json:"preset"`
		ItemCount   *whole     `json:"item_count"`
		AutoConfirm bool       `json:"auto_confirm"`
		AutoExecute *execution `json:"auto_execute"`
	}
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	var wrong flaws
	wrong.unless(in.Preset != nil, "preset", "is required")
	wrong.unless(in.ItemCount != nil, "item_count", "is required")
	if in.Preset != nil {
		wrong.unless(len(*in.Preset) <= maxName, "preset", "is too long")
	}
	if err := wrong.refusal(); err != nil {
		return nil, err
	}
	create := fsm.CreateJob{
		User: c.user, ID: newID("j_"), Preset: *in.Preset, Items: int64(*in.ItemCount), AutoConfirm: in.AutoConfirm,
	}
	if what := in.AutoExecute; what != nil {
		if err := what.check("auto_execute."); err != nil {
			return nil, err
		}
		create.AutoExecute = &fsm.Execution{Concepts: what.Concepts, Protect: what.Protect, Rule: what.RuleID, Template: what.OutputTemplate}
	}
	if s.cfg.Objects.Outside() != nil && (create.AutoConfirm || create.AutoExecute != nil) {
		return nil, invalid("auto_confirm", "pictures are uploaded to a store outside, which tells nobody when they are there: confirm and execute the job")
	}
	// Nodes of an older version may apply what is proposed here until the level says otherwise.
	if level := c.local().Level(); level < 3 && (create.AutoConfirm || create.AutoExecute != nil) {
		return nil, fsm.AutoTooEarly(level)
	}
	j, err := apply(c, create)
	if err != nil {
		return nil, err
	}
	return createdJobOf(c.links(), j)
}

// confirmUpload says that all pictures are there.
func (s *Server) confirmUpload(c *call) (any, error) {
	id, err := c.jobID()
	if err != nil {
		return nil, err
	}
	var j fsm.Job
	if outside := s.cfg.Objects.Outside(); outside != nil {
		j, err = c.confirmOutside(outside, id)
	} else {
		j, err = apply(c, fsm.ConfirmUpload{User: c.user, Job: id})
	}
	if err != nil {
		return nil, err
	}
	return map[string]any{"confirmed": true, "status": j.Status}, nil
}

// execution is what to do with a job's pictures. A rule wins over inline values.
type execution struct {
	Concepts       map[string]fsm.Concept `json:"concepts"`
	Protect        []string               `json:"protect"`
	RuleID         string                 `json:"rule_id"`
	OutputTemplate string                 `json:"output_template"`
}

// check looks at the shape; within names the field that the values stand in.
func (in *execution) check(within string) error {
	if in.RuleID != "" && !saneName.MatchString(in.RuleID) {
		return noRule(in.RuleID)
	}
	var wrong flaws
	wrong.unless(len(in.OutputTemplate) <= 4*maxName, "output_template", "is too long")
	checkConcepts(&wrong, in.Concepts, in.Protect)
	for i := range wrong {
		wrong[i].Field = within + wrong[i].Field
	}
	return wrong.refusal()
}

// executeJob queues the items with the concepts given, or with those of a rule.
func (s *Server) executeJob(c *call) (any, error) {
	id, err := c.jobID()
	if err != nil {
		return nil, err
	}
	var in execution
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	if err := in.check(""); err != nil {
		return nil, err
	}
	j, err := apply(c, fsm.ExecuteJob{
		User: c.user, Job: id, Concepts: in.Concepts, Protect: in.Protect,
		Rule: in.RuleID, Template: in.OutputTemplate,
	})
	if err != nil {
		return nil, err
	}
	return map[string]any{"queued": true, "status": j.Status}, nil
}

// cancelJob ends a job at once and refunds what was not done.
func (s *Server) cancelJob(c *call) (any, error) {
	id, err := c.jobID()
	if err != nil {
		return nil, err
	}
	if _, err := apply(c, fsm.CancelJob{User: c.user, Job: id}); err != nil {
		return nil, err
	}
	return map[string]any{"canceled": true}, nil
}

// showJob shows one of the caller's jobs.
func (s *Server) showJob(c *call) (any, error) {
	j, err := c.ownJob()
	if err != nil {
		return nil, err
	}
	job, err := jobOf(c.links(), j)
	if err != nil {
		return nil, err
	}
	return shownJob{job}, nil
}

// history lists every transition that a job and its items ever made.
func (s *Server) history(c *call) (any, error) {
	j, err := c.ownJob()
	if err != nil {
		return nil, err
	}
	out := struct {
		Events []transition `json:"events"`
	}{[]transition{}}
	for e := range j.steps() {
		out.Events = append(out.Events, transitionOf(e))
	}
	return out, nil
}

// jobID reads the path's id. What cannot be one is not found.
func (c *call) jobID() (string, error) {
	id := c.param("id")
	if !saneName.MatchString(id) {
		return "", noJob(id)
	}
	return id, nil
}

func noJob(id string) error { return fsm.Refuse(fsm.JobNotFound, "no job %.80q", id) }
