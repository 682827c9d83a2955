package store

import "iter"

// Project walks a table as Table.Scan does and decodes of each record only what P
// has: a struct with some of the numbers of the table's type. Decoding is most of
// what a long walk costs.
func Project[P, V any](t *Table[V], r Reader, prefix Key) iter.Seq2[Key, P] {
	narrow := &Table[P]{name: t.name, space: t.space}
	return narrow.Scan(r, prefix)
}
