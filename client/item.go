package client

import (
	"context"
	"errors"
	"io"
	"sync/atomic"
	"time"
)

// Why an item's context ended, as context.Cause tells it.
var (
	ErrCanceled   = errors.New("the item was canceled")
	ErrLeaseLost  = errors.New("the lease was lost; another worker has the item")
	ErrDraining   = errors.New("the worker is draining")
	ErrOverBudget = errors.New("the item took longer than its execution budget")
)

// Item is one picture to work on. Its context ends when it must be dropped.
type Item struct {
	GrantItem
	JobID    string
	UserID   string
	Preset   string
	Concepts map[string]Concept
	Protect  []string
	Attempt  int // 1 the first time

	client    *Client
	cancel    context.CancelCauseFunc
	moved     func() // tells the keeper that percent has changed
	percent   atomic.Int64
	previewed atomic.Bool
	measured  atomic.Int64 // ns spent OnGPU
	transfer  atomic.Int64 // ns spent with pictures on their way
}

// Progress tells how far the item is, 0 to 100. It is sent on at most twice a second; telling often costs nothing.
func (i *Item) Progress(percent int) {
	now := int64(min(max(percent, 0), 100))
	if i.percent.Swap(now) != now && i.moved != nil {
		i.moved()
	}
}

// OnGPU runs work and books its time as the item's cost. A handler that never calls it is booked its whole time but for the
// Downloads and Uploads, which is more than it used if it waited for anything else.
func (i *Item) OnGPU(work func() error) error {
	defer clock(&i.measured)()
	return work()
}

// Download streams the input picture into w.
func (i *Item) Download(ctx context.Context, w io.Writer) error {
	defer clock(&i.transfer)()
	_, err := i.client.Download(ctx, i.InputURL, w)
	return err
}

// UploadOutput puts the result picture (PNG) at its place.
func (i *Item) UploadOutput(ctx context.Context, body Body) error {
	defer clock(&i.transfer)()
	return i.client.Upload(ctx, i.OutputURL, body)
}

// UploadPreview puts the preview (JPEG) at its place.
func (i *Item) UploadPreview(ctx context.Context, body Body) error {
	defer clock(&i.transfer)()
	if err := i.client.Upload(ctx, i.PreviewURL, body); err != nil {
		return err
	}
	i.previewed.Store(true)
	return nil
}

// clock adds the time until it is stopped to sum.
func clock(sum *atomic.Int64) (stop func()) {
	began := time.Now()
	return func() { sum.Add(int64(time.Since(began))) }
}

// gpuMillis is what the item cost, of a handler that ran for took.
func (i *Item) gpuMillis(took time.Duration) int64 {
	spent := time.Duration(i.measured.Load())
	if spent == 0 {
		spent = max(took-time.Duration(i.transfer.Load()), 0)
	}
	return spent.Milliseconds()
}

// Result names what a handler made. The zero value means the item's own keys: its output, and its preview if one was uploaded.
type Result struct {
	OutputKey  string
	PreviewKey string
}

// outcome is what to tell the cluster of a handler's end after took. over says that its budget had run out.
func (i *Item) outcome(made Result, err error, took time.Duration, over bool) ItemResult {
	r := ItemResult{Idx: i.Idx, Status: Done, OutputKey: made.OutputKey, PreviewKey: made.PreviewKey, GPUMillis: i.gpuMillis(took)}
	if err == nil {
		if r.OutputKey == "" {
			r.OutputKey = i.OutputKey
		}
		if r.PreviewKey == "" && i.previewed.Load() {
			r.PreviewKey = i.PreviewKey
		}
		return r
	}
	cause, _ := causeOf(err)
	switch {
	case cause == "" && over:
		cause = CauseTimeout
	case cause == "":
		cause = CauseTransient
	}
	return ItemResult{
		Idx: i.Idx, Status: Failed, Error: clip(err.Error()), Cause: cause, Retryable: cause != CauseBadInput, GPUMillis: r.GPUMillis,
	}
}

// clip keeps a message that people shall read in a list short, on a rune's edge.
func clip(message string) string {
	runes := []rune(message)
	if len(runes) <= 400 {
		return message
	}
	return string(runes[:400]) + "…"
}
