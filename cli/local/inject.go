package local

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
)

// CannotInject says why the system calls of a process cannot be made to fail here; "" if they can.
func CannotInject() string {
	if _, err := exec.LookPath("strace"); err != nil {
		return "NOT RUN: there is no strace here (on Debian: apt-get install strace)"
	}
	return ""
}

// Inject lets each fsync and fdatasync of the process be as strace's inject says ("delay_enter=60000000", in µs; "error=EIO"),
// of all files or of those named, until mend is called. A process that ends meanwhile is gone only then: strace keeps the thread
// that waits.
func (p *Process) Inject(what string, files ...string) (mend func(), err error) {
	args := []string{"-f", "-qq", "-o", os.DevNull, "-e", "trace=fsync,fdatasync", "-e", "inject=fsync,fdatasync:" + what, "-p", strconv.Itoa(p.Pid())}
	for _, f := range files {
		args = append(args, "-P", f)
	}
	c := exec.Command("strace", args...)
	if err := c.Start(); err != nil {
		return nil, fmt.Errorf("strace: %w", err)
	}
	return func() {
		c.Process.Kill()
		c.Wait()
	}, nil
}
