//go:build unix

package hostile

import "syscall"

// mostDescriptors is how many a process may have here; 0: nobody knows. Go has raised the limit to that at its start.
func mostDescriptors() int {
	var limit syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit) != nil {
		return 0
	}
	return int(min(uint64(limit.Cur), 1<<30))
}
