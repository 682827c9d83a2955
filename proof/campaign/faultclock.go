package campaign

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"stoker/cli/local"
)

// A program in Go reads the clock without a system call, so nothing outside of it can lie to it, and the machine's own clock is
// not ours to set. So there is a second program: the same source, built with a package time whose wall clock (and only that) is
// off by what stands in a file. A node runs it for as long as its clock steps.

var clockFaults = []fault{
	{"clock-step", ofClock, "a node's wall clock steps back and forth by up to a minute and a half, while it leads or not", canStep, steps},
}

// clockVariable names the file to the program.
const clockVariable = "CAMPAIGN_CLOCK"

// longEnough is what a campaign must last for the second program to be built: that takes a minute or more.
const longEnough = 10 * time.Minute

func canStep(x *campaign) string {
	switch _, err := exec.LookPath("go"); {
	case err != nil:
		return "NOT RUN: a program whose clock can be set has to be built, and there is no go here"
	case x.For < longEnough && !slices.Contains(x.Kinds, "clock-step"):
		return fmt.Sprintf("NOT RUN: building a program whose clock can be set takes a while; --for %s or --kinds clock-step runs it", longEnough)
	}
	return ""
}

// stepper is the second program and its clock.
type stepper struct {
	binary string
	clock  *os.File
	ready  atomic.Bool
}

// addition is what package time is given.
const addition = `package time

import (
	"syscall"
	"unsafe"
)

var campaignClock *int64 // s

func init() {
	path, ok := syscall.Getenv("` + clockVariable + `")
	if !ok {
		return
	}
	fd, err := syscall.Open(path, syscall.O_RDONLY, 0)
	if err != nil {
		panic("` + clockVariable + `: " + err.Error())
	}
	b, err := syscall.Mmap(fd, 0, 8, syscall.PROT_READ, syscall.MAP_SHARED)
	if err != nil {
		panic("` + clockVariable + `: " + err.Error())
	}
	campaignClock = (*int64)(unsafe.Pointer(&b[0]))
}

func campaignStep() int64 {
	if campaignClock == nil {
		return 0
	}
	return *campaignClock
}
`

// reading is the line of time.Now after which the seconds are changed.
const reading = "\tsec, nsec, mono := runtimeNow()\n"

// build makes the second program, beside everything else.
func (x *campaign) build(ctx context.Context) {
	if err := x.steppers.make(ctx, x.dir); err != nil && ctx.Err() == nil {
		x.say("clock-step: NOT RUN: the program whose clock can be set cannot be built: %v", err)
		return
	}
	x.steppers.ready.Store(ctx.Err() == nil)
}

func (s *stepper) make(ctx context.Context, dir string) error {
	root, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
	if err != nil {
		return err
	}
	source := filepath.Join(strings.TrimSpace(string(root)), "src", "time")
	text, err := os.ReadFile(filepath.Join(source, "time.go"))
	if err != nil {
		return err
	}
	if strings.Count(string(text), reading) != 1 {
		return errors.New("time.Now of this version of Go reads the clock in another way than was expected")
	}
	mine := filepath.Join(dir, "clock")
	if err := os.MkdirAll(mine, 0o700); err != nil {
		return err
	}
	overlay, err := json.Marshal(map[string]map[string]string{"Replace": {
		filepath.Join(source, "time.go"):     filepath.Join(mine, "time.go"),
		filepath.Join(source, "campaign.go"): filepath.Join(mine, "campaign.go"),
	}})
	if err != nil {
		return err
	}
	for name, text := range map[string]string{
		"time.go": strings.Replace(string(text), reading, reading+"\tsec += campaignStep()\n", 1), "campaign.go": addition,
		"overlay.json": string(overlay), "offset": string(make([]byte, 8)),
	} {
		if err := os.WriteFile(filepath.Join(mine, name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	if s.clock, err = os.OpenFile(filepath.Join(mine, "offset"), os.O_RDWR, 0); err != nil {
		return err
	}
	if err := os.Setenv(clockVariable, s.clock.Name()); err != nil {
		return err
	}
	s.binary = filepath.Join(mine, "stoker")
	if said, err := exec.CommandContext(ctx, "go", "build", "-trimpath", "-overlay", filepath.Join(mine, "overlay.json"), "-o", s.binary, "stoker").CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, said)
	}
	return nil
}

// set has the clock be off by so many seconds, at once.
func (s *stepper) set(seconds int64) error {
	_, err := s.clock.WriteAt(binary.NativeEndian.AppendUint64(nil, uint64(seconds)), 0)
	return err
}

// mostStep is how far a clock is off, in seconds.
const mostStep = 90

func steps(ctx context.Context, b *blow) error {
	if !b.steppers.ready.Load() {
		return fmt.Errorf("%w: the program whose clock can be set is not built", errUnfit)
	}
	place := b.someone()
	b.hits(place)
	if err := b.runs(ctx, place, b.steppers.binary); err != nil {
		return err
	}
	if b.dice.IntN(2) == 0 { // whoever leads
		if _, err := b.at(place).api.Operator().TransferLeadership(ctx, b.at(place).node.ID); err != nil {
			b.event.Note = "it was given no leadership; "
		}
	}
	var offsets []string
	for range 3 {
		off := b.dice.Int64N(2*mostStep+1) - mostStep
		offsets = append(offsets, fmt.Sprintf("%+d", off))
		if err := b.steppers.set(off); err != nil {
			return err
		}
		if err := b.hold(ctx, time.Second, 4*time.Second); err != nil {
			break
		}
		if is := b.offset(place); (is - time.Duration(off)*time.Second).Abs() > 5*time.Second {
			return fmt.Errorf("the clock of %s was to be off by %d s, and is by %s", b.event.Node, off, is)
		}
	}
	b.event.Note += strings.Join(offsets, ", ") + " s"
	return errors.Join(b.steppers.set(0), b.runs(ctx, place, b.binary))
}

// offset is how far a node's wall clock is ahead of ours, by its own word.
func (b *blow) offset(place int) time.Duration {
	res, err := web.Get("http://" + b.at(place).node.HTTP + "/health")
	if err != nil {
		return 0
	}
	defer res.Body.Close()
	var said struct {
		Meta struct{ Timestamp time.Time }
	}
	if json.NewDecoder(res.Body).Decode(&said) != nil {
		return 0
	}
	return time.Until(said.Meta.Timestamp)
}

// runs has the node at a place end, and start again as another program.
func (b *blow) runs(ctx context.Context, place int, binary string) error {
	leaving, cancel := context.WithTimeoutCause(ctx, 15*time.Second, errors.New("it took too long"))
	defer cancel()
	old := b.at(place)
	if err := old.node.Process().Stop(leaving); err != nil {
		return err
	}
	opened, err := local.Open(b.dir, binary)
	if err != nil {
		return err
	}
	n, known := opened.Node(old.node.ID)
	if !known {
		return fmt.Errorf("%s has no folder", old.node.ID)
	}
	b.mu.Lock()
	b.seats[place].node = n
	b.all = append(b.all, n)
	b.mu.Unlock()
	return b.start(ctx, n)
}
