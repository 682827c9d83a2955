package node

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"stoker/pki"
)

// IdentityFiles are where an identity is kept, PEM. Their folders must be
// writable, or nothing that changes can be taken over.
type IdentityFiles struct{ CA, Cert, Key string }

// Certificate and key are two files, and no file system replaces two at once. So
// both are written beside the old ones first, then the key's is renamed, then the
// certificate's. A crash in between leaves a key that fits the certificate which
// still waits for its renaming: the next start completes it.
const waiting = ".next"

// LoadTLS reads Config.TLS from files and keeps it there when it changes.
func LoadTLS(f IdentityFiles) (*Identity, error) {
	var caPEM, certPEM, keyPEM []byte
	for _, one := range []struct {
		key, path string
		to        *[]byte
	}{{"ca", f.CA, &caPEM}, {"cert", f.Cert, &certPEM}, {"key", f.Key, &keyPEM}} {
		var err error
		if *one.to, err = os.ReadFile(one.path); err != nil {
			return nil, fmt.Errorf("%s: %w: copy the node's whole folder that `stoker init` wrote", one.key, err)
		}
	}
	i, err := ParseTLS(caPEM, certPEM, keyPEM)
	if err != nil {
		next, missing := os.ReadFile(f.Cert + waiting)
		if missing != nil {
			return nil, err
		}
		var other error
		if i, other = ParseTLS(caPEM, next, keyPEM); other != nil {
			return nil, err // the first is the one to look into
		}
		if err := rename(f.Cert); err != nil {
			return nil, err
		}
	}
	for _, path := range []string{f.CA, f.Cert, f.Key} {
		os.Remove(path + waiting) // of a change that did not come to its end
	}
	i.files = &f
	if leaf := i.show().Leaf; time.Now().After(leaf.NotAfter) {
		id, _ := pki.NodeID(leaf) // ParseTLS has looked
		return nil, fmt.Errorf("cert: %s ran out on %s, and the other nodes would not talk to this one. If they run, `stoker cert issue %s` has them sign another; "+
			"if the whole cluster was off, `stoker cert sign` signs one on each machine", f.Cert, leaf.NotAfter.Format(time.DateOnly), id)
	}
	return i, nil
}

// write replaces a file by way of its waiting one; it is durable when it returns.
func write(path string, text []byte, mode os.FileMode) error {
	if err := prepare(path, text, mode); err != nil {
		return err
	}
	return rename(path)
}

// prepare writes what a rename will put in place.
func prepare(path string, text []byte, mode os.FileMode) error {
	next := path + waiting
	if err := os.Remove(next); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	f, err := os.OpenFile(next, os.O_CREATE|os.O_WRONLY|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Sync(), f.Close())
}

func rename(path string) error {
	if err := os.Rename(path+waiting, path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// writePair replaces certificate and key.
func (f IdentityFiles) writePair(certPEM, keyPEM []byte) error {
	if err := prepare(f.Cert, certPEM, 0o644); err != nil {
		return err
	}
	if err := prepare(f.Key, keyPEM, 0o600); err != nil {
		return err
	}
	if err := syncDir(filepath.Dir(f.Cert)); err != nil { // the certificate must wait there when the key is renamed
		return err
	}
	if err := rename(f.Key); err != nil {
		return err
	}
	return rename(f.Cert)
}

// trust has others' certificates believed that cas have signed, and no others.
func (i *Identity) trust(cas []*x509.Certificate) error {
	if i.files != nil {
		if err := write(i.files.CA, pki.EncodeCerts(cas...), 0o644); err != nil {
			return fmt.Errorf("node: write the CA file: %w", err)
		}
	}
	i.set(i.now.Load().cert, cas)
	return nil
}

// replace takes another certificate and key for node id, if others will believe
// them. They are on disk before they are shown.
func (i *Identity) replace(id string, certPEM, keyPEM []byte) error {
	cert, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		return fmt.Errorf("node: certificate and key: %w", err)
	}
	for _, use := range []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth} {
		switch got, err := i.believe([]*x509.Certificate{cert.Leaf}, use); {
		case err != nil:
			return fmt.Errorf("node: a new certificate that others would not believe: %w", err)
		case got != id:
			return fmt.Errorf("node: a new certificate for %s, not for %s", got, id)
		}
	}
	if i.files != nil {
		if err := i.files.writePair(certPEM, keyPEM); err != nil {
			return fmt.Errorf("node: write the certificate: %w", err)
		}
	}
	i.set(cert, i.trusted())
	return nil
}
