package store

import (
	"encoding/binary"
	"fmt"
	"strings"
)

// Key is a tuple of strings and numbers, encoded so that the order of the
// bytes is the order of the tuples: compare the first parts, then the second,
// and so on. Keys of one table must have the same shape, part by part.
//
// The empty Key stands before every other and is the prefix of all of them.
type Key string

// A string part ends with 0x00 0x01 and a 0x00 inside it becomes 0x00 0xFF
// (the encoding of CockroachDB). FoundationDB's shorter form, one 0x00 as the
// end, would not do: it needs a type code after it, and we have none, so a
// Uint part that begins with 0xFF would read as an escaped zero.
const (
	strEnd    = "\x00\x01"
	strEscape = "\x00\xff"
)

// Str is the key of one string part.
func Str(s string) Key { return Key("").Str(s) }

// Uint is the key of one number part.
func Uint(n uint64) Key { return Key("").Uint(n) }

// Str appends a string part. Any bytes are allowed, 0x00 too.
func (k Key) Str(s string) Key {
	return k.StrPrefix(s) + strEnd
}

// StrPrefix appends the open beginning of a string part: as a prefix of Scan it
// matches every key whose next part begins with s. It is no key by itself.
func (k Key) StrPrefix(s string) Key {
	if strings.IndexByte(s, 0) < 0 {
		return k + Key(s)
	}
	return k + Key(strings.ReplaceAll(s, "\x00", strEscape))
}

// Uint appends a number part, 8 bytes big-endian.
func (k Key) Uint(n uint64) Key {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], n)
	return k + Key(b[:])
}

// PopStr reads the first part, which must be a string, and returns the rest.
// It panics with *Corrupt if there is no such part.
func (k Key) PopStr() (string, Key) {
	escaped := false
	for i := 0; i+1 < len(k); i++ {
		if k[i] != 0 {
			continue
		}
		switch k[i+1] {
		case strEnd[1]:
			s := string(k[:i])
			if escaped {
				s = strings.ReplaceAll(s, strEscape, "\x00")
			}
			return s, k[i+2:]
		case strEscape[1]:
			escaped = true
			i++
		default:
			panic(&Corrupt{Key: string(k), Err: fmt.Errorf("byte %#02x after 0x00 in a string part", k[i+1])})
		}
	}
	panic(&Corrupt{Key: string(k), Err: fmt.Errorf("no end of a string part in %d bytes", len(k))})
}

// PopUint reads the first part, which must be a number, and returns the rest.
// It panics with *Corrupt if there is no such part.
func (k Key) PopUint() (uint64, Key) {
	if len(k) < 8 {
		panic(&Corrupt{Key: string(k), Err: fmt.Errorf("%d bytes are no number part", len(k))})
	}
	return binary.BigEndian.Uint64([]byte(k[:8])), k[8:]
}

// above is the smallest string greater than all that begin with prefix.
// Every full key begins with a table's name, so there always is one.
func above(prefix string) string {
	b := []byte(prefix)
	for i := len(b) - 1; i >= 0; i-- {
		if b[i] < 0xff {
			b[i]++
			return string(b[:i+1])
		}
	}
	panic("store: nothing is above " + fmt.Sprintf("%q", prefix))
}
