package store

import (
	"fmt"
	"slices"
	"strings"
	"sync"
)

// All tables and indexes share one bbolt bucket. Each has a space: the keys
// that begin with its name and a zero byte. Names hold no zero byte, so no space
// is within another; the space of the empty name is the store's own.

// MaxKey is the longest key that Put takes, in bytes: bbolt's 32768 less a
// name's share. An index position, index key and primary key, counts as one key.
const MaxKey = maxFullKey - 512

const maxFullKey = 32768 // bolt.MaxKeySize

// declared is what package variables declared; Open and Restore read it.
var declared struct {
	sync.Mutex
	names   map[string]bool
	indexes []indexDeclaration // sorted by name
	apart   map[string]bool    // tables that are in no Digest
}

// indexDeclaration is what it takes to build an index without its type.
type indexDeclaration struct {
	name   string
	table  string                                  // the space of its table
	derive func(k Key, raw []byte) (full []string) // the positions of one record
}

// register takes a name and returns its space. An index is named after its
// table, a '/' between. It panics if the name is taken, since two tables in one
// space would read each other's rows, or holds anything but letters, digits,
// '_' and '-'.
func register(table, index string) string {
	name := table
	if index != "" {
		name += "/" + index
	}
	odd := func(r rune) bool {
		return r != '_' && r != '-' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	}
	if table == "" || len(name) > 256 || strings.ContainsFunc(table+index, odd) {
		panic(fmt.Sprintf("store: %q cannot be the name of a table or index", name))
	}
	declared.Lock()
	defer declared.Unlock()
	if declared.names[name] {
		panic(fmt.Sprintf("store: there are two tables or indexes %q", name))
	}
	if declared.names == nil {
		declared.names = map[string]bool{}
	}
	declared.names[name] = true
	return name + "\x00"
}

func declareIndex(d indexDeclaration) {
	declared.Lock()
	defer declared.Unlock()
	declared.indexes = append(declared.indexes, d)
	slices.SortFunc(declared.indexes, func(a, b indexDeclaration) int { return strings.Compare(a.name, b.name) })
}

func declaredIndexes() []indexDeclaration {
	declared.Lock()
	defer declared.Unlock()
	return slices.Clone(declared.indexes)
}

func fullKey(space string, k Key) string {
	if len(k) > MaxKey {
		panic(fmt.Sprintf("store: a key of %d bytes, at most %d are allowed: %.64q…", len(k), MaxKey, string(k)))
	}
	return space + string(k)
}

// spaceOf is the name in front of a full key.
func spaceOf(full string) string {
	name, _, _ := strings.Cut(full, "\x00")
	return name
}
