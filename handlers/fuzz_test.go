package handlers

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"stoker/fsm"
)

// body has a member of each kind that requests have.
type body struct {
	Name     string                    `json:"name"`
	Count    whole                     `json:"item_count"`
	Yes      bool                      `json:"auto_confirm"`
	Protect  []string                  `json:"protect"`
	Concepts map[string]map[string]any `json:"concepts"`
	Wait     *int                      `json:"wait_s"`
}

// FuzzDecode holds the decoder of bodies against that of the standard library: what it takes is JSON, and says there what it
// says here; what it refuses is refused by name. Two bodies that say the same have one hash.
func FuzzDecode(f *testing.F) {
	for _, text := range []string{
		``, `{}`, `{"name":"a","item_count":3,"auto_confirm":true,"protect":["Wall"],"concepts":{"Wall":{"action":"recolor"}},"wait_s":30}`,
		`{"item_count":1e2}`, `{"item_count":1.5}`, `{"item_count":9007199254740993}`, `{"name":null,"wait_s":null}`, `{"name":"a","name":"b"}`,
		"{\"name\":\"\xff\"}", `{"name":"\ud800"}`, `{"NAME":"a"}`, `{"concepts":{"a":{"b":[[[[1e400]]]]}}}`, `[1]`, `{"name":"a"} {}`, strings.Repeat("[", 20_000),
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var got body
		c := &call{body: bytes.TrimSpace(text)}
		if err := c.decode(&got); err != nil {
			var r *fsm.Refusal
			if !errors.As(err, &r) || r.Code != fsm.ValidationFailed || len(r.Fields) == 0 || utf8.RuneCountInString(r.Fields[0].Field) > 120 {
				t.Errorf("refused with %v", err)
			}
			return
		}
		if len(c.body) == 0 {
			return
		}
		var members map[string]json.RawMessage
		if err := json.Unmarshal(c.body, &members); err != nil {
			t.Fatalf("taken, and %v", err)
		}
		var want body
		for name, into := range map[string]any{"name": &want.Name, "auto_confirm": &want.Yes, "protect": &want.Protect, "wait_s": &want.Wait} {
			if said, is := members[name]; is {
				if err := json.Unmarshal(said, into); err != nil {
					t.Errorf("%s is taken, and %v", name, err)
				}
			}
		}
		var count float64
		if said, is := members["item_count"]; is && (json.Unmarshal(said, &count) != nil || float64(got.Count) != count) {
			t.Errorf("item_count %s is taken as %d", said, got.Count)
		}
		if got.Name != want.Name || got.Yes != want.Yes || strings.Join(got.Protect, "\x00") != strings.Join(want.Protect, "\x00") ||
			(got.Wait == nil) != (want.Wait == nil) || got.Wait != nil && *got.Wait != *want.Wait {
			t.Errorf("taken as %+v, says %+v", got, want)
		}
		var spaced bytes.Buffer
		if err := json.Indent(&spaced, c.body, "", "\t"); err != nil {
			t.Fatal(err)
		}
		if other := (&call{body: spaced.Bytes()}); !bytes.Equal(c.bodyHash(), other.bodyHash()) {
			t.Error("with other spaces it has another hash")
		}
	})
}

// FuzzToken signs whatever is to be in a token with the right key, or nearly so, and holds what is read of it against RFC 7515
// done by hand: nothing is taken that this key has not signed as HS256, and what is taken says what it says.
func FuzzToken(f *testing.F) {
	coded := base64.RawURLEncoding.EncodeToString
	const good = `{"alg":"HS256","kid":"k1","typ":"JWT"}`
	for _, seed := range [][2]string{
		{good, `{"sub":"u_1","exp":4000000000}`}, {good, `{"sub":"u_1"}`}, {good, `{"sub":["u_1"],"exp":"soon"}`}, {good, `{"sub":"../x","exp":1e300}`},
		{good, `{"sub":"u_1","exp":4000000000,"sub":"u_2"}`}, {`{"alg":"none"}`, `{"sub":"u_1","exp":4000000000}`}, {`{"alg":"HS256","alg":"none"}`, `{}`},
		{`{"alg":"HS256","crit":["b64"],"b64":false}`, `{"sub":"u_1","exp":4000000000}`}, {`{"alg":"HS256","jwk":{"kty":"oct","k":"eA"}}`, `{}`},
	} {
		f.Add([]byte(seed[0]), []byte(seed[1]), []byte(nil), "")
	}
	f.Add([]byte(good), []byte(`{"sub":"u_1","exp":4000000000}`), []byte{1}, "")
	f.Add([]byte(nil), []byte(nil), []byte(nil), `{"payload":"e30","signatures":[{"protected":"e30","signature":""}]}`)
	f.Fuzz(func(t *testing.T, head, payload, bend []byte, whole string) {
		mac := hmac.New(sha256.New, testSecret)
		mac.Write([]byte(coded(head) + "." + coded(payload)))
		sig := mac.Sum(nil)
		right := whole == ""
		for i, b := range bend {
			sig[i%len(sig)] ^= b
			right = right && b == 0
		}
		token := coded(head) + "." + coded(payload) + "." + coded(sig)
		if whole != "" {
			token = whole
		}
		kid, err := pinned(token)
		var c claims
		if err == nil {
			c, err = read(token, kid, testSecret)
		}
		if err != nil {
			if !errors.Is(err, errForged) {
				t.Errorf("refused with %v", err)
			}
			return
		}
		if !right {
			t.Fatalf("%s was not signed, and is taken as %+v", token, c)
		}
		var h struct{ Alg, Kid string }
		var p struct{ Sub string }
		if err := errors.Join(json.Unmarshal(head, &h), json.Unmarshal(payload, &p)); err != nil {
			t.Fatalf("taken, and %v", err)
		}
		if h.Alg != "HS256" || h.Kid != kid || p.Sub != c.user || !saneName.MatchString(c.user) || c.exp.IsZero() {
			t.Errorf("%s . %s is taken as %+v", head, payload, c)
		}
	})
}
