package objects

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"os"
	"time"

	"stoker/fsm"
)

// fetchStall is how long another member may keep a reader waiting before the
// next one is asked.
const fetchStall = 5 * time.Second

// Head finds a published object.
func (s *Store) Head(ctx context.Context, bucket, key string) (fsm.Object, error) {
	v, err := s.read(ctx)
	if err != nil {
		return fsm.Object{}, err
	}
	defer v.Close()
	o, ok := v.Object(bucket, key)
	if !ok {
		return o, fail(NoSuchKey, "there is no such object")
	}
	return o, nil
}

// Open reads n bytes of an object from off on; close it. A copy on this node is
// read from its files, which are sent without passing through memory (io.WriterTo);
// else the bytes stream through from a member that has one.
func (s *Store) Open(o fsm.Object, off, n int64) (io.ReadCloser, error) {
	if len(o.Segments) > 0 {
		return s.openSegments(o, off, n)
	}
	return s.openPiece(o, o, off, n)
}

// openPiece opens one file of a record. What is found wrong with it is told of the
// record, which is what nodes hold or do not.
func (s *Store) openPiece(record, o fsm.Object, off, n int64) (io.ReadCloser, error) {
	b := BlobOf(o)
	f, size, err := s.disk.Open(b)
	switch {
	case err != nil:
		s.tender.missing(record)
	case size != o.Size:
		s.cfg.Log.Error("a blob's file has the wrong size", "blob", string(b), "size", size, "want", o.Size)
		_ = f.Close()
		s.tender.missing(record)
	default:
		if _, err = f.Seek(off, io.SeekStart); err == nil {
			return &section{io.LimitedReader{R: f, N: n}, f}, nil
		}
		_ = f.Close()
		s.tender.missing(record)
	}
	s.metrics.elsewhere.Inc()
	return s.fetch(b, record, o, off, n)
}

// fetch opens a remote read of one of a record's blobs. A member whose copy turns
// out to be damaged is told.
func (s *Store) fetch(b Blob, record, o fsm.Object, off, n int64) (io.ReadCloser, error) {
	return s.peers.fetchFrom(b, o.Size, o.SHA256, off, n, s.peers.byLikelihood(b, o.Nodes, s.others()), func(member string) {
		go s.tender.suspect(member, record)
	})
}

// section is a part of a file that closes the file. The file stands where it begins.
type section struct {
	io.LimitedReader
	file *os.File
}

// WriteTo shows the writer the file itself: the kernel sends it to a connection
// (sendfile), where there is no TLS between.
func (s *section) WriteTo(w io.Writer) (int64, error) { return io.Copy(w, &s.LimitedReader) }

func (s *section) Close() error { return s.file.Close() }

// fetched is a blob's bytes from other members. When one fails in the middle the
// next continues where it stopped.
type fetched struct {
	peers   *peers
	blob    Blob
	at, end int64
	from    []string // members not asked yet
	errs    []error

	member string
	body   io.ReadCloser // of member, nil before and between
	watch  *time.Timer   // cancels the member's request when it stalls
	cancel context.CancelFunc

	hash    hash.Hash // of a whole read; nil for a part
	want    []byte
	damaged func(member string)
}

// failure is all that went wrong until now.
func (f *fetched) failure() error { return errors.Join(f.errs...) }

// errDamaged: a copy's bytes are not those of the record.
var errDamaged = errors.New("objects: the copy is damaged")

// fetchFrom opens a remote read of n of a blob's size bytes from the members given,
// in their order. It returns once one has answered that it has the blob, so that
// an error can still become a status. damaged is told whose bytes were wrong.
func (p *peers) fetchFrom(b Blob, size int64, sum []byte, off, n int64, members []string, damaged func(member string)) (io.ReadCloser, error) {
	f := &fetched{peers: p, blob: b, at: off, end: off + n, from: members, damaged: damaged}
	if off == 0 && n == size {
		f.hash, f.want = sha256.New(), sum
	}
	if n == 0 {
		return f, nil
	}
	return f, f.next()
}

// next asks members until one has the blob.
func (f *fetched) next() error {
	for len(f.from) > 0 {
		f.member, f.from = f.from[0], f.from[1:]
		ctx, cancel := context.WithCancel(context.Background())
		f.cancel, f.watch = cancel, time.AfterFunc(fetchStall, cancel)
		resp, err := f.peers.do(ctx, f.member, http.MethodGet, f.blob, nil, func(req *http.Request) {
			req.Header.Set("Range", fmt.Sprintf("bytes=%d-%d", f.at, f.end-1))
		})
		if err == nil && resp.StatusCode != http.StatusPartialContent {
			err = fmt.Errorf("%s: %s instead of a range", f.member, resp.Status)
			_ = resp.Body.Close()
		}
		if err == nil {
			f.watch.Stop()
			f.peers.note(f.member, nil)
			f.body = resp.Body
			return nil
		}
		if !errors.As(err, new(*declined)) {
			f.peers.note(f.member, err)
		}
		f.drop(err)
	}
	return errors.Join(append(f.errs, fail(ServiceUnavailable, "no node that is reachable has the object; try again"))...)
}

// drop is done with the current member.
func (f *fetched) drop(err error) {
	f.watch.Stop()
	f.cancel()
	if f.body != nil {
		_ = f.body.Close()
		f.body = nil
	}
	if err != nil {
		f.errs = append(f.errs, fmt.Errorf("read from %s: %w", f.member, err))
	}
}

// Read gives the last byte of a whole object only once the hash of all was found
// right: a reader that counts bytes never takes damaged ones for complete.
func (f *fetched) Read(p []byte) (int, error) {
	for f.at < f.end {
		if f.body == nil {
			if err := f.next(); err != nil {
				return 0, err
			}
		}
		f.watch.Reset(fetchStall)
		n, err := f.body.Read(p[:min(int64(len(p)), f.end-f.at)])
		f.watch.Stop()
		if f.hash != nil {
			f.hash.Write(p[:n])
		}
		f.at += int64(n)
		switch {
		case f.at == f.end && f.hash != nil && string(f.hash.Sum(nil)) != string(f.want):
			err := fmt.Errorf("%w: %s on %s", errDamaged, f.blob, f.member)
			f.errs = append(f.errs, err)
			f.damaged(f.member)
			return 0, err
		case n > 0:
			return n, nil // an error, if there was one, comes back from the next Read
		case err != nil:
			f.drop(err)
		}
	}
	return 0, io.EOF
}

// Close ends the read, wherever it is.
func (f *fetched) Close() error {
	if f.cancel != nil {
		f.drop(nil)
	}
	return nil
}
