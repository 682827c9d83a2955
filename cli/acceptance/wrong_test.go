package acceptance

import (
	"encoding/base64"
	"io"
	"net/url"
	"strings"
	"testing"

	"stoker/client"
)

// wrong is one request that must be refused, as the documented code, and change nothing.
type wrong struct {
	name string
	request
	status int
	code   string
}

// Wrong input, one by one, each at another node.
func TestWrong_APIRequestsChangeNothing(t *testing.T) {
	c := shared(t)
	u, other := c.user(t), c.user(t)
	job, foreign := u.uploaded(t, 0, 2).JobID, other.created(t, 1, 1).JobID
	me := func(token string) request { return request{method: "GET", path: "/me", token: token} }
	create := func(body any) request { return request{method: "POST", path: "/jobs", token: u.token, body: body} }
	post := func(path, body string) request {
		return request{method: "POST", path: path, token: u.token, body: []byte(body)}
	}
	count := func(n any) request { return create(map[string]any{"preset": "interior", "item_count": n}) }
	part := strings.Split(u.token, ".")
	bare := base64.RawURLEncoding.EncodeToString

	for i, w := range []wrong{
		{"no token", me(""), 401, "AUTH_REQUIRED"},
		{"not a token", me("let.me.in"), 401, "AUTH_INVALID_TOKEN"},
		{"tampered payload", me(part[0] + "." + bare([]byte(`{"sub":"`+other.id+`","exp":99999999999}`)) + "." + part[2]), 401, "AUTH_INVALID_TOKEN"},
		{"tampered signature", me(part[0] + "." + part[1] + "." + flipped(part[2], 5)), 401, "AUTH_INVALID_TOKEN"},
		{"alg none", me(bare([]byte(`{"alg":"none"}`)) + "." + part[1] + "."), 401, "AUTH_INVALID_TOKEN"},
		{"alg none with a signature", me(bare([]byte(`{"alg":"none","kid":"k"}`)) + "." + part[1] + "." + part[2]), 401, "AUTH_INVALID_TOKEN"},
		{"a worker's token", me(c.operator.WorkerToken), 401, "AUTH_INVALID_TOKEN"},
		{"a user's token for the operator", request{method: "GET", path: "/admin/users/" + u.id, token: u.token}, 401, "AUTH_INVALID_TOKEN"},
		{"a user's token for a worker", post("/queue/lease", `{"worker_id":"w","wait_s":0}`), 401, "CALLBACK_UNAUTHORIZED"},

		{"another user's job", request{method: "GET", path: "/jobs/" + foreign, token: u.token}, 404, "JOB_NOT_FOUND"},
		{"another user's history", request{method: "GET", path: "/jobs/" + foreign + "/history", token: u.token}, 404, "JOB_NOT_FOUND"},
		{"another user's events", request{method: "GET", path: "/jobs/" + foreign + "/events", token: u.token}, 404, "JOB_NOT_FOUND"},
		{"cancel of another user's job", post("/jobs/"+foreign+"/cancel", ""), 404, "JOB_NOT_FOUND"},
		{"confirm of another user's job", post("/jobs/"+foreign+"/confirm-upload", ""), 404, "JOB_NOT_FOUND"},
		{"execute of another user's job", post("/jobs/"+foreign+"/execute", `{"concepts":{}}`), 404, "JOB_NOT_FOUND"},
		{"no such job", post("/jobs/j_none/cancel", ""), 404, "JOB_NOT_FOUND"},

		{"0 items", count(0), 400, "INVALID_ITEM_COUNT"},
		{"-1 items", count(-1), 400, "INVALID_ITEM_COUNT"},
		{"11 items on free", count(11), 403, "ITEM_LIMIT"},
		{"1e9 items", create([]byte(`{"preset":"interior","item_count":1e9}`)), 403, "ITEM_LIMIT"},
		{"items as text", count("3"), 400, "VALIDATION_FAILED"},
		{"half an item", count(1.5), 400, "VALIDATION_FAILED"},
		{"no item count", create([]byte(`{"preset":"interior"}`)), 400, "VALIDATION_FAILED"},
		{"an unknown preset", create([]byte(`{"preset":"garden","item_count":1}`)), 400, "INVALID_PRESET"},
		{"a second job on free", count(1), 429, "CONCURRENCY_LIMIT"},

		{"broken JSON", create([]byte(`{"preset":"interior","item_count":1`)), 400, "VALIDATION_FAILED"},
		{"two values", create([]byte(`{"preset":"interior","item_count":1}{}`)), 400, "VALIDATION_FAILED"},
		{"a member twice", create([]byte(`{"preset":"interior","item_count":1,"item_count":2}`)), 400, "VALIDATION_FAILED"},
		{"another type of body", request{method: "POST", path: "/jobs", token: u.token, body: []byte("preset=interior"),
			header: map[string]string{"Content-Type": "application/x-www-form-urlencoded"}}, 415, "UNSUPPORTED_MEDIA_TYPE"},
		{"a body of 10 MB", create([]byte(`{"preset":"interior","item_count":1,"more":"` + strings.Repeat("x", 10_000_000) + `"}`)), 413, "BODY_TOO_LARGE"},
		{"no such method", request{method: "DELETE", path: "/jobs", token: u.token}, 405, "METHOD_NOT_ALLOWED"},

		{"a concept the preset has not", post("/jobs/"+job+"/execute", `{"concepts":{"Moon":{"action":"recolor","value":"red"}}}`), 400, "VALIDATION_FAILED"},
		{"no such rule", post("/jobs/"+job+"/execute", `{"rule_id":"r_none"}`), 404, "RULE_NOT_FOUND"},
		{"a second confirm", post("/jobs/"+job+"/confirm-upload", ""), 409, "JOB_INVALID_TRANSITION"},
	} {
		t.Run(w.name, func(t *testing.T) { w.refused(t, c, i%3, u, other) })
	}
}

// refused sends it and compares all that the users have before and after.
func (w wrong) refused(t *testing.T, c *cluster, node int, users ...*user) {
	t.Helper()
	before := c.belongings(t, node, users)
	if got := c.send(t, node, w.request); got.status != w.status || got.code != w.code {
		t.Errorf("HTTP %d %s, want %d %s: %.300s", got.status, got.code, w.status, w.code, got.body)
	}
	if after := c.belongings(t, (node+1)%len(c.Nodes), users); after != before {
		t.Errorf("something changed:\n%s\n%s", before, after)
	}
}

// belongings is what users have, as the wire says it: account, ledger, jobs with their histories, rules.
func (c *cluster) belongings(t *testing.T, node int, users []*user) string {
	t.Helper()
	var all strings.Builder
	for _, u := range users {
		paths := []string{"/me", "/me/billing", "/jobs", "/rules"}
		jobs, _, err := u.at[node].Jobs(t.Context(), client.JobsQuery{})
		if err != nil {
			t.Fatal(err)
		}
		for _, job := range jobs {
			paths = append(paths, "/jobs/"+job.JobID+"/history")
		}
		for _, path := range paths {
			got := c.send(t, node, request{method: "GET", path: path, token: u.token})
			if got.status != 200 {
				t.Fatalf("%s: %.300s", path, got.body)
			}
			all.WriteString(path + " " + string(got.data) + "\n")
		}
	}
	return all.String()
}

// Uploads that are not what was signed are refused, and the job still waits for its picture.
func TestWrong_UploadsChangeNothing(t *testing.T) {
	c := shared(t)
	u := c.user(t)
	ticket := u.created(t, 0, 1)
	good, err := url.Parse(ticket.PresignedURLs[0].URL)
	if err != nil {
		t.Fatal(err)
	}
	altered := func(change func(u *url.URL, q url.Values)) string {
		to, q := *good, good.Query()
		change(&to, q)
		to.RawQuery = q.Encode()
		return to.String()
	}
	small := []byte("\xff\xd8\xff a picture")
	put := func(target string) request { return request{method: "PUT", path: target, body: small} }
	huge := func(expect string) request {
		const size = 25<<20 + 1
		r := request{method: "PUT", path: good.String(), body: io.LimitReader(zeros{}, size), size: size}
		if expect != "" {
			r.header = map[string]string{"Expect": expect}
		}
		return r
	}
	for i, w := range []wrong{
		{"another key", put(altered(func(u *url.URL, _ url.Values) { u.Path = strings.Replace(u.Path, "/0.jpg", "/1.jpg", 1) })), 403, "SignatureDoesNotMatch"},
		{"a longer life", put(altered(func(_ *url.URL, q url.Values) { q.Set("X-Amz-Expires", "604800") })), 403, "SignatureDoesNotMatch"},
		{"another signature", put(altered(func(_ *url.URL, q url.Values) {
			q.Set("X-Amz-Signature", flipped(q.Get("X-Amz-Signature"), 9))
		})), 403, "SignatureDoesNotMatch"},
		{"a grant that was not signed", put(altered(func(_ *url.URL, q url.Values) { q.Set("x-stoker-fence", "7") })), 403, "SignatureDoesNotMatch"},
		{"another method", request{method: "DELETE", path: good.String()}, 403, "SignatureDoesNotMatch"},
		{"no signature", put("http://" + good.Host + good.Path), 403, "AccessDenied"},
		{"larger than the limit", huge(""), 400, "EntityTooLarge"},
		{"larger than the limit, asking first", huge("100-continue"), 400, "EntityTooLarge"},
	} {
		t.Run(w.name, func(t *testing.T) {
			w.request = c.moved(t, w.request)
			w.refused(t, c, i%3, u)
			confirm := request{method: "POST", path: "/jobs/" + ticket.JobID + "/confirm-upload", token: u.token}
			if got := c.send(t, i%3, confirm); got.code != "UPLOAD_INCOMPLETE" {
				t.Errorf("confirm-upload: HTTP %d %s, want UPLOAD_INCOMPLETE", got.status, got.code)
			}
		})
	}
}

// zeros is a picture without an end.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// flipped is text with another letter at a place.
func flipped(text string, at int) string {
	other := byte('a')
	if text[at] == other {
		other = 'b'
	}
	return text[:at] + string(other) + text[at+1:]
}
