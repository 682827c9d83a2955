package handlers

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/fasthttp/websocket"
	"github.com/getkin/kin-openapi/openapi3"
	"github.com/go-json-experiment/json"

	"stoker/fsm"
)

func (h *house) dial(p *person, path string) *websocket.Conn {
	h.t.Helper()
	conn, res, err := websocket.DefaultDialer.DialContext(h.t.Context(), "ws"+strings.TrimPrefix(h.base, "http")+path,
		http.Header{"Authorization": {"Bearer " + p.token}})
	if err != nil {
		h.t.Fatalf("dial: %v, %v", err, res)
	}
	h.t.Cleanup(func() { conn.Close() })
	return conn
}

// hear reads messages to the close frame and holds each against the description.
func hear(t *testing.T, conn *websocket.Conn) (events []told, code int) {
	t.Helper()
	doc, err := described()
	if err != nil {
		t.Fatal(err)
	}
	for {
		_, text, err := conn.ReadMessage()
		if closed, ok := err.(*websocket.CloseError); ok {
			return events, closed.Code
		}
		if err != nil {
			t.Fatal(err)
		}
		var value map[string]any
		if err := json.Unmarshal(text, &value); err != nil {
			t.Fatal(err)
		}
		if err := doc.Components.Schemas["StreamMessage"].Value.VisitJSON(value, openapi3.EnableJSONSchema2020()); err != nil {
			t.Errorf("%v\n%s", err, text)
		}
		id, _ := value["id"].(string) // progress has none
		events = append(events, told{id, value["event"].(string), value["data"].(map[string]any)})
	}
}

func TestWebSocket_IsTheSameStream(t *testing.T) {
	h := newHouse(t)
	p := h.signUp("free")
	job, events := lived(h, p)
	got, code := hear(t, h.dial(p, "/jobs/"+job+"/ws?last_event_id="+events[0].id))
	if !slices.Equal(transcript(got), life[1:]) || code != websocket.CloseNormalClosure {
		t.Errorf("%d after %v", code, transcript(got))
	}
	id, _ := p.newJob(1)
	live := h.dial(p, "/jobs/"+id+"/ws")
	if _, _, err := live.ReadMessage(); err != nil { // the snapshot: it is open
		t.Fatal(err)
	}
	h.good(200, p.ask("POST", "/jobs/"+id+"/cancel", nil))
	got, code = hear(t, live)
	if want := []string{"item 0 canceled", "status canceled"}; !slices.Equal(transcript(got), want) || code != websocket.CloseNormalClosure {
		t.Errorf("%d after %v", code, transcript(got))
	}
}

func TestWebSocket_WhatIsRefused(t *testing.T) {
	h := newHouse(t)
	p, other := h.signUp("free"), h.signUp("free")
	id, _ := p.newJob(1)
	path := "/jobs/" + id + "/ws"
	upgrade := map[string]string{"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}
	h.bad(fsm.ValidationFailed, p.ask("GET", path, nil))
	with := func(p *person, more ...string) ask {
		a := p.ask("GET", path, nil)
		a.header = map[string]string{more[0]: more[1]}
		for name, value := range upgrade {
			if _, said := a.header[name]; !said {
				a.header[name] = value
			}
		}
		return a
	}
	h.bad(fsm.JobNotFound, with(other, "X", "y"))
	h.bad(fsm.ValidationFailed, with(p, "Sec-WebSocket-Version", "12"))
	h.bad(fsm.ValidationFailed, with(p, "Origin", "https://evil.example"))
	h.bad(fsm.ValidationFailed, with(p, "Last-Event-ID", "x"))
}

func TestWebSocket_EndsWithTheServer(t *testing.T) {
	h := newHouse(t)
	p := h.signUp("free")
	id, _ := p.newJob(1)
	conn := h.dial(p, "/jobs/"+id+"/ws")
	if _, _, err := conn.ReadMessage(); err != nil {
		t.Fatal(err)
	}
	closed := make(chan int, 1)
	go func() {
		_, _, err := conn.ReadMessage()
		if e, ok := err.(*websocket.CloseError); ok {
			closed <- e.Code
		}
		close(closed)
	}()
	if err := h.server.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if code := <-closed; code != websocket.CloseGoingAway {
		t.Errorf("closed with %d", code)
	}
}
