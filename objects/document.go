package objects

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/valyala/fasthttp"
)

// xmlns is the name space of S3's documents. Some clients look for it.
const xmlns = "http://s3.amazonaws.com/doc/2006-03-01/"

// answer sends an XML document; doc is what stands in its root.
func (c *call) answer(name string, doc any) error {
	body := bytes.NewBufferString(xml.Header)
	start := xml.StartElement{
		Name: xml.Name{Local: name},
		Attr: []xml.Attr{{Name: xml.Name{Local: "xmlns"}, Value: xmlns}},
	}
	if err := xml.NewEncoder(body).EncodeElement(doc, start); err != nil {
		return fmt.Errorf("objects: answer %s: %w", name, err)
	}
	c.http.SetStatusCode(fasthttp.StatusOK)
	c.http.Response.Header.SetContentType("application/xml")
	c.http.Response.SetBody(body.Bytes())
	return nil
}

// document reads an XML document of at most limit bytes from the body.
func (c *call) document(limit int64, doc any) error {
	b, err := c.body()
	if err != nil {
		return err
	}
	if b.size > limit {
		return fail(MalformedXML, "the document has %d bytes, at most %d are read", b.size, limit)
	}
	raw, err := io.ReadAll(b)
	if err != nil {
		return err
	}
	if err := xml.Unmarshal(raw, doc); err != nil {
		return fail(MalformedXML, "the document is not the XML that this request has: %v", err)
	}
	return nil
}

// atMost reads a parameter that bounds an answer, as S3 does: more than most is most.
func (c *call) atMost(name string, most int) (int, error) {
	n, err := c.count(name, most)
	return min(n, most), err
}

// count reads a parameter that is a number.
func (c *call) count(name string, otherwise int) (int, error) {
	text := c.param(name)
	if text == "" {
		return otherwise, nil
	}
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil || n < 0 {
		return 0, fail(InvalidArgument, "%s must be a number that is not negative", name)
	}
	return int(n), nil
}

// timestamp is how S3 writes times in documents.
func timestamp(ns int64) string { return time.Unix(0, ns).UTC().Format("2006-01-02T15:04:05.000Z") }
