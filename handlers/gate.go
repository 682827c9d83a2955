package handlers

import (
	"errors"
	"log/slog"
	"net"
	"time"
)

// gate is the public port's listener. An accept that fails for want of descriptors or memory is tried again: fasthttp would
// take it for the end of the listener, and one flood of connections would close the port for good.
type gate struct {
	net.Listener
	log *slog.Logger
}

// gatePause is how long a failed accept waits for somebody to leave.
const gatePause = 50 * time.Millisecond

// Accept fails only once the listener is closed.
func (g gate) Accept() (net.Conn, error) {
	for failed := false; ; failed = true {
		conn, err := g.Listener.Accept()
		if err == nil || errors.Is(err, net.ErrClosed) {
			return conn, err
		}
		if !failed {
			g.log.Warn("accept on the public port; it is tried again", keyError, err)
		}
		time.Sleep(gatePause)
	}
}

// mostConns is how many connections there are at most, however many descriptors there are: each holds about 25 KiB.
const mostConns = 1 << 15

// roomFor is how many connections a process of so many descriptors takes; 0 is a system that does not tell. A quarter is
// left for what the connections want: files, the other nodes, the log.
func roomFor(descriptors uint64) int {
	if descriptors == 0 {
		return mostConns
	}
	return int(min(descriptors/4*3, mostConns))
}
