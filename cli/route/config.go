package route

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"regexp"

	"stoker/cli/config"
)

// Config is cells.toml.
type Config struct {
	Listen         string   `toml:"listen"`          // host:port; :8443
	TLSCert        string   `toml:"tls_cert"`        // of the router's own port, with TLSKey; neither: no TLS
	TLSKey         string   `toml:"tls_key"`         //
	TrustedProxies []string `toml:"trusted_proxies"` // prefixes whose X-Forwarded-For is believed
	MaxConns       int      `toml:"max_connections"` // 10,000
	Cells          []Cell   `toml:"cells"`           // in the order that they were added in; none is ever moved

	proxies []netip.Prefix
}

// Cell is one cluster.
type Cell struct {
	Name      string   `toml:"name"`      // for logs
	Cluster   string   `toml:"cluster"`   // its id, as `stoker status` says
	Endpoints []string `toml:"endpoints"` // URLs of its nodes
	CA        string   `toml:"ca"`        // PEM file to believe beside the system's
	Closed    bool     `toml:"closed"`    // no new users; those who live there stay

	urls  []*url.URL
	roots *x509.CertPool
}

// Load reads the file; relative paths in it are the file's.
func Load(path string) (Config, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return Config{}, fmt.Errorf("cells: %w", err)
	}
	c := Config{Listen: ":8443", MaxConns: 10_000}
	if err := config.Decode(path, text, &c); err != nil {
		return Config{}, err
	}
	for _, p := range []*string{&c.TLSCert, &c.TLSKey} {
		beside(path, p)
	}
	for i := range c.Cells {
		beside(path, &c.Cells[i].CA)
	}
	if err := c.validate(); err != nil {
		return Config{}, fmt.Errorf("%s: %w", path, err)
	}
	return c, nil
}

func beside(file string, path *string) {
	if *path != "" && !filepath.IsAbs(*path) {
		*path = filepath.Join(filepath.Dir(file), *path)
	}
}

// saneID is what a cluster's id may be.
var saneID = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,64}$`)

// validate says all that is wrong at once.
func (c *Config) validate() error {
	var wrong []error
	say := func(format string, args ...any) { wrong = append(wrong, fmt.Errorf(format, args...)) }
	if len(c.Cells) == 0 {
		say("cells: there is none; [[cells]] begins one")
	}
	if (c.TLSCert == "") != (c.TLSKey == "") {
		say("tls_cert and tls_key belong together")
	}
	if c.MaxConns < 1 {
		say("max_connections: must be 1 or more")
	}
	for _, text := range c.TrustedProxies {
		p, err := config.ParseNetwork(text)
		if err != nil {
			say("trusted_proxies: %w", err)
		}
		c.proxies = append(c.proxies, p)
	}
	names, ids := map[string]bool{}, map[string]bool{}
	for i := range c.Cells {
		cell := &c.Cells[i]
		at := fmt.Sprintf("cells[%d]", i)
		if cell.Name == "" || names[cell.Name] {
			say("%s.name: %q is missing, or there twice", at, cell.Name)
		}
		if !saneID.MatchString(cell.Cluster) || ids[cell.Cluster] {
			say("%s.cluster: %q is no cluster's id (`stoker status` says it), or there twice", at, cell.Cluster)
		}
		names[cell.Name], ids[cell.Cluster] = true, true
		if err := cell.open(); err != nil {
			say("%s.%w", at, err)
		}
	}
	return errors.Join(wrong...)
}

// open reads what the cell's own keys say.
func (c *Cell) open() error {
	if len(c.Endpoints) == 0 {
		return errors.New("endpoints: there is none")
	}
	for _, text := range c.Endpoints {
		u, err := url.Parse(text)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.User != nil {
			return fmt.Errorf("endpoints: %q is no address of a node: want https://HOST:PORT", text)
		}
		c.urls = append(c.urls, &url.URL{Scheme: u.Scheme, Host: u.Host})
	}
	if c.CA == "" {
		return nil
	}
	pem, err := os.ReadFile(c.CA)
	if err != nil {
		return fmt.Errorf("ca: %w", err)
	}
	if c.roots, err = x509.SystemCertPool(); err != nil {
		return fmt.Errorf("ca: %w", err)
	}
	if !c.roots.AppendCertsFromPEM(pem) {
		return fmt.Errorf("ca: there is no certificate in %s", c.CA)
	}
	return nil
}

// directory is the cells as devices are assigned to them.
func (c Config) directory() Directory {
	var d Directory
	for _, cell := range c.Cells {
		d = append(d, Place{ID: cell.Cluster, Closed: cell.Closed})
	}
	return d
}
