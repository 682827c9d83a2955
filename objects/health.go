package objects

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"stoker/fsm"
)

// DiskStatus is how a node's share of the blobs is.
type DiskStatus struct {
	ID           string    `json:"id"`
	Error        string    `json:"error,omitempty"` // why nothing else is known
	Blobs        int64     `json:"blobs"`           // files here, at the last look
	Bytes        int64     `json:"bytes"`           // of these
	Unreferenced int       `json:"unreferenced"`    // of these, files that no record refers to and that will be removed
	Missing      int       `json:"missing"`         // objects that should be here and are being pulled
	Rotten       int       `json:"rotten"`          // damaged files that were set aside and have no good copy here yet
	Lost         int       `json:"lost"`            // objects of which no node has a good copy
	LostKeys     []string  `json:"lost_keys"`       // some of them
	Free         int64     `json:"disk_free"`       // bytes on the folder's disk
	Limit        int64     `json:"limit"`           // bytes that blobs may take; 0: the disk's size
	Room         int64     `json:"room"`            // bytes that uploads may still take
	Walked       time.Time `json:"walked,omitzero"` // when all records were last compared with the disk
	Scrub        Scrubbing `json:"scrub"`
}

// lostShown bounds LostKeys.
const lostShown = 20

// Status says how this node's blobs are.
func (s *Store) Status() DiskStatus {
	t := s.tender
	t.mu.Lock()
	out := t.status
	out.Lost = len(t.gone)
	out.LostKeys = slices.Sorted(maps.Values(t.gone))
	t.mu.Unlock()
	out.LostKeys = slices.Clip(out.LostKeys[:min(len(out.LostKeys), lostShown)])
	if out.LostKeys == nil {
		out.LostKeys = []string{}
	}
	out.ID, out.Missing, out.Rotten, out.Limit = s.node.ID(), t.pulls.pending(), s.disk.asides(), s.cfg.MaxBytes
	out.Free, out.Room = s.disk.space()
	return out
}

// space gives the bytes that are free on the disk, and those that uploads may take.
func (d *Disk) space() (free, room int64) {
	free, err := d.free(d.dir)
	if err != nil {
		return 0, 0
	}
	room = free - d.reserve
	if d.most > 0 {
		room = min(room, d.most-d.used.Load())
	}
	return free, max(0, room)
}

// diskPath is where members tell and ask each other about their blobs as a whole.
const diskPath = "/blobs/"

const (
	askStatus  = "status"
	askScrub   = "scrub"
	askSuspect = "suspect"
)

func (s *Store) serveMember(w http.ResponseWriter, r *http.Request) {
	switch what := r.URL.Path[len(diskPath):]; {
	case what == askStatus && r.Method == http.MethodGet:
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(s.Status())
	case what == askScrub && r.Method == http.MethodPost:
		ring(s.tender.scrub)
		w.WriteHeader(http.StatusNoContent)
	case what == askSuspect && r.Method == http.MethodPost:
		var ref fsm.ObjectRef
		if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<14)).Decode(&ref); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		s.tender.doubt(r.Context(), ref)
		w.WriteHeader(http.StatusNoContent)
	default:
		http.NotFound(w, r)
	}
}

// ask sends a member a question about its blobs as a whole.
func (s *Store) ask(ctx context.Context, member, method, what string, body []byte) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, "https://"+member+diskPath+what, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	resp, err := s.node.Call(ctx, member, req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err == nil && resp.StatusCode/100 != 2 {
		err = errors.New(resp.Status)
	}
	return raw, err
}

// askWithin bounds a question to a member.
const askWithin = 3 * time.Second

// everywhere asks all members at once, this one too; who does not answer has an error.
func (s *Store) everywhere(ctx context.Context, ask func(ctx context.Context, member string) (DiskStatus, error)) []DiskStatus {
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	seats := s.seats()
	out := make([]DiskStatus, len(seats))
	var wg sync.WaitGroup
	for i, id := range seats {
		wg.Go(func() {
			st, err := ask(ctx, id)
			if err != nil {
				st = DiskStatus{ID: id, Error: err.Error(), LostKeys: []string{}}
			}
			out[i] = st
		})
	}
	wg.Wait()
	return out
}

func (s *Store) statusOf(ctx context.Context, member string) (st DiskStatus, err error) {
	if member == s.node.ID() {
		return s.Status(), nil
	}
	raw, err := s.ask(ctx, member, http.MethodGet, askStatus, nil)
	if err == nil {
		err = json.Unmarshal(raw, &st)
	}
	return st, err
}

// Disks says how the blobs of all members are.
func (s *Store) Disks(ctx context.Context) []DiskStatus { return s.everywhere(ctx, s.statusOf) }

// Scrub has all members read all their blobs now; it says who has heard of it.
func (s *Store) Scrub(ctx context.Context) []DiskStatus {
	return s.everywhere(ctx, func(ctx context.Context, member string) (DiskStatus, error) {
		if member == s.node.ID() {
			ring(s.tender.scrub)
			return s.Status(), nil
		}
		if _, err := s.ask(ctx, member, http.MethodPost, askScrub, nil); err != nil {
			return DiskStatus{}, err
		}
		return s.statusOf(ctx, member)
	})
}

// neighbours keeps in mind how much room the others have.
func (t *tender) neighbours(ctx context.Context) {
	for {
		around := map[string]DiskStatus{}
		for _, st := range t.store.everywhere(ctx, t.store.statusOf) {
			if st.Error == "" && st.ID != t.store.node.ID() {
				around[st.ID] = st
			}
		}
		t.mu.Lock()
		t.around = around
		t.mu.Unlock()
		if pause(ctx, 5*time.Second) != nil {
			return
		}
	}
}

// crowded says that no other member has room for size bytes, as far as is known:
// where one has not answered, it may have.
func (t *tender) crowded(size int64) bool {
	others := t.store.others()
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, id := range others {
		if st, known := t.around[id]; !known || st.Room >= size {
			return false
		}
	}
	return len(others) > 0
}

// suspect tells a member that its copy of an object was found damaged.
func (t *tender) suspect(member string, o fsm.Object) {
	ctx, cancel := context.WithTimeout(context.Background(), askWithin)
	defer cancel()
	body, err := json.Marshal(o.Ref())
	if err == nil {
		_, err = t.store.ask(ctx, member, http.MethodPost, askSuspect, body)
	}
	if err != nil {
		t.store.cfg.Log.Warn("a member could not be told that its copy is damaged", "member", member, "key", o.Key, "err", err)
	}
}

// doubt reads this node's copy of an object again, since another found it damaged.
func (t *tender) doubt(ctx context.Context, ref fsm.ObjectRef) {
	v := t.store.node.View()
	o, ok := v.Record(ref)
	v.Close()
	if !ok || !t.store.holds(o) {
		return
	}
	for _, f := range o.Files() {
		b := blobOf(f)
		if _, err := t.store.disk.verify(ctx, b, f.SHA256, t.pull); err != nil && ctx.Err() == nil {
			t.rotten(o, b, err)
		}
	}
}
