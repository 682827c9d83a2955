package client

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
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
	GPU     string   // for people, as in "RTX 4090"
	VRAMMB  int      // for people

	// Loaded lists the presets whose models are warm in memory; the cluster prefers to send those. It is asked before each poll
	// and whenever work begins. Nil: nobody knows.
	Loaded func() []string

	// Handle makes one picture. It should heed its context, which ends when the item was canceled, the lease was lost, its
	// execution budget has run out or the worker drains (context.Cause tells which). What an error means to the item is told by
	// [BadInput], [OutOfMemory], [ModelMissing], [Timeout], [RetryAfter]; any other is [Retryable].
	Handle func(ctx context.Context, item *Item) (Result, error)

	// Grace is how long items in work may take to finish once the worker drains, because Run's context ended or the cluster said
	// so. Zero: they are given back at once.
	Grace time.Duration
	// Wait is how long one poll may be parked. Zero means what the cluster says, or 30 s; the contract allows up to 60.
	Wait time.Duration
	// Spool is a folder, of this worker alone, in which results wait that were not yet delivered; what a crash leaves there is
	// sent by the next Run. Empty: a crash loses them, and the items are made again.
	Spool string
	// Log gets one line per transition. Nil means slog.Default().
	Log *slog.Logger
}

// Run works until ctx ends (use signal.NotifyContext for SIGTERM) or the cluster tells it to exit, then drains: it asks for no
// more, lets items finish within Grace, gives the rest back without burning an attempt, and returns nil when every handler has
// returned. It returns an error only if the cluster refuses this worker altogether, as with a wrong token, or if the spool's
// folder cannot be made.
//
// Told to drain, it gives its work back likewise but stays, and asks now and then whether it may work again.
//
// Each Run is one boot: at its begin the cluster takes back what an earlier Run of the same ID still held.
func (w *Worker) Run(ctx context.Context) error {
	if w.Handle == nil || w.ID == "" {
		return errors.New("worker: ID and Handle are needed")
	}
	spool, err := openSpool(w.Spool)
	if err != nil {
		return fmt.Errorf("worker: %w", err)
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
	return newShift(w, c.Queue(), spool, log.With("worker", w.ID)).run(ctx)
}
