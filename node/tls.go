package node

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"slices"

	"stoker/pki"
)

// The protocols of the cluster port, told apart by ALPN (RFC 7301).
const (
	protoRaft = "stoker-raft/1"
	protoHTTP = "h2"
	protoJoin = "stoker-join/1" // who joins has no certificate yet
)

// serverTLS takes only clients whose certificate the cluster's CA signed for the
// node role. The chain is checked in VerifyConnection and not by the package,
// whose ClientCAs could not change under a listener; tickets are off, so that
// every connection proves anew who it is.
func serverTLS(i *Identity) *tls.Config {
	protos := []string{protoRaft, protoHTTP}
	return &tls.Config{
		MinVersion:             tls.VersionTLS13,
		NextProtos:             protos,
		SessionTicketsDisabled: true,
		GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			if slices.Equal(hello.SupportedProtos, []string{protoJoin}) {
				return joinTLS(i), nil
			}
			return nil, nil // this one
		},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return i.show(), nil },
		ClientAuth:     tls.RequireAnyClientCert,
		VerifyConnection: func(cs tls.ConnectionState) error {
			if !slices.Contains(protos, cs.NegotiatedProtocol) {
				return fmt.Errorf("node: no common protocol; this port speaks %v", protos)
			}
			_, err := i.believe(cs.PeerCertificates, x509.ExtKeyUsageClientAuth)
			return err
		},
	}
}

// joinTLS takes anybody, for the one request that asks to become a member. The
// CAs go along: who joins knows them by their fingerprints only.
func joinTLS(i *Identity) *tls.Config {
	return &tls.Config{
		MinVersion:             tls.VersionTLS13,
		NextProtos:             []string{protoJoin},
		SessionTicketsDisabled: true,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			cert := *i.show()
			cert.Certificate = slices.Clone(cert.Certificate)
			for _, c := range i.trusted() {
				cert.Certificate = append(cert.Certificate, c.Raw)
			}
			return &cert, nil
		},
	}
}

// clientTLS takes only the member it dialled. Names and addresses are not what
// is certified, so the usual host name check is replaced by the id's; the chain
// is verified all the same.
func clientTLS(i *Identity, member, proto string) *tls.Config {
	return &tls.Config{
		MinVersion:           tls.VersionTLS13,
		NextProtos:           []string{proto},
		ServerName:           member,
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return i.show(), nil },
		InsecureSkipVerify:   true,
		VerifyConnection: func(cs tls.ConnectionState) error {
			switch id, err := i.believe(cs.PeerCertificates, x509.ExtKeyUsageServerAuth); {
			case err != nil:
				return err
			case id != member:
				return fmt.Errorf("node: dialled %s and reached %s: correct the addresses in [[members]]", member, id)
			case cs.NegotiatedProtocol != proto:
				return fmt.Errorf("node: %s does not speak %s", member, proto)
			}
			return nil
		},
	}
}

// Caller is the member that sent a request to the cluster port.
func Caller(r *http.Request) string {
	if r.TLS == nil || len(r.TLS.PeerCertificates) == 0 {
		return ""
	}
	id, _ := pki.NodeID(r.TLS.PeerCertificates[0])
	return id
}
