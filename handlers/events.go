package handlers

import (
	"bufio"
	"errors"
	"fmt"
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
	conn, log, id := c.http.Conn(), s.log, c.id
	c.http.SetStatusCode(fasthttp.StatusOK)
	c.http.SetContentType("text/event-stream")
	c.http.Response.Header.Set(fasthttp.HeaderCacheControl, "no-store")
	c.http.Response.Header.Set("X-Accel-Buffering", "no") // nginx would hold events back
	c.http.SetBodyStreamWriter(func(w *bufio.Writer) {
		// From here on only conn and w may be touched: the request is over.
		flush := func() error {
			if err := conn.SetWriteDeadline(time.Now().Add(streamWrite)); err != nil {
				return errGone
			}
			if w.Flush() != nil {
				return errGone
			}
			return nil
		}
		send := func(name, id string, body []byte) error {
			if id != "" { // without one the client keeps the last
				fmt.Fprintf(w, "id: %s\n", id)
			}
			fmt.Fprintf(w, "event: %s\ndata: %s\n\n", name, body)
			return flush()
		}
		beat := func() error {
			fmt.Fprint(w, ": keep-alive\n\n")
			return flush()
		}
		if err := beat(); err != nil { // headers go out now, not with the first event
			return
		}
		if err := f.run(s.parked, first, send, beat); err != nil && !errors.Is(err, errGone) && !errors.Is(err, errRevoked) {
			log.Warn("stream ended early", keyRequest, id, keyError, err)
		}
	})
	return sent{}, nil
}

// errGone says that the client is not there any more.
var errGone = errors.New("the client has gone")
