package objects

import (
	"bytes"
	"io"
	"os"
	"testing"

	"github.com/minio/minio-go/v7"

	"stoker/fsm"
)

// wire stands for a connection: it notes what it is given to send.
type wire struct {
	bytes.Buffer
	files, others int
}

func (w *wire) ReadFrom(r io.Reader) (int64, error) {
	limited, _ := r.(*io.LimitedReader)
	if limited == nil {
		w.others++
	} else if _, ok := limited.R.(*os.File); ok {
		w.files++
	} else {
		w.others++
	}
	return w.Buffer.ReadFrom(r)
}

// A copy on this node goes from its files to the connection: whole objects, ranges, and
// objects in parts. What is sent is what was asked for.
func TestOpen_FilesGoToTheConnection(t *testing.T) {
	m := startCluster(t, 1, nil)[0]
	ctx, c := t.Context(), m.client(t)
	one := bodyOf(1000, 1)
	do(t, "PUT", m.presign(t, "PUT", "etc/one", 0), string(one)).want(t, 200, "")
	id := must[string](t)(c.NewMultipartUpload(ctx, "photos", "etc/parts", minio.PutObjectOptions{}))
	first, second := bodyOf(int(fsm.MinPart), 2), bodyOf(70, 3)
	var parts []minio.CompletePart
	for i, body := range [][]byte{first, second} {
		p := must[minio.ObjectPart](t)(c.PutObjectPart(ctx, "photos", "etc/parts", id, i+1, bytes.NewReader(body), int64(len(body)), minio.PutObjectPartOptions{}))
		parts = append(parts, minio.CompletePart{PartNumber: i + 1, ETag: p.ETag})
	}
	must[minio.UploadInfo](t)(c.CompleteMultipartUpload(ctx, "photos", "etc/parts", id, parts, minio.PutObjectOptions{}))
	whole := append(bytes.Clone(first), second...)
	for _, e := range []struct {
		key    string
		body   []byte
		off, n int
		files  int
	}{
		{"etc/one", one, 0, 1000, 1}, {"etc/one", one, 10, 20, 1}, {"etc/one", one, 990, 10, 1},
		{"etc/parts", whole, 0, len(whole), 2}, {"etc/parts", whole, len(first) - 5, 10, 2}, {"etc/parts", whole, len(first), 70, 1},
	} {
		o, err := m.store.Head(ctx, "photos", e.key)
		if err != nil {
			t.Fatal(err)
		}
		r, err := m.store.Open(o, int64(e.off), int64(e.n))
		if err != nil {
			t.Fatal(err)
		}
		var w wire
		n, err := r.(io.WriterTo).WriteTo(&w)
		if err != nil || n != int64(e.n) || !bytes.Equal(w.Bytes(), e.body[e.off:e.off+e.n]) || w.files != e.files || w.others != 0 {
			t.Errorf("%s from %d: %d bytes, %d files, %d other readers, %v", e.key, e.off, n, w.files, w.others, err)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
	// Some clients read an object by the parts that it came in.
	for _, e := range []struct {
		key, number string
		status      int
		body        []byte
		rng, count  string
	}{
		{"etc/parts", "1", 206, first, "bytes 0-5242879/5242950", "2"},
		{"etc/parts", "2", 206, second, "bytes 5242880-5242949/5242950", "2"},
		{"etc/one", "1", 206, one, "bytes 0-999/1000", ""},
	} {
		got := do(t, "GET", sign(t, m, "GET", "/photos/"+e.key, field{"partNumber", e.number}), "")
		if got.status != e.status || got.body != string(e.body) || got.header.Get("Content-Range") != e.rng || got.header.Get("x-amz-mp-parts-count") != e.count {
			t.Errorf("part %s of %s: %d, %d bytes, %v", e.number, e.key, got.status, len(got.body), got.header)
		}
		head := do(t, "HEAD", sign(t, m, "HEAD", "/photos/"+e.key, field{"partNumber", e.number}), "")
		if head.status != e.status || head.header.Get("Content-Range") != e.rng {
			t.Errorf("the head of part %s of %s: %d, %v", e.number, e.key, head.status, head.header)
		}
	}
	for number, code := range map[string]Code{"3": InvalidPartNumber, "0": InvalidArgument, "10001": InvalidArgument, "x": InvalidArgument} {
		do(t, "GET", sign(t, m, "GET", "/photos/etc/parts", field{"partNumber", number}), "").want(t, code.status(), code)
	}
	do(t, "GET", sign(t, m, "GET", "/photos/etc/parts", field{"partNumber", "1"}), "", "Range", "bytes=0-1").want(t, 400, InvalidRequest)
}
