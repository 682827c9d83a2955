package store

import (
	"bytes"
	"errors"
	"fmt"

	bolt "go.etcd.io/bbolt"
)

// builtSpace holds a row for each index whose positions are complete in this
// file. It is in the store's own space, the one without a name.
const builtSpace = "\x00index/"

// reindex makes the file's indexes the declared ones, in one transaction: those
// that a new version of the program brings are built from the records, those it
// no longer has are dropped. A dropped index must not stay, since nobody keeps
// it up to date until a later version may declare it again.
func reindex(db *bolt.DB) (err error) {
	defer recoverCorrupt(&err)
	var missing []indexDeclaration
	var stale []string
	err = db.View(func(tx *bolt.Tx) error {
		missing, stale = auditIndexes(tx.Bucket(rowsBucket))
		return nil
	})
	if err == nil && len(missing)+len(stale) > 0 {
		err = db.Update(func(tx *bolt.Tx) error {
			b := tx.Bucket(rowsBucket)
			for _, name := range stale {
				if err := dropIndex(b, name); err != nil {
					return err
				}
			}
			for _, d := range missing {
				if err := buildIndex(b, d); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err != nil {
		return fmt.Errorf("store: rebuild indexes: %w", err)
	}
	return nil
}

// auditIndexes returns the declared indexes that the file lacks and the names of
// those in the file that are not declared.
func auditIndexes(b *bolt.Bucket) (missing []indexDeclaration, stale []string) {
	built := map[string]bool{}
	eachIn(b, builtSpace, func(k, _ []byte) { built[string(k[len(builtSpace):])] = true })
	for _, d := range declaredIndexes() {
		if !built[d.name] {
			missing = append(missing, d)
		}
		delete(built, d.name)
	}
	for name := range built {
		stale = append(stale, name)
	}
	return missing, stale
}

func dropIndex(b *bolt.Bucket, name string) error {
	doomed := [][]byte{[]byte(builtSpace + name)}
	eachIn(b, name+"\x00", func(k, _ []byte) { doomed = append(doomed, bytes.Clone(k)) })
	for _, k := range doomed {
		if err := b.Delete(k); err != nil {
			return err
		}
	}
	return nil
}

func buildIndex(b *bolt.Bucket, d indexDeclaration) error {
	type row struct {
		position string
		primary  Key
	}
	var rows []row // a bucket must not change while a cursor walks it
	eachIn(b, d.table, func(k, v []byte) {
		primary := Key(k[len(d.table):])
		for _, p := range d.derive(primary, unseal(k, v)) {
			rows = append(rows, row{p, primary})
		}
	})
	for _, r := range rows {
		k := []byte(r.position)
		if err := b.Put(k, seal(k, primarySize(r.primary))); err != nil {
			return err
		}
	}
	k := []byte(builtSpace + d.name)
	return b.Put(k, seal(k, nil))
}

func eachIn(b *bolt.Bucket, space string, fn func(k, v []byte)) {
	c := b.Cursor()
	for k, v := c.Seek([]byte(space)); bytes.HasPrefix(k, []byte(space)); k, v = c.Next() {
		fn(k, v)
	}
}

// recoverCorrupt returns a *Corrupt panic as an error, where there is no machine
// above to recover it.
func recoverCorrupt(err *error) {
	if p := recover(); p != nil {
		c, ok := p.(*Corrupt)
		if !ok {
			panic(p)
		}
		*err = errors.Join(*err, c)
	}
}
