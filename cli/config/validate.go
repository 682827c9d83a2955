package config

import (
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// maxUploadMB bounds max_upload_mb: beyond it an upload outlives every deadline on the way.
const maxUploadMB = 1024

// leastFreeMB is the least min_free_mb: a sixteenth of it takes the last flush of the state.
const leastFreeMB = 64

// named is a key and what it was set to.
type named struct{ key, value string }

// nodeName is what a node may be called: it becomes a folder, a URL's part and a metric's label.
var nodeName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$`)

// CheckID says whether id may name a node.
func CheckID(id string) error {
	if !nodeName.MatchString(id) {
		return fmt.Errorf("node id %q: use 1 to 32 of a-z, 0-9 and -, as in n1", id)
	}
	return nil
}

// validate says everything that is wrong at once.
func (c *Config) validate() error {
	var wrong []error
	complain := func(key, format string, args ...any) {
		wrong = append(wrong, fmt.Errorf("%s: %w", key, fmt.Errorf(format, args...)))
	}
	if c.ID == "" {
		complain("id", "is missing: name this node, as in id = \"n1\"")
	} else if err := CheckID(c.ID); err != nil {
		complain("id", "%w", err)
	}
	for _, a := range []named{{"http", c.HTTP}, {"cluster", c.Cluster}} {
		if err := checkAddr(a.value, false); err != nil {
			complain(a.key, "%w", err)
		}
	}
	if c.HTTP == c.Cluster {
		complain("cluster", "%s is the public port's address too: choose another port", c.Cluster)
	}
	if c.PublicURL != "" {
		u, err := url.Parse(c.PublicURL)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" {
			complain("public_url", "%q: write scheme and host only, as in https://photos.example.org", c.PublicURL)
		}
	}
	if u, err := url.Parse(c.OTLPEndpoint); err != nil || c.OTLPEndpoint != "" && (u.Scheme != "http" && u.Scheme != "https" || u.Host == "") {
		complain("otlp_endpoint", "%q: write a collector's base address, as in http://127.0.0.1:4318", c.OTLPEndpoint)
	}
	wrong = append(wrong, c.checkTLS()...)
	wrong = append(wrong, c.Objects.validate()...)
	for _, h := range []named{{"admin_token_hash", c.AdminTokenHash}, {"worker_token_hash", c.WorkerTokenHash}} {
		if _, err := parseHash(h.value); err != nil && !c.Joined {
			complain(h.key, "%w", err)
		}
	}
	if _, err := hex.DecodeString(c.CAKeySealed); err != nil {
		complain("ca_key_sealed", "is not hex: copy the line that `stoker init` wrote")
	}
	for _, origin := range c.CORSOrigins {
		u, err := url.Parse(origin)
		if origin != "*" && (err != nil || u.Scheme == "" || u.Host == "" || u.Path != "" || u.RawQuery != "") {
			complain("cors_origins", "%q: write an origin without a path, as in https://app.example.org, or \"*\"", origin)
		}
	}
	if c.MaxUploadMB < 1 || c.MaxUploadMB > maxUploadMB {
		complain("max_upload_mb", "%d: choose 1 to %d", c.MaxUploadMB, maxUploadMB)
	}
	for _, proxy := range c.TrustedProxies {
		if _, err := ParseNetwork(proxy); err != nil {
			complain("trusted_proxies", "%w", err)
		}
	}
	if c.MinFreeMB < leastFreeMB {
		complain("min_free_mb", "%d: choose at least %d: a quarter of it is kept for what must be written when nothing else is", c.MinFreeMB, leastFreeMB)
	}
	if c.LogStore != "boltdb" && c.LogStore != "wal" {
		complain("log_store", "%q: choose wal, or boltdb, which writes more; see docs/performance.md", c.LogStore)
	}
	if c.BlobsMaxGB < 0 {
		complain("blobs_max_gb", "%d: choose 0 for what the disk has, or how many GiB pictures may take", c.BlobsMaxGB)
	}
	if c.ScrubDays < 1 || c.ScrubDays > 365 {
		complain("scrub_days", "%d: choose 1 to 365", c.ScrubDays)
	}
	if (c.BackupSchedule == "") != (c.BackupTo == "") {
		complain("backup_to", "a schedule and a place go together: set backup_schedule too, or neither")
	}
	if c.BackupTo != "" && !filepath.IsAbs(c.BackupTo) && !strings.HasPrefix(c.BackupTo, "s3://") {
		complain("backup_to", "%q: write a folder's whole path, or s3://bucket/prefix", c.BackupTo)
	}
	if c.BackupKeep < 0 || c.BackupKeepDays < 0 {
		complain("backup_keep", "a negative number keeps nothing: choose 0 to keep all")
	}
	if c.LogFormat != "text" && c.LogFormat != "json" {
		complain("log_format", "%q: choose text or json", c.LogFormat)
	}
	if new(slog.Level).UnmarshalText([]byte(c.LogLevel)) != nil {
		complain("log_level", "%q: choose debug, info, warn or error", c.LogLevel)
	}
	return errors.Join(append(wrong, c.checkMembers()...)...)
}

func (c *Config) checkTLS() (wrong []error) {
	if (c.TLSCert == "") != (c.TLSKey == "") {
		wrong = append(wrong, errors.New("tls_cert: certificate and key belong together: set tls_cert and tls_key, or neither"))
	}
	if len(c.TLSACMEDomains) > 0 && c.TLSCert != "" {
		wrong = append(wrong, errors.New("tls_acme_domains: there is a tls_cert: choose one of them"))
	}
	for _, domain := range c.TLSACMEDomains {
		if net.ParseIP(domain) != nil || !strings.Contains(domain, ".") || strings.ContainsAny(domain, "*:/ ") {
			wrong = append(wrong, fmt.Errorf("tls_acme_domains: %q: write a whole host name, as in photos.example.org", domain))
		}
	}
	if u, err := url.Parse(c.TLSACMEDirectory); err != nil || c.TLSACMEDirectory != "" && (u.Scheme != "http" && u.Scheme != "https" || u.Host == "") {
		wrong = append(wrong, fmt.Errorf("tls_acme_directory: %q: write its URL, as in https://acme-v02.api.letsencrypt.org/directory", c.TLSACMEDirectory))
	}
	return wrong
}

func (c *Config) checkMembers() (wrong []error) {
	if len(c.Members) == 0 {
		return []error{errors.New("members: none: list all nodes as [[members]], this one included")}
	}
	ids, addrs := map[string]bool{}, map[string]string{}
	for i, m := range c.Members {
		where := fmt.Sprintf("members[%d]", i)
		if err := CheckID(m.ID); err != nil {
			wrong = append(wrong, fmt.Errorf("%s: %w", where, err))
		}
		if ids[m.ID] {
			wrong = append(wrong, fmt.Errorf("%s: node id %q is listed twice", where, m.ID))
		}
		ids[m.ID] = true
		for _, a := range []named{{"cluster", m.Cluster}, {"http", m.HTTP}} {
			if err := checkAddr(a.value, true); err != nil {
				wrong = append(wrong, fmt.Errorf("%s.%s: %w", where, a.key, err))
			} else if other, taken := addrs[a.value]; taken {
				wrong = append(wrong, fmt.Errorf("%s.%s: %s is %s too: each port of each node needs its own address", where, a.key, a.value, other))
			}
			addrs[a.value] = where + "." + a.key
		}
	}
	if c.ID != "" && !ids[c.ID] {
		wrong = append(wrong, fmt.Errorf("members: this node, %s, is not among them: add it, or correct id", c.ID))
	}
	return wrong
}

// ParseNetwork reads an address or a network, as in 10.0.0.7 or 10.0.0.0/8.
func ParseNetwork(text string) (netip.Prefix, error) {
	if addr, err := netip.ParseAddr(text); err == nil {
		return addr.Unmap().Prefix(addr.Unmap().BitLen())
	}
	network, err := netip.ParsePrefix(text)
	if err != nil {
		return network, fmt.Errorf("%q: write an address or a network, as in 10.0.0.7 or 10.0.0.0/8", text)
	}
	return network.Masked(), nil
}

// checkAddr wants host:port; where others dial it, the host must say which machine.
func checkAddr(addr string, dialled bool) error {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return fmt.Errorf("%q: write host:port, an IPv6 host in brackets", addr)
	}
	if n, err := strconv.Atoi(port); err != nil || n < 0 || n > 65535 || dialled && n == 0 {
		return fmt.Errorf("%q: the port must be a number up to 65535", addr)
	}
	if ip := net.ParseIP(host); dialled && (host == "" || ip != nil && ip.IsUnspecified()) {
		return fmt.Errorf("%q: others cannot dial that: name the machine", addr)
	}
	return nil
}
