package switchboard

import (
	"errors"
	"net"
	"os"
	"testing"
	"time"
)

// A connection is its dialler's, is nobody's of other processes, and is gone once it was hung up: to look for its owner again
// and again, when a crowd has hung up, would hold up those who have not.
func TestOwnerOf(t *testing.T) {
	if why := Missing(); why != "" {
		t.Fatal(why)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	dialled, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	conn, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if pid, err := ownerOf(conn, []int{0, os.Getpid()}); err != nil || pid != os.Getpid() {
		t.Errorf("it is of %d, %v", pid, err)
	}
	if _, err := ownerOf(conn, []int{1}); !errors.Is(err, errNobodys) {
		t.Errorf("of another process: %v", err)
	}
	dialled.Close()
	conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	conn.Read(make([]byte, 1)) // until it is heard of
	if _, err := ownerOf(conn, []int{os.Getpid()}); !errors.Is(err, errGone) {
		t.Errorf("after it was hung up: %v", err)
	}
}
