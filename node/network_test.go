package node

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/url"
	"os"
	"sync"
	"testing"
	"time"

	"stoker/fsm"
	"stoker/pki"
)

// network is TCP between hosts, in memory, inside a synctest bubble. A cut holds
// what is sent in one direction until it is healed, as TCP's retransmission does;
// nobody is told.
type network struct {
	mu        sync.Mutex
	listeners map[string]*listener
	cuts      map[link]bool
	changed   bell
}

type link struct{ from, to string }

func newNetwork() *network {
	return &network{listeners: map[string]*listener{}, cuts: map[link]bool{}}
}

// cut stops the direction from → to; heal lets everything through again.
func (n *network) cut(from, to string) {
	n.mu.Lock()
	n.cuts[link{from, to}] = true
	n.mu.Unlock()
	n.changed.ring()
}

// mend ends one cut.
func (n *network) mend(from, to string) {
	n.mu.Lock()
	delete(n.cuts, link{from, to})
	n.mu.Unlock()
	n.changed.ring()
}

func (n *network) heal() {
	n.mu.Lock()
	clear(n.cuts)
	n.mu.Unlock()
	n.changed.ring()
}

// isolate cuts a host off from the others, both ways.
func (n *network) isolate(host string, others ...string) {
	for _, o := range others {
		if o != host {
			n.cut(host, o)
			n.cut(o, host)
		}
	}
}

func (n *network) isCut(l link) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.cuts[l]
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
		for {
			changed := n.changed.listen()
			if !n.isCut(link{from, to}) && !n.isCut(link{to, from}) {
				break
			}
			select {
			case <-changed:
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}
		n.mu.Lock()
		l := n.listeners[to]
		n.mu.Unlock()
		if l == nil {
			return nil, fmt.Errorf("%s: connection refused", to)
		}
		up, down := newHalf(n, link{from, to}), newHalf(n, link{to, from})
		near, far := &conn{in: down, out: up}, &conn{in: up, out: down}
		select {
		case l.conns <- far:
			return near, nil
		case <-l.closed:
			return nil, fmt.Errorf("%s: connection refused", to)
		case <-ctx.Done():
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

// half is one direction of a connection.
type half struct {
	network *network
	link    link

	mu       sync.Mutex
	buf      []byte
	eof      bool // the writer has closed
	dead     bool // the reader has closed
	deadline time.Time
	changed  bell
}

func newHalf(n *network, l link) *half { return &half{network: n, link: l} }

func (h *half) read(b []byte) (int, error) {
	for {
		changed, cuts := h.changed.listen(), h.network.changed.listen()
		cut := h.network.isCut(h.link)
		h.mu.Lock()
		deadline := h.deadline
		switch {
		case h.dead:
			h.mu.Unlock()
			return 0, net.ErrClosed
		case !deadline.IsZero() && !time.Now().Before(deadline):
			h.mu.Unlock()
			return 0, os.ErrDeadlineExceeded
		case !cut && len(h.buf) > 0:
			n := copy(b, h.buf)
			h.buf = h.buf[n:]
			h.mu.Unlock()
			return n, nil
		case !cut && h.eof:
			h.mu.Unlock()
			return 0, io.EOF
		}
		h.mu.Unlock()
		var late <-chan time.Time
		if !deadline.IsZero() {
			t := time.NewTimer(time.Until(deadline))
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

func (h *half) write(b []byte) (int, error) {
	cut := h.network.isCut(h.link)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.eof {
		return 0, net.ErrClosed
	}
	if h.dead && !cut {
		return 0, errors.New("connection reset by peer")
	}
	h.buf = append(h.buf, b...)
	h.changed.ring()
	return len(b), nil
}

func (h *half) set(f func()) {
	h.mu.Lock()
	f()
	h.mu.Unlock()
	h.changed.ring()
}

type conn struct{ in, out *half }

func (c *conn) Read(b []byte) (int, error)  { return c.in.read(b) }
func (c *conn) Write(b []byte) (int, error) { return c.out.write(b) }
func (c *conn) Close() error {
	c.out.set(func() { c.out.eof = true })
	c.in.set(func() { c.in.dead = true })
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

// authority signs certificates that hold inside a bubble, where it is the year 2000.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  []byte
}

var testCA = sync.OnceValue(func() *authority { return newAuthority("test CA") })

func newAuthority(name string) *authority {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(err)
	tpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1<<33, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, tpl, tpl, key.Public(), key)
	must(err)
	cert, err := x509.ParseCertificate(der)
	must(err)
	return &authority{cert, key, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})}
}

// sealed is the key as Genesis carries it, under a seal key of zeros.
func (a *authority) sealed() []byte {
	k, err := pki.EncodeKey(a.key)
	must(err)
	sealed, err := Seal(make([]byte, 32), fsm.UseCA, k)
	must(err)
	return sealed
}

// issue gives certificate and key in PEM, for a role URI.
func (a *authority) issue(role string) (certPEM, keyPEM []byte) {
	return a.issueFor(role, time.Unix(0, 0), time.Unix(1<<33, 0))
}

func (a *authority) issueFor(role string, from, until time.Time) (certPEM, keyPEM []byte) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(err)
	u, err := url.Parse(role)
	must(err)
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: role}, URIs: []*url.URL{u},
		NotBefore: from, NotAfter: until,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}, a.cert, key.Public(), a.key)
	must(err)
	k, err := x509.MarshalPKCS8PrivateKey(key)
	must(err)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: k})
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func TestNetwork_HoldsWhatIsCutAndDeliversIt(t *testing.T) {
	n := newNetwork()
	l := n.listen("b")
	defer l.Close()
	c, err := n.dialer("a")(t.Context(), "b")
	if err != nil {
		t.Fatal(err)
	}
	far, _ := l.Accept()
	n.cut("a", "b")
	io.WriteString(c, "hello")
	c.Close()
	go n.heal()
	if b, err := io.ReadAll(far); string(b) != "hello" || err != nil {
		t.Fatalf("read %q, %v", b, err)
	}
}
