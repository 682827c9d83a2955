package route

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httputil"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// Router is a handler that sends each request to the cell of its user.
type Router struct {
	cells     []*upstream
	places    Directory
	byCluster map[string]int
	found     *memory
	proxies   []netip.Prefix
	proxy     *httputil.ReverseProxy
	log       *slog.Logger
}

// New makes a router; nothing is dialled.
func New(c Config, log *slog.Logger) *Router {
	r := &Router{places: c.directory(), byCluster: map[string]int{}, found: newMemory(), proxies: c.proxies, log: log}
	for i, cell := range c.Cells {
		r.cells = append(r.cells, newUpstream(cell))
		r.byCluster[cell.Cluster] = i
	}
	r.proxy = &httputil.ReverseProxy{
		Rewrite: r.rewrite, Transport: r, ModifyResponse: r.answered, ErrorHandler: r.failed, FlushInterval: -1,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug), // a client that has gone; what is worth a line has one
	}
	return r
}

// Close drops idle connections.
func (r *Router) Close() {
	for _, c := range r.cells {
		c.transport.CloseIdleConnections()
	}
}

// trip is what is known of one request on its way.
type trip struct {
	id   string
	cell string // name, for the log
	at   int    // the cell's place; for a sign-in it is found on the way
}

type tripKey struct{}

func note(r *http.Request) *trip { return r.Context().Value(tripKey{}).(*trip) }

// routed are the paths of the app. The operator's and the workers' stay with the cells.
func routed(path string) bool {
	first, rest, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	switch first {
	case "auth", "me", "presets", "rules":
		return true
	case "jobs":
		return !strings.HasSuffix(rest, "/callback")
	}
	return false
}

const (
	pathSignIn = "/auth/anon"
	pathHealth = "/health"
)

// readFor is how long a body may take to come.
const readFor = 30 * time.Second

// ServeHTTP implements http.Handler.
func (r *Router) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	began, t := time.Now(), &trip{id: requestID(req)}
	out := &seen{ResponseWriter: w}
	req = req.WithContext(context.WithValue(req.Context(), tripKey{}, t))
	if req.ContentLength != 0 {
		if err := http.NewResponseController(w).SetReadDeadline(began.Add(readFor)); err != nil {
			r.log.Debug("no deadline for a body", "error", err) // a test's writer has none
		}
		req.Body = &timed{req.Body, w}
	}
	if code, message := r.send(t, req); code != "" {
		refuse(out, t.id, code, message)
	} else if req.URL.Path == pathHealth {
		healthy(out, t.id)
	} else {
		r.proxy.ServeHTTP(out, req)
	}
	r.log.Info("request", "method", req.Method, "path", req.URL.Path, "status", out.status, "took", time.Since(began), "cell", t.cell, "request_id", t.id)
}

// timed is a body whose deadline ends with it: what comes behind it is awaited for as long as the answer takes.
type timed struct {
	io.ReadCloser
	w http.ResponseWriter
}

func (t *timed) Read(p []byte) (int, error) {
	n, err := t.ReadCloser.Read(p)
	if err == io.EOF {
		_ = http.NewResponseController(t.w).SetReadDeadline(time.Time{}) // a test's writer has none
	}
	return n, err
}

// send finds out where a request goes; a code is the refusal of one that goes nowhere.
func (r *Router) send(t *trip, req *http.Request) (code, message string) {
	switch {
	case req.URL.Path == pathHealth || req.URL.Path == pathSignIn && req.Method == http.MethodPost:
		return "", ""
	case !routed(req.URL.Path):
		return codeNotFound, "this is a router in front of several clusters, for the app's paths alone; objects, workers and operators speak to their cluster itself"
	case req.Method == http.MethodOptions: // what a browser asks first has no token, and is the same everywhere
		t.cell = r.cells[0].Name
		return "", ""
	}
	scheme, token, _ := strings.Cut(req.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") || token == "" {
		return codeNoToken, "send Authorization: Bearer with a token from POST /auth/anon"
	}
	cluster, ok := issuer(strings.TrimSpace(token))
	if !ok {
		return codeWrongToken, "the token is not one of ours"
	}
	if cluster == "" { // it was signed before there were several, by the first
		cluster = r.cells[0].Cluster
	}
	if t.at, ok = r.byCluster[cluster]; !ok {
		return codeWrongToken, "the token is of a cluster that is none of ours; sign in again"
	}
	t.cell = r.cells[t.at].Name
	return "", ""
}

// maxToken is what the cells take.
const maxToken = 4096

// issuer reads who has signed a token, or says so. It is not verified: the cell does that.
func issuer(token string) (cluster string, ok bool) {
	parts := strings.Split(token, ".")
	if len(token) > maxToken || len(parts) != 3 {
		return "", false
	}
	var claims struct {
		Issuer string `json:"iss"`
	}
	text, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil || json.Unmarshal(text, &claims) != nil {
		return "", false
	}
	return claims.Issuer, true
}

// rewrite makes the request that a cell is sent.
func (r *Router) rewrite(p *httputil.ProxyRequest) {
	if from, _, err := hostOf(p.In.RemoteAddr); err == nil && slices.ContainsFunc(r.proxies, func(t netip.Prefix) bool { return t.Contains(from) }) {
		p.Out.Header[headerForwarded] = p.In.Header[headerForwarded]
	}
	p.SetXForwarded()
	t := note(p.In)
	p.Out.Header.Set(headerRequestID, t.id)
	p.Out.Header.Del(headerKnown)
	if p.In.URL.Path == pathSignIn { // it may go to any cell
		p.Out.Header.Del(headerIndex)
	} else if token := p.Out.Header.Get(headerIndex); token != "" {
		cluster, index, _ := strings.Cut(token, ".")
		p.Out.Header.Del(headerIndex)
		if index != "" && cluster == r.cells[t.at].Cluster { // another cell's says nothing here
			p.Out.Header.Set(headerIndex, index)
		}
	}
}

func hostOf(addr string) (netip.Addr, uint16, error) {
	a, err := netip.ParseAddrPort(addr)
	return a.Addr().Unmap(), a.Port(), err
}

// RoundTrip implements http.RoundTripper, for the proxy.
func (r *Router) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.URL.Path == pathSignIn && req.Method == http.MethodPost {
		return r.signIn(req)
	}
	if req.Method == http.MethodOptions {
		for _, c := range r.cells {
			note(req).cell = c.Name
			if res, err := c.RoundTrip(req); !errors.Is(err, errDown) {
				return res, err
			}
		}
		return nil, errDown
	}
	return r.cells[note(req).at].RoundTrip(req)
}

// answered looks at a cell's answer before the client does.
func (r *Router) answered(res *http.Response) error {
	t := note(res.Request)
	if res.StatusCode == http.StatusMisdirectedRequest && res.Header.Get(headerCell) != "" {
		return refusal{codeOldToken, "you live in another cell now; sign in again"}
	}
	if token := res.Header.Get(headerIndex); token != "" {
		res.Header.Set(headerIndex, r.cells[t.at].Cluster+"."+token)
	}
	return nil
}

// refusal is an error that a client is told as it is.
type refusal struct{ code, message string }

func (r refusal) Error() string { return r.code + ": " + r.message }

// failed answers where no cell did.
func (r *Router) failed(w http.ResponseWriter, req *http.Request, err error) {
	t := note(req)
	var said refusal
	switch {
	case errors.As(err, &said):
		refuse(w, t.id, said.code, said.message)
	case errors.Is(err, context.Canceled):
		w.WriteHeader(499) // the client has gone; for the log alone
	case errors.Is(err, errDown):
		refuse(w, t.id, codeUnavailable, "cell "+t.cell+" cannot be reached; nothing was written; try again in a moment")
	default: // it may have come there
		r.log.Warn("a cell gave no answer", "cell", t.cell, "error", err, "request_id", t.id)
		refuse(w, t.id, codeUnknown, "cell "+t.cell+" gave no answer; retry with the same Idempotency-Key")
	}
}

func healthy(w http.ResponseWriter, id string) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set(headerRequestID, id)
	_, _ = io.WriteString(w, `{"success":true,"data":{"status":"healthy"},"error":null,"meta":{"request_id":"`+id+`","timestamp":"`+time.Now().UTC().Format(time.RFC3339)+`"}}`)
}

// seen notes the status that was sent.
type seen struct {
	http.ResponseWriter
	status int
}

// WriteHeader implements http.ResponseWriter.
func (s *seen) WriteHeader(status int) {
	s.status = status
	s.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (s *seen) Write(p []byte) (int, error) {
	if s.status == 0 {
		s.status = http.StatusOK
	}
	return s.ResponseWriter.Write(p)
}

// Unwrap is for http.ResponseController: streams are flushed, WebSockets hijacked.
func (s *seen) Unwrap() http.ResponseWriter { return s.ResponseWriter }
