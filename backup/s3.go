package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path"
	"strings"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// S3 says how to reach a bucket.
type S3 struct {
	Endpoint  string // https://host[:port]; empty: Amazon's
	Region    string // empty: us-east-1
	AccessKey string
	SecretKey string
}

// partSize is the memory that an upload takes, and a ten thousandth of the
// longest backup that a bucket takes: 640 GB.
const partSize = 64 << 20

// bucket is a prefix in an S3 bucket.
type bucket struct {
	client *minio.Client
	name   string
	prefix string
}

// newBucket takes what is behind s3://. A nil transport is minio's own.
func newBucket(rest string, s S3, transport http.RoundTripper) (*bucket, error) {
	name, prefix, _ := strings.Cut(rest, "/")
	if name == "" {
		return nil, errors.New("backup: write s3://bucket/prefix")
	}
	if s.Endpoint == "" {
		s.Endpoint = "https://s3.amazonaws.com"
	}
	if s.Region == "" {
		s.Region = "us-east-1"
	}
	u, err := url.Parse(s.Endpoint)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || strings.Trim(u.Path, "/") != "" {
		return nil, fmt.Errorf("backup: S3 endpoint %q: write scheme and host, as in https://s3.example.org", s.Endpoint)
	}
	if s.AccessKey == "" || s.SecretKey == "" {
		return nil, errors.New("backup: no keys for the bucket: `stoker secret put s3.backup.access_key` and `… s3.backup.secret_key` for the schedule, STOKER_BACKUP_S3_ACCESS_KEY and STOKER_BACKUP_S3_SECRET_KEY for this command")
	}
	client, err := minio.New(u.Host, &minio.Options{
		Creds: credentials.NewStaticV4(s.AccessKey, s.SecretKey, ""), Secure: u.Scheme == "https", Region: s.Region, MaxRetries: 5, Transport: transport,
	})
	if err != nil {
		return nil, fmt.Errorf("backup: %w", err)
	}
	return &bucket{client: client, name: name, prefix: strings.Trim(prefix, "/")}, nil
}

func (b *bucket) String() string {
	if b.prefix == "" {
		return "s3://" + b.name
	}
	return "s3://" + b.name + "/" + b.prefix
}

// Shared is true: a bucket is the same for all.
func (b *bucket) Shared() bool { return true }

// Put uploads in parts; the object appears when the last one has come, and parts
// of an attempt that failed are taken back.
func (b *bucket) Put(ctx context.Context, name string, r io.Reader) error {
	_, err := b.client.PutObject(ctx, b.name, path.Join(b.prefix, name), r, -1, minio.PutObjectOptions{
		ContentType: "application/x-tar", PartSize: partSize,
	})
	if err != nil {
		return fmt.Errorf("backup: upload to %s: %w", b, err)
	}
	return nil
}

// Delete removes a backup; S3 does not mind what is not there.
func (b *bucket) Delete(ctx context.Context, name string) error {
	if err := b.client.RemoveObject(ctx, b.name, path.Join(b.prefix, name), minio.RemoveObjectOptions{}); err != nil {
		return fmt.Errorf("backup: delete from %s: %w", b, err)
	}
	return nil
}
