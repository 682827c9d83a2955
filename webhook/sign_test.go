package webhook

import (
	"strings"
	"testing"
	"time"
)

// TestSign_vector: what Python's hmac makes of the same; with two keys there are two signatures.
func TestSign_vector(t *testing.T) {
	key, err := Key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLw")
	if err != nil {
		t.Fatal(err)
	}
	other, _ := Key("sixteen bytes at least")
	got := Sign([][]byte{key, other}, "msg_p5jXN8AQM9LWM0D4loKWxJek", time.Unix(1614265330, 0), []byte(`{"test": 2432232314}`))
	first, second, both := strings.Cut(got, " ")
	if !both || first != "v1,/Xy7FLfFISa1TZH7WLT+0x/orG5MlcutAFOpVan3/00=" || !strings.HasPrefix(second, "v1,") || first == second {
		t.Fatal(got)
	}
}

func TestKey_refuses(t *testing.T) {
	for _, secret := range []string{"", "short", "whsec_not base64 at all!", "whsec_c2hvcnQ="} {
		if _, err := Key(secret); err == nil {
			t.Errorf("%q signs", secret)
		}
	}
}
