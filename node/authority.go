package node

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"slices"

	"stoker/fsm"
	"stoker/pki"
)

// authority opens the cluster's CA: its key rests in the machine, sealed.
func (n *Node) authority() (*pki.Authority, error) {
	v := n.machine.View()
	kept, ok := v.SigningCA()
	t, _ := v.Trust()
	v.Close()
	if !ok {
		return nil, errors.New("node: the cluster has no CA of its own, so it can sign no certificates: its first stoker.toml had no ca_key_sealed")
	}
	key, err := n.Unseal(fsm.UseCA, kept.Sealed)
	if err != nil {
		return nil, err
	}
	certs := n.cfg.TLS.trusted()
	if next, err := x509.ParseCertificate(t.CA); err == nil {
		certs = append(slices.Clone(certs), next)
	}
	ca, err := pki.OpenAuthority(key, certs)
	if err != nil {
		return nil, fmt.Errorf("node: %w", err)
	}
	return ca, nil
}

// signNode makes node id's certificate. Of the request (PKCS #10, DER) only the
// key counts. Any node can sign that has the machine's state and the seal key;
// who may have what signed is the caller's business.
func (n *Node) signNode(csrDER []byte, id string) (certPEM []byte, err error) {
	public, err := pki.CheckRequest(csrDER)
	if err != nil {
		return nil, err
	}
	ca, err := n.authority()
	if err != nil {
		return nil, err
	}
	cert, err := ca.SignNode(public, id, n.hostsOf(id), n.cfg.Wall(), n.cfg.Timing.CertLife)
	if err != nil {
		return nil, fmt.Errorf("node: sign the certificate of %s: %w", id, err)
	}
	n.log.Info("certificate signed", "for", id, "serial", cert.SerialNumber.Text(16), "until", cert.NotAfter)
	return pki.EncodeCerts(cert), nil
}

// hostsOf are the names and addresses that a member is known to be reached at.
func (n *Node) hostsOf(id string) (hosts []string) {
	for _, addr := range n.roster.addrsOf(id) {
		if host, _, err := net.SplitHostPort(addr); err == nil {
			hosts = append(hosts, host)
		}
	}
	return hosts
}
