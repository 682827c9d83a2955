package fsm

import "fmt"

// Code is the stable name of a refusal: clients program against it.
type Code string

// The codes a command may refuse with. Their HTTP status is the handlers' matter.
const (
	ValidationFailed     Code = "VALIDATION_FAILED"
	InvalidItemCount     Code = "INVALID_ITEM_COUNT"
	InvalidPreset        Code = "INVALID_PRESET"
	AuthInvalidToken     Code = "AUTH_INVALID_TOKEN"
	InsufficientCredits  Code = "INSUFFICIENT_CREDITS"
	ItemLimit            Code = "ITEM_LIMIT"
	RuleSlotLimit        Code = "RULE_SLOT_LIMIT"
	Forbidden            Code = "FORBIDDEN"
	NotFound             Code = "NOT_FOUND"
	JobNotFound          Code = "JOB_NOT_FOUND"
	RuleNotFound         Code = "RULE_NOT_FOUND"
	JobInvalidTransition Code = "JOB_INVALID_TRANSITION"
	UploadIncomplete     Code = "UPLOAD_INCOMPLETE"
	LeaseLost            Code = "LEASE_LOST"
	IdempotencyMismatch  Code = "IDEMPOTENCY_MISMATCH"
	ConcurrencyLimit     Code = "CONCURRENCY_LIMIT"
	QueueFull            Code = "QUEUE_FULL"
	Unavailable          Code = "UNAVAILABLE"

	// FeatureLevel: the command came with a version that not all nodes run yet, or
	// the upgrade to it was not finalized.
	FeatureLevel Code = "FEATURE_LEVEL"
	// Diverged: nodes disagree, and nothing is spent until an operator has looked.
	Diverged Code = "DIVERGED"
	// JoinRefused: the join token is unknown, used, or for another node.
	JoinRefused Code = "JOIN_REFUSED"
	// MemberExists: the node id is taken, or its data folder is another one.
	MemberExists Code = "MEMBER_EXISTS"
	// MemberRemoved: the node id was removed and is never used again.
	MemberRemoved Code = "MEMBER_REMOVED"
	// QuorumAtRisk: too few voters would be left to decide anything.
	QuorumAtRisk Code = "QUORUM_AT_RISK"

	// SettingsMoved: somebody deployed since the version that this one was made from.
	SettingsMoved Code = "SETTINGS_MOVED"
	// PlanInUse: a plan cannot go while users are on it.
	PlanInUse Code = "PLAN_IN_USE"

	// UserMoved: the user lives in another cell, which the refusal names.
	UserMoved Code = "USER_MOVED"
	// MoveConflict: this step of a move between two cells cannot be now, or not any more.
	MoveConflict Code = "MOVE_CONFLICT"

	// PreconditionFailed: the object that an upload was to replace is not what its client says.
	PreconditionFailed Code = "PRECONDITION_FAILED"

	// AlreadyDone: the cluster has its Genesis.
	AlreadyDone Code = "ALREADY_DONE"
	// OriginUnknown: the proposal's origin is not registered or has expired; nothing was applied.
	OriginUnknown Code = "ORIGIN_UNKNOWN"
	// SequencePassed: the origin has given this sequence up; nothing was applied now.
	SequencePassed Code = "SEQUENCE_PASSED"
)

// Refusal is an answer, equal on every node: the command did nothing.
type Refusal struct {
	Code       Code    `cbor:"1,keyasint"`
	Message    string  `cbor:"2,keyasint,omitempty"`
	Status     Status  `cbor:"3,keyasint,omitempty"` // with JOB_INVALID_TRANSITION: the job's status
	Missing    []int   `cbor:"4,keyasint,omitempty"` // with UPLOAD_INCOMPLETE: items without an input
	Fields     []Field `cbor:"5,keyasint,omitempty"` // with VALIDATION_FAILED
	RetryAfter int     `cbor:"6,keyasint,omitempty"` // seconds, 0 = unsaid

	Invalid []Unusable `cbor:"40,keyasint,omitempty"` // with UPLOAD_INCOMPLETE: those of Missing that are there and of no use

	Version uint64 `cbor:"130,keyasint,omitempty"` // with SETTINGS_MOVED: the one in force

	Cell string `cbor:"152,keyasint,omitempty"` // with USER_MOVED: the cluster where the user lives
}

// Unusable is an input that is there and is not what a worker can take.
type Unusable struct {
	Idx    int    `cbor:"1,keyasint" json:"idx"`
	Reason string `cbor:"2,keyasint" json:"reason"`
}

// Field is one field of the request and what is wrong with it.
type Field struct {
	Field  string `cbor:"1,keyasint" json:"field"`
	Reason string `cbor:"2,keyasint" json:"reason"`
}

func (r *Refusal) Error() string { return string(r.Code) + ": " + r.Message }

// Refuse makes a refusal. The message is for a person and says what to do.
func Refuse(code Code, format string, args ...any) *Refusal {
	return &Refusal{Code: code, Message: fmt.Sprintf(format, args...)}
}

func invalid(field, format string, args ...any) *Refusal {
	reason := fmt.Sprintf(format, args...)
	return &Refusal{Code: ValidationFailed, Message: field + ": " + reason, Fields: []Field{{field, reason}}}
}

// maxName is the longest text that may become part of a key, in bytes: S3's own
// limit for the key of an object. The store panics at 32 KiB, which would stop
// every node, so nothing that somebody sends may come near.
const maxName = 1024

// tooLong refuses a name that may not become part of a key.
func tooLong(field string, names ...string) *Refusal {
	for _, n := range names {
		if len(n) > maxName {
			return invalid(field, "%d bytes are too long, at most %d are allowed", len(n), maxName)
		}
	}
	return nil
}

// passing says whether a refusal is about the moment, not about the request:
// such answers are never kept under an Idempotency-Key.
func (r *Refusal) passing() bool {
	switch r.Code {
	case ConcurrencyLimit, QueueFull, Unavailable, FeatureLevel, Diverged, SettingsMoved, PlanInUse, PreconditionFailed, OriginUnknown, SequencePassed, UserMoved, MoveConflict:
		return true
	}
	return false
}
