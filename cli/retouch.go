package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"stoker/cli/picture"
	"stoker/client"
)

// largestInput bounds an input file in memory. The cluster's own limit for uploads is usually far below.
const largestInput = 128 << 20

// pictureDone is the log message for each finished picture; package demo counts them.
const pictureDone = "picture done"

// retoucher is the sample worker's hand.
type retoucher struct {
	delay time.Duration
	log   *slog.Logger
	warm  warm
}

// handle makes one picture: download, edit, upload result and preview. What is the picture's or the rule's fault is final, all else is
// worth another attempt.
func (r *retoucher) handle(ctx context.Context, item *client.Item) (client.Result, error) {
	began := time.Now()
	input := &bounded{most: largestInput}
	if err := item.Download(ctx, input); err != nil {
		if errors.Is(err, errTooLarge) {
			return client.Result{}, client.BadInput(err)
		}
		return client.Result{}, err
	}
	item.Progress(20)
	output, preview, err := edit(input.Bytes(), item)
	if err != nil {
		if errors.As(err, new(*picture.BadInput)) {
			return client.Result{}, client.BadInput(err)
		}
		return client.Result{}, err
	}
	r.warm.add(item.Preset)
	item.Progress(60)
	if err := pause(ctx, r.delay); err != nil {
		return client.Result{}, err
	}
	if err := item.UploadOutput(ctx, bytes.NewReader(output)); err != nil {
		return client.Result{}, err
	}
	item.Progress(90)
	if err := item.UploadPreview(ctx, bytes.NewReader(preview)); err != nil {
		return client.Result{}, err
	}
	r.log.Info(pictureDone, "job", item.JobID, "idx", item.Idx, "attempt", item.Attempt, "took", time.Since(began).Round(time.Millisecond))
	return client.Result{}, nil
}

// edit makes the two files of one picture.
func edit(input []byte, item *client.Item) (output, preview []byte, err error) {
	img, err := picture.Decode(input)
	if err != nil {
		return nil, nil, err
	}
	concepts := make(map[string]picture.Action, len(item.Concepts))
	for name, c := range item.Concepts {
		concepts[name] = picture.Action{Action: c.Action, Value: c.Value}
	}
	made, _, err := picture.Edit(img, item.Preset, concepts, item.Protect)
	if err != nil {
		return nil, nil, err
	}
	var full, small bytes.Buffer
	if err := picture.WritePNG(&full, made); err != nil {
		return nil, nil, fmt.Errorf("result: %w", err)
	}
	if err := picture.WritePreview(&small, made); err != nil {
		return nil, nil, fmt.Errorf("preview: %w", err)
	}
	return full.Bytes(), small.Bytes(), nil
}

// pause waits, unless the item is to be dropped.
func pause(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// errTooLarge ends a download that would not fit.
var errTooLarge = fmt.Errorf("the input is larger than %d MiB", largestInput>>20)

// bounded is a buffer that takes no more than most bytes.
type bounded struct {
	bytes.Buffer
	most int
}

func (b *bounded) Write(p []byte) (int, error) {
	if b.Len()+len(p) > b.most {
		return 0, errTooLarge
	}
	return b.Buffer.Write(p)
}
