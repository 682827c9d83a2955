package cli

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"golang.org/x/term"

	"stoker/cli/importer"
	"stoker/client"
)

// importCommand is `stoker import`.
type importCommand struct {
	operatorFlags
	Dump   string   `arg:"" optional:"" type:"existingfile" help:"The old stack's database: an SQLite file, or the SQL that wrangler d1 export or sqlite3 .dump writes."`
	DryRun bool     `help:"Say what would be imported, and write nothing."`
	Open   string   `enum:"refuse,cancel" default:"refuse" help:"What to do about jobs that have not ended there: refuse everything, or cancel: bring them as canceled and refund what was not done (${default})."`
	Plan   []string `metavar:"OLD=NEW" help:"Users of plan OLD there are on plan NEW here; several with commas."`
	Strict bool     `help:"Write nothing at all if a row cannot be understood."`
	JSON   bool     `name:"json" help:"Print JSON."`

	ObjectsFrom     string `metavar:"s3://BUCKET/PREFIX" help:"Copy the objects of this bucket, too."`
	ObjectsEndpoint string `metavar:"URL" help:"Where that bucket is, as in https://ACCOUNT.r2.cloudflarestorage.com."`
	ObjectsRegion   string `default:"auto" help:"Its region (${default})."`
}

// Help shows how to call it.
func (*importCommand) Help() string {
	return `  stoker import dump.sql --dry-run
  stoker import dump.sql --plan premium=pro
  stoker import --objects-from s3://photos --objects-endpoint https://ACCOUNT.r2.cloudflarestorage.com

It reads users, rules, jobs_log, job_items_log and billing_events. Each user and job comes over as a whole or not at all; what came
before is left as it is, and what is here and did not come by import is never overwritten. So a run that was broken off (Ctrl-C) is run
again. The keys of the old bucket are read from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY. Objects belong to jobs: bring those first.
docs/moving-over.md has all the steps in their order.`
}

// Run imports and tells what became of it.
func (c *importCommand) Run(s *shell) (err error) {
	if c.Dump == "" && c.ObjectsFrom == "" {
		return errors.New("import: what? Name a dump, --objects-from, or both")
	}
	from, err := c.bucket()
	if err != nil {
		return err
	}
	plans, err := c.plans()
	if err != nil {
		return err
	}
	cluster, err := c.dial()
	if err != nil {
		return err
	}
	defer cluster.Close()
	o := cluster.Operator()
	terminal := false
	if f, ok := s.err.(*os.File); ok {
		terminal = term.IsTerminal(int(f.Fd()))
	}
	progress := importer.NewProgress(s.err, terminal)
	report := &importer.Report{DryRun: c.DryRun}
	if c.Dump != "" {
		report, err = c.database(s, o, plans, progress)
	}
	if err == nil && from.Client != nil {
		report.Objects, err = c.objects(s, o, from, progress)
	}
	progress.Close()
	return c.tell(s, report, err)
}

func (c *importCommand) database(s *shell, o *client.Operator, plans map[string]string, p *importer.Progress) (*importer.Report, error) {
	dump, err := importer.Open(s.ctx, c.Dump)
	if err != nil {
		return nil, fmt.Errorf("import: %w", err)
	}
	report, err := importer.Import(s.ctx, dump, o, importer.Options{DryRun: c.DryRun, CancelOpen: c.Open == "cancel", Strict: c.Strict, Plans: plans}, p)
	return report, errors.Join(advise(err, nil), dump.Close())
}

// tell prints the report, and fails if something is not here.
func (c *importCommand) tell(s *shell, report *importer.Report, err error) error {
	if report != nil && c.JSON {
		err = errors.Join(err, s.printJSON(report))
	} else if report != nil {
		report.Print(s.out)
	}
	switch {
	case errors.Is(err, context.Canceled) || err != nil && s.ctx.Err() != nil:
		return errors.New("import: it was broken off; the same command goes on where it was")
	case err != nil:
		return err
	case report.Failed():
		return errors.New("import: not everything is here; the report says what and why. When that is mended, the same command brings the rest")
	}
	return nil
}

func (c *importCommand) plans() (map[string]string, error) {
	out := map[string]string{}
	for _, p := range c.Plan {
		before, here, ok := strings.Cut(p, "=")
		if !ok || before == "" || here == "" {
			return nil, fmt.Errorf("import: --plan %s: want OLD=NEW, as in premium=pro", p)
		}
		out[before] = here
	}
	return out, nil
}

// bucket is the old one; its client is nil if there is none.
func (c *importCommand) bucket() (b importer.Bucket, err error) {
	if c.ObjectsFrom == "" {
		return b, nil
	}
	where, ok := strings.CutPrefix(c.ObjectsFrom, "s3://")
	b.Name, b.Prefix, _ = strings.Cut(where, "/")
	if !ok || b.Name == "" || c.ObjectsEndpoint == "" {
		return b, errors.New("import: --objects-from takes s3://BUCKET or s3://BUCKET/PREFIX, and --objects-endpoint says where that is")
	}
	keys := credentials.NewEnvAWS()
	if v, err := keys.GetWithContext(nil); err != nil || v.AccessKeyID == "" {
		return b, errors.New("import: the keys of the old bucket are read from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; they are not set")
	}
	b.Client, err = s3At(c.ObjectsEndpoint, c.ObjectsRegion, keys, client.Cluster{})
	return b, err
}

// keyLife ends the cluster's key of an import that could not end it itself.
const keyLife = 48 * time.Hour

// objects copies with an access key that lives as long as the copy.
func (c *importCommand) objects(s *shell, o *client.Operator, from importer.Bucket, p *importer.Progress) (out *importer.Copied, err error) {
	if c.DryRun {
		return importer.Copy(s.ctx, from, importer.Bucket{}, true, p)
	}
	known, err := c.cluster()
	if err != nil {
		return nil, err
	}
	secret, key, at, err := o.CreateKey(s.ctx, client.NewKey{Name: "import " + s.now().UTC().Format("20060102-150405"), Access: "read-write", Life: keyLife})
	if err != nil {
		return nil, advise(err, nil)
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(s.ctx), adminPatience)
		defer cancel()
		err = errors.Join(err, advise(o.RevokeKey(ctx, key.Name), nil))
	}()
	to := importer.Bucket{Name: at.Bucket}
	if to.Client, err = s3At(at.Endpoint, at.Region, credentials.NewStaticV4(key.AccessKey, secret, ""), known); err != nil {
		return nil, err
	}
	return importer.Copy(s.ctx, from, to, false, p)
}

// s3At makes a client of an S3; roots are believed beside the system's.
func s3At(endpoint, region string, keys *credentials.Credentials, where client.Cluster) (*minio.Client, error) {
	u, err := url.Parse(endpoint)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("import: %q is no endpoint: want https://HOST", endpoint)
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	if others := otherNodes(u.Host, where); len(others) > 0 {
		transport.DialContext = dialAny(others)
	}
	if where.CAPEM != "" {
		pool, err := x509.SystemCertPool()
		if err != nil {
			return nil, err
		}
		pool.AppendCertsFromPEM([]byte(where.CAPEM))
		transport.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	}
	return minio.New(u.Host, &minio.Options{Creds: keys, Secure: u.Scheme == "https", Region: region, BucketLookup: minio.BucketLookupPath, Transport: transport})
}
