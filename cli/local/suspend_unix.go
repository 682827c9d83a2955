//go:build unix

package local

import "syscall"

// CannotSuspend says why processes cannot be stopped here; "" if they can.
func CannotSuspend() string { return "" }

// Suspend stops the process as a machine that swaps, or is moved, does.
func (p *Process) Suspend() error { return syscall.Kill(p.Pid(), syscall.SIGSTOP) }

// Resume lets it go on.
func (p *Process) Resume() error { return syscall.Kill(p.Pid(), syscall.SIGCONT) }
