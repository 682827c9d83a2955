package node

import (
	"bytes"
	"errors"
	"io"
	"sync"
)

// parcel is a group on its way to another node: the body of a request.
//
// A caller whose deadline passes while the group still waits for a leader or a
// connection is told that nothing was written. So the moment at which the group
// is handed over is not when it is sent off but when its first byte is asked for,
// and then everybody who waits must still be there: handed says so, and from then
// on nobody is told that any more.
type parcel struct {
	handed func() bool

	mu     sync.Mutex
	body   *bytes.Reader
	begun  bool // some of it may have arrived
	closed bool // the attempt is over: nothing of it goes out any more
}

var errWithdrawn = errors.New("node: the group is withdrawn")

// Read gives the body, once it is certain that it may be sent.
func (p *parcel) Read(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.begun {
		if p.closed || !p.handed() {
			return 0, errWithdrawn
		}
		p.begun = true
	}
	return p.body.Read(b)
}

// close ends the attempt, and says whether it had begun. net/http may still be
// about to send a body when its caller has gone.
func (p *parcel) close() (begun bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	return p.begun
}

var _ io.Reader = (*parcel)(nil)
