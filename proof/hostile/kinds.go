package hostile

import (
	"fmt"
	"strings"
	"time"

	"stoker/proof/timeline"
)

// kind is a way to hold on to a connection.
type kind struct {
	name  string
	share int    // connections of a hundred of the siege; at least one
	sends string // at once
	then  func(p *prisoner)
	// limit is how long it may last. A kept connection counts from its last answer.
	limit func(Target) time.Duration
	quick bool // must end at once, not by a limit
}

func byRead(t Target) time.Duration { return t.Read }
func byIdle(t Target) time.Duration { return t.Read + t.Idle } // the first request, then the wait for the next
func atOnce(Target) time.Duration   { return 0 }

// posts is the head of a request with a body that is still to come, which needs no token.
func posts(headers string) string {
	return "POST /auth/anon HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n" + headers + "\r\n\r\n"
}

// kinds are all of them.
func kinds() []kind {
	many := func() string {
		var b strings.Builder
		for i := range 10_000 {
			fmt.Fprintf(&b, "X-%d: b\r\n", i)
		}
		return b.String()
	}()
	return []kind{
		{name: "silent", share: 80, limit: byRead},
		{name: "kept, then silent", share: 4, sends: get("kept"), limit: byIdle},
		{name: "dripping heads", share: 4, sends: "GET /health HTTP/1.1\r\nHost: x\r\nX-A: ", then: (*prisoner).drip, limit: byRead},
		{name: "dripping bodies", share: 3, sends: posts("Content-Length: 100000") + `{"device_hash":"`, then: (*prisoner).drip, limit: byRead},
		{name: "dripping chunks", share: 2, sends: posts("Transfer-Encoding: chunked") + "1000\r\n", then: (*prisoner).drip, limit: byRead},
		{name: "bodies that never come", share: 2, sends: posts("Content-Length: 1000"), limit: byRead},
		{name: "bodies, announced", share: 1, sends: posts("Content-Length: 1000\r\nExpect: 100-continue"), limit: byRead},
		{name: "uploads without a right", share: 2, sends: "PUT /photos/inputs/a/b/0.jpg HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n", limit: byRead},
		{name: "deaf", share: 1, sends: strings.Repeat("GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n", 400) + last, then: (*prisoner).deaf, limit: byRead},
		{name: "floods of a body", share: 0, sends: posts("Content-Length: 1099511627776"), then: (*prisoner).flood, limit: byRead},
		{name: "floods of chunks", share: 0, sends: posts("Transfer-Encoding: chunked"), then: (*prisoner).floodChunks, limit: byRead},
		{name: "half-closed", share: 1, sends: get("half"), then: (*prisoner).halfClose, limit: atOnce, quick: true},
		{name: "half a head, half-closed", share: 1, sends: "GET /health HTTP/1.1\r\nHos", then: (*prisoner).halfClose, limit: atOnce, quick: true},
		{name: "half a body, half-closed", share: 1, sends: posts("Content-Length: 1000") + "{", then: (*prisoner).halfClose, limit: atOnce, quick: true},
		{name: "a header of a megabyte", share: 0, sends: "GET /health HTTP/1.1\r\nHost: x\r\nX-A: " + strings.Repeat("a", 1<<20) + "\r\n\r\n", limit: atOnce, quick: true},
		{name: "ten thousand headers", share: 0, sends: "GET /health HTTP/1.1\r\nHost: x\r\n" + many + "\r\n", limit: atOnce, quick: true},
		{name: "a URI of a megabyte", share: 0, sends: "GET /" + strings.Repeat("a", 1<<20) + " HTTP/1.1\r\nHost: x\r\n\r\n", limit: atOnce, quick: true},
		{name: "a trailer without an end", share: 0, sends: posts("Transfer-Encoding: chunked") + "1\r\nx\r\n0\r\n", then: (*prisoner).floodTrailer, limit: byRead},
	}
}

func (k kind) rule() timeline.Key {
	if k.quick {
		return endsAtOnce
	}
	return endsInTime
}

// few is how many connections a kind has whose share is less than one of a hundred.
const few = 8

// of is how many connections a kind has in a siege of so many.
func (k kind) of(conns int) int { return max(conns*k.share/100, min(few, conns)) }
