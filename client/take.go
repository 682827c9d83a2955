package client

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// drainedPace is how often a worker that shall take nothing asks whether it may again.
const drainedPace = 5 * time.Second

// take polls while there are idle slots, until ctx ends or the cluster refuses.
func (s *shift) take(ctx, life context.Context) error {
	early := fullJitter()
	for {
		n := s.idleSlots(ctx)
		if n == 0 {
			return nil
		}
		began := time.Now()
		grant, err := s.poll(ctx, life, n)
		if err != nil {
			return fmt.Errorf("worker %s: %w", s.worker.ID, err)
		}
		used := 0
		if grant != nil {
			used = len(grant.Items)
			s.start(life, grant)
		}
		for range n - used {
			s.vacate()
		}
		switch {
		case grant != nil || time.Since(began) >= time.Second:
			early.Reset()
		case s.standing.drained():
			s.rest(ctx, drainedPace)
		default: // a node that is leaving answers what is parked
			s.rest(ctx, early.NextBackOff())
		}
	}
}

// idleSlots waits for a slot and takes all that are idle; 0 means that ctx ended.
func (s *shift) idleSlots(ctx context.Context) (n int) {
	select {
	case <-s.free:
		n = 1
	case <-ctx.Done():
		return 0
	}
	for n < mostItems {
		select {
		case <-s.free:
			n++
		default:
			if ctx.Err() != nil { // both were ready; do not ask for work only to give it back
				return 0
			}
			return n
		}
	}
	return n
}

// poll parks one poll until it is answered, however many attempts and nodes that takes: all carry one poll_id, so a grant whose
// answer was lost comes again instead of a second one. No grant and no error means there was no work.
func (s *shift) poll(ctx, life context.Context, slots int) (*Grant, error) {
	p := Poll{
		WorkerID: s.worker.ID, Presets: s.worker.Presets, MaxItems: slots, FreeSlots: slots, PollID: rand.Text(),
		Loaded: s.loaded(), Held: s.keeper.ids(),
	}
	pace := fullJitter()
	sent := false
	for {
		err := s.open(ctx)
		var answer Polled
		if err == nil {
			p.SessionID, p.WaitS, sent = s.pass.session(), s.wait(), true
			answer, err = s.queue.Poll(ctx, p)
		}
		var refused *Error
		switch {
		case err == nil:
			s.keeper.lose(answer.Lost)
			s.standing.obey(answer.Directive)
			if answer.Grant == nil {
				s.log.Debug("no work", "skipped", answer.Skipped)
			}
			return answer.Grant, nil
		case ctx.Err() != nil:
			if sent {
				s.sweep(life, p)
			}
			return nil, nil
		case p.SessionID != "" && errors.As(err, &refused) && refused.Status == http.StatusNotFound:
			s.log.Warn("the cluster does not know the session any more", "err", err)
			s.pass.forget()
		case errors.As(err, &refused) && refused.Status < 500 && refused.Code != CodeRateLimited:
			return nil, err
		default:
			s.log.Warn("no node answers the poll", "err", err)
		}
		s.rest(ctx, pace.NextBackOff())
	}
}

// open sees to the session, unless it must not be disturbed: to a cluster that had none of this worker a new one is a new boot, and
// it would take back what is in work.
func (s *shift) open(ctx context.Context) error {
	if s.pass.session() != "" || len(s.keeper.held()) > 0 {
		return nil
	}
	opened, err := s.pass.open(ctx)
	if err != nil || opened == nil {
		return err
	}
	if opened.LeaseTTLS > 0 {
		s.keeper.setTTL(time.Duration(opened.LeaseTTLS) * time.Second)
	}
	s.standing.obey(opened.Directive)
	return ctx.Err() // told to exit
}

// wait is how long a poll is parked, in seconds.
func (s *shift) wait() int {
	if s.worker.Wait > 0 {
		return int(s.worker.Wait / time.Second)
	}
	return s.pass.pollWait()
}

// sweep collects the grant that may have been on its way when the poll was broken off, and gives it back at once; else nobody
// works on it until the cluster notices that it was never confirmed.
func (s *shift) sweep(life context.Context, p Poll) {
	ctx, cancel := context.WithTimeout(life, lastWords)
	defer cancel()
	p.WaitS = 0
	grant, err := s.queue.Lease(ctx, p)
	if err != nil {
		s.log.Warn("the last poll's outcome is unknown", "err", err)
		return
	}
	if grant != nil {
		newLease(s.queue, grant, nil, s.log).release(ctx, Release{Reason: "drain"})
	}
}

func (s *shift) rest(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}
