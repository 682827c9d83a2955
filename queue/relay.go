package queue

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/fxamacker/cbor/v2"

	"stoker/fsm"
	"stoker/node"
)

// How the nodes speak of the queue on the cluster port.
const (
	pollPath    = "/queue/poll"
	beatPath    = "/queue/beat"
	controlPath = "/queue/control"
	followPath  = "/queue/follow"
	depthPath   = "/queue/depth"

	patience = 10 * time.Second      // to find a leader, beyond a request's own wait
	pause    = 50 * time.Millisecond // before the leader is looked for again
)

type pollMessage struct {
	Want fsm.Want      `cbor:"1,keyasint"`
	Wait time.Duration `cbor:"2,keyasint"`
}

type beatMessage struct {
	Fence    uint64     `cbor:"1,keyasint"`
	Progress []Progress `cbor:"2,keyasint,omitempty"`
}

type followMessage struct {
	Job   string        `cbor:"1,keyasint"`
	After uint64        `cbor:"2,keyasint"`
	Wait  time.Duration `cbor:"3,keyasint"`
}

// reply is the answer to each: an A or a refusal.
type reply[A any] struct {
	Refusal *fsm.Refusal `cbor:"1,keyasint,omitempty"`
	Answer  A            `cbor:"2,keyasint"`
}

// atLeader runs local if this node's broker leads, else remote, and again after
// a change of leader until it is answered. A request's own time (until; zero:
// none) is exceeded only to find a leader.
func atLeader[A any](ctx context.Context, q *Queue, until time.Time, local func(*broker) (A, error), remote func(context.Context) (A, error)) (A, error) {
	end := time.Now().Add(patience)
	if !until.IsZero() {
		end = until.Add(patience)
	}
	ctx, cancel := context.WithDeadline(ctx, end)
	defer cancel()
	for {
		b, changed := q.current()
		var a A
		var err error
		if b != nil {
			a, err = local(b)
		} else {
			a, err = remote(ctx)
		}
		var refused *fsm.Refusal
		if err == nil || errors.As(err, &refused) {
			return a, err
		}
		q.log.Debug("queue: no answer from the leader yet", "err", err)
		select {
		case <-changed:
		case <-time.After(pause):
		case <-ctx.Done():
			return a, fmt.Errorf("queue: %w", node.ErrUnavailable)
		}
	}
}

// ask puts a question to the leader.
func ask[A any](ctx context.Context, q *Queue, path string, m any) (A, error) {
	var r reply[A]
	body, err := cbor.Marshal(m)
	if err != nil {
		return r.Answer, fmt.Errorf("queue: encode %s: %w", path, err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, path, bytes.NewReader(body))
	if err != nil {
		return r.Answer, fmt.Errorf("queue: %s: %w", path, err)
	}
	resp, err := q.node.CallLeader(ctx, req)
	if err != nil {
		return r.Answer, fmt.Errorf("queue: ask the leader: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return r.Answer, fmt.Errorf("queue: the leader answered %s", resp.Status)
	}
	if err := cbor.NewDecoder(resp.Body).Decode(&r); err != nil {
		return r.Answer, fmt.Errorf("queue: read the leader's answer: %w", err)
	}
	if r.Refusal != nil {
		return r.Answer, r.Refusal
	}
	return r.Answer, nil
}

// serve answers what followers ask.
func (q *Queue) serve() {
	serve(q, pollPath, func(ctx context.Context, b *broker, m pollMessage) (Answer, error) {
		return b.poll(ctx, m.Want, m.Wait)
	})
	serve(q, beatPath, func(_ context.Context, b *broker, m beatMessage) (Beat, error) {
		return b.renew(m.Fence, m.Progress)
	})
	serve(q, controlPath, func(ctx context.Context, b *broker, m ControlAsk) (ControlAnswer, error) {
		return b.control(ctx, m)
	})
	serve(q, followPath, func(ctx context.Context, b *broker, m followMessage) (Percents, error) {
		return b.follow(ctx, m.Job, m.After, m.Wait)
	})
	serve(q, depthPath, func(_ context.Context, b *broker, _ struct{}) (Depth, error) { return b.depth(), nil })
}

// maxMessage bounds what another node may send.
const maxMessage = 1 << 20

// serve makes an endpoint out of a function of the broker; 421 when this node does not lead.
func serve[M, A any](q *Queue, path string, fn func(context.Context, *broker, M) (A, error)) {
	q.node.Handle("POST "+path, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		var m M
		body, err := io.ReadAll(http.MaxBytesReader(w, req.Body, maxMessage))
		if err == nil {
			err = cbor.Unmarshal(body, &m)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		b, _ := q.current()
		if b == nil {
			http.Error(w, errNotLeading.Error(), http.StatusMisdirectedRequest)
			return
		}
		var r reply[A]
		if r.Answer, err = fn(req.Context(), b, m); err != nil && !errors.As(err, &r.Refusal) {
			http.Error(w, err.Error(), http.StatusMisdirectedRequest)
			return
		}
		out, err := cbor.Marshal(r)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		_, _ = w.Write(out) // a caller that is gone asks again
	}))
}
