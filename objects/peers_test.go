package objects

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// others are real blob servers over HTTP/2, by member id.
type others struct {
	servers map[string]*httptest.Server
	disks   map[string]*Disk

	mu    sync.Mutex
	calls []string
}

// startOthers starts a member per handler; a nil handler is an honest one.
func startOthers(t *testing.T, handlers map[string]http.Handler) (*others, *peers) {
	o := &others{servers: map[string]*httptest.Server{}, disks: map[string]*Disk{}}
	var ids []string
	for id, h := range handlers {
		o.disks[id] = openDisk(t)
		if h == nil {
			h = blobServer{o.disks[id]}
		}
		s := httptest.NewUnstartedServer(h)
		s.EnableHTTP2 = true
		s.StartTLS()
		t.Cleanup(s.Close)
		o.servers[id], ids = s, append(ids, id)
	}
	return o, &peers{others: func() []string { return ids }, call: o.call}
}

func (o *others) call(ctx context.Context, member string, req *http.Request) (*http.Response, error) {
	o.mu.Lock()
	o.calls = append(o.calls, req.Method+" "+member)
	o.mu.Unlock()
	s, ok := o.servers[member]
	if !ok {
		return nil, fmt.Errorf("no member %s", member)
	}
	u, err := url.Parse(s.URL)
	if err != nil {
		return nil, err
	}
	req.URL.Host = u.Host
	return s.Client().Do(req.WithContext(ctx))
}

// send delivers a body while it is written in pieces.
func send(t *testing.T, p *peers, b Blob, pieces ...string) (string, error) {
	t.Helper()
	body := strings.Join(pieces, "")
	w, err := openDisk(t).Create(int64(len(body)), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	d := p.deliver(t.Context(), w, b, int64(len(body)))
	defer d.stop()
	for _, piece := range pieces {
		if _, err := io.WriteString(w, piece); err != nil {
			t.Fatal(err)
		}
	}
	w.Seal()
	return d.wait()
}

var someBlob = NameBlob("photos", photo, "u1")

func TestPeers_CopyWhileReceiving(t *testing.T) {
	o, p := startOthers(t, map[string]http.Handler{"n2": nil, "n3": nil})
	member, err := send(t, p, someBlob, "one ", "two ", "three")
	if err != nil {
		t.Fatal(err)
	}
	if got := read(t, o.disks[member], someBlob); got != "one two three" {
		t.Errorf("%s holds %q", member, got)
	}
	// An answer that was lost: the sender asks again and is told yes.
	if _, err := send(t, &peers{others: func() []string { return []string{member} }, call: o.call}, someBlob, "one two three"); err != nil {
		t.Errorf("again: %v", err)
	}
	// The same name with other bytes is refused and changes nothing.
	if _, err := send(t, &peers{others: func() []string { return []string{member} }, call: o.call}, someBlob, "one two THREE"); err == nil {
		t.Error("a blob was replaced")
	}
	if got := read(t, o.disks[member], someBlob); got != "one two three" {
		t.Errorf("%s holds %q", member, got)
	}
}

func TestPeers_EmptyBody(t *testing.T) {
	o, p := startOthers(t, map[string]http.Handler{"n2": nil})
	if _, err := send(t, p, someBlob); err != nil {
		t.Fatal(err)
	}
	if got := read(t, o.disks["n2"], someBlob); got != "" {
		t.Errorf("%q", got)
	}
}

func TestPeers_FallBack(t *testing.T) {
	broken := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { http.Error(w, "no", 500) })
	o, p := startOthers(t, map[string]http.Handler{"n2": broken, "n3": nil})
	for i := range 4 { // whichever is asked first
		b := NameBlob("photos", fmt.Sprint(i), "u1")
		if member, err := send(t, p, b, "body"); err != nil || member != "n3" {
			t.Errorf("copy on %q, %v", member, err)
		}
	}
	if got := p.order(someBlob, []string{"n2", "n3"}); got[0] != "n3" {
		t.Errorf("order %v: the one that failed comes last", got)
	}
	o.servers["n3"].Close()
	if member, err := send(t, p, someBlob, "body"); err == nil {
		t.Errorf("a copy on %q, which is gone", member)
	}
}

func TestPeers_AllFull(t *testing.T) {
	o, p := startOthers(t, map[string]http.Handler{"n2": nil})
	o.disks["n2"].free = func(string) (int64, error) { return 0, nil }
	if _, err := send(t, p, someBlob, "body"); !errors.Is(err, ErrFull) {
		t.Errorf("%v", err)
	}
}

// An upload that breaks off leaves nothing on the other side, whatever was sent.
func TestPeers_BrokenOff(t *testing.T) {
	disk := openDisk(t)
	begun, ended := make(chan struct{}), make(chan struct{})
	_, p := startOthers(t, map[string]http.Handler{
		"n2": http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			defer close(ended)
			close(begun)
			blobServer{disk}.ServeHTTP(w, r)
		}),
	})
	w, err := openDisk(t).Create(50, 50)
	if err != nil {
		t.Fatal(err)
	}
	d := p.deliver(t.Context(), w, someBlob, 50)
	if _, err := io.WriteString(w, strings.Repeat("x", 50)); err != nil { // all bytes, never sealed
		t.Fatal(err)
	}
	<-begun
	d.stop()
	w.Close()
	<-d.done
	<-ended
	if got := files(t, disk); len(got) != 0 {
		t.Errorf("the receiver kept %v", got)
	}
	if len(p.failed) != 0 {
		t.Errorf("the member is blamed for the client: %v", p.failed)
	}
}

func TestBlobServer_Refusals(t *testing.T) {
	disk := openDisk(t)
	s := blobServer{disk}
	sum := strings.Repeat("\x00", trailerSize)
	for name, e := range map[string]struct {
		method, path, body string
		want               int
	}{
		"traversal":     {"PUT", "/blob/../../etc/passwd", sum, 400},
		"no name":       {"PUT", "/blob/", sum, 400},
		"short":         {"PUT", blobPath + string(someBlob), "x", 411},
		"wrong hash":    {"PUT", blobPath + string(someBlob), "body" + sum, 400},
		"not here":      {"GET", blobPath + string(someBlob), "", 404},
		"other methods": {"POST", blobPath + string(someBlob), "", 405},
		"delete absent": {"DELETE", blobPath + string(someBlob), "", 204},
	} {
		r := httptest.NewRequest(e.method, "http://n2/", strings.NewReader(e.body))
		r.URL.Path = e.path
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if w.Code != e.want {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
	if got := files(t, disk); len(got) != 0 {
		t.Errorf("kept %v", got)
	}
}

// How members are asked, in virtual time.
func TestRace(t *testing.T) {
	type script map[string]func(context.Context) error
	ok := func(context.Context) error { return nil }
	fails := func(context.Context) error { return errors.New("no") }
	hangs := func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
	takes := func(d time.Duration) func(context.Context) error {
		return func(ctx context.Context) error {
			select {
			case <-time.After(d):
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
	for _, e := range []struct {
		name   string
		upload time.Duration // until the body is complete
		do     script
		want   string // "" is an error
		after  time.Duration
	}{
		{"the first is enough", 0, script{"a": ok, "b": hangs}, "a", 0},
		{"the next at once when one fails", time.Hour, script{"a": fails, "b": ok}, "b", 0},
		{"a slow client is not the member's fault", time.Hour, script{"a": takes(time.Hour + time.Second), "b": ok}, "a", time.Hour + time.Second},
		{"a hanging member is joined by the next", time.Minute, script{"a": hangs, "b": ok}, "b", time.Minute + hedgeAfter},
		{"the first may still win", 0, script{"a": takes(3 * time.Second), "b": takes(5 * time.Second)}, "a", 3 * time.Second},
		{"all fail", time.Hour, script{"a": fails, "b": fails}, "", 0},
		{"all hang", 0, script{"a": hangs, "b": hangs}, "", deliverWithin},
		{"nobody is there", 0, script{}, "", 0},
	} {
		t.Run(e.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sealed := make(chan struct{})
				time.AfterFunc(e.upload, func() { close(sealed) })
				var members []string
				for _, m := range []string{"a", "b"} {
					if e.do[m] != nil {
						members = append(members, m)
					}
				}
				start := time.Now()
				p := &peers{}
				got, err := p.race(t.Context(), sealed, members, func(ctx context.Context, m string) error { return e.do[m](ctx) })
				if got != e.want || (err == nil) != (e.want != "") {
					t.Errorf("%q, %v", got, err)
				}
				if took := time.Since(start); took != e.after {
					t.Errorf("took %v, want %v", took, e.after)
				}
				if e.upload > 0 {
					<-sealed // the test's own timer
				}
			})
		})
	}
}
