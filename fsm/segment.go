package fsm

import (
	"slices"
	"strings"
)

// Segment is one file of an object that came in several parts. Its bytes are a
// blob like any other: named by the key it was uploaded for and its own id.
type Segment struct {
	Upload string   `cbor:"1,keyasint"`
	Size   int64    `cbor:"2,keyasint"`
	SHA256 []byte   `cbor:"3,keyasint"`
	MD5    []byte   `cbor:"4,keyasint"`
	Nodes  []string `cbor:"5,keyasint"` // that held it when the part was acknowledged
}

// Pieces are the files of an object, each as an object of its own: one for most,
// one a part for what came in parts.
func (o Object) Pieces() []Object {
	if len(o.Segments) == 0 {
		return []Object{o}
	}
	pieces := make([]Object, 0, len(o.Segments))
	for _, s := range o.Segments {
		pieces = append(pieces, o.piece(s))
	}
	return pieces
}

func (o Object) piece(s Segment) Object {
	o.Segments = nil
	o.Upload, o.Size, o.SHA256, o.MD5, o.Nodes = s.Upload, s.Size, s.SHA256, s.MD5, s.Nodes
	return o
}

// MaxObject is the size of the largest object that is no picture of a job: what
// S3 takes in one request. A picture's limit is Settings.MaxUpload.
const MaxObject = int64(5 << 30)

// maxMeta bounds what a client may have kept beside an object, names included:
// S3's own limit.
const maxMeta = 2 << 10

// keptHeaders are the client's words about an object that its readers get back.
var keptHeaders = []string{"Cache-Control", "Content-Disposition", "Content-Encoding", "Content-Language", "Expires"}

// KeptHeaders names the headers that Object.Headers may have.
func KeptHeaders() []string { return slices.Clone(keptHeaders) }

// described refuses what cannot be kept beside an object.
func (o *Object) described() *Refusal {
	n := len(o.ContentType)
	for name, value := range o.Headers {
		if !slices.Contains(keptHeaders, name) {
			return invalid("headers", "%q is not kept with an object", name)
		}
		n += len(name) + len(value)
	}
	for name, value := range o.Meta {
		if name == "" || strings.ContainsAny(name+value, "\r\n\x00") {
			return invalid("metadata", "a name is empty, or there is a line break")
		}
		n += len(name) + len(value)
	}
	if n > maxMeta {
		return invalid("metadata", "content type, headers and metadata have %d bytes together, at most %d are kept", n, maxMeta)
	}
	return nil
}
