package fsm

import (
	"strings"

	"stoker/store"
)

// ListQuery is a question for a page of keys, in the order of their bytes.
type ListQuery struct {
	Bucket    string
	Prefix    string
	Delimiter string // keys that have it behind the prefix are told as one common prefix
	After     string // a key, or with Skip a common prefix
	AfterID   string // of uploads: which of those under After; "": all of them
	Skip      bool   // leave out all keys that begin with After
	Max       int    // keys and common prefixes together
}

// Listing is a page.
type Listing[V any] struct {
	Found    []V
	Prefixes []string // common ones
	More     bool     // there is a next page
	Last     string   // key or common prefix that the page ended with: the next one's After
	Skip     bool     // Last is a common prefix
}

// lastSegments bounds what a page reads when its objects have many segments: it
// then ends before Max, as S3 allows.
const lastSegments = 50_000

// ListObjects gives a page of the published objects. It costs one step for each
// line of the answer: what is behind a common prefix is passed over by one seek.
func (v *View) ListObjects(q ListQuery) Listing[Object] {
	segments := 0
	return list(v, objects, q, func(o Object) (string, bool) {
		segments += len(o.Segments)
		return o.Key, segments > lastSegments
	})
}

// ListUploads gives a page of the uploads under way, those of one key by their ids.
func (v *View) ListUploads(q ListQuery) Listing[Upload] {
	return list(v, uploads, q, func(u Upload) (string, bool) { return u.Key, false })
}

// beyond stands behind every key of UTF-8 that begins with what is before it.
const beyond = "\xff"

func (q ListQuery) from() store.Key {
	b := store.Str(q.Bucket)
	switch {
	case q.Skip:
		return b.StrPrefix(q.After) + beyond
	case q.After == "":
		return ""
	case q.AfterID != "":
		return b.Str(q.After).Str(q.AfterID)
	}
	return b.Str(q.After) + beyond // behind all uploads of the key, too
}

// list walks a table whose keys begin with (bucket, key). name gives a row's key
// and whether the page is full with it.
func list[V any](r store.Reader, t *store.Table[V], q ListQuery, name func(V) (string, bool)) (page Listing[V]) {
	within, from := store.Str(q.Bucket).StrPrefix(q.Prefix), q.from()
	for full := q.Max <= 0; ; {
		again := false
		for _, row := range t.ScanAfter(r, within, from) {
			if full {
				page.More = q.Max > 0
				return page
			}
			key, enough := name(row)
			if common, ok := q.common(key); ok {
				page.Prefixes = append(page.Prefixes, common)
				page.Last, page.Skip = common, true
				from, again = store.Str(q.Bucket).StrPrefix(common)+beyond, true
			} else {
				page.Found = append(page.Found, row)
				page.Last, page.Skip = key, false
			}
			full = enough || len(page.Found)+len(page.Prefixes) >= q.Max
			if again {
				break
			}
		}
		if !again {
			return page
		}
	}
}

// common is the prefix that a key is told as, if it is.
func (q ListQuery) common(key string) (string, bool) {
	if q.Delimiter == "" || !strings.HasPrefix(key, q.Prefix) {
		return "", false
	}
	head, _, ok := strings.Cut(key[len(q.Prefix):], q.Delimiter)
	return q.Prefix + head + q.Delimiter, ok
}

// EndsWithPrefix says whether a page that ended with last ended with a common
// prefix, for those who have kept no more of it than that: Skip of the next page.
func (q ListQuery) EndsWithPrefix(last string) bool {
	common, ok := q.common(last)
	return ok && common == last
}
