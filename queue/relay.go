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
	pollPath = "/queue/poll"
	beatPath = "/queue/beat"

	patience = 10 * time.Second      // for a heartbeat, and for a leader beyond a poll's own wait
	pause    = 50 * time.Millisecond // before the leader is looked for again
)

type pollMessage struct {
	Want fsm.Want      `cbor:"1,keyasint"`
	Wait time.Duration `cbor:"2,keyasint"`
}

type beatMessage struct {
	Fence uint64 `cbor:"1,keyasint"`
}

// reply is the answer to both.
type reply struct {
	Refusal *fsm.Refusal `cbor:"1,keyasint,omitempty"`
	Grant   *fsm.Grant   `cbor:"2,keyasint,omitempty"`
	Beat    Beat         `cbor:"3,keyasint"`
}

// atLeader runs local if this node's broker leads, else remote, and again after
// a change of leader until it is answered. A poll's time (until; zero: none) is
// exceeded only to find a leader.
func (q *Queue) atLeader(ctx context.Context, until time.Time, local func(*broker) error, remote func(context.Context) error) error {
	end := time.Now().Add(patience)
	if !until.IsZero() {
		end = until.Add(patience)
	}
	ctx, cancel := context.WithDeadline(ctx, end)
	defer cancel()
	for {
		b, changed := q.current()
		var err error
		if b != nil {
			err = local(b)
		} else {
			err = remote(ctx)
		}
		var refused *fsm.Refusal
		if err == nil || errors.As(err, &refused) {
			return err
		}
		q.log.Debug("queue: no answer from the leader yet", "err", err)
		select {
		case <-changed:
		case <-time.After(pause):
		case <-ctx.Done():
			return fmt.Errorf("queue: %w", node.ErrUnavailable)
		}
	}
}

func (q *Queue) relayPoll(ctx context.Context, w fsm.Want, wait time.Duration) (*fsm.Grant, error) {
	r, err := q.ask(ctx, pollPath, pollMessage{w, max(wait, 0)})
	return r.Grant, err
}

func (q *Queue) relayBeat(ctx context.Context, fence uint64) (Beat, error) {
	r, err := q.ask(ctx, beatPath, beatMessage{fence})
	return r.Beat, err
}

// ask puts a question to the leader.
func (q *Queue) ask(ctx context.Context, path string, m any) (reply, error) {
	var r reply
	body, err := cbor.Marshal(m)
	if err != nil {
		return r, fmt.Errorf("queue: encode %s: %w", path, err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, path, bytes.NewReader(body))
	if err != nil {
		return r, fmt.Errorf("queue: %s: %w", path, err)
	}
	resp, err := q.node.CallLeader(ctx, req)
	if err != nil {
		return r, fmt.Errorf("queue: ask the leader: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return r, fmt.Errorf("queue: the leader answered %s", resp.Status)
	}
	if err := cbor.NewDecoder(resp.Body).Decode(&r); err != nil {
		return r, fmt.Errorf("queue: read the leader's answer: %w", err)
	}
	if r.Refusal != nil {
		return r, r.Refusal
	}
	return r, nil
}

// serve answers what followers ask.
func (q *Queue) serve() {
	q.node.Handle("POST "+pollPath, answer(q, func(ctx context.Context, b *broker, m pollMessage) (r reply, err error) {
		r.Grant, err = b.wait(ctx, m.Want, m.Wait)
		return r, err
	}))
	q.node.Handle("POST "+beatPath, answer(q, func(_ context.Context, b *broker, m beatMessage) (r reply, err error) {
		r.Beat, err = b.renew(m.Fence)
		return r, err
	}))
}

// maxMessage bounds what another node may send.
const maxMessage = 64 << 10

// answer makes an endpoint out of a function of the broker; 421 when this node does not lead.
func answer[M any](q *Queue, fn func(context.Context, *broker, M) (reply, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
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
		r, err := fn(req.Context(), b, m)
		if !errors.As(err, &r.Refusal) && err != nil {
			http.Error(w, err.Error(), http.StatusMisdirectedRequest)
			return
		}
		out, err := cbor.Marshal(r)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		_, _ = w.Write(out) // a caller that is gone asks again
	})
}
