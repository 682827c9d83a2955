package main

import (
	"net"
	"time"

	"stoker/cli/config"
	"stoker/handlers"
	"stoker/node"
)

// sign is `stoker cert sign`: it works on a node's folder, no cluster running.
func sign(c config.Config) (until time.Time, err error) {
	secrets, err := c.Secrets()
	if err != nil {
		return until, err
	}
	o := node.Offline{
		ID: c.ID, Dir: c.Data, Files: identityOf(c), SealedCA: secrets.SealedCA,
		SealKeys: append([][]byte{secrets.SealKey}, secrets.OldSealKeys...),
	}
	for _, m := range c.Members {
		if host, _, err := net.SplitHostPort(m.Cluster); err == nil && m.ID == c.ID {
			o.Hosts = append(o.Hosts, host)
		}
	}
	return node.SignOffline(o)
}

// identityOf is where a node keeps its certificate.
func identityOf(c config.Config) node.IdentityFiles {
	return node.IdentityFiles{CA: c.CA, Cert: c.Cert, Key: c.Key}
}

// tlsOf is how the public port shows who it is.
func tlsOf(c config.Config) handlers.TLS {
	return handlers.TLS{Cert: c.TLSCert, Key: c.TLSKey, Domains: c.TLSACMEDomains, Email: c.TLSACMEEmail, Directory: c.TLSACMEDirectory}
}
