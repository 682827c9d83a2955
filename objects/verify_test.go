package objects

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

const photo = "inputs/u_1/j_1/0.jpg"

func presigner() *Presigner { return &Presigner{AccessKey: awsKey, Secret: awsSecret} }

// request makes the Request that an HTTP client sends for a URL.
func request(t testing.TB, method, signed string) Request {
	t.Helper()
	u, err := url.Parse(signed)
	if err != nil {
		t.Fatal(err)
	}
	return Request{Method: method, Path: u.EscapedPath(), Query: u.RawQuery, Host: u.Host, Header: headers()}
}

func presigned(t testing.TB, a Ask) Request {
	t.Helper()
	if a.Base == "" {
		a.Base = "http://10.0.0.1:8080"
	}
	if a.At.IsZero() {
		a.At = awsTime
	}
	if a.Expires == 0 {
		a.Expires = time.Hour
	}
	signed, err := presigner().URL(a)
	if err != nil {
		t.Fatal(err)
	}
	return request(t, a.Method, signed)
}

func put(t testing.TB) Request {
	return presigned(t, Ask{Method: "PUT", Bucket: "photos", Key: photo, Fence: 7})
}

func TestVerify_Presigned(t *testing.T) {
	claim, err := awsVerifier().Verify(put(t))
	if err != nil {
		t.Fatal(err)
	}
	if !claim.Presigned || claim.AccessKey != awsKey || claim.Payload != "" {
		t.Errorf("claim %+v", claim)
	}
	if fence, ok := claim.Param(FenceParam); !ok || fence != "7" {
		t.Errorf("fence %q %v", fence, ok)
	}
}

// What a store alone cannot show; the rest of the table is package refusals.
func TestVerify_Refusals(t *testing.T) {
	query := func(r *Request, old, new string) {
		if !strings.Contains(r.Query, old) {
			t.Fatalf("no %q in %s", old, r.Query)
		}
		r.Query = strings.Replace(r.Query, old, new, 1)
	}
	for _, e := range []struct {
		name  string
		alter func(r *Request, v *Verifier)
		want  Code
	}{
		{"only a fence", func(r *Request, v *Verifier) { r.Query = "x-stoker-fence=7" }, AccessDenied},
		{"another fence", func(r *Request, v *Verifier) { query(r, "x-stoker-fence=7", "x-stoker-fence=8") }, SignatureMismatch},
		{"no fence", func(r *Request, v *Verifier) { query(r, "&x-stoker-fence=7", "") }, SignatureMismatch},
		{"a name of nobody's", func(r *Request, v *Verifier) {
			r.Host, v.Aliases = "elsewhere:8080", func() []string { return []string{"10.0.0.1:8080"} }
		}, SignatureMismatch},
		{"a foreign host", func(r *Request, v *Verifier) { v.Host = func(string) bool { return false } }, AccessDenied},
		{"revoked to an empty secret", func(r *Request, v *Verifier) {
			v.Keys = func(string) (Key, bool, error) { return Key{}, true, nil }
		}, InvalidAccessKey},
		{"another secret", func(r *Request, v *Verifier) {
			v.Keys = func(string) (Key, bool, error) { return Key{Secret: "other"}, true, nil }
		}, SignatureMismatch},
		{"another region", func(r *Request, v *Verifier) { query(r, "auto", "eu-west-1") }, AuthQueryMalformed},
		{"a legal region that was not signed", func(r *Request, v *Verifier) { query(r, "auto", "us-east-1") }, SignatureMismatch},
		{"two expiries", func(r *Request, v *Verifier) { r.Query += "&X-Amz-Expires=604800" }, AuthQueryMalformed},
	} {
		t.Run(e.name, func(t *testing.T) {
			r, v := put(t), awsVerifier()
			e.alter(&r, v)
			_, err := v.Verify(r)
			wantCode(t, err, e.want)
		})
	}
}

func TestVerify_HeaderRefusals(t *testing.T) {
	const credential = "Credential=" + awsKey + "/20130524/us-east-1/s3/aws4_request"
	const rest = ",SignedHeaders=host;x-amz-content-sha256;x-amz-date,Signature=00"
	for _, e := range []struct {
		name, auth, stamp, hash string
		now                     time.Duration
		want                    Code
	}{
		{"no date", credential + rest, "", emptyHash, 0, AccessDenied},
		{"headers out of order", credential + ",SignedHeaders=x-amz-date;host,Signature=00", "20130524T000000Z", emptyHash, 0, AuthHeaderMalformed},
		{"a part twice", credential + rest + ",Signature=01", "20130524T000000Z", emptyHash, 0, AuthHeaderMalformed},
		{"a part missing", credential, "20130524T000000Z", emptyHash, 0, AuthHeaderMalformed},
	} {
		t.Run(e.name, func(t *testing.T) {
			pairs := []string{"Authorization", algorithm + " " + e.auth}
			if e.stamp != "" {
				pairs = append(pairs, "X-Amz-Date", e.stamp)
			}
			if e.hash != "" {
				pairs = append(pairs, "X-Amz-Content-Sha256", e.hash)
			}
			v := awsVerifier()
			v.Now = func() time.Time { return awsTime.Add(e.now) }
			_, err := v.Verify(Request{Method: "GET", Path: "/photos/a", Host: awsHost, Header: headers(pairs...)})
			wantCode(t, err, e.want)
		})
	}
}

// A URL that one node signed is good under another node's name, and under no
// other.
func TestVerify_EveryNode(t *testing.T) {
	members := []string{"10.0.0.1:8080", "10.0.0.2:8080", "10.0.0.3:8080"}
	v := awsVerifier()
	v.Aliases = func() []string { return members }
	for _, host := range members {
		r := put(t)
		r.Host = host
		if _, err := v.Verify(r); err != nil {
			t.Errorf("%s: %v", host, err)
		}
	}
	stranger := presigned(t, Ask{Method: "PUT", Base: "http://elsewhere:8080", Bucket: "photos", Key: photo})
	stranger.Host = members[1]
	_, err := v.Verify(stranger)
	wantCode(t, err, SignatureMismatch)
}

func TestPresign_Refusals(t *testing.T) {
	good := Ask{Method: "GET", Base: "http://a", Bucket: "photos", Key: "k", Expires: time.Hour, At: awsTime}
	for name, alter := range map[string]func(*Ask){
		"base with a path":   func(a *Ask) { a.Base = "http://a/b" },
		"base without http":  func(a *Ask) { a.Base = "a:8080" },
		"bad bucket":         func(a *Ask) { a.Bucket = "A" },
		"bad key":            func(a *Ask) { a.Key = "../a" },
		"too short":          func(a *Ask) { a.Expires = time.Millisecond },
		"longer than a week": func(a *Ask) { a.Expires = maxExpires + time.Second },
	} {
		a := good
		alter(&a)
		if got, err := presigner().URL(a); err == nil {
			t.Errorf("%s: %s", name, got)
		}
	}
}

// A client leaves out a scheme's own port, and so does the signature.
func TestPresign_DefaultPort(t *testing.T) {
	r := presigned(t, Ask{Method: "GET", Base: "https://Photos.Example.com:443/", Bucket: "photos", Key: "k"})
	if r.Host != "photos.example.com" {
		t.Errorf("host %q", r.Host)
	}
	if _, err := awsVerifier().Verify(r); err != nil {
		t.Error(err)
	}
}

// Whatever key is legal survives the way through a URL.
func TestPresign_RoundTrip(t *testing.T) {
	segment := rapid.StringOfN(rapid.OneOf(
		rapid.RuneFrom([]rune(" +~%&=?#;:@!$'()*,[]\\\"<>^`{|}-_.aZ0")),
		rapid.RuneFrom([]rune("사진é😀ß\u00a0\u3000")),
	), 1, 20, -1)
	rapid.Check(t, func(rt *rapid.T) {
		key := strings.Join(rapid.SliceOfN(segment, 1, 4).Draw(rt, "segments"), "/")
		if CheckKey(key) != nil {
			return
		}
		ask := Ask{
			Method: rapid.SampledFrom([]string{"GET", "PUT", "HEAD"}).Draw(rt, "method"),
			Bucket: "photos", Key: key, Fence: rapid.Uint64().Draw(rt, "fence"),
			Expires: time.Duration(rapid.IntRange(61, 604800).Draw(rt, "seconds")) * time.Second,
		}
		r := presigned(t, ask)
		if _, err := awsVerifier().Verify(r); err != nil {
			rt.Fatalf("%q: %v", key, err)
		}
		bucket, back, err := splitPath(r.Path)
		if err != nil || bucket != "photos" || back != key {
			rt.Fatalf("%q came back as %q: %v", key, back, err)
		}
	})
}
