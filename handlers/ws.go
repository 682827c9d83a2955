package handlers

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/fasthttp/websocket"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/valyala/fasthttp"
)

// message is an event as a WebSocket text message.
type message struct {
	ID    string         `json:"id,omitempty"` // none: not a position to resume from
	Event string         `json:"event"`
	Body  jsontext.Value `json:"data"`
}

// websocket sends the stream of events over a WebSocket (RFC 6455). Where a
// client cannot set Last-Event-ID it may use the query last_event_id.
func (s *Server) websocket(c *call) (any, error) {
	if !websocket.FastHTTPIsWebSocketUpgrade(c.http) {
		return nil, invalid("Upgrade", "this path speaks WebSocket; use /events for Server-Sent Events")
	}
	last := c.header("Last-Event-ID")
	if last == "" {
		last = c.query("last_event_id")
	}
	f, first, err := s.newFeed(c, last)
	if err != nil {
		return nil, err
	}
	var refused error
	up := websocket.FastHTTPUpgrader{
		CheckOrigin: s.sameOrigin,
		Error: func(_ *fasthttp.RequestCtx, _ int, reason error) {
			refused = invalid("Upgrade", "%s", reason)
		},
	}
	id := c.id
	err = up.Upgrade(c.http, func(conn *websocket.Conn) {
		if !s.sockets.enter() {
			return
		}
		defer s.sockets.leave()
		if err := f.socket(conn, first); err != nil && !errors.Is(err, errGone) && !errors.Is(err, errRevoked) {
			s.log.Warn("stream ended early", keyRequest, id, keyError, err)
		}
	})
	if refused != nil {
		return nil, refused
	}
	return sent{}, err
}

// sameOrigin lets in what is no browser, our own pages and the configured origins.
func (s *Server) sameOrigin(http *fasthttp.RequestCtx) bool {
	origin := string(http.Request.Header.Peek(fasthttp.HeaderOrigin))
	host := string(http.Host())
	return origin == "" || origin == "http://"+host || origin == "https://"+host || mayCall(s.live.Load().origins, origin)
}

// socket runs the feed over a connection until either ends.
func (f *feed) socket(conn *websocket.Conn, first []event) error {
	defer conn.Close()
	ctx, cancel := context.WithCancel(f.s.parked)
	defer cancel()
	patience := 3 * f.s.cfg.KeepAlive
	conn.SetReadLimit(4096)
	alive := func(string) error { return conn.SetReadDeadline(time.Now().Add(patience)) }
	conn.SetPongHandler(alive)
	if err := alive(""); err != nil {
		return errGone
	}
	var reader sync.WaitGroup
	reader.Go(func() { // whatever comes is dropped; what matters is that it ends
		defer cancel()
		for {
			if _, _, err := conn.ReadMessage(); err != nil {
				return
			}
		}
	})
	defer reader.Wait()
	defer conn.Close()

	send := func(name, id string, body []byte) error {
		text, err := json.Marshal(message{id, name, body})
		if err != nil {
			return err
		}
		if conn.SetWriteDeadline(time.Now().Add(streamWrite)) != nil || conn.WriteMessage(websocket.TextMessage, text) != nil {
			return errGone
		}
		return nil
	}
	beat := func() error {
		if conn.WriteControl(websocket.PingMessage, nil, time.Now().Add(streamWrite)) != nil {
			return errGone
		}
		return nil
	}
	err := f.run(ctx, first, send, beat)
	code, why := websocket.CloseNormalClosure, "the job has ended"
	switch {
	case errors.Is(err, errRevoked):
		code, why = websocket.ClosePolicyViolation, "this user has been revoked"
	case err != nil:
		code, why = websocket.CloseTryAgainLater, "come back with last_event_id"
	case f.s.parked.Err() != nil:
		code, why = websocket.CloseGoingAway, "the node is leaving; come back to another with last_event_id"
	}
	goodbye := websocket.FormatCloseMessage(code, why)
	if conn.WriteControl(websocket.CloseMessage, goodbye, time.Now().Add(time.Second)) != nil && err == nil {
		err = errGone
	}
	return err
}
