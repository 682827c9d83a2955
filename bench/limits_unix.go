//go:build unix

package bench

import (
	"fmt"
	"syscall"
)

// raiseFiles lets this process and those that it starts from now on open n files, if the system allows.
//
// Go restores the limit of its own start for children unless the program has set one itself.
func raiseFiles(n uint64) error {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("open files: %w", err)
	}
	if uint64(limit.Max) < n {
		return fmt.Errorf("%d open files are needed, and this system allows %d: raise it with ulimit -Hn, or park fewer polls", n, limit.Max)
	}
	limit.Cur = limit.Max
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("open files: %w", err)
	}
	return nil
}
