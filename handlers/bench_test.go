package handlers

import (
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"stoker/fsm"
)

// What a request costs beside the network: routing, authentication, the read index, the answer, the line in the log.
func BenchmarkReadJob(b *testing.B) {
	h := newHouse(b, func(_ *fsm.Settings, c *Config) { c.Log = fileLog(b) })
	p := h.signUp("pro")
	id, _ := p.newJob(3)
	benchmark(b, h, "GET", "/jobs/"+id, p.token, "", 200)
}

// What POST /jobs costs, the syncs of the log included.
func BenchmarkCreateJob(b *testing.B) {
	h := newHouse(b, func(s *fsm.Settings, c *Config) {
		c.Log = fileLog(b)
		s.Plans["free"] = fsm.Plan{MaxConcurrency: 1 << 30, MaxRuleSlots: 2, MaxItems: 10, StartCredits: 1 << 30, Weight: 1, MaxLeased: 8, MaxWait: int64(time.Hour)}
	})
	p := h.signUp("free")
	benchmark(b, h, "POST", "/jobs", p.token, `{"preset":"interior","item_count":3}`, 201)
}

var loopback = &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1} // which is not limited

func fileLog(b *testing.B) *slog.Logger {
	f, err := os.Create(filepath.Join(b.TempDir(), "log"))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { f.Close() })
	return slog.New(slog.NewTextHandler(f, nil))
}

func benchmark(b *testing.B, h *house, method, path, token, body string, want int) {
	b.ReportAllocs()
	b.SetParallelism(32)
	b.RunParallel(func(pb *testing.PB) {
		var ctx fasthttp.RequestCtx
		for pb.Next() {
			ctx.Init(&fasthttp.Request{}, loopback, nil)
			req := &ctx.Request
			req.Header.SetMethod(method)
			req.SetRequestURI(path)
			req.Header.SetHost("stoker.example")
			req.Header.Set("Authorization", "Bearer "+token)
			if body != "" {
				req.Header.SetContentType("application/json")
				req.SetBodyStream(strings.NewReader(body), len(body))
			}
			h.server.http.Handler(&ctx)
			if got := ctx.Response.StatusCode(); got != want {
				panic(fmt.Sprintf("%d %s", got, ctx.Response.Body()))
			}
		}
	})
}

// What it costs to turn away a request that is one too many.
func BenchmarkTurnAway(b *testing.B) {
	h := newHouse(b, func(_ *fsm.Settings, c *Config) { c.Log = fileLog(b) })
	p := h.signUp("free")
	h.fill()
	benchmark(b, h, "POST", "/jobs", p.token, `{"preset":"interior","item_count":3}`, 503)
}
