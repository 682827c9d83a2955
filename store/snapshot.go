package store

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
)

// A snapshot stream, all numbers big-endian:
//
//	magic      8 bytes, the last is the version
//	header     uint32 length, bytes, uint32 CRC-32C of all so far
//	records    uint32 key length (never 0), uint32 value length, key, value;
//	           in strictly ascending order of the keys
//	end        uint32 0, uint64 number of records
//	trailer    SHA-256 of all so far; then the stream ends
//
// Nothing in it depends on time, on the file's pages or on when flushes came.
const snapshotMagic = "stoksnp\x01"

// maxHeader bounds what ReadHeader allocates for a header, in bytes.
const maxHeader = 1 << 20

// MaxValue is the largest record that Put takes, encoded, in bytes.
const MaxValue = 64 << 20

// Snapshot is a View of what is in the file, with everything that was applied
// before it was made. Read from it the index that goes into its header.
type Snapshot struct {
	*View
}

// Snapshot flushes and pins the state of the moment. Updates go on meanwhile.
func (s *Store) Snapshot() (*Snapshot, error) {
	if err := s.Flush(); err != nil {
		return nil, err
	}
	v, err := s.view()
	if err != nil {
		return nil, err
	}
	v.live, v.frozen = newOverlay(), nil // what came since is not synced
	return &Snapshot{v}, nil
}

// Write writes the snapshot to w, with a header of at most 1 MiB that ReadHeader
// and Restore give back. Equal states and headers give equal bytes. A corrupt
// record is returned as a *Corrupt.
func (sn *Snapshot) Write(w io.Writer, header []byte) error {
	digest := sha256.New()
	return sn.stream(w, header, func(out *bufio.Writer) error {
		both := bufio.NewWriterSize(io.MultiWriter(out, digest), 32<<10)
		if err := sn.body(both, header); err != nil {
			return err
		}
		_, err := out.Write(digest.Sum(nil))
		return err
	})
}

// Measured is a snapshot of whose stream the length and the hash are known before it is written.
type Measured struct {
	Bytes  int64
	SHA256 [sha256.Size]byte

	of      *Snapshot
	header  []byte
	trailer []byte
}

// Measure reads what Write would write, piece by piece. Pace is told the bytes of each and may rest: an error ends Measure. It may be nil.
func (sn *Snapshot) Measure(header []byte, pace func(bytes int) error) (*Measured, error) {
	m := &Measured{of: sn, header: header}
	digest := sha256.New()
	err := sn.stream(measuring{digest, m, pace}, header, func(out *bufio.Writer) error {
		if err := sn.body(out, header); err != nil {
			return err
		}
		m.trailer = digest.Sum(nil)
		_, err := out.Write(m.trailer)
		return err
	})
	if err != nil {
		return nil, err
	}
	digest.Sum(m.SHA256[:0])
	return m, nil
}

// measuring hashes and counts what would be written.
type measuring struct {
	digest hash.Hash
	m      *Measured
	pace   func(bytes int) error
}

func (w measuring) Write(b []byte) (int, error) {
	w.digest.Write(b)
	w.m.Bytes += int64(len(b))
	if w.pace == nil {
		return len(b), nil
	}
	return len(b), w.pace(len(b))
}

// Write writes what was measured, without hashing it again: whoever reads holds it against SHA256.
func (m *Measured) Write(w io.Writer) error {
	return m.of.stream(w, m.header, func(out *bufio.Writer) error {
		if err := m.of.body(out, m.header); err != nil {
			return err
		}
		_, err := out.Write(m.trailer)
		return err
	})
}

// stream has fn write to w, through a buffer.
func (sn *Snapshot) stream(w io.Writer, header []byte, fn func(*bufio.Writer) error) (err error) {
	defer recoverCorrupt(&err)
	if len(header) > maxHeader {
		return fmt.Errorf("store: a snapshot header of %d bytes, at most %d are allowed", len(header), maxHeader)
	}
	out := bufio.NewWriterSize(w, 64<<10)
	if err := fn(out); err != nil {
		return fmt.Errorf("store: write snapshot: %w", err)
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("store: write snapshot: %w", err)
	}
	return nil
}

// body writes all but the trailer, and flushes it.
func (sn *Snapshot) body(w *bufio.Writer, header []byte) error {
	w.Write(sealHeader(header)) // bufio keeps the first error for Flush
	count := uint64(0)
	var b [12]byte
	for key, val := range sn.read().base.all { // the layers above it are empty
		binary.BigEndian.PutUint32(b[:], uint32(len(key)))
		binary.BigEndian.PutUint32(b[4:], uint32(len(val)))
		w.Write(b[:8])
		w.Write(key)
		if _, err := w.Write(val); err != nil {
			return err
		}
		count++
	}
	binary.BigEndian.PutUint32(b[:], 0)
	binary.BigEndian.PutUint64(b[4:], count)
	w.Write(b[:])
	return w.Flush()
}

func sealHeader(header []byte) []byte {
	b := append([]byte(snapshotMagic), 0, 0, 0, 0)
	binary.BigEndian.PutUint32(b[len(snapshotMagic):], uint32(len(header)))
	b = append(b, header...)
	return binary.BigEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

// ReadHeader reads the header of a snapshot stream and checks it, not what
// follows. It reads no byte beyond it.
func ReadHeader(r io.Reader) ([]byte, error) {
	start := make([]byte, len(snapshotMagic)+4)
	if _, err := io.ReadFull(r, start); err != nil {
		return nil, fmt.Errorf("store: read snapshot header: %w", err)
	}
	if string(start[:len(snapshotMagic)]) != snapshotMagic {
		return nil, fmt.Errorf("store: %q is no snapshot of a version this program reads", start[:len(snapshotMagic)])
	}
	n := binary.BigEndian.Uint32(start[len(snapshotMagic):])
	if n > maxHeader {
		return nil, errors.New("store: the snapshot's header is damaged")
	}
	rest := make([]byte, n+4)
	if _, err := io.ReadFull(r, rest); err != nil {
		return nil, fmt.Errorf("store: read snapshot header: %w", err)
	}
	header := rest[:n:n]
	if sealed := sealHeader(header); string(sealed[len(sealed)-4:]) != string(rest[n:]) {
		return nil, errors.New("store: the snapshot's header is damaged")
	}
	return header, nil
}
