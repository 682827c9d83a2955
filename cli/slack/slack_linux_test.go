package slack

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const askedForSlack = "ASKED_FOR_SLACK"

// The test's own program, started as `serve`, says what the first thread of a node would have. This file's init runs behind that of
// slack_linux.go.
func init() {
	if os.Getenv(askedForSlack) == "" {
		return
	}
	runtime.LockOSThread()
	slack, err := unix.PrctlRetInt(unix.PR_GET_TIMERSLACK, 0, 0, 0, 0)
	if err != nil {
		fmt.Println(err)
	}
	var signal int32
	if _, _, err := unix.RawSyscall(unix.SYS_PRCTL, unix.PR_GET_PDEATHSIG, uintptr(unsafe.Pointer(&signal)), 0); err != 0 {
		fmt.Println(err)
	}
	_, marked := os.LookupEnv(slackIsLeft)
	fmt.Println(time.Duration(slack), syscall.Signal(signal), len(os.Args), marked)
	os.Exit(0)
}

func TestSlack(t *testing.T) {
	for name, v := range map[string]struct {
		arg  string
		of   time.Duration // the parent's
		want string
	}{
		"a node's threads may wake late":       {"serve", usualSlack, "500µs killed 3 false"},
		"a slack that somebody has set is his": {"serve", 40 * time.Microsecond, "40µs killed 3 false"},
		"other commands are as they were":      {"status", usualSlack, "50µs killed 3 false"},
	} {
		t.Run(name, func(t *testing.T) {
			runtime.LockOSThread() // the child has the slack of the thread that starts it; this one ends with the test
			if err := unix.Prctl(unix.PR_SET_TIMERSLACK, uintptr(v.of), 0, 0, 0); err != nil {
				t.Fatal(err)
			}
			c := exec.Command(os.Args[0], v.arg, "--config=x")
			c.Env = append(os.Environ(), askedForSlack+"=1")
			c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
			out, err := c.CombinedOutput()
			if err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			if got := strings.TrimSpace(string(out)); got != v.want {
				t.Errorf("it has %q, want %q", got, v.want)
			}
		})
	}
}

// A kernel that forgets the slack when a program starts must not have the node start itself without end.
func TestSlack_once(t *testing.T) {
	c := exec.Command(os.Args[0], "serve")
	c.Env = append(os.Environ(), askedForSlack+"=1", slackIsLeft+"=1")
	out, err := c.CombinedOutput()
	if got := strings.TrimSpace(string(out)); err != nil || !strings.HasPrefix(got, "50µs") {
		t.Errorf("it has %q (%v), want 50µs, as it was started", got, err)
	}
}
