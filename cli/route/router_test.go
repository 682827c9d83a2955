package route

import (
	"bufio"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestRoute_SignIn: a new device becomes a user at home, is known there from then on, and by its token.
func TestRoute_SignIn(t *testing.T) {
	s := newStreet(t, nil, "east", "north", "west")
	d := Directory{{ID: "east"}, {ID: "north"}, {ID: "west"}}
	lives := map[string]int{}
	for i := range 60 {
		device := fmt.Sprintf("phone-%d", i)
		first, again := s.phone(device), s.phone(device)
		if home := d[d.Home(device)].ID; first.status != 200 || !first.in.IsNew || first.in.Cell != home || again.in.User != first.in.User || again.in.IsNew {
			t.Fatalf("%s of %s: %+v, then %+v", device, home, first, again)
		}
		lives[first.in.Cell]++
		got := s.do("GET", "/me?x=1", s.by[first.in.Cell].token(first.in.User), "")
		if got.body != "GET /me?x=1 " || !strings.HasPrefix(got.header.Get("X-Test"), first.in.Cell) {
			t.Fatalf("%+v", got)
		}
	}
	if len(lives) != 3 {
		t.Errorf("they live in %v", lives)
	}
	a, b := s.do("POST", pathSignIn, "", `{}`, headerKey, "a key of sixteen or more"), s.do("POST", pathSignIn, "", `{}`, headerKey, "a key of sixteen or more")
	if a.in.Cell != b.in.Cell {
		t.Error("the same request without a device came to two cells")
	}
	if none := s.do("POST", pathSignIn, "", ""); none.status != 200 {
		t.Errorf("without a body: %+v", none)
	}
}

// TestRoute_CellIsAdded: who has signed in before stays where it is, also if the new cell is its home now; who is new goes there.
func TestRoute_CellIsAdded(t *testing.T) {
	s := newStreet(t, func(c *Config) { c.Cells = c.Cells[:2] }, "east", "north", "west")
	before := map[string]string{}
	for i := range 60 {
		device := fmt.Sprintf("phone-%d", i)
		before[device] = s.phone(device).in.User
	}
	grown := Config{MaxConns: 10}
	for _, f := range s.cells {
		grown.Cells = append(grown.Cells, Cell{Name: f.id, Cluster: f.id, Endpoints: []string{f.server.URL}})
	}
	s.route(grown, nil)
	d, homeless := grown.directory(), 0
	for device, user := range before {
		if d[d.Home(device)].ID == "west" {
			homeless++
		}
		if got := s.phone(device); got.in.User != user || got.in.IsNew {
			t.Errorf("%s was %s and is %+v", device, user, got.in)
		}
	}
	if homeless == 0 {
		t.Fatal("nobody's home has changed")
	}
	s.by["west"].took()
	for i := 60; i < 90; i++ {
		s.phone(fmt.Sprintf("phone-%d", i))
	}
	if len(s.by["west"].devices) == 0 {
		t.Error("nobody who is new came to the new cell")
	}
	grown.Cells[2].Closed = true
	s.route(grown, nil)
	lives := len(s.by["west"].devices)
	for i := range 120 {
		if got := s.phone(fmt.Sprintf("phone-%d", i)); got.status != 200 || i < 90 && got.in.IsNew {
			t.Errorf("phone-%d: %+v", i, got)
		}
	}
	if len(s.by["west"].devices) != lives {
		t.Error("somebody new came to a closed cell")
	}
}

// TestRoute_UserHasMoved: the cell that it has left names the other one. Its old token ends as an expired one does, so that the app
// signs in again, and it is found.
func TestRoute_UserHasMoved(t *testing.T) {
	s := newStreet(t, nil, "east", "west")
	in := s.phone("phone-1").in
	old, now := s.by[in.Cell], s.by["west"]
	if in.Cell == "west" {
		now = s.by["east"]
	}
	token := old.token(in.User)
	old.moved[in.User], now.devices["phone-1"] = now.id, in.User
	if got := s.do("GET", "/me", token, ""); got.status != 401 || got.in.Error.Code != codeOldToken {
		t.Errorf("with its old token: %+v", got)
	}
	for range 2 {
		if got := s.phone("phone-1"); got.status != 200 || got.in.Cell != now.id || got.in.User != in.User {
			t.Errorf("it signs in as %+v", got)
		}
	}
	now.took()
	old.took()
	s.phone("phone-1")
	if asked := old.took(); len(asked) != 0 {
		t.Errorf("the old cell is asked each time: %v", asked)
	}
	now.server.Close()
	if got := s.phone("phone-1"); got.status != 503 || got.header.Get(headerRetry) == "" {
		t.Errorf("its cell is down: %+v", got)
	}
	old.moved[in.User] = "south"
	if got := s.phone("phone-1"); got.status != 503 {
		t.Errorf("its cell is unknown: %+v", got)
	}
}

// TestRoute_CellIsDown: nobody becomes a second user because a cell cannot be asked, and who has nothing to do with it notices nothing.
func TestRoute_CellIsDown(t *testing.T) {
	s := newStreet(t, nil, "east", "west")
	d := Directory{{ID: "east"}, {ID: "west"}}
	s.by["east"].server.Close()
	served, waits := 0, 0
	for i := range 40 {
		device := fmt.Sprintf("phone-%d", i)
		got := s.phone(device)
		switch may := d.Candidates(device); {
		case got.status == 503 && got.in.Error.Code == codeUnavailable && got.header.Get(headerRetry) != "":
			waits++
		case got.status != 200 || len(may) > 1 || d[may[0]].ID != "west":
			t.Errorf("%s, which may be in %v: %+v", device, may, got)
		default:
			served++
		}
	}
	if waits == 0 || served > 0 {
		t.Errorf("%d were served, %d wait: the first cell may know every device", served, waits)
	}
	if got := s.do("GET", "/me", s.by["east"].token("u"), ""); got.status != 503 || got.header.Get(headerRetry) == "" {
		t.Errorf("a user of the cell that is down: %+v", got)
	}
	if got := s.do("GET", "/me", s.by["west"].token("u"), ""); got.status != 200 {
		t.Errorf("a user of the other one: %+v", got)
	}
}

// TestRoute_CellHasNoLeader: a cell that answers 503 is no reason for a second account, and none to keep away who is found elsewhere.
func TestRoute_CellHasNoLeader(t *testing.T) {
	s := newStreet(t, nil, "east", "west")
	d := Directory{{ID: "east"}, {ID: "west"}}
	var known, unknown string
	for i := 0; known == "" || unknown == ""; i++ { // both are at home in the west, and may have been in the east before
		if device := fmt.Sprintf("phone-%d", i); d.Home(device) == 1 {
			known, unknown = unknown, device
		}
	}
	s.phone(known)
	s.by["east"].sick = true
	if got := s.phone(known); got.status != 200 || got.in.IsNew {
		t.Errorf("who is known: %+v", got)
	}
	if got := s.phone(unknown); got.status != 503 || got.header.Get(headerRetry) == "" {
		t.Errorf("who may be known: %+v", got)
	}
	s.by["east"].sick = false
	if got := s.phone(unknown); got.status != 200 || got.in.Cell != "west" {
		t.Errorf("who is new: %+v", got)
	}
}

// TestRoute_NextEndpoint: a node that cannot be reached costs nobody an answer.
func TestRoute_NextEndpoint(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ln.Close()
	s := newStreet(t, func(c *Config) {
		c.Cells[0].Endpoints = append([]string{"http://" + ln.Addr().String()}, c.Cells[0].Endpoints...)
	}, "east")
	if in := s.phone("phone-1"); in.status != 200 {
		t.Fatalf("%+v", in)
	}
	if got := s.do("POST", "/jobs", s.cells[0].token("u"), `{"preset":"interior"}`); got.body != `POST /jobs {"preset":"interior"}` {
		t.Errorf("%+v", got)
	}
}

// TestRoute_SickEndpoint: a node that is cut off from the others answers 503, and whoever comes next is sent to another one.
func TestRoute_SickEndpoint(t *testing.T) {
	sick := newFake(t, "east")
	sick.sick = true
	s := newStreet(t, func(c *Config) { c.Cells[0].Endpoints = append([]string{sick.server.URL}, c.Cells[0].Endpoints...) }, "east")
	for i, want := range []int{503, 200, 200} {
		if got := s.do("GET", "/me", s.cells[0].token("u"), ""); got.status != want {
			t.Errorf("request %d: %d, want %d", i, got.status, want)
		}
	}
}

// TestRoute_SignInCarriesNoPosition: it may go to any cell, and to several.
func TestRoute_SignInCarriesNoPosition(t *testing.T) {
	s := newStreet(t, nil, "east", "west")
	for i := range 8 {
		got := s.do("POST", pathSignIn, "", fmt.Sprintf(`{"device_hash":"phone-%d"}`, i), headerIndex, "east.1-2a")
		if got.status != 200 {
			t.Errorf("phone-%d: %d", i, got.status)
		}
	}
}

// TestRoute_Preflight: what a browser asks first is answered while any cell can be reached.
func TestRoute_Preflight(t *testing.T) {
	s := newStreet(t, nil, "east", "west")
	s.by["east"].server.Close()
	if got := s.do("OPTIONS", "/jobs", "", ""); got.status != 204 {
		t.Errorf("%+v", got)
	}
	s.by["west"].server.Close()
	if got := s.do("OPTIONS", "/jobs", "", ""); got.status != 503 {
		t.Errorf("without any: %+v", got)
	}
}

// TestRoute_WhatGoesThrough: a token's cell decides; positions are of one cell; where a request comes from is what the router saw.
func TestRoute_WhatGoesThrough(t *testing.T) {
	s := newStreet(t, nil, "east", "west")
	west := s.by["west"]
	if got := s.do("GET", "/me", west.token("u"), ""); got.header.Get(headerIndex) != "west.1-2a" {
		t.Errorf("the position is %q", got.header.Get(headerIndex))
	}
	for sent, want := range map[string]string{"west.1-2a": "1-2a", "east.1-99": "", "1-2a": ""} {
		got := s.do("GET", "/me", west.token("u"), "", headerIndex, sent, headerForwarded, "6.6.6.6")
		if seen := strings.Split(got.header.Get("X-Test"), " "); seen[1] != want || seen[2] != "127.0.0.1" || seen[3] != strings.TrimPrefix(west.server.URL, "http://") {
			t.Errorf("position %q: the cell saw %q", sent, seen)
		}
	}
	first := base64.RawURLEncoding.EncodeToString([]byte(`{"sub":"u"}`))
	if got := s.do("GET", "/me", "e30."+first+".x", ""); !strings.HasPrefix(got.header.Get("X-Test"), "east ") {
		t.Errorf("a token from before there were cells: %+v", got)
	}
	for name, c := range map[string]struct {
		method, path, token, code string
		status                    int
	}{
		"no token":          {"GET", "/me", "", codeNoToken, 401},
		"no JWT":            {"GET", "/me", "wrk_abc", codeWrongToken, 401},
		"another's":         {"GET", "/me", newFake(t, "south").token("u"), codeWrongToken, 401},
		"too long":          {"GET", "/me", "e30." + strings.Repeat("A", maxToken) + ".x", codeWrongToken, 401},
		"the operator's":    {"GET", "/admin/users", west.token("u"), codeNotFound, 404},
		"a worker's":        {"POST", "/queue/lease", west.token("u"), codeNotFound, 404},
		"a callback":        {"POST", "/jobs/j1/callback", west.token("u"), codeNotFound, 404},
		"an object":         {"GET", "/photos/outputs/u/j/0_result.png", "", codeNotFound, 404},
		"metrics":           {"GET", "/metrics", "", codeNotFound, 404},
		"a large sign-in":   {"POST", pathSignIn, "", codeTooLarge, 413},
		"a path that hides": {"GET", "//admin/users", west.token("u"), codeNotFound, 404},
	} {
		body := ""
		if name == "a large sign-in" {
			body = strings.Repeat(" ", maxSignIn+1)
		}
		if got := s.do(c.method, c.path, c.token, body); got.status != c.status || got.in.Error.Code != c.code || got.header.Get(headerRequestID) == "" {
			t.Errorf("%s: %d %s", name, got.status, got.body)
		}
	}
	if got := s.do("GET", pathHealth, "", ""); got.status != 200 {
		t.Errorf("%+v", got)
	}
	if got := s.phone("phone-1"); got.status != 200 || got.header.Get(headerKnown) != "" {
		t.Errorf("%+v", got)
	}
}

// TestRoute_Streams: what a cell sends arrives before the answer has ended, and a WebSocket is handed through.
func TestRoute_Streams(t *testing.T) {
	more := make(chan struct{})
	cell := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") != "" {
			conn, rw, err := http.NewResponseController(w).Hijack()
			if err != nil {
				return
			}
			defer conn.Close()
			_, _ = rw.WriteString("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
			_ = rw.Flush()
			_, _ = io.Copy(conn, rw)
			return
		}
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, "data: 1\n\n")
		_ = http.NewResponseController(w).Flush()
		<-more
	}))
	defer cell.Close()
	s := &street{t: t}
	s.route(Config{MaxConns: 10, Cells: []Cell{{Name: "east", Cluster: "east", Endpoints: []string{cell.URL}}}}, nil)
	token := (&fake{id: "east"}).token("u")

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	req, _ := http.NewRequestWithContext(ctx, "GET", s.url+"/jobs/j1/events", nil)
	req.Header.Set("Authorization", "Bearer "+token)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if line, err := bufio.NewReader(res.Body).ReadString('\n'); err != nil || line != "data: 1\n" {
		t.Errorf("%q, %v", line, err)
	}
	close(more)

	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, _ = fmt.Fprintf(conn, "GET /jobs/j1/ws HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", token)
	in := bufio.NewReader(conn)
	if line, err := in.ReadString('\n'); err != nil || !strings.Contains(line, " 101 ") {
		t.Fatalf("%q, %v", line, err)
	}
	for line := ""; line != "\r\n"; {
		if line, err = in.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
	}
	_, _ = io.WriteString(conn, "echo\n")
	if line, err := in.ReadString('\n'); err != nil || line != "echo\n" {
		t.Errorf("%q, %v", line, err)
	}
}
