package fsm

import (
	"time"

	"stoker/store"
)

// Upload is an object that is being uploaded in parts. It waits for its next
// part, or to be completed, for uploadLife; then it is forgotten with its parts.
type Upload struct {
	Bucket      string            `cbor:"1,keyasint"`
	Key         string            `cbor:"2,keyasint"`
	ID          string            `cbor:"3,keyasint"` // unguessable, made by the proposer
	ContentType string            `cbor:"4,keyasint,omitempty"`
	Meta        map[string]string `cbor:"5,keyasint,omitempty"`
	Headers     map[string]string `cbor:"6,keyasint,omitempty"`
	At          int64             `cbor:"7,keyasint,omitempty"` // wall clock, ns; set by the machine
	Due         int64             `cbor:"8,keyasint,omitempty"` // machine clock when it is forgotten
	Size        int64             `cbor:"9,keyasint,omitempty"` // of all parts now there
}

// Part is one part of an upload; another part of the same number replaces it.
type Part struct {
	Number  int     `cbor:"1,keyasint"`
	At      int64   `cbor:"2,keyasint,omitempty"` // wall clock, ns; set by the machine
	Segment Segment `cbor:"3,keyasint"`
	Kind    string  `cbor:"4,keyasint,omitempty"` // by its first bytes; the first part's are the object's
	Flaw    string  `cbor:"5,keyasint,omitempty"`
}

var (
	uploads     = store.NewTable[Upload]("uploads") // (bucket, key, id)
	uploadParts = store.NewTable[Part]("parts")     // (upload, number)
)

const (
	uploadLife = int64(24 * time.Hour)
	// MaxPart is the highest number of a part, as in S3.
	MaxPart = 10_000
	// MinPart is the size of the smallest part that may stand before another.
	MinPart = int64(5 << 20)
	// MaxUploads is how many uploads in parts may be under way, of all clients together:
	// each keeps its parts' files for a day.
	MaxUploads = 1000
)

func uploadKey(bucket, key, id string) store.Key { return objectKey(bucket, key).Str(id) }

func partKey(upload string, number int) store.Key { return store.Str(upload).Uint(uint64(number)) }

func (u Upload) key() store.Key { return uploadKey(u.Bucket, u.Key, u.ID) }

// object is what the upload becomes, without its bytes.
func (u Upload) object() Object {
	return Object{
		Bucket: u.Bucket, Key: u.Key, Upload: u.ID, Size: u.Size,
		ContentType: u.ContentType, Meta: u.Meta, Headers: u.Headers,
	}
}

// piece is a part's file as an object of its own.
func (u Upload) piece(s Segment) Object { return u.object().piece(s) }

// touch gives the upload another uploadLife.
func (u *Upload) touch(tx *Tx) {
	if u.Due != 0 {
		clearTimer(tx, u.Due, uploadOld, u.key())
	}
	u.Due = tx.now() + uploadLife
	setTimer(tx, u.Due, uploadOld, u.key())
	uploads.Put(tx.Tx, u.key(), *u)
}

// forget takes an upload and the records of its parts away.
func (u Upload) forget(tx *Tx) {
	clearTimer(tx, u.Due, uploadOld, u.key())
	uploads.Delete(tx.Tx, u.key())
	for k := range uploadParts.Scan(tx, store.Str(u.ID)) {
		uploadParts.Delete(tx.Tx, k)
	}
}

// forgetUpload ends an upload that nobody went on with.
func forgetUpload(tx *Tx, ref store.Key) {
	if u, ok := uploads.Get(tx, ref); ok {
		u.forget(tx)
	}
}

// uploadAt finds an upload that is under way.
func uploadAt(r store.Reader, bucket, key, id string) (Upload, *Refusal) {
	if r := tooLong("key", bucket, key, id); r != nil {
		return Upload{}, r
	}
	u, ok := uploads.Get(r, uploadKey(bucket, key, id))
	if !ok {
		return u, Refuse(NotFound, "there is no such upload: it was completed, aborted, or nothing came for a day")
	}
	return u, nil
}

// CreateUpload begins an upload in parts.
type CreateUpload struct {
	Upload Upload `cbor:"1,keyasint"`
}

func (c CreateUpload) apply(tx *Tx) (Upload, error) {
	u := c.Upload
	u.Size, u.Due, u.At = 0, 0, tx.wall()
	if u.Bucket == "" || u.Key == "" || u.ID == "" {
		return u, invalid("upload", "needs bucket, key and id")
	}
	if r := tooLong("key", u.Bucket, u.Key, u.ID); r != nil {
		return u, r
	}
	o := u.object()
	if r := o.described(); r != nil {
		return u, r
	}
	if r := mayPut(tx, *tx.current(), tx.level(), o); r != nil {
		return u, r
	}
	if uploads.Has(tx, u.key()) || !nothing(uploadParts.Scan(tx, store.Str(u.ID))) {
		return u, invalid("upload", "the id is taken")
	}
	if n := len(values(uploads.Scan(tx, ""))); n >= MaxUploads {
		return u, invalid(FieldUploads, "%d uploads in parts are under way, the most there may be: complete or abort some (ListMultipartUploads names them)", n)
	}
	u.touch(tx)
	return u, nil
}

// PutPart records a part whose file is durable on the nodes it names.
type PutPart struct {
	Bucket string `cbor:"1,keyasint"`
	Key    string `cbor:"2,keyasint"`
	ID     string `cbor:"3,keyasint"`
	Part   Part   `cbor:"4,keyasint"`
}

func (c PutPart) apply(tx *Tx) (Part, error) {
	p := c.Part
	u, r := uploadAt(tx, c.Bucket, c.Key, c.ID)
	if r != nil {
		return p, r
	}
	if r := u.mayAdd(tx, *tx.current(), tx.level(), p); r != nil {
		return p, r
	}
	if r := tooLong("part", p.Segment.Upload, p.Kind, p.Flaw); r != nil {
		return p, r
	}
	if p.Segment.Upload == "" || len(p.Segment.Nodes) == 0 {
		return p, invalid("part", "needs the id of its file and nodes")
	}
	old, _ := uploadParts.Get(tx, partKey(u.ID, p.Number))
	u.Size += p.Segment.Size - old.Segment.Size
	p.At = tx.wall()
	uploadParts.Put(tx.Tx, partKey(u.ID, p.Number), p)
	u.touch(tx)
	return p, nil
}

// mayAdd refuses a part that the upload cannot have.
func (u Upload) mayAdd(r store.Reader, s Settings, level uint64, p Part) *Refusal {
	if p.Number < 1 || p.Number > MaxPart {
		return invalid("partNumber", "must be between 1 and %d", MaxPart)
	}
	old, _ := uploadParts.Get(r, partKey(u.ID, p.Number))
	o := u.object()
	if o.Size += p.Segment.Size - old.Segment.Size; p.Segment.Size < 0 {
		return invalid("size", "is negative")
	}
	return mayPut(r, s, level, o)
}

// AbortUpload forgets an upload and its parts.
type AbortUpload struct {
	Bucket string `cbor:"1,keyasint"`
	Key    string `cbor:"2,keyasint"`
	ID     string `cbor:"3,keyasint"`
}

// UploadAborted answers AbortUpload.
type UploadAborted struct{}

func (c AbortUpload) apply(tx *Tx) (UploadAborted, error) {
	u, r := uploadAt(tx, c.Bucket, c.Key, c.ID)
	if r != nil {
		return UploadAborted{}, r
	}
	u.forget(tx)
	return UploadAborted{}, nil
}

// Upload finds an upload that is under way.
func (v *View) Upload(bucket, key, id string) (Upload, error) {
	u, r := uploadAt(v, bucket, key, id)
	if r != nil {
		return u, r
	}
	return u, nil
}

// Parts gives an upload's parts with numbers above after, in order.
func (v *View) Parts(u Upload, after int) []Part {
	return values(uploadParts.ScanAfter(v, store.Str(u.ID), partKey(u.ID, after)))
}

// MayPutPart says whether a part would be taken: asked before its bytes are
// received, decided when they are recorded.
func (v *View) MayPutPart(u Upload, p Part) error {
	if r := u.mayAdd(v, v.Settings(), v.Level(), p); r != nil {
		return r
	}
	return nil
}
