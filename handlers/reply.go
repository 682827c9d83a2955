package handlers

import (
	"strconv"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/valyala/fasthttp"

	"stoker/fsm"
)

// envelope is what every JSON answer looks like.
type envelope struct {
	Success bool    `json:"success"`
	Payload any     `json:"data"`
	Error   *errorV `json:"error"`
	Meta    meta    `json:"meta"`
}

type meta struct {
	RequestID string `json:"request_id"`
	Timestamp string `json:"timestamp"` // RFC 3339, UTC
}

// errorV is a refusal as clients see it.
type errorV struct {
	Code    fsm.Code    `json:"code"`
	Message string      `json:"message"`
	Fields  []fsm.Field `json:"fields,omitempty"`
	Status  fsm.Status  `json:"status,omitempty"`
	Missing []int       `json:"missing,omitempty"`
	Version uint64      `json:"version,omitzero"`

	Invalid []fsm.Unusable `json:"invalid,omitempty"`

	Cell string `json:"cell,omitempty"`
}

// sent is returned by a handler that has written its answer itself.
type sent struct{}

// noContent answers 204.
type noContent struct{}

// reply writes the answer of a handler.
func (c *call) reply(status int, answer any, err error) {
	c.stamp()
	if err != nil {
		c.refuse(err)
		return
	}
	switch answer.(type) {
	case sent:
	case noContent:
		c.http.Response.ResetBody()
		c.http.SetStatusCode(fasthttp.StatusNoContent)
		c.http.Response.Header.SetContentType("")
	default:
		c.write(status, envelope{Success: true, Payload: answer})
	}
}

// refuse writes an error. One that nobody foresaw is logged here and nowhere else.
func (c *call) refuse(err error) {
	r, foreseen := refusalOf(err)
	if !foreseen {
		c.s.log.Error("request failed", keyRequest, c.id, keyRoute, c.path(), keyError, err)
	}
	c.reject(statusOf[r.Code], r)
}

func (c *call) reject(status int, r *fsm.Refusal) {
	switch status {
	case fasthttp.StatusTooManyRequests, fasthttp.StatusServiceUnavailable, fasthttp.StatusInsufficientStorage:
		c.http.Response.Header.Set(fasthttp.HeaderRetryAfter, strconv.Itoa(max(r.RetryAfter, retryAfter)))
	}
	if r.Cell != "" {
		c.http.Response.Header.Set(headerCell, r.Cell)
	}
	if status == fasthttp.StatusUnauthorized {
		c.http.Response.Header.Set(fasthttp.HeaderWWWAuthenticate, "Bearer")
	}
	c.write(status, envelope{Error: &errorV{
		Code: r.Code, Message: r.Message, Fields: r.Fields, Status: r.Status, Missing: r.Missing, Invalid: r.Invalid, Version: r.Version, Cell: r.Cell,
	}})
}

// stamp sets the headers that every answer has.
func (c *call) stamp() {
	h := &c.http.Response.Header
	h.Set(headerRequestID, c.id)
	if c.token != "" {
		h.Set(headerIndex, c.token)
	}
	if c.replayed {
		h.Set(headerReplayed, "true")
	}
}

func (c *call) write(status int, e envelope) {
	e.Meta = meta{RequestID: c.id, Timestamp: stampOf(time.Now().UnixNano())}
	body, err := json.Marshal(e)
	if err != nil {
		c.s.log.Error("answer not rendered", keyRequest, c.id, keyRoute, c.path(), keyError, err)
		status, body = fasthttp.StatusInternalServerError, []byte(`{"success":false,"data":null,"error":{"code":"INTERNAL_ERROR","message":"the answer could not be rendered"},"meta":{"request_id":"","timestamp":""}}`)
	}
	c.http.SetStatusCode(status)
	c.http.SetContentType("application/json; charset=utf-8")
	c.http.Response.Header.Set(fasthttp.HeaderCacheControl, "no-store")
	c.http.SetBody(body)
}

// stampOf renders a wall clock reading in nanoseconds.
func stampOf(ns int64) string {
	return time.Unix(0, ns).UTC().Format("2006-01-02T15:04:05.000Z07:00")
}
