package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"strconv"
	"strings"
	"time"
)

// The headers of Standard Webhooks (https://www.standardwebhooks.com).
const (
	HeaderID        = "webhook-id"
	HeaderTimestamp = "webhook-timestamp"
	HeaderSignature = "webhook-signature"
)

// leastSecret is how many bytes a secret has at least: as many as the digest that
// it keys would be half of.
const leastSecret = 16

// Key is what a secret signs with: what is behind whsec_ in base64, or its own bytes.
func Key(secret string) ([]byte, error) {
	key := []byte(secret)
	if text, prefixed := strings.CutPrefix(secret, "whsec_"); prefixed {
		var err error
		if key, err = base64.RawStdEncoding.DecodeString(strings.TrimRight(text, "=")); err != nil {
			return nil, errors.New("what is behind whsec_ is no base64")
		}
	}
	if len(key) < leastSecret {
		return nil, errors.New("needs 16 bytes at least: `echo whsec_$(openssl rand -base64 32)` makes a good one")
	}
	return key, nil
}

// Sign makes the signature header: one signature for each key.
func Sign(keys [][]byte, id string, at time.Time, body []byte) string {
	signed := make([]string, len(keys))
	for i, key := range keys {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(id + "." + strconv.FormatInt(at.Unix(), 10) + "."))
		mac.Write(body)
		signed[i] = "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	}
	return strings.Join(signed, " ")
}
