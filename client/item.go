package client

import (
	"context"
	"errors"
	"io"
	"sync/atomic"
)

// Why an item's context ended, as context.Cause tells it.
var (
	ErrCanceled  = errors.New("the item was canceled")
	ErrLeaseLost = errors.New("the lease was lost; another worker has the item")
	ErrDraining  = errors.New("the worker is draining")
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
	percent   atomic.Int64
	previewed atomic.Bool
}

// Progress tells how far the item is, 0 to 100. It travels with the next heartbeat; telling often costs nothing.
func (i *Item) Progress(percent int) { i.percent.Store(int64(min(max(percent, 0), 100))) }

// Download streams the input picture into w.
func (i *Item) Download(ctx context.Context, w io.Writer) error {
	_, err := i.client.Download(ctx, i.InputURL, w)
	return err
}

// UploadOutput puts the result picture (PNG) at its place.
func (i *Item) UploadOutput(ctx context.Context, body Body) error {
	return i.client.Upload(ctx, i.OutputURL, body)
}

// UploadPreview puts the preview (JPEG) at its place.
func (i *Item) UploadPreview(ctx context.Context, body Body) error {
	if err := i.client.Upload(ctx, i.PreviewURL, body); err != nil {
		return err
	}
	i.previewed.Store(true)
	return nil
}

// Result names what a handler made. The zero value means the item's own keys: its output, and its preview if one was uploaded.
type Result struct {
	OutputKey  string
	PreviewKey string
}

// outcome is what to tell the cluster of a handler's end.
func (i *Item) outcome(made Result, err error) ItemResult {
	if err != nil {
		return ItemResult{Idx: i.Idx, Status: Failed, Error: clip(err.Error()), Retryable: retryable(err)}
	}
	if made.OutputKey == "" {
		made.OutputKey = i.OutputKey
	}
	if made.PreviewKey == "" && i.previewed.Load() {
		made.PreviewKey = i.PreviewKey
	}
	return ItemResult{Idx: i.Idx, Status: Done, OutputKey: made.OutputKey, PreviewKey: made.PreviewKey}
}

// clip keeps a message that people shall read in a list short, on a rune's edge.
func clip(message string) string {
	runes := []rune(message)
	if len(runes) <= 400 {
		return message
	}
	return string(runes[:400]) + "…"
}

// fault is an error with a verdict on whether another attempt may do better.
type fault struct {
	error
	again bool
}

func (f fault) Unwrap() error { return f.error }

// BadInput marks an error that is the picture's fault: the item fails now and for good, and is refunded.
func BadInput(err error) error { return fault{err, false} }

// Retryable marks an error that is not: another attempt, here or elsewhere, may do better while attempts are left. It is what an
// unmarked error means too; the mark says that somebody thought about it, and wins over a BadInput inside.
func Retryable(err error) error { return fault{err, true} }

func retryable(err error) bool {
	var f fault
	return !errors.As(err, &f) || f.again
}
