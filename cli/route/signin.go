package route

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
)

// maxSignIn is far above what a sign-in says.
const maxSignIn = 64 << 10

// signIn finds the cell of a device and has it signed in there. A device that none of the cells knows where it may have been is made
// a user at home.
func (r *Router) signIn(req *http.Request) (*http.Response, error) {
	var body []byte
	var err error
	if req.Body != nil { // without one it is a sign-in without a device
		body, err = io.ReadAll(io.LimitReader(req.Body, maxSignIn+1))
		_ = req.Body.Close()
	}
	switch {
	case err != nil:
		return nil, refusal{codeInvalid, "body: it could not be read to its end"}
	case len(body) > maxSignIn:
		return nil, refusal{codeTooLarge, fmt.Sprintf("a sign-in has at most %d bytes", maxSignIn)}
	}
	var in struct {
		Device string `json:"device_hash"`
	}
	if err := json.Unmarshal(body, &in); err != nil {
		in.Device = "" // the cell says what is wrong with it
	}
	if in.Device == "" {
		return r.newcomer(req, body)
	}
	s := &search{Router: r, req: req, body: body, device: in.Device, asked: map[int]bool{}}
	return s.run()
}

// newcomer signs in somebody that nobody can know again: the key of its request decides where, so that it comes to the same cell again.
func (r *Router) newcomer(req *http.Request, body []byte) (*http.Response, error) {
	key := req.Header.Get(headerKey)
	if key == "" {
		key = rand.Text()
	}
	home := r.places.Home("key " + key)
	if home < 0 {
		return nil, refusal{codeUnavailable, "no cell takes new users"}
	}
	return r.ask(req, body, home, false)
}

// search is one device being looked for.
type search struct {
	*Router
	req    *http.Request
	body   []byte
	device string
	asked  map[int]bool
	silent bool // a cell that may know it gave no answer
}

func (s *search) run() (*http.Response, error) {
	places := s.places.Candidates(s.device)
	if at, known := s.found.get(s.device); known {
		places = append([]int{at}, places...)
	}
	for _, at := range places {
		if s.asked[at] {
			continue
		}
		if res, err := s.knows(at); res != nil || err != nil {
			return res, err
		}
	}
	switch home := s.places.Home(s.device); {
	case s.silent:
		return nil, refusal{codeUnavailable, "a cell where this device may have signed in before gives no answer; try again in a moment"}
	case home < 0:
		return nil, refusal{codeUnavailable, "no cell takes new users"}
	default:
		return s.ask(s.req, s.body, home, false)
	}
}

// knows asks one cell. It gives the answer of the cell that knows the device, which may be one that this cell names; nil if it
// knows nothing, or cannot be asked.
func (s *search) knows(at int) (*http.Response, error) {
	s.asked[at] = true
	res, err := s.ask(s.req, s.body, at, true)
	switch {
	case s.req.Context().Err() != nil:
		return nil, s.req.Context().Err()
	case err != nil:
		s.silent = true
		s.log.Warn("a cell cannot be asked for a device", "cell", s.cells[at].Name, "error", err)
		return nil, nil
	case res.StatusCode >= http.StatusInternalServerError: // no leader, or a user that is just coming: another one may know more
		s.silent = true
		discard(res)
		return nil, nil
	case res.StatusCode == http.StatusNotFound:
		discard(res)
		return nil, nil
	case res.StatusCode == http.StatusMisdirectedRequest:
		discard(res)
		return s.follow(res.Header.Get(headerCell))
	}
	if at != s.places.Home(s.device) && res.StatusCode == http.StatusOK {
		s.found.put(s.device, at)
	}
	return res, nil
}

// follow asks the cell that another one has named: the user is there or on its way there, and silence is no answer.
func (s *search) follow(cluster string) (*http.Response, error) {
	at, known := s.byCluster[cluster]
	switch {
	case !known:
		return nil, refusal{codeUnavailable, fmt.Sprintf("the user lives in cell %q, which is not in cells.toml", cluster)}
	case s.asked[at]:
		return nil, refusal{codeUnavailable, "the user is just moved from cell to cell; try again in a moment"}
	}
	res, err := s.knows(at)
	if res == nil && err == nil {
		err = refusal{codeUnavailable, fmt.Sprintf("the user lives in cell %s, which cannot be asked; try again in a moment", s.cells[at].Name)}
	}
	return res, err
}

// ask sends the sign-in to a cell; only says that it is to refuse a device that it does not know (404).
func (r *Router) ask(req *http.Request, body []byte, at int, only bool) (*http.Response, error) {
	out := req.Clone(req.Context())
	out.Body, out.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	out.Header.Del(headerKnown)
	if only {
		out.Header.Set(headerKnown, "only")
	}
	t := note(req)
	t.cell, t.at = r.cells[at].Name, at
	res, err := r.cells[at].RoundTrip(out)
	if err == nil && !only && res.StatusCode == http.StatusMisdirectedRequest { // it has come and gone since it was asked
		discard(res)
		return nil, refusal{codeUnavailable, "the user is just moved from cell to cell; try again in a moment"}
	}
	return res, err
}

// discard lets a connection be used again.
func discard(res *http.Response) {
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, maxSignIn))
	_ = res.Body.Close()
}
