package objects

import (
	"errors"
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
		if refused := (*Error)(nil); errors.As(err, &refused) {
			return refused
		}
		if err != nil && n < size {
			return fail(IncompleteBody, "the body ended after %d of %d bytes", n, size)
		}
	}
	return nil
}

// copyWhole copies a body of size bytes to its end. A body that says at its end
// that it was not the right one, or that has more, is refused.
func copyWhole(w io.Writer, r io.Reader, size int64) error {
	if err := copyExactly(w, r, size); err != nil {
		return err
	}
	var behind [1]byte
	for {
		n, err := r.Read(behind[:])
		switch {
		case n > 0:
			return fail(IncompleteBody, "the body has more than %d bytes", size)
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		}
	}
}
