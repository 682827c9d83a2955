package client

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// lastWords is how long a worker that must go tries to deliver what it owes: releases, and results already made.
const lastWords = 10 * time.Second

// mostItems is the largest max_items that the contract allows.
const mostItems = 64

// Worker takes pictures from the queue and hands them to Handle, Slots at a time.
type Worker struct {
	Cluster Cluster  // with its WorkerToken
	ID      string   // names this worker to the cluster; unique among workers
	Presets []string // what it can do; empty: everything
	Slots   int      // items in work at once; zero means 1

	// Handle makes one picture. It should heed its context, which ends when the item was canceled, the lease was lost or the
	// worker drains (context.Cause tells which). An error is retryable unless marked by BadInput.
	Handle func(ctx context.Context, item *Item) (Result, error)

	// Grace is how long items in work may take to finish after Run's context ended. Zero: they are given back at once.
	Grace time.Duration
	// Wait is how long one poll may be parked. Zero means 30 s; the contract allows up to 60.
	Wait time.Duration
	// Log gets one line per transition. Nil means slog.Default().
	Log *slog.Logger
}

// Run works until ctx ends (use signal.NotifyContext for SIGTERM), then drains: it asks for no more, lets items finish within
// Grace, gives the rest back without burning an attempt, and returns nil when every handler has returned. It returns an error
// only if the cluster refuses this worker altogether, as with a wrong token.
func (w *Worker) Run(ctx context.Context) error {
	if w.Handle == nil || w.ID == "" {
		return errors.New("worker: ID and Handle are needed")
	}
	c, err := New(w.Cluster)
	if err != nil {
		return fmt.Errorf("worker: %w", err)
	}
	defer c.Close()
	log := w.Log
	if log == nil {
		log = slog.Default()
	}
	s := &shift{worker: w, queue: c.Queue(), log: log.With("worker", w.ID), free: make(chan struct{}, max(w.Slots, 1)), draining: make(chan struct{})}
	for range cap(s.free) {
		s.free <- struct{}{}
	}
	return s.run(ctx)
}

// shift is one Run of a worker.
type shift struct {
	worker   *Worker
	queue    *Queue
	log      *slog.Logger
	free     chan struct{} // a token per idle slot
	draining chan struct{} // closed when what is in work must be given back
	leases   sync.WaitGroup
	handlers sync.WaitGroup
}

func (s *shift) run(ctx context.Context) error {
	// What is in work outlives ctx: it is ended by the drain, in order.
	life, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	refused := s.take(ctx, life)

	s.log.Info("worker draining", "grace", s.worker.Grace)
	idle := make(chan struct{})
	go func() { s.leases.Wait(); close(idle) }()
	grace := time.NewTimer(s.worker.Grace)
	defer grace.Stop()
	select {
	case <-idle:
	case <-grace.C:
	}
	close(s.draining)
	last := time.AfterFunc(lastWords, end)
	defer last.Stop()
	<-idle
	s.handlers.Wait()
	s.log.Info("worker stopped")
	return refused
}

// take polls while there are idle slots, until ctx ends or the cluster refuses.
func (s *shift) take(ctx, life context.Context) error {
	s.log.Info("worker started", "slots", cap(s.free), "presets", s.worker.Presets)
	for {
		n := s.idleSlots(ctx)
		if n == 0 {
			return nil
		}
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
	wait := s.worker.Wait
	if wait == 0 {
		wait = 30 * time.Second
	}
	p := Poll{WorkerID: s.worker.ID, Presets: s.worker.Presets, MaxItems: slots, WaitS: int(wait / time.Second), PollID: rand.Text()}
	pace := fullJitter()
	for {
		grant, err := s.queue.Lease(ctx, p)
		var refused *Error
		switch {
		case err == nil:
			return grant, nil
		case ctx.Err() != nil:
			s.sweep(life, p)
			return nil, nil
		case errors.As(err, &refused) && refused.Status < 500 && refused.Code != CodeRateLimited:
			return nil, err
		}
		s.log.Warn("no node answers the poll", "err", err)
		select {
		case <-time.After(pace.NextBackOff()):
		case <-ctx.Done():
		}
	}
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
		newLease(s.queue, grant, s.log).release(ctx, "drain")
	}
}

// start puts a grant to work: a goroutine per item and one that keeps the lease.
func (s *shift) start(life context.Context, grant *Grant) {
	l := newLease(s.queue, grant, s.log)
	l.log.Info("lease taken", "items", len(grant.Items), "attempt", grant.Attempt)
	items, contexts := l.begin(life)
	for i, item := range items {
		s.handlers.Go(func() {
			made, err := handle(contexts[i], s.worker.Handle, item)
			// Reported before the slot is free: a worker that cannot deliver should not take more.
			l.finish(life, item, item.outcome(made, err))
			item.cancel(nil)
			s.vacate()
		})
	}
	l.settle() // a grant of nothing is over at once
	s.leases.Go(func() { l.keep(life, s.draining) })
}

// vacate frees a slot. A grant of more items than were asked for would free more than there are.
func (s *shift) vacate() {
	select {
	case s.free <- struct{}{}:
	default:
	}
}
