package objects

import (
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxKey is S3's own limit on a key, in bytes of UTF-8.
const maxKey = 1024

// CheckBucket says whether name may be a bucket: S3's rules for new buckets,
// 3 to 63 of a-z, 0-9, '-' and '.', a letter or digit at both ends and on both
// sides of every '.'.
func CheckBucket(name string) error {
	if len(name) < 3 || len(name) > 63 {
		return fail(InvalidBucketName, "a bucket name has 3 to 63 characters")
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || label[0] == '-' || label[len(label)-1] == '-' {
			return fail(InvalidBucketName, "a bucket name's parts begin and end with a letter or a digit")
		}
		for _, c := range []byte(label) {
			if c != '-' && (c < '0' || c > '9') && (c < 'a' || c > 'z') {
				return fail(InvalidBucketName, "a bucket name has only lower-case letters, digits, '-' and '.'")
			}
		}
	}
	return nil
}

// CheckKey says whether key may name an object. It is stricter than S3 where
// S3's freedom is a trap to something between us and the client: a proxy that
// cleans paths would turn "a/../b" or "a//b" into another key, one that decodes
// twice would do so to "a%2fb".
func CheckKey(key string) error {
	switch {
	case key == "":
		return fail(InvalidURI, "the key is empty")
	case len(key) > maxKey:
		return fail(KeyTooLong, "a key has at most %d bytes", maxKey)
	case !utf8.ValidString(key):
		return fail(InvalidURI, "a key is UTF-8")
	case strings.ContainsFunc(key, unicode.IsControl):
		return fail(InvalidURI, "a key has no control characters")
	}
	for segment := range strings.SplitSeq(key, "/") {
		switch segment {
		case "":
			return fail(InvalidURI, "a key has no empty segment")
		case ".", "..":
			return fail(InvalidURI, "a key has no segment %q", segment)
		}
	}
	lower := strings.ToLower(key)
	for _, again := range []string{"%2f", "%2e", "%5c", "%00"} {
		if strings.Contains(lower, again) {
			return fail(InvalidURI, "a key is escaped once, not twice")
		}
	}
	return nil
}

// splitPath reads bucket and key out of a request's path as it was received:
// both are empty for "/", the key for a bucket. It decodes once. An escaped slash
// is refused: it signs the same as a plain one, and would be a second spelling of
// the same object.
func splitPath(raw string) (bucket, key string, err error) {
	if raw == "/" {
		return "", "", nil
	}
	bucket, key, _ = strings.Cut(strings.TrimPrefix(raw, "/"), "/")
	if strings.Contains(strings.ToLower(raw), "%2f") {
		return "", "", fail(InvalidURI, "a slash in a key is not escaped")
	}
	if err := CheckBucket(bucket); err != nil || key == "" {
		return bucket, "", err
	}
	if key, err = url.PathUnescape(key); err != nil {
		return "", "", fail(InvalidURI, "the path has a broken escape")
	}
	return bucket, key, CheckKey(key)
}
