package backup

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"stoker/fsm"
)

// TestKeeper_makesAndDeletes: the first backup is made at once, the next when it
// is due by what is on record, and old ones go; a file of somebody else stays.
func TestKeeper_makesAndDeletes(t *testing.T) {
	h := newHouse(t, "n1", t.TempDir())
	h.populate(1)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "stoker-20200101T000000Z.tar"), []byte("somebody's own"), 0o600); err != nil {
		t.Fatal(err)
	}
	schedule, err := ParseSchedule("every 6h")
	if err != nil {
		t.Fatal(err)
	}
	var late atomic.Int64 // hours
	broken := errors.New("no keys")
	var fail atomic.Bool
	k := &Keeper{
		Node: h.node, Objects: h.store, Schedule: schedule, Blobs: Included, Keep: 2, Log: quiet(),
		Now: func() time.Time { return time.Now().Add(time.Duration(late.Load()) * time.Hour) },
		To: func(context.Context) (Place, error) {
			if fail.Load() {
				return nil, broken
			}
			return Folder(dir), nil
		},
	}
	ctx := t.Context()
	listed := func() []fsm.Backup { return h.view().Backups() }
	round := func() {
		if k.due() {
			k.attempt(ctx)
		}
		k.tidy(ctx)
	}
	for hour, want := range []int{1, 1, 1, 1, 1, 1, 2} { // backups on record after so many hours
		late.Store(int64(hour))
		if round(); len(listed()) != want {
			t.Fatalf("after %d h: %+v", hour, listed())
		}
	}
	first := listed()[1]
	if b := listed()[0]; b.Node != "n1" || b.Place != dir || b.Blobs != 1 || b.Bytes == 0 || b.Missing != 0 || b.Error != "" {
		t.Errorf("recorded %+v", b)
	}
	for _, hour := range []int64{12, 18} {
		late.Store(hour)
		round()
	}
	if all := listed(); len(all) != 2 || all[1].Index == first.Index {
		t.Errorf("two are kept: %+v", all)
	}
	if _, err := os.Stat(filepath.Join(dir, first.File)); !os.IsNotExist(err) {
		t.Errorf("the file of the oldest: %v", err)
	}
	if files, err := os.ReadDir(dir); err != nil || len(files) != 3 {
		t.Errorf("in the folder: %v %v", files, err)
	}
	newest, err := os.Open(filepath.Join(dir, listed()[0].File))
	if err != nil {
		t.Fatal(err)
	}
	defer newest.Close()
	if _, err := Verify(newest, t.TempDir()); err != nil {
		t.Error(err)
	}

	fail.Store(true)
	late.Store(24)
	round()
	if b := listed()[0]; b.Error != broken.Error() || b.File != "" {
		t.Errorf("a failure is recorded as %+v", b)
	}
	if k.due() {
		t.Error("a failed attempt is made again at once")
	}
	fail.Store(false)
	late.Store(25)
	if round(); listed()[0].Error != "" {
		t.Error("a failed attempt is not made again")
	}
	if last, ok := h.view().LastBackup(); !ok || last.Index != listed()[0].Index {
		t.Errorf("the last one is %+v", last)
	}
}

// TestKeeper_secretPut: a cluster that has just begun cannot have the secrets that its backups need. The first attempt fails for
// want of them, and they are no sooner there than it is made again.
func TestKeeper_secretPut(t *testing.T) {
	h := newHouse(t, "n1", t.TempDir())
	schedule, err := ParseSchedule("every 6h")
	if err != nil {
		t.Fatal(err)
	}
	k := &Keeper{
		Node: h.node, Objects: h.store, Schedule: schedule, Blobs: Included, Log: quiet(), Now: time.Now,
		To: func(context.Context) (Place, error) { return nil, errors.New("the secret s3-key is missing") },
	}
	apply(h, fsm.PutSecret{Name: "other", Sealed: []byte("sealed")})
	k.attempt(t.Context())
	if all := h.view().Backups(); len(all) != 1 || all[0].Error == "" || k.due() {
		t.Errorf("on record %+v, due again: %v", all, k.due())
	}
	apply(h, fsm.PutSecret{Name: "s3-key", Sealed: []byte("sealed")})
	if !k.due() {
		t.Error("it waits, though the secret is there")
	}
	k.attempt(t.Context())
	if k.due() {
		t.Error("a secret that did not help has it tried again and again")
	}
}
