package objects

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/time/rate"

	"stoker/fsm"
)

const (
	scrubFile  = "scrub.json"
	scrubLeast = 1 << 20   // bytes a second, however few there are
	scrubMost  = 256 << 20 // when an operator has asked for it
	scrubStep  = 16        // records between two notes of how far it is
)

// Scrubbing is how far the reading of all blobs is; it outlives the process.
type Scrubbing struct {
	Began time.Time `json:"began,omitzero"` // of the pass that goes on, or was the last
	Ended time.Time `json:"ended,omitzero"` // of the last pass; before Began while one goes on
	Read  int64     `json:"read"`           // bytes, in this pass
	Bad   int       `json:"bad"`            // blobs that were damaged, in this pass
	At    []byte    `json:"at,omitempty"`
}

func (s Scrubbing) going() bool { return !s.Began.IsZero() && s.Ended.Before(s.Began) }

// rescrub reads every blob again within Pace.Scrub, slowly, and at once when it
// is asked to.
func (t *tender) rescrub(ctx context.Context) {
	path := filepath.Join(t.store.disk.dir, scrubFile)
	s := loadScrub(path)
	t.note(s)
	for hurry := false; ; {
		if !s.going() {
			hurry = false
			wait := time.Until(s.Began.Add(t.pace.Scrub))
			if s.Began.IsZero() {
				wait = 0
			}
			select {
			case <-t.scrub:
				hurry = true
			case <-time.After(wait):
			case <-ctx.Done():
				return
			}
			s = Scrubbing{Began: time.Now(), Ended: s.Ended}
		}
		limit := rate.NewLimiter(t.gait(hurry), burst)
		hurried, err := t.scrubStep(ctx, &s, limit)
		if err != nil {
			return
		}
		hurry = hurry || hurried
		t.note(s)
		if err := saveScrub(path, s); err != nil {
			t.store.cfg.Log.Warn("how far the scrub is could not be written down", "err", err)
		}
	}
}

// gait is how many bytes a second are read: all within half the time there is.
func (t *tender) gait(hurry bool) rate.Limit {
	if hurry {
		return scrubMost
	}
	return rate.Limit(max(scrubLeast, float64(t.bytes.Load())/(t.pace.Scrub.Seconds()/2)))
}

// scrubStep reads some blobs. hurried says that an operator wants it now: then
// the pass begins again.
func (t *tender) scrubStep(ctx context.Context, s *Scrubbing, limit *rate.Limiter) (hurried bool, err error) {
	walk := fsm.WalkFrom(s.At)
	v := t.store.node.View()
	step, set := walk.Step(v, scrubStep), v.Settings()
	v.Close()
	if len(step) == 0 {
		s.Ended, s.At = time.Now(), nil
		if s.Bad > 0 {
			t.store.cfg.Log.Warn("all blobs were read again", "bytes", s.Read, "damaged", s.Bad)
		}
		return false, nil
	}
	for _, o := range step {
		select {
		case <-t.scrub:
			*s = Scrubbing{Began: time.Now(), Ended: s.Ended}
			return true, nil
		default:
		}
		for _, f := range o.Files() {
			b := blobOf(f)
			n, err := t.store.disk.verify(ctx, b, f.SHA256, limit)
			s.Read += n
			switch {
			case ctx.Err() != nil:
				return false, ctx.Err()
			case err == nil, errors.Is(err, fs.ErrNotExist):
			default:
				s.Bad++
				t.rotten(o, b, err)
			}
		}
		t.consider(o, t.store.seats(), set.Replicas)
	}
	s.At = walk.At()
	return false, nil
}

// verify reads a blob to its end and compares its hash.
func (d *Disk) verify(ctx context.Context, b Blob, want []byte, limit *rate.Limiter) (int64, error) {
	f, _, err := d.Open(b)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	h := sha256.New()
	buf := buffers.Get().(*buffer)
	defer buffers.Put(buf)
	n, err := io.CopyBuffer(struct{ io.Writer }{h}, paced{ctx, f, limit}, buf[:])
	if err != nil {
		return n, fmt.Errorf("objects: read %s: %w", b, err)
	}
	if string(h.Sum(nil)) != string(want) {
		return n, fmt.Errorf("%w: %s", errDamaged, b)
	}
	return n, nil
}

func (t *tender) note(s Scrubbing) {
	s.At = nil
	t.mu.Lock()
	t.status.Scrub = s
	t.mu.Unlock()
}

// loadScrub reads how far the last process was. What cannot be read begins anew.
func loadScrub(path string) (s Scrubbing) {
	raw, err := os.ReadFile(path)
	if err != nil || json.Unmarshal(raw, &s) != nil {
		return Scrubbing{}
	}
	return s
}

func saveScrub(path string, s Scrubbing) error {
	raw, err := json.Marshal(s)
	if err != nil {
		return err
	}
	if err := os.WriteFile(path+".new", raw, 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}
