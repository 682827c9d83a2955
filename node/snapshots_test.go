package node

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/raft"
)

// TestSnapshots_steady: what is written piece by piece, more of it than is sent to the disk at a time, is what is read, and the
// sink may be closed again, as Raft does.
func TestSnapshots_steady(t *testing.T) {
	dir := t.TempDir()
	snaps, err := openSnapshots(dir, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if newest, _, err := snaps.newest(); newest != nil || err != nil {
		t.Errorf("%+v, %v", newest, err)
	}
	_, at := raft.NewInmemTransport("")
	defer at.Close()
	begin := func(index uint64) raft.SnapshotSink {
		sink, err := snaps.Create(raft.SnapshotVersionMax, index, 1, raft.Configuration{}, 1, at)
		if err != nil {
			t.Fatal(err)
		}
		return sink
	}
	sink, want := begin(7), bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	for range 11 {
		if _, err := sink.Write(want); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		if err := sink.Close(); err != nil {
			t.Fatal(err)
		}
	}
	_, r, err := snaps.Open(sink.ID())
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, bytes.Repeat(want, 11)) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	sink = begin(8)
	if err := sink.Cancel(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(snaps.folder, sink.ID()+snapshotPending)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a snapshot that was given up: %v", err)
	}
}

// TestBreathing: it rests as long as it worked, up to a limit, and ends with its context.
func TestBreathing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		pace := breathing(ctx, 1, 2*time.Second)
		began := time.Now()
		for range 10 {
			time.Sleep(time.Second) // the work
			if err := pace(scrubStep); err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(began); took != 20*time.Second {
			t.Errorf("ten seconds' work took %s", took)
		}
		time.Sleep(time.Minute)
		if err := pace(scrubStep); err != nil || time.Since(began) != 82*time.Second {
			t.Errorf("it rested until %s after the beginning (%v), want 1m22s", time.Since(began), err)
		}
		cancel()
		time.Sleep(time.Second)
		if err := pace(scrubStep); !errors.Is(err, context.Canceled) {
			t.Errorf("after the end: %v", err)
		}
	})
}
