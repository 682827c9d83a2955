package backup

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"strings"

	"stoker/objects"
)

// Visitor is given the members of an archive as they come. A reader that it is
// given ends with an error, not with EOF, when the member is not what it should
// be. What it leaves unread is read and checked all the same. Nil functions want
// nothing.
type Visitor struct {
	State func(Manifest, io.Reader) error
	Blob  func(objects.Blob, int64, io.Reader) error
}

// Contents is an archive that was read to its end.
type Contents struct {
	Manifest Manifest
	End      End
	Bytes    int64
	SHA256   [sha256.Size]byte // of the whole archive
	list     map[objects.Blob]string
}

// maxJSON bounds manifest and end; with maxList they bound what a damaged length
// makes this program allocate.
const (
	maxJSON = 1 << 30
	maxList = 1 << 34
)

// Read reads an archive from its first byte to its last and checks each of them.
// The error names the member and the byte at which it is not what was written.
func Read(r io.Reader, v Visitor) (Contents, error) {
	in := &source{r: r, sum: sha256.New()}
	a := &archive{in: in, tar: tar.NewReader(in), visit: v, left: map[objects.Blob]string{}}
	err := a.read()
	if err != nil {
		if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) || in.over && !a.ended {
			err = fmt.Errorf("the file ends here, it was cut: %w", io.ErrUnexpectedEOF)
		}
		return a.Contents, fmt.Errorf("backup: %s, at byte %d: %w", a.at, in.n, err)
	}
	a.Bytes = in.n
	in.sum.Sum(a.SHA256[:0])
	return a.Contents, nil
}

// trailer is what tar ends with: two blocks of zeros.
const trailer = 1024

// archive is one that is being read.
type archive struct {
	Contents
	in    *source
	tar   *tar.Reader
	visit Visitor
	at    string                  // the member that is being read
	ended bool                    // its end has come
	left  map[objects.Blob]string // blobs that have not come yet
}

func (a *archive) read() error {
	var manifest, list, end []byte
	if err := a.small(manifestName, maxJSON, &manifest); err != nil {
		return err
	}
	if err := strict(manifest, &a.Manifest); err != nil {
		return err
	}
	m := a.Manifest
	if m.Format != Format {
		return fmt.Errorf("the archive has format %d, this program reads %d: use the program that wrote it, %s", m.Format, Format, m.Version)
	}
	if err := a.state(); err != nil {
		return err
	}
	if err := a.small(listName, maxList, &list); err != nil {
		return err
	}
	if partOf(list) != m.List {
		return fmt.Errorf("its SHA-256 is not the one in %s", manifestName)
	}
	if err := a.readList(list); err != nil {
		return err
	}
	if err := a.blobs(); err != nil {
		return err
	}
	if err := a.body(maxJSON, &end); err != nil {
		return err
	}
	a.ended = true
	if err := strict(end, &a.End); err != nil {
		return err
	}
	if a.End.Manifest != partOf(manifest).SHA256 {
		return fmt.Errorf("the SHA-256 of %s is not the one in %s", manifestName, endName)
	}
	return a.finish()
}

// next goes to the next member.
func (a *archive) next() (*tar.Header, error) {
	h, err := a.tar.Next()
	if err != nil {
		a.at = "behind " + a.at
		return nil, err
	}
	a.at = h.Name
	if h.Typeflag != tar.TypeReg {
		return nil, errors.New("is no file")
	}
	var want bytes.Buffer // numbers can be spelled in more than one way
	if err := tar.NewWriter(&want).WriteHeader(h); err != nil || !bytes.Equal(want.Bytes(), a.in.header()) {
		return nil, errors.New("its header is not as this program writes it")
	}
	return h, nil
}

// small reads a member of that name into memory.
func (a *archive) small(name string, limit int64, into *[]byte) error {
	a.at = name
	h, err := a.next()
	if err != nil {
		return err
	}
	if h.Name != name {
		return fmt.Errorf("is there where %s should be: this is no backup of Stoker", name)
	}
	return a.body(limit, into)
}

func (a *archive) body(limit int64, into *[]byte) error {
	b, err := io.ReadAll(io.LimitReader(a.tar, limit+1))
	if err != nil {
		return err
	}
	if int64(len(b)) > limit {
		return fmt.Errorf("is longer than %d bytes", limit)
	}
	*into = b
	a.in.pad()
	return nil
}

func (a *archive) state() error {
	a.at = stateName
	h, err := a.next()
	if err != nil {
		return err
	}
	if h.Name != stateName || h.Size != a.Manifest.State.Bytes {
		return fmt.Errorf("%d bytes, %s says %s of %d", h.Size, manifestName, stateName, a.Manifest.State.Bytes)
	}
	var fn func(io.Reader) error
	if a.visit.State != nil {
		fn = func(r io.Reader) error { return a.visit.State(a.Manifest, r) }
	}
	return a.checked(h.Size, a.Manifest.State.SHA256, fn)
}

// checked hands a member over and reads what is left of it.
func (a *archive) checked(size int64, sum string, fn func(io.Reader) error) error {
	r := &summed{r: a.tar, left: size, sum: sha256.New(), want: sum}
	if fn != nil {
		if err := fn(r); err != nil {
			return err
		}
	}
	if _, err := io.Copy(io.Discard, r); err != nil {
		return err
	}
	a.in.pad()
	return nil
}

func (a *archive) readList(list []byte) error {
	for line := range strings.Lines(string(list)) {
		sum, path, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "  "+blobFolder)
		b, good := objects.ParseBlob(path)
		if !ok || !good || len(sum) != 2*sha256.Size {
			return fmt.Errorf("a line says %.120q", line)
		}
		a.left[b] = sum
	}
	if len(a.left) != a.Manifest.Blobs.Count {
		return fmt.Errorf("lists %d blobs, %s says %d", len(a.left), manifestName, a.Manifest.Blobs.Count)
	}
	a.list = make(map[objects.Blob]string, len(a.left))
	for b, sum := range a.left {
		a.list[b] = sum
	}
	return nil
}

// blobs reads all that come, to the header of the end.
func (a *archive) blobs() error {
	for {
		h, err := a.next()
		if err != nil {
			return err
		}
		if h.Name == endName {
			return nil
		}
		name, ok := strings.CutPrefix(h.Name, blobFolder)
		b, good := objects.ParseBlob(name)
		sum, listed := a.left[b]
		if !ok || !good || !listed {
			return fmt.Errorf("is not in %s, or came already", listName)
		}
		delete(a.left, b)
		var fn func(io.Reader) error
		if a.visit.Blob != nil {
			fn = func(r io.Reader) error { return a.visit.Blob(b, h.Size, r) }
		}
		if err := a.checked(h.Size, sum, fn); err != nil {
			return err
		}
	}
}

// finish: what did not come is said to be missing, and nothing follows.
func (a *archive) finish() error {
	if a.Manifest.Blobs.Mode == Included {
		for _, name := range a.End.Missing {
			if _, ok := a.left[objects.Blob(name)]; !ok {
				return fmt.Errorf("says that blob %.100q is missing, which is there or in no list", name)
			}
			delete(a.left, objects.Blob(name))
		}
		for b := range a.left {
			return fmt.Errorf("blob %s is in %s and not in the archive", b, listName)
		}
	} else if len(a.End.Missing) > 0 {
		return errors.New("says that blobs are missing, of an archive that should hold none")
	}
	whole := a.in.n + a.in.padding + trailer
	if _, err := a.tar.Next(); err != io.EOF {
		return errors.New("something follows it")
	}
	a.in.header() // keeps no more
	if n, err := io.Copy(io.Discard, a.in); n > 0 || err != nil {
		return errors.Join(err, fmt.Errorf("%d bytes follow it", n))
	}
	if a.in.n != whole {
		return io.ErrUnexpectedEOF
	}
	return nil
}

// strict decodes what this program wrote, byte by byte: a word that it would
// spell otherwise is not its own.
func strict(text []byte, into any) error {
	if err := json.Unmarshal(text, into); err != nil {
		return err
	}
	for _, indent := range []string{"", "  "} {
		again, err := json.Marshal(into)
		if indent != "" {
			again, err = json.MarshalIndent(into, "", indent)
		}
		if err == nil && bytes.Equal(again, text) {
			return nil
		}
	}
	return errors.New("is not as this program writes it: it was altered, or comes from a newer version")
}

// source counts and hashes what is read. Between the members it holds tar's
// padding to be zeros and keeps the header.
type source struct {
	r       io.Reader
	n       int64
	sum     hash.Hash
	over    bool  // its end was read
	inside  bool  // a member's body is being read
	padding int64 // bytes of it that are still to come
	head    []byte
}

var errPadding = errors.New("a byte between two members is not zero")

// pad says that a member's body has ended here.
func (s *source) pad() { s.inside, s.padding, s.head = false, (512-s.n%512)%512, s.head[:0] }

// header is what came since, and says that a body follows.
func (s *source) header() []byte {
	s.inside = true
	return s.head
}

func (s *source) Read(b []byte) (int, error) {
	n, err := s.r.Read(b)
	s.over = s.over || err == io.EOF
	s.sum.Write(b[:n])
	s.n += int64(n)
	if s.inside {
		return n, err
	}
	zeros := min(int64(n), s.padding)
	for _, c := range b[:zeros] {
		if c != 0 {
			return 0, errPadding
		}
	}
	s.padding -= zeros
	s.head = append(s.head, b[zeros:n]...)
	return n, err
}

// summed ends with an error when what was read has another SHA-256.
type summed struct {
	r    io.Reader
	left int64
	sum  hash.Hash
	want string
}

func (s *summed) Read(b []byte) (int, error) {
	n, err := s.r.Read(b)
	s.sum.Write(b[:n])
	s.left -= int64(n)
	if err == io.EOF || s.left <= 0 {
		if s.left > 0 {
			return n, io.ErrUnexpectedEOF
		}
		if got := hex.EncodeToString(s.sum.Sum(nil)); got != s.want {
			return 0, fmt.Errorf("its SHA-256 is %s, it was written as %s", got, s.want)
		}
	}
	return n, err
}
