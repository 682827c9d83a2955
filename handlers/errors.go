package handlers

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"stoker/fsm"
	"stoker/node"
)

// The codes that never come out of the machine: what is wrong is seen here.
const (
	authRequired         fsm.Code = "AUTH_REQUIRED"
	authExpiredToken     fsm.Code = "AUTH_EXPIRED_TOKEN"
	callbackUnauthorized fsm.Code = "CALLBACK_UNAUTHORIZED"
	methodNotAllowed     fsm.Code = "METHOD_NOT_ALLOWED"
	bodyTooLarge         fsm.Code = "BODY_TOO_LARGE"
	unsupportedMediaType fsm.Code = "UNSUPPORTED_MEDIA_TYPE"
	rateLimited          fsm.Code = "RATE_LIMITED"
	storageFull          fsm.Code = "STORAGE_FULL"
	internalError        fsm.Code = "INTERNAL_ERROR"
	outcomeUnknown       fsm.Code = "OUTCOME_UNKNOWN"
	positionGone         fsm.Code = "POSITION_GONE"
)

// statusOf is the one place where a code becomes an HTTP status.
var statusOf = map[fsm.Code]int{
	fsm.ValidationFailed: 400, fsm.InvalidItemCount: 400, fsm.InvalidPreset: 400,
	authRequired: 401, fsm.AuthInvalidToken: 401, authExpiredToken: 401, callbackUnauthorized: 401,
	fsm.InsufficientCredits: 402,
	fsm.ItemLimit:           403, fsm.RuleSlotLimit: 403, fsm.Forbidden: 403,
	fsm.NotFound: 404, fsm.JobNotFound: 404, fsm.RuleNotFound: 404,
	methodNotAllowed: 405, bodyTooLarge: 413, unsupportedMediaType: 415,
	fsm.JobInvalidTransition: 409, fsm.UploadIncomplete: 409, fsm.LeaseLost: 409, fsm.FeatureLevel: 409,
	positionGone: 410, fsm.IdempotencyMismatch: 422,
	fsm.ConcurrencyLimit: 429, fsm.QueueFull: 429, rateLimited: 429,
	fsm.JoinRefused: 403, fsm.MemberExists: 409, fsm.MemberRemoved: 409, fsm.QuorumAtRisk: 409, node.LastCopy: 409,
	sqlError: 400, sqlReadOnly: 400, sqlLimit: 400,
	fsm.SettingsMoved: 409, fsm.PlanInUse: 409, fsm.MoveConflict: 409, fsm.UserMoved: 421,
	storageFull: 507, internalError: 500, fsm.Unavailable: 503, fsm.Diverged: 503, outcomeUnknown: 504,
}

// retryAfter is what clients are told when the refusal names no time, in
// seconds: an election is over within a few.
const retryAfter = 1

// retryFull is the same where a disk is full: somebody has to make room.
const retryFull = 30

// refusalOf makes a refusal of whatever error a handler returned. ok is false
// for an error that nobody foresaw; it is logged, and the client learns nothing of it.
func refusalOf(err error) (r *fsm.Refusal, ok bool) {
	switch {
	case errors.As(err, &r):
		if _, known := statusOf[r.Code]; known {
			return r, true
		}
		// OriginUnknown and SequencePassed are between nodes: nothing was applied.
		return fsm.Refuse(fsm.Unavailable, "the node lost its place in the log; try again"), true
	case errors.Is(err, node.ErrOutcomeUnknown):
		return fsm.Refuse(outcomeUnknown, "the deadline ran out before the outcome was known; retry with the same Idempotency-Key"), true
	case errors.Is(err, node.ErrStorageFull):
		r := fsm.Refuse(storageFull, "the cluster's disks are full; nothing was written; what only ends or deletes something is still taken")
		r.RetryAfter = retryFull
		return r, true
	case errors.Is(err, node.ErrBehind):
		return fsm.Refuse(fsm.Unavailable, "this node's disk is full and it is behind; ask another node, or read with ?consistency=stale"), true
	case errors.Is(err, node.ErrUnavailable), errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return fsm.Refuse(fsm.Unavailable, "no leader within the deadline; nothing was written; try again"), true
	}
	return fsm.Refuse(internalError, "something went wrong here; quote the request id to the operator"), false
}

// flaws collects what is wrong with the shape of a request, so that a client
// learns all of it at once.
type flaws []fsm.Field

// unless notes the field when it does not hold.
func (f *flaws) unless(holds bool, field, reason string, args ...any) {
	if !holds {
		*f = append(*f, fsm.Field{Field: field, Reason: fmt.Sprintf(reason, args...)})
	}
}

// refusal is nil when nothing was wrong.
func (f flaws) refusal() error {
	if len(f) == 0 {
		return nil
	}
	said := make([]string, len(f))
	for i, field := range f {
		said[i] = field.Field + ": " + field.Reason
	}
	r := fsm.Refuse(fsm.ValidationFailed, "%s", strings.Join(said, "; "))
	r.Fields = f
	return r
}

// invalid refuses a request for one field.
func invalid(field, reason string, args ...any) error {
	var f flaws
	f.unless(false, field, reason, args...)
	return f.refusal()
}
