package fsm

import (
	"cmp"
	"crypto/md5"
	"fmt"
	"maps"
	"strings"
)

func init() {
	maps.Copy(verbs, map[string]verb{
		"begin-upload": beginUploadVerb, "part": partVerb, "complete": completeVerb, "abort": abortVerb,
		"copy": copyVerb, "delete-many": deleteManyVerb,
	})
	maps.Copy(shows, map[string]func(*View, words) (string, error){
		"list": showList, "list-uploads": showUploads, "show-parts": showParts, "show-pieces": showPieces,
	})
}

// text reads words like a:b,c:d into a map.
func (w words) text(key string) map[string]string {
	out := map[string]string(nil)
	for _, pair := range w.list(key) {
		name, value, _ := strings.Cut(pair, ":")
		if out == nil {
			out = map[string]string{}
		}
		out[name] = value
		if n, err := w.integer("long", 0); err == nil && n > 0 {
			out[name] = strings.Repeat("x", int(n))
		}
	}
	return out
}

// begin-upload key=big/a id=m1 [type=video/mp4] [meta=a:b] [headers=Expires:never] [long=3000] [times=1000]
func beginUploadVerb(_ *stage, w words) ([]act, error) {
	times, err := w.integer("times", 0)
	var acts []act
	for i := range times {
		u := Upload{Bucket: "photos", Key: w["key"], ID: fmt.Sprint(w["id"], i)}
		acts = append(acts, does(CreateUpload{u}, func(u Upload) string { return "until " + clock(u.Due) }))
	}
	if times > 0 || err != nil {
		return acts, err
	}
	u := Upload{Bucket: "photos", Key: w["key"], ID: w["id"], ContentType: w["type"], Meta: w.text("meta"), Headers: w.text("headers")}
	return single(does(CreateUpload{u}, func(u Upload) string { return "until " + clock(u.Due) }), nil)
}

// megabyte is the unit of sizes in the transcripts of parts.
const megabyte = int64(1 << 20)

// tag is the MD5 of a part that was uploaded as file.
func tag(file string) []byte {
	sum := md5.Sum([]byte(file))
	return sum[:]
}

// part key=big/a id=m1 number=1 mb=5 file=p1 [kind=image/png] [no-nodes]
func partVerb(_ *stage, w words) ([]act, error) {
	n, err := w.integer("number", 1)
	if err != nil {
		return nil, err
	}
	mb, err := w.integer("mb", 5)
	p := Part{Number: int(n), Segment: Segment{Upload: w["file"], Size: mb * megabyte, MD5: tag(w["file"]), Nodes: []string{"n1", "n2"}}, Kind: w["kind"]}
	if w.has("no-nodes") {
		p.Segment.Nodes = nil
	}
	c := PutPart{Bucket: "photos", Key: w["key"], ID: w["id"], Part: p}
	return single(does(c, func(p Part) string { return fmt.Sprintf("part %d", p.Number) }), err)
}

// complete key=big/a id=m1 parts=1:p1,2:p2
func completeVerb(_ *stage, w words) ([]act, error) {
	c := CompleteUpload{Bucket: "photos", Key: w["key"], ID: w["id"], If: w.condition()}
	for _, chosen := range w.list("parts") {
		var n int
		number, file, _ := strings.Cut(chosen, ":")
		if _, err := fmt.Sscan(number, &n); err != nil {
			return nil, err
		}
		c.Parts = append(c.Parts, Chosen{Number: n, MD5: tag(file)})
	}
	return single(does(c, tellObject), nil)
}

func tellObject(o Object) string {
	line := fmt.Sprintf("%s %d MB", o.Key, o.Size/megabyte)
	if len(o.Segments) > 0 {
		line += fmt.Sprintf(" in %d", len(o.Segments))
	}
	if o.File != "" {
		line += " file=" + o.File
	}
	return strings.TrimSpace(line + " " + strings.TrimSpace(o.ContentType+" "+o.Kind))
}

func abortVerb(_ *stage, w words) ([]act, error) {
	c := AbortUpload{Bucket: "photos", Key: w["key"], ID: w["id"]}
	return single(does(c, func(UploadAborted) string { return "ok" }), nil)
}

// copy source=a to=b [old] [replace] [type=image/png] [meta=a:b]
func copyVerb(s *stage, w words) ([]act, error) {
	v := s.m.View()
	defer v.Close()
	o, _ := v.Object("photos", w["source"])
	c := CopyObject{
		Bucket: "photos", From: w["source"], Version: o.Version(), To: w["to"], If: w.condition(),
		Replace: w.has("replace"), ContentType: w["type"], Meta: w.text("meta"),
	}
	if w.has("old") {
		c.Version = []byte("another")
	}
	return single(does(c, tellObject), nil)
}

// delete-many keys=a,b [times=1001]
func deleteManyVerb(_ *stage, w words) ([]act, error) {
	n, err := w.integer("times", 1)
	c := DeleteObjects{Bucket: "photos"}
	for range n {
		c.Keys = append(c.Keys, w.list("keys")...)
	}
	return single(does(c, func(ObjectDeleted) string { return "ok" }), err)
}

// condition reads if-none, if-any, if-match=b (the name of the bytes) or if-match=p1+p2 (of bytes in parts).
func (w words) condition() *Condition {
	names := strings.Split(w["if-match"], "+")
	switch {
	case w.has("if-none"):
		return &Condition{Absent: true}
	case w.has("if-any"):
		return &Condition{ETag: AnyETag}
	case !w.has("if-match"):
		return nil
	case len(names) == 1:
		return &Condition{ETag: Object{MD5: tag(names[0])}.ETag()}
	}
	whole := md5.New()
	for _, name := range names {
		whole.Write(tag(name))
	}
	return &Condition{ETag: Object{MD5: whole.Sum(nil), Segments: make([]Segment, len(names))}.ETag()}
}

func (w words) query() (ListQuery, error) {
	n, err := w.integer("max", 1000)
	q := ListQuery{
		Bucket: "photos", Prefix: w["prefix"], Delimiter: w["delimiter"], After: cmp.Or(w["after"], w["behind"]),
		AfterID: w["after-id"], Skip: w.has("behind"), Max: int(n),
	}
	return q, err
}

func tellPage[V any](p Listing[V], name func(V) string) string {
	var lines []string
	for _, f := range p.Found {
		lines = append(lines, name(f))
	}
	for _, prefix := range p.Prefixes {
		lines = append(lines, "("+prefix+")")
	}
	if p.More {
		lines = append(lines, "… "+p.Last)
	}
	if len(lines) == 0 {
		return "none"
	}
	return strings.Join(lines, " ")
}

// list [prefix=] [delimiter=] [after=] [behind=] [max=]
func showList(v *View, w words) (string, error) {
	q, err := w.query()
	return tellPage(v.ListObjects(q), func(o Object) string { return o.Key }), err
}

func showUploads(v *View, w words) (string, error) {
	q, err := w.query()
	return tellPage(v.ListUploads(q), func(u Upload) string { return u.Key + "@" + u.ID }), err
}

// show-parts key=big/a id=m1 [after=1]
func showParts(v *View, w words) (string, error) {
	after, err := w.integer("after", 0)
	u, missing := v.Upload("photos", w["key"], w["id"])
	if missing != nil {
		return "no such upload", err
	}
	line := fmt.Sprintf("%d MB", u.Size/megabyte)
	for _, p := range v.Parts(u, int(after)) {
		line += fmt.Sprintf(" %d:%s", p.Number, p.Segment.Upload)
	}
	return line, err
}

// show-pieces: all that refers to a file, which nothing may collect.
func showPieces(v *View, _ words) (string, error) {
	var lines []string
	for o := range v.Objects() {
		key := o.Key
		if o.File != "" {
			key += "<" + o.File
		}
		lines = append(lines, key+"-"+o.Upload)
	}
	return strings.Join(lines, " "), nil
}
