package objects

import (
	"net/url"
	"path"
	"strings"
	"testing"
)

// FuzzKey: a path that is taken names one object in one way. Whoever cleans it, or decodes it once more, has the same name, and the
// key's own spelling leads back to it.
func FuzzKey(f *testing.F) {
	for _, p := range []string{
		"/", "/photos", "/photos/", "/photos/inputs/u_1/j_1/0.jpg", "/photos/a/../b", "/photos/a//b", "/photos/%2e%2e/b", "/photos/a%2fb", "/photos/a%252fb",
		"/photos/%", "/photos/\x00", "/photos/%00", "/photos/%ff", "/photos/%EC%82%AC%EC%A7%84/a+b c%7E.jpg", "/PHOTOS/a", "//photos/a", "/photos/a?b", "/photos/" + strings.Repeat("a", maxKey+1),
	} {
		f.Add(p)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		bucket, key, err := splitPath(raw)
		if err != nil {
			if refused, ok := err.(*Error); !ok || refused.Status()/100 != 4 {
				t.Errorf("refused with %v", err)
			}
			return
		}
		if key == "" {
			return
		}
		if len(key) > maxKey || path.Clean("/"+key) != "/"+key {
			t.Errorf("%q is taken as %q, which cleans to %q", raw, key, path.Clean("/"+key))
		}
		if again, err := url.PathUnescape(key); err == nil && strings.Count(again, "/") != strings.Count(key, "/") {
			t.Errorf("%q is taken as %q, which decodes to %q", raw, key, again)
		}
		if b, k, err := splitPath("/" + bucket + "/" + escape(key, true)); err != nil || b != bucket || k != key {
			t.Errorf("%q is taken as %q, which is written as %q and taken as %q, %v", raw, key, escape(key, true), k, err)
		}
	})
}
