package handlers

import (
	"errors"
	"iter"
	"slices"

	"stoker/archive"
	"stoker/fsm"
)

// jobAt is a job with where its rows are: in a view of the state, or in the archive.
type jobAt struct {
	fsm.Job
	view *fsm.View
	past *fsm.ArchivedJob // nil: it is in the state
}

// anyJob finds the path's job, whoever's it is.
func (c *call) anyJob() (jobAt, error) {
	j, err := c.find(func(string) bool { return true })
	return j, fromArchive(err)
}

// ownJob finds the path's job in the state that the client asked for. Somebody
// else's is not found.
func (c *call) ownJob() (jobAt, error) {
	j, err := c.find(func(owner string) bool { return owner == c.user })
	return j, c.hushed(err)
}

// hushed is fromArchive for users of the app: which segment it is is the operator's
// business.
func (c *call) hushed(err error) error {
	var unreadable *archive.Unreadable
	if errors.As(err, &unreadable) {
		c.s.log.Warn("a record of the archive could not be read", keyRequest, c.id, keyError, unreadable)
		return fsm.Refuse(fsm.Unavailable, "the record cannot be read at the moment; try again later")
	}
	return err
}

// find looks in the state and then in the archive. Whose an archived job is stands
// in the state: a stranger's guess opens no file.
func (c *call) find(mine func(owner string) bool) (jobAt, error) {
	id, err := c.jobID()
	if err != nil {
		return jobAt{}, err
	}
	v, err := c.view()
	if err != nil {
		return jobAt{}, err
	}
	if j, ok := v.Job(id); ok {
		if !mine(j.User) {
			return jobAt{}, noJob(id)
		}
		return jobAt{Job: j, view: v}, nil
	}
	if _, owner, ok := v.Archived(id); !ok || !mine(owner) {
		return jobAt{}, noJob(id)
	}
	past, _, err := c.s.archive.Job(v, id)
	if err != nil {
		return jobAt{}, err
	}
	return jobAt{past.Job, v, &past}, nil
}

// fromArchive makes a refusal of a segment that cannot be read.
func fromArchive(err error) error {
	var unreadable *archive.Unreadable
	if errors.As(err, &unreadable) {
		return fsm.Refuse(fsm.Unavailable, "%s", unreadable)
	}
	return err
}

func (j jobAt) items() []fsm.Item {
	if j.past != nil {
		return j.past.Items
	}
	return j.view.Items(j.ID)
}

// steps gives the transitions of the job and its items, in order.
func (j jobAt) steps() iter.Seq[fsm.Event] {
	if j.past != nil {
		return slices.Values(j.past.Steps)
	}
	return j.view.History(j.ID, fsm.Mark{})
}

// archivedAt says that a job was read from the archive.
type archivedAt struct {
	Segment uint64 `json:"segment"`
	Key     string `json:"key"` // of the segment's object
	At      string `json:"at"`  // when the first job of the segment left the state
}

func (j jobAt) archived() *archivedAt {
	if j.past == nil {
		return nil
	}
	s := j.past.Segment
	return &archivedAt{s.Number, fsm.ArchiveBucket + "/" + s.Key, stampOf(s.At)}
}
