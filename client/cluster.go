package client

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2"
)

// Cluster says where a cluster is and what opens it. Only Endpoints is always needed; an app needs no token here.
type Cluster struct {
	// Endpoints are base URLs of nodes, "http://10.0.0.1:8080", without a path. A bare "host:port" means http.
	Endpoints []string `toml:"endpoints"`
	// CAPEM is trusted beside the system's roots when an endpoint is https.
	CAPEM       string `toml:"ca_pem"`
	AdminToken  string `toml:"admin_token"`
	WorkerToken string `toml:"worker_token"`

	// Patience is how long a call without a deadline is retried. Zero means one minute.
	Patience time.Duration `toml:"-"`
	// AttemptTimeout is how long one node may take to answer one attempt before another is asked. Zero means 15 s.
	AttemptTimeout time.Duration `toml:"-"`
	// Transport carries the requests. Nil means one of its own with sane dial limits.
	Transport http.RoundTripper `toml:"-"`
}

// LoadOperator reads an operator.toml as `stoker init` writes it. `ca` names a PEM file relative to it, `ca_pem` holds the
// PEM itself. An unknown key is an error that names the key and its line.
func LoadOperator(path string) (Cluster, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return Cluster{}, fmt.Errorf("operator file: %w", err)
	}
	var file struct {
		Cluster
		CA string `toml:"ca"`
	}
	decoder := toml.NewDecoder(bytes.NewReader(text)).DisallowUnknownFields()
	if err := decoder.Decode(&file); err != nil {
		return Cluster{}, fmt.Errorf("operator file: %w", located(path, err))
	}
	if file.CA != "" && file.CAPEM != "" {
		return Cluster{}, fmt.Errorf("operator file: %s: both ca and ca_pem are set; keep one", path)
	}
	if file.CA != "" {
		if !filepath.IsAbs(file.CA) {
			file.CA = filepath.Join(filepath.Dir(path), file.CA)
		}
		pem, err := os.ReadFile(file.CA)
		if err != nil {
			return Cluster{}, fmt.Errorf("operator file: ca: %w", err)
		}
		file.CAPEM = string(pem)
	}
	if _, err := file.nodes(); err != nil {
		return Cluster{}, fmt.Errorf("operator file: %s: %w", path, err)
	}
	return file.Cluster, nil
}

// located puts file, line and key in front of what the TOML decoder found.
func located(path string, err error) error {
	var unknown *toml.StrictMissingError
	if errors.As(err, &unknown) && len(unknown.Errors) > 0 {
		first := &unknown.Errors[0]
		line, _ := first.Position()
		return fmt.Errorf("%s:%d: unknown key %q", path, line, strings.Join(first.Key(), "."))
	}
	var broken *toml.DecodeError
	if errors.As(err, &broken) {
		line, _ := broken.Position()
		return fmt.Errorf("%s:%d: %w", path, line, err)
	}
	return fmt.Errorf("%s: %w", path, err)
}

// nodes parses the endpoints.
func (c Cluster) nodes() ([]*url.URL, error) {
	if len(c.Endpoints) == 0 {
		return nil, errors.New("no endpoints: name at least one node, as in http://10.0.0.1:8080")
	}
	var nodes []*url.URL
	for _, text := range c.Endpoints {
		if !strings.Contains(text, "://") {
			text = "http://" + text
		}
		u, err := url.Parse(text)
		if err != nil {
			return nil, fmt.Errorf("endpoint: %w", err)
		}
		if (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" {
			return nil, fmt.Errorf("endpoint %q: want http://host:port or https://host:port and nothing behind it", text)
		}
		nodes = append(nodes, &url.URL{Scheme: u.Scheme, Host: u.Host})
	}
	return nodes, nil
}

// roundTripper is the given transport or one whose dials give up soon, since the next node may be well.
func (c Cluster) roundTripper() (http.RoundTripper, error) {
	if c.Transport != nil {
		return c.Transport, nil
	}
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.DialContext = (&net.Dialer{Timeout: 3 * time.Second, KeepAlive: 15 * time.Second}).DialContext
	t.MaxIdleConnsPerHost = 64
	if c.CAPEM == "" {
		return t, nil
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool()
	}
	if !roots.AppendCertsFromPEM([]byte(c.CAPEM)) {
		return nil, errors.New("ca_pem holds no certificate")
	}
	t.TLSClientConfig = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	return t, nil
}
