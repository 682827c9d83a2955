package handlers

import (
	"fmt"
	"regexp"
	"sync"
	"time"

	"stoker/fsm"
	"stoker/objects"
)

// How long presigned URLs are good. They are signed anew whenever they are
// rendered, and what an upload may still change is decided when it arrives.
const (
	downloadLife = time.Hour
	workLife     = 12 * time.Hour // a worker may hold a lease long past its message
)

// links makes the URLs of an answer. It outlives its request, for streams.
type links struct {
	objects *objects.Store
	base    string // scheme://host[:port] by which this cluster is reached
	signing *signing
}

// signing is signers that are used for a moment, by how the cluster is reached: finding its key costs as much as signing.
type signing struct {
	mu      sync.Mutex
	signers map[string]momentary
}

type momentary struct {
	signer *objects.Signer
	since  time.Time
}

const (
	signerLife = time.Second // how old a URL may be when it is rendered
	maxBases   = 16          // clients name the host: what they make up must not gather
)

func newSigning() *signing { return &signing{signers: map[string]momentary{}} }

func (l links) signer() (*objects.Signer, error) {
	s := l.signing
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if m, ok := s.signers[l.base]; ok && now.Sub(m.since) <= signerLife {
		return m.signer, nil
	}
	signer, err := l.objects.Signer(l.base)
	if err != nil {
		return nil, err
	}
	if len(s.signers) >= maxBases {
		clear(s.signers)
	}
	s.signers[l.base] = momentary{signer, now}
	return signer, nil
}

// saneHost is a Host that a URL can be made of.
var saneHost = regexp.MustCompile(`^([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?$`)

// links go where the configuration says, else to the host that the client
// dialled, else to where this node listens.
func (c *call) links() links {
	base := c.s.cfg.PublicURL
	if base == "" {
		host := string(c.http.Host())
		if !saneHost.MatchString(host) {
			host = c.s.Addr()
		}
		scheme := "http"
		if c.http.IsTLS() {
			scheme = "https"
		}
		base = scheme + "://" + host
	}
	return links{c.s.cfg.Objects, base, c.s.signing}
}

// to is the URL of one of our own paths.
func (l links) to(path string) string { return l.base + path }

// sign makes a presigned URL for an object of the bucket.
func (l links) sign(method, key string, life time.Duration, fence uint64) (string, error) {
	if outside := l.objects.Outside(); outside != nil {
		return outside.URL(method, key, life, fence)
	}
	signer, err := l.signer()
	if err == nil {
		var url string
		if url, err = signer.URL(method, key, max(life, time.Second).Truncate(time.Second), fence); err == nil {
			return url, nil
		}
	}
	return "", fmt.Errorf("presign %s %s: %w", method, key, err)
}

// upload is where one picture of a job goes.
type upload struct {
	Idx int    `json:"idx"`
	URL string `json:"url"`
	Key string `json:"key"`
}

// uploads signs a PUT for every input, good for what is left of the upload window.
func (l links) uploads(j fsm.Job) ([]upload, error) {
	left := time.Until(time.Unix(0, uploadsUntil(j)))
	out := make([]upload, j.Total)
	for i := range out {
		key := j.InputKey(i)
		url, err := l.sign("PUT", key, left, 0)
		if err != nil {
			return nil, err
		}
		out[i] = upload{i, url, key}
	}
	return out, nil
}

// uploadsUntil is when the upload window closes, on the wall clock, for people:
// the machine closes it on its own clock, which outages stop.
func uploadsUntil(j fsm.Job) int64 { return j.CreatedAt + j.Budgets.Upload }

// download is where one result can be fetched. A URL is empty when the worker
// named no such object.
type download struct {
	Idx     int    `json:"idx"`
	Output  string `json:"output_url"`
	Preview string `json:"preview_url"`
}

// download signs a done item's URLs.
func (l links) download(it fsm.Item) (d download, err error) {
	d.Idx = it.Idx
	if it.Output != "" {
		if d.Output, err = l.sign("GET", it.Output, downloadLife, 0); err != nil {
			return d, err
		}
	}
	if it.Preview != "" {
		if d.Preview, err = l.sign("GET", it.Preview, downloadLife, 0); err != nil {
			return d, err
		}
	}
	return d, nil
}
