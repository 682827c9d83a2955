package config

// Config is stoker.toml. `stoker init` writes one per node.
type Config struct {
	ID      string `toml:"id"`      // this node; one of Members
	HTTP    string `toml:"http"`    // listen address of the public port; empty: 0.0.0.0:8080
	Cluster string `toml:"cluster"` // listen address of the cluster port; empty: 0.0.0.0:9080

	// PublicURL is signed into presigned URLs, as in https://photos.example.org; empty: the host that the request came for.
	PublicURL string `toml:"public_url"`
	Data      string `toml:"data"` // data folder; empty: data

	CA      string `toml:"ca"`       // the cluster's CA certificates, PEM; empty: ca.crt
	Cert    string `toml:"cert"`     // this node's certificate, PEM; empty: node.crt
	Key     string `toml:"key"`      // its private key, PEM; empty: node.key
	SealKey string `toml:"seal_key"` // file of 32 bytes in hex, the same on all nodes, newest key first; empty: seal.key

	// Joined says that this node came into a running cluster, by `stoker serve --join`: it never begins one.
	Joined bool `toml:"joined"`

	// These go into the first command of a new cluster and are not looked at again.
	AdminTokenHash  string `toml:"admin_token_hash"`  // sha256:…
	WorkerTokenHash string `toml:"worker_token_hash"` // sha256:…
	CAKeySealed     string `toml:"ca_key_sealed"`     // hex; see package setup

	// TLS on the public port: a certificate (with its chain) and key out of files, which are read again when they change, or
	// certificates for domains issued by an ACME directory. None: plain HTTP.
	TLSCert          string   `toml:"tls_cert"`           // PEM; empty: no TLS, or by ACME
	TLSKey           string   `toml:"tls_key"`            // PEM
	TLSACMEDomains   []string `toml:"tls_acme_domains"`   // names that lead to the public port; empty: no ACME
	TLSACMEEmail     string   `toml:"tls_acme_email"`     // where the directory writes to; may be empty
	TLSACMEDirectory string   `toml:"tls_acme_directory"` // its URL; empty: Let's Encrypt

	CORSOrigins []string `toml:"cors_origins"`  // origins of browser apps, or "*"; empty: none
	MaxUploadMB int      `toml:"max_upload_mb"` // largest picture, in MiB; 0: 25
	MinFreeMB   int      `toml:"min_free_mb"`   // room that the data folder's disk should have, in MiB; 0: 256
	BlobsMaxGB  int      `toml:"blobs_max_gb"`  // what pictures may take on this node's disk, in GiB; 0: what the disk has
	ScrubDays   int      `toml:"scrub_days"`    // within how many days every picture's file is read again; 0: 7
	LogStore    string   `toml:"log_store"`     // where Raft's log is: wal or boltdb; empty: boltdb, as in files from before there was a choice
	LogFormat   string   `toml:"log_format"`    // text or json; empty: text
	LogLevel    string   `toml:"log_level"`     // debug, info, warn or error; empty: info
	MetricsOpen bool     `toml:"metrics_open"`  // /metrics takes no token

	// What one address, or one user, may ask of this node; 0: the default, below 0: no limit. This machine's own loopback is not
	// limited. See handlers.Limits.
	SignUpsPerMinute      int      `toml:"signups_per_minute"`       // POST /auth/anon by an address; 0: 60
	RequestsPerSecond     int      `toml:"requests_per_second"`      // calls of the app by an address; 0: 100
	UserRequestsPerSecond int      `toml:"user_requests_per_second"` // calls of the app by a user; 0: 50
	WrongTokensPerMinute  int      `toml:"wrong_tokens_per_minute"`  // tokens by an address that open nothing; 0: 60
	TrustedProxies        []string `toml:"trusted_proxies"`          // addresses or networks whose X-Forwarded-For counts; empty: none

	// OTLPEndpoint is where traces are sent, as in http://collector:4318; empty: OTEL_EXPORTER_OTLP_ENDPOINT, or no traces.
	OTLPEndpoint string `toml:"otlp_endpoint"`

	// Scheduled backups: by the leader, so the same on every node. An empty schedule makes none.
	BackupSchedule   string `toml:"backup_schedule"`    // "every 6h", or cron's five fields in UTC, as in "30 3 * * *"
	BackupTo         string `toml:"backup_to"`          // folder, or s3://bucket/prefix
	BackupBlobs      string `toml:"backup_blobs"`       // include or reference; empty: include
	BackupKeep       int    `toml:"backup_keep"`        // how many stay; 0: all
	BackupKeepDays   int    `toml:"backup_keep_days"`   // how old one may become; 0: any age
	BackupS3Endpoint string `toml:"backup_s3_endpoint"` // https://host; empty: Amazon's
	BackupS3Region   string `toml:"backup_s3_region"`   // empty: us-east-1

	// Objects are kept in an S3 outside, if it names one.
	Objects Objects `toml:"objects"`

	// Members are all nodes, this one included. The same list on every node.
	Members []Member `toml:"members"`
}

// Member is one node as the others and the clients reach it.
type Member struct {
	ID      string `toml:"id"`
	Cluster string `toml:"cluster"` // host:port of its cluster port
	HTTP    string `toml:"http"`    // host:port of its public port
}

// defaults fills what was left empty. The paths are completed by Load.
func (c *Config) defaults() {
	for _, d := range []struct {
		to *string
		is string
	}{
		{&c.HTTP, "0.0.0.0:8080"}, {&c.Cluster, "0.0.0.0:9080"}, {&c.Data, "data"}, {&c.CA, "ca.crt"},
		{&c.LogStore, "boltdb"}, {&c.Cert, "node.crt"}, {&c.Key, "node.key"}, {&c.SealKey, "seal.key"}, {&c.LogFormat, "text"},
		{&c.LogLevel, "info"},
	} {
		if *d.to == "" {
			*d.to = d.is
		}
	}
	if c.MaxUploadMB == 0 {
		c.MaxUploadMB = 25
	}
	if c.MinFreeMB == 0 {
		c.MinFreeMB = 256
	}
	if c.ScrubDays == 0 {
		c.ScrubDays = 7
	}
}

// paths are the keys that name a file or folder; those without a default may be empty.
func (c *Config) paths() map[string]*string {
	return map[string]*string{
		"data": &c.Data, "ca": &c.CA, "cert": &c.Cert, "key": &c.Key, "seal_key": &c.SealKey, "tls_cert": &c.TLSCert, "tls_key": &c.TLSKey,
	}
}
