package objects

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"
)

// blobPath is where members exchange blobs on the cluster port.
const blobPath = "/blob/"

// trailerSize is the length of the SHA-256 behind a blob's bytes: see Draft.Follow.
const trailerSize = sha256.Size

// blobServer takes and gives copies over the cluster port, where mutual TLS has
// let only members in.
type blobServer struct{ disk *Disk }

func (s blobServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b, ok := ParseBlob(strings.TrimPrefix(r.URL.Path, blobPath))
	if !ok {
		http.Error(w, "no blob has such a name", http.StatusBadRequest)
		return
	}
	switch r.Method {
	case http.MethodPut:
		s.answer(w, s.take(b, r))
	case http.MethodGet, http.MethodHead:
		s.give(w, r, b)
	case http.MethodDelete:
		s.answer(w, s.disk.Remove(b))
	default:
		http.Error(w, "PUT, GET, HEAD or DELETE", http.StatusMethodNotAllowed)
	}
}

func (s blobServer) answer(w http.ResponseWriter, err error) {
	var refused *Error
	switch {
	case err == nil:
		w.WriteHeader(http.StatusNoContent)
	case errors.As(err, &refused):
		http.Error(w, err.Error(), refused.Status())
	default:
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}

func (s blobServer) give(w http.ResponseWriter, r *http.Request, b Blob) {
	f, _, err := s.disk.Open(b)
	if err != nil {
		http.Error(w, "no such blob here", http.StatusNotFound)
		return
	}
	defer f.Close()
	w.Header().Set("Content-Type", "application/octet-stream")
	http.ServeContent(w, r, "", time.Time{}, f)
}

// take stores a copy and returns when it is durable. The sender is believed
// nothing: the bytes are hashed here and compared with the hash behind them.
func (s blobServer) take(b Blob, r *http.Request) error {
	size := r.ContentLength - trailerSize
	if size < 0 {
		return fail(MissingContentLength, "a copy comes with its length")
	}
	w, err := s.disk.Create(size, size)
	if err != nil {
		return err
	}
	defer w.Close()
	if err := copyExactly(w, r.Body, size); err != nil {
		return err
	}
	var trailer [trailerSize]byte
	if _, err := io.ReadFull(r.Body, trailer[:]); err != nil {
		return fail(IncompleteBody, "the copy has no hash behind it: %v", err)
	}
	if w.Sums().SHA256 != trailer {
		return fail(BadDigest, "the copy is not what was sent")
	}
	w.Seal()
	err = w.Commit(b)
	if errors.Is(err, errExists) {
		return s.same(b, trailer[:])
	}
	return err
}

// same accepts a copy that is here already: an answer was lost and the sender
// tries again.
func (s blobServer) same(b Blob, want []byte) error {
	f, _, err := s.disk.Open(b)
	if err != nil {
		return err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return err
	}
	if !bytes.Equal(h.Sum(nil), want) {
		return fail(BadDigest, "another blob has this name")
	}
	return nil
}
