package demo

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"stoker/cli/picture"
)

// photo is one input.
type photo struct {
	name string // without extension
	path string
}

// find lists the pictures of a folder; of none when no folder is named.
func find(dir string) ([]photo, error) {
	if dir == "" {
		return nil, nil
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var photos []photo
	for _, e := range entries {
		kind := strings.ToLower(filepath.Ext(e.Name()))
		if e.Type().IsRegular() && slices.Contains([]string{".jpg", ".jpeg", ".png"}, kind) {
			photos = append(photos, photo{strings.TrimSuffix(e.Name(), filepath.Ext(e.Name())), filepath.Join(dir, e.Name())})
		}
	}
	if len(photos) == 0 {
		return nil, fmt.Errorf("%s: no .jpg, .jpeg or .png in it", dir)
	}
	return photos, nil
}

// draw makes sample rooms in dir.
func draw(ctx context.Context, dir string) ([]photo, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	photos := make([]photo, samples)
	work, ctx := errgroup.WithContext(ctx)
	work.SetLimit(runtime.GOMAXPROCS(0))
	for i := range photos {
		photos[i].name = fmt.Sprintf("room-%02d", i+1)
		photos[i].path = filepath.Join(dir, photos[i].name+".jpg")
		work.Go(func() error {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			var file bytes.Buffer
			if err := picture.WriteRoom(&file, uint64(i)); err != nil {
				return err
			}
			return os.WriteFile(photos[i].path, file.Bytes(), 0o644)
		})
	}
	return photos, work.Wait()
}
