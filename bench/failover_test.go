package bench

import (
	"encoding/json"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"stoker/cli/setup"
)

// A verdict names what must not be, whatever the machine; pauses count only if they are asked for.
func TestFailover_verdict(t *testing.T) {
	good := FaultFigures{Fault: "sigterm", Rounds: 3, Max: 400, Target: 300, Struck: map[string]int{saidRefused: 7}}
	f := FailoverFigures{Rate: 200, Faults: []FaultFigures{good, {Fault: "disk", Skipped: canHang()}}}
	if err := f.verdict(false); err != nil {
		t.Error(err)
	}
	if err := f.verdict(true); err == nil || !strings.Contains(err.Error(), "a pause of 400 ms") {
		t.Errorf("strict: %v", err)
	}
	for what, spoil := range map[string]func(*FaultFigures){
		"lost":               func(x *FaultFigures) { x.Lost = 1 },
		"twice":              func(x *FaultFigures) { x.Twice = 1 },
		"stale":              func(x *FaultFigures) { x.Stale = 1 },
		"cut off":            func(x *FaultFigures) { x.CutAcks = 1 },
		"tried again":        func(x *FaultFigures) { x.Retried = map[string]int{saidCut: 1} },
		"surviving nodes":    func(x *FaultFigures) { x.Bare = map[string]int{"UNAVAILABLE": 1} },
		"at the leaving nod": func(x *FaultFigures) { x.Struck = map[string]int{saidCut: 1} },
	} {
		bad := good
		spoil(&bad)
		f := FailoverFigures{Faults: []FaultFigures{bad}}
		if err := f.verdict(false); err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("%s: the verdict is %v", what, err)
		}
	}
	var out strings.Builder
	f.print(&out)
	if !strings.Contains(out.String(), "no connection: 7") || !strings.Contains(out.String(), "NO") {
		t.Errorf("the table:\n%s", &out)
	}
	if _, err := json.Marshal(f); err != nil {
		t.Error(err)
	}
}

func TestFailover_KnowsItsFaults(t *testing.T) {
	c := Failover{Faults: []string{"kill", "flood"}}
	if _, err := c.chosen(); err == nil || !strings.Contains(err.Error(), `no fault "flood"; there are sigterm, kill`) {
		t.Errorf("%v", err)
	}
}

// The switchboard holds what a node that is cut off sends, and delivers it later; others are not touched.
func TestSwitchboard_HoldsWhatIsCutAndDeliversIt(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Log("NOT RUN: " + canTellOwners())
		return
	}
	dir := t.TempDir()
	var nodes []setup.Node
	for _, id := range []string{"n1", "n2"} {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer ln.Close()
		go echo(ln)
		nodes = append(nodes, setup.Node{ID: id, Cluster: ln.Addr().(*net.TCPAddr).Port})
		if err := os.MkdirAll(filepath.Join(dir, id), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, id, "stoker.toml"), []byte("[[members]]\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s := &switchboard{processes: func() []int { return []int{os.Getpid(), 0} }} // we are the first node
	defer s.close()
	if err := s.connect(&testbed{dir: dir}, nodes); err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", s.doors[1].Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	say := func(limit time.Duration) (string, error) {
		buf := make([]byte, 16)
		conn.SetReadDeadline(time.Now().Add(limit))
		n, err := conn.Read(buf)
		return string(buf[:n]), err
	}
	io.WriteString(conn, "one")
	if got, err := say(10 * time.Second); got != "one" {
		t.Fatalf("before the cut: %q, %v", got, err)
	}
	s.isolate(0)
	io.WriteString(conn, "two")
	if got, err := say(100 * time.Millisecond); err == nil {
		t.Fatalf("%q came through a cut", got)
	}
	s.heal()
	if got, err := say(10 * time.Second); got != "two" {
		t.Fatalf("after the cut: %q, %v", got, err)
	}
}

func echo(ln net.Listener) {
	for {
		c, err := ln.Accept()
		if err != nil {
			return
		}
		go io.Copy(c, c)
	}
}
