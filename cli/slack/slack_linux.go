package slack

import (
	"os"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// timerSlack is by how much Linux may wake a thread of a node late, so that it wakes it less often. Go's runtime has a thread that looks
// after the others and sleeps for 20 µs between two looks whenever there is work: with the kernel's own 50 µs that is a timer every
// 70 µs for a node that does little, and a virtual machine pays for each. What a node itself waits for are milliseconds.
// docs/performance.md has what it is worth.
const timerSlack = 500 * time.Microsecond

const (
	usualSlack  = 50 * time.Microsecond
	slackIsLeft = "STOKER_TIMER_SLACK_IS_LEFT" // in the environment: this program has started itself once
)

// A thread has the slack of the thread that began it, and that of the runtime is there before any code of ours. So the program starts
// itself again, in the same process: here, since a child's signal of its parent's death is the first thread's, on which init runs and
// nothing else is sure to. A slack that somebody else has set (systemd's TimerSlackNSec=) stays.
func init() {
	if len(os.Args) < 2 || os.Args[1] != "serve" {
		return
	}
	_, again := os.LookupEnv(slackIsLeft)
	os.Unsetenv(slackIsLeft)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	slack, err := unix.PrctlRetInt(unix.PR_GET_TIMERSLACK, 0, 0, 0, 0)
	if again || err != nil || time.Duration(slack) != usualSlack {
		return
	}
	self, err := os.Executable()
	if err != nil || unix.Prctl(unix.PR_SET_TIMERSLACK, uintptr(timerSlack), 0, 0, 0) != nil {
		return
	}
	// Where it cannot be started again, it goes on as it is.
	unix.Exec(self, os.Args, append(os.Environ(), slackIsLeft+"=1"))
}
