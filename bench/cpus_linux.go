package bench

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"

	"golang.org/x/sys/unix"
)

// apart keeps the processes to some of the processors and this process to the others, so that what a client costs is not taken from
// what it measures. back lets this process run anywhere again; the error says why it cannot be done here.
//
// The runtimes of Go notice within seconds how many processors they have now.
func apart(pids []int) (how string, back func(), err error) {
	var all, nodes, client unix.CPUSet
	if err := unix.SchedGetaffinity(0, &all); err != nil {
		return "", nil, fmt.Errorf("sched_getaffinity: %w", err)
	}
	n := all.Count()
	if n < 2 {
		return "", nil, errors.New("there is one processor")
	}
	mine := max(1, n/4)
	for cpu, left := 0, n; left > 0; cpu++ {
		switch {
		case !all.IsSet(cpu):
			continue
		case left > mine:
			nodes.Set(cpu)
		default:
			client.Set(cpu)
		}
		left--
	}
	for _, pid := range pids {
		if pid == 0 {
			continue
		}
		if err := keepTo(pid, &nodes); err != nil {
			return "", nil, err
		}
	}
	if err := keepTo(os.Getpid(), &client); err != nil {
		return "", nil, err
	}
	back = func() {
		keepTo(os.Getpid(), &all) // it could be done a moment ago
		runtime.SetDefaultGOMAXPROCS()
	}
	runtime.SetDefaultGOMAXPROCS()
	return fmt.Sprintf("the nodes on %d of %d processors, the client on %d others", n-mine, n, mine), back, nil
}

// keepTo moves all threads of a process. A thread begins where the one was that made it, so that it is done when a look finds no other.
func keepTo(pid int, to *unix.CPUSet) error {
	dir := "/proc/" + strconv.Itoa(pid) + "/task"
	for moved := true; moved; {
		threads, err := os.ReadDir(dir)
		if err != nil {
			return fmt.Errorf("threads of %d: %w", pid, err)
		}
		moved = false
		for _, t := range threads {
			id, err := strconv.Atoi(t.Name())
			if err != nil {
				return fmt.Errorf("threads of %d: %w", pid, err)
			}
			var is unix.CPUSet
			if err := unix.SchedGetaffinity(id, &is); err == nil && is == *to {
				continue
			}
			if err := unix.SchedSetaffinity(id, to); err != nil && !errors.Is(err, unix.ESRCH) {
				return fmt.Errorf("sched_setaffinity of %d: %w", pid, err)
			}
			moved = true
		}
	}
	return nil
}
