package store

import (
	"math"

	"github.com/fxamacker/cbor/v2"
)

// encoding is RFC 8949 section 4.2.1, core deterministic encoding: equal values
// give equal bytes on every node, map keys sorted, shortest form of numbers.
var encoding = func() cbor.EncMode {
	m, err := cbor.CoreDetEncOptions().EncMode()
	if err != nil {
		panic(err)
	}
	return m
}()

// decoding takes back whatever encoding gives out. The library's own defaults
// are narrower than its encoder: a string that is not UTF-8, or a list of more
// than 131072, could be written and never read again. Unknown fields are
// ignored, so that a node can read the records of a newer one.
var decoding = func() cbor.DecMode {
	m, err := cbor.DecOptions{
		UTF8:             cbor.UTF8DecodeInvalid,
		MaxArrayElements: math.MaxInt32,
		MaxMapPairs:      math.MaxInt32,
		MaxNestedLevels:  256,
	}.DecMode()
	if err != nil {
		panic(err)
	}
	return m
}()
