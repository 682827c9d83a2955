package fsm

import (
	"fmt"
	"strconv"
	"strings"

	"stoker/store"
)

// Object is the record of a stored object; its bytes are a file on the nodes.
type Object struct {
	Bucket      string   `cbor:"1,keyasint"`
	Key         string   `cbor:"2,keyasint"`
	Upload      string   `cbor:"3,keyasint"` // id of this very upload; part of the file's name
	Size        int64    `cbor:"4,keyasint"`
	SHA256      []byte   `cbor:"5,keyasint"`
	MD5         []byte   `cbor:"6,keyasint"` // the ETag
	ContentType string   `cbor:"7,keyasint,omitempty"`
	Nodes       []string `cbor:"8,keyasint"`            // that hold it: two when it was acknowledged, and see SetHolder
	Fence       uint64   `cbor:"9,keyasint,omitempty"`  // staged under this grant
	At          int64    `cbor:"10,keyasint"`           // wall clock, ns; set by the machine
	File        string   `cbor:"11,keyasint,omitempty"` // the key its file is named by, if another one: a copy shares the file

	// What its first bytes say it is, whatever ContentType claims, and what is wrong
	// with it if it is a picture that nobody can use. "" before level 3.
	Kind string `cbor:"40,keyasint,omitempty"`
	Flaw string `cbor:"41,keyasint,omitempty"`

	Segments []Segment         `cbor:"20,keyasint,omitempty"` // its files in order, when it came in parts; then SHA256 is empty
	Meta     map[string]string `cbor:"21,keyasint,omitempty"` // the client's x-amz-meta-*, names without that
	Headers  map[string]string `cbor:"22,keyasint,omitempty"` // of keptHeaders, given back as they came
}

var (
	objects = store.NewTable[Object]("objects") // (bucket, key)
	staged  = store.NewTable[Object]("staged")  // (bucket, key, fence): uploaded, not published
)

func objectKey(bucket, key string) store.Key { return store.Str(bucket).Str(key) }

// PutObject records an upload whose file is durable on the nodes it names. With
// a fence it is staged: the result under that grant publishes it.
type PutObject struct {
	Object Object     `cbor:"1,keyasint"`
	If     *Condition `cbor:"20,keyasint,omitempty"` // from level 3 on, of what is published
}

func (c PutObject) apply(tx *Tx) (Object, error) {
	o := c.Object
	if o.Bucket == "" || o.Key == "" || o.Upload == "" || len(o.Nodes) == 0 {
		return o, invalid("object", "needs bucket, key, upload and nodes")
	}
	if r := tooLong("key", o.Bucket, o.Key, o.Kind, o.Flaw); r != nil {
		return o, r
	}
	if r := mayPut(tx, *tx.current(), tx.level(), o); r != nil {
		return o, r
	}
	switch {
	case c.If != nil && tx.level() < 3:
		return o, Refuse(FeatureLevel, "conditions on uploads need feature level 3")
	case c.If != nil && o.Fence != 0:
		return o, invalid("if", "what is staged under a grant replaces nothing yet")
	}
	if r := c.If.holds(tx, o.Bucket, o.Key); r != nil {
		return o, r
	}
	o.At, o.File, o.Segments = tx.wall(), "", nil // copies and objects of several parts are other commands
	tx.changes.Objects = append(tx.changes.Objects, o.Ref())
	if tx.level() < 3 {
		o.Kind, o.Flaw, o.Meta, o.Headers = "", "", nil, nil
	} else if r := o.described(); r != nil {
		return o, r
	}
	if o.Fence != 0 {
		staged.Put(tx.Tx, objectKey(o.Bucket, o.Key).Uint(o.Fence), o)
		return o, nil
	}
	objects.Put(tx.Tx, objectKey(o.Bucket, o.Key), o)
	keepFor(tx, o)
	arrived(tx, o)
	return o, nil
}

// maxUpload is how large an object may be: what is a job's keeps to the settings
// that the job was created under, everything else may have MaxObject bytes; before
// level 3 there was one limit for all.
func maxUpload(r store.Reader, s Settings, level uint64, key string) int64 {
	_, job, _, ok := parseKey(key)
	if !ok && level >= 3 {
		return max(s.MaxUpload, MaxObject)
	}
	if j, found := jobs.Get(r, store.Str(job)); ok && found {
		s, _ = settings.Get(r, store.Uint(j.Settings))
	}
	return s.MaxUpload
}

func tooManyBytes(limit int64) string {
	return fmt.Sprintf("an upload may have %d bytes at most", limit)
}

// mayPut refuses an upload that its job does not wait for.
func mayPut(r store.Reader, s Settings, level uint64, o Object) *Refusal {
	if limit := maxUpload(r, s, level, o.Key); o.Size > limit {
		return Refuse(ValidationFailed, "%s", tooManyBytes(limit))
	}
	if isSegment(r, o.Bucket, o.Key) {
		return Refuse(Forbidden, "segment %s is part of the archive", o.Key)
	}
	kind, job, idx, ok := parseKey(o.Key)
	if o.Fence != 0 && (!ok || kind == "inputs") {
		return invalid("fence", "only a job's output is staged under a grant") // nothing would ever publish or drop it
	}
	if !ok {
		return nil
	}
	j, found := jobs.Get(r, store.Str(job))
	if !found {
		return Refuse(Forbidden, "there is no such job")
	}
	if j.brings(o) {
		return nil
	}
	if kind == "inputs" {
		if j.Status != Created || idx >= j.Total || o.Key != j.InputKey(idx) {
			return Refuse(Forbidden, "job %s is %s and waits for no such upload", j.ID, j.Status)
		}
		return nil
	}
	it, found := items.Get(r, itemKey(job, idx))
	switch {
	case !found || o.Key != j.OutputKey(idx) && o.Key != j.PreviewKey(idx):
		return Refuse(Forbidden, "job %s has no such output", j.ID)
	case o.Fence == 0 || it.Fence != o.Fence:
		return Refuse(LeaseLost, "the grant this upload belongs to is not held any more")
	}
	return nil
}

// parseKey reads inputs/{user}/{job}/{idx}.jpg, outputs/… and previews/….
func parseKey(key string) (kind, job string, idx int, ok bool) {
	parts := strings.Split(key, "/")
	if len(parts) != 4 {
		return "", "", 0, false
	}
	kind = parts[0]
	if kind != "inputs" && kind != "outputs" && kind != "previews" {
		return "", "", 0, false
	}
	n := strings.IndexAny(parts[3], "._")
	if n < 0 {
		return kind, parts[2], -1, true
	}
	idx, err := strconv.Atoi(parts[3][:n])
	if err != nil || idx < 0 {
		return kind, parts[2], 1 << 30, true
	}
	return kind, parts[2], idx, true
}

// publish makes what was uploaded under the item's grant the item's output. A
// result that names no keys means those of its message.
func publish(tx *Tx, j Job, it *Item) {
	bucket := tx.current().Bucket
	for _, out := range []struct {
		named *string
		usual string
	}{{&it.Output, j.OutputKey(it.Idx)}, {&it.Preview, j.PreviewKey(it.Idx)}} {
		key := *out.named
		if key == "" {
			key = out.usual
		}
		k := objectKey(bucket, key)
		o, ok := staged.Get(tx, k.Uint(it.Fence))
		if it.Fence == 0 || !ok {
			continue
		}
		staged.Delete(tx.Tx, k.Uint(it.Fence))
		o.Fence = 0
		objects.Put(tx.Tx, k, o)
		*out.named = key
	}
}

// dropStaged forgets what was uploaded under grants and never published.
func dropStaged(tx *Tx, j Job) {
	bucket := tx.current().Bucket
	for _, prefix := range []string{"outputs", "previews"} {
		p := store.Str(bucket).StrPrefix(fmt.Sprintf("%s/%s/%s/", prefix, j.User, j.ID))
		for k := range staged.Scan(tx, p) {
			staged.Delete(tx.Tx, k)
		}
	}
}

// DeleteObject forgets an object; deleting what is not there is no error, as in S3.
type DeleteObject struct {
	Bucket string `cbor:"1,keyasint"`
	Key    string `cbor:"2,keyasint"`
}

// ObjectDeleted answers DeleteObject.
type ObjectDeleted struct{}

func (c DeleteObject) apply(tx *Tx) (ObjectDeleted, error) {
	if r := tooLong("key", c.Bucket, c.Key); r != nil {
		return ObjectDeleted{}, r
	}
	if isSegment(tx, c.Bucket, c.Key) {
		return ObjectDeleted{}, Refuse(Forbidden, "segment %s is part of the archive", c.Key)
	}
	objects.Delete(tx.Tx, objectKey(c.Bucket, c.Key))
	return ObjectDeleted{}, nil
}
