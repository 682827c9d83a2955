package handlers

import (
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"io"
	"net/http"
	"strings"
	"testing"

	"stoker/fsm"
	"stoker/node"
)

// enter logs a browser in and gives its cookie and its proof against other sites.
func (h *house) enter(token string) (cookie, csrf string) {
	h.t.Helper()
	in := h.good(200, ask{method: "POST", path: "/admin/session", body: m{"token": token}})
	set := in.header.Get("Set-Cookie")
	for _, want := range []string{"HttpOnly", "SameSite=Strict", "path=/", "max-age=43200"} {
		if !strings.Contains(set, want) {
			h.t.Errorf("the cookie is %s without %s", set, want)
		}
	}
	cookie, _, _ = strings.Cut(set, ";")
	if strings.Contains(set, token) {
		h.t.Error("the cookie shows the token")
	}
	return cookie, in.Data["csrf"].(string)
}

func TestBrowser_ACookieOpensWhatItsTokenOpens(t *testing.T) {
	h := newHouse(t)
	cookie, csrf := h.enter(adminToken)
	with := func(method, path string, header map[string]string) ask {
		all := map[string]string{"Cookie": cookie}
		for k, v := range header {
			all[k] = v
		}
		return ask{method: method, path: path, header: all}
	}
	if who := h.good(200, with("GET", "/admin/session", nil)).Data; who["scope"] != "admin" || who["csrf"] != csrf {
		t.Errorf("logged in as %v", who)
	}
	h.good(200, with("GET", "/admin/status", nil))
	h.good(200, with("GET", "/metrics", nil))

	pause := with("POST", "/admin/queue/pause", nil)
	pause.body = m{"preset": "interior"}
	h.bad(fsm.Forbidden, pause) // another site could have sent it
	pause.header[headerCSRF] = "x" + csrf[1:]
	h.bad(fsm.Forbidden, pause)
	if got := h.good(200, h.operate("GET", "/admin/queue", nil)).Data["paused"].([]any); len(got) != 0 {
		t.Errorf("paused without a proof: %v", got)
	}
	pause.header[headerCSRF] = csrf
	h.good(200, pause)

	h.bad(authRequired, with("GET", "/me", nil)) // it is no user's
	h.bad(callbackUnauthorized, with("POST", "/queue/lease", map[string]string{headerCSRF: csrf}))

	out := h.good(200, ask{method: "DELETE", path: "/admin/session"})
	if set := out.header.Get("Set-Cookie"); !strings.Contains(set, browserCookie+"=;") {
		t.Errorf("logging out leaves %s", set)
	}
}

func TestBrowser_WhatIsNoLogInIsRefused(t *testing.T) {
	h := newHouse(t)
	cookie, _ := h.enter(adminToken)
	look := func(cookie string) ask {
		return ask{method: "GET", path: "/admin/status", header: map[string]string{"Cookie": cookie}}
	}
	h.bad(authRequired, look("other=1"))
	h.bad(fsm.AuthInvalidToken, look(cookie[:len(cookie)-2]))
	h.bad(fsm.AuthInvalidToken, look(browserCookie+"=aaaa"))
	sealed, err := h.node.Seal("jwt", []byte(`{"token":"adm_test","csrf":"x","expires":9999999999}`)) // sealed by us, but for something else
	if err != nil {
		t.Fatal(err)
	}
	h.bad(fsm.AuthInvalidToken, look(browserCookie+"="+b64(sealed)))
	old, err := h.node.Seal(sealedForBrowser, []byte(`{"token":"adm_test","csrf":"x","expires":1}`))
	if err != nil {
		t.Fatal(err)
	}
	h.bad(authExpiredToken, look(browserCookie+"="+b64(old)))
	for _, token := range []string{"", "adm_wrong", workerToken} {
		h.bad(fsm.AuthInvalidToken, ask{method: "POST", path: "/admin/session", body: m{"token": token}})
	}
}

func TestBrowser_ARevokedTokenEndsItsLogIns(t *testing.T) {
	h := newHouse(t)
	sum := sha256.Sum256([]byte("adm_eve"))
	h.good(201, h.operate("POST", "/admin/tokens", m{"name": "eve", "kind": "operator", "scope": "read", "token_sha256": hex.EncodeToString(sum[:])}))
	cookie, csrf := h.enter("adm_eve")
	look := ask{method: "GET", path: "/admin/status", header: map[string]string{"Cookie": cookie}}
	h.good(200, look)
	h.bad(fsm.Forbidden, ask{method: "POST", path: "/admin/queue/pause", body: m{"preset": "*"}, header: map[string]string{"Cookie": cookie, headerCSRF: csrf}})
	if _, err := node.Apply(t.Context(), h.node, fsm.RevokeToken{Name: "eve"}, node.By("test")); err != nil {
		t.Fatal(err)
	}
	h.bad(fsm.AuthInvalidToken, look)
}

func TestPages_AreServedWithTheirPolicies(t *testing.T) {
	h := newHouse(t)
	get := func(path, tag string) (*http.Response, string) {
		t.Helper()
		req := h.request(ask{method: "GET", path: path, header: map[string]string{"If-None-Match": tag, "Accept-Encoding": "identity"}})
		res, err := http.DefaultTransport.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res, string(body)
	}
	for path, kind := range map[string]string{"/admin/": "text/html", "/admin/app.js": "text/javascript", "/admin/lib/uplot.css": "text/css", "/docs": "text/html", "/docs/rapidoc.js": "text/javascript"} {
		res, body := get(path, "")
		if res.StatusCode != 200 || !strings.HasPrefix(res.Header.Get("Content-Type"), kind) || body == "" {
			t.Errorf("%s: %s, %s, %d bytes", path, res.Status, res.Header.Get("Content-Type"), len(body))
		}
		if csp := res.Header.Get("Content-Security-Policy"); !strings.Contains(csp, "script-src 'self';") || !strings.Contains(csp, "frame-ancestors 'none'") {
			t.Errorf("%s: the policy is %q", path, csp)
		}
		if again, body := get(path, res.Header.Get("Etag")); again.StatusCode != 304 || body != "" {
			t.Errorf("%s: asked again: %s", path, again.Status)
		}
		if res.Header.Get("Content-Encoding") == "gzip" {
			if _, err := gzip.NewReader(strings.NewReader(body)); err != nil {
				t.Errorf("%s: %v", path, err)
			}
		}
	}
	for from, to := range moved {
		if res, _ := get(from, ""); res.StatusCode != 302 || res.Header.Get("Location") != to {
			t.Errorf("%s leads to %s with %s", from, res.Header.Get("Location"), res.Status)
		}
	}
	// What the page loads is there: a file that was renamed would leave it blank.
	for path, file := range sheets() {
		if file.packed || !strings.HasSuffix(path, ".js") || strings.Contains(path, "/lib/") {
			continue
		}
		for _, part := range strings.Split(string(file.body), "from '")[1:] {
			wanted, _, _ := strings.Cut(part, "'")
			if _, ok := sheets()[wanted]; !ok {
				t.Errorf("%s imports %s, which is not there", path, wanted)
			}
		}
	}
}

func b64(raw []byte) string { return base64.RawURLEncoding.EncodeToString(raw) }
