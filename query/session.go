package query

import (
	"context"
	"fmt"

	"stoker/fsm"
	"stoker/store"
)

// session is what the tables of one statement share.
type session struct {
	ctx     context.Context
	view    *fsm.View
	archive Archive
	visited int64               // rows that were looked at
	open    map[source]struct{} // walks under way
	broken  error               // what is wrong with the state, if a row does not decode

	job fsm.Job // the last one that an item asked for
}

// sound does a piece of reading. A row that does not decode ends the statement
// and not the node: the machine and the scrub say so when they meet it.
func (s *session) sound(read func()) (err error) {
	defer func() {
		if p := recover(); p != nil {
			switch p := p.(type) {
			case *store.Corrupt:
				s.broken = p
			case unreadable:
				s.broken = p.err
			default:
				s.broken = fmt.Errorf("query: %v", p)
			}
			err = s.broken
		}
	}()
	read()
	return nil
}

// jobOf gives an item's job; items come in the order of their jobs.
func (s *session) jobOf(id string) fsm.Job {
	if s.job.ID != id {
		s.job, _ = s.view.Job(id)
	}
	return s.job
}

// close ends the walks that a statement left in the middle.
func (s *session) close() {
	for w := range s.open {
		w.close()
	}
	s.open = nil
}
