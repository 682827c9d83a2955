package hostile

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// dial opens a connection, which ends with ctx.
func dial(ctx context.Context, addr string) (net.Conn, error) {
	conn, err := (&net.Dialer{Timeout: 10 * time.Second}).DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	context.AfterFunc(ctx, func() { conn.Close() })
	return conn, nil
}

// answer is one answer on a connection.
type answer struct {
	status int
	id     string // of the request that it is to
}

// answers reads a connection to its end. timely is false if it did not end until then.
func answers(conn net.Conn, until time.Time) (all []answer, timely bool) {
	conn.SetReadDeadline(until)
	in := bufio.NewReader(conn)
	for {
		res, err := http.ReadResponse(in, nil)
		if err != nil {
			return all, ended(err)
		}
		if res.StatusCode == http.StatusContinue {
			continue
		}
		all = append(all, answer{res.StatusCode, res.Header.Get("X-Request-Id")})
		if _, err := io.Copy(io.Discard, res.Body); err != nil {
			return all, ended(err)
		}
	}
}

// ended says whether an error is the end of a connection, in whatever way, and not of our patience.
func ended(err error) bool {
	var slow net.Error
	return !(errors.As(err, &slow) && slow.Timeout())
}

// get is a well-formed request that says nothing of its connection's end.
func get(id string) string {
	return "GET /health HTTP/1.1\r\nHost: x\r\nX-Request-Id: " + id + "\r\n\r\n"
}

// last is one that ends it.
const last = "GET /health HTTP/1.1\r\nHost: x\r\nX-Request-Id: last\r\nConnection: close\r\n\r\n"

// signIn is a request that would store something.
func signIn(id, device string) string {
	body := fmt.Sprintf(`{"device_hash":%q}`, device)
	return fmt.Sprintf("POST /auth/anon HTTP/1.1\r\nHost: x\r\nX-Request-Id: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", id, len(body), body)
}
