package objects

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/jpeg"
	"image/png"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

// pngOf is a PNG's header of that size.
func pngOf(width, height uint32) []byte {
	chunk := []byte("IHDR")
	chunk = binary.BigEndian.AppendUint32(chunk, width)
	chunk = append(binary.BigEndian.AppendUint32(chunk, height), 8, 2, 0, 0, 0)
	out := append([]byte("\x89PNG\r\n\x1a\n\x00\x00\x00\r"), chunk...)
	return binary.BigEndian.AppendUint32(out, crc32.ChecksumIEEE(chunk))
}

// A picture is what its bytes are, found within a bounded number of them.
func TestSniff(t *testing.T) {
	var photo, drawing bytes.Buffer
	if err := jpeg.Encode(&photo, image.NewGray(image.Rect(0, 0, 40, 30)), nil); err != nil {
		t.Fatal(err)
	}
	if err := png.Encode(&drawing, image.NewGray(image.Rect(0, 0, 40, 30))); err != nil {
		t.Fatal(err)
	}
	// As phones do: 300 kB of thumbnail and profile before the picture's size.
	app := append([]byte{0xff, 0xe2, 0xff, 0xff}, make([]byte, 65533)...)
	thumb := append([]byte{0xff, 0xd8}, bytes.Repeat(app, 5)...)
	thumb = append(thumb, photo.Bytes()[2:]...)
	ftyp := func(brands string) string { return "\x00\x00\x00" + string(rune(8+len(brands))) + "ftyp" + brands }
	for _, c := range []struct{ name, body, kind, flaw string }{
		{"a JPEG", photo.String(), "image/jpeg", ""},
		{"a JPEG that is cut after its header", photo.String()[:300] + "", "image/jpeg", "its header is broken"},
		{"a JPEG behind much else", string(thumb), "image/jpeg", ""},
		{"a JPEG whose size is nowhere", "\xff\xd8" + strings.Repeat(string(app), 9), "image/jpeg", "its header is broken"},
		{"three bytes of a JPEG", "\xff\xd8\xff", "image/jpeg", "its header is broken"},
		{"a PNG", drawing.String(), "image/png", ""},
		{"a PNG that would fill the memory", string(pngOf(60000, 60000)), "image/png", "60000 × 60000 pixels are too many"},
		{"a PNG that is too long", string(pngOf(70000, 1)), "image/png", "70000 × 1 pixels are too many"},
		{"a PNG of nothing", string(pngOf(0, 9)), "image/png", "its header is broken"},
		{"a PNG with a wrong checksum", string(pngOf(9, 9)[:30]) + "abc", "image/png", "its header is broken"},
		{"a WebP", "RIFF\x24\x00\x00\x00WEBPVP8 " + "....", "image/webp", ""},
		{"an iPhone's picture", ftyp("heic\x00\x00\x00\x00mif1heic"), "image/heic", ""},
		{"a HEIC that says so second", ftyp("mif1\x00\x00\x00\x00mif1heic"), "image/heic", ""},
		{"a HEIF of something else", ftyp("mif1\x00\x00\x00\x00mif1"), "image/heif", ""},
		{"an AVIF", ftyp("avif\x00\x00\x00\x00avifmif1"), "image/avif", ""},
		{"a brand beyond its box", ftyp("isom\x00\x00\x00\x00")[:16] + "heic", "application/octet-stream", ""},
		{"a film", ftyp("mp42\x00\x00\x00\x00mp42"), "video/mp4", ""},
		{"a page", "<!DOCTYPE html><title>hi", "text/html", ""},
		{"a program", "\x7fELF\x02\x01\x01\x00", "application/octet-stream", ""},
		{"nothing", "", "application/octet-stream", "it is empty"},
	} {
		read := &counted{r: iotest.OneByteReader(strings.NewReader(c.body))}
		kind, flaw, err := Sniff(read)
		if kind != c.kind || flaw != c.flaw || err != nil {
			t.Errorf("%s: %q %q %v, want %q %q", c.name, kind, flaw, err, c.kind, c.flaw)
		}
		if read.n > HeadSize {
			t.Errorf("%s: %d bytes were read", c.name, read.n)
		}
	}
	if _, _, err := Sniff(iotest.ErrReader(io.ErrClosedPipe)); err == nil {
		t.Error("a body that cannot be read is something")
	}
}

// FuzzSniff: whatever is uploaded, looking at it ends.
func FuzzSniff(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic"))
	f.Add(pngOf(3, 4))
	f.Add([]byte("\xff\xd8\xff\xe0\x00\x10JFIF"))
	f.Fuzz(func(t *testing.T, body []byte) {
		if kind, _, err := Sniff(bytes.NewReader(body)); kind == "" || err != nil {
			t.Errorf("%q %v", kind, err)
		}
	})
}

type counted struct {
	r io.Reader
	n int
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += n
	return n, err
}
