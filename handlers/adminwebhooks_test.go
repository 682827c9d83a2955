package handlers

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"stoker/fsm"
)

// hooked deploys one webhook that posts to an endpoint which answers with a status.
func (h *house) hooked(status *atomic.Int32) {
	h.t.Helper()
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(int(status.Load())) }))
	h.t.Cleanup(receiver.Close)
	h.bad(fsm.ValidationFailed, h.operate("PUT", "/admin/secrets/webhook.shop", m{"value": "short"}))
	put := h.good(200, h.operate("PUT", "/admin/secrets/webhook.shop", m{"value": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLw"}))
	if put.Data["use"] == "" {
		h.t.Error("nobody knows what the secret is for")
	}
	set := maps.Clone(h.settings())
	for _, url := range []string{"https://[::1", "https://:443/x", "https://a.example:port"} {
		set["webhooks"] = m{"shop": m{"url": url, "events": []string{"job.canceled"}, "secrets": []string{"webhook.shop"}}}
		for _, path := range []string{"/admin/settings", "/admin/settings/check"} {
			if got := h.bad(fsm.ValidationFailed, h.operate("POST", path, m{"settings": set})); got.Error.Fields[0].Field != "webhooks.shop.url" {
				h.t.Errorf("%s with %s: %+v", path, url, got.Error)
			}
		}
	}
	set["webhooks"] = m{"shop": m{"url": receiver.URL, "events": []string{"job.canceled"}, "secrets": []string{"webhook.shop"}, "allow_private": true}}
	h.good(200, h.operate("POST", "/admin/settings", m{"settings": set}))
}

// hook is the webhook as the list shows it.
func (h *house) hook() map[string]any {
	h.t.Helper()
	return h.good(200, h.operate("GET", "/admin/webhooks", nil)).Data["webhooks"].([]any)[0].(map[string]any)
}

func TestAdminWebhooks(t *testing.T) {
	h := newHouse(t)
	if all := h.good(200, h.operate("GET", "/admin/webhooks", nil)).Data["webhooks"].([]any); len(all) != 0 {
		t.Errorf("there are none: %v", all)
	}
	var status atomic.Int32
	status.Store(410) // which is given up at once
	h.hooked(&status)
	p := h.signUp("free")
	job, _ := p.newJob(1)
	h.good(200, p.ask("POST", "/jobs/"+job+"/cancel", nil))
	for number(h.hook()["given_up"]) == 0 { // each look waits for the log
	}
	if line := h.hook(); line["state"] != "failing" || number(line["last_status"]) != 410 || line["last_failed_at"] == nil || number(line["ahead"]) != 0 {
		t.Errorf("the list: %v", line)
	}

	page := h.good(200, h.operate("GET", "/admin/webhooks/shop/deliveries?status=failed&limit=1", nil))
	one := page.Data["deliveries"].([]any)[0].(map[string]any)
	if one["job_id"] != job || one["type"] != "job.canceled" || one["message"].(map[string]any)["id"] != one["id"] || page.Data["next_cursor"] != nil {
		t.Errorf("deliveries: %s", page.text)
	}
	none := h.good(200, h.operate("GET", "/admin/webhooks/shop/deliveries?cursor="+one["id"].(string), nil))
	if len(none.Data["deliveries"].([]any)) != 0 {
		t.Errorf("behind the last: %s", none.text)
	}
	h.bad(fsm.ValidationFailed, h.operate("GET", "/admin/webhooks/shop/deliveries?status=lost", nil))
	h.bad(fsm.ValidationFailed, h.operate("GET", "/admin/webhooks/shop/deliveries?cursor=x", nil))
	h.bad(fsm.NotFound, h.operate("GET", "/admin/webhooks/desk/deliveries", nil))

	// A stranger's, one that never was, and one that is here.
	again := "/admin/webhooks/shop/deliveries/" + one["id"].(string) + "/redeliver"
	h.bad(fsm.NotFound, h.operate("POST", "/admin/webhooks/desk/deliveries/"+one["id"].(string)+"/redeliver", nil))
	h.bad(fsm.NotFound, h.operate("POST", "/admin/webhooks/shop/deliveries/ev_1_1_1/redeliver", nil))
	h.bad(fsm.NotFound, h.operate("POST", "/admin/webhooks/shop/deliveries/nonsense/redeliver", nil))
	status.Store(204)
	if a := h.good(200, h.operate("POST", again, nil)); a.Data["status"] != "due" {
		t.Errorf("redeliver: %s", a.text)
	}
	for number(h.hook()["arrived"]) == 0 {
	}
	h.bad(fsm.NotFound, h.operate("POST", again, nil)) // it has arrived
}

func TestAdminWebhooks_Test(t *testing.T) {
	h := newHouse(t)
	var status atomic.Int32
	status.Store(200)
	h.hooked(&status)
	if a := h.good(200, h.operate("POST", "/admin/webhooks/shop/test", nil)); a.Data["arrived"] != true || number(a.Data["last_status"]) != 200 {
		t.Errorf("a ping: %s", a.text)
	}
	status.Store(500)
	if a := h.good(200, h.operate("POST", "/admin/webhooks/shop/test", nil)); a.Data["arrived"] != false || a.Data["last_error"] != "answered 500" {
		t.Errorf("a ping: %s", a.text)
	}
	h.bad(fsm.NotFound, h.operate("POST", "/admin/webhooks/desk/test", nil))
	if said := strings.Count(h.audited(""), "first admin POST /admin/webhooks/{name}/test shop"); said != 2 {
		t.Errorf("the audit log tells of %d pings:\n%s", said, h.audited(""))
	}
}
