package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// ErrStorageFull: the disks have no room for more. Nothing was written.
var ErrStorageFull = errors.New("node: the disks are full; nothing was written")

// ErrBehind: this node's disk is full, and what the read must see has not come
// here. Other nodes may have it.
var ErrBehind = errors.New("node: this node's disk is full, and it is behind")

// room is what a node's disk can take.
type room int

const (
	ample room = iota
	low        // less than Config.MinFree: somebody else should lead, or nobody adds to what there is
	full       // less than a quarter of it: no entry is appended to the log any more
)

func (r room) String() string {
	switch r {
	case low:
		return "low"
	case full:
		return "full"
	}
	return "ample"
}

// space watches the room on the data folder's file system.
//
// A commit of bbolt that fails ends the process, so nothing may be begun that
// does not fit: entries are refused before bbolt is touched, while there still is
// a reserve for the flush of what was applied, for term and vote. The reserve is
// for the time it takes to notice; other programs may fill the disk, too.
type space struct {
	dir   string
	least int64
	ask   func(dir string) (free, size uint64) // zeros if the system does not say
	log   *slog.Logger

	mu    sync.Mutex
	now   room
	known bool
	left  int64 // bytes, as of the last look
}

// What is kept back, as parts of Config.MinFree.
const (
	logKeeps   = 4  // entries end at a quarter of it
	flushKeeps = 16 // flushes of the state at a sixteenth
)

// look asks the file system. What it does not tell is taken for ample: writing
// will show. Room has come back with a quarter more than it was lost at.
func (s *space) look() room {
	free, size := s.ask(s.dir)
	s.mu.Lock()
	defer s.mu.Unlock()
	left := int64(free)
	if s.known = size > 0; !s.known {
		s.now, s.left = ample, 0
		return s.now
	}
	was := s.now
	s.left = left
	switch {
	case left < s.least/logKeeps:
		s.now = full
	case was == full && left < s.least/logKeeps*5/4:
	case left < s.least, was != ample && left < s.least*5/4:
		s.now = low
	default:
		s.now = ample
	}
	if s.now != was {
		s.log.Warn("room on the disk", "is", s.now.String(), "was", was.String(), "free_mb", left>>20, "least_mb", s.least>>20)
	}
	return s.now
}

// last is what the last look has shown.
func (s *space) last() (room, int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now, s.left
}

// errNoRoom: it was not begun, since it would not have fitted.
var errNoRoom = errors.New("the disk is full")

// take says whether so many bytes may be written and leave a part of the reserve.
func (s *space) take(bytes, keeps int64) error {
	s.look()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.known && s.left-bytes < s.least/keeps {
		return fmt.Errorf("%w: %d MiB are free in %s", errNoRoom, s.left>>20, s.dir)
	}
	return nil
}

// watchSpace looks every second, until ctx ends.
func (n *Node) watchSpace(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		n.space.look()
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// mayFlush is asked before the state is flushed, and watches over the flush. It
// hangs for long before the node ends: it is not on the way of an answer.
func (n *Node) mayFlush() (done func(), err error) {
	if err := n.space.take(0, flushKeeps); err != nil {
		return nil, err
	}
	watch := diskWatch{limit: 3 * n.cfg.Timing.DiskStall, exit: n.cfg.Exit, log: n.log}
	return watch.during("the state"), nil
}
