package access

import (
	"strings"
	"testing"

	"stoker/client"
)

// What is printed can be pasted: every client's section has both halves and the endpoint.
func TestSettings(t *testing.T) {
	for endpoint, plain := range map[string]bool{"https://photos.example.com": false, "http://10.0.0.1:8080": true} {
		var out strings.Builder
		Settings(&out, client.AccessKey{AccessKey: "STOKERKEY"}, "the-secret", client.ObjectStore{Endpoint: endpoint, Region: "auto", Bucket: "photos"})
		for _, line := range []string{
			"aws_access_key_id = STOKERKEY\naws_secret_access_key = the-secret\n", "endpoint_url = " + endpoint + "\n", "region = auto\n",
			"access_key_id = STOKERKEY\nsecret_access_key = the-secret\nendpoint = " + endpoint + "\n", "path style: " + endpoint + "/photos/KEY",
		} {
			if !strings.Contains(out.String(), line) {
				t.Errorf("%q is not in\n%s", line, out.String())
			}
		}
		if got := strings.Contains(out.String(), "use_unsigned_payload = false"); got != plain {
			t.Errorf("%s: rclone signs payloads: %v", endpoint, got)
		}
	}
}
