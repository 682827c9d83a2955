package client

import (
	"log/slog"
	"sync"
	"time"
)

// standing is what the cluster wants of this worker, as it last said, by whichever answer.
type standing struct {
	log      *slog.Logger
	grace    time.Duration // of items in work when a drain begins
	giveBack func()        // what is in work
	leave    func()        // ends the taking, and with it the run

	mu    sync.Mutex
	now   Directive
	timer *time.Timer // of the grace
}

// obey takes a directive and reports whether it is another one. None at all is an older cluster's, and changes nothing.
func (s *standing) obey(d Directive) (changed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if d == "" || d == s.now || (s.now == "" && d == DirectiveRun) {
		return false
	}
	s.now = d
	s.log.Info("the cluster has a directive", "directive", d)
	s.still()
	switch d {
	case DirectiveDrain:
		s.timer = time.AfterFunc(s.grace, s.giveBack)
	case DirectiveExit:
		s.leave()
	}
	return true
}

// drained reports whether the cluster wants nothing taken.
func (s *standing) drained() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now == DirectiveDrain || s.now == DirectiveExit
}

// stop forgets a drain's grace: nothing is left to give back.
func (s *standing) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.still()
}

func (s *standing) still() {
	if s.timer != nil {
		s.timer.Stop()
	}
}
