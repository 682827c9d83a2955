package objects

import (
	"encoding/base64"

	"stoker/fsm"
)

// maxKeys is the most lines of one page, as in S3.
const maxKeys = 1000

// listed is an object in a page.
type listed struct {
	Key          string
	LastModified string
	ETag         string
	Size         int64
	StorageClass string
}

// commonPrefix stands for all keys that begin with it.
type commonPrefix struct{ Prefix string }

// page is a page of either version of ListObjects.
type page struct {
	Name           string
	Prefix         string
	Delimiter      string `xml:",omitempty"`
	MaxKeys        int
	EncodingType   string `xml:",omitempty"`
	IsTruncated    bool
	Contents       []listed
	CommonPrefixes []commonPrefix

	Marker     *string // version 1
	NextMarker string  `xml:",omitempty"`

	KeyCount              *int   // version 2
	StartAfter            string `xml:",omitempty"`
	ContinuationToken     string `xml:",omitempty"`
	NextContinuationToken string `xml:",omitempty"`
}

func (c *call) listV2() error {
	if c.param("list-type") != "2" {
		return fail(InvalidArgument, "list-type is 2, or left out")
	}
	q, err := c.query("max-keys")
	if err != nil {
		return err
	}
	start, token := c.param("start-after"), c.param("continuation-token")
	q.After = start
	if token != "" {
		if q.After, q.Skip, err = readToken(token); err != nil {
			return err
		}
	}
	found, p, encode, err := c.list(q)
	if err != nil {
		return err
	}
	n := len(p.Contents) + len(p.CommonPrefixes)
	p.KeyCount, p.ContinuationToken, p.StartAfter = &n, token, encode(start)
	if p.IsTruncated {
		p.NextContinuationToken = writeToken(found.Last, found.Skip)
	}
	return c.answer("ListBucketResult", p)
}

// listV1 is for older clients: the key is its own continuation token.
func (c *call) listV1() error {
	q, err := c.query("max-keys")
	if err != nil {
		return err
	}
	marker := c.param("marker")
	q.After = marker
	q.Skip = q.EndsWithPrefix(marker)
	found, p, encode, err := c.list(q)
	if err != nil {
		return err
	}
	marker = encode(marker)
	p.Marker = &marker
	if p.IsTruncated {
		p.NextMarker = encode(found.Last)
	}
	return c.answer("ListBucketResult", p)
}

// query reads what all listings have in common, and asks whether the key may.
func (c *call) query(most string) (q fsm.ListQuery, err error) {
	q = fsm.ListQuery{Bucket: c.bucket, Prefix: c.param("prefix"), Delimiter: c.param("delimiter")}
	if len(q.Prefix) > maxKey || len(q.Delimiter) > maxKey {
		return q, fail(KeyTooLong, "a prefix has at most %d bytes", maxKey)
	}
	q.Max, err = c.atMost(most, maxKeys)
	return q, err
}

// list finds a page and fills in what both versions share.
func (c *call) list(q fsm.ListQuery) (found fsm.Listing[fsm.Object], p page, encode func(string) string, err error) {
	if err = c.may(toRead, q.Prefix); err != nil {
		return found, p, nil, err
	}
	kind, encode, err := c.encodingType()
	if err != nil {
		return found, p, nil, err
	}
	v, err := c.store.read(c)
	if err != nil {
		return found, p, nil, err
	}
	defer v.Close()
	found = v.ListObjects(q)
	p = page{
		Name: c.bucket, Prefix: encode(q.Prefix), Delimiter: encode(q.Delimiter),
		MaxKeys: q.Max, EncodingType: kind, IsTruncated: found.More,
	}
	for _, o := range found.Found {
		p.Contents = append(p.Contents, listed{encode(o.Key), timestamp(o.At), etag(o), o.Size, standard})
	}
	p.CommonPrefixes = commonPrefixes(found.Prefixes, encode)
	return found, p, encode, nil
}

func commonPrefixes(prefixes []string, encode func(string) string) (list []commonPrefix) {
	for _, prefix := range prefixes {
		list = append(list, commonPrefix{encode(prefix)})
	}
	return list
}

// encodingType is how keys are written in the answer. A key has no character that
// XML has not, so clients may choose.
func (c *call) encodingType() (kind string, encode func(string) string, err error) {
	switch kind = c.param("encoding-type"); kind {
	case "":
		return "", func(s string) string { return s }, nil
	case "url":
		return kind, func(s string) string { return escape(s, true) }, nil
	}
	return "", nil, fail(InvalidArgument, "encoding-type is url, or left out")
}

// A continuation token says where a page ended, and whether that is a key or a
// common prefix. Its form is nobody's business but ours.
const tokenKey, tokenPrefix = "k", "p"

func writeToken(last string, skip bool) string {
	kind := tokenKey
	if skip {
		kind = tokenPrefix
	}
	return base64.RawURLEncoding.EncodeToString([]byte(kind + last))
}

func readToken(token string) (after string, skip bool, err error) {
	raw, err := base64.RawURLEncoding.DecodeString(token)
	kind, after := "", ""
	if len(raw) > 1 {
		kind, after = string(raw[:1]), string(raw[1:])
	}
	if err != nil || len(after) > 2*maxKey || kind != tokenKey && kind != tokenPrefix {
		return "", false, fail(InvalidArgument, "the continuation token is none that was given out")
	}
	return after, kind == tokenPrefix, nil
}
