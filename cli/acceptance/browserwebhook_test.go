//go:build browser

package acceptance

import (
	"net/http"
	"net/http/httptest"
	"sync/atomic"

	"stoker/client"
)

// seesWebhooks shows one that does not want an event, and has it sent again.
func (b *browser) seesWebhooks(c *cluster, u *user) {
	b.t.Helper()
	var answer atomic.Int32
	answer.Store(http.StatusGone) // which is given up at once
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(int(answer.Load()))
	}))
	b.t.Cleanup(s.Close)
	c.tell(b.t, &receiver{url: s.URL})
	job := u.canceled(b.t)
	b.visits("webhooks")
	b.sees(job)
	b.sees("answered 410")
	b.isAccessible("the webhooks")
	b.picture("webhooks")
	answer.Store(http.StatusNoContent)
	b.presses("Ping test", true)
	b.sees("It arrived: 204")
	b.presses("Send again", true)
	eventually(b.t, "it has arrived", func() bool {
		all, err := c.any.Operator().Webhooks(b.t.Context())
		return err == nil && len(all) == 1 && all[0].Arrived == 1 && all[0].GivenUp == 0
	})
	b.visits("webhooks")
	b.sees("ok")
	v, err := c.any.Operator().Settings(b.t.Context())
	if err == nil {
		v.Settings.Webhooks = nil
		_, err = c.any.Operator().Deploy(b.t.Context(), v.Settings, client.Deployment{})
	}
	if err != nil {
		b.t.Error(err)
	}
}
