package objects

import (
	"strings"
	"testing"
)

func TestSplitPath(t *testing.T) {
	long := strings.Repeat("k", maxKey)
	for path, want := range map[string]string{
		"/photos/inputs/u_1/j_1/0.jpg": "inputs/u_1/j_1/0.jpg",
		"/photos/a%20b+c~d":            "a b+c~d",
		"/photos/%EC%82%AC%EC%A7%84":   "사진",
		"/photos/100%25":               "100%",
		"/photos/..a/b..":              "..a/b..",
		"/photos/" + long:              long,
	} {
		bucket, key, err := splitPath(path)
		if err != nil || bucket != "photos" || key != want {
			t.Errorf("%s: %q %q %v", path, bucket, key, err)
		}
	}
}

func TestSplitPath_Refusals(t *testing.T) {
	for path, want := range map[string]Code{
		"/photos//a":           InvalidURI,
		"/photos/a//b":         InvalidURI,
		"/photos/a/":           InvalidURI,
		"/photos/.":            InvalidURI,
		"/photos/../a":         InvalidURI,
		"/photos/a/../b":       InvalidURI,
		"/photos/a/./b":        InvalidURI,
		"/photos/a/..":         InvalidURI,
		"/photos/%2e%2e/a":     InvalidURI,
		"/photos/a%2fb":        InvalidURI,
		"/photos/a%2Fb":        InvalidURI,
		"/photos%2fa":          InvalidURI,
		"/photos/a%252fb":      InvalidURI,
		"/photos/a%252Fb":      InvalidURI,
		"/photos/%252e%252e/b": InvalidURI,
		"/photos/a%2500":       InvalidURI,
		"/photos/a%00":         InvalidURI,
		"/photos/a%0a":         InvalidURI,
		"/photos/a%7f":         InvalidURI,
		"/photos/a%c2%85":      InvalidURI,
		"/photos/%ff":          InvalidURI,
		"/photos/a%2":          InvalidURI,
		"/photos/a%zz":         InvalidURI,
		"/photos/" + strings.Repeat("k", maxKey+1):    KeyTooLong,
		"/photos/" + strings.Repeat("%EC%82%AC", 342): KeyTooLong, // 1026 bytes of 342 letters
		"/Photos/a":                          InvalidBucketName,
		"/ph/a":                              InvalidBucketName,
		"/../a":                              InvalidBucketName,
		"//a":                                InvalidBucketName,
		"/-photos/a":                         InvalidBucketName,
		"/photos-/a":                         InvalidBucketName,
		"/pho..tos/a":                        InvalidBucketName,
		"/pho.-tos/a":                        InvalidBucketName,
		"/pho_tos/a":                         InvalidBucketName,
		"/" + strings.Repeat("b", 64) + "/a": InvalidBucketName,
		"/ph%6ftos/a":                        InvalidBucketName,
	} {
		_, _, err := splitPath(path)
		if err == nil {
			t.Errorf("%.60s: accepted", path)
			continue
		}
		wantCode(t, err, want)
	}
}
