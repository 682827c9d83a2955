package handlers

import (
	"encoding/pem"
	"testing"

	"stoker/fsm"
	"stoker/pki"
)

func TestCertificates_ACATakesOverFromOneThatTheClusterHasNoKeyOf(t *testing.T) {
	h := newHouse(t)
	was := h.good(200, h.operate("GET", "/admin/certificates", nil)).Data
	if was["ca"] != "" || was["since"] != nil || was["phase"] != "settled" {
		t.Errorf("at first: %v", was)
	}
	for _, without := range [][]string{{"n7"}, {"n1"}} {
		h.bad(fsm.ValidationFailed, h.operate("POST", "/admin/certificates/rotate", m{"without": without}))
	}
	begun := h.good(200, h.operate("POST", "/admin/certificates/rotate", nil)).Data
	for {
		is := h.good(200, h.operate("GET", "/admin/certificates", nil)).Data
		mine := is["nodes"].([]any)[0].(map[string]any)
		if is["phase"] == "settled" && len(mine["trusts"].([]any)) == 1 {
			if is["ca"] != begun["ca"] || mine["issuer"] != begun["ca"] {
				t.Errorf("in the end: %v", is)
			}
			break
		}
	}
	audit := h.good(200, h.operate("GET", "/admin/audit", nil))
	if rows := audit.Data["rows"].([]any); rows[0].(map[string]any)["action"] != "RotateCA" {
		t.Errorf("audited: %s", audit.text)
	}
}

func TestCertificates_AreSignedForMembersOnly(t *testing.T) {
	h := newHouse(t)
	key, err := pki.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	der, err := pki.Request(key, "whoever")
	if err != nil {
		t.Fatal(err)
	}
	asks := func(der []byte) m {
		return m{"request": string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der}))}
	}
	h.bad(fsm.ValidationFailed, h.operate("POST", "/admin/certificates/n1/issue", m{"request": "please"}))
	h.bad(fsm.ValidationFailed, h.operate("POST", "/admin/certificates/n1/issue", asks(der[1:])))
	h.bad(fsm.NotFound, h.operate("POST", "/admin/certificates/n7/issue", asks(der)))
	h.good(200, h.operate("POST", "/admin/certificates/rotate", nil)) // before it the cluster has no CA
	for {
		if a := h.do(h.operate("GET", "/admin/certificates", nil)); a.Data["phase"] == "settled" && a.Data["ca"] != "" {
			break
		}
	}
	issued := h.good(201, h.operate("POST", "/admin/certificates/n1/issue", asks(der)))
	certs, err := pki.ParseCerts([]byte(issued.Data["certificate"].(string)))
	if err != nil {
		t.Fatal(err)
	}
	if id, err := pki.NodeID(certs[0]); id != "n1" || err != nil || !key.PublicKey.Equal(certs[0].PublicKey) {
		t.Errorf("it is for %s (%v)", id, err)
	}
}
