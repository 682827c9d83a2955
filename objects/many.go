package objects

import (
	"encoding/xml"
	"errors"

	"stoker/fsm"
	"stoker/node"
)

// maxDocument bounds an XML document that a client sends: a thousand keys of full
// length, each character escaped, are below it.
const maxDocument = 8 << 20

// deleteMany forgets up to a thousand objects in one entry. What a key may not, or
// cannot, be is that key's answer and nobody else's.
func (c *call) deleteMany() error {
	var asked struct {
		XMLName xml.Name `xml:"Delete"`
		Quiet   bool
		Objects []struct {
			Key       string
			VersionID string `xml:"VersionId"`
		} `xml:"Object"`
	}
	if err := c.document(maxDocument, &asked); err != nil {
		return err
	}
	if n := len(asked.Objects); n == 0 || n > fsm.MaxDelete {
		return fail(MalformedXML, "between 1 and %d objects are deleted at once, not %d", fsm.MaxDelete, n)
	}
	type deleted struct{ Key string }
	type failed struct {
		Key     string
		Code    Code
		Message string
	}
	answer := struct {
		Deleted []deleted
		Error   []failed
	}{}
	cmd := fsm.DeleteObjects{Bucket: c.bucket}
	for _, o := range asked.Objects {
		err := errors.Join(CheckKey(o.Key), c.may(toWrite, o.Key))
		if o.VersionID != "" && o.VersionID != "null" {
			err = fail(NotImplemented, "there are no versions of objects")
		}
		var refused *Error
		if errors.As(err, &refused) {
			answer.Error = append(answer.Error, failed{o.Key, refused.Code, refused.Message})
			continue
		}
		cmd.Keys = append(cmd.Keys, o.Key)
		if !asked.Quiet {
			answer.Deleted = append(answer.Deleted, deleted{o.Key})
		}
	}
	if len(cmd.Keys) > 0 {
		if _, err := node.Apply(c, c.store.node, cmd, c.from()...); err != nil {
			return err
		}
	}
	return c.answer("DeleteResult", answer)
}
