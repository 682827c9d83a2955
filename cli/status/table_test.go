package status

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"stoker/client"
)

// answer is what a node sent on a day when one member was down.
const answer = `{"success":true,"error":null,"meta":{"request_id":"r","timestamp":"2026-01-01T00:00:00Z"},"data":{
"cluster_id":"c_1","epoch":2,"version":"v1","node":"n1","role":"follower","leader":"n2","term":7,"index":42,"news":true,
"members":[
{"id":"n1","http":"10.0.0.1:8080","role":"follower","voter":true,"alive":true,"version":"v1","index":42,"lag":0,"last_contact_ms":0,"clock_offset_ms":0},
{"id":"n2","http":"10.0.0.2:8080","role":"leader","voter":true,"alive":true,"version":"v2","index":42,"lag":0,"last_contact_ms":120,"clock_offset_ms":-1500,"disk_free":104857600,"room":"low"},
{"id":"n3","http":"10.0.0.3:8080","role":"follower","voter":false,"alive":false,"version":"v1","index":40,"lag":2,"last_contact_ms":65000,"clock_offset_ms":0},
{"id":"n4","http":"10.0.0.4:8080","role":"","voter":true,"alive":false,"version":"","index":0,"lag":42,"last_contact_ms":-1,"clock_offset_ms":0}],
"queue":{"ready":{"seller":3,"interior":5},"leases":2,"dead":1,"waiters":4}}}`

func TestRender(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/admin/status" || r.Header.Get("Authorization") != "Bearer adm" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		w.Write([]byte(answer))
	}))
	defer server.Close()
	c, err := client.New(client.Cluster{Endpoints: []string{server.URL}, AdminToken: "adm"})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	s, err := Fetch(context.Background(), c.Operator())
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(s.Raw), `"news":true`) {
		t.Error("Raw must hold what this version does not know")
	}
	var table strings.Builder
	s.Render(&table)
	for _, says := range []string{
		"cluster c_1, epoch 2, term 7, as n1 sees it", "│ leader ", "-1.50 s", "100 MiB, LOW", "follower (no vote)", "│ down ", "65 s ago", "never",
		"queue: 5 interior, 3 seller ready, 2 leases, 1 dead, 4 workers waiting",
	} {
		if !strings.Contains(table.String(), says) {
			t.Errorf("the table does not say %q:\n%s", says, table.String())
		}
	}
	s.Leader = ""
	table.Reset()
	if s.Render(&table); !strings.Contains(table.String(), "no leader") {
		t.Errorf("a cluster without a leader:\n%s", table.String())
	}
}

func TestRoleOf_OneLeaderAtMost(t *testing.T) {
	// n1 led, was cut off, and its last word is of before the election that n2 won.
	for _, c := range []struct {
		leader  string
		contact float64
		role    string
		up      bool
	}{
		{"n2", 2900, "follower", true}, {"n2", 3100, "was leader", false}, {"n2", -1, "was leader", false},
		{"", 100, "follower", true}, {"n1", 100, "leader", true}, {"n1", 4000, "leader", false},
	} {
		s, m := Status{Leader: c.leader}, Member{ID: "n1", Role: "leader", Alive: true, Contact: c.contact}
		if s.RoleOf(m) != c.role || m.Up() != c.up {
			t.Errorf("leader %q, heard %v ms ago: %s, up %v", c.leader, c.contact, s.RoleOf(m), m.Up())
		}
	}
	s := Status{Leader: "n2"}
	if got := s.RoleOf(Member{ID: "n2", Role: "follower"}); got != "leader" {
		t.Errorf("the new leader before it reported: %s", got)
	}
}

// TestRender_webhooks: one that takes nothing is a line, and what it said moves no cursor.
func TestRender_webhooks(t *testing.T) {
	var w strings.Builder
	Status{Webhooks: []Hook{{"shop", "no answer\x1b[2J"}}}.Render(&w)
	if want := "webhook shop takes nothing: no answer·[2J; `stoker webhook show shop`\n"; !strings.Contains(w.String(), want) {
		t.Errorf("%s\nwant %s", w.String(), want)
	}
}

// TestRender_archive: what has left the state is a line.
func TestRender_archive(t *testing.T) {
	var w strings.Builder
	Status{}.Render(&w)
	if strings.Contains(w.String(), "archive") {
		t.Errorf("of an empty archive: %s", w.String())
	}
	Status{Archive: &Archive{Segments: 2, Jobs: 3100, Bookings: 9000, Bytes: 2049}}.Render(&w)
	if want := "archive: 3100 finished jobs and 9000 bookings in 2 segments, 3 KiB\n"; !strings.Contains(w.String(), want) {
		t.Errorf("%s\nwithout %s", w.String(), want)
	}
}
