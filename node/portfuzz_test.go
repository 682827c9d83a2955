package node

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
)

// door is a listener whose connections are pipes.
type door struct {
	conns  chan net.Conn
	closed chan struct{}
}

func newDoor() *door { return &door{make(chan net.Conn), make(chan struct{})} }

func (d *door) Accept() (net.Conn, error) {
	select {
	case c := <-d.conns:
		return c, nil
	case <-d.closed:
		return nil, net.ErrClosed
	}
}

func (d *door) Close() error   { close(d.closed); return nil }
func (d *door) Addr() net.Addr { return memberAddr("n1") }

// come connects, sends what there is, and waits until the other side has hung up.
func come(t *testing.T, to chan net.Conn, far func(net.Conn) net.Conn, sends []byte, leaves bool) {
	near, there := net.Pipe()
	defer near.Close()
	near.SetDeadline(time.Now().Add(10 * time.Second))
	to <- far(there)
	go func() {
		io.Copy(near, bytes.NewReader(sends)) // until it is hung up on
		if leaves {
			near.Close()
		}
	}()
	if _, err := io.Copy(io.Discard, near); errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error("the connection is not hung up")
	}
}

// hello is how a member's dial begins.
func hello(proto string) []byte {
	near, far := net.Pipe()
	go tls.Client(near, clientTLS(testTLS("n2"), "n1", proto)).HandshakeContext(context.Background())
	b := make([]byte, 4<<10)
	n, _ := io.ReadAtLeast(far, b, 1)
	far.Close()
	return b[:n]
}

// allocated is what do took of the memory, with whatever goes on beside it.
func allocated(do func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	do()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// FuzzPort sends bytes to the cluster port of a node, as somebody without a certificate: nothing comes through to Raft, to the
// nodes' requests or to those who join; the connection ends when a handshake has to be over; and lengths that are only said cost nothing.
func FuzzPort(f *testing.F) {
	for _, b := range [][]byte{
		hello(protoRaft), hello(protoHTTP), hello(protoJoin), append(hello(protoRaft), 0x14, 3, 3, 0, 1, 1), nil, []byte("GET / HTTP/1.1\r\n\r\n"),
		[]byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), {0x16, 3, 1, 0xff, 0xff}, {0x16, 3, 1, 0, 4, 1, 0xff, 0xff, 0xff}, {0x15, 3, 3, 0, 2, 2, 40},
		append([]byte{0x16, 3, 1, 0x40, 0, 1, 0, 0xff, 0xff}, bytes.Repeat([]byte{0}, 0x4000)...),
	} {
		f.Add(b)
	}
	ln := newDoor()
	c := Config{ID: "n1", TLS: testTLS("n1")}.withDefaults()
	c.Timing.Handshake = 20 * time.Millisecond
	p := newPort(c, ln, newRoster([]Member{{ID: "n1", Addr: "n1"}}))
	f.Cleanup(p.close)
	f.Fuzz(func(t *testing.T, sends []byte) {
		took := allocated(func() { come(t, ln.conns, func(c net.Conn) net.Conn { return c }, sends, false) })
		if most := uint64(8<<20 + 100*len(sends)); took > most {
			t.Errorf("%d bytes took %d of memory", len(sends), took)
		}
		select {
		case <-p.raft.conns:
			t.Error("it came through to Raft")
		case <-p.http.conns:
			t.Error("it came through to the nodes' requests")
		case <-p.join.conns:
			t.Error("it came through to those who join")
		default:
		}
	})
}

// FuzzMessage sends bytes to Raft's side of the cluster port, as a member that has gone mad: no panic, no memory for lengths that are
// only said, and the connection ends with its sender.
func FuzzMessage(f *testing.F) {
	for kind := range byte(5) { // as Raft's own transport writes them
		var b bytes.Buffer
		b.WriteByte(kind)
		b.WriteString("\x81\xa4Term\x07")
		f.Add(b.Bytes())
	}
	for _, text := range []string{
		"", "\x05", "\x00\x81\xa7Entries\xdd\xff\xff\xff\xff", "\x00\x81\xa7Entries\x91\x81\xa4Data\xdb\xff\xff\xff\xff", "\x00\xdf\xff\xff\xff\xff",
		"\x03\x82\xa4Size\xd3\x7f\xff\xff\xff\xff\xff\xff\xff\xacLastLogIndex\x01" + strings.Repeat("x", 100), "\x00" + strings.Repeat("\x91", 10_000),
	} {
		f.Add([]byte(text))
	}
	done := make(chan struct{})
	in := &lane{addr: "n1", conns: make(chan net.Conn), done: done}
	transport := raft.NewNetworkTransportWithConfig(&raft.NetworkTransportConfig{Stream: raftLayer{lane: in}, MaxPool: 1, Timeout: time.Second, Logger: hclog.NewNullLogger()})
	go func() {
		for m := range transport.Consumer() {
			if m.Reader != nil {
				io.Copy(io.Discard, m.Reader)
			}
			m.Respond(nil, errNoRoom)
		}
	}()
	f.Cleanup(func() { close(done); transport.Close() })
	stalled := func(c net.Conn) net.Conn { return &stallConn{Conn: c, barred: func() bool { return false }} }
	f.Fuzz(func(t *testing.T, sends []byte) {
		took := allocated(func() { come(t, in.conns, stalled, sends, true) })
		if most := uint64(8<<20 + 1000*len(sends)); took > most {
			t.Errorf("%d bytes took %d of memory", len(sends), took)
		}
	})
}
