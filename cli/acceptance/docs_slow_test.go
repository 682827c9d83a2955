//go:build slow

package acceptance

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// blocks are the shell blocks of a page, in order.
func blocks(t *testing.T, page string) string {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	var script strings.Builder
	for _, found := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
		script.WriteString(found[1])
	}
	return script.String()
}

// TestSlowDocs_QuickStart follows the page literally, in a folder with this tree's files.
func TestSlowDocs_QuickStart(t *testing.T) {
	top, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	copied := exec.Command("bash", "-c", `set -o pipefail; cd "$0" && git ls-files -co --exclude-standard -z | tar -c --null -T - | tar -x -C "$1"`, top, dir)
	if out, err := copied.CombinedOutput(); err != nil {
		t.Fatalf("the tree's files: %v\n%s", err, out)
	}
	run := exec.CommandContext(t.Context(), "bash", "-euxo", "pipefail", "-c", blocks(t, filepath.Join(top, "docs", "quickstart.md")))
	run.Dir = dir
	run.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	log, err := os.Create(filepath.Join(t.TempDir(), "said")) // a pipe would wait for the processes in the background
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	run.Stdout, run.Stderr = log, log
	err = run.Run()
	syscall.Kill(-run.Process.Pid, syscall.SIGINT) // the cluster and the worker in the background
	said, _ := os.ReadFile(log.Name())
	if err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	for _, want := range []string{"position   1", "job.done", "Version 2 is in force", "Version 3 is in force"} {
		if !strings.Contains(string(said), want) {
			t.Errorf("the page's commands say nothing of %q", want)
		}
	}
	t.Logf("%s", said)
}
