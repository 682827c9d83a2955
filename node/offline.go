package node

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"stoker/fsm"
	"stoker/pki"
)

// Offline is a node that does not run, whose certificate is to be signed on its
// own machine.
type Offline struct {
	ID       string
	Dir      string // data folder
	Files    IdentityFiles
	SealKeys [][]byte
	SealedCA []byte   // as in Genesis; for a node that has no state yet
	Hosts    []string // what it is reached at
}

// SignOffline replaces the node's certificate by one that the cluster's CA signs
// now, with the key out of the node's own state. It is for a cluster that was off
// for so long that all certificates ran out: one that runs renews them.
func SignOffline(o Offline) (until time.Time, err error) {
	caPEM, err := os.ReadFile(o.Files.CA)
	if err != nil {
		return until, fmt.Errorf("ca: %w", err)
	}
	cas, err := pki.ParseCerts(caPEM)
	if err != nil {
		return until, fmt.Errorf("ca: %s: %w", o.Files.CA, err)
	}
	sealed, err := o.keys()
	if err != nil {
		return until, err
	}
	// The one that signs, if this node believes it already; else the other one.
	ca, err := &pki.Authority{}, errors.New("node: neither the state nor ca_key_sealed holds a CA's key")
	for _, s := range sealed {
		var key []byte
		for _, seal := range o.SealKeys {
			if key, err = Unseal(seal, fsm.UseCA, s); err == nil {
				break
			}
		}
		if err == nil {
			ca, err = pki.OpenAuthority(key, cas)
		}
		if err == nil {
			break
		}
	}
	if err != nil {
		// Killed within the second in which the state is not flushed yet, most
		// likely: ca.crt is then ahead of it.
		return until, fmt.Errorf("%w: sign the other nodes' certificates, start them, and have them sign this one with `stoker cert issue %s`", err, o.ID)
	}
	cert, key, err := ca.Issue(o.ID, o.Hosts, time.Now(), pki.NodeLife)
	if err != nil {
		return until, fmt.Errorf("node: sign the certificate of %s: %w", o.ID, err)
	}
	return cert.NotAfter, o.Files.writePair(pki.EncodeCerts(cert), key)
}

// keys are the sealed keys of CAs in the node's state, the one that signs first.
func (o Offline) keys() (sealed [][]byte, err error) {
	dir := filepath.Join(o.Dir, stateDir)
	if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
		return o.first(), nil
	}
	m, err := fsm.Open(dir, fsm.Options{Fatal: func(e error) { err = e }})
	if err != nil {
		return nil, fmt.Errorf("node: open the state of %s: %w: is the node still running? Then let another sign the certificate with `stoker cert issue %s`", o.ID, err, o.ID)
	}
	defer func() { err = errors.Join(err, m.Close()) }()
	v := m.View()
	defer v.Close()
	if s, ok := v.SigningCA(); ok {
		sealed = append(sealed, s.Sealed)
	}
	for _, s := range v.Secrets(fsm.UseCA) {
		sealed = append(sealed, s.Sealed)
	}
	if v.Epoch() == 0 {
		sealed = o.first()
	}
	return sealed, nil
}

func (o Offline) first() [][]byte {
	if len(o.SealedCA) == 0 {
		return nil
	}
	return [][]byte{o.SealedCA}
}
