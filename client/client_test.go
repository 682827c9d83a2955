package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// One call is one effect, whatever happens on the way: every pair of troubles, then chance.
func TestCall_OneEffect(t *testing.T) {
	kinds := []trouble{lostBefore, lostAfter, unavailable, unknown, hangs, refused}
	var scripts [][]trouble
	for _, a := range kinds {
		scripts = append(scripts, []trouble{a})
		for _, b := range kinds {
			scripts = append(scripts, []trouble{a, b})
		}
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 20 {
		var steps []trouble
		for range 5 {
			steps = append(steps, kinds[random.IntN(len(kinds))])
		}
		scripts = append(scripts, steps)
	}
	for _, steps := range scripts {
		t.Run(fmt.Sprint(steps), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := &ledger{}
				n := newNetwork(t, l)
				n.trouble = script(steps...)
				c := n.client(func(c *Cluster) { c.Patience = 3 * time.Minute })
				defer c.Close()
				ticket, err := c.App("jwt").CreateJob(t.Context(), "interior", 3)
				if err != nil {
					t.Fatal(err)
				}
				if l.effects != 1 || ticket.JobID != "j_1" {
					t.Errorf("%d effects, answer %q; want one effect and its answer", l.effects, ticket.JobID)
				}
				for _, s := range n.requests() {
					if got, want := s.request.Header.Get("Idempotency-Key"), n.requests()[0].request.Header.Get("Idempotency-Key"); got != want || got == "" {
						t.Errorf("an attempt with key %q, another with %q", got, want)
					}
				}
			})
		})
	}
}

// Two calls are two effects: the key is made per call.
func TestCall_TwoCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &ledger{}
		app := newNetwork(t, l).client().App("jwt")
		for range 2 {
			if _, err := app.CreateJob(t.Context(), "interior", 1); err != nil {
				t.Fatal(err)
			}
		}
		if l.effects != 2 {
			t.Errorf("%d effects", l.effects)
		}
	})
}

func TestCall_StaysWithTheNodeThatAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t, &ledger{})
		app := n.client().App("jwt")
		create := func() string {
			t.Helper()
			if _, err := app.CreateJob(t.Context(), "interior", 1); err != nil {
				t.Fatal(err)
			}
			return n.requests()[len(n.requests())-1].host
		}
		first := create()
		if again := create(); again != first {
			t.Errorf("moved from %s to %s without need", first, again)
		}
		n.trouble = func(host string, _ *http.Request) trouble {
			if host == first {
				return unavailable
			}
			return well
		}
		began := time.Now()
		second := create()
		if second == first || time.Since(began) > 0 {
			t.Errorf("%s after %s; want another node at once", second, time.Since(began))
		}
		tried := len(n.requests())
		if third := create(); third != second || len(n.requests()) != tried+1 {
			t.Errorf("went back to the node that does not serve")
		}
	})
}

// A refusal is returned with all it says, and is asked for once.
func TestCall_RefusalsAreFinal(t *testing.T) {
	cases := []struct {
		status int
		code   string
	}{
		{400, CodeValidation}, {401, CodeExpiredToken}, {402, CodeNoCredits}, {404, CodeJobNotFound}, {409, CodeTransition},
		{422, CodeKeyMismatch}, {429, CodeConcurrency}, {429, CodeQueueFull}, {500, "INTERNAL_ERROR"}, {507, "STORAGE_FULL"},
	}
	for _, tc := range cases {
		t.Run(tc.code, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := newNetwork(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					w.Header().Set("Retry-After", "1")
					deny(w, tc.status, tc.code, "no")
				}))
				_, err := n.client().App("jwt").CreateJob(t.Context(), "interior", 1)
				var e *Error
				if !errors.As(err, &e) || e.Status != tc.status || e.Code != tc.code || e.RequestID != "r-1" || e.Message != "no" {
					t.Errorf("got %v", err)
				}
				if len(n.requests()) != 1 {
					t.Errorf("asked %d times", len(n.requests()))
				}
			})
		})
	}
}

func TestCall_RefusalDetails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusConflict)
			io.WriteString(w, `{"success":false,"error":{"code":"UPLOAD_INCOMPLETE","message":"2 are missing","missing":[1,4],"invalid":[{"idx":4,"reason":"it is a page"}],"status":"created","fields":[{"field":"idx","reason":"absent"}]}}`)
		}))
		err := n.client().App("jwt").ConfirmUpload(t.Context(), "j_1")
		var e *Error
		if !errors.As(err, &e) || fmt.Sprintf("%v %s %v", e.Missing, e.JobStatus, e.Fields) != "[1 4] created [{idx absent}]" {
			t.Errorf("got %#v", e)
		}
		if text := err.Error(); !strings.Contains(text, "POST /jobs/j_1/confirm-upload") || !strings.Contains(text, "missing [1 4]; item 4: it is a page") {
			t.Errorf("the message does not say what and why: %s", text)
		}
	})
}

// A pace is kept on the node that asked for it; another node would say the same.
func TestCall_RateLimitWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		left := 2
		n := newNetwork(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if left--; left < 0 {
				allow(w, http.StatusOK, map[string]any{"user_id": "u_1", "credits": 7})
				return
			}
			w.Header().Set("Retry-After", "3")
			deny(w, http.StatusTooManyRequests, CodeRateLimited, "slower")
		}))
		began := time.Now()
		me, err := n.client().App("jwt").Me(t.Context())
		if err != nil || me.Credits != 7 {
			t.Fatal(me, err)
		}
		if took := time.Since(began); took < 6*time.Second || took > 8*time.Second {
			t.Errorf("two waits of 3 s took %s", took)
		}
		for _, s := range n.requests() {
			if s.host != n.requests()[0].host {
				t.Error("asked another node")
			}
		}
	})
}

// With no node left, a call ends with its deadline at the latest, sooner if the wait would pass it, and says the last answer.
func TestCall_Deadline(t *testing.T) {
	for name, always := range map[string]trouble{"unavailable": unavailable, "hangs": hangs, "refused": refused} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := newNetwork(t, &ledger{})
				n.trouble = func(string, *http.Request) trouble { return always }
				c := n.client(func(c *Cluster) { c.AttemptTimeout = time.Second })
				defer c.Close()
				ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
				defer cancel()
				began := time.Now()
				_, err := c.App("jwt").CreateJob(ctx, "interior", 1)
				if took := time.Since(began); err == nil || took > 5*time.Second {
					t.Errorf("%v after %s", err, took)
				}
				if always == unavailable && !Is(err, CodeUnavailable) {
					t.Errorf("the last answer is gone: %v", err)
				}
			})
		})
	}
}

// Without a deadline the cluster's patience ends a call.
func TestCall_Patience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t, &ledger{})
		n.trouble = func(string, *http.Request) trouble { return lostBefore }
		began := time.Now()
		_, err := n.client(func(c *Cluster) { c.Patience = 10 * time.Second }).App("jwt").CreateJob(t.Context(), "interior", 1)
		if took := time.Since(began); err == nil || took > 10*time.Second || took < 5*time.Second {
			t.Errorf("%v after %s", err, took)
		}
	})
}

// A canceled context is said as such and not turned into a refusal.
func TestCall_Canceled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t, &ledger{})
		n.trouble = func(string, *http.Request) trouble { return hangs }
		ctx, cancel := context.WithCancel(t.Context())
		c := n.client()
		defer c.Close()
		go func() { synctest.Wait(); cancel() }()
		if _, err := c.App("jwt").Me(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	})
}

func TestOperator_GrantsOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &ledger{}
		n := newNetwork(t, l)
		n.trouble = script(lostAfter, unknown)
		if err := n.client().Operator().GrantCredits(t.Context(), "u_1", 50, "goodwill"); err != nil {
			t.Fatal(err)
		}
		last := n.requests()[len(n.requests())-1].request
		if l.effects != 1 || last.URL.Path != "/admin/users/u_1/credits" || last.Header.Get("Authorization") != "Bearer adm_1" {
			t.Errorf("%d grants by %s %s", l.effects, last.URL.Path, last.Header.Get("Authorization"))
		}
	})
}
