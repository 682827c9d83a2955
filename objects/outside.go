package objects

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"golang.org/x/sync/errgroup"

	"stoker/fsm"
)

// How a store outside is asked.
const (
	outsideLooks   = 16              // objects at a time
	outsideHeaders = 5 * time.Second // for the first byte of an answer
	outsideTries   = 3
	firstLook      = 64 << 10 // bytes of a body; what says no size there is read up to HeadSize
	secretLife     = 30 * time.Second
)

// OutsideConfig says how to reach a bucket outside.
type OutsideConfig struct {
	Endpoint  string // http(s)://host[:port]; apps and workers go there too
	Bucket    string
	Region    string // "" is "auto"
	AccessKey string
	// Secret gives the secret key; it is asked again every half minute, so that one
	// that was replaced comes into force.
	Secret    func(ctx context.Context) (string, error)
	Transport http.RoundTripper // nil: one with bounds
}

// Outside is a bucket of somebody else's S3: R2, MinIO, Garage, … It holds the
// pictures in place of this package's own store, and the machine keeps no record
// of what is in it.
type Outside struct {
	core     minio.Core
	bucket   string
	endpoint string
	pulse    pulse
}

// NewOutside asks nobody: a store that cannot be reached is told of by
// [Outside.Trouble] and by every request that needs it.
func NewOutside(c OutsideConfig) (*Outside, error) {
	u, err := parseBase(c.Endpoint)
	if err != nil {
		return nil, err
	}
	if c.Region == "" {
		c.Region = defaultRegion
	}
	if c.Transport == nil {
		c.Transport = &http.Transport{
			Proxy:                 http.ProxyFromEnvironment,
			DialContext:           (&net.Dialer{Timeout: outsideHeaders}).DialContext,
			TLSHandshakeTimeout:   outsideHeaders,
			ResponseHeaderTimeout: outsideHeaders,
			MaxIdleConnsPerHost:   outsideLooks,
			IdleConnTimeout:       time.Minute,
		}
	}
	client, err := minio.New(u.Host, &minio.Options{
		Creds:  credentials.New(&keeper{access: c.AccessKey, secret: c.Secret}),
		Secure: u.Scheme == "https", Region: c.Region, BucketLookup: minio.BucketLookupPath,
		MaxRetries: outsideTries, Transport: c.Transport,
	})
	if err != nil {
		return nil, fmt.Errorf("objects: outside: %w", err)
	}
	return &Outside{core: minio.Core{Client: client}, bucket: c.Bucket, endpoint: c.Endpoint}, nil
}

func (o *Outside) String() string { return strings.TrimRight(o.endpoint, "/") + "/" + o.bucket }

// URL presigns a GET or PUT. With a fence it is for where that grant's output
// goes: see [Staged].
func (o *Outside) URL(method, key string, life time.Duration, fence uint64) (string, error) {
	if fence != 0 {
		key = Staged(key, fence)
	}
	u, err := o.core.Presign(context.Background(), method, o.bucket, key, min(max(life, minExpires), maxExpires), url.Values{})
	if err != nil {
		return "", fmt.Errorf("objects: outside: presign: %w", err)
	}
	return u.String(), nil
}

// Staged is where the holder of a grant uploads an output outside: under the
// job's own prefix, in a folder of the grant. Nobody else has a URL for it, and
// the result's entry makes it the item's output by naming it. So a worker that
// lost its lease overwrites nothing, and nothing has to be copied.
func Staged(key string, fence uint64) string {
	dir, name := path.Split(key)
	return dir + strconv.FormatUint(fence, 10) + "/" + name
}

// Inputs looks at what a job's inputs are, a few at a time. One that is not
// there is not among them; an error means that nobody knows.
func (o *Outside) Inputs(ctx context.Context, j fsm.Job) ([]fsm.Found, error) {
	var mu sync.Mutex
	var found []fsm.Found
	all, ctx := errgroup.WithContext(ctx)
	all.SetLimit(outsideLooks)
	for idx := range j.Total {
		all.Go(func() error {
			f, there, err := o.look(ctx, j.InputKey(idx))
			if err != nil || !there {
				return err
			}
			f.Idx = idx
			mu.Lock()
			defer mu.Unlock()
			found = append(found, f)
			return nil
		})
	}
	return found, o.asked(all.Wait())
}

// look finds an object's size and, by its first bytes, what it is.
func (o *Outside) look(ctx context.Context, key string) (f fsm.Found, there bool, err error) {
	if f.Size, there, err = o.size(ctx, key); err != nil || !there {
		return f, there, err
	}
	for n := int64(firstLook); ; n = HeadSize {
		if f.Kind, f.Flaw, err = o.sniff(ctx, key, min(n, f.Size)); err != nil {
			return f, true, err
		}
		if f.Flaw == "" || n == HeadSize || f.Size <= n {
			return f, true, nil
		}
	}
}

func (o *Outside) size(ctx context.Context, key string) (int64, bool, error) {
	info, err := o.core.StatObject(ctx, o.bucket, key, minio.StatObjectOptions{})
	if absent(err) {
		return 0, false, nil
	}
	return info.Size, err == nil, err
}

// sniff reads the first n bytes; of nothing it asks for nothing.
func (o *Outside) sniff(ctx context.Context, key string, n int64) (kind, flaw string, err error) {
	if n == 0 {
		return Sniff(strings.NewReader(""))
	}
	var part minio.GetObjectOptions
	if err := part.SetRange(0, n-1); err != nil {
		return "", "", err
	}
	body, _, _, err := o.core.GetObject(ctx, o.bucket, key, part)
	if err != nil {
		return "", "", err
	}
	defer body.Close()
	return Sniff(io.LimitReader(body, n))
}

// Has says which of the keys are there.
func (o *Outside) Has(ctx context.Context, keys []string) (map[string]bool, error) {
	there := make([]bool, len(keys))
	all, ctx := errgroup.WithContext(ctx)
	all.SetLimit(outsideLooks)
	for i, key := range keys {
		all.Go(func() (err error) {
			_, there[i], err = o.size(ctx, key)
			return err
		})
	}
	if err := o.asked(all.Wait()); err != nil {
		return nil, err
	}
	out := make(map[string]bool, len(keys))
	for i, key := range keys {
		out[key] = there[i]
	}
	return out, nil
}

// asked says a failure to ask in the words of the API.
func (o *Outside) asked(err error) error {
	o.pulse.note(err)
	if err == nil {
		return nil
	}
	return fsm.Refuse(fsm.Unavailable, "the object store %s cannot be asked (%s); nothing was changed, try again", o, reason(err))
}

func absent(err error) bool {
	return err != nil && minio.ToErrorResponse(err).StatusCode == http.StatusNotFound && minio.ToErrorResponse(err).Code != minio.NoSuchBucket
}

// reason is an error without the URL that it happened with: a signature is no
// client's to see.
func reason(err error) string {
	var failed *url.Error
	if errors.As(err, &failed) {
		return failed.Err.Error()
	}
	if said := minio.ToErrorResponse(err); said.Code != "" && said.StatusCode != 0 {
		return fmt.Sprintf("HTTP %d %s", said.StatusCode, said.Code)
	}
	return err.Error()
}

// keeper gives the store's key to whoever signs.
type keeper struct {
	access string
	secret func(ctx context.Context) (string, error)

	mu    sync.Mutex
	until time.Time
}

func (k *keeper) RetrieveWithCredContext(*credentials.CredContext) (credentials.Value, error) {
	ctx, cancel := context.WithTimeout(context.Background(), outsideHeaders)
	defer cancel()
	secret, err := k.secret(ctx)
	if err != nil {
		return credentials.Value{}, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.until = time.Now().Add(secretLife)
	return credentials.Value{AccessKeyID: k.access, SecretAccessKey: secret, SignerType: credentials.SignatureV4}, nil
}

func (k *keeper) Retrieve() (credentials.Value, error) { return k.RetrieveWithCredContext(nil) }

func (k *keeper) IsExpired() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return time.Now().After(k.until)
}
