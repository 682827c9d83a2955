package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"time"

	"stoker/cli/appfile"
	"stoker/client"
)

// lookEvery is how often `stoker dev` looks at the app's configuration. It reads the file: an editor that puts a new file in its
// place, and a disk that is somebody else's, need no more than that, and a watcher of the system's would.
const lookEvery = 300 * time.Millisecond

// appWatch deploys a file whenever it changes.
type appWatch struct {
	path string
	last []byte // as it was looked at last; nil: it was not there
}

// follow deploys the file as it is and whenever it changes, until ctx ends. What is wrong with it is said, and the last good one
// stays in force.
func (w *appWatch) follow(ctx context.Context, s *shell, o *client.Operator) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		if err := w.look(ctx, s, o); err != nil && ctx.Err() == nil {
			s.notef("stoker: %v\nstoker: what was in force before stays so.\n", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// look deploys the file if it is another one than before.
func (w *appWatch) look(ctx context.Context, s *shell, o *client.Operator) error {
	text, err := os.ReadFile(w.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // an editor is about to put it back
	}
	if err != nil || bytes.Equal(text, w.last) {
		return err
	}
	w.last = text
	want, err := appfile.Parse(w.path, text)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, adminPatience)
	defer cancel()
	check, err := o.CheckSettings(ctx, want, 0)
	if err != nil {
		return advise(appfile.Locate(w.path, text, err), knownSettings)
	}
	if !check.Changes {
		s.printf("%s is version %d, which is in force.\n", w.path, check.Version)
		return nil
	}
	done, err := o.Deploy(ctx, want, client.Deployment{Author: whoami(), Message: "stoker dev"})
	if err != nil {
		return advise(err, knownSettings)
	}
	s.printf("%s", appfile.Diff(fmt.Sprintf("version %d", check.Version), w.path, check.Before, check.After, s.colours()))
	s.printf("%s is version %d and in force.\n", w.path, done.Version)
	return nil
}

// pages are what a browser can look at; one that this version does not have is not named.
func pages(ctx context.Context, url string) (found []string) {
	for _, path := range []string{"/admin/", "/docs", "/openapi.json"} {
		ctx, cancel := context.WithTimeout(ctx, time.Second)
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+path, nil)
		if err == nil {
			if res, err := http.DefaultTransport.RoundTrip(req); err == nil { // a page may send to its login
				res.Body.Close()
				if res.StatusCode != http.StatusNotFound {
					found = append(found, url+path)
				}
			}
		}
		cancel()
	}
	return found
}
