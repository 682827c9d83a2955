// Package switchboard stands between the nodes of a cluster on this machine, and between them and their clients: each port is
// reached through a door of it, so that the bytes of one direction between two of them can be held, slowed down, or lost with
// their connection. It needs no root, as packet filters and network namespaces do.
//
// # Invariants
//
//   - What is held is delivered when the line is healed, as TCP does after packets were lost: nobody is told.
//   - Bytes are never changed, reordered or left out within a connection that lives.
package switchboard

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"stoker/cli/setup"
)

// Clients is the place of whoever comes through a door for clients, or is not known.
const Clients = -1

// Line is a direction between two nodes, by place.
type Line struct{ From, To int }

// Rule is what becomes of the bytes of a line. The zero value lets them pass.
type Rule struct {
	Hold  bool          // until the rule is another one
	Delay time.Duration // of each piece, one after the other
	Sever float64       // chance of each piece to be lost, and its connection with it
}

// Board is a switchboard. Fill in Processes and call Connect.
type Board struct {
	Processes func() []int // the nodes' process ids, by place; 0 is one that does not run

	mu      sync.Mutex
	changed chan struct{} // closed when rules change
	rules   map[Line]Rule
	places  int // of nodes
	doors   []net.Listener
	conns   map[net.Conn]bool // nil once closed
	looking sync.Mutex        // for who has dialled
	wg      sync.WaitGroup
}

// Connect puts the board between nodes none of which runs, whose folders are in dir: to each other their cluster ports are doors
// of the board.
func (b *Board) Connect(dir string, nodes []setup.Node) error {
	b.changed, b.rules, b.conns, b.places = make(chan struct{}), map[Line]Rule{}, map[net.Conn]bool{}, len(nodes)
	doors := map[string]string{}
	for i, n := range nodes {
		addr := fmt.Sprintf("127.0.0.1:%d", n.Cluster)
		door, err := b.Door(i, addr)
		if err != nil {
			return err
		}
		doors[addr] = door
	}
	for _, n := range nodes {
		if err := Reroute(filepath.Join(dir, n.ID, "stoker.toml"), doors); err != nil {
			return err
		}
	}
	return nil
}

// Reroute changes addresses in the members' list of a stoker.toml.
func Reroute(path string, to map[string]string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	own, members, _ := strings.Cut(string(text), "[[members]]")
	for from, to := range to {
		members = strings.ReplaceAll(members, fmt.Sprintf("%q", from), fmt.Sprintf("%q", to))
	}
	return os.WriteFile(path, []byte(own+"[[members]]"+members), 0o600)
}

// Door opens a door to a node for the other nodes, and gives its address. Who dials is found out by the system.
func (b *Board) Door(place int, addr string) (string, error) { return b.open(place, addr, b.owner) }

// ClientDoor opens one for clients.
func (b *Board) ClientDoor(place int, addr string) (string, error) {
	return b.open(place, addr, func(net.Conn) int { return Clients })
}

func (b *Board) open(place int, addr string, who func(net.Conn) int) (string, error) {
	door, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	b.mu.Lock()
	b.doors = append(b.doors, door)
	b.mu.Unlock()
	b.wg.Go(func() { b.answer(door, place, addr, who) })
	return door.Addr().String(), nil
}

// Set has a rule for a line, and leaves the others as they are.
func (b *Board) Set(l Line, r Rule) { b.change(func() { b.rules[l] = r }) }

// Isolate cuts a node off from all others, both ways.
func (b *Board) Isolate(node int) {
	b.change(func() {
		for other := range b.places {
			if other != node {
				b.rules[Line{node, other}], b.rules[Line{other, node}] = Rule{Hold: true}, Rule{Hold: true}
			}
		}
	})
}

// Heal lets everything through again.
func (b *Board) Heal() { b.change(func() { clear(b.rules) }) }

func (b *Board) change(f func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	f()
	close(b.changed)
	b.changed = make(chan struct{})
}

// pass waits until bytes may pass; false: they are lost, and their connection is to be.
func (b *Board) pass(l Line) bool {
	for {
		b.mu.Lock()
		rule, changed := b.rules[l], b.changed
		b.mu.Unlock()
		if rule.Hold {
			<-changed
			continue
		}
		time.Sleep(rule.Delay)
		return rule.Sever == 0 || rand.Float64() >= rule.Sever
	}
}

// answer takes the connections to a node.
func (b *Board) answer(door net.Listener, to int, addr string, who func(net.Conn) int) {
	for {
		conn, err := door.Accept()
		if err != nil {
			return
		}
		if b.keep(conn) {
			b.wg.Go(func() { b.join(conn, who(conn), to, addr) })
		}
	}
}

// join connects a caller with a node.
func (b *Board) join(caller net.Conn, from, to int, addr string) {
	defer b.drop(caller)
	if !b.pass(Line{from, to}) {
		return
	}
	node, err := net.Dial("tcp", addr)
	if err != nil || !b.keep(node) {
		return // nobody is there: the caller's connection is closed
	}
	defer b.drop(node)
	var both sync.WaitGroup
	both.Go(func() { b.carry(node, caller, Line{from, to}) })
	both.Go(func() { b.carry(caller, node, Line{to, from}) })
	both.Wait()
}

// carry copies one direction, and closes it at its end.
func (b *Board) carry(to, from net.Conn, l Line) {
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		if !b.pass(l) {
			from.Close()
			to.Close()
			return
		}
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
func (b *Board) owner(conn net.Conn) int {
	for range 50 {
		pids := b.Processes()
		b.looking.Lock() // one at a time: it is work, and a crowd of callers would wait so long that all of them give up and call anew
		pid, err := ownerOf(conn, pids)
		b.looking.Unlock()
		if err == nil {
			return slices.Index(pids, pid)
		}
		if !errors.Is(err, errNobodys) {
			break // it has gone
		}
		time.Sleep(10 * time.Millisecond)
	}
	return Clients
}

func (b *Board) keep(c net.Conn) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.conns == nil {
		c.Close()
		return false
	}
	b.conns[c] = true
	return true
}

func (b *Board) drop(c net.Conn) {
	c.Close()
	b.mu.Lock()
	delete(b.conns, c)
	b.mu.Unlock()
}

// Close ends every connection.
func (b *Board) Close() {
	if b.rules == nil {
		return
	}
	b.Heal()
	b.mu.Lock()
	for _, d := range b.doors {
		d.Close()
	}
	for c := range b.conns {
		c.Close()
	}
	b.conns = nil
	b.mu.Unlock()
	b.wg.Wait()
}
