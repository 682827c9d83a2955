package hostile

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// bystander is somebody who keeps the rules: a user whose account is read, and an operator who grants it credits, each through a
// new connection.
type bystander struct {
	t       Target
	user    string
	token   string
	granted int
}

// calmly is how long a bystander's calls took.
type calmly struct {
	reads, writes []time.Duration // sorted
	peakKiB       int             // largest resident memory of the node meanwhile; 0: not seen
	turns         []turn          // as they came
}

// turn is one read, then one write, then one look at the node's memory.
type turn struct {
	at          time.Time // when the read began
	read, write time.Duration
	kib         int // 0: not seen
}

func (t Target) newBystander(ctx context.Context) (*bystander, error) {
	var in struct {
		UserID string `json:"user_id"`
		Token  string `json:"token"`
	}
	if err := t.ask(ctx, http.MethodPost, "/auth/anon", "", `{"device_hash":"bystander"}`, &in); err != nil {
		return nil, err
	}
	return &bystander{t: t, user: in.UserID, token: in.Token}, nil
}

// polite opens a connection for each request: whoever comes anew is served too.
var polite = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: time.Minute}

// ask sends one request, once, as one should, and decodes the answer's data.
func (t Target) ask(ctx context.Context, method, path, token, body string, into any) error {
	req, err := http.NewRequestWithContext(ctx, method, "http://"+t.Addr+path, strings.NewReader(body))
	if err != nil {
		return err
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := polite.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return fmt.Errorf("%s %s: the answer was cut: %w", method, path, err)
	}
	if res.StatusCode/100 != 2 {
		return fmt.Errorf("%s %s: HTTP %d: %.300s", method, path, res.StatusCode, text)
	}
	return json.Unmarshal(text, &struct{ Data any }{into})
}

// pace is how often a bystander asks.
const pace = 50 * time.Millisecond

// watch reads and writes until the time is over or ctx ends, and looks at the node's memory. The first call that fails is its error.
func (b *bystander) watch(ctx context.Context, span time.Duration) (c calmly, err error) {
	tick := time.NewTicker(pace)
	defer tick.Stop()
	// The calls have a context of their own: one that is under way when the watch ends is no failure.
	calls, cancel := context.WithTimeout(context.WithoutCancel(ctx), span+patience)
	defer cancel()
	for end := time.Now().Add(span); time.Now().Before(end) && ctx.Err() == nil; {
		now := turn{at: time.Now()}
		var me struct {
			UserID  string `json:"user_id"`
			Credits int    `json:"credits"`
		}
		if err := b.t.ask(calls, http.MethodGet, "/me", b.token, "", &me); err != nil {
			return c, fmt.Errorf("a read: %w", err)
		}
		if me.UserID != b.user || me.Credits < b.granted {
			return c, fmt.Errorf("a read after %d grants gave %+v", b.granted, me)
		}
		now.read = time.Since(now.at)
		began := time.Now()
		if err := b.t.ask(calls, http.MethodPost, "/admin/users/"+b.user+"/credits", b.t.Admin, `{"amount":1,"reason":"bystander"}`, new(any)); err != nil {
			return c, fmt.Errorf("a write: %w", err)
		}
		b.granted++
		now.write = time.Since(began)
		now.kib = residentKiB(b.t.Pid)
		c.reads, c.writes, c.peakKiB = append(c.reads, now.read), append(c.writes, now.write), max(c.peakKiB, now.kib)
		c.turns = append(c.turns, now)
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
	slices.Sort(c.reads)
	slices.Sort(c.writes)
	if len(c.writes) == 0 {
		return c, fmt.Errorf("nothing was asked in %s", span)
	}
	return c, nil
}

func median(sorted []time.Duration) time.Duration { return sorted[len(sorted)/2] }

// residentKiB is a process's memory now; 0 where there is no /proc.
func residentKiB(pid int) int {
	f, err := os.Open("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		return 0
	}
	defer f.Close()
	for lines := bufio.NewScanner(io.LimitReader(f, 1<<16)); lines.Scan(); {
		if rest, ok := strings.CutPrefix(lines.Text(), "VmRSS:"); ok {
			n, _ := strconv.Atoi(strings.Fields(rest)[0])
			return n
		}
	}
	return 0
}
