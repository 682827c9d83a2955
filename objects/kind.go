package objects

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"image/png"
	"io"
	"net/http"
	"slices"
	"strings"
)

// What a picture's kind is found by.
const (
	// HeadSize is how many of a body's first bytes are looked at, at most. A phone's
	// JPEG says its size behind a thumbnail and a colour profile.
	HeadSize = 512 << 10
	// maxPixels and maxSide bound what a worker would have to hold in memory: the
	// largest phone cameras make 200 million pixels, a JPEG has no longer side.
	maxPixels = 256 << 20
	maxSide   = 65535
)

// Sniff says what a body is by its first bytes, HeadSize of them at most: its
// media type and, of a picture that nobody can use, what is wrong with it. What
// the client called it is not asked.
func Sniff(head io.Reader) (kind, flaw string, err error) {
	r := bufio.NewReaderSize(io.LimitReader(head, HeadSize), 4<<10)
	magic, err := r.Peek(512)
	if err != nil && !errors.Is(err, io.EOF) {
		return "", "", err
	}
	if len(magic) == 0 {
		return "application/octet-stream", "it is empty", nil
	}
	kind = heif(magic)
	if kind == "" {
		kind, _, _ = strings.Cut(http.DetectContentType(magic), ";")
	}
	var shape image.Config
	switch kind {
	case "image/jpeg":
		shape, err = jpeg.DecodeConfig(r)
	case "image/png":
		shape, err = png.DecodeConfig(r)
	default:
		return kind, "", nil
	}
	return kind, flawOf(shape, err), nil
}

// flawOf judges a decoded header. A variant that this decoder does not know is
// no flaw: the worker's may.
func flawOf(c image.Config, err error) string {
	var newJPEG jpeg.UnsupportedError
	var newPNG png.UnsupportedError
	switch {
	case errors.As(err, &newJPEG), errors.As(err, &newPNG):
		return ""
	case err != nil:
		return "its header is broken"
	case c.Width < 1 || c.Height < 1:
		return "it has no pixels"
	case c.Width > maxSide || c.Height > maxSide || c.Width*c.Height > maxPixels:
		return fmt.Sprintf("%d × %d pixels are too many", c.Width, c.Height)
	}
	return ""
}

// heif reads the brands of an ISO base media file (ISO/IEC 23008-12, annex B;
// AV1 Image File Format, 6): what phones write as .heic and .avif. "" is none.
func heif(head []byte) string {
	if len(head) < 16 || !bytes.Equal(head[4:8], []byte("ftyp")) {
		return ""
	}
	size := int(min(binary.BigEndian.Uint32(head), uint32(len(head))))
	var brands []string
	for at := 8; at+4 <= size; at += 4 {
		if at != 12 { // the minor version
			brands = append(brands, string(head[at:at+4]))
		}
	}
	for _, known := range []struct{ kind, brands string }{
		{"image/heic", "heic heix heim heis hevc hevx"},
		{"image/avif", "avif avis"},
		{"image/heif", "mif1 msf1"},
	} {
		if slices.ContainsFunc(brands, func(b string) bool { return slices.Contains(strings.Fields(known.brands), b) }) {
			return known.kind
		}
	}
	return ""
}

// Kind sniffs what was written. The bytes come back from the page cache, so that
// an upload under way holds no more memory for it.
func (w *Draft) Kind() (kind, flaw string, err error) {
	if kind, flaw, err = Sniff(io.NewSectionReader(w.file, 0, w.size)); err != nil {
		return "", "", fmt.Errorf("objects: read an upload back: %w", err)
	}
	return kind, flaw, nil
}
