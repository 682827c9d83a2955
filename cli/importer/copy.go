package importer

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"crypto/md5"

	"github.com/minio/minio-go/v7"
	"golang.org/x/sync/errgroup"

	"stoker/cli/backup"
)

// Bucket is a bucket of an S3, or what of it begins with a prefix.
type Bucket struct {
	Client *minio.Client
	Name   string
	Prefix string
	Only   func(ctx context.Context, key string) (bool, error) // keys that are copied; nil: all
}

// Copied is what became of objects.
type Copied struct {
	DryRun   bool      `json:"dry_run"`
	Found    int       `json:"found"`
	Copied   int       `json:"copied"`
	There    int       `json:"there"` // of the same size and ETag
	Failed   int       `json:"failed"`
	Bytes    int64     `json:"bytes"`    // copied
	Unproven int       `json:"unproven"` // copied, of an ETag that is no MD5: only the size could be held against it
	Failures []Failure `json:"failures"` // the first of them
	Took     float64   `json:"took_s"`
}

// Failure is an object that is not here.
type Failure struct {
	Key string `json:"key"`
	Why string `json:"why"`
}

const (
	copiers   = 8 // objects at a time
	copyTries = 3
)

// Copy brings the objects of one bucket into another under the same keys. One that is there with the same size and ETag is left out,
// so that a copy that was broken off goes on. dry only lists what there is to copy.
func Copy(ctx context.Context, from, to Bucket, dry bool, p *Progress) (*Copied, error) {
	begun := time.Now()
	c := &copying{from: from, to: to, dry: dry, progress: p, out: Copied{DryRun: dry, Failures: []Failure{}}}
	p.Begin("objects", 0, true)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(copiers)
	var listing error
	for o := range from.Client.ListObjects(ctx, from.Name, minio.ListObjectsOptions{Prefix: from.Prefix, Recursive: true}) {
		if o.Err != nil {
			listing = fmt.Errorf("list %s: %w", from.Name, o.Err)
			break
		}
		if from.Only != nil {
			wanted, err := from.Only(ctx, o.Key)
			if err != nil {
				listing = err
				break
			}
			if !wanted {
				continue
			}
		}
		p.More(o.Size)
		c.count(func(out *Copied) { out.Found++ })
		group.Go(func() error { return c.one(ctx, o) })
	}
	err := errors.Join(listing, group.Wait())
	c.out.Took = time.Since(begun).Seconds()
	return &c.out, err
}

type copying struct {
	from, to Bucket
	dry      bool
	progress *Progress
	mu       sync.Mutex
	out      Copied
}

func (c *copying) count(what func(*Copied)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	what(&c.out)
}

// one copies an object, a few times if it must. Only the end of the whole is an error: a failure is counted.
func (c *copying) one(ctx context.Context, o minio.ObjectInfo) (err error) {
	for try := range copyTries {
		if try > 0 {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(time.Duration(try) * time.Second):
			}
		}
		var there bool
		if there, err = c.try(ctx, o); err == nil {
			c.progress.Add(o.Size)
			c.count(func(out *Copied) {
				if there {
					out.There++
					return
				}
				out.Copied++
				out.Bytes += o.Size
				if _, proven := sumOf(o.ETag); !proven {
					out.Unproven++
				}
			})
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if code := minio.ToErrorResponse(err).StatusCode; code == 403 || code == 404 { // nothing to wait for
			break
		}
	}
	c.progress.Add(o.Size)
	c.count(func(out *Copied) {
		if out.Failed++; len(out.Failures) < problemsShown {
			out.Failures = append(out.Failures, Failure{o.Key, err.Error()})
		}
	})
	return nil
}

// sumOf is the MD5 that an ETag is, unless the object came in parts or the store makes other ones.
func sumOf(etag string) (string, bool) {
	etag = strings.ToLower(strings.Trim(etag, `"`))
	raw, err := hex.DecodeString(etag)
	return etag, err == nil && len(raw) == md5.Size
}

func (c *copying) try(ctx context.Context, o minio.ObjectInfo) (there bool, err error) {
	if c.dry {
		return false, nil
	}
	sum, proven := sumOf(o.ETag)
	has, err := c.to.Client.StatObject(ctx, c.to.Name, o.Key, minio.StatObjectOptions{})
	if err == nil && has.Size == o.Size && (!proven || strings.Trim(has.ETag, `"`) == sum) {
		return true, nil
	}
	if err != nil && minio.ToErrorResponse(err).StatusCode != 404 {
		return false, err
	}
	body, err := c.from.Client.GetObject(ctx, c.from.Name, o.Key, minio.GetObjectOptions{})
	if err != nil {
		return false, err
	}
	defer body.Close()
	info, err := body.Stat()
	if err != nil {
		return false, err
	}
	read := md5.New()
	put, err := c.to.Client.PutObject(ctx, c.to.Name, o.Key, io.TeeReader(body, read), info.Size, minio.PutObjectOptions{
		ContentType: info.ContentType, DisableMultipart: info.Size <= 64<<20, UserMetadata: info.UserMetadata,
	})
	if err != nil {
		return false, err
	}
	if got := hex.EncodeToString(read.Sum(nil)); proven && got != sum || put.Size != o.Size {
		wrong := fmt.Errorf("%d bytes with MD5 %s came, the old bucket says %d and %s", put.Size, got, o.Size, sum)
		return false, errors.Join(wrong, c.to.Client.RemoveObject(ctx, c.to.Name, o.Key, minio.RemoveObjectOptions{}))
	} else if now, whole := sumOf(put.ETag); whole && now != got {
		return false, fmt.Errorf("what is here now has MD5 %s, %s was sent", now, got)
	}
	return false, nil
}

func (c *Copied) print(w io.Writer) {
	if c.DryRun {
		fmt.Fprintf(w, "Objects: %d found, of %s; those that are here already would be left out.\n", c.Found, backup.Size(c.Bytes))
		return
	}
	fmt.Fprintf(w, "Objects: %d found, %d copied (%s in %.1f s), %d there already, %d failed.\n", c.Found, c.Copied, backup.Size(c.Bytes), c.Took, c.There, c.Failed)
	if c.Unproven > 0 {
		fmt.Fprintf(w, "The ETags of %d of them are no MD5: what came was held against their size alone.\n", c.Unproven)
	}
	for _, f := range c.Failures {
		fmt.Fprintf(w, "Not here: %s: %s\n", f.Key, f.Why)
	}
}
