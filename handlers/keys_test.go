package handlers

import (
	"strings"
	"testing"

	"stoker/fsm"
)

func keyBody(name string, more m) m {
	body := m{"name": name, "access_key": "STOKER" + strings.ToUpper(name), "secret_key": "a-secret-of-" + name + "-0000", "access": "read"}
	for k, v := range more {
		body[k] = v
	}
	return body
}

func TestKeys_MadeListedRevoked(t *testing.T) {
	h := newHouse(t)
	made := h.good(201, h.operate("POST", "/admin/keys", keyBody("archive", m{"prefix": "outputs/", "expires_in_s": 3600})))
	h.good(201, h.operate("POST", "/admin/keys", keyBody("archive", m{"prefix": "outputs/", "expires_in_s": 3600}))) // sent again
	line := made.Data["key"].(map[string]any)
	if line["created_by"] != "admin first admin" || line["expires_at"] == nil || line["access_key"] != "STOKERARCHIVE" || line["prefix"] != "outputs/" {
		t.Errorf("made: %v", line)
	}
	list := h.good(200, h.operate("GET", "/admin/keys", nil))
	if keys := list.Data["keys"].([]any); len(keys) != 1 {
		t.Errorf("listed: %v", keys)
	}
	if at := list.Data["store"].(map[string]any); at["bucket"] != "photos" || at["region"] != "auto" || !strings.HasPrefix(at["endpoint"].(string), "http://") {
		t.Errorf("store: %v", at)
	}
	for _, a := range []answer{made, list} {
		if strings.Contains(string(a.text), "a-secret-of") {
			t.Errorf("the answer shows the secret: %s", a.text)
		}
	}
	h.bad(fsm.ValidationFailed, h.operate("POST", "/admin/keys", keyBody("archive", m{"prefix": "outputs/", "secret_key": "another-secret-key"})))
	h.good(200, h.operate("DELETE", "/admin/keys/STOKERARCHIVE", nil))
	h.bad(fsm.NotFound, h.operate("DELETE", "/admin/keys/archive", nil))
	h.bad(fsm.NotFound, h.operate("DELETE", "/admin/keys/%00", nil))
}

func TestKeys_WhatIsRefused(t *testing.T) {
	h := newHouse(t)
	for _, more := range []m{
		{"name": ""}, {"name": "a/b"}, {"access_key": ""}, {"access_key": "a b c"}, {"access_key": "../x"}, {"secret_key": "short"},
		{"secret_key": strings.Repeat("x", 129)}, {"secret_key": "with a space in between"}, {"access": ""}, {"access": "admin"},
		{"prefix": "/a"}, {"prefix": "a\x00"}, {"prefix": strings.Repeat("p", 1025)}, {"expires_in_s": -1}, {"expires_in_s": 1e10},
	} {
		h.bad(fsm.ValidationFailed, h.operate("POST", "/admin/keys", keyBody("x", more)))
	}
	if keys := h.good(200, h.operate("GET", "/admin/keys", nil)).Data["keys"].([]any); len(keys) != 0 {
		t.Errorf("refused, and there: %v", keys)
	}
}
