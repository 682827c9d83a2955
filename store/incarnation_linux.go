package store

import (
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// incarnation tells a file from all others that were or will be at this path, and this run of the machine from all others: one that
// was made in its place is another, also where it got the old one's number; one that was copied over it is not. It is empty where
// the system does not know when a file was made.
func incarnation(path string) string {
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "" // no /proc here
	}
	var s unix.Statx_t
	const wanted = unix.STATX_INO | unix.STATX_BTIME
	if err := unix.Statx(unix.AT_FDCWD, path, 0, wanted, &s); err != nil || s.Mask&wanted != wanted {
		return "" // an old kernel, a sandbox that does not know the call, a file system without
	}
	return fmt.Sprintf("boot %s, device %d:%d, file %d made %d.%09d\n", strings.TrimSpace(string(boot)), s.Dev_major, s.Dev_minor, s.Ino, s.Btime.Sec, s.Btime.Nsec)
}
