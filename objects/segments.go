package objects

import (
	"io"

	"stoker/fsm"
)

// span is a range of one file.
type span struct {
	piece  fsm.Object
	off, n int64
}

// spans maps a range of an object in parts to its files.
func spans(o fsm.Object, off, n int64) (list []span) {
	for _, p := range o.Pieces() {
		if from, to := max(off, 0), min(off+n, p.Size); from < to {
			list = append(list, span{p, from, to - from})
		}
		off -= p.Size
	}
	return list
}

// openSegments reads over the files of an object in parts, each from wherever it
// is. The first is opened at once, so that an error can still become a status.
func (s *Store) openSegments(o fsm.Object, off, n int64) (io.ReadCloser, error) {
	r := &segmented{store: s, record: o, rest: spans(o, off, n)}
	return r, r.next()
}

// segmented reads one span after the other; one file is open at a time.
type segmented struct {
	store  *Store
	record fsm.Object
	rest   []span
	body   io.ReadCloser // nil behind the last
}

// next goes on to the next span.
func (r *segmented) next() (err error) {
	if err = r.Close(); err != nil || len(r.rest) == 0 {
		return err
	}
	at := r.rest[0]
	r.rest = r.rest[1:]
	r.body, err = r.store.openPiece(r.record, at.piece, at.off, at.n)
	return err
}

func (r *segmented) Read(p []byte) (int, error) {
	for r.body != nil {
		n, err := r.body.Read(p)
		if err == io.EOF {
			err = r.next()
		}
		if n > 0 || err != nil {
			return n, err
		}
	}
	return 0, io.EOF
}

// WriteTo has each file written as it would be alone.
func (r *segmented) WriteTo(w io.Writer) (written int64, err error) {
	for r.body != nil && err == nil {
		n := int64(0)
		n, err = io.Copy(w, r.body)
		if written += n; err == nil {
			err = r.next()
		}
	}
	return written, err
}

func (r *segmented) Close() error {
	if r.body == nil {
		return nil
	}
	body := r.body
	r.body = nil
	return body.Close()
}
