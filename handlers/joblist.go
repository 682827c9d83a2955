package handlers

import (
	"slices"

	"stoker/fsm"
)

// statuses are what a job may be, for the filter of the list.
var statuses = []fsm.Status{fsm.Created, fsm.Uploaded, fsm.Queued, fsm.Running, fsm.Done, fsm.Failed, fsm.Canceled}

// maxSkipped bounds how many jobs of another status one request looks at. The
// cursor lets the client go on from there.
const maxSkipped = 5000

type jobLine struct {
	JobID     string     `json:"job_id"`
	Status    fsm.Status `json:"status"`
	Preset    string     `json:"preset"`
	CreatedAt string     `json:"created_at"`
	Progress  progress   `json:"progress"`
}

type progress struct {
	Done   int `json:"done"`
	Failed int `json:"failed"`
	Total  int `json:"total"`
}

// listJobs lists the caller's jobs, newest first. The next page's cursor is in a
// header, since the contract's answer is a bare list.
func (s *Server) listJobs(c *call) (any, error) {
	page, err := c.page()
	if err != nil {
		return nil, err
	}
	only := fsm.Status(c.query("status"))
	if only != "" && !slices.Contains(statuses, only) {
		return nil, invalid("status", "must be one of %v", statuses)
	}
	v, err := c.view()
	if err != nil {
		return nil, err
	}
	out, last, skipped := []jobLine{}, fsm.Mark{}, 0
	for j := range v.Jobs(c.user, page.before) {
		if len(out) == page.size || skipped == maxSkipped {
			c.http.Response.Header.Set(headerCursor, cursorText(last))
			break
		}
		last = fsm.Mark{Index: j.Index, Ordinal: j.Ordinal}
		if only != "" && j.Status != only {
			skipped++
			continue
		}
		out = append(out, jobLine{
			JobID: j.ID, Status: j.Status, Preset: j.Preset, CreatedAt: stampOf(j.CreatedAt),
			Progress: progress{j.Done, j.Failed, j.Total},
		})
	}
	return out, nil
}
