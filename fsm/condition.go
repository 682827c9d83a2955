package fsm

import (
	"encoding/hex"
	"strconv"

	"stoker/store"
)

// Condition is what a client demands of the object that its own is to replace. It is
// held against the state in the command that records the object: of two who both
// demand that there be none, one is refused.
type Condition struct {
	Absent bool   `cbor:"1,keyasint,omitempty"` // If-None-Match: *
	ETag   string `cbor:"2,keyasint,omitempty"` // If-Match, without quotes; AnyETag: there is one
}

// AnyETag in Condition.ETag demands that there be an object, whichever.
const AnyETag = "*"

// FieldMissing tells a condition on an object that is not there from one on another.
const FieldMissing = "missing"

// holds refuses where the condition does not hold. nil always does.
func (c *Condition) holds(r store.Reader, bucket, key string) *Refusal {
	if c == nil {
		return nil
	}
	o, there := objects.Get(r, objectKey(bucket, key))
	switch {
	case c.Absent && there:
		return Refuse(PreconditionFailed, "there is an object under this key already; read it and decide anew")
	case c.ETag != "" && !there:
		refused := Refuse(PreconditionFailed, "there is no object under this key")
		refused.Fields = []Field{{FieldMissing, "there is no object"}}
		return refused
	case c.ETag != "" && c.ETag != AnyETag && c.ETag != o.ETag():
		return Refuse(PreconditionFailed, "the object is another one by now; read it and decide anew")
	}
	return nil
}

// ETag is the MD5 of the bytes in hex, and of an object in parts the MD5 of the parts'
// MD5s with their number, as S3's clients compute it too.
func (o Object) ETag() string {
	tag := hex.EncodeToString(o.MD5)
	if n := len(o.Segments); n > 0 {
		tag += "-" + strconv.Itoa(n)
	}
	return tag
}

// MayReplace says whether a condition holds now: asked before an upload's bytes are
// received, decided when they are recorded. Below level 3 nobody would decide.
func (v *View) MayReplace(c *Condition, bucket, key string) error {
	if c != nil && v.Level() < 3 {
		return Refuse(FeatureLevel, "conditions on uploads need feature level 3: `stoker upgrade finalize`")
	}
	if r := c.holds(v, bucket, key); r != nil {
		return r
	}
	return nil
}
