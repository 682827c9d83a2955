package objects

import (
	"encoding/hex"
	"encoding/xml"
	"errors"
	"strings"

	"stoker/fsm"
	"stoker/node"
)

// ofUpload puts the machine's refusals about uploads in parts into S3's words.
func ofUpload(err error) error {
	var r *fsm.Refusal
	if !errors.As(err, &r) {
		return err
	}
	field := ""
	if len(r.Fields) > 0 {
		field = r.Fields[0].Field
	}
	switch {
	case r.Code == fsm.NotFound:
		return fail(NoSuchUpload, "%s", r.Message)
	case r.Code != fsm.ValidationFailed:
		return err
	case field == fsm.FieldUploads:
		return fail(TooManyUploads, "%s", r.Message)
	case field == fsm.FieldPart:
		return fail(InvalidPart, "%s", r.Message)
	case field == fsm.FieldPartOrder:
		return fail(InvalidPartOrder, "%s", r.Message)
	case field == fsm.FieldPartSize:
		return fail(EntityTooSmall, "%s", r.Message)
	case field == "": // it is about the size of the whole
		return fail(EntityTooLarge, "%s", r.Message)
	}
	return err
}

func (c *call) createUpload() error {
	if err := c.may(toWrite, c.key); err != nil {
		return err
	}
	w, err := c.description()
	if err != nil {
		return err
	}
	u := fsm.Upload{
		Bucket: c.bucket, Key: c.key, ID: random(32),
		ContentType: w.contentType, Meta: w.meta, Headers: w.headers,
	}
	if _, err := node.Apply(c, c.store.node, fsm.CreateUpload{Upload: u}, c.from()...); err != nil {
		return ofUpload(err)
	}
	return c.answer("InitiateMultipartUploadResult", struct {
		Bucket   string
		Key      string
		UploadID string `xml:"UploadId"`
	}{c.bucket, c.key, u.ID})
}

// upload finds the upload that the request is about.
func (c *call) upload() (fsm.Upload, error) {
	if err := c.may(toWrite, c.key); err != nil {
		return fsm.Upload{}, err
	}
	v, err := c.store.read(c)
	if err != nil {
		return fsm.Upload{}, err
	}
	defer v.Close()
	u, err := v.Upload(c.bucket, c.key, c.param("uploadId"))
	return u, ofUpload(err)
}

// putPart takes one part, from the client or out of another object.
func (c *call) putPart() error {
	u, err := c.upload()
	if err != nil {
		return err
	}
	number, err := c.count("partNumber", 0)
	if err != nil {
		return err
	}
	if len(c.http.Request.Header.Peek(copySource)) > 0 {
		body, size, err := c.sourceRange()
		if err != nil {
			return err
		}
		defer body.Close()
		p, err := c.store.PutPart(c, u, number, PutRequest{Body: body, Size: size, By: c.by(), RequestID: c.id})
		if err != nil {
			return ofUpload(err)
		}
		return c.answer("CopyPartResult", copied{timestamp(p.At), tagOf(p)})
	}
	b, err := c.body()
	if err != nil {
		return err
	}
	p, err := c.store.PutPart(c, u, number, PutRequest{Body: b, Size: b.size, By: c.by(), RequestID: c.id})
	if err != nil {
		return ofUpload(err)
	}
	c.http.Response.Header.Set("ETag", tagOf(p))
	b.echo(&c.http.Response.Header)
	return nil
}

func tagOf(p fsm.Part) string { return `"` + hex.EncodeToString(p.Segment.MD5) + `"` }

func (c *call) completeUpload() error {
	if err := c.may(toWrite, c.key); err != nil {
		return err
	}
	var asked struct {
		XMLName xml.Name `xml:"CompleteMultipartUpload"`
		Parts   []struct {
			PartNumber int
			ETag       string
		} `xml:"Part"`
	}
	if err := c.document(maxDocument, &asked); err != nil {
		return err
	}
	if n := len(asked.Parts); n == 0 || n > fsm.MaxPart {
		return fail(MalformedXML, "an object has between 1 and %d parts, not %d", fsm.MaxPart, n)
	}
	demand, err := c.demand()
	if err != nil {
		return err
	}
	cmd := fsm.CompleteUpload{Bucket: c.bucket, Key: c.key, ID: c.param("uploadId"), If: demand}
	for _, p := range asked.Parts {
		sum, err := hex.DecodeString(strings.Trim(p.ETag, `"`))
		if err != nil {
			return fail(InvalidPart, "part %d has another ETag", p.PartNumber)
		}
		cmd.Parts = append(cmd.Parts, fsm.Chosen{Number: p.PartNumber, MD5: sum})
	}
	done, err := node.Apply(c, c.store.node, cmd, c.from()...)
	if err != nil {
		return ofUpload(err)
	}
	return c.answer("CompleteMultipartUploadResult", struct {
		Location, Bucket, Key, ETag string
	}{"/" + c.bucket + "/" + escape(c.key, true), c.bucket, c.key, etag(done.Answer)})
}

func (c *call) abortUpload() error {
	u, err := c.upload()
	if err != nil {
		return err
	}
	if _, err := node.Apply(c, c.store.node, fsm.AbortUpload{Bucket: u.Bucket, Key: u.Key, ID: u.ID}, c.from()...); err != nil {
		return ofUpload(err)
	}
	c.http.SetStatusCode(204)
	return nil
}

func (c *call) listParts() error {
	if err := c.may(toWrite, c.key); err != nil {
		return err
	}
	most, err := c.atMost("max-parts", maxKeys)
	if err != nil {
		return err
	}
	after, err := c.count("part-number-marker", 0)
	if err != nil {
		return err
	}
	_, encode, err := c.encodingType()
	if err != nil {
		return err
	}
	v, err := c.store.read(c)
	if err != nil {
		return err
	}
	defer v.Close()
	u, err := v.Upload(c.bucket, c.key, c.param("uploadId"))
	if err != nil {
		return ofUpload(err)
	}
	type part struct {
		PartNumber         int
		LastModified, ETag string
		Size               int64
	}
	answer := struct {
		Bucket, Key          string
		UploadID             string `xml:"UploadId"`
		Initiator, Owner     owner
		StorageClass         string
		PartNumberMarker     int
		NextPartNumberMarker int
		MaxParts             int
		IsTruncated          bool
		Part                 []part
	}{
		Bucket: c.bucket, Key: encode(c.key), UploadID: u.ID, Initiator: ours, Owner: ours,
		StorageClass: standard, PartNumberMarker: after, NextPartNumberMarker: after, MaxParts: most,
	}
	for _, p := range v.Parts(u, after) {
		if len(answer.Part) == most {
			answer.IsTruncated = true
			break
		}
		answer.Part = append(answer.Part, part{p.Number, timestamp(p.At), tagOf(p), p.Segment.Size})
		answer.NextPartNumberMarker = p.Number
	}
	return c.answer("ListPartsResult", answer)
}

func (c *call) listUploads() error {
	q, err := c.query("max-uploads")
	if err != nil {
		return err
	}
	if err := c.may(toWrite, q.Prefix); err != nil {
		return err
	}
	kind, encode, err := c.encodingType()
	if err != nil {
		return err
	}
	marker, idMarker := c.param("key-marker"), c.param("upload-id-marker")
	q.After, q.AfterID = marker, idMarker
	q.Skip = q.EndsWithPrefix(marker)
	v, err := c.store.read(c)
	if err != nil {
		return err
	}
	defer v.Close()
	found := v.ListUploads(q)
	type upload struct {
		Key              string
		UploadID         string `xml:"UploadId"`
		Initiator, Owner owner
		StorageClass     string
		Initiated        string
	}
	answer := struct {
		Bucket             string
		KeyMarker          string
		UploadIDMarker     string `xml:"UploadIdMarker"`
		NextKeyMarker      string `xml:",omitempty"`
		NextUploadIDMarker string `xml:"NextUploadIdMarker,omitempty"`
		Prefix             string
		Delimiter          string `xml:",omitempty"`
		EncodingType       string `xml:",omitempty"`
		MaxUploads         int
		IsTruncated        bool
		Upload             []upload
		CommonPrefixes     []commonPrefix
	}{
		Bucket: c.bucket, KeyMarker: encode(marker), UploadIDMarker: idMarker,
		Prefix: encode(q.Prefix), Delimiter: encode(q.Delimiter), EncodingType: kind, MaxUploads: q.Max, IsTruncated: found.More,
		CommonPrefixes: commonPrefixes(found.Prefixes, encode),
	}
	for _, u := range found.Found {
		answer.Upload = append(answer.Upload, upload{encode(u.Key), u.ID, ours, ours, standard, timestamp(u.At)})
	}
	if found.More {
		answer.NextKeyMarker = encode(found.Last)
		if !found.Skip {
			answer.NextUploadIDMarker = found.Found[len(found.Found)-1].ID
		}
	}
	return c.answer("ListMultipartUploadsResult", answer)
}
