//go:build !unix

package local

import "syscall"

// childAttributes asks for nothing: there are no process groups to ask for.
func childAttributes() *syscall.SysProcAttr { return nil }
