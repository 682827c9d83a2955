package fsm

import (
	"bytes"
	"crypto/md5"
	"encoding/binary"
	"slices"
)

// CompleteUpload makes an object of an upload's parts. Nothing is copied: the
// object's record lists their files. Parts that it does not name are forgotten.
type CompleteUpload struct {
	Bucket string   `cbor:"1,keyasint"`
	Key    string   `cbor:"2,keyasint"`
	ID     string   `cbor:"3,keyasint"`
	Parts  []Chosen `cbor:"4,keyasint"`

	If *Condition `cbor:"20,keyasint,omitempty"`
}

// Chosen is a part that the client names for its object.
type Chosen struct {
	Number int    `cbor:"1,keyasint"`
	MD5    []byte `cbor:"2,keyasint"` // its ETag
}

// Fields of refusals that tell one ground of CompleteUpload from another.
const (
	FieldPart      = "part"  // is not there, or has another ETag
	FieldPartOrder = "order" // numbers do not ascend
	FieldPartSize  = "size"  // a part before the last is too small

	FieldUploads = "uploads" // of CreateUpload: there are too many
)

func (c CompleteUpload) apply(tx *Tx) (Object, error) {
	u, r := uploadAt(tx, c.Bucket, c.Key, c.ID)
	if r != nil {
		// A client that lost the answer asks again.
		if o, ok := objects.Get(tx, objectKey(c.Bucket, c.Key)); ok && r.Code == NotFound && o.Upload == c.ID {
			return o, nil
		}
		return Object{}, r
	}
	o := u.object()
	o.Size = 0
	tags := md5.New()
	if len(c.Parts) == 0 {
		return o, invalid(FieldPart, "an object has one part at least")
	}
	for i, chosen := range c.Parts {
		if i > 0 && chosen.Number <= c.Parts[i-1].Number {
			return o, invalid(FieldPartOrder, "part %d stands behind part %d", chosen.Number, c.Parts[i-1].Number)
		}
		if chosen.Number < 1 {
			return o, invalid(FieldPart, "there is no part %d", chosen.Number)
		}
		p, ok := uploadParts.Get(tx, partKey(u.ID, chosen.Number))
		switch {
		case !ok:
			return o, invalid(FieldPart, "part %d was not uploaded", chosen.Number)
		case !bytes.Equal(p.Segment.MD5, chosen.MD5):
			return o, invalid(FieldPart, "part %d has another ETag", chosen.Number)
		case p.Segment.Size < MinPart && i < len(c.Parts)-1:
			return o, invalid(FieldPartSize, "part %d has %d bytes; all but the last have %d at least", chosen.Number, p.Segment.Size, MinPart)
		}
		if i == 0 {
			o.Kind, o.Flaw, o.Nodes = p.Kind, p.Flaw, slices.Clone(p.Segment.Nodes)
		}
		// Who holds one part holds the object only with all the others; see SetHolder.
		o.Nodes = slices.DeleteFunc(o.Nodes, func(id string) bool { return !slices.Contains(p.Segment.Nodes, id) })
		o.Segments = append(o.Segments, p.Segment)
		o.Size += p.Segment.Size
		tags.Write(p.Segment.MD5)
	}
	if r := mayPut(tx, *tx.current(), tx.level(), o); r != nil {
		return o, r
	}
	if r := c.If.holds(tx, o.Bucket, o.Key); r != nil {
		return o, r
	}
	// from here on nothing may refuse
	o.MD5, o.At = tags.Sum(nil), tx.wall()
	u.forget(tx)
	objects.Put(tx.Tx, objectKey(o.Bucket, o.Key), o)
	tx.changes.Objects = append(tx.changes.Objects, o.Ref())
	keepFor(tx, o)
	arrived(tx, o)
	return o, nil
}

// Version names the bytes and the words of an object: a reader that saw one
// version can say so to a command.
func (o Object) Version() []byte {
	return binary.BigEndian.AppendUint64([]byte(o.Upload), uint64(o.At))
}
