package cli

import (
	"os"
	"reflect"
	"strings"

	"stoker/cli/config"
)

// serveCommand is `stoker serve`.
type serveCommand struct {
	Config string     `default:"stoker.toml" env:"STOKER_CONFIG" metavar:"FILE" complete:".toml" help:"The node's configuration (${default})."`
	Join   joinFlags  `embed:"" group:"Into a running cluster, once:"`
	Keys   serveFlags `embed:"" group:"Instead of what the file says:"`
}

// serveFlags are the keys of the configuration as flags. All are text: package config reads them as it reads the
// environment's, and nil means that the flag was not given. A test holds the list against config's.
type serveFlags struct {
	ID              *string `name:"id" help:"This node's id."`
	HTTP            *string `name:"http" metavar:"HOST:PORT" help:"Listen address of the public port."`
	Cluster         *string `name:"cluster" metavar:"HOST:PORT" help:"Listen address of the cluster port."`
	PublicURL       *string `name:"public-url" metavar:"URL" help:"What presigned URLs begin with."`
	Data            *string `name:"data" metavar:"DIR" help:"Data folder."`
	CA              *string `name:"ca" metavar:"FILE" help:"The cluster's CA certificate."`
	Cert            *string `name:"cert" metavar:"FILE" help:"This node's certificate."`
	Key             *string `name:"key" metavar:"FILE" help:"Its private key."`
	SealKey         *string `name:"seal-key" metavar:"FILE" help:"The cluster's seal key."`
	Joined          *string `name:"joined" metavar:"true|false" help:"It came into a running cluster and begins none."`
	AdminTokenHash  *string `name:"admin-token-hash" metavar:"sha256:…" help:"Used once, when the cluster begins."`
	WorkerTokenHash *string `name:"worker-token-hash" metavar:"sha256:…" help:"Used once, when the cluster begins."`
	CAKeySealed     *string `name:"ca-key-sealed" metavar:"HEX" help:"Used once, when the cluster begins."`
	TLSCert         *string `name:"tls-cert" metavar:"FILE" help:"Certificate of the public port, with its chain."`
	TLSKey          *string `name:"tls-key" metavar:"FILE" help:"Its private key."`
	ACMEDomains     *string `name:"tls-acme-domains" metavar:"NAME,…" help:"Have certificates for these names issued by ACME."`
	ACMEEmail       *string `name:"tls-acme-email" metavar:"ADDRESS" help:"Where the ACME directory writes to."`
	ACMEDirectory   *string `name:"tls-acme-directory" metavar:"URL" help:"The ACME directory (Let's Encrypt)."`
	CORSOrigins     *string `name:"cors-origins" metavar:"ORIGIN,…" help:"Origins of browser apps, or *."`
	MaxUploadMB     *string `name:"max-upload-mb" metavar:"N" help:"Largest picture, in MiB."`
	MinFreeMB       *string `name:"min-free-mb" metavar:"N" help:"Room that the data folder's disk should have, in MiB."`
	BlobsMaxGB      *string `name:"blobs-max-gb" metavar:"N" help:"What pictures may take on this node's disk, in GiB; 0: what it has."`
	ScrubDays       *string `name:"scrub-days" metavar:"N" help:"Within how many days every picture's file is read again."`
	LogStore        *string `name:"log-store" metavar:"wal|boltdb" help:"Where Raft's log is; it is moved when this changes."`
	LogFormat       *string `name:"log-format" metavar:"text|json" help:"Form of the log."`
	LogLevel        *string `name:"log-level" metavar:"debug|info|warn|error" help:"What the log leaves out."`
	MetricsOpen     *string `name:"metrics-open" metavar:"true|false" help:"Whether /metrics takes no token."`
	SignUps         *string `name:"signups-per-minute" metavar:"N" help:"Sign-ins an address may do; -1: any number."`
	Requests        *string `name:"requests-per-second" metavar:"N" help:"Calls of the app by an address; -1: any number."`
	UserRequests    *string `name:"user-requests-per-second" metavar:"N" help:"Calls of the app by a user; -1: any number."`
	WrongTokens     *string `name:"wrong-tokens-per-minute" metavar:"N" help:"Wrong tokens an address may show; -1: any number."`
	TrustedProxies  *string `name:"trusted-proxies" metavar:"NETWORK,…" help:"Proxies whose X-Forwarded-For counts."`
	OTLPEndpoint    *string `name:"otlp-endpoint" metavar:"URL" help:"Where traces are sent (OTLP over HTTP)."`

	BackupSchedule   *string `name:"backup-schedule" metavar:"TEXT" help:"When to make backups: every 6h, or cron's five fields."`
	BackupTo         *string `name:"backup-to" metavar:"DIR|s3://…" help:"Where to keep them."`
	BackupBlobs      *string `name:"backup-blobs" metavar:"include|reference" help:"With or without the pictures."`
	BackupKeep       *string `name:"backup-keep" metavar:"N" help:"How many stay."`
	BackupKeepDays   *string `name:"backup-keep-days" metavar:"N" help:"How old one may become."`
	BackupS3Endpoint *string `name:"backup-s3-endpoint" metavar:"URL" help:"Endpoint of the bucket."`
	BackupS3Region   *string `name:"backup-s3-region" metavar:"NAME" help:"Its region."`

	ObjectsEndpoint  *string `name:"objects-endpoint" metavar:"URL" help:"An S3 outside that keeps the pictures."`
	ObjectsBucket    *string `name:"objects-bucket" metavar:"NAME" help:"The bucket there."`
	ObjectsRegion    *string `name:"objects-region" metavar:"NAME" help:"Its region (auto)."`
	ObjectsAccessKey *string `name:"objects-access-key" metavar:"KEY" help:"An access key for it."`
	ObjectsSecret    *string `name:"objects-secret" metavar:"env:NAME|file:PATH|SECRET" help:"Where the secret key is."`

	Members *string `name:"members" metavar:"ID=CLUSTER=HTTP,…" help:"All nodes."`
}

// Help shows how to call it.
func (*serveCommand) Help() string {
	return `Every key of the file is also a flag and a variable: max_upload_mb is --max-upload-mb and STOKER_MAX_UPLOAD_MB,
and bucket of the table [objects] is --objects-bucket and STOKER_OBJECTS_BUCKET.
Flags win over the environment, which wins over the file.

  stoker serve --config n1/stoker.toml
  STOKER_LOG_FORMAT=json stoker serve --config n1/stoker.toml --http 0.0.0.0:80

A new machine comes into a running cluster with what ` + "`stoker token create`" + ` printed. It gets its certificate and keys, writes
them and its stoker.toml beside --config, and serves; from then on --config is enough.

  stoker serve --join 10.0.0.1:9080 --token stoker-join.… --id n4 --config n4/stoker.toml`
}

// Run loads the configuration and hands it to the node.
func (c *serveCommand) Run(s *shell) error {
	if c.Join.given() {
		if err := c.join(s); err != nil {
			return err
		}
	}
	loaded, err := config.Load(config.Source{File: c.Config, Env: os.LookupEnv, Flags: c.Keys.given()})
	if err != nil {
		return err
	}
	return s.hooks.Serve(s.ctx, loaded)
}

// given are the flags that were, by key.
func (f serveFlags) given() map[string]string {
	given := map[string]string{}
	v := reflect.ValueOf(f)
	for i := range v.NumField() {
		if text := v.Field(i).Interface().(*string); text != nil {
			given[strings.ReplaceAll(v.Type().Field(i).Tag.Get("name"), "-", "_")] = *text
		}
	}
	return given
}
