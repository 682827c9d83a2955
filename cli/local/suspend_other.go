//go:build !unix

package local

import "errors"

// CannotSuspend says why processes cannot be stopped here; "" if they can.
func CannotSuspend() string { return "NOT RUN: this system has no signal that stops a process" }

// Suspend is not known here.
func (p *Process) Suspend() error { return errors.ErrUnsupported }

// Resume is not known here.
func (p *Process) Resume() error { return errors.ErrUnsupported }
