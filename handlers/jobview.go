package handlers

import "stoker/fsm"

type createdJob struct {
	JobID     string     `json:"job_id"`
	Status    fsm.Status `json:"status"`
	Uploads   []upload   `json:"presigned_urls"`
	Confirm   string     `json:"confirm_url"`
	ExpiresAt string     `json:"expires_at"`
}

// createdJobOf renders a job that was just opened, with its URLs signed now.
func createdJobOf(l links, j fsm.Job) (any, error) {
	urls, err := l.uploads(j)
	if err != nil {
		return nil, err
	}
	return createdJob{
		JobID: j.ID, Status: j.Status, Uploads: urls,
		Confirm:   l.to("/jobs/" + j.ID + "/confirm-upload"),
		ExpiresAt: stampOf(uploadsUntil(j)),
	}, nil
}

// job is a job with its items, as its owner sees it.
type job struct {
	JobID       string     `json:"job_id"`
	UserID      string     `json:"user_id"`
	Status      fsm.Status `json:"status"`
	Preset      string     `json:"preset"`
	TotalItems  int        `json:"total_items"`
	DoneItems   int        `json:"done_items"`
	FailedItems int        `json:"failed_items"`
	Items       []item     `json:"items"`
	Downloads   []download `json:"download_urls"`
	Uploads     []upload   `json:"presigned_urls,omitempty"` // while created
	RetryOf     string     `json:"retry_of,omitempty"`       // the job whose dead items it tries again
	AutoConfirm bool       `json:"auto_confirm,omitempty"`   // its last upload confirms it
	AutoExecute bool       `json:"auto_execute,omitempty"`   // and queues it
	Queue       *place     `json:"queue,omitempty"`          // while something of it waits for a worker
	CreatedAt   string     `json:"created_at"`
	UpdatedAt   string     `json:"updated_at"`
}

type shownJob struct {
	Job job `json:"job"`
}

type item struct {
	Idx    int        `json:"idx"`
	Status fsm.Status `json:"status"`
	Error  string     `json:"error,omitempty"`
}

func jobOf(l links, j jobAt) (job, error) {
	out := job{
		JobID: j.ID, UserID: j.User, Status: j.Status, Preset: j.Preset,
		TotalItems: j.Total, DoneItems: j.Done, FailedItems: j.Failed,
		Items: []item{}, Downloads: []download{},
		AutoConfirm: j.AutoConfirm, AutoExecute: j.Auto != nil,
		RetryOf: j.RetryOf, Queue: placeOf(j.view, j.Job),
		CreatedAt: stampOf(j.CreatedAt), UpdatedAt: stampOf(j.UpdatedAt),
	}
	for _, it := range j.items() {
		out.Items = append(out.Items, item{it.Idx, it.Status, it.Error})
		if it.Status != fsm.Done {
			continue
		}
		d, err := l.download(it)
		if err != nil {
			return out, err
		}
		out.Downloads = append(out.Downloads, d)
	}
	if j.Status == fsm.Created {
		urls, err := l.uploads(j.Job)
		if err != nil {
			return out, err
		}
		out.Uploads = urls
	}
	return out, nil
}

// transition is one line of a job's history.
type transition struct {
	Index   uint64     `json:"index"`   // the log's entry
	Ordinal uint32     `json:"ordinal"` // within it
	At      string     `json:"at"`
	Item    *int       `json:"item"` // null: the job itself
	From    fsm.Status `json:"from"` // "": it began
	To      fsm.Status `json:"to"`
	By      string     `json:"by"`
	Detail  string     `json:"detail"`
}

func transitionOf(e fsm.Event) transition {
	return transition{
		Index: e.Index, Ordinal: e.Ordinal, At: stampOf(e.At), Item: e.Item,
		From: e.From, To: e.To, By: e.By, Detail: e.Detail,
	}
}
