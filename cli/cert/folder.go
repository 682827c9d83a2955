package cert

import (
	"bytes"
	"crypto/ecdsa"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"stoker/pki"
)

// Request makes a key for a node and asks for its certificate, in PEM.
func Request(id string) (key *ecdsa.PrivateKey, request []byte, err error) {
	if key, err = pki.NewKey(); err != nil {
		return nil, nil, err
	}
	der, err := pki.Request(key, id)
	if err != nil {
		return nil, nil, err
	}
	return key, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der}), nil
}

// Write puts ca.crt, node.crt and node.key into dir, as `stoker init` names them. Files that are there are replaced: the node that
// they belong to is not running, or it would not need others.
func Write(dir string, key *ecdsa.PrivateKey, certPEM, caPEM []byte) error {
	keyPEM, err := pki.EncodeKey(key)
	if err != nil {
		return err
	}
	if len(bytes.TrimSpace(certPEM)) == 0 || len(bytes.TrimSpace(caPEM)) == 0 {
		return errors.New("the cluster answered without a certificate")
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	for _, f := range []struct {
		name string
		text []byte
		mode os.FileMode
	}{{"node.key", keyPEM, 0o600}, {"node.crt", certPEM, 0o644}, {"ca.crt", caPEM, 0o644}} {
		path := filepath.Join(dir, f.name)
		if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		if err := os.WriteFile(path, f.text, f.mode); err != nil {
			return fmt.Errorf("write the certificate: %w", err)
		}
	}
	return nil
}
