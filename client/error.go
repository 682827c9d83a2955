package client

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Codes of refusals that callers branch on; the wire contract lists all.
const (
	CodeValidation      = "VALIDATION_FAILED"
	CodeNoCredits       = "INSUFFICIENT_CREDITS"
	CodeJobNotFound     = "JOB_NOT_FOUND"
	CodeTransition      = "JOB_INVALID_TRANSITION"
	CodeIncomplete      = "UPLOAD_INCOMPLETE"
	CodeLeaseLost       = "LEASE_LOST"
	CodeConcurrency     = "CONCURRENCY_LIMIT"
	CodeQueueFull       = "QUEUE_FULL"
	CodeRateLimited     = "RATE_LIMITED"
	CodeUnavailable     = "UNAVAILABLE"
	CodeOutcomeUnknown  = "OUTCOME_UNKNOWN"
	CodeExpiredToken    = "AUTH_EXPIRED_TOKEN"
	CodeKeyMismatch     = "IDEMPOTENCY_MISMATCH"
	CodeSettingsMoved   = "SETTINGS_MOVED"
	CodeBodyTooLarge    = "BODY_TOO_LARGE"
	CodePlanInUse       = "PLAN_IN_USE"
	headerIndex         = "X-Stoker-Index"
	headerRequestID     = "X-Request-Id"
	headerKey           = "Idempotency-Key"
	headerLastEventID   = "Last-Event-ID"
	headerNextCursor    = "X-Next-Cursor"
	headerRetryAfter    = "Retry-After"
	headerDirective     = "X-Stoker-Directive"
	headerSkipped       = "X-Stoker-Skipped"
	headerAuthorization = "Authorization"
)

// Error is an answer that says no: the envelope's error of an API call, or S3's XML error of an object.
type Error struct {
	Status    int     `json:"-"` // HTTP status
	Code      string  `json:"code"`
	Message   string  `json:"message"`
	Fields    []Field `json:"fields,omitempty"`  // VALIDATION_FAILED: what was wrong where
	Missing   []int   `json:"missing,omitempty"` // UPLOAD_INCOMPLETE: the items that need an upload
	JobStatus string  `json:"status,omitempty"`  // JOB_INVALID_TRANSITION: where the job is
	Version   uint64  `json:"version,omitempty"` // SETTINGS_MOVED: the version in force

	Invalid []Unusable `json:"invalid,omitempty"` // UPLOAD_INCOMPLETE: those of Missing whose picture is there and cannot be used

	RequestID  string        `json:"-"`
	Endpoint   string        `json:"-"` // the node that said so
	RetryAfter time.Duration `json:"-"` // zero if the answer named none
}

// Unusable is a picture that is there and is none, and why.
type Unusable struct {
	Idx    int    `json:"idx"`
	Reason string `json:"reason"`
}

// Field is one finding of a validation.
type Field struct {
	Field  string `json:"field"`
	Reason string `json:"reason"`
}

func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s", e.Code, e.Message)
	for _, f := range e.Fields {
		fmt.Fprintf(&b, "; %s: %s", f.Field, f.Reason)
	}
	if len(e.Missing) > 0 {
		fmt.Fprintf(&b, "; missing %v", e.Missing)
	}
	for _, u := range e.Invalid {
		fmt.Fprintf(&b, "; item %d: %s", u.Idx, u.Reason)
	}
	fmt.Fprintf(&b, " (HTTP %d from %s", e.Status, e.Endpoint)
	if e.RequestID != "" {
		fmt.Fprintf(&b, ", request %s", e.RequestID)
	}
	b.WriteString(")")
	return b.String()
}

// Is reports whether err is a refusal with this code.
func Is(err error, code string) bool {
	var e *Error
	return errors.As(err, &e) && e.Code == code
}

// refusal makes an Error of an answer. What is in front of a node (a proxy, a load balancer) answers in its own words, so a
// body that is neither envelope nor XML is no reason to lose the status.
func refusal(endpoint string, res *http.Response, body []byte) *Error {
	var envelope struct {
		Error *Error
		Meta  struct {
			RequestID string `json:"request_id"`
		}
	}
	var s3 struct {
		Code, Message, RequestID string
	}
	e := &Error{}
	switch {
	case json.Unmarshal(body, &envelope) == nil && envelope.Error != nil:
		e = envelope.Error
		e.RequestID = envelope.Meta.RequestID
	case xml.Unmarshal(body, &s3) == nil && s3.Code != "":
		e.Code, e.Message, e.RequestID = s3.Code, s3.Message, s3.RequestID
	default:
		e.Code = "HTTP_" + strconv.Itoa(res.StatusCode)
		e.Message = http.StatusText(res.StatusCode)
	}
	if e.RequestID == "" {
		e.RequestID = res.Header.Get(headerRequestID)
	}
	e.Status = res.StatusCode
	e.Endpoint = endpoint
	e.RetryAfter = retryAfter(res.Header.Get(headerRetryAfter), time.Now())
	return e
}

// retryAfter reads both forms of RFC 9110, section 10.2.3: seconds, or a date.
func retryAfter(text string, now time.Time) time.Duration {
	if seconds, err := strconv.Atoi(text); err == nil && seconds > 0 {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil && at.After(now) {
		return at.Sub(now)
	}
	return 0
}
