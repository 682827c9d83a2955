package handlers

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"slices"
	"sync"
	"time"

	"golang.org/x/crypto/acme"
	"golang.org/x/crypto/acme/autocert"

	"stoker/fsm"
	"stoker/node"
)

// TLS is how the public port shows who it is: with a certificate out of files, or
// with one that an ACME directory issues. The zero value is plain HTTP.
type TLS struct {
	Cert, Key string // files, PEM; read again when they change

	Domains   []string // names to have certificates issued for
	Email     string   // where the directory writes to when something is wrong; may be empty
	Directory string   // URL of the ACME directory; empty: Let's Encrypt
}

// on says whether there is to be TLS at all.
func (t TLS) on() bool { return t.Cert != "" || len(t.Domains) > 0 }

// secure makes the server's side of TLS; nil for plain HTTP.
func (t TLS) secure(n *node.Node, log *slog.Logger) (*tls.Config, error) {
	conf := &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}}
	switch {
	case !t.on():
		return nil, nil
	case t.Cert != "":
		pair := &pairFiles{cert: t.Cert, key: t.Key, log: log}
		if err := pair.load(); err != nil {
			return nil, fmt.Errorf("tls_cert, tls_key: %w", err)
		}
		conf.GetCertificate = pair.certificate
	default:
		m := &autocert.Manager{
			Prompt: autocert.AcceptTOS, HostPolicy: autocert.HostWhitelist(t.Domains...), Email: t.Email,
			Cache: acmeCache{n}, Client: &acme.Client{DirectoryURL: t.Directory, HTTPClient: &http.Client{Timeout: 30 * time.Second}},
		}
		if t.Directory == "" {
			m.Client.DirectoryURL = acme.LetsEncryptURL
		}
		conf.GetCertificate = func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
			cert, err := m.GetCertificate(hello)
			if err != nil && slices.Contains(t.Domains, hello.ServerName) { // strangers ask for anything
				log.Warn("no certificate for the public port", "domain", hello.ServerName, keyError, err)
			}
			return cert, err
		}
		conf.NextProtos = append(conf.NextProtos, acme.ALPNProto)
	}
	return conf, nil
}

// lookEvery is how often files are looked at, at most.
const lookEvery = 2 * time.Second

// pairFiles is a certificate and its key in files that somebody else renews.
type pairFiles struct {
	cert, key string
	log       *slog.Logger

	mu     sync.Mutex
	looked time.Time
	seen   [2]stamp // of the files as they were when they were last read, well or not
	now    *tls.Certificate
}

// stamp tells one version of a file from another.
type stamp struct {
	at   time.Time
	size int64
}

// certificate is asked for at each handshake, and looks at the files then.
func (p *pairFiles) certificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if time.Since(p.looked) >= lookEvery {
		if err := p.load(); err != nil {
			p.log.Warn("the new certificate of the public port is of no use; the old one stays", keyError, err)
		}
	}
	return p.now, nil
}

// load reads the files if they have changed. Somebody may be in the middle of
// replacing them: a pair that does not fit is read again when one changes once more.
func (p *pairFiles) load() error {
	p.looked = time.Now()
	var now [2]stamp
	for i, path := range []string{p.cert, p.key} {
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		now[i] = stamp{info.ModTime(), info.Size()}
	}
	if now == p.seen {
		return nil
	}
	p.seen = now
	pair, err := tls.LoadX509KeyPair(p.cert, p.key)
	if err != nil {
		return err
	}
	if p.now != nil {
		p.log.Info("the public port has a new certificate", "until", pair.Leaf.NotAfter)
	}
	p.now = &pair
	return nil
}

// acmeCache keeps what an ACME client must find again in the machine, sealed: the
// nodes share one account and one certificate, and whichever of them the
// directory calls can answer a challenge that another one has accepted.
type acmeCache struct{ node *node.Node }

var _ autocert.Cache = acmeCache{}

// Get opens what was kept. What another seal key has sealed is of no use to us,
// and is as good as lost. Without a quorum the node's own state must do.
func (c acmeCache) Get(ctx context.Context, name string) ([]byte, error) {
	v, err := c.node.Read(ctx, node.Linearizable)
	if err != nil {
		v = c.node.View()
	}
	defer v.Close()
	kept, ok := v.ACME(name)
	if !ok {
		return nil, autocert.ErrCacheMiss
	}
	plain, err := c.node.Unseal(fsm.UseACME, kept.Sealed)
	if err != nil {
		return nil, autocert.ErrCacheMiss
	}
	return plain, nil
}

// Put seals and keeps.
func (c acmeCache) Put(ctx context.Context, name string, plain []byte) error {
	sealed, key, err := c.node.SealFor(fsm.UseACME, plain)
	if err != nil {
		return err
	}
	_, err = node.Apply(ctx, c.node, fsm.KeepACME{Name: name, Sealed: sealed, SealKey: key}, node.By("system"))
	return err
}

// Delete forgets.
func (c acmeCache) Delete(ctx context.Context, name string) error {
	_, err := node.Apply(ctx, c.node, fsm.KeepACME{Name: name}, node.By("system"))
	return err
}
