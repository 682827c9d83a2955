package bench

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/valyala/fasthttp"
)

// wire speaks HTTP to servers and does as little else as it can: it shares the machine with what is measured. Its connections
// are kept, and there is one for each call that is under way.
type wire struct {
	hosts []*fasthttp.HostClient // by node
}

// hangUp closes the connections that nobody uses: those to a node that has gone are of no use.
func (w *wire) hangUp() {
	for _, h := range w.hosts {
		h.CloseIdleConnections()
	}
}

// wireLimit is how long a call may take. What takes longer is an error, and ends the run.
const wireLimit = 60 * time.Second

func newWire(hosts ...string) *wire {
	w := &wire{}
	for _, h := range hosts {
		w.hosts = append(w.hosts, &fasthttp.HostClient{
			Addr: h, MaxConns: 1 << 16, ReadTimeout: wireLimit, WriteTimeout: wireLimit, MaxIdleConnDuration: wireLimit,
			NoDefaultUserAgentHeader: true, MaxIdemponentCallAttempts: 1,
		})
	}
	return w
}

// call asks a node and gives the answer's data, unparsed. Any status but those of success is an error that says what came.
func (w *wire) call(node int, method, path, token string, body []byte) (json.RawMessage, error) {
	answer, err := w.exchange(node, method, path, token, body)
	switch {
	case err != nil:
		return nil, err
	case len(answer) == 0:
		return nil, fmt.Errorf("%s %s: an empty answer", method, path) // a poll that got nothing in its time
	}
	var envelope struct{ Data json.RawMessage }
	if err := json.Unmarshal(answer, &envelope); err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, path, err)
	}
	return envelope.Data, nil
}

// exchange is call without a look at the answer.
func (w *wire) exchange(node int, method, path, token string, body []byte) ([]byte, error) {
	return w.ask(node, request{method: method, path: path, token: token, body: body})
}

// request is what may be asked.
type request struct {
	method, path, token string
	body                []byte
	index               string // what the node must have seen, from an earlier answer; "": all that there is
}

// stateIndex is the header that says what an answer has seen, and what it must have.
const stateIndex = "X-Stoker-Index"

func (w *wire) ask(node int, r request) (answer []byte, err error) {
	err = w.do(node, r, func(res *fasthttp.Response) { answer = append([]byte(nil), res.Body()...) })
	return answer, err
}

// index is the state that an answer reflects.
func (w *wire) index(node int, path, token string) (index string, err error) {
	err = w.do(node, request{method: fasthttp.MethodGet, path: path, token: token}, func(res *fasthttp.Response) {
		index = string(res.Header.Peek(stateIndex))
	})
	return index, err
}

// do asks and shows a good answer, which is only lent.
func (w *wire) do(node int, r request, show func(*fasthttp.Response)) error {
	var refused error
	err := w.send(node, r, func(res *fasthttp.Response) {
		if code := res.StatusCode(); code/100 != 2 {
			refused = fmt.Errorf("%s %s at %s: %d: %s", r.method, r.path, w.hosts[node].Addr, code, res.Body())
			return
		}
		show(res)
	})
	return errors.Join(err, refused)
}

// send asks and shows whatever answer comes, which is only lent.
func (w *wire) send(node int, r request, show func(*fasthttp.Response)) error {
	host := w.hosts[node]
	req, res := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
	defer fasthttp.ReleaseRequest(req)
	defer fasthttp.ReleaseResponse(res)
	req.SetRequestURI("http://" + host.Addr + r.path)
	req.Header.SetMethod(r.method)
	if r.token != "" {
		req.Header.Set("Authorization", "Bearer "+r.token)
	}
	if r.index != "" {
		req.Header.Set(stateIndex, r.index)
	}
	if r.body != nil {
		req.Header.SetContentType("application/json")
		req.SetBodyRaw(r.body)
	}
	if err := host.Do(req, res); err != nil {
		return fmt.Errorf("%s %s at %s: %w", r.method, r.path, host.Addr, err)
	}
	show(res)
	return nil
}

// put uploads a picture to a presigned URL, whose host is one of the nodes'.
func (w *wire) put(link string, picture []byte) error {
	u, err := url.Parse(link)
	if err != nil {
		return err
	}
	for i, host := range w.hosts {
		if host.Addr == u.Host {
			return w.do(i, request{method: fasthttp.MethodPut, path: u.RequestURI(), body: picture}, func(*fasthttp.Response) {})
		}
	}
	return fmt.Errorf("an upload URL of host %s, which is none of the nodes", u.Host)
}

// field finds the text of a field in an answer, without parsing all of it: ids and tokens have no escapes.
func field(answer []byte, name string) (string, error) {
	_, rest, ok := strings.Cut(string(answer), strconv.Quote(name)+`:"`)
	value, _, closed := strings.Cut(rest, `"`)
	if !ok || !closed {
		return "", fmt.Errorf("no %s in %.200q", name, answer)
	}
	return value, nil
}
