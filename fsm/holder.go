package fsm

import (
	"iter"
	"slices"

	"stoker/store"
)

// File is a blob that a record refers to: the key and the upload name it.
type File struct {
	Bucket, Key, Upload string
	Size                int64
	SHA256              []byte
}

// Files are the blobs of a record, several of what came in parts; a record that
// is a copy shares the files of the key that its bytes were uploaded under.
// Whatever refers to a file says so here: what is not said is collected.
func (o Object) Files() []File {
	key := o.Key
	if o.File != "" {
		key = o.File
	}
	var files []File
	for _, p := range o.Pieces() {
		files = append(files, File{Bucket: o.Bucket, Key: key, Upload: p.Upload, Size: p.Size, SHA256: p.SHA256})
	}
	return files
}

// Files are all that any record of the view refers to, one that is shared more
// than once.
func (v *View) Files() iter.Seq[File] {
	return func(yield func(File) bool) {
		for o := range v.Objects() {
			for _, f := range o.Files() {
				if !yield(f) {
					return
				}
			}
		}
	}
}

// ObjectRef names one record, and the very upload that it was written by.
type ObjectRef struct {
	Bucket string `cbor:"1,keyasint"`
	Key    string `cbor:"2,keyasint"`
	Upload string `cbor:"3,keyasint"`
	Fence  uint64 `cbor:"4,keyasint,omitempty"` // it was staged under this grant when it was looked at
}

// Ref names the record.
func (o Object) Ref() ObjectRef {
	return ObjectRef{Bucket: o.Bucket, Key: o.Key, Upload: o.Upload, Fence: o.Fence}
}

// HoldersLevel is the feature level that SetHolder came with.
const HoldersLevel = 3

// maxHeld is how many records one SetHolder speaks of: some tens of KB.
const maxHeld = 500

// SetHolder is a node's word on copies: of Held it has all files, durably, since
// they were recorded; of Lost it has them no more. Records that have changed
// meanwhile are left alone, so that it is harmless late or twice.
type SetHolder struct {
	Node string      `cbor:"1,keyasint"`
	Held []ObjectRef `cbor:"2,keyasint,omitempty"`
	Lost []ObjectRef `cbor:"3,keyasint,omitempty"`
}

// HolderSet answers SetHolder.
type HolderSet struct {
	Changed int `cbor:"1,keyasint"` // records that say something else now
}

func (c SetHolder) apply(tx *Tx) (HolderSet, error) {
	switch {
	case c.Node == "":
		return HolderSet{}, invalid("node", "is empty")
	case len(c.Held)+len(c.Lost) > maxHeld:
		return HolderSet{}, invalid("held", "one command speaks of %d records at most", maxHeld)
	case graves.Has(tx, store.Str(c.Node)):
		return HolderSet{}, Refuse(Forbidden, "%s was removed: what it holds does not count", c.Node)
	}
	if r := tooLong("node", c.Node); r != nil {
		return HolderSet{}, r
	}
	for _, refs := range [][]ObjectRef{c.Held, c.Lost} {
		for _, ref := range refs {
			if r := tooLong("key", ref.Bucket, ref.Key, ref.Upload); r != nil {
				return HolderSet{}, r
			}
		}
	}
	// from here on nothing may refuse
	var a HolderSet
	for _, ref := range c.Held {
		a.Changed += ref.alter(tx, func(nodes []string) []string {
			if slices.Contains(nodes, c.Node) {
				return nodes
			}
			return append(slices.Clone(nodes), c.Node)
		})
	}
	for _, ref := range c.Lost {
		a.Changed += ref.alter(tx, func(nodes []string) []string {
			return slices.DeleteFunc(slices.Clone(nodes), func(id string) bool { return id == c.Node })
		})
	}
	return a, nil
}

// alter changes who holds the record's files; it gives how many rows were written.
// What was staged may be published by now.
func (ref ObjectRef) alter(tx *Tx, holders func([]string) []string) (written int) {
	k := objectKey(ref.Bucket, ref.Key)
	for _, row := range []struct {
		table *store.Table[Object]
		key   store.Key
	}{{objects, k}, {staged, k.Uint(ref.Fence)}} {
		o, ok := row.table.Get(tx, row.key)
		if !ok || o.Upload != ref.Upload {
			continue
		}
		if nodes := holders(o.Nodes); !slices.Equal(nodes, o.Nodes) {
			o.Nodes = nodes
			row.table.Put(tx.Tx, row.key, o)
			written++
		}
	}
	return written
}

// ObjectWalk goes over all records, published and staged, in steps, each on a
// view of its own: what is written behind it is met by the next walk.
type ObjectWalk struct {
	stage int
	after store.Key
}

// Step gives about as many records; none are left when it gives none.
func (w *ObjectWalk) Step(v *View, rows int) (out []Object) {
	for tables := []*store.Table[Object]{objects, staged}; w.stage < len(tables); w.stage, w.after = w.stage+1, "" {
		for k, o := range tables[w.stage].ScanAfter(v, "", w.after) {
			out, w.after = append(out, o), k
			if len(out) == rows {
				return out
			}
		}
	}
	return out
}

// At is where the walk is, for another one to go on from, in another process too.
func (w *ObjectWalk) At() []byte { return append([]byte{byte(w.stage)}, w.after...) }

// WalkFrom goes on from where another walk was; nil begins.
func WalkFrom(at []byte) ObjectWalk {
	if len(at) == 0 {
		return ObjectWalk{}
	}
	return ObjectWalk{stage: int(at[0]), after: store.Key(at[1:])}
}

// Holds says whether a node is recorded as a holder.
func (o Object) Holds(node string) bool { return slices.Contains(o.Nodes, node) }

// Record finds the record that a reference was made of, as it is now.
func (v *View) Record(ref ObjectRef) (Object, bool) {
	if o, ok := v.Object(ref.Bucket, ref.Key); ok && o.Upload == ref.Upload {
		return o, true
	}
	o, ok := v.Staged(ref.Bucket, ref.Key, ref.Fence)
	return o, ok && o.Upload == ref.Upload
}
