package node

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	wal "github.com/hashicorp/raft-wal"
	walfs "github.com/hashicorp/raft-wal/fs"
	"github.com/hashicorp/raft-wal/metadb"
	"github.com/hashicorp/raft-wal/segment"
	"github.com/hashicorp/raft-wal/types"
)

const (
	walDir = "wal"
	// walSegment is the size of a segment, in bytes, which is taken from the file system when it begins.
	walSegment = 16 << 20
)

// openSegments opens a log in segments, or makes one in an empty folder.
func openSegments(folder string) (*wal.WAL, error) {
	if err := mendSegments(folder); err != nil {
		return nil, fmt.Errorf("open the log in %s: %w", folder, err)
	}
	contents := &metadb.BoltMetaDB{}
	w, err := wal.Open(folder, wal.WithSegmentSize(walSegment), wal.WithMetaStore(contents), wal.WithLogger(newRaftLog(slog.New(slog.DiscardHandler))))
	if err != nil {
		return nil, fmt.Errorf("open the log in %s: %w", folder, errors.Join(err, contents.Close()))
	}
	// The library syncs a segment's name with the first append by the process that made it. If that one made it and ended, nobody would.
	if err := syncDir(folder); err != nil {
		return nil, fmt.Errorf("open the log in %s: %w", folder, errors.Join(err, w.Close()))
	}
	return w, nil
}

// mendSegments brings a log into a shape in which the library may have it, or refuses one that was damaged.
func mendSegments(folder string) (err error) {
	contents := &metadb.BoltMetaDB{}
	defer func() { err = errors.Join(err, contents.Close()) }()
	state, err := contents.Load(folder)
	if err != nil {
		return err
	}
	whole := true
	for _, s := range state.Segments {
		if whole, err = checkSegment(filepath.Join(folder, segment.FileName(s)), !s.SealTime.IsZero()); err != nil {
			return err
		}
	}
	if len(state.Segments) == 0 || !state.Segments[len(state.Segments)-1].SealTime.IsZero() {
		return nil
	}
	return endFullSegment(folder, contents, state, whole)
}

// endFullSegment does what a process that died between the append that filled a segment and the next table of contents has left
// undone: the segment takes no more entries, and the table does not say so. Version 0.4.2 of the library opens such a log and then
// refuses every append for ever. If that append is not whole, the segment is not full.
func endFullSegment(folder string, contents *metadb.BoltMetaDB, state types.PersistentState, whole bool) error {
	last := &state.Segments[len(state.Segments)-1]
	tail, err := segment.NewFiler(folder, walfs.New()).RecoverTail(*last)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // the process died before it made the file; opening makes it
	}
	if err != nil {
		return err
	}
	full, index, err := tail.Sealed()
	if err != nil || !full {
		return errors.Join(err, tail.Close())
	}
	end := tail.LastIndex()
	if err := tail.Close(); err != nil {
		return err
	}
	if !whole {
		return cutIndex(filepath.Join(folder, segment.FileName(*last)), int64(index))
	}
	now := time.Now()
	last.SealTime, last.MaxIndex, last.IndexStart = now, end, index
	next := *last
	next.ID, next.BaseIndex, next.MinIndex, next.MaxIndex, next.IndexStart = state.NextSegmentID, end+1, end+1, 0, 0
	next.CreateTime, next.SealTime = now, time.Time{}
	state.Segments = append(state.Segments, next)
	state.NextSegmentID++
	return contents.CommitState(state)
}

// cutIndex takes the index out of a segment's file, which was torn when it was written, with all that is behind it: the segment then
// takes entries again, behind the last that is whole.
func cutIndex(path string, begins int64) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	s, err := f.Stat()
	if err != nil {
		return err
	}
	// Cut, and made as long again: what is gained reads as zeros, which is how a segment ends.
	if err := errors.Join(f.Truncate(begins-walFrame), f.Truncate(s.Size())); err != nil {
		return err
	}
	return f.Sync()
}
