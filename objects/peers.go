package objects

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	// hedgeAfter is how long a copy may take once the body is complete before
	// another member gets one too.
	hedgeAfter = 2 * time.Second
	// deliverWithin bounds the wait for a copy once the body is complete.
	deliverWithin = 10 * time.Second
	// distrust is how long a member that failed is asked last.
	distrust = 10 * time.Second
)

// peers are the other members, as places for copies.
type peers struct {
	others func() []string
	call   func(ctx context.Context, member string, req *http.Request) (*http.Response, error)

	mu     sync.Mutex
	failed map[string]time.Time
}

// order lists members, those that failed lately last. Which of the good ones is
// first depends on the blob, so that copies spread evenly.
func (p *peers) order(b Blob, members []string) []string {
	members = slices.Clone(members)
	slices.Sort(members)
	if n := len(members); n > 1 {
		turn := int(b[0]) % n
		members = append(members[turn:n:n], members[:turn]...)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	bad := func(m string) int {
		if at, ok := p.failed[m]; ok && time.Since(at) < distrust {
			return 1
		}
		return 0
	}
	slices.SortStableFunc(members, func(a, b string) int { return bad(a) - bad(b) })
	return members
}

// note remembers how a call to a member went.
func (p *peers) note(member string, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case err == nil:
		delete(p.failed, member)
	case p.failed == nil:
		p.failed = map[string]time.Time{member: time.Now()}
	default:
		p.failed[member] = time.Now()
	}
}

// do sends a request about a blob and turns all but a 2xx into an error.
func (p *peers) do(ctx context.Context, member, method string, b Blob, body io.ReadCloser, prepare func(*http.Request)) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, "https://"+member+blobPath+string(b), body)
	if err != nil {
		return nil, err
	}
	if prepare != nil {
		prepare(req)
	}
	resp, err := p.call(ctx, member, req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode/100 == 2 {
		return resp, nil
	}
	said, _ := io.ReadAll(io.LimitReader(resp.Body, 200)) // only to be shown
	_ = resp.Body.Close()
	if resp.StatusCode == http.StatusInsufficientStorage {
		return nil, ErrFull
	}
	return nil, &declined{resp.StatusCode, resp.Status, strings.TrimSpace(string(said))}
}

// declined is an answer that is not the wanted one: the member is well.
type declined struct {
	code         int
	status, said string
}

// errAbsent is a member's answer that it has no such blob.
var errAbsent = errors.New("objects: no such blob there")

// Is says what kind of answer it is.
func (d *declined) Is(kind error) bool { return kind == errAbsent && d.code == http.StatusNotFound }

func (d *declined) Error() string { return d.status + ": " + d.said }

// copyTo puts the blob on one member; nil means that it is durable there.
func (p *peers) copyTo(ctx context.Context, member string, w *Draft, b Blob, size int64) error {
	body := w.Follow()
	defer body.Close()
	resp, err := p.do(ctx, member, http.MethodPut, b, body, func(req *http.Request) {
		req.ContentLength = size + trailerSize
	})
	if err != nil {
		return err
	}
	return resp.Body.Close()
}

// discard removes a copy that was never recorded. It is only a courtesy: what
// stays is an unreferenced file, which collection finds.
func (p *peers) discard(ctx context.Context, member string, b Blob) error {
	resp, err := p.do(ctx, member, http.MethodDelete, b, nil, nil)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}

// delivery is a blob on its way to another member while it still comes in, so
// that two copies take the time of one.
type delivery struct {
	stop   context.CancelFunc
	sealed chan struct{} // closed when the body is complete
	done   chan struct{} // closed when member or err is set
	member string
	err    error
}

// deliver starts a copy of a draft of size bytes. The first member that has it
// durably wins; a member that fails, or takes too long after the body is
// complete, is joined by the next.
func (p *peers) deliver(ctx context.Context, w *Draft, b Blob, size int64) *delivery {
	ctx, cancel := context.WithCancel(ctx)
	d := &delivery{stop: cancel, sealed: make(chan struct{}), done: make(chan struct{})}
	go func() {
		defer close(d.done)
		d.member, d.err = p.race(ctx, d.sealed, p.order(b, p.others()), func(ctx context.Context, member string) error {
			return p.copyTo(ctx, member, w, b, size)
		})
	}()
	return d
}

// wait says that the body is complete and gives the member that has the copy.
func (d *delivery) wait() (string, error) {
	close(d.sealed)
	<-d.done
	return d.member, d.err
}

// race asks members in order until one succeeds. Before sealed is closed only a
// failure brings in the next member: a slow client is not the member's fault.
func (p *peers) race(ctx context.Context, sealed <-chan struct{}, members []string, ask func(context.Context, string) error) (string, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // the losers
	type answer struct {
		member string
		err    error
	}
	answers := make(chan answer, len(members))
	errs := []error{errors.New("objects: no other member took a copy")}
	asked, failed := 0, 0
	next := func() {
		if asked < len(members) {
			member := members[asked]
			asked++
			go func() { answers <- answer{member, ask(ctx, member)} }()
		}
	}
	var hedge, deadline <-chan time.Time
	next()
	for failed < len(members) {
		select {
		case a := <-answers:
			if ctx.Err() == nil {
				p.note(a.member, a.err)
			}
			if a.err == nil {
				return a.member, nil
			}
			failed++
			errs = append(errs, fmt.Errorf("copy to %s: %w", a.member, a.err))
			next()
		case <-sealed:
			sealed = nil
			hedge, deadline = time.After(hedgeAfter), time.After(deliverWithin)
		case <-hedge:
			next()
			hedge = time.After(hedgeAfter)
		case <-deadline:
			return "", errors.Join(append(errs, errors.New("the others took too long"))...)
		case <-ctx.Done():
			return "", ctx.Err()
		}
	}
	return "", errors.Join(errs...)
}
