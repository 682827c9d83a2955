package client

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// webhookTolerance is how old a message may be, and how far the two clocks apart: who
// records one cannot send it again for longer.
const webhookTolerance = 5 * time.Minute

// WebhookEvent is the body of a webhook's POST. What has no meaning for its type is zero.
type WebhookEvent struct {
	ID       string    `json:"id"`   // of the event: one that arrives twice has it twice
	Type     string    `json:"type"` // job.done, job.failed, job.canceled, item.done, item.failed, item.dead; ping
	At       time.Time `json:"at"`
	Index    uint64    `json:"index"` // with Ordinal the place in the order of all that happens
	Ordinal  uint32    `json:"ordinal"`
	JobID    string    `json:"job_id"`
	UserID   string    `json:"user_id"`
	Preset   string    `json:"preset"`
	RetryOf  string    `json:"retry_of"`
	Progress struct {
		Done   int `json:"done"`
		Failed int `json:"failed"`
		Total  int `json:"total"`
	} `json:"progress"` // of job.…
	Idx        *int   `json:"idx"` // of item.…
	Reason     string `json:"reason"`
	OutputKey  string `json:"output_key"` // of item.done
	PreviewKey string `json:"preview_key"`
}

// ErrWebhook is wrapped by every error of VerifyWebhook: answer 400 and do nothing.
var ErrWebhook = errors.New("client: this is no message of the webhook's")

// VerifyWebhook says whether a message is from the cluster: signed with the secret that signs the webhook, not changed since,
// and not older than five minutes. body is as it came, before any parsing. Both the secret and the scheme are those of Standard
// Webhooks (https://www.standardwebhooks.com), so any library of it does the same.
func VerifyWebhook(secret string, headers http.Header, body []byte, now time.Time) error {
	key := []byte(secret)
	if text, prefixed := strings.CutPrefix(secret, "whsec_"); prefixed {
		var err error
		if key, err = base64.RawStdEncoding.DecodeString(strings.TrimRight(text, "=")); err != nil {
			return errors.New("client: what is behind whsec_ in the secret is no base64")
		}
	}
	if len(key) == 0 {
		return errors.New("client: the secret of the webhook is empty")
	}
	id, stamp := headers.Get("Webhook-Id"), headers.Get("Webhook-Timestamp")
	seconds, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil || id == "" {
		return fmt.Errorf("%w: its headers are missing", ErrWebhook)
	}
	if age := now.Sub(time.Unix(seconds, 0)); age > webhookTolerance || age < -webhookTolerance {
		return fmt.Errorf("%w: it was sent at %d, %v off our clock", ErrWebhook, seconds, age.Round(time.Second))
	}
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(id + "." + stamp + "."))
	mac.Write(body)
	want := mac.Sum(nil)
	for _, one := range strings.Fields(headers.Get("Webhook-Signature")) {
		text, v1 := strings.CutPrefix(one, "v1,")
		got, err := base64.StdEncoding.DecodeString(text)
		if v1 && err == nil && hmac.Equal(got, want) {
			return nil
		}
	}
	return fmt.Errorf("%w: no signature fits", ErrWebhook)
}
