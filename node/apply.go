package node

import (
	"context"
	"errors"

	"stoker/fsm"
)

// ErrUnavailable: no leader took the command before the deadline. Nothing was
// written and nothing will be.
var ErrUnavailable = errors.New("node: no leader in time; nothing was written")

// ErrOutcomeUnknown: the deadline passed while the command was on its way. It
// happens once or not at all.
var ErrOutcomeUnknown = errors.New("node: the outcome is unknown; ask again under the same Idempotency-Key")

// Result is what the machine answered to a command.
type Result[A any] struct {
	Answer   A
	Index    uint64 // the entry the command was applied in: read at least here to see it
	Replayed bool   // the answer was kept under the Idempotency-Key
}

// Option adds to a proposal.
type Option func(*fsm.Proposal)

// By says who asks: "user u_…", "worker", "admin" with the token's name, "system".
func By(who string) Option { return func(p *fsm.Proposal) { p.By = who } }

// Idem keeps the answer under the client's Idempotency-Key, in the command's own entry.
func Idem(i fsm.Idem) Option { return func(p *fsm.Proposal) { p.Idem = &i } }

// RequestID follows the request into the log, in place of that of the context.
func RequestID(id string) Option { return func(p *fsm.Proposal) { p.RequestID = id } }

// Apply has the cluster do c, once, and gives its answer, whichever node n is
// and however often the leader changes meanwhile. It returns when the leader has
// applied c; this node may be behind (see AtLeast). Without a deadline in ctx it
// gives up after Timing.Patience.
//
// The error is a *fsm.Refusal (the machine's answer, nothing was changed),
// ErrUnavailable, ErrStorageFull or ErrOutcomeUnknown.
func Apply[A any](ctx context.Context, n *Node, c fsm.Command[A], opts ...Option) (Result[A], error) {
	p := fsm.Propose(c)
	p.RequestID = RequestOf(ctx)
	for _, o := range opts {
		o(&p)
	}
	if err := n.allowed(ctx, p); err != nil {
		return Result[A]{}, err
	}
	if err := n.roomFor(ctx, p); err != nil {
		return Result[A]{}, err
	}
	ctx, done := n.Span(ctx, "propose "+fsm.CommandName(p.Kind))
	p.Trace = Traceparent(ctx)
	out, err := n.proposer.do(ctx, p)
	if err != nil {
		done(err)
		return Result[A]{}, err
	}
	a, err := fsm.Answer(c, out)
	done(err)
	return Result[A]{Answer: a, Index: out.Index, Replayed: out.Replayed}, err
}
