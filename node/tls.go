package node

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"slices"
)

// The protocols of the cluster port, told apart by ALPN (RFC 7301).
const (
	protoRaft = "stoker-raft/1"
	protoHTTP = "h2"
)

// ParseTLS makes Config.TLS from PEM: the cluster's CA certificates, the node's
// certificate (URI stoker://node/<id>, for server and client authentication)
// and its key.
func ParseTLS(caPEM, certPEM, keyPEM []byte) (*tls.Config, error) {
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(caPEM) {
		return nil, errors.New("node: the CA file holds no certificate")
	}
	cert, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		return nil, fmt.Errorf("node: certificate and key: %w", err)
	}
	if _, err := nodeID(cert.Leaf); err != nil {
		return nil, err
	}
	return &tls.Config{Certificates: []tls.Certificate{cert}, RootCAs: pool, ClientCAs: pool, MinVersion: tls.VersionTLS13}, nil
}

// nodeID is the id in a certificate's node role. A certificate of another role
// (a public endpoint's, an operator's) opens nothing here, whoever signed it.
func nodeID(cert *x509.Certificate) (string, error) {
	for _, u := range cert.URIs {
		if u.Scheme == "stoker" && u.Host == "node" && len(u.Path) > 1 {
			return u.Path[1:], nil
		}
	}
	return "", fmt.Errorf("node: the certificate of %q does not carry the node role (URI stoker://node/<id>)", cert.Subject.CommonName)
}

// serverTLS takes only clients whose certificate the cluster's CA signed for the node role.
func serverTLS(c *tls.Config) *tls.Config {
	s := c.Clone()
	s.MinVersion = tls.VersionTLS13
	s.NextProtos = []string{protoRaft, protoHTTP}
	s.ClientAuth = tls.RequireAndVerifyClientCert
	s.VerifyConnection = func(cs tls.ConnectionState) error {
		if !slices.Contains(s.NextProtos, cs.NegotiatedProtocol) {
			return fmt.Errorf("node: no common protocol; this port speaks %v", s.NextProtos)
		}
		_, err := nodeID(cs.PeerCertificates[0])
		return err
	}
	return s
}

// clientTLS takes only the member it dialled. Names and addresses are not what
// is certified, so the usual host name check is replaced by the id's; the chain
// is verified all the same.
func clientTLS(c *tls.Config, member, proto string) *tls.Config {
	s := c.Clone()
	s.MinVersion = tls.VersionTLS13
	s.NextProtos = []string{proto}
	s.ServerName = member
	s.InsecureSkipVerify = true
	s.VerifyConnection = func(cs tls.ConnectionState) error {
		inter := x509.NewCertPool()
		for _, x := range cs.PeerCertificates[1:] {
			inter.AddCert(x)
		}
		leaf := cs.PeerCertificates[0]
		if _, err := leaf.Verify(x509.VerifyOptions{
			Roots:         c.RootCAs,
			Intermediates: inter,
			KeyUsages:     []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		}); err != nil {
			return err
		}
		switch id, err := nodeID(leaf); {
		case err != nil:
			return err
		case id != member:
			return fmt.Errorf("node: dialled %s and reached %s: correct the addresses in [[members]]", member, id)
		case cs.NegotiatedProtocol != proto:
			return fmt.Errorf("node: %s does not speak %s", member, proto)
		}
		return nil
	}
	return s
}

// Caller is the member that sent a request to the cluster port.
func Caller(r *http.Request) string {
	if r.TLS == nil || len(r.TLS.PeerCertificates) == 0 {
		return ""
	}
	id, _ := nodeID(r.TLS.PeerCertificates[0])
	return id
}
