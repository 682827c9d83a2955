//go:build unix

package cli

import (
	"bufio"
	"bytes"
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
	"stoker/client"
)

// dev runs `stoker dev` as a process until it has greeted, and gives its greeting and a way to press Ctrl-C.
func dev(t *testing.T, program string, args ...string) (greeting string, interrupt func()) {
	t.Helper()
	c := exec.Command(program, append([]string{"dev"}, args...)...)
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var notes strings.Builder
	c.Stderr = &notes
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Process.Kill() })
	var text strings.Builder
	for lines := bufio.NewScanner(out); lines.Scan(); {
		fmt.Fprintln(&text, lines.Text())
		if strings.Contains(lines.Text(), "Ctrl-C ends it all") {
			return text.String(), func() {
				if err := c.Process.Signal(os.Interrupt); err != nil {
					t.Fatal(err)
				}
				io.Copy(io.Discard, out)
				if err := c.Wait(); err != nil {
					t.Errorf("dev ended with %v: %s", err, notes.String())
				}
			}
		}
	}
	t.Fatalf("dev ended before it greeted: %s%s", text.String(), notes.String())
	return "", nil
}

func TestDev_StatusUserAndASecondStart(t *testing.T) {
	program := filepath.Join(t.TempDir(), "stoker")
	if out, err := exec.Command("go", "build", "-o", program, "stoker").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	t.Chdir(t.TempDir())
	seedOf(t, "photos")
	greeting, interrupt := dev(t, program, "--nodes", "1", "--http", freeAddr(t), "--seed", "photos")
	user := regexp.MustCompile(`u_[a-z2-7]{20}`).FindString(greeting)
	if user == "" || strings.Count(greeting, "\n  curl ") != 3 || !strings.Contains(greeting, "worker token  wrk_") {
		t.Fatalf("greeting:\n%s", greeting)
	}
	if ignore, err := os.ReadFile(".stoker/.gitignore"); err != nil || string(ignore) != "*\n" {
		t.Errorf("the folder with keys is not ignored by git: %q, %v", ignore, err)
	}

	seeded(t, user) // which spends what it was granted for it

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
	editApp(t)
	interrupt()

	again, interrupt := dev(t, program, "--seed", "photos") // which there is no need for now
	if !strings.Contains(again, user) {
		t.Errorf("the second start has another user:\n%s", again)
	}
	if code, out, errs := command(t, Hooks{}, "user", "show", user); code != 0 || !strings.Contains(out, "│      42 │") || !strings.Contains(out, "│ pro ") {
		t.Errorf("show: exit %d, %s%s", code, out, errs)
	}
	if code, _, errs := command(t, Hooks{}, "dev", "--nodes", "3"); code != exitFailed || !strings.Contains(errs, "--fresh") {
		t.Errorf("another number of nodes: exit %d, %s", code, errs)
	}
	interrupt()
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

// seeded waits until the user's one job is done.
func seeded(t *testing.T, user string) {
	t.Helper()
	out := ""
	for end := time.Now().Add(time.Minute); time.Now().Before(end); <-time.After(50 * time.Millisecond) {
		var jobs client.JobLines
		_, out, _ = command(t, Hooks{}, "job", "list", "--user", user, "--json")
		if json.Unmarshal([]byte(out), &jobs) == nil && len(jobs.Jobs) == 1 && jobs.Jobs[0].Status == client.Done {
			return
		}
	}
	t.Errorf("--seed made no job, or not one:\n%s", out)
}

// editApp edits the app's configuration while dev runs: it is in force a moment later, however the editor writes it; what is wrong
// leaves the last good one in force.
func editApp(t *testing.T) {
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
		out := ""
		for end := time.Now().Add(30 * time.Second); time.Now().Before(end); <-time.After(50 * time.Millisecond) {
			if _, out, _ = command(t, Hooks{}, "versions", "list"); strings.Contains(out, want+" in force") {
				return
			}
		}
		t.Errorf("version %s is not in force:\n%s", want, out)
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
