package webhook

import (
	"context"
	"crypto/hmac"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

var testKey = []byte("a secret of many bytes")

// receiver is an endpoint that answers as it is told.
func receiver(t *testing.T, answer http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(answer)
	t.Cleanup(s.Close)
	return s.URL
}

func postTo(url string, private bool) Outcome {
	return NewPoster("test").Post(context.Background(), Target{url, private, [][]byte{testKey}}, "ev_1_2_3", []byte(`{"a":1}`))
}

// TestShort: an error in few words says how far it came.
func TestShort(t *testing.T) {
	for want, err := range map[string]error{
		"no connection within 5s":    &net.OpError{Op: "dial", Err: os.ErrDeadlineExceeded},
		"no answer within 10s":       os.ErrDeadlineExceeded,
		"dial tcp: it is not at all": &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("it is not at all")},
	} {
		if got := short(&url.Error{Op: "Post", URL: "https://secret.example", Err: err}); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// TestPost: what arrives can be verified from its headers and body.
func TestPost(t *testing.T) {
	url := receiver(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		at, err := strconv.ParseInt(r.Header.Get("webhook-timestamp"), 10, 64)
		want := Sign([][]byte{testKey}, r.Header.Get("webhook-id"), time.Unix(at, 0), body)
		if err != nil || r.Method != "POST" || string(body) != `{"a":1}` || !hmac.Equal([]byte(want), []byte(r.Header.Get("webhook-signature"))) {
			t.Errorf("%s %q %v", r.Method, body, r.Header)
		}
		w.WriteHeader(204)
		io.WriteString(w, strings.Repeat("x", 1<<20))
	})
	if o := postTo(url, true); !o.Arrived || o.Status != 204 || o.Error != "" {
		t.Errorf("%+v", o)
	}
}

// TestPost_fails: what is no arrival, and in which words.
func TestPost_fails(t *testing.T) {
	elsewhere := receiver(t, func(http.ResponseWriter, *http.Request) { t.Error("a redirect was followed") })
	for name, one := range map[string]struct {
		url     string
		private bool
		status  int
		said    string
	}{
		"a refusal":         {receiver(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) }), true, 503, "answered 503"},
		"a redirect":        {receiver(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, elsewhere, 307) }), true, 307, "redirects are not followed"},
		"an endless answer": {receiver(t, endless), true, 500, "answered 500"},
		"nobody there":      {"http://127.0.0.1:1", true, 0, "refused"},
		"loopback":          {receiver(t, func(http.ResponseWriter, *http.Request) { t.Error("a private address was posted to") }), false, 0, "127.0.0.1 is a private address; allow_private = true allows it"},
		"a name of it":      {"http://localhost:1", false, 0, "is a private address"},
		"metadata":          {"http://169.254.169.254/latest", true, 0, "nothing is posted to"},
		"decimal":           {"http://2130706433/", false, 0, ""},
	} {
		o := postTo(one.url, one.private)
		if o.Arrived || o.Status != one.status || !strings.Contains(o.Error, one.said) {
			t.Errorf("%s: %+v", name, o)
		}
	}
	secure := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a certificate of nobody was taken") }))
	secure.Config.ErrorLog = log.New(io.Discard, "", 0)
	secure.StartTLS()
	defer secure.Close()
	if o := postTo(secure.URL, true); o.Arrived || !strings.Contains(o.Error, "certificate") {
		t.Errorf("%+v", o)
	}
}

// endless answers as long as somebody listens.
func endless(w http.ResponseWriter, r *http.Request) {
	w.WriteHeader(500)
	for r.Context().Err() == nil {
		if _, err := io.WriteString(w, strings.Repeat("x", 64<<10)); err != nil {
			return
		}
	}
}

func TestEventID(t *testing.T) {
	epoch, m, ok := ParseEventID("ev_2_30_4")
	if !ok || epoch != 2 || m.Index != 30 || m.Ordinal != 4 || EventID(epoch, m) != "ev_2_30_4" {
		t.Error(epoch, m, ok)
	}
	for _, id := range []string{"", "ev_1_2", "ev_1_2_3_4", "ev_1_2_3 ", "ev_01_2_3", "ev_-1_2_3", "ev_1_2_99999999999"} {
		if _, _, ok := ParseEventID(id); ok {
			t.Errorf("%q is an id", id)
		}
	}
}
