package client

import (
	"errors"
	"net/http"
	"testing"
	"time"
)

// TestVerifyWebhook holds it against a signature that Python's hmac made.
func TestVerifyWebhook(t *testing.T) {
	const (
		secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLw"
		good   = "v1,/Xy7FLfFISa1TZH7WLT+0x/orG5MlcutAFOpVan3/00="
		body   = `{"test": 2432232314}`
	)
	sent := time.Unix(1614265330, 0)
	verify := func(change func(h http.Header), secret, body string, now time.Time) error {
		h := http.Header{}
		for name, value := range map[string]string{"webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek", "webhook-timestamp": "1614265330", "webhook-signature": good} {
			h.Set(name, value)
		}
		change(h)
		return VerifyWebhook(secret, h, []byte(body), now)
	}
	as := func(http.Header) {}
	set := func(name, value string) func(http.Header) { return func(h http.Header) { h.Set(name, value) } }
	for what, err := range map[string]error{
		"as it was sent":           verify(as, secret, body, sent.Add(time.Minute)),
		"behind an unknown scheme": verify(set("webhook-signature", "v1a,xx v1,AAAA "+good), secret, body, sent),
		"with padding":             verify(as, secret+"==", body, sent),
	} {
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	for what, err := range map[string]error{
		"another body":      verify(as, secret, body+" ", sent),
		"another secret":    verify(as, "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAA", body, sent),
		"another id":        verify(set("webhook-id", "msg_2"), secret, body, sent),
		"another time":      verify(set("webhook-timestamp", "1614265331"), secret, body, sent),
		"no time":           verify(set("webhook-timestamp", "now"), secret, body, sent),
		"no id":             verify(set("webhook-id", ""), secret, body, sent),
		"no signature":      verify(set("webhook-signature", ""), secret, body, sent),
		"another scheme":    verify(set("webhook-signature", "v2"+good[2:]), secret, body, sent),
		"too old":           verify(as, secret, body, sent.Add(6*time.Minute)),
		"from the future":   verify(as, secret, body, sent.Add(-6*time.Minute)),
		"cut off signature": verify(set("webhook-signature", good[:20]), secret, body, sent),
	} {
		if !errors.Is(err, ErrWebhook) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := verify(as, "", body, sent); err == nil {
		t.Error("without a secret everything is good")
	}
}
