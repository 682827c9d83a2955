package acceptance

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"stoker/client"
)

// collector is where nodes send their traces: OTLP over HTTP, in JSON.
type collector struct {
	*httptest.Server
	mu    sync.Mutex
	spans []span
}

type span struct {
	TraceID, SpanID, ParentSpanID string
	Name                          string
	StartTimeUnixNano             string
	node                          string // that recorded it
}

func collect(t *testing.T) *collector {
	c := &collector{}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var in struct {
			ResourceSpans []struct {
				Resource struct {
					Attributes []struct {
						Key   string
						Value struct{ StringValue string }
					}
				}
				ScopeSpans []struct{ Spans []span }
			}
		}
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil || r.URL.Path != "/v1/traces" {
			http.Error(w, "no OTLP", http.StatusBadRequest)
			return
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		for _, from := range in.ResourceSpans {
			node := ""
			for _, a := range from.Resource.Attributes {
				if a.Key == "service.instance.id" {
					node = a.Value.StringValue
				}
			}
			for _, scope := range from.ScopeSpans {
				for _, s := range scope.Spans {
					s.node = node
					c.spans = append(c.spans, s)
				}
			}
		}
	}))
	t.Cleanup(c.Close)
	return c
}

// tree writes the spans of a trace below one of them, in the order they began.
func (c *collector) tree(trace, parent, indent string) string {
	c.mu.Lock()
	var below []span
	for _, s := range c.spans {
		if s.TraceID == trace && s.ParentSpanID == parent {
			below = append(below, s)
		}
	}
	c.mu.Unlock()
	slices.SortFunc(below, func(a, b span) int { return strings.Compare(a.StartTimeUnixNano, b.StartTimeUnixNano) })
	var b strings.Builder
	for _, s := range below {
		fmt.Fprintf(&b, "%s%s @ %s\n", indent, s.Name, s.node)
		b.WriteString(c.tree(trace, s.SpanID, indent+"  "))
	}
	return b.String()
}

// One trace follows a job from the phone over all nodes to the worker and back, and one request id is in the leader's log.
func TestTrace_FollowsAJob(t *testing.T) {
	to := collect(t)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", to.URL)
	t.Setenv("OTEL_BSP_SCHEDULE_DELAY", "100") // ms, as the SDK wants it
	c := newCluster(t, 3, binary)
	c.begin(t)
	leader := c.leader(t)
	near, far := (leader+1)%3, (leader+2)%3
	name := func(i int) string { return c.Nodes[i].ID }

	u := c.user(t)
	job := u.uploaded(t, near, 1).JobID
	const trace, phone = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
	c.send(t, near, request{
		method: "POST", path: "/jobs/" + job + "/execute", token: u.token, body: wall,
		header: map[string]string{"traceparent": "00-" + trace + "-" + phone + "-01", "X-Request-Id": "phone-42"},
	}).into(t, &struct{}{})
	g := c.lease(t, far, 1, job)
	ctx := client.WithTraceparent(t.Context(), g.Traceparent)
	result := client.ItemResult{Idx: 0, Status: client.Failed, Error: "a test"}
	if _, err := c.at[far].Queue().Results(ctx, g.LeaseID, result); err != nil {
		t.Fatal(err)
	}

	want := strings.NewReplacer("near", name(near), "far", name(far), "leader", name(leader)).Replace(`
POST /jobs/{id}/execute @ near
  propose ExecuteJob @ near
    commit ExecuteJob @ leader
    lease @ far
      POST /queue/leases/{lease_id}/results @ far
        propose Report @ far
          commit Report @ leader
`)
	got := ""
	defer func() {
		if t.Failed() {
			t.Logf("the trace is %s\nwant %s", got, want)
		}
	}()
	eventually(t, "the whole trace is with the collector", func() bool {
		got = "\n" + to.tree(trace, phone, "")
		return got == want
	})
	log, err := os.ReadFile(c.Nodes[leader].Process().Log)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(strings.Split(string(log), "\n"), func(line string) bool {
		return strings.Contains(line, job) && strings.Contains(line, "to=queued") && strings.Contains(line, "request_id=phone-42")
	}) {
		t.Errorf("the leader's log does not say that phone-42 queued %s", job)
	}
}
