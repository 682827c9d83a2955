package store

import (
	"os"

	"golang.org/x/sys/unix"
)

// writeBehind has the disk begin with what was written to a file between two offsets, and waits for what was before, as long
// again: then that much at most is on its way. What has arrived leaves the page cache, where the state's own pages are of more
// use. Nothing is durable by that: the file is still to be synced, and whoever syncs it is told what a disk could not write.
func writeBehind(f *os.File, from, to int64) {
	fd, n := int(f.Fd()), to-from
	_ = unix.SyncFileRange(fd, from, n, unix.SYNC_FILE_RANGE_WRITE) // not every file system can
	if before := max(0, from-n); before < from {
		_ = unix.SyncFileRange(fd, before, from-before, unix.SYNC_FILE_RANGE_WAIT_BEFORE|unix.SYNC_FILE_RANGE_WRITE|unix.SYNC_FILE_RANGE_WAIT_AFTER)
		_ = unix.Fadvise(fd, before, from-before, unix.FADV_DONTNEED)
	}
}
