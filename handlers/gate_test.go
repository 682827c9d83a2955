package handlers

import (
	"log/slog"
	"net"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
)

// weary is a listener without descriptors for its first accepts.
type weary struct {
	net.Listener
	fails int
}

func (w *weary) Accept() (net.Conn, error) {
	if w.fails--; w.fails >= 0 {
		return nil, &net.OpError{Op: "accept", Net: "tcp", Err: os.NewSyscallError("accept4", syscall.EMFILE)}
	}
	if w.fails < -1 {
		return nil, &net.OpError{Op: "accept", Net: "tcp", Err: net.ErrClosed}
	}
	here, _ := net.Pipe()
	return here, nil
}

// An accept that fails is not the end of the port; its being closed is.
func TestGate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := gate{&weary{fails: 3}, slog.New(slog.DiscardHandler)}
		conn, err := g.Accept()
		if err != nil {
			t.Fatal(err)
		}
		conn.Close()
		if conn, err := g.Accept(); err == nil {
			t.Errorf("a closed listener gave %v", conn)
		}
	})
}

// Connections leave room for what they want.
func TestGate_RoomFor(t *testing.T) {
	for descriptors, want := range map[uint64]int{0: mostConns, 256: 192, 20_000: 15_000, 1 << 40: mostConns} {
		if got := roomFor(descriptors); got != want {
			t.Errorf("%d descriptors: %d connections, want %d", descriptors, got, want)
		}
	}
}
