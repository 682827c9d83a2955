package bench

import (
	"context"
	"fmt"
	"io"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"stoker/cli/table"
)

// program is the whole binary: the nodes of a test are real processes.
var program string

// TestMain builds the nodes' program. Called as a worker of queue-chaos, the test's own program is one.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "bench" {
		if err := command(os.Args[1:]); err != nil {
			log.Fatal(err)
		}
		return
	}
	os.Exit(build(m))
}

// command runs a command line as the program does.
func command(args []string) error {
	var all struct {
		Bench Commands `cmd:""`
	}
	line := table.Table{Name: "stoker", Commands: []any{&all}, Out: os.Stdout, Err: os.Stderr, Run: func(command any) error {
		return command.(interface {
			Run(context.Context, io.Writer) error
		}).Run(context.Background(), os.Stdout)
	}}
	if err := line.Execute(context.Background(), args); err != nil {
		return fmt.Errorf("%q: %w", args, err)
	}
	return nil
}

func build(m *testing.M) int {
	dir, err := os.MkdirTemp("", "bench-test-")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	program = filepath.Join(dir, "stoker.exe") // the ending does no harm where it means nothing
	if out, err := exec.Command("go", "build", "-o", program, "stoker").CombinedOutput(); err != nil {
		log.Printf("go build: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}
