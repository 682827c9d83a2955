package handlers

import (
	"strconv"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/valyala/fasthttp"
)

// turnedSpan is how often the log tells of those who were turned away: a line for each would cost more than their refusal.
const turnedSpan = time.Second

// away is a refusal's body before the request's id, between that and the time, and behind it. No id has anything to be escaped (saneID).
var away = func() (parts [3][]byte) {
	text, err := json.Marshal(errorV{Code: crowded.Code, Message: crowded.Message})
	if err != nil {
		panic(err) // at the program's start, and at every one
	}
	parts[0] = append(append([]byte(`{"success":false,"data":null,"error":`), text...), `,"meta":{"request_id":"`...)
	parts[1], parts[2] = []byte(`","timestamp":"`), []byte(`"}}`)
	return parts
}()

// turnAway answers a request that is one too many as [call.refuse] would, before anything is done for it: who it is of is not looked at,
// and its body is not read. Under a load of many times what the log takes this is most of what a node does, and what it costs is
// missing where the work is done.
func (s *Server) turnAway(http *fasthttp.RequestCtx, line route) {
	began := time.Now()
	id := requestID(http)
	h := &http.Response.Header
	h.Set(headerRequestID, id)
	h.Set(fasthttp.HeaderRetryAfter, strconv.Itoa(retryAfter))
	h.Set(fasthttp.HeaderCacheControl, "no-store")
	http.SetContentType("application/json; charset=utf-8")
	http.SetStatusCode(statusOf[crowded.Code])
	at := stampOf(began.UnixNano())
	http.Response.AppendBody(away[0])
	http.Response.AppendBodyString(id)
	http.Response.AppendBody(away[1])
	http.Response.AppendBodyString(at)
	http.Response.AppendBody(away[2])

	took := time.Since(began)
	s.count.answered(line.method, line.path, http.Response.StatusCode(), took)
	s.onlookers.show(func() requestLine {
		c := &call{s: s, http: http, id: id, route: line.path}
		return c.line(began, took)
	})
	if s.turned.Add(1) == 1 {
		time.AfterFunc(turnedSpan, func() {
			s.log.Warn("more to write than the log takes: requests were turned away with 503", "requests", s.turned.Swap(0), "within", turnedSpan)
		})
	}
}
