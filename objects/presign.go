package objects

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
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
	base, err := parseBase(a.Base)
	if err != nil {
		return "", err
	}
	if err := CheckBucket(a.Bucket); err != nil {
		return "", err
	}
	if err := CheckKey(a.Key); err != nil {
		return "", err
	}
	if a.Expires < minExpires || a.Expires > maxExpires {
		return "", fmt.Errorf("objects: presign for %v: must be between %v and %v", a.Expires, minExpires, maxExpires)
	}
	region := p.Region
	if region == "" {
		region = defaultRegion
	}
	stamp := a.At.UTC().Format(stampFormat)
	s := scope{day: stamp[:8], region: region}
	c := canonical{
		method: a.Method,
		path:   "/" + a.Bucket + "/" + a.Key,
		query: []field{
			{"X-Amz-Algorithm", algorithm},
			{"X-Amz-Credential", p.AccessKey + "/" + s.String()},
			{"X-Amz-Date", stamp},
			{"X-Amz-Expires", strconv.FormatInt(int64(a.Expires/time.Second), 10)},
			{"X-Amz-SignedHeaders", "host"},
		},
		headers: []field{{"host", base.Host}},
		payload: unsignedPayload,
	}
	if a.Fence != 0 {
		c.query = append(c.query, field{FenceParam, strconv.FormatUint(a.Fence, 10)})
	}
	path, query := escape(c.path, true), canonicalQuery(c.query)
	signature := c.signAs(p.ring.key(p.Secret, s), stamp, s, path, query)
	return base.Scheme + "://" + base.Host + path + "?" + query + "&X-Amz-Signature=" + signature, nil
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
