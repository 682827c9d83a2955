package handlers

import (
	"fmt"
	"io"
	"net/http"
	"strings"

	"stoker/fsm"
)

// person is a user of the app.
type person struct {
	h     *house
	id    string
	token string
}

// m is a JSON object as tests write it.
type m map[string]any

// signUp makes a new user, on a plan.
func (h *house) signUp(plan string) *person {
	h.t.Helper()
	in := h.good(200, ask{method: "POST", path: "/auth/anon"})
	p := &person{h, in.Data["user_id"].(string), in.Data["token"].(string)}
	if plan != "free" {
		h.good(200, ask{method: "PUT", path: "/admin/users/" + p.id + "/plan", token: adminToken, body: m{"plan": plan}})
		h.good(200, ask{method: "POST", path: "/admin/users/" + p.id + "/credits", token: adminToken, body: m{"amount": 100, "reason": "test"}})
	}
	return p
}

func (p *person) ask(method, path string, body any) ask {
	return ask{method: method, path: path, token: p.token, body: body}
}

func (p *person) get(path string) answer {
	p.h.t.Helper()
	return p.h.good(200, p.ask("GET", path, nil))
}

// credits are the user's credits, held against the sum of the ledger.
func (p *person) credits() int {
	p.h.t.Helper()
	credits := number(p.get("/me").Data["credits"])
	sum, path := 0, "/me/billing"
	for path != "" {
		page := p.get(path)
		for _, e := range page.Data["events"].([]any) {
			sum += number(e.(map[string]any)["amount"])
		}
		path = ""
		if next, more := page.Data["next_cursor"].(string); more {
			path = "/me/billing?cursor=" + next
		}
	}
	if credits != sum {
		p.h.t.Fatalf("credits are %d, the ledger sums up to %d", credits, sum)
	}
	return credits
}

// newJob opens a job and gives its id and answer.
func (p *person) newJob(items int) (string, answer) {
	p.h.t.Helper()
	a := p.h.good(201, p.ask("POST", "/jobs", m{"preset": "interior", "item_count": items}))
	return a.Data["job_id"].(string), a
}

// uploaded opens a job with its inputs there and confirmed.
func (p *person) uploaded(items int) string {
	p.h.t.Helper()
	id, a := p.newJob(items)
	for _, u := range a.Data["presigned_urls"].([]any) {
		p.h.put(u.(map[string]any)["url"].(string), aPicture)
	}
	p.h.good(200, p.ask("POST", "/jobs/"+id+"/confirm-upload", nil))
	return id
}

var walls = map[string]fsm.Concept{"Wall": {Action: "recolor", Value: "#fff"}}

// queued opens a job that workers can take.
func (p *person) queued(items int) string {
	p.h.t.Helper()
	id := p.uploaded(items)
	p.h.good(202, p.ask("POST", "/jobs/"+id+"/execute", m{"concepts": walls}))
	return id
}

func (p *person) status(job string) string {
	p.h.t.Helper()
	return p.get("/jobs/" + job).Data["job"].(map[string]any)["status"].(string)
}

// aPicture is the first 33 bytes of a PNG of one pixel: all that is looked at.
const aPicture = "\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x00\x00\x00\x00\x3a\x7e\x9b\x55"

// put uploads to a presigned URL.
func (h *house) put(url, content string) {
	h.t.Helper()
	if status, text := h.raw("PUT", url, content); status != http.StatusOK {
		h.t.Fatalf("upload: %d %s", status, text)
	}
}

// raw sends to a presigned URL and gives what came back.
func (h *house) raw(method, url, content string) (int, string) {
	h.t.Helper()
	req, err := http.NewRequestWithContext(h.t.Context(), method, url, strings.NewReader(content))
	if err != nil {
		h.t.Fatal(err)
	}
	res, err := h.client.Do(req)
	if err != nil {
		h.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	return res.StatusCode, string(text)
}

func (h *house) work(path string, body any) ask {
	return ask{method: "POST", path: path, token: workerToken, body: body}
}

// leased takes up to most items for a worker; the work must be there.
func (h *house) leased(worker string, most int) map[string]any {
	h.t.Helper()
	return h.good(200, h.work("/queue/lease", m{"worker_id": worker, "max_items": most, "wait_s": 10})).Data
}

// operate is a request of the operator.
func (h *house) operate(method, path string, body any) ask {
	return ask{method: method, path: path, token: adminToken, body: body}
}

// boot opens a session for a worker.
func (h *house) boot(worker, boot string) map[string]any {
	h.t.Helper()
	return h.good(200, h.work("/queue/session", m{"worker_id": worker, "boot_id": boot, "presets": []string{"interior", "seller"}})).Data
}

// finish uploads the outputs of an item and reports it done.
func (h *house) finish(lease map[string]any, idx int) answer {
	h.t.Helper()
	for _, raw := range lease["items"].([]any) {
		it := raw.(map[string]any)
		if number(it["idx"]) != idx {
			continue
		}
		h.put(it["output_url"].(string), "a result")
		h.put(it["preview_url"].(string), "a preview")
		return h.good(200, h.work(fmt.Sprintf("/queue/leases/%s/results", lease["lease_id"]), m{"results": []m{
			{"idx": idx, "status": "done", "output_key": it["output_key"], "preview_key": it["preview_key"]},
		}}))
	}
	h.t.Fatalf("item %d is not in the lease", idx)
	return answer{}
}

// number is a JSON number.
func number(v any) int {
	f, _ := v.(float64)
	return int(f)
}
