package objects

import (
	"io"
	"sync"
)

// buffer is what one stream holds of a body at a time.
type buffer [128 << 10]byte

var buffers = sync.Pool{New: func() any { return new(buffer) }}

// copyExactly copies size bytes and reads no further; fewer are IncompleteBody,
// whatever the connection gave as the reason.
func copyExactly(w io.Writer, r io.Reader, size int64) error {
	buf := buffers.Get().(*buffer)
	defer buffers.Put(buf)
	for n := int64(0); n < size; {
		m, err := r.Read(buf[:min(int64(len(buf)), size-n)])
		n += int64(m)
		if _, err := w.Write(buf[:m]); err != nil {
			return err
		}
		if err != nil && n < size {
			return fail(IncompleteBody, "the body ended after %d of %d bytes", n, size)
		}
	}
	return nil
}
