//go:build unix

package cli

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"stoker/cli/local"
	"stoker/cli/picture"
)

// running is `stoker dev` as a process.
type running struct {
	t       *testing.T
	process *exec.Cmd
	out     io.Reader
	lines   *bufio.Scanner
	notes   strings.Builder // what it said to standard error
}

// dev starts `stoker dev` and gives what it greets with.
func dev(t *testing.T, program string, args ...string) (r *running, greeting string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	t.Cleanup(cancel)
	r = &running{t: t, process: exec.CommandContext(ctx, program, append([]string{"dev"}, args...)...)}
	r.process.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	r.process.Stderr = &r.notes
	var err error
	if r.out, err = r.process.StdoutPipe(); err != nil {
		t.Fatal(err)
	}
	if err := r.process.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.process.Process.Kill() })
	r.lines = bufio.NewScanner(r.out)
	return r, r.until("Ctrl-C ends it all")
}

// until reads on to a line that holds a text, and gives all that was said up to there.
func (r *running) until(want string) string {
	r.t.Helper()
	var text strings.Builder
	for r.lines.Scan() {
		fmt.Fprintln(&text, r.lines.Text())
		if strings.Contains(r.lines.Text(), want) {
			return text.String()
		}
	}
	r.t.Fatalf("dev ended, or took too long, and had not said %q: %s%s", want, text.String(), r.notes.String())
	return ""
}

// interrupt presses Ctrl-C and waits for its end.
func (r *running) interrupt() {
	r.t.Helper()
	if err := r.process.Process.Signal(os.Interrupt); err != nil {
		r.t.Fatal(err)
	}
	for r.lines.Scan() {
	}
	if err := r.process.Wait(); err != nil {
		r.t.Errorf("dev ended with %v: %s", err, r.notes.String())
	}
}

func TestDev_StatusUserAndASecondStart(t *testing.T) {
	program := filepath.Join(t.TempDir(), "stoker")
	if out, err := exec.Command("go", "build", "-o", program, "stoker").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	t.Chdir(t.TempDir())
	seedOf(t, "photos")
	r, greeting := dev(t, program, "--nodes", "1", "--http", freeAddr(t), "--seed", "photos")
	user := regexp.MustCompile(`u_[a-z2-7]{20}`).FindString(greeting)
	if user == "" || strings.Count(greeting, "\n  curl ") != 3 || !strings.Contains(greeting, "worker token  wrk_") {
		t.Fatalf("greeting:\n%s", greeting)
	}
	if ignore, err := os.ReadFile(".stoker/.gitignore"); err != nil || string(ignore) != "*\n" {
		t.Errorf("the folder with keys is not ignored by git: %q, %v", ignore, err)
	}

	r.until(" is done: http") // the seed, which spends what it was granted for it
	if code, out, errs := command(t, Hooks{}, "job", "list", "--user", user); code != 0 || strings.Count(out, "j_") != 1 || !strings.Contains(out, "│ done ") {
		t.Errorf("job list: exit %d, %s%s", code, out, errs)
	}

	code, out, errs := command(t, Hooks{}, "status", "--json")
	var status struct{ Leader string }
	if err := json.Unmarshal([]byte(out), &status); code != 0 || err != nil || status.Leader != "n1" {
		t.Errorf("status --json: exit %d, %v, %s%s", code, err, out, errs)
	}
	if code, out, errs := command(t, Hooks{}, "status"); code != 0 || !strings.Contains(out, "│ leader") {
		t.Errorf("status: exit %d, %s%s", code, out, errs)
	}
	if code, out, errs := command(t, Hooks{}, "user", "grant", user, "32", "--reason", "a test"); code != 0 || !strings.Contains(out, "│      42 │") {
		t.Errorf("grant: exit %d, %s%s", code, out, errs)
	}
	if code, _, errs := command(t, Hooks{}, "user", "grant", user, "--reason", "too much", "--", "-43"); code != exitFailed || !strings.Contains(errs, "stoker: ") {
		t.Errorf("a grant below zero: exit %d, %s", code, errs)
	}
	if code, out, errs := command(t, Hooks{}, "user", "plan", user, "pro"); code != 0 || !strings.Contains(out, "│ pro ") {
		t.Errorf("plan: exit %d, %s%s", code, out, errs)
	}
	editApp(t, r)
	r.interrupt()

	r, again := dev(t, program, "--seed", "photos")
	r.until("--seed adds none")
	if !strings.Contains(again, user) {
		t.Errorf("the second start has another user:\n%s", again)
	}
	if code, out, errs := command(t, Hooks{}, "user", "show", user); code != 0 || !strings.Contains(out, "│      42 │") || !strings.Contains(out, "│ pro ") {
		t.Errorf("show: exit %d, %s%s", code, out, errs)
	}
	if code, _, errs := command(t, Hooks{}, "dev", "--nodes", "3"); code != exitFailed || !strings.Contains(errs, "--fresh") {
		t.Errorf("another number of nodes: exit %d, %s", code, errs)
	}
	r.interrupt()
}

// seedOf makes a folder with one picture.
func seedOf(t *testing.T, dir string) {
	t.Helper()
	var room bytes.Buffer
	err := errors.Join(os.Mkdir(dir, 0o755), picture.WriteRoom(&room, 1), os.WriteFile(filepath.Join(dir, "room.jpg"), room.Bytes(), 0o644))
	if err != nil {
		t.Fatal(err)
	}
}

// editApp edits the app's configuration while dev runs: it is in force a moment later, however the editor writes it; what is wrong
// leaves the last good one in force.
func editApp(t *testing.T, r *running) {
	t.Helper()
	if code, out, errs := command(t, Hooks{}, "config", "pull"); code != 0 {
		t.Fatalf("config pull: exit %d, %s%s", code, out, errs)
	}
	pulled, err := os.ReadFile("stoker.app.toml")
	if err != nil {
		t.Fatal(err)
	}
	priced := func(price string) []byte {
		return []byte(strings.ReplaceAll(string(pulled), "price = 1 ", "price = "+price+" "))
	}
	inForce := func(want string) {
		t.Helper()
		r.until("is version " + want + " and in force")
		if _, out, _ := command(t, Hooks{}, "versions", "list"); !strings.Contains(out, want+" in force") {
			t.Errorf("version %s is not in force:\n%s", want, out)
		}
	}
	if err := os.WriteFile("stoker.app.toml", priced("2"), 0o644); err != nil {
		t.Fatal(err)
	}
	inForce("2")
	if err := os.WriteFile("stoker.app.toml", priced("-1"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("new.toml", priced("3"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename("new.toml", "stoker.app.toml"); err != nil {
		t.Fatal(err)
	}
	inForce("3")
	if err := os.Remove("stoker.app.toml"); err != nil {
		t.Fatal(err)
	}
}

// freeAddr is an address that dev takes: a free port whose cluster port is free too.
func freeAddr(t *testing.T) string {
	t.Helper()
	for range 20 {
		nodes, err := local.Anywhere(1)
		if err != nil {
			t.Fatal(err)
		}
		addr := fmt.Sprintf("127.0.0.1:%d", nodes[0].HTTP)
		if _, err := local.InOrder(1, addr); err == nil {
			return addr
		}
	}
	t.Fatal("no free pair of ports")
	return ""
}
