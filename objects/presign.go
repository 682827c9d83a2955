package objects

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
)

// FenceParam carries a grant's fencing token in a presigned upload. It is
// signed like every parameter, so a worker cannot stage under another's grant.
const FenceParam = "x-stoker-fence"

// Expires bounds of S3: a presigned URL lives between a second and a week.
const (
	minExpires = time.Second
	maxExpires = 7 * 24 * time.Hour
)

// defaultRegion is what R2 calls its only region; we have one too.
const defaultRegion = "auto"

// Presigner makes URLs that carry their own authorization.
type Presigner struct {
	AccessKey string
	Secret    string
	Region    string // "" is "auto"

	ring *keyring // nil remembers nothing
}

// Ask is what a presigned URL is to be good for.
type Ask struct {
	Method  string // GET, PUT or HEAD
	Base    string // http://host[:port] or https://…, no path
	Bucket  string
	Key     string
	Expires time.Duration // whole seconds, 1 s to 7 days
	Fence   uint64        // 0: none
	At      time.Time
}

// URL signs. The URL is path style: {base}/{bucket}/{key}?X-Amz-….
func (p *Presigner) URL(a Ask) (string, error) {
	s, err := p.signer(a.Base, a.Bucket, a.At)
	if err != nil {
		return "", err
	}
	return s.URL(a.Method, a.Key, a.Expires, a.Fence)
}

// Signer signs for one moment, one bucket and one way to reach it: an answer has a URL or two for each picture.
type Signer struct {
	origin string    // scheme://host
	prefix string    // /bucket/
	query  string    // canonical, up to the value of X-Amz-Expires
	middle string    // of the canonical request, behind the query
	start  string    // of what is signed, before the request's hash
	macs   sync.Pool // of hash.Hash, keyed: to key one costs as much as to use it
}

func (p *Presigner) signer(base, bucket string, at time.Time) (*Signer, error) {
	to, err := parseBase(base)
	if err != nil {
		return nil, err
	}
	if err := CheckBucket(bucket); err != nil {
		return nil, err
	}
	region := p.Region
	if region == "" {
		region = defaultRegion
	}
	stamp := at.UTC().Format(stampFormat)
	s := scope{day: stamp[:8], region: region}
	credential := escape(p.AccessKey+"/"+s.String(), false)
	key := p.ring.key(p.Secret, s)
	return &Signer{
		origin: to.Scheme + "://" + to.Host,
		prefix: "/" + escape(bucket, true) + "/",
		query:  "X-Amz-Algorithm=" + algorithm + "&X-Amz-Credential=" + credential + "&X-Amz-Date=" + stamp + "&X-Amz-Expires=",
		middle: "\nhost:" + to.Host + "\n\nhost\n" + unsignedPayload,
		start:  algorithm + "\n" + stamp + "\n" + s.String() + "\n",
		macs:   sync.Pool{New: func() any { return hmac.New(sha256.New, key) }},
	}, nil
}

// URL is good for a method and a key, for whole seconds from 1 s to 7 days; fence may be 0. The parameters are in the order in which
// they are signed.
func (s *Signer) URL(method, key string, life time.Duration, fence uint64) (string, error) {
	if err := CheckKey(key); err != nil {
		return "", err
	}
	if life < minExpires || life > maxExpires {
		return "", fmt.Errorf("objects: presign for %v: must be between %v and %v", life, minExpires, maxExpires)
	}
	var room [1024]byte
	b := append(append(room[:0], method...), '\n')
	from := len(b)
	b = append(append(append(b, s.prefix...), escape(key, true)...), '\n')
	path := b[from : len(b)-1]
	from = len(b)
	b = strconv.AppendInt(append(b, s.query...), int64(life/time.Second), 10)
	b = append(b, "&X-Amz-SignedHeaders=host"...)
	if fence != 0 {
		b = strconv.AppendUint(append(b, "&"+FenceParam+"="...), fence, 10)
	}
	query := b[from:]
	request := sha256.Sum256(append(b, s.middle...))

	h := s.macs.Get().(hash.Hash)
	defer s.macs.Put(h)
	h.Reset()
	var text [256]byte
	h.Write(hex.AppendEncode(append(text[:0], s.start...), request[:]))
	var signature [sha256.Size]byte
	url := make([]byte, 0, len(s.origin)+len(path)+len(query)+96)
	url = append(append(append(append(url, s.origin...), path...), '?'), query...)
	return string(hex.AppendEncode(append(url, "&X-Amz-Signature="...), h.Sum(signature[:0]))), nil
}

// parseBase reads where clients reach us. The host is brought into the form in
// which HTTP clients send it: lower case, a scheme's own port left out.
func parseBase(base string) (*url.URL, error) {
	u, err := url.Parse(base)
	if err != nil {
		return nil, fmt.Errorf("objects: presign: %w", err)
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" {
		return nil, fmt.Errorf("objects: presign: %q must be http(s)://host[:port] and nothing behind it", base)
	}
	u.Host = strings.ToLower(u.Host)
	switch u.Scheme {
	case "http":
		u.Host = strings.TrimSuffix(u.Host, ":80")
	case "https":
		u.Host = strings.TrimSuffix(u.Host, ":443")
	}
	return u, nil
}
