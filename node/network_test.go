package node

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// network is TCP between hosts, in memory, inside a synctest bubble. A cut holds
// what is sent in one direction until it is healed, as TCP's retransmission does;
// nobody is told. A direction may be slow. A connection that is severed loses what
// is on its way, and both ends are told. A host that is unplugged has lost all of
// its connections and gets no new ones.
type network struct {
	mu        sync.Mutex
	listeners map[string]*listener
	cuts      map[link]bool
	slow      map[link]delay
	unplugged map[string]bool
	wires     map[*wire]bool
	dice      *rand.Rand
	changed   bell
}

type link struct{ from, to string } // hosts

// delay is what a direction takes: least, and up to jitter more.
type delay struct{ least, jitter time.Duration }

func newNetwork() *network {
	return &network{
		listeners: map[string]*listener{}, cuts: map[link]bool{}, slow: map[link]delay{}, unplugged: map[string]bool{}, wires: map[*wire]bool{},
		dice: rand.New(rand.NewPCG(1, 1)),
	}
}

// hostOf is the host of an address that may have a port.
func hostOf(addr string) string {
	host, _, _ := strings.Cut(addr, ":")
	return host
}

// set changes what the network is like, and wakes who waits for that.
func (n *network) set(change func()) {
	n.mu.Lock()
	change()
	n.mu.Unlock()
	n.changed.ring()
}

// cut stops the direction from → to; heal lets everything through again, and fast.
func (n *network) cut(from, to string) { n.set(func() { n.cuts[link{from, to}] = true }) }

// mend ends one cut.
func (n *network) mend(from, to string) { n.set(func() { delete(n.cuts, link{from, to}) }) }

func (n *network) heal() { n.set(func() { clear(n.cuts); clear(n.slow) }) }

// slowDown makes the direction from → to slow.
func (n *network) slowDown(from, to string, d delay) { n.set(func() { n.slow[link{from, to}] = d }) }

// isolate cuts a host off from the others, both ways.
func (n *network) isolate(host string, others ...string) {
	for _, o := range others {
		if o != host {
			n.cut(host, o)
			n.cut(o, host)
		}
	}
}

// sever breaks the connections between two hosts.
func (n *network) sever(a, b string) {
	n.breakWires(func(l link) bool { return l == link{a, b} || l == link{b, a} })
}

// unplug takes a host off the network, until plug.
func (n *network) unplug(host string) {
	n.set(func() { n.unplugged[host] = true })
	n.breakWires(func(l link) bool { return l.from == host || l.to == host })
}

func (n *network) plug(host string) { n.set(func() { delete(n.unplugged, host) }) }

func (n *network) breakWires(which func(link) bool) {
	n.mu.Lock()
	var broken []*wire
	for w := range n.wires {
		if which(w.up.link) {
			broken = append(broken, w)
			delete(n.wires, w)
		}
	}
	n.mu.Unlock()
	for _, w := range broken {
		w.up.lose()
		w.down.lose()
	}
}

func (n *network) isCut(l link) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.cuts[l]
}

// takes draws how long what is sent now in a direction is on its way.
func (n *network) takes(l link) time.Duration {
	n.mu.Lock()
	defer n.mu.Unlock()
	d, slow := n.slow[l]
	if !slow {
		return 0
	}
	return d.least + time.Duration(n.dice.Int64N(int64(d.jitter)+1))
}

// open says whether a connection may be made.
func (n *network) open(l link) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return !n.cuts[l] && !n.cuts[link{l.to, l.from}] && !n.unplugged[l.from] && !n.unplugged[l.to]
}

func (n *network) listen(host string) net.Listener {
	l := &listener{host: host, network: n, conns: make(chan net.Conn, 64), closed: make(chan struct{})}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.listeners[host] = l
	return l
}

// dialer dials from a host.
func (n *network) dialer(from string) func(context.Context, string) (net.Conn, error) {
	return func(ctx context.Context, to string) (net.Conn, error) {
		there := link{from, hostOf(to)}
		for {
			changed := n.changed.listen()
			if n.open(there) {
				break
			}
			select {
			case <-changed:
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}
		if trip := n.takes(there) + n.takes(link{there.to, from}); trip > 0 {
			if err := pause(ctx, trip); err != nil {
				return nil, err
			}
		}
		n.mu.Lock()
		l := n.listeners[to]
		n.mu.Unlock()
		if l == nil {
			return nil, fmt.Errorf("%s: connection refused", to)
		}
		near, far := n.connect(there)
		select {
		case l.conns <- far:
			return near, nil
		case <-l.closed:
			near.Close()
			return nil, fmt.Errorf("%s: connection refused", to)
		case <-ctx.Done():
			near.Close()
			return nil, ctx.Err()
		}
	}
}

type listener struct {
	host    string
	network *network
	conns   chan net.Conn
	closed  chan struct{}
	once    sync.Once
}

func (l *listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *listener) Close() error {
	l.once.Do(func() {
		l.network.mu.Lock()
		if l.network.listeners[l.host] == l {
			delete(l.network.listeners, l.host)
		}
		l.network.mu.Unlock()
		close(l.closed)
		for {
			select {
			case c := <-l.conns:
				c.Close()
			default:
				return
			}
		}
	})
	return nil
}

func (l *listener) Addr() net.Addr { return memberAddr(l.host) }

// between makes a connection from host a to host b.
func (n *network) between(t *testing.T, a, b string) (near, far net.Conn) {
	l := n.listen(b)
	t.Cleanup(func() { l.Close() })
	near, err := n.dialer(a)(t.Context(), b)
	if err != nil {
		t.Fatal(err)
	}
	far, _ = l.Accept()
	return near, far
}

func TestNetwork_HoldsWhatIsCutAndDeliversIt(t *testing.T) {
	n := newNetwork()
	c, far := n.between(t, "a", "b")
	n.cut("a", "b")
	io.WriteString(c, "hello")
	c.Close()
	go n.heal()
	if b, err := io.ReadAll(far); string(b) != "hello" || err != nil {
		t.Fatalf("read %q, %v", b, err)
	}
}

func TestNetwork_ASlowDirectionKeepsItsOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork()
		c, far := n.between(t, "a", "b")
		n.slowDown("a", "b", delay{time.Second, time.Second})
		began := time.Now()
		for i := range 10 {
			fmt.Fprint(c, i)
			time.Sleep(time.Millisecond)
		}
		c.Close()
		b, err := io.ReadAll(far)
		if took := time.Since(began); string(b) != "0123456789" || err != nil || took < time.Second || took > 2*time.Second+10*time.Millisecond {
			t.Errorf("read %q, %v after %v", b, err, took)
		}
		io.WriteString(far, "back")
		if took := time.Since(began); took > 2*time.Second+10*time.Millisecond {
			t.Error("the other direction is slow as well")
		}
	})
}

func TestNetwork_WhatIsOnItsWayWhenItBreaksIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork()
		c, far := n.between(t, "a", "b")
		n.slowDown("a", "b", delay{least: time.Second})
		io.WriteString(c, "lost")
		n.sever("b", "a")
		if b, err := io.ReadAll(far); len(b) > 0 || err == nil {
			t.Errorf("one end reads %q, %v", b, err)
		}
		if _, err := c.Write([]byte("more")); err == nil {
			t.Error("the other writes on")
		}
		n.heal()
		n.unplug("b")
		go func() {
			time.Sleep(time.Minute)
			n.plug("b")
		}()
		began := time.Now()
		n.between(t, "a", "b")
		if took := time.Since(began); took < time.Minute {
			t.Errorf("an unplugged host is reached after %v", took)
		}
	})
}
