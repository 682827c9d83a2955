package client

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// Certificates is how the cluster stands with its nodes' certificates, as one node sees it.
type Certificates struct {
	CA         string            `json:"ca"` // fingerprint of the one that signs; empty: the cluster has none of its own
	CANotAfter *time.Time        `json:"ca_not_after"`
	CAPEM      string            `json:"ca_pem"` // all that are believed
	Phase      string            `json:"phase"`  // of a new CA: trusting, signing, settled
	Next       string            `json:"next"`   // fingerprint of the one that is taking over; empty: none is
	Since      *time.Time        `json:"since"`  // of the phase; nil while no CA was ever replaced
	Without    []string          `json:"without"`
	WaitingFor []string          `json:"waiting_for"`
	Nodes      []NodeCertificate `json:"nodes"`
}

// NodeCertificate is one node's.
type NodeCertificate struct {
	ID       string     `json:"id"`
	Alive    bool       `json:"alive"`
	Subject  string     `json:"subject"`
	Serial   string     `json:"serial"` // hex
	Issuer   string     `json:"issuer"` // fingerprint
	NotAfter *time.Time `json:"not_after"`
	Trusts   []string   `json:"trusts"` // fingerprints
}

// Certificates asks a node.
func (o *Operator) Certificates(ctx context.Context) (all Certificates, err error) {
	err = o.call(ctx, http.MethodGet, "/admin/certificates", nil, &all)
	return all, err
}

// RotateCA has a new CA take over. It goes on by itself; members named in without are not waited for, and locked out when it is done.
func (o *Operator) RotateCA(ctx context.Context, without []string) (ca, phase string, err error) {
	body := struct {
		Without []string `json:"without"`
	}{append([]string{}, without...)}
	var out struct{ CA, Phase string }
	err = o.call(ctx, http.MethodPost, "/admin/certificates/rotate", body, &out)
	return out.CA, out.Phase, err
}

// IssueCertificate has a request (PKCS #10, PEM) signed for a member, and gives the CAs that it is to believe.
func (o *Operator) IssueCertificate(ctx context.Context, id, request string) (certificate, caPEM string, err error) {
	body := struct {
		Request string `json:"request"`
	}{request}
	var out struct {
		Certificate string
		CA          string `json:"ca_pem"`
	}
	err = o.call(ctx, http.MethodPost, "/admin/certificates/"+url.PathEscape(id)+"/issue", body, &out)
	return out.Certificate, out.CA, err
}
