package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

const (
	spoolSuffix = ".json"
	halfSuffix  = ".tmp" // being written; a crash leaves it, and it counts for nothing
)

// spool keeps results on disk from before they are sent until the cluster has acknowledged or refused them, one file for each
// lease. A nil spool keeps nothing.
//
// A file is replaced as a whole, so it is never half a file. It may be behind, naming a result that has been delivered since:
// sending that again counts nothing.
type spool struct{ dir string }

// owed is one file: what a lease's results are that nobody acknowledged.
type owed struct {
	Lease   string       `json:"lease_id"`
	Results []ItemResult `json:"results"`
}

// openSpool makes the folder; an empty dir is a nil spool.
func openSpool(dir string) (*spool, error) {
	if dir == "" {
		return nil, nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("spool: %w", err)
	}
	return &spool{dir}, nil
}

// keep writes a lease's unsent results and returns when a crash cannot take them away. Not to be called twice at once for one
// lease.
func (s *spool) keep(o owed) error {
	if s == nil {
		return nil
	}
	text, err := json.Marshal(o)
	if err != nil {
		return fmt.Errorf("spool: %w", err)
	}
	half := s.path(o.Lease) + halfSuffix
	if err := writeSynced(half, text); err != nil {
		return fmt.Errorf("spool: %w", err)
	}
	if err := os.Rename(half, s.path(o.Lease)); err != nil {
		return fmt.Errorf("spool: %w", err)
	}
	if err := syncDir(s.dir); err != nil {
		return fmt.Errorf("spool: %w", err)
	}
	return nil
}

// drop forgets a lease. It is not synced: if a crash brings the file back, the cluster refuses it or counts nothing.
func (s *spool) drop(lease string) error {
	if s == nil {
		return nil
	}
	if err := os.Remove(s.path(lease)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("spool: %w", err)
	}
	return nil
}

// left reads what earlier lives of this worker did not get rid of. A file that cannot be read is skipped and named in the error,
// next to what the others hold.
func (s *spool) left() (all []owed, err error) {
	if s == nil {
		return nil, nil
	}
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return nil, fmt.Errorf("spool: %w", err)
	}
	for _, entry := range entries {
		path := filepath.Join(s.dir, entry.Name())
		if !strings.HasSuffix(path, spoolSuffix) {
			continue
		}
		text, broken := os.ReadFile(path)
		var o owed
		if broken == nil {
			broken = json.Unmarshal(text, &o)
		}
		if broken == nil && path != s.path(o.Lease) {
			broken = fmt.Errorf("it holds results of lease %q", o.Lease)
		}
		if broken != nil {
			err = errors.Join(err, fmt.Errorf("spool: %s: %w", path, broken))
			continue
		}
		all = append(all, o)
	}
	return all, err
}

func (s *spool) path(lease string) string {
	return filepath.Join(s.dir, url.PathEscape(lease)+spoolSuffix)
}

func writeSynced(path string, text []byte) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// syncDir makes a rename last. Windows has no such call, and needs none.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
