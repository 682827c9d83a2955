package node

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// wire is a connection: a half for each direction.
type wire struct{ up, down *half }

// connect lays a wire. Both ends have to be closed.
func (n *network) connect(there link) (near, far net.Conn) {
	w := &wire{up: &half{network: n, link: there}, down: &half{network: n, link: link{there.to, there.from}}}
	n.mu.Lock()
	n.wires[w] = true
	n.mu.Unlock()
	return &conn{wire: w, in: w.down, out: w.up}, &conn{wire: w, in: w.up, out: w.down}
}

// half is one direction of a connection.
type half struct {
	network *network
	link    link

	mu       sync.Mutex
	sent     []sent // on its way, in order
	last     time.Time
	eof      bool // the writer has closed
	dead     bool // the reader has closed
	broken   bool // the connection is no more
	deadline time.Time
	changed  bell
}

// sent are bytes that arrive at a time.
type sent struct {
	at    time.Time
	bytes []byte
}

var errReset = errors.New("connection reset by peer")

func (h *half) read(b []byte) (int, error) {
	for {
		changed, cuts := h.changed.listen(), h.network.changed.listen()
		cut := h.network.isCut(h.link)
		n, wake, err := h.take(b, cut)
		if n > 0 || err != nil {
			return n, err
		}
		var late <-chan time.Time
		if !wake.IsZero() {
			t := time.NewTimer(time.Until(wake))
			defer t.Stop()
			late = t.C
		}
		select {
		case <-changed:
		case <-cuts:
		case <-late:
		}
	}
}

// take reads what has arrived, or says when to look again; zero: when something changes.
func (h *half) take(b []byte, cut bool) (n int, wake time.Time, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := time.Now()
	arrived := len(h.sent) > 0 && !now.Before(h.sent[0].at)
	switch {
	case h.dead:
		return 0, wake, net.ErrClosed
	case h.broken:
		return 0, wake, errReset
	case !h.deadline.IsZero() && !now.Before(h.deadline):
		return 0, wake, os.ErrDeadlineExceeded
	case !cut && arrived:
		first := &h.sent[0]
		n = copy(b, first.bytes)
		if first.bytes = first.bytes[n:]; len(first.bytes) == 0 {
			h.sent = h.sent[1:]
		}
		return n, wake, nil
	case !cut && h.eof && len(h.sent) == 0 && !now.Before(h.last):
		return 0, wake, io.EOF
	}
	wake = h.deadline
	if next := h.next(); !cut && !next.IsZero() && (wake.IsZero() || next.Before(wake)) {
		wake = next
	}
	return 0, wake, nil
}

// next is when something arrives; zero: never, as it is now. mu is held.
func (h *half) next() time.Time {
	switch {
	case len(h.sent) > 0:
		return h.sent[0].at
	case h.eof:
		return h.last
	}
	return time.Time{}
}

func (h *half) write(b []byte) (int, error) {
	cut, takes := h.network.isCut(h.link), h.network.takes(h.link)
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.eof:
		return 0, net.ErrClosed
	case h.broken, h.dead && !cut:
		return 0, errReset
	}
	h.send(takes)
	last := &h.sent[len(h.sent)-1]
	last.bytes = append(last.bytes, b...)
	h.changed.ring()
	return len(b), nil
}

// send has the last of sent be what arrives when that takes so long, and never
// before what was sent earlier. mu is held.
func (h *half) send(takes time.Duration) {
	if at := time.Now().Add(takes); at.After(h.last) {
		h.last = at
	}
	if n := len(h.sent); n == 0 || !h.sent[n-1].at.Equal(h.last) {
		h.sent = append(h.sent, sent{at: h.last})
	}
}

// lose is the end of it, and of what is on its way.
func (h *half) lose() { h.set(func() { h.broken, h.sent = true, nil }) }

// end is the writer's last word.
func (h *half) end() {
	takes := h.network.takes(h.link)
	h.set(func() {
		if at := time.Now().Add(takes); at.After(h.last) && !h.eof {
			h.last = at
		}
		h.eof = true
	})
}

func (h *half) set(f func()) {
	h.mu.Lock()
	f()
	h.mu.Unlock()
	h.changed.ring()
}

func (h *half) isDead() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.dead
}

// conn is one end of a wire.
type conn struct {
	wire    *wire
	in, out *half
}

func (c *conn) Read(b []byte) (int, error)  { return c.in.read(b) }
func (c *conn) Write(b []byte) (int, error) { return c.out.write(b) }
func (c *conn) Close() error {
	c.out.end()
	c.in.set(func() { c.in.dead = true })
	if n := c.in.network; c.wire.up.isDead() && c.wire.down.isDead() {
		n.mu.Lock()
		delete(n.wires, c.wire)
		n.mu.Unlock()
	}
	return nil
}
func (c *conn) LocalAddr() net.Addr  { return memberAddr(c.in.link.to) }
func (c *conn) RemoteAddr() net.Addr { return memberAddr(c.out.link.to) }
func (c *conn) SetDeadline(t time.Time) error {
	return c.SetReadDeadline(t)
}
func (c *conn) SetReadDeadline(t time.Time) error {
	c.in.set(func() { c.in.deadline = t })
	return nil
}
func (c *conn) SetWriteDeadline(time.Time) error { return nil } // writes never wait
