package demo

import (
	"bytes"
	"context"
	"fmt"
	"image"
	_ "image/jpeg" // previews
	"image/png"
	"os"
	"path/filepath"

	"golang.org/x/sync/errgroup"

	"stoker/cli/picture"
	"stoker/client"
)

// fetch downloads all results and previews into the folder and checks each.
func (c *customer) fetch(ctx context.Context, job client.Job) error {
	if len(job.DownloadURLs) != len(c.photos) {
		return fmt.Errorf("%d pictures, but %d results to download", len(c.photos), len(job.DownloadURLs))
	}
	down, ctx := errgroup.WithContext(ctx)
	down.SetLimit(atOnce)
	for _, from := range job.DownloadURLs {
		down.Go(func() error {
			if from.Idx < 0 || from.Idx >= len(c.photos) {
				return fmt.Errorf("a result of picture %d, which nobody sent", from.Idx)
			}
			p := c.photos[from.Idx]
			name := filepath.Join(c.Out, fmt.Sprintf("%02d-%s", from.Idx+1, p.name))
			result, err := c.save(ctx, from.OutputURL, name+".png")
			if err != nil {
				return err
			}
			preview, err := c.save(ctx, from.PreviewURL, name+"_preview.jpg")
			if err != nil {
				return err
			}
			if err := compare(p.path, result, preview); err != nil {
				return fmt.Errorf("picture %d (%s): %w", from.Idx, p.name, err)
			}
			return nil
		})
	}
	return down.Wait()
}

func (c *customer) save(ctx context.Context, url, path string) ([]byte, error) {
	var file bytes.Buffer
	if _, err := c.app.Download(ctx, url, &file); err != nil {
		return nil, err
	}
	return file.Bytes(), os.WriteFile(path, file.Bytes(), 0o644)
}

// compare wants a PNG of the input's size that shows something else, and a small JPEG.
func compare(path string, result, preview []byte) error {
	input, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	before, err := picture.Decode(input)
	if err != nil {
		return err
	}
	if _, err := png.DecodeConfig(bytes.NewReader(result)); err != nil {
		return fmt.Errorf("the result is no PNG: %w", err)
	}
	after, err := picture.Decode(result)
	if err != nil {
		return fmt.Errorf("the result: %w", err)
	}
	if before.Rect != after.Rect {
		return fmt.Errorf("%v went in, %v came out", before.Rect.Size(), after.Rect.Size())
	}
	if bytes.Equal(before.Pix, after.Pix) {
		return fmt.Errorf("the result shows what the input shows")
	}
	small, kind, err := image.DecodeConfig(bytes.NewReader(preview))
	switch {
	case err != nil:
		return fmt.Errorf("the preview: %w", err)
	case kind != "jpeg" || max(small.Width, small.Height) > picture.PreviewSize:
		return fmt.Errorf("the preview is a %s of %d×%d", kind, small.Width, small.Height)
	}
	return nil
}
