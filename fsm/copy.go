package fsm

import "bytes"

// CopyObject records an object under another key, or with other words. Both
// records share the files, which stay for as long as either is there.
type CopyObject struct {
	Bucket  string `cbor:"1,keyasint"`
	From    string `cbor:"2,keyasint"`
	Version []byte `cbor:"3,keyasint"` // of the source that the client's conditions were held against
	To      string `cbor:"4,keyasint"`

	If *Condition `cbor:"20,keyasint,omitempty"` // of what is under To

	// Replace: the copy has these words, not those of the source.
	Replace     bool              `cbor:"5,keyasint,omitempty"`
	ContentType string            `cbor:"6,keyasint,omitempty"`
	Meta        map[string]string `cbor:"7,keyasint,omitempty"`
	Headers     map[string]string `cbor:"8,keyasint,omitempty"`
}

func (c CopyObject) apply(tx *Tx) (Object, error) {
	if r := tooLong("key", c.Bucket, c.From, c.To); r != nil {
		return Object{}, r
	}
	o, ok := objects.Get(tx, objectKey(c.Bucket, c.From))
	switch {
	case !ok || c.From == "":
		return o, Refuse(NotFound, "there is no object %q to copy", c.From)
	case !bytes.Equal(o.Version(), c.Version):
		return o, Refuse(Unavailable, "the source was replaced meanwhile; try again")
	case c.To == "":
		return o, invalid("key", "must not be empty")
	case c.To == c.From && !c.Replace:
		return o, invalid("key", "a copy onto itself changes nothing: replace the metadata, or name another key")
	}
	if c.Replace {
		o.ContentType, o.Meta, o.Headers = c.ContentType, c.Meta, c.Headers
	}
	if o.File == "" {
		o.File = c.From
	}
	if o.Key = c.To; o.File == o.Key {
		o.File = "" // back to where its bytes were uploaded
	}
	if r := o.described(); r != nil {
		return o, r
	}
	if r := mayPut(tx, *tx.current(), tx.level(), o); r != nil {
		return o, r
	}
	if r := c.If.holds(tx, o.Bucket, o.Key); r != nil {
		return o, r
	}
	o.At = tx.wall()
	objects.Put(tx.Tx, objectKey(o.Bucket, o.Key), o)
	tx.changes.Objects = append(tx.changes.Objects, o.Ref())
	keepFor(tx, o)
	arrived(tx, o)
	return o, nil
}

// MaxDelete is the most objects that one DeleteObjects forgets, as in S3.
const MaxDelete = 1000

// DeleteObjects forgets many objects in one entry; what is not there is deleted.
type DeleteObjects struct {
	Bucket string   `cbor:"1,keyasint"`
	Keys   []string `cbor:"2,keyasint"`
}

func (c DeleteObjects) apply(tx *Tx) (ObjectDeleted, error) {
	if len(c.Keys) > MaxDelete {
		return ObjectDeleted{}, invalid("keys", "%d at once, at most %d", len(c.Keys), MaxDelete)
	}
	if r := tooLong("keys", append(c.Keys, c.Bucket)...); r != nil {
		return ObjectDeleted{}, r
	}
	for _, key := range c.Keys {
		if isSegment(tx, c.Bucket, key) {
			return ObjectDeleted{}, Refuse(Forbidden, "segment %s is part of the archive", key)
		}
	}
	for _, key := range c.Keys {
		objects.Delete(tx.Tx, objectKey(c.Bucket, key))
	}
	return ObjectDeleted{}, nil
}
