package bench

import (
	"bytes"
	"encoding/binary"
)

// picture is a few bytes that differ by n. Nobody looks into them: nodes store what they are sent.
func picture(n int) *bytes.Reader {
	return bytes.NewReader(binary.BigEndian.AppendUint64([]byte("picture "), uint64(n)))
}
