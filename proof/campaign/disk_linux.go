package campaign

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

func canLimit(*campaign) string { return "" }

// limitFiles has a process write no file beyond so many bytes.
func limitFiles(pid int, bytes uint64) error {
	return unix.Prlimit(pid, unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: bytes, Max: bytes}, nil)
}

// smallDisk is the size in MiB of the file system that can be filled: large enough for what a node writes in hours.
const smallDisk = 3 << 10

// canFill says whether there is a file system that can be filled.
func canFill(x *campaign) string {
	if err := tryMount(x.dir); err != nil {
		return fmt.Sprintf("NOT RUN: a small file system cannot be mounted: %v; run it as root", err)
	}
	return ""
}

func tryMount(dir string) error {
	at := filepath.Join(dir, "mount")
	if err := os.MkdirAll(at, 0o700); err != nil {
		return err
	}
	if err := unix.Mount("stoker-campaign", at, "tmpfs", 0, "size=1m"); err != nil {
		return err
	}
	return errors.Join(unix.Unmount(at, unix.MNT_DETACH), os.Remove(at))
}

// mountOne gives the last seat's node a file system of its own, if this machine lets us.
func (f *fleet) mountOne() {
	last := len(f.seats) - 1
	if f.mount(f.seats[last].node.ID) == nil {
		f.tmpfs = last
	}
}

// mount puts a small file system to where a node has its data.
func (f *fleet) mount(id string) error {
	at := f.data(id)
	if err := os.MkdirAll(at, 0o700); err != nil {
		return err
	}
	if err := unix.Mount("stoker-campaign", at, "tmpfs", 0, fmt.Sprintf("size=%dm", smallDisk)); err != nil {
		return err
	}
	f.mounts = append(f.mounts, at)
	return nil
}

func (f *fleet) unmount() {
	for _, at := range f.mounts {
		unix.Unmount(at, unix.MNT_DETACH)
	}
	f.mounts = nil
}

// fullDisk leaves a node less room than it wants, or next to none.
func fullDisk(ctx context.Context, b *blow) error {
	if b.tmpfs < 0 {
		return fmt.Errorf("%w: no node has a small file system", errUnfit)
	}
	b.hits(b.tmpfs)
	free := int64(6)
	if b.dice.IntN(2) == 0 {
		free = 40
	}
	b.event.Note = fmt.Sprintf("%d MiB free", free)
	disk := b.data(b.at(b.tmpfs).node.ID)
	ballast := filepath.Join(disk, "ballast")
	f, err := os.Create(ballast)
	if err != nil {
		return err
	}
	defer os.Remove(ballast)
	defer f.Close()
	err = syscall.ENOSPC
	for tries := 0; errors.Is(err, syscall.ENOSPC) && tries < 10; tries++ { // the node takes room too, 16 MiB at once for its log
		var fs unix.Statfs_t
		if err := unix.Statfs(disk, &fs); err != nil {
			return err
		}
		left := int64(fs.Bavail) * int64(fs.Bsize)
		if left <= free<<20 {
			err = nil // it has done so itself
			break
		}
		err = syscall.Fallocate(int(f.Fd()), 0, 0, left-free<<20)
	}
	if err != nil {
		return err
	}
	return b.hold(ctx, 2*time.Second, 8*time.Second)
}
