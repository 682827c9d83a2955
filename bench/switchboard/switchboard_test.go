package switchboard

import (
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"stoker/cli/setup"
)

// The switchboard holds what a node that is cut off sends, and delivers it later; others are not touched.
func TestSwitchboard_HoldsWhatIsCutAndDeliversIt(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Log("NOT RUN: " + Missing())
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
	b := &Board{Processes: func() []int { return []int{os.Getpid(), 0} }} // we are the first node
	defer b.Close()
	if err := b.Connect(dir, nodes); err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", b.doors[1].Addr().String())
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
	b.Isolate(0)
	io.WriteString(conn, "two")
	if got, err := say(100 * time.Millisecond); err == nil {
		t.Fatalf("%q came through a cut", got)
	}
	b.Heal()
	if got, err := say(10 * time.Second); got != "two" {
		t.Fatalf("after the cut: %q, %v", got, err)
	}
	b.Set(Line{1, 0}, Rule{Hold: true}) // what it says is heard, what it hears is not
	io.WriteString(conn, "three")
	if got, err := say(100 * time.Millisecond); err == nil {
		t.Fatalf("%q came back through a cut", got)
	}
	b.Set(Line{1, 0}, Rule{})
	if got, err := say(10 * time.Second); got != "three" {
		t.Fatalf("after the cut of one direction: %q, %v", got, err)
	}
	b.Set(Line{1, 0}, Rule{Sever: 1})
	io.WriteString(conn, "four")
	if got, err := say(10 * time.Second); err != io.EOF {
		t.Fatalf("after an answer that is lost with its connection: %q, %v", got, err)
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
