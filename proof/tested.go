package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// workshop makes a folder for all that a command needs while it runs, in memory where there is a file system for that: nothing
// in it has to outlive the machine's power.
func workshop() (string, error) {
	if _, err := os.Stat("proof/main.go"); err != nil {
		return "", errors.New("run it in the folder that has go.mod: it compiles tests of this module")
	}
	parent := os.TempDir()
	if shm, err := os.Stat("/dev/shm"); err == nil && shm.IsDir() && os.Getenv("TMPDIR") == "" {
		parent = "/dev/shm"
	}
	return os.MkdirTemp(parent, "proof-")
}

// tested is a run of some of a package's tests, compiled first, so that what is timed is the tests.
type tested struct {
	Package string // ./fsm
	Run     string // which tests
	Dir     string // for the binary, and what the tests leave until they end
	Args    []string
	Build   []string // flags of the compiler
}

// run gives the processor time that the tests took, and an error if they failed.
func (t tested) run(ctx context.Context, out io.Writer) (cpu time.Duration, err error) {
	binary := filepath.Join(t.Dir, "tests")
	args := append(append([]string{"test", "-c", "-o", binary}, t.Build...), t.Package)
	build := exec.CommandContext(ctx, "go", args...)
	build.Stdout, build.Stderr = out, out
	if err := build.Run(); err != nil {
		return 0, fmt.Errorf("compile the tests of %s: %w", t.Package, err)
	}
	run := exec.CommandContext(ctx, binary, append([]string{"-test.timeout", "0", "-test.run", t.Run}, t.Args...)...)
	run.Dir, run.Stdout, run.Stderr = t.Package, out, out
	run.Env = append(os.Environ(), "TMPDIR="+t.Dir)
	if os.Getenv("GOGC") == "" {
		run.Env = append(run.Env, "GOGC=400") // small worlds: memory is there to be used
	}
	err = run.Run()
	if s := run.ProcessState; s != nil {
		cpu = s.UserTime() + s.SystemTime()
	}
	if err != nil {
		return cpu, fmt.Errorf("the tests %s of %s: %w", t.Run, t.Package, err)
	}
	return cpu, nil
}

// writeReport writes a file into a folder that it makes if there is none.
func writeReport(dir, name string, write func(io.Writer)) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	f, err := os.Create(filepath.Join(dir, name))
	if err != nil {
		return err
	}
	write(f)
	return f.Close()
}
