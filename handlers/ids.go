package handlers

import (
	"crypto/rand"
	"encoding/base32"
	"regexp"
	"strings"
)

// newID makes an identifier that nobody can guess: 100 bits behind a prefix.
// The proposer makes it, since the machine has no chance of its own.
func newID(prefix string) string {
	var b [13]byte
	rand.Read(b[:]) // never fails: crypto/rand ends the program instead
	return prefix + strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(b[:]))[:20]
}

// saneName is what any id in a path or a body may look like; what does not is
// not found, and never reaches a key.
var saneName = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,64}$`)
