package objects

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"stoker/fsm"
)

// brisk looks after blobs as fast as a test wants it.
var brisk = Pace{Walk: 100 * time.Millisecond, Grace: 300 * time.Millisecond, Tell: 10 * time.Millisecond}

// everywhere: all members hold the object, and its record says so.
func everywhere(t *testing.T, members []*member, key string) {
	t.Helper()
	members[0].eventually(t, func() string {
		o, err := members[0].store.Head(t.Context(), "photos", key)
		if err != nil {
			return err.Error()
		}
		for _, m := range members {
			if !m.store.disk.Has(BlobOf(o), o.Size) {
				return fmt.Sprintf("%s has no copy of %s", m.id, key)
			}
			if !o.Holds(m.id) {
				return fmt.Sprintf("the record says that %v hold %s", o.Nodes, key)
			}
		}
		return ""
	})
}

func all(s *fsm.Settings) { s.Replicas = 0 }

// upload puts an object on to a member and gives the record.
func upload(t *testing.T, m *member, key, body string) fsm.Object {
	t.Helper()
	o, err := m.store.Put(t.Context(), PutRequest{Bucket: "photos", Key: key, Body: strings.NewReader(body), Size: int64(len(body))})
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// readers read keys from all members until stop; whatever fails is the test's failure.
func readers(t *testing.T, members []*member, keys map[string]string) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for _, m := range members {
		urls := map[string]string{}
		for key := range keys {
			urls[key] = m.presign(t, "GET", key, 0)
		}
		wg.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				for key, want := range keys {
					resp, err := http.Get(urls[key])
					if err != nil {
						t.Errorf("%s: %v", m.id, err)
						return
					}
					got, err := io.ReadAll(resp.Body)
					resp.Body.Close()
					if err != nil || resp.StatusCode != 200 || string(got) != want {
						t.Errorf("read %d of %s from %s: %d, %d bytes, %v", n, key, m.id, resp.StatusCode, len(got), err)
						return
					}
				}
			}
		})
	}
	return func() { cancel(); wg.Wait() }
}

func TestTend_ThirdCopy(t *testing.T) {
	members := startPaced(t, 3, Pace{Tell: 10 * time.Millisecond}, all) // a walk would come too late
	upload(t, members[1], "a", strings.Repeat("a picture ", 20_000))
	upload(t, members[2], "empty", "")
	began := time.Now()
	everywhere(t, members, "a")
	everywhere(t, members, "empty")
	t.Logf("the third copy is there and recorded after %v", time.Since(began).Round(time.Millisecond))
}

// What may ask for other copies than there are has all records looked through at once, and not by the next walk.
func TestTend_hear(t *testing.T) {
	for _, c := range []struct {
		news fsm.Changes
		want int
	}{
		{fsm.Changes{Settings: true}, 1}, {fsm.Changes{Members: true}, 1}, {fsm.Changes{Restored: true}, 1}, {fsm.Changes{Ready: true}, 0},
	} {
		tender := &tender{again: make(chan struct{}, 1)}
		if tender.hear(c.news); len(tender.again) != c.want {
			t.Errorf("%+v: rung %d times, want %d", c.news, len(tender.again), c.want)
		}
	}
}

// A node whose folder is deleted while it runs fills up again. Nothing is
// unreadable meanwhile, and it takes uploads.
func TestTend_FolderDeleted(t *testing.T) {
	members := startPaced(t, 3, brisk, all)
	keys := map[string]string{}
	for i := range 12 {
		key := fmt.Sprint("k", i)
		keys[key] = strings.Repeat(key, 1000*i)
		upload(t, members[i%3], key, keys[key])
	}
	for key := range keys {
		everywhere(t, members, key)
	}
	stop := readers(t, members, keys)
	defer stop()
	members[0].eventually(t, func() string {
		if err := os.RemoveAll(members[1].store.disk.dir); err != nil {
			return err.Error() // it was being filled
		}
		return ""
	})
	for key := range keys {
		everywhere(t, members, key)
	}
	stop()
	upload(t, members[1], "later", "taken again")
	everywhere(t, members, "later")
}

// flip changes a byte of a member's copy.
func flip(t *testing.T, m *member, o fsm.Object) {
	t.Helper()
	path := filepath.Join(m.store.disk.dir, BlobOf(o).path())
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	raw[len(raw)/2] ^= 1
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestTend_RotIsHealed(t *testing.T) {
	members := startPaced(t, 3, brisk, all)
	o := upload(t, members[0], "a", "a picture of a room")
	everywhere(t, members, "a")
	flip(t, members[2], o)
	for _, st := range members[0].store.Scrub(t.Context()) {
		if st.Error != "" {
			t.Fatalf("%s: %s", st.ID, st.Error)
		}
	}
	members[0].eventually(t, func() string {
		if got, err := content(members[2].store.disk, BlobOf(o)); err != nil || got != "a picture of a room" {
			return fmt.Sprintf("%q, %v", got, err)
		}
		return ""
	})
	everywhere(t, members, "a")
	members[0].eventually(t, func() string {
		if st := members[2].store.Status(); st.Rotten != 0 || st.Missing != 0 || st.Lost != 0 {
			return fmt.Sprintf("%+v", st)
		}
		return ""
	})
}

func content(d *Disk, b Blob) (string, error) {
	f, _, err := d.Open(b)
	if err != nil {
		return "", err
	}
	defer f.Close()
	raw, err := io.ReadAll(f)
	return string(raw), err
}

// A damaged copy that another node meets when it pulls is found out by its holder.
func TestTend_DamagedSource(t *testing.T) {
	members := startPaced(t, 3, brisk, all)
	o := upload(t, members[0], "a", "a picture of a room")
	everywhere(t, members, "a")
	flip(t, members[0], o)
	flip(t, members[1], o)
	if err := members[1].store.disk.SetAside(BlobOf(o)); err != nil {
		t.Fatal(err)
	}
	everywhere(t, members, "a")
	members[0].eventually(t, func() string {
		for _, m := range members {
			// The copy of the first is damaged until the second has asked it for one, which it need not have.
			if m == members[0] {
				m.store.tender.doubt(t.Context(), o.Ref())
			}
			if got, err := content(m.store.disk, BlobOf(o)); err != nil || got != "a picture of a room" {
				return fmt.Sprintf("%s: %q, %v", m.id, got, err)
			}
		}
		return ""
	})
}

// Where there is no good copy, what is left stays, and it is said.
func TestTend_NoGoodCopy(t *testing.T) {
	m := startPaced(t, 1, brisk, all)[0]
	o := upload(t, m, "a", "a picture of a room")
	flip(t, m, o)
	m.store.Scrub(t.Context())
	m.eventually(t, func() string {
		if st := m.store.Status(); st.Lost != 1 || st.Rotten != 1 || !slices.Equal(st.LostKeys, []string{"a"}) {
			return fmt.Sprintf("%+v", st)
		}
		return ""
	})
	do(t, "GET", m.presign(t, "GET", "a", 0), "").want(t, 503, ServiceUnavailable)
	m.eventually(t, func() string {
		if o, err := m.store.Head(t.Context(), "photos", "a"); err != nil || o.Holds(m.id) {
			return fmt.Sprintf("the record says %v, %v", o.Nodes, err)
		}
		return ""
	})
	// It comes back when somebody has put it there.
	write(t, m.store.disk, BlobOf(o), "a picture of a room")
	m.eventually(t, func() string {
		if st := m.store.Status(); st.Lost != 0 {
			return fmt.Sprintf("%+v", st)
		}
		return ""
	})
}

// gone: no member has a file of the record.
func gone(t *testing.T, members []*member, o fsm.Object) {
	t.Helper()
	members[0].eventually(t, func() string {
		for _, m := range members {
			if m.store.disk.exists(BlobOf(o)) {
				return fmt.Sprintf("%s still has the file of %s", m.id, o.Key)
			}
		}
		return ""
	})
}

func TestCollect(t *testing.T) {
	members := startPaced(t, 3, brisk, all)
	kept := upload(t, members[0], "kept", "stays")
	first := upload(t, members[1], "replaced", "one")
	second := upload(t, members[2], "replaced", "two")
	deleted := upload(t, members[0], "deleted", "goes")
	// A crash between file and record leaves one; an upload that is under way looks the same.
	left, flying := NameBlob("photos", "left", "u1"), NameBlob("photos", "flying", "u1")
	write(t, members[0].store.disk, left, "left over")
	release := members[0].store.disk.hold(flying)
	write(t, members[0].store.disk, flying, "under way")
	if err := members[0].store.Delete(t.Context(), "photos", "deleted"); err != nil {
		t.Fatal(err)
	}
	gone(t, members, deleted)
	gone(t, members, first)
	members[0].eventually(t, func() string {
		if members[0].store.disk.exists(left) {
			return "what a crash has left is still there"
		}
		return ""
	})
	if !members[0].store.disk.exists(flying) {
		t.Error("an upload that is under way was removed")
	}
	release()
	members[0].eventually(t, func() string {
		if members[0].store.disk.exists(flying) {
			return "an upload that came to nothing is still there"
		}
		return ""
	})
	everywhere(t, members, "kept")
	everywhere(t, members, "replaced")
	for _, m := range members {
		if got, err := content(m.store.disk, BlobOf(second)); err != nil || got != "two" {
			t.Errorf("%s: %q, %v", m.id, got, err)
		}
		if got, err := content(m.store.disk, BlobOf(kept)); err != nil || got != "stays" {
			t.Errorf("%s: %q, %v", m.id, got, err)
		}
	}
}

// No file is removed while records of it come and go: uploads, replacements and
// deletions run against a collector that has next to no grace.
func TestCollect_AgainstUploads(t *testing.T) {
	hasty := Pace{Walk: time.Millisecond, Grace: time.Millisecond, Tell: 10 * time.Millisecond}
	members := startPaced(t, 1, hasty, all)
	store := members[0].store
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := range 40 {
				key := fmt.Sprintf("%d-%d", w, i%5)
				body := fmt.Sprintf("%s at %d", key, i)
				o, err := store.Put(t.Context(), PutRequest{Bucket: "photos", Key: key, Body: strings.NewReader(body), Size: int64(len(body))})
				if err != nil {
					t.Errorf("%s: %v", key, err)
					return
				}
				if got, err := content(store.disk, BlobOf(o)); err != nil || got != body {
					t.Errorf("right after its upload %s is %q, %v", key, got, err)
					return
				}
			}
		})
	}
	wg.Wait()
	members[0].eventually(t, func() string {
		if n := len(members[0].blobs(t)); n != 20 {
			return fmt.Sprintf("%d files for 20 objects", n)
		}
		return ""
	})
}

// Where nobody else has room an upload is refused before its body is read.
func TestPut_OthersFull(t *testing.T) {
	members := startPaced(t, 2, brisk, all)
	upload(t, members[0], "a", "fits")
	members[1].store.disk.most = 1
	members[0].eventually(t, func() string {
		_, err := members[0].store.Put(t.Context(), PutRequest{Bucket: "photos", Key: "b", Body: unread{t}, Size: 4})
		if !errors.Is(err, ErrFull) && (err == nil || !strings.Contains(err.Error(), string(StorageFull))) {
			return fmt.Sprint(err)
		}
		return ""
	})
	for _, st := range members[0].store.Disks(t.Context()) {
		if st.ID == "n2" && (st.Room != 0 || st.Limit != 0) {
			t.Errorf("%+v", st)
		}
	}
}

// unread is a body that may be asked for only while the others' room is not known yet.
type unread struct{ t *testing.T }

func (u unread) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func TestDisk_Bound(t *testing.T) {
	d := openDisk(t)
	d.most = 10
	write(t, d, NameBlob("photos", "a", "u1"), "12345678")
	if _, err := d.Create(3, 100); !errors.Is(err, ErrFull) {
		t.Errorf("11 bytes of 10: %v", err)
	}
	if w, err := d.Create(2, 100); err != nil {
		t.Errorf("10 bytes of 10: %v", err)
	} else {
		w.Close()
	}
	if _, err := os.Stat(filepath.Join(d.dir, asideDir)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v", err)
	}
}

// Who gets the missing copies is agreed on by all, and nobody pulls more.
func TestDue(t *testing.T) {
	seats := []string{"n1", "n2", "n3", "n4", "n5"}
	got := map[string]int{}
	for i := range 1000 {
		o := fsm.Object{Upload: fmt.Sprint("u", i), Nodes: []string{"n1", "n2", "gone"}}
		n := 0
		for _, id := range seats {
			if due(o, id, seats, 4) {
				n++
				got[id]++
			}
		}
		if n != 2 {
			t.Fatalf("%d nodes pull the two copies that are missing", n)
		}
	}
	for _, id := range []string{"n3", "n4", "n5"} {
		if got[id] < 500 {
			t.Errorf("%s pulls %d of 2000 copies: %v", id, got[id], got)
		}
	}
	if due(fsm.Object{Nodes: []string{"n1", "n2", "n3"}}, "n4", seats, 0) {
		t.Error("without a setting three nodes of five are enough")
	}
}
