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

	"github.com/alecthomas/kong"
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
	var table struct {
		Bench Commands `cmd:""`
	}
	parser, err := kong.New(&table,
		kong.BindTo(context.Background(), (*context.Context)(nil)), kong.BindTo(os.Stdout, (*io.Writer)(nil)))
	if err != nil {
		return err
	}
	line, err := parser.Parse(args)
	if err != nil {
		return fmt.Errorf("%q: %w", args, err)
	}
	return line.Run()
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
