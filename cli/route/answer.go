package route

import (
	"crypto/rand"
	"encoding/json"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// The headers of the contract that a router knows.
const (
	headerRequestID = "X-Request-Id"
	headerIndex     = "X-Stoker-Index"
	headerCell      = "X-Stoker-Cell"
	headerKnown     = "X-Stoker-Known" // on a sign-in: "only" if the device is known
	headerKey       = "Idempotency-Key"
	headerRetry     = "Retry-After"
	headerForwarded = "X-Forwarded-For"
)

// retryAfter is how long, in seconds, a client is asked to wait for a cell that cannot be reached.
const retryAfter = 5

// The codes that a router answers with itself; all are the API's.
const (
	codeInvalid     = "VALIDATION_FAILED"
	codeNoToken     = "AUTH_REQUIRED"
	codeWrongToken  = "AUTH_INVALID_TOKEN"
	codeOldToken    = "AUTH_EXPIRED_TOKEN"
	codeNotFound    = "NOT_FOUND"
	codeTooLarge    = "BODY_TOO_LARGE"
	codeUnavailable = "UNAVAILABLE"
	codeUnknown     = "OUTCOME_UNKNOWN"
)

var statusOf = map[string]int{
	codeInvalid: http.StatusBadRequest, codeNoToken: http.StatusUnauthorized, codeWrongToken: http.StatusUnauthorized, codeOldToken: http.StatusUnauthorized,
	codeNotFound: http.StatusNotFound, codeTooLarge: http.StatusRequestEntityTooLarge, codeUnavailable: http.StatusServiceUnavailable,
	codeUnknown: http.StatusGatewayTimeout,
}

// saneRequestID is what the cells keep of a client's.
var saneRequestID = regexp.MustCompile(`^[A-Za-z0-9._:/+=-]{1,128}$`)

// requestID is the request's own, or a new one.
func requestID(r *http.Request) string {
	if id := r.Header.Get(headerRequestID); saneRequestID.MatchString(id) {
		return id
	}
	return "rt_" + strings.ToLower(rand.Text())[:20]
}

// refuse answers in the API's envelope.
func refuse(w http.ResponseWriter, id, code, message string) {
	var out struct {
		Success bool `json:"success"`
		Data    any  `json:"data"`
		Error   struct {
			Code    string `json:"code"`
			Message string `json:"message"`
		} `json:"error"`
		Meta struct {
			RequestID string `json:"request_id"`
			Timestamp string `json:"timestamp"`
		} `json:"meta"`
	}
	out.Error.Code, out.Error.Message = code, message
	out.Meta.RequestID, out.Meta.Timestamp = id, time.Now().UTC().Format("2006-01-02T15:04:05.000Z07:00")
	text, err := json.Marshal(out)
	if err != nil {
		panic(err) // strings alone
	}
	h, status := w.Header(), statusOf[code]
	h.Set("Content-Type", "application/json; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set(headerRequestID, id)
	switch status {
	case http.StatusServiceUnavailable:
		h.Set(headerRetry, strconv.Itoa(retryAfter))
	case http.StatusUnauthorized:
		h.Set("WWW-Authenticate", "Bearer")
	}
	w.WriteHeader(status)
	_, _ = w.Write(text) // whoever has gone has gone
}
