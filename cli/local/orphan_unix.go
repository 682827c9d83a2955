//go:build unix && !linux

package local

import "syscall"

// childAttributes gives a child its own process group. There is no parent-death signal here: children of a killed
// process go on until they are stopped by hand.
func childAttributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
