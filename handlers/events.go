package handlers

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/valyala/fasthttp"
)

// streamWrite is how long a client may take to receive one event before it
// counts as gone.
const streamWrite = 30 * time.Second

// events streams a job as Server-Sent Events (HTML standard, section 9.2).
func (s *Server) events(c *call) (any, error) {
	f, first, err := s.newFeed(c, c.header("Last-Event-ID"))
	if err != nil {
		return nil, err
	}
	return c.stream(func(o outlet) error { return f.run(s.parked, first, o.send, o.beat) })
}

// stream answers with Server-Sent Events, those that run sends. Of the call only
// what is copied here may be touched while it runs: the request is over.
func (c *call) stream(run func(outlet) error) (any, error) {
	conn, log, id := c.http.Conn(), c.s.log, c.id
	c.http.SetStatusCode(fasthttp.StatusOK)
	c.http.SetContentType("text/event-stream")
	c.http.Response.Header.Set(fasthttp.HeaderCacheControl, "no-store")
	c.http.Response.Header.Set("X-Accel-Buffering", "no") // nginx would hold events back
	c.http.SetBodyStreamWriter(func(w *bufio.Writer) {
		o := outlet{conn, w}
		if err := o.beat(); err != nil { // headers go out now, not with the first event
			return
		}
		if err := run(o); err != nil && !errors.Is(err, errGone) && !errors.Is(err, errRevoked) {
			log.Warn("stream ended early", keyRequest, id, keyError, err)
		}
	})
	return sent{}, nil
}

// outlet is where a stream goes out.
type outlet struct {
	conn net.Conn
	w    *bufio.Writer
}

// send sends one event. Without an id the client keeps the last one.
func (o outlet) send(name, id string, body []byte) error {
	if id != "" {
		fmt.Fprintf(o.w, "id: %s\n", id)
	}
	fmt.Fprintf(o.w, "event: %s\ndata: %s\n\n", name, body)
	return o.flush()
}

// beat shows that the stream is alive.
func (o outlet) beat() error {
	fmt.Fprint(o.w, ": keep-alive\n\n")
	return o.flush()
}

func (o outlet) flush() error {
	if o.conn.SetWriteDeadline(time.Now().Add(streamWrite)) != nil || o.w.Flush() != nil {
		return errGone
	}
	return nil
}

// errGone says that the client is not there any more.
var errGone = errors.New("the client has gone")
