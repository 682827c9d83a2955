//go:build unix

package acceptance

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"stoker/proof/hostile"
)

// What `proof hostile` does to the program that ships, with limits that a test can wait for.
func TestHostile_EveryConnectionEndsAndNobodyElseSuffers(t *testing.T) {
	t.Parallel()
	limits := portLimits{Read: 2 * time.Second, Idle: time.Second}
	c := startLimited(t, limits)
	node := c.Nodes[0]
	r, err := hostile.Target{
		Addr: node.HTTP, Pid: node.Process().Pid(), Admin: c.operator.AdminToken, Read: limits.Read, Idle: limits.Idle, Conns: 1000, KeepIdle: true,
	}.Attack(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var told strings.Builder
	r.Print(&told)
	t.Log("\n" + told.String())
	if r.Broken() > 0 {
		t.Error("it broke, as the table says")
	}
}

// More connections than a process has descriptors for: the port is there again when they have gone, and the node had enough
// for its own files all the while.
func TestHostile_MoreConnectionsThanDescriptors(t *testing.T) {
	t.Parallel()
	poor := filepath.Join(t.TempDir(), "stoker")
	const descriptors = 256
	if err := os.WriteFile(poor, fmt.Appendf(nil, "#!/bin/sh\nulimit -n %d\nexec %s \"$@\"\n", descriptors, binary), 0o700); err != nil {
		t.Fatal(err)
	}
	c := newCluster(t, 1, poor)
	c.begin(t)
	u := c.user(t)
	var flood []net.Conn
	for range 2 * descriptors {
		conn, err := net.Dial("tcp", c.Nodes[0].HTTP)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		flood = append(flood, conn)
	}
	refused, until := 0, time.Now().Add(10*time.Second)
	for _, conn := range flood[descriptors:] {
		conn.SetReadDeadline(until)
		said := make([]byte, 12)
		if n, err := conn.Read(said); err == nil && string(said[:n]) == "HTTP/1.1 503" {
			refused++
		}
	}
	if refused != descriptors {
		t.Errorf("%d of %d connections too many were refused", refused, descriptors)
	}
	for _, conn := range flood {
		conn.Close()
	}
	eventually(t, "the port takes connections again, and the node writes", func() bool {
		_, err := u.at[0].CreateJob(t.Context(), "interior", 1)
		return err == nil
	})
}
