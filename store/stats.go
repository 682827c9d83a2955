package store

import (
	"os"
	"path/filepath"
	"time"
)

// Stats is a glance at a store.
type Stats struct {
	Applied   uint64        // updates since Open that wrote something
	Durable   uint64        // how many of these are in the file
	Unflushed int           // bytes in memory that are not in the file
	Views     int           // open views and snapshots
	FileBytes int64         // size of the file; only Restore and Compact make it smaller
	FreeBytes int64         // of them in gaps, which the next rows fill
	Flushes   uint64        // since Open
	FlushRows uint64        // rows that they wrote
	FlushSize uint64        // bytes of them
	LastFlush time.Duration // how long the last one took
	FlushTime time.Duration // all of them together
}

// Stats returns the figures of this moment.
func (s *Store) Stats() Stats {
	var size int64
	if info, err := os.Stat(filepath.Join(s.dir, stateName)); err == nil {
		size = info.Size()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var free int64
	if s.file != nil {
		free = int64(s.file.db.Stats().FreeAlloc)
	}
	st := Stats{
		Applied:   s.applied,
		Durable:   s.durable,
		Views:     int(s.views.Load()),
		FileBytes: size,
		FreeBytes: free,
		Flushes:   s.flushed.count,
		FlushRows: s.flushed.rows,
		FlushSize: s.flushed.bytes,
		LastFlush: s.flushed.last,
		FlushTime: s.flushed.all,
	}
	for _, o := range [...]*overlay{s.now.live, s.now.frozen} {
		if o != nil {
			st.Unflushed += o.bytes
		}
	}
	return st
}
