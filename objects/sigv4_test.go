package objects

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

// The examples of AWS's own documentation, so that we are compared with
// somebody else's arithmetic and not with ours:
// https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
// https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
const (
	awsKey    = "AKIAIOSFODNN7EXAMPLE"
	awsSecret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
	awsHost   = "examplebucket.s3.amazonaws.com"
	emptyHash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
)

var awsTime = time.Date(2013, 5, 24, 0, 0, 0, 0, time.UTC)

func awsVerifier() *Verifier {
	return &Verifier{
		Keys: func(k string) (Key, bool, error) { return Key{Secret: awsSecret}, k == awsKey, nil },
		Now:  func() time.Time { return awsTime.Add(time.Minute) },
	}
}

// headers makes a Request.Header of name, value, name, value, …
func headers(pairs ...string) func(string) []string {
	h := http.Header{}
	for i := 0; i < len(pairs); i += 2 {
		h.Add(pairs[i], pairs[i+1])
	}
	return h.Values
}

func TestSign_PresignedExampleOfAWS(t *testing.T) {
	s := scope{day: "20130524", region: "us-east-1"}
	c := canonical{
		method: "GET", path: "/test.txt", payload: unsignedPayload,
		headers: []field{{"host", awsHost}},
		query: []field{
			{"X-Amz-Algorithm", algorithm},
			{"X-Amz-Credential", awsKey + "/20130524/us-east-1/s3/aws4_request"},
			{"X-Amz-Date", "20130524T000000Z"},
			{"X-Amz-Expires", "86400"},
			{"X-Amz-SignedHeaders", "host"},
		},
	}
	const want = "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"
	if got := c.sign(signingKey(awsSecret, s), "20130524T000000Z", s); got != want {
		t.Errorf("signature %s, AWS says %s", got, want)
	}
	_, err := awsVerifier().Verify(Request{
		Method: "GET", Path: "/test.txt", Host: awsHost, Header: headers(),
		Query: canonicalQuery(c.query) + "&X-Amz-Signature=" + want,
	})
	if err != nil {
		t.Error(err)
	}
}

func TestVerify_HeaderExamplesOfAWS(t *testing.T) {
	for _, e := range []struct {
		name, method, path, query string
		signed, signature         string
		headers                   []string
	}{
		{
			name: "get a range", method: "GET", path: "/test.txt",
			signed:    "host;range;x-amz-content-sha256;x-amz-date",
			signature: "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
			headers:   []string{"Range", "bytes=0-9", "X-Amz-Content-Sha256", emptyHash},
		},
		{
			name: "put", method: "PUT", path: "/test%24file.text",
			signed:    "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
			signature: "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
			headers: []string{
				"Date", "Fri, 24 May 2013 00:00:00 GMT", "X-Amz-Storage-Class", "REDUCED_REDUNDANCY",
				"X-Amz-Content-Sha256", "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072",
			},
		},
		{
			name: "lifecycle", method: "GET", path: "/", query: "lifecycle",
			signed:    "host;x-amz-content-sha256;x-amz-date",
			signature: "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
			headers:   []string{"X-Amz-Content-Sha256", emptyHash},
		},
		{
			name: "list", method: "GET", path: "/", query: "max-keys=2&prefix=J",
			signed:    "host;x-amz-content-sha256;x-amz-date",
			signature: "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
			headers:   []string{"X-Amz-Content-Sha256", emptyHash},
		},
	} {
		t.Run(e.name, func(t *testing.T) {
			auth := algorithm + " Credential=" + awsKey + "/20130524/us-east-1/s3/aws4_request,SignedHeaders=" +
				e.signed + ",Signature=" + e.signature
			r := Request{
				Method: e.method, Path: e.path, Query: e.query, Host: awsHost,
				Header: headers(append(e.headers, "X-Amz-Date", "20130524T000000Z", "Authorization", auth)...),
			}
			claim, err := awsVerifier().Verify(r)
			if err != nil {
				t.Fatal(err)
			}
			if claim.Presigned || claim.AccessKey != awsKey || claim.Payload != r.Header("x-amz-content-sha256")[0] {
				t.Errorf("claim %+v", claim)
			}
		})
	}
}

func TestEscape(t *testing.T) {
	for in, want := range map[string]string{
		"a b+c~d":  "a%20b%2Bc~d",
		"사진/é.jpg": "%EC%82%AC%EC%A7%84/%C3%A9.jpg",
		"-._~AZaz": "-._~AZaz",
		"%=&?#":    "%25%3D%26%3F%23",
	} {
		if got := escape(in, true); got != want {
			t.Errorf("escape(%q) = %q, want %q", in, got, want)
		}
	}
	if got := escape("a/b", false); got != "a%2Fb" {
		t.Errorf("a slash in a query is %q", got)
	}
}

func TestKeyring_StaysSmall(t *testing.T) {
	var r keyring
	for i := range 3 * ringLimit {
		s := scope{day: awsTime.AddDate(0, 0, i).Format("20060102"), region: "auto"}
		want := signingKey("s", s)
		for range 2 { // once derived, once remembered
			if got := r.key("s", s); string(got) != string(want) {
				t.Fatalf("the key of %v is wrong", s)
			}
		}
	}
	if len(r.keys) > ringLimit {
		t.Errorf("%d keys", len(r.keys))
	}
}

// replaceOne changes the character at i into another that is legal there.
func replaceOne(s string, i int) string {
	c := byte('0')
	if s[i] == c {
		c = '1'
	}
	return s[:i] + string(c) + s[i+1:]
}

// mutants are all strings that differ from s in one character.
func mutants(s string) []string {
	all := make([]string, len(s))
	for i := range s {
		all[i] = replaceOne(s, i)
	}
	return all
}

func wantCode(t *testing.T, err error, codes ...Code) {
	t.Helper()
	var names []string
	for _, c := range codes {
		if strings.HasPrefix(errorText(err), string(c)+":") {
			return
		}
		names = append(names, string(c))
	}
	t.Errorf("got %s, want %s", errorText(err), strings.Join(names, " or "))
}

func errorText(err error) string {
	if err == nil {
		return "no error"
	}
	return err.Error()
}
