//go:build unix

package bench

import "syscall"

func canStop() string { return "" }

// suspend stops a process as a machine that swaps, or is moved, does.
func suspend(pid int) error { return syscall.Kill(pid, syscall.SIGSTOP) }

func resume(pid int) error { return syscall.Kill(pid, syscall.SIGCONT) }
