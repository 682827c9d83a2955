package objects

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/minio/minio-go/v7"

	"stoker/fsm"
)

func TestServe_Parts(t *testing.T) {
	cluster := startCluster(t, 3, nil)
	m, ctx := cluster[0], t.Context()
	c := m.client(t)
	const key = "big/살롱 a+b.mp4"
	id, err := c.NewMultipartUpload(ctx, "photos", key, minio.PutObjectOptions{
		ContentType: "video/mp4", UserMetadata: map[string]string{"Camera": "x"}, CacheControl: "no-store", ContentDisposition: "attachment",
	})
	if err != nil {
		t.Fatal(err)
	}
	first, second, third := bodyOf(int(fsm.MinPart), 1), bodyOf(int(fsm.MinPart)+7, 2), bodyOf(9, 3)
	whole := slices.Concat(first, second, third)
	part := func(number int, body []byte) minio.CompletePart {
		p := must[minio.ObjectPart](t)(c.PutObjectPart(ctx, "photos", key, id, number, bytes.NewReader(body), int64(len(body)), minio.PutObjectPartOptions{}))
		return minio.CompletePart{PartNumber: number, ETag: p.ETag}
	}
	parts := []minio.CompletePart{part(1, first), part(2, bodyOf(9, 9)), part(3, third)}
	if len(m.blobs(t)) != 3 {
		t.Errorf("files %v", m.blobs(t))
	}
	_, err = c.CompleteMultipartUpload(ctx, "photos", key, id, parts, minio.PutObjectOptions{})
	refusedWith(t, "a small part in the middle", err, EntityTooSmall)
	parts[1] = part(2, second)
	_, err = c.CompleteMultipartUpload(ctx, "photos", key, id, []minio.CompletePart{parts[0], {PartNumber: 2, ETag: parts[0].ETag}}, minio.PutObjectOptions{})
	refusedWith(t, "another ETag", err, InvalidPart)
	_, err = c.CompleteMultipartUpload(ctx, "photos", key, id, []minio.CompletePart{{PartNumber: 9, ETag: parts[0].ETag}}, minio.PutObjectOptions{})
	refusedWith(t, "no such part", err, InvalidPart)

	listed := must[minio.ListObjectPartsResult](t)(c.ListObjectParts(ctx, "photos", key, id, 0, 2))
	if len(listed.ObjectParts) != 2 || !listed.IsTruncated || listed.NextPartNumberMarker != 2 || listed.ObjectParts[1].Size != int64(len(second)) {
		t.Errorf("parts %+v", listed)
	}
	listed = must[minio.ListObjectPartsResult](t)(c.ListObjectParts(ctx, "photos", key, id, 2, 2))
	if len(listed.ObjectParts) != 1 || listed.IsTruncated || strings.Trim(listed.ObjectParts[0].ETag, `"`) != parts[2].ETag {
		t.Errorf("parts %+v", listed)
	}
	open := must[minio.ListMultipartUploadsResult](t)(cluster[1].client(t).ListMultipartUploads(ctx, "photos", "big/", "", "", "", 10))
	if len(open.Uploads) != 1 || open.Uploads[0].UploadID != id || open.Uploads[0].Key != key {
		t.Errorf("uploads %+v", open)
	}

	done := must[minio.UploadInfo](t)(c.CompleteMultipartUpload(ctx, "photos", key, id, parts, minio.PutObjectOptions{}))
	sums := md5.New()
	for _, p := range parts {
		raw, _ := hex.DecodeString(p.ETag)
		sums.Write(raw)
	}
	tag := hex.EncodeToString(sums.Sum(nil)) + "-3"
	if strings.Trim(done.ETag, `"`) != tag {
		t.Errorf("ETag %s, want %s", done.ETag, tag)
	}
	again := must[minio.UploadInfo](t)(c.CompleteMultipartUpload(ctx, "photos", key, id, parts, minio.PutObjectOptions{}))
	if again.ETag != done.ETag {
		t.Errorf("asked again: %+v", again)
	}
	_, err = c.ListObjectParts(ctx, "photos", key, id, 0, 2)
	refusedWith(t, "parts of what is complete", err, NoSuchUpload)

	// Each node reads all of it and any range, whichever parts it has itself.
	cluster[2].loseBlobs(t)
	n, a, b := int64(len(whole)), int64(len(first)), int64(len(first)+len(second))
	for _, other := range cluster {
		get := other.presign(t, "GET", key, 0)
		all := do(t, "GET", get, "")
		h := all.header
		if all.body != string(whole) || h.Get("ETag") != `"`+tag+`"` || h.Get("Content-Type") != "video/mp4" || h.Get("x-amz-meta-camera") != "x" ||
			h.Get("Cache-Control") != "no-store" || h.Get("Content-Disposition") != "attachment" {
			t.Errorf("%s: %d bytes, %v", other.id, len(all.body), h)
		}
		for _, r := range [][2]int64{{0, 0}, {a - 1, a}, {a, a}, {a - 3, b + 3}, {b, n - 1}, {n - 1, n - 1}, {1, n - 2}, {0, n - 1}} {
			got := do(t, "GET", get, "", "Range", fmt.Sprintf("bytes=%d-%d", r[0], r[1]))
			if got.status != 206 || got.body != string(whole[r[0]:r[1]+1]) {
				t.Errorf("%s: range %v: %d, %d bytes", other.id, r, got.status, len(got.body))
			}
		}
	}

	// A part of another object, a copy of the whole, and the end of the source.
	id2 := must[string](t)(c.NewMultipartUpload(ctx, "photos", "big/b", minio.PutObjectOptions{}))
	from, err := c.CopyObjectPart(ctx, "photos", key, "photos", "big/b", id2, 1, a-3, 6, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.CompleteMultipartUpload(ctx, "photos", "big/b", id2, []minio.CompletePart{from}, minio.PutObjectOptions{}); err != nil {
		t.Fatal(err)
	}
	if got := do(t, "GET", m.presign(t, "GET", "big/b", 0), ""); got.body != string(whole[a-3:a+3]) {
		t.Errorf("copied range %q", got.body)
	}
	if _, err := c.CopyObject(ctx, "photos", key, "photos", "big/c", nil, minio.CopySrcOptions{}, minio.PutObjectOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := c.RemoveObject(ctx, "photos", key, minio.RemoveObjectOptions{}); err != nil {
		t.Fatal(err)
	}
	if got := do(t, "GET", cluster[2].presign(t, "GET", "big/c", 0), ""); got.body != string(whole) || got.header.Get("x-amz-meta-camera") != "x" {
		t.Errorf("the copy of what is gone: %d bytes, %v", len(got.body), got.header)
	}

	id3 := must[string](t)(c.NewMultipartUpload(ctx, "photos", "big/d", minio.PutObjectOptions{}))
	if err := c.AbortMultipartUpload(ctx, "photos", "big/d", id3); err != nil {
		t.Fatal(err)
	}
	refusedWith(t, "abort twice", c.AbortMultipartUpload(ctx, "photos", "big/d", id3), NoSuchUpload)
	before := len(m.blobs(t))
	_, err = c.PutObjectPart(ctx, "photos", "big/d", id3, 1, strings.NewReader("x"), 1, minio.PutObjectPartOptions{})
	refusedWith(t, "a part of what was aborted", err, NoSuchUpload)
	if got := len(m.blobs(t)); got != before {
		t.Errorf("%d files, had %d", got, before)
	}
}

// A client that begins uploads and never ends them is told so, and one that ends makes room.
func TestServe_TooManyUploads(t *testing.T) {
	m := startCluster(t, 1, nil)[0]
	var all sync.WaitGroup
	for i := range 50 {
		all.Go(func() {
			for k := i; k < fsm.MaxUploads; k += 50 {
				apply(t, m, fsm.CreateUpload{Upload: fsm.Upload{Bucket: "photos", Key: "big/a", ID: fmt.Sprint("m", k)}})
			}
		})
	}
	all.Wait()
	c := m.client(t)
	_, err := c.NewMultipartUpload(t.Context(), "photos", "big/b", minio.PutObjectOptions{})
	refusedWith(t, "one more", err, TooManyUploads)
	if err := c.AbortMultipartUpload(t.Context(), "photos", "big/a", "m7"); err != nil {
		t.Fatal(err)
	}
	must[string](t)(c.NewMultipartUpload(t.Context(), "photos", "big/b", minio.PutObjectOptions{}))
}

func TestSpans(t *testing.T) {
	o := fsm.Object{Size: 30, Segments: []fsm.Segment{{Upload: "a", Size: 10}, {Upload: "b", Size: 0}, {Upload: "c", Size: 20}}}
	for _, e := range []struct {
		off, n int64
		want   string
	}{
		{0, 30, "a0+10 c0+20"}, {0, 10, "a0+10"}, {9, 2, "a9+1 c0+1"}, {10, 1, "c0+1"}, {29, 1, "c19+1"}, {5, 0, ""},
	} {
		var got []string
		for _, s := range spans(o, e.off, e.n) {
			got = append(got, fmt.Sprintf("%s%d+%d", s.piece.Upload, s.off, s.n))
		}
		if strings.Join(got, " ") != e.want {
			t.Errorf("%d+%d: %v, want %s", e.off, e.n, got, e.want)
		}
	}
}

// A reader of an object in parts meets the end where the object ends, and an error
// where a part is nowhere.
func TestSegmented_MissingPart(t *testing.T) {
	m := startCluster(t, 1, nil)[0]
	o, err := m.store.Put(context.Background(), PutRequest{Bucket: "photos", Key: "a", Size: 3, Body: strings.NewReader("abc")})
	if err != nil {
		t.Fatal(err)
	}
	s := fsm.Segment{Upload: o.Upload, Size: 3, SHA256: o.SHA256, Nodes: o.Nodes}
	lost := s
	lost.Upload = "gone"
	two := fsm.Object{Bucket: "photos", Key: "a", Size: 6, Segments: []fsm.Segment{s, s}}
	r, err := m.store.Open(two, 0, 6)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(r); string(got) != "abcabc" || err != nil {
		t.Errorf("%q %v", got, err)
	}
	two.Segments[1] = lost
	if r, err = m.store.Open(two, 0, 6); err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if got, err := io.ReadAll(r); string(got) != "abc" || err == nil {
		t.Errorf("%q %v", got, err)
	}
	two.Segments[0] = lost
	if _, err := m.store.Open(two, 0, 6); err == nil {
		t.Error("an object whose first part is nowhere opens")
	}
}
