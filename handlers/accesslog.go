package handlers

import (
	"cmp"
	"fmt"
	"log/slog"
	"time"

	"github.com/valyala/fasthttp"
)

// The keys of this package's log lines.
const (
	keyRequest = "request_id"
	keyRoute   = "route"
	keyError   = "error"
	keyStack   = "stack"
)

// access writes one line a request and counts it. The query is not in the line:
// it may hold a presigned signature. A stream's line is written when it begins.
func (c *call) access(method string, began time.Time) {
	status, took := c.http.Response.StatusCode(), time.Since(began)
	c.s.count.inFlight.Dec()
	c.s.count.answered(method, c.route, status, took)
	c.traced(status)
	level := slog.LevelInfo
	if status >= fasthttp.StatusInternalServerError {
		level = slog.LevelWarn
	}
	c.s.onlookers.show(func() requestLine { return c.line(began, took) })
	c.s.log.LogAttrs(c, level, "request",
		slog.String("method", c.method()),
		slog.String("path", c.path()),
		slog.String(keyRoute, c.route),
		slog.Int("status", status),
		slog.Duration("took", took),
		slog.Int("bytes", c.answerBytes()),
		slog.String("by", cmp.Or(c.holder, c.by)),
		slog.String("from", c.address().String()),
		slog.String(keyRequest, c.id),
	)
}

// line is a request as an onlooker sees it.
func (c *call) line(began time.Time, took time.Duration) requestLine {
	return requestLine{
		At: stampOf(began.UnixNano()), Node: c.s.node.ID(), Method: c.method(), Path: c.path(), Route: c.route, Status: c.http.Response.StatusCode(),
		TookMS: float64(took.Microseconds()) / 1000, Bytes: c.answerBytes(), By: cmp.Or(c.holder, c.by), From: c.address().String(), Request: c.id,
	}
}

// answerBytes is the length of the answer's body; -1 for a stream that has none.
func (c *call) answerBytes() int {
	if r := &c.http.Response; !r.IsBodyStream() {
		return len(r.Body())
	}
	return c.http.Response.Header.ContentLength()
}

// printer is fasthttp's own log: broken connections and the like.
type printer struct{ log *slog.Logger }

func (p printer) Printf(format string, args ...any) {
	p.log.Debug("connection", keyError, fmt.Sprintf(format, args...))
}
