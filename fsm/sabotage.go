//go:build sabotage

package fsm

import "stoker/store"

// Sabotage has the machine do wrong on purpose, in binaries built with the tag
// sabotage, which only tests of real processes are. ask is called at the end of
// each entry: at "row" the entry writes a row that it should not, as a fault of
// the program would; at "rest" a row changes under the digest, as a fault of
// memory or disk would; at "" nothing happens.
func Sabotage(ask func() string) {
	spoil = func(tx *Tx) {
		if tx.m.Digest == nil {
			return
		}
		how := ask()
		if how == "" {
			return
		}
		sum := store.Digest(tx.m.Digest)
		sum.Add(tx.TakeDigest()) // of the entry itself
		for k, u := range users.Scan(tx, "") {
			u.CreatedAt++
			users.Put(tx.Tx, k, u)
			break
		}
		if change := tx.TakeDigest(); how == "row" {
			sum.Add(change)
		}
		tx.m.Digest = sum[:]
	}
}
