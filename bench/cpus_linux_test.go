package bench

import (
	"os/exec"
	"testing"

	"golang.org/x/sys/unix"
)

// Nodes and client share no processor, and the client may run anywhere again in the end; with one processor it is said that it cannot be.
func TestApart(t *testing.T) {
	child := exec.Command("sleep", "60")
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	defer child.Wait()
	defer child.Process.Kill()
	on := func(pid int) (s unix.CPUSet) {
		t.Helper()
		if err := unix.SchedGetaffinity(pid, &s); err != nil {
			t.Fatal(err)
		}
		return s
	}
	all := on(0)
	_, back, err := apart([]int{child.Process.Pid, 0})
	if all.Count() < 2 {
		if err == nil {
			t.Error("one processor was divided")
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	nodes, client := on(child.Process.Pid), on(0)
	back()
	if nodes.Count() == 0 || client.Count() == 0 || nodes.Count()+client.Count() != all.Count() {
		t.Errorf("%d and %d of %d processors", nodes.Count(), client.Count(), all.Count())
	}
	for cpu := range len(all) * 64 {
		if nodes.IsSet(cpu) && client.IsSet(cpu) {
			t.Errorf("processor %d is the nodes' and the client's", cpu)
		}
	}
	if now := on(0); now != all {
		t.Error("the client was not let go")
	}
}
