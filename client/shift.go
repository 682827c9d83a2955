package client

import (
	"context"
	"crypto/rand"
	"log/slog"
	"slices"
	"sync"
	"time"
)

// shift is one Run of a worker: slots that take leases, and the keeper that holds them.
type shift struct {
	worker   *Worker
	queue    *Queue
	spool    *spool
	log      *slog.Logger
	keeper   *keeper
	standing *standing
	pass     *pass
	free     chan struct{} // a token per idle slot
	leases   sync.WaitGroup
	handlers sync.WaitGroup
}

func newShift(w *Worker, q *Queue, spool *spool, log *slog.Logger) *shift {
	s := &shift{
		worker: w, queue: q, spool: spool, log: log,
		keeper:   newKeeper(q, w.ID, log),
		standing: &standing{log: log, grace: w.Grace},
		free:     make(chan struct{}, max(w.Slots, 1)),
	}
	s.pass = &pass{queue: q, log: log, boot: Boot{
		WorkerID: w.ID, BootID: rand.Text(), Slots: cap(s.free), Presets: w.Presets, GPU: w.GPU, VRAMMB: w.VRAMMB, SDK: "stoker-go",
	}}
	s.keeper.session, s.keeper.obey = s.pass.session, s.standing.obey
	for range cap(s.free) {
		s.vacate()
	}
	return s
}

func (s *shift) run(ctx context.Context) error {
	// What is in work outlives ctx: it is ended by the drain, in order.
	life, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	taking, leave := context.WithCancel(ctx)
	defer leave()
	s.standing.leave, s.standing.giveBack = leave, func() { s.giveBack(life) }
	defer s.standing.stop()

	keeping, rest := context.WithCancel(life)
	defer rest()
	var keeper sync.WaitGroup
	keeper.Go(func() { s.keeper.keep(keeping) })
	refused := s.work(taking, life)

	s.log.Info("worker draining", "grace", s.worker.Grace)
	idle := make(chan struct{})
	go func() { s.leases.Wait(); close(idle) }()
	grace := time.NewTimer(s.worker.Grace)
	defer grace.Stop()
	select {
	case <-idle:
	case <-grace.C:
	}
	last := time.AfterFunc(lastWords, end)
	defer last.Stop()
	s.giveBack(life)
	<-idle
	rest()
	keeper.Wait()
	s.handlers.Wait()
	s.log.Info("worker stopped")
	return refused
}

// work is all between the start and the drain. What the last life left goes first: with the session the cluster takes back the
// leases under which it was made.
func (s *shift) work(ctx, life context.Context) error {
	if err := s.resend(ctx); err != nil {
		return err
	}
	s.log.Info("worker started", "slots", cap(s.free), "presets", s.worker.Presets)
	return s.take(ctx, life)
}

// giveBack ends everything that is in work, on all leases at once: one that has trouble must not delay the others.
func (s *shift) giveBack(ctx context.Context) {
	var all sync.WaitGroup
	for _, l := range s.keeper.held() {
		all.Go(func() { l.giveBack(ctx) })
	}
	all.Wait()
}

// start puts a grant to work: a goroutine per item and one that waits for the lease's end.
func (s *shift) start(life context.Context, grant *Grant) {
	l := newLease(s.queue, grant, s.spool, s.log)
	l.log.Info("lease taken", "items", len(grant.Items), "attempt", grant.Attempt)
	items, contexts := l.begin(life, slices.Contains(s.loaded(), grant.Preset), func() { ring(s.keeper.moved) })
	s.keeper.add(l) // before anything happens that it shall tell
	for i, item := range items {
		s.handlers.Go(func() {
			began := time.Now()
			made, err := handle(contexts[i], s.worker.Handle, item)
			// Reported before the slot is free: a worker that cannot deliver should not take more.
			l.conclude(life, contexts[i], item, made, err, time.Since(began))
			item.cancel(nil)
			s.vacate()
		})
	}
	l.settle() // a grant of nothing is over at once
	s.leases.Go(func() {
		select {
		case <-l.over:
		case <-life.Done():
		}
		s.keeper.remove(l)
	})
}

func (s *shift) loaded() []string {
	if s.worker.Loaded == nil {
		return nil
	}
	return s.worker.Loaded()
}

// vacate frees a slot. A grant of more items than were asked for would free more than there are.
func (s *shift) vacate() {
	select {
	case s.free <- struct{}{}:
	default:
	}
}
