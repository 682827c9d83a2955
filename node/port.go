package node

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/hashicorp/raft"

	"stoker/pki"
)

// port is the cluster port: one listener, TLS on every connection, and behind
// it Raft's messages and HTTP/2, told apart by ALPN. It also dials the others,
// and knows every connection it ever made, so that close leaves none.
type port struct {
	ln        net.Listener
	id        *Identity
	handshake time.Duration
	dialRaw   func(ctx context.Context, addr string) (net.Conn, error)
	roster    *roster
	log       *slog.Logger

	raft *lane
	http *lane
	join *lane

	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu    sync.Mutex
	conns map[*tracked]struct{} // nil once closed
}

var errPortClosed = errors.New("node: the cluster port is closed")

func newPort(c Config, ln net.Listener, r *roster) *port {
	ctx, cancel := context.WithCancel(context.Background())
	p := &port{
		ln: ln, id: c.TLS, handshake: c.Timing.Handshake, dialRaw: c.Dial, roster: r, log: c.Log,
		ctx: ctx, cancel: cancel, conns: map[*tracked]struct{}{},
	}
	p.raft = &lane{addr: memberAddr(c.ID), conns: make(chan net.Conn), done: ctx.Done()}
	p.http = &lane{addr: memberAddr(c.ID), conns: make(chan net.Conn), done: ctx.Done()}
	p.join = &lane{addr: memberAddr(c.ID), conns: make(chan net.Conn), done: ctx.Done()}
	p.wg.Go(p.accept)
	return p
}

// accept hands each connection to a goroutine of its own, since a slow
// handshake must not keep the next one waiting.
func (p *port) accept() {
	server := serverTLS(p.id)
	for {
		raw, err := p.ln.Accept()
		if err != nil {
			if p.ctx.Err() != nil {
				return
			}
			p.log.Warn("accept on the cluster port", "err", err)
			select { // out of file descriptors, most likely: let some go
			case <-p.ctx.Done():
				return
			case <-time.After(100 * time.Millisecond):
			}
			continue
		}
		if conn, ok := p.track(raw); ok {
			p.wg.Go(func() { p.greet(tls.Server(conn, server)) })
		}
	}
}

func (p *port) greet(conn *tls.Conn) {
	ctx, cancel := context.WithTimeout(p.ctx, p.handshake)
	defer cancel()
	if err := conn.HandshakeContext(ctx); err != nil {
		p.log.Debug("handshake on the cluster port", "from", conn.RemoteAddr(), "err", err)
		conn.Close()
		return
	}
	to, c := p.http.conns, net.Conn(conn)
	switch state := conn.ConnectionState(); state.NegotiatedProtocol {
	case protoJoin:
		to, c = p.join.conns, plain{conn}
	case protoRaft:
		id, _ := pki.NodeID(state.PeerCertificates[0]) // the handshake has looked
		to, c = p.raft.conns, &stallConn{Conn: conn, barred: func() bool { return p.roster.barred(id) }}
	}
	select {
	case to <- c:
	case <-p.ctx.Done():
		conn.Close()
	}
}

// plain hides from net/http that there is TLS below, whose ALPN it does not know.
type plain struct{ net.Conn }

// dial reaches a member, by id, for one protocol.
func (p *port) dial(ctx context.Context, id, proto string) (*tls.Conn, error) {
	addrs := p.roster.addrsOf(id)
	if len(addrs) == 0 {
		return nil, fmt.Errorf("node: no address for member %q", id)
	}
	ctx, cancel := context.WithTimeout(ctx, p.handshake)
	defer cancel()
	stop := context.AfterFunc(p.ctx, cancel)
	defer stop()
	var all []error
	for i, addr := range addrs {
		conn, err := p.dialAt(ctx, id, addr, proto, p.handshake/time.Duration(len(addrs)-i))
		if err == nil {
			p.roster.answered(id, addr)
			return conn, nil
		}
		all = append(all, err)
	}
	return nil, errors.Join(all...)
}

// dialAt reaches a member at one of its addresses.
func (p *port) dialAt(ctx context.Context, id, addr, proto string, limit time.Duration) (*tls.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	raw, err := p.dialRaw(ctx, addr)
	if err != nil {
		return nil, fmt.Errorf("dial %s at %s: %w", id, addr, err)
	}
	inner, ok := p.track(raw)
	if !ok {
		return nil, errPortClosed
	}
	conn := tls.Client(inner, clientTLS(p.id, id, proto))
	if err := conn.HandshakeContext(ctx); err != nil {
		conn.Close()
		return nil, fmt.Errorf("handshake with %s at %s: %w", id, addr, err)
	}
	return conn, nil
}

// track remembers a connection until it is closed. Once the port is closed it
// closes the connection instead.
func (p *port) track(raw net.Conn) (net.Conn, bool) {
	c := &tracked{Conn: raw, port: p}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.conns == nil {
		raw.Close()
		return nil, false
	}
	p.conns[c] = struct{}{}
	return c, true
}

// close closes the listener and every connection.
func (p *port) close() {
	p.cancel()
	p.ln.Close()
	p.mu.Lock()
	conns := p.conns
	p.conns = nil
	p.mu.Unlock()
	for c := range conns {
		c.Conn.Close()
	}
	p.wg.Wait()
}

// tracked is the raw connection below TLS; it tells the port when it is closed.
type tracked struct {
	net.Conn
	port *port
}

func (c *tracked) Close() error {
	c.port.mu.Lock()
	delete(c.port.conns, c)
	c.port.mu.Unlock()
	return c.Conn.Close()
}

// lane is one protocol's share of the port: a net.Listener fed by greet.
type lane struct {
	addr  memberAddr
	conns chan net.Conn
	done  <-chan struct{}
}

func (l *lane) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, errPortClosed
	}
}

func (l *lane) Close() error   { return nil } // the port outlives its lanes
func (l *lane) Addr() net.Addr { return l.addr }

// memberAddr is a member's id as a network address. Raft is told ids instead of
// addresses: an address may change, and the port alone knows where a member is.
type memberAddr string

func (memberAddr) Network() string  { return "stoker" }
func (a memberAddr) String() string { return string(a) }

// raftLayer is Raft's lane with a way to dial.
type raftLayer struct {
	*lane
	port *port
}

func (l raftLayer) Dial(to raft.ServerAddress, timeout time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(l.port.ctx, timeout)
	defer cancel()
	conn, err := l.port.dial(ctx, string(to), protoRaft)
	if err != nil {
		return nil, err // a nil *tls.Conn must not become a net.Conn
	}
	return conn, nil
}

// stall is how long a peer may stop in the middle of a message.
const stall = 10 * time.Second

// stallConn is the receiving end of Raft's messages. Raft reads them on its main
// goroutine, a snapshot of any length included, and sets no deadline: a sender
// that vanishes without a word in the middle of one would stop the node for as
// long as TCP cares to wait. Between messages a connection may rest for ever.
type stallConn struct {
	net.Conn
	barred func() bool // says whether the sender was removed, which ends the connection with its next message
	within bool        // bytes of a message have come in since the last answer went out
}

func (c *stallConn) Read(b []byte) (int, error) {
	deadline := time.Time{}
	if c.within {
		deadline = time.Now().Add(stall)
	}
	if err := c.Conn.SetReadDeadline(deadline); err != nil {
		return 0, err
	}
	n, err := c.Conn.Read(b)
	if n > 0 && !c.within && c.barred() {
		return 0, ErrRemoved
	}
	c.within = c.within || n > 0
	return n, err
}

func (c *stallConn) Write(b []byte) (int, error) {
	c.within = false
	return c.Conn.Write(b)
}
