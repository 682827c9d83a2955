package acceptance

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"testing"
	"time"

	"stoker/client"
	"stoker/fsm"
)

// Windows of seconds instead of hours: what nobody goes on with ends by itself, and what has expired is refused.
//
// The defaults' windows of an hour and a day are the transcripts' matter (fsm/testdata), where time costs nothing.
func TestWindows_CloseByThemselves(t *testing.T) {
	t.Parallel()
	c := startWith(t, 1, func(s *fsm.Settings) {
		s.Budgets.Upload, s.Budgets.Execute = int64(4*time.Second), int64(time.Second)
	})
	u := c.user(t)

	never := u.created(t, 0, 3)
	url := never.PresignedURLs[0].URL
	expired := []wrong{
		{"an expired token", request{method: "GET", path: "/me", token: tokenUntil(u.id, time.Now().Add(-time.Minute))}, 401, "AUTH_EXPIRED_TOKEN"},
		{"an expired token that writes", request{method: "POST", path: "/jobs/" + never.JobID + "/cancel", token: tokenUntil(u.id, time.Now().Add(-time.Second))}, 401, "AUTH_EXPIRED_TOKEN"},
	}
	for _, w := range expired {
		w.refused(t, c, 0, u)
	}
	mine := request{method: "GET", path: "/me", token: tokenUntil(u.id, time.Now().Add(time.Hour))}
	if got := c.send(t, 0, mine); got.status != 200 {
		t.Fatalf("a token made here that has not expired: HTTP %d %s; the test proves nothing", got.status, got.code)
	}
	u.endsByItself(t, never.JobID)
	u.credits(t, 10)
	wrong{"an expired URL", request{method: "PUT", path: url, body: []byte("late")}, 403, "AccessDenied"}.refused(t, c, 0, u)

	idle := u.uploaded(t, 0, 2).JobID
	u.endsByItself(t, idle)
	u.credits(t, 10)
	if rows := u.ledger(t, 0); count(rows, "refund", never.JobID) != 1 || count(rows, "refund", idle) != 1 {
		t.Errorf("ledger %+v, want one refund for each job", rows)
	}
	if me := u.me(t, 0); me.ConcurrentJobs != 0 {
		t.Errorf("%d slots are still taken", me.ConcurrentJobs)
	}
}

// endsByItself waits until a job is canceled by the system.
func (u *user) endsByItself(t *testing.T, job string) {
	t.Helper()
	eventually(t, "an abandoned job ends", func() bool { return u.job(t, 0, job).Status == client.Canceled })
	history, err := u.any.History(t.Context(), job)
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range history {
		if step.Item == nil && step.To == client.Canceled && step.By != "system" {
			t.Errorf("the job was canceled by %q", step.By)
		}
	}
}

// tokenUntil is a token as a node of startWith makes it, but for its time.
func tokenUntil(user string, end time.Time) string {
	part := base64.RawURLEncoding.EncodeToString
	text := part([]byte(`{"alg":"HS256","kid":"`+jwtKeyID+`","typ":"JWT"}`)) + "." +
		part(fmt.Appendf(nil, `{"sub":%q,"iat":%d,"exp":%d}`, user, end.Add(-time.Hour).Unix(), end.Unix()))
	mac := hmac.New(sha256.New, []byte(jwtSecret))
	mac.Write([]byte(text))
	return text + "." + part(mac.Sum(nil))
}
