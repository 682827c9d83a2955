package bench

import (
	"bytes"
	"encoding/binary"
)

// picture is a PNG of a few bytes that differ by n. Nobody looks further into it than its header.
func picture(n int) *bytes.Reader {
	return bytes.NewReader(binary.BigEndian.AppendUint64([]byte(pixel), uint64(n)))
}

// pixel is the first 33 bytes of a PNG of one pixel: all that the cluster looks at.
const pixel = "\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x00\x00\x00\x00\x3a\x7e\x9b\x55"
