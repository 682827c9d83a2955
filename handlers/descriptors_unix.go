//go:build unix

package handlers

import "syscall"

// descriptors is how many this process may have; 0: nobody knows.
func descriptors() uint64 {
	var limit syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit) != nil {
		return 0
	}
	return uint64(limit.Cur)
}
