package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
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
	Overlay string // file of another source for the compiler; "" for none
	Fuzz    bool   // compiled such that the fuzzer sees which paths are taken
	Args    []string
	Timeout time.Duration // after which the tests have failed; 0: never
}

func (t tested) binary() string { return filepath.Join(t.Dir, "tests") }

// build compiles the tests.
func (t tested) build(ctx context.Context, out io.Writer) error {
	args := []string{"test", "-c", "-tags", "slow", "-vet=off", "-o", t.binary()} // a mistake may look like one
	if t.Overlay != "" {
		args = append(args, "-overlay", t.Overlay)
	}
	if t.Fuzz {
		args = append(args, "-fuzz", ".")
	}
	build := exec.CommandContext(ctx, "go", append(args, t.Package)...)
	build.Stdout, build.Stderr = out, out
	if err := build.Run(); err != nil {
		return fmt.Errorf("compile the tests of %s: %w", t.Package, err)
	}
	return nil
}

// run gives the time and the processor time that the tests took, and an error if they failed.
func (t tested) run(ctx context.Context, out io.Writer) (took, cpu time.Duration, err error) {
	args := []string{"-test.timeout", t.Timeout.String(), "-test.run", t.Run}
	for _, a := range t.Args {
		args = append(args, strings.ReplaceAll(a, overlayHere, t.Overlay))
	}
	run := exec.CommandContext(ctx, t.binary(), args...)
	run.Dir, run.Stdout, run.Stderr = t.Package, out, out
	run.Env = append(os.Environ(), "TMPDIR="+t.Dir)
	if os.Getenv("GOGC") == "" {
		run.Env = append(run.Env, "GOGC=400") // small worlds: memory is there to be used
	}
	began := time.Now()
	err = run.Run()
	took = time.Since(began)
	if s := run.ProcessState; s != nil {
		cpu = s.UserTime() + s.SystemTime()
	}
	if err != nil {
		err = fmt.Errorf("the tests %s of %s: %w", t.Run, t.Package, err)
	}
	return took, cpu, err
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
