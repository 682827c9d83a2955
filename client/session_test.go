package client

import (
	"io"
	"net/http"
	"testing"
	"testing/synctest"
)

// The next read waits for what the last answer reflected.
func TestSession_ReadsItsWrites(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X-Stoker-Index", "1-2a")
			allow(w, http.StatusOK, map[string]any{})
		}))
		s := &Session{}
		app := n.client().App("jwt").WithSession(s)
		if err := app.Cancel(t.Context(), "j_1"); err != nil {
			t.Fatal(err)
		}
		if _, err := app.Me(t.Context()); err != nil {
			t.Fatal(err)
		}
		asked := n.requests()
		if write, read := asked[0].request.Header.Get(headerIndex), asked[1].request.Header.Get(headerIndex); write != "" || read != "1-2a" {
			t.Errorf("the write sent %q, the read %q", write, read)
		}
	})
}

// Of two answers that crossed nobody knows the newer one; the next read is linearizable instead.
func TestSession_CrossedAnswers(t *testing.T) {
	s := &Session{}
	_, first := s.begin()
	_, second := s.begin()
	s.end(first, "1-5")
	s.end(second, "1-4")
	if got := s.Token(); got != "" {
		t.Errorf("the session waits for %q, which may be the older", got)
	}
	_, third := s.begin()
	s.end(third, "1-6")
	if got := s.Token(); got != "1-6" {
		t.Errorf("did not begin anew: %q", got)
	}
}

// After a restore the cluster counts in another epoch: the session drops its token and the read succeeds.
func TestSession_OtherEpoch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get(headerIndex) == "1-99" {
				w.WriteHeader(http.StatusBadRequest)
				io.WriteString(w, `{"error":{"code":"VALIDATION_FAILED","message":"the index was given out in another epoch"}}`)
				return
			}
			w.Header().Set(headerIndex, "2-1")
			allow(w, http.StatusOK, map[string]any{"credits": 3})
		}))
		s := &Session{token: "1-99"}
		me, err := n.client().App("jwt").WithSession(s).Me(t.Context())
		if err != nil || me.Credits != 3 || s.Token() != "2-1" {
			t.Errorf("%v %v, session at %q", me, err, s.Token())
		}
	})
}
