package local

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// Command says what to run.
type Command struct {
	Name string    // for messages
	Path string    // binary; empty: this one
	Args []string  // without the binary
	Log  string    // file that takes standard output and error, appended
	Tap  io.Writer // gets a copy of both; nil: none
}

// Process is one running child.
type Process struct {
	Name string
	Log  string

	cmd     *exec.Cmd
	ended   chan struct{}
	err     error // once ended is closed
	meant   atomic.Bool
	logFile *os.File
}

// Launch starts the child. It does not wait for it to be of use; see WaitReady.
func Launch(c Command) (*Process, error) {
	if c.Path == "" {
		self, err := os.Executable()
		if err != nil {
			return nil, fmt.Errorf("%s: cannot find this binary: %w", c.Name, err)
		}
		c.Path = self
	}
	if err := os.MkdirAll(filepath.Dir(c.Log), 0o700); err != nil {
		return nil, fmt.Errorf("%s: %w", c.Name, err)
	}
	file, err := os.OpenFile(c.Log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.Name, err)
	}
	p := &Process{Name: c.Name, Log: c.Log, ended: make(chan struct{}), logFile: file}
	p.cmd = exec.Command(c.Path, c.Args...)
	p.cmd.Env = ownEnvironment()
	p.cmd.SysProcAttr = childAttributes()
	var out io.Writer = file
	if c.Tap != nil {
		out = io.MultiWriter(file, c.Tap)
	}
	p.cmd.Stdout, p.cmd.Stderr = out, out // the same writer: exec gives the child one pipe, and lines stay in order
	started := make(chan error)
	go p.run(started)
	if err := <-started; err != nil {
		file.Close()
		return nil, fmt.Errorf("%s: %w", c.Name, err)
	}
	return p, nil
}

// run holds its thread from the child's start to its end: Linux sends the parent-death signal when the thread that
// started the child ends, not the process (https://github.com/golang/go/issues/27505).
func (p *Process) run(started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := p.cmd.Start(); err != nil {
		started <- err
		return
	}
	started <- nil
	p.err = p.cmd.Wait()
	p.logFile.Close()
	close(p.ended)
}

// Pid is the child's process id, for the system's tools.
func (p *Process) Pid() int { return p.cmd.Process.Pid }

// Ended is closed when the child has ended.
func (p *Process) Ended() <-chan struct{} { return p.ended }

// Alive reports whether the child runs.
func (p *Process) Alive() bool {
	select {
	case <-p.ended:
		return false
	default:
		return true
	}
}

// Failure is why the child ended though nobody asked it to; nil while it runs and after Kill or Stop.
func (p *Process) Failure() error {
	if p.Alive() || p.meant.Load() {
		return nil
	}
	state := "exit status 0"
	if p.err != nil {
		state = p.err.Error()
	}
	return fmt.Errorf("%s ended by itself: %s; the end of %s:\n%s", p.Name, state, p.Log, p.tail(12))
}

// Wait returns when a child that is to end by itself has, with an error if it failed or ctx ended first, which kills it.
func (p *Process) Wait(ctx context.Context) error {
	select {
	case <-p.ended:
		if p.err == nil {
			return nil
		}
		return p.Failure()
	case <-ctx.Done():
		p.Kill()
		return context.Cause(ctx)
	}
}

// Kill ends the child as a power cut would, and returns when it is gone.
func (p *Process) Kill() {
	p.meant.Store(true)
	if p.Alive() {
		p.cmd.Process.Kill() // an error means that it has just ended
	}
	<-p.ended
}

// Stop asks the child to end and waits for it; when ctx ends first it is killed.
func (p *Process) Stop(ctx context.Context) error {
	p.meant.Store(true)
	if !p.Alive() {
		return nil
	}
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		p.Kill() // this system has no such signal
		return nil
	}
	select {
	case <-p.ended:
		return nil
	case <-ctx.Done():
		p.Kill()
		return fmt.Errorf("%s did not stop in time and was killed: %w", p.Name, context.Cause(ctx))
	}
}

// poll runs try every 20 ms until it holds, the child ends, or ctx does.
func (p *Process) poll(ctx context.Context, what string, try func() bool) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !try() {
		select {
		case <-p.ended:
			return p.Failure()
		case <-ctx.Done():
			return fmt.Errorf("%s is not %s: %w; the end of %s:\n%s", p.Name, what, context.Cause(ctx), p.Log, p.tail(12))
		case <-tick.C:
		}
	}
	return nil
}

// tail is the log's last lines.
func (p *Process) tail(lines int) string {
	text, err := os.ReadFile(p.Log)
	if err != nil {
		return err.Error()
	}
	all := strings.Split(strings.TrimSpace(string(text)), "\n")
	return "  " + strings.Join(all[max(0, len(all)-lines):], "\n  ")
}

// ownEnvironment is this process's without the STOKER_ variables.
func ownEnvironment() (env []string) {
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "STOKER_") {
			env = append(env, v)
		}
	}
	return env
}
