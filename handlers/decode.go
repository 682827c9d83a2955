package handlers

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"math"
	"mime"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"stoker/fsm"
)

// maxDrained is how much of a body that is too large is still received: closing
// a connection that somebody writes to resets it, and the refusal is lost with it.
const maxDrained = 16 << 20

// readBody reads a JSON route's body into memory, which it bounds. Every route
// does so before its handler runs, whether it wants a body or not: a command's
// Idempotency-Key covers the body.
func (c *call) readBody() error {
	stream := c.http.RequestBodyStream()
	if stream == nil {
		return nil
	}
	limit := c.s.cfg.MaxBody
	body, err := io.ReadAll(io.LimitReader(stream, int64(limit)+1))
	switch {
	case err != nil:
		c.http.SetConnectionClose() // what is still on the wire is nobody's request
		return invalid("body", "could not be read to its end")
	case len(body) > limit:
		c.http.SetConnectionClose()
		if n, err := io.Copy(io.Discard, io.LimitReader(stream, maxDrained)); err != nil || n == maxDrained {
			c.s.log.Debug("body not drained", keyRequest, c.id)
		}
		return fsm.Refuse(bodyTooLarge, "a body has at most %d bytes here", limit)
	}
	c.body = bytes.TrimSpace(body)
	return c.checkMedia()
}

func (c *call) checkMedia() error {
	kind := c.header("Content-Type")
	if len(c.body) == 0 || kind == "" {
		return nil
	}
	if media, params, err := mime.ParseMediaType(kind); err == nil && media == "application/json" {
		if charset, said := params["charset"]; !said || strings.EqualFold(charset, "utf-8") {
			return nil
		}
	}
	return fsm.Refuse(unsupportedMediaType, "send application/json in UTF-8, not %.80q", kind)
}

// decode reads the body into a struct. An empty body is an empty object.
// Members that into has not are ignored; one of a wrong type, one that is there
// twice, bytes after the end and broken UTF-8 are refused by name. how may be
// stricter.
func (c *call) decode(into any, how ...json.Options) error {
	if len(c.body) == 0 {
		return nil
	}
	err := json.Unmarshal(c.body, into, how...)
	var syntax *jsontext.SyntacticError
	var meaning *json.SemanticError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &syntax):
		if errors.Is(err, jsontext.ErrDuplicateName) {
			return invalid(fieldName(syntax.JSONPointer), "is there twice")
		}
		return invalid(fieldName(syntax.JSONPointer), "is not JSON at byte %d", syntax.ByteOffset)
	case errors.Is(err, json.ErrUnknownName) && errors.As(err, &meaning):
		return invalid(fieldName(meaning.JSONPointer), "is not known here")
	case errors.As(err, &meaning):
		return invalid(fieldName(meaning.JSONPointer), "%s", misfit(meaning))
	}
	return invalid("body", "is not what is expected here")
}

// misfit says what came and what was expected.
func misfit(e *json.SemanticError) string {
	var own *shapeError
	if errors.As(e.Err, &own) {
		return own.Error()
	}
	if e.GoType == nil {
		return "has a wrong value"
	}
	want := e.GoType
	for want.Kind().String() == "ptr" {
		want = want.Elem()
	}
	switch kind := want.Kind().String(); {
	case kind == "string":
		return "must be a string, not " + kindName(e.JSONKind)
	case kind == "bool":
		return "must be true or false, not " + kindName(e.JSONKind)
	case kind == "slice":
		return "must be a list, not " + kindName(e.JSONKind)
	case kind == "map", kind == "struct":
		return "must be an object, not " + kindName(e.JSONKind)
	case strings.HasPrefix(kind, "int"), strings.HasPrefix(kind, "uint"):
		return "must be a whole number, not " + kindName(e.JSONKind)
	}
	return "must be a number, not " + kindName(e.JSONKind)
}

func kindName(k jsontext.Kind) string {
	switch k {
	case '{':
		return "an object"
	case '[':
		return "a list"
	case '"':
		return "a string"
	case '0':
		return "this number"
	case 'n':
		return "null"
	}
	return "true or false"
}

// fieldName turns /concepts/Wall/value into concepts.Wall.value.
func fieldName(p jsontext.Pointer) string {
	var parts []string
	for part := range p.Tokens() {
		parts = append(parts, part)
	}
	if len(parts) == 0 {
		return "body"
	}
	name := []rune(strings.Join(parts, "."))
	return string(name[:min(len(name), 120)])
}

// shapeError is a decoding type's own complaint.
type shapeError struct{ reason string }

func (e *shapeError) Error() string { return e.reason }

// whole is a whole number however it is written: JSON has one kind of number,
// and 1e9 and 3.0 are what some clients write for theirs.
type whole int64

// UnmarshalJSONFrom implements json.UnmarshalerFrom.
func (w *whole) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	v, err := d.ReadValue()
	if err != nil {
		return err
	}
	if v.Kind() != '0' {
		return &shapeError{"must be a whole number, not " + kindName(v.Kind())}
	}
	var f float64
	if err := json.Unmarshal(v, &f); err != nil || f != math.Trunc(f) || math.Abs(f) > 1<<53 {
		return &shapeError{"must be a whole number"}
	}
	*w = whole(f)
	return nil
}

// bodyHash is equal for requests that say the same: member order, spaces and
// the spelling of strings and numbers do not count (RFC 8785).
func (c *call) bodyHash() []byte {
	canonical := jsontext.Value(bytes.Clone(c.body))
	if err := canonical.Canonicalize(); err != nil {
		canonical = c.body // not JSON: a route that wants no body ignores it
	}
	sum := sha256.Sum256(canonical)
	return sum[:]
}
