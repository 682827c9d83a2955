package bench

import (
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"stoker/cli/setup"
)

// switchboard stands between the nodes: each one's cluster port is reached through it, so that the bytes from one node to
// another can be held. Nobody is told: what is held is delivered when the line is healed, as TCP does after packets were lost.
type switchboard struct {
	processes func() []int // the nodes' process ids, by place; nil: those of the testbed

	mu      sync.Mutex
	changed chan struct{} // closed when cuts change
	cuts    map[line]bool
	doors   []net.Listener
	conns   map[net.Conn]bool // nil once closed
	wg      sync.WaitGroup
}

// line is a direction between two nodes, by place; -1 is nobody that we know.
type line struct{ from, to int }

// connect puts the switchboard between the nodes of a testbed, none of which runs: to each other their
// cluster ports are doors of the switchboard.
func (s *switchboard) connect(t *testbed, nodes []setup.Node) error {
	if s.processes == nil {
		s.processes = t.processes
	}
	s.changed, s.cuts, s.conns = make(chan struct{}), map[line]bool{}, map[net.Conn]bool{}
	addrs := make([]string, len(nodes))
	for i, n := range nodes {
		door, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		s.doors = append(s.doors, door)
		addrs[i] = door.Addr().String()
		s.wg.Go(func() { s.answer(door, i, fmt.Sprintf("127.0.0.1:%d", n.Cluster)) })
	}
	for _, n := range nodes {
		path := filepath.Join(t.dir, n.ID, "stoker.toml")
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		own, members, _ := strings.Cut(string(text), "[[members]]")
		for i, n := range nodes {
			members = strings.ReplaceAll(members, fmt.Sprintf("cluster = \"127.0.0.1:%d\"", n.Cluster), fmt.Sprintf("cluster = %q", addrs[i]))
		}
		if err := os.WriteFile(path, []byte(own+"[[members]]"+members), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// isolate cuts a node off from all others, both ways.
func (s *switchboard) isolate(node int) {
	s.change(func() {
		for other := range s.doors {
			if other != node {
				s.cuts[line{node, other}], s.cuts[line{other, node}] = true, true
			}
		}
	})
}

// heal lets everything through again.
func (s *switchboard) heal() { s.change(func() { clear(s.cuts) }) }

func (s *switchboard) change(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
	close(s.changed)
	s.changed = make(chan struct{})
}

// open waits until bytes may pass.
func (s *switchboard) open(l line) {
	for {
		s.mu.Lock()
		cut, changed := s.cuts[l], s.changed
		s.mu.Unlock()
		if !cut {
			return
		}
		<-changed
	}
}

// answer takes the connections to a node.
func (s *switchboard) answer(door net.Listener, to int, addr string) {
	for {
		conn, err := door.Accept()
		if err != nil {
			return
		}
		if s.keep(conn) {
			s.wg.Go(func() { s.join(conn, to, addr) })
		}
	}
}

// join connects a caller with a node.
func (s *switchboard) join(caller net.Conn, to int, addr string) {
	defer s.drop(caller)
	from := s.owner(caller)
	s.open(line{from, to})
	node, err := net.Dial("tcp", addr)
	if err != nil || !s.keep(node) {
		return // nobody is there: the caller's connection is closed
	}
	defer s.drop(node)
	var both sync.WaitGroup
	both.Go(func() { s.carry(node, caller, line{from, to}) })
	both.Go(func() { s.carry(caller, node, line{to, from}) })
	both.Wait()
}

// carry copies one direction, and closes it at its end.
func (s *switchboard) carry(to, from net.Conn, l line) {
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		s.open(l)
		if n > 0 {
			if _, werr := to.Write(buf[:n]); werr != nil {
				break
			}
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			from.Close()
			break
		}
	}
	if half, ok := to.(*net.TCPConn); ok {
		half.CloseWrite()
	}
}

// owner is the place of the node that dialled. One that has just been launched is known in a moment.
func (s *switchboard) owner(conn net.Conn) int {
	for range 50 {
		pids := s.processes()
		if pid, err := ownerOf(conn, pids); err == nil {
			return slices.Index(pids, pid)
		}
		time.Sleep(10 * time.Millisecond)
	}
	return -1
}

func (s *switchboard) keep(c net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conns == nil {
		c.Close()
		return false
	}
	s.conns[c] = true
	return true
}

func (s *switchboard) drop(c net.Conn) {
	c.Close()
	s.mu.Lock()
	delete(s.conns, c)
	s.mu.Unlock()
}

// close ends every connection.
func (s *switchboard) close() {
	if s.cuts == nil {
		return
	}
	s.heal()
	for _, d := range s.doors {
		d.Close()
	}
	s.mu.Lock()
	for c := range s.conns {
		c.Close()
	}
	s.conns = nil
	s.mu.Unlock()
	s.wg.Wait()
}
