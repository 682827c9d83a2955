package pki

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// joinPrefix tells people what they look at.
const joinPrefix = "stoker-join."

// JoinToken is what lets a node into a running cluster: where the cluster is, how
// to know it before anything is said to it, and what opens it.
type JoinToken struct {
	ID        string   `json:"id"`
	Secret    []byte   `json:"secret"`
	CAs       []string `json:"cas"`       // fingerprints
	Endpoints []string `json:"endpoints"` // cluster ports, host:port
	For       string   `json:"for,omitempty"`
}

// NewJoinToken makes one that nobody can guess, for a node id or, when that is
// empty, for any. The cluster is told its ID and Hash, and says the rest.
func NewJoinToken(node string) JoinToken {
	t := JoinToken{ID: "jt_" + strings.ToLower(rand.Text()[:10]), Secret: make([]byte, 20), For: node}
	rand.Read(t.Secret) // never fails: it ends the process instead
	return t
}

// Hash is what the cluster keeps of the secret: its SHA-256.
func (t JoinToken) Hash() []byte {
	sum := sha256.Sum256(t.Secret)
	return sum[:]
}

// String is the token as people copy it.
func (t JoinToken) String() string {
	raw, err := json.Marshal(t)
	if err != nil {
		panic(err) // strings and bytes always go in
	}
	return joinPrefix + base64.RawURLEncoding.EncodeToString(raw)
}

// ParseJoinToken reads what String wrote.
func ParseJoinToken(text string) (t JoinToken, err error) {
	coded, ok := strings.CutPrefix(strings.TrimSpace(text), joinPrefix)
	if !ok {
		return t, fmt.Errorf("a join token begins with %s: copy the whole line that `stoker token create` printed", joinPrefix)
	}
	raw, err := base64.RawURLEncoding.DecodeString(coded)
	if err == nil {
		err = json.Unmarshal(raw, &t)
	}
	if err == nil && (t.ID == "" || len(t.Secret) == 0 || len(t.CAs) == 0) {
		err = errors.New("parts are missing")
	}
	for _, f := range t.CAs {
		if sum, bad := hex.DecodeString(f); err == nil && (bad != nil || len(sum) != sha256.Size) {
			err = errors.New("a fingerprint is broken")
		}
	}
	if err != nil {
		return t, fmt.Errorf("the join token is cut or changed (%w): copy the whole line that `stoker token create` printed", err)
	}
	return t, nil
}
