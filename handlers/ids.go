package handlers

import (
	"crypto/rand"
	"encoding/base32"
	cheap "math/rand/v2"
	"strings"
)

// newID makes an identifier that nobody can guess: 100 bits behind a prefix.
// The proposer makes it, since the machine has no chance of its own.
func newID(prefix string) string {
	var b [13]byte
	rand.Read(b[:]) // never fails: crypto/rand ends the program instead
	return prefix + strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(b[:]))[:20]
}

// newRequestID makes a name for a request. It opens nothing, and every request has one, so that it need not cost what newID does.
func newRequestID() string {
	const letters = "abcdefghijklmnopqrstuvwxyz234567"
	var id [20]byte
	for i := 0; i < len(id); i += 10 {
		for j, bits := i, cheap.Uint64(); j < i+10; j, bits = j+1, bits>>5 {
			id[j] = letters[bits&31]
		}
	}
	return "req_" + string(id[:])
}

// saneName is what any id in a path or a body may look like; what does not is
// not found, and never reaches a key.
var saneName = saneOf(1, 64, upper+lower+digits+"_.-")
