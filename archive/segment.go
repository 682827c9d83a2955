package archive

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/fxamacker/cbor/v2"
	"github.com/klauspost/compress/zstd"

	"stoker/fsm"
)

const (
	magic      = "STKARCH1"
	footerSize = 8 + 8 + len(magic)
	blockSize  = 128 << 10 // bytes before compression, after which a block is closed
	maxFrame   = 256 << 20 // bytes that a frame may unpack to: a job of ten thousand items has less
)

// directory says where each record is.
type directory struct {
	Blocks    []span    `cbor:"1,keyasint"`
	Jobs      []record  `cbor:"2,keyasint"`           // by id
	Stretches []stretch `cbor:"3,keyasint,omitempty"` // by user and last booking
}

// span is a stretch of bytes.
type span struct {
	At   int64 `cbor:"1,keyasint"`
	Size int64 `cbor:"2,keyasint"`
}

// place is where a record is.
type place struct {
	Block int   `cbor:"2,keyasint"`
	At    int64 `cbor:"3,keyasint"` // within the block, unpacked
	Size  int64 `cbor:"4,keyasint"`
}

// record is a job's.
type record struct {
	Job string `cbor:"1,keyasint"`
	place
}

// stretch is the record of some bookings of a user, the last of which is in this place of the log.
type stretch struct {
	User    string `cbor:"1,keyasint"`
	Index   uint64 `cbor:"5,keyasint"`
	Ordinal uint32 `cbor:"6,keyasint"`
	place
}

func (s stretch) last() fsm.Mark { return fsm.Mark{Index: s.Index, Ordinal: s.Ordinal} }

func (s stretch) compare(user string, last fsm.Mark) int {
	return cmp.Or(strings.Compare(s.User, user), cmp.Compare(s.Index, last.Index), cmp.Compare(s.Ordinal, last.Ordinal))
}

func (d directory) findStretch(user string, last fsm.Mark) (stretch, bool) {
	i, ok := slices.BinarySearchFunc(d.Stretches, last, func(s stretch, last fsm.Mark) int { return s.compare(user, last) })
	if !ok {
		return stretch{}, false
	}
	return d.Stretches[i], true
}

func (d directory) find(job string) (record, bool) {
	i, ok := slices.BinarySearchFunc(d.Jobs, job, func(r record, id string) int { return strings.Compare(r.Job, id) })
	if !ok {
		return record{}, false
	}
	return d.Jobs[i], true
}

// sound says whether all that the directory says lies within the file.
func (d directory) sound(size int64) bool {
	for _, b := range d.Blocks {
		if b.At < 0 || b.Size < 0 || b.Size > size || b.At > size-b.Size {
			return false
		}
	}
	for _, r := range d.Jobs {
		if !r.within(d) {
			return false
		}
	}
	for _, s := range d.Stretches {
		if !s.within(d) {
			return false
		}
	}
	return true
}

func (p place) within(d directory) bool {
	return p.Block >= 0 && p.Block < len(d.Blocks) && p.At >= 0 && p.Size >= 0
}

// writer makes a segment in memory: compressed it has a few MB.
type writer struct {
	out   bytes.Buffer
	pack  *zstd.Encoder
	block []byte
	dir   directory
}

func newWriter() (*writer, error) {
	pack, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
	if err != nil {
		return nil, fmt.Errorf("archive: %w", err)
	}
	w := &writer{pack: pack}
	w.out.WriteString(magic)
	return w, nil
}

// add appends a job's record.
func (w *writer) add(job string, raw []byte) {
	w.dir.Jobs = append(w.dir.Jobs, record{job, w.put(raw)})
}

// addStretch appends the record of some bookings.
func (w *writer) addStretch(user string, last fsm.Mark, raw []byte) {
	w.dir.Stretches = append(w.dir.Stretches, stretch{user, last.Index, last.Ordinal, w.put(raw)})
}

func (w *writer) put(raw []byte) place {
	if len(w.block) > 0 && len(w.block)+len(raw) > blockSize {
		w.close()
	}
	at := place{len(w.dir.Blocks), int64(len(w.block)), int64(len(raw))}
	w.block = append(w.block, raw...)
	return at
}

func (w *writer) close() {
	w.dir.Blocks = append(w.dir.Blocks, w.frame(w.block))
	w.block = w.block[:0]
}

func (w *writer) frame(raw []byte) span {
	packed := w.pack.EncodeAll(raw, nil)
	s := span{int64(w.out.Len()), int64(len(packed))}
	w.out.Write(packed)
	return s
}

// finish gives the file.
func (w *writer) finish() ([]byte, error) {
	if len(w.block) > 0 {
		w.close()
	}
	slices.SortFunc(w.dir.Jobs, func(a, b record) int { return strings.Compare(a.Job, b.Job) })
	slices.SortFunc(w.dir.Stretches, func(a, b stretch) int { return a.compare(b.User, b.last()) })
	raw, err := cbor.Marshal(w.dir)
	if err != nil {
		return nil, fmt.Errorf("archive: %w", err)
	}
	at := w.frame(raw)
	foot := binary.BigEndian.AppendUint64(nil, uint64(at.At))
	foot = binary.BigEndian.AppendUint64(foot, uint64(at.Size))
	w.out.Write(append(foot, magic...))
	return w.out.Bytes(), w.pack.Close()
}

// file is a segment to read from.
type file struct {
	size int64
	open func(off, n int64) (io.ReadCloser, error)
}

var errDamaged = errors.New("its bytes are not those of a segment")

func (f file) read(s span) ([]byte, error) {
	if s.At < 0 || s.Size < 0 || s.Size > f.size || s.At > f.size-s.Size {
		return nil, errDamaged
	}
	r, err := f.open(s.At, s.Size)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	raw := make([]byte, s.Size)
	_, err = io.ReadFull(r, raw)
	return raw, err
}

func (f file) unpack(s span) ([]byte, error) {
	packed, err := f.read(s)
	if err != nil {
		return nil, err
	}
	raw, err := unpacker.DecodeAll(packed, nil)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errDamaged, err)
	}
	return raw, nil
}

// unpacker is stateless: DecodeAll may be called by many at once.
var unpacker = func() *zstd.Decoder {
	d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(0), zstd.WithDecoderMaxMemory(maxFrame))
	if err != nil {
		panic(err) // the options are constants
	}
	return d
}()

// directory reads where everything is.
func (f file) directory() (d directory, err error) {
	foot, err := f.read(span{f.size - int64(footerSize), int64(footerSize)})
	if err != nil {
		return d, err
	}
	if string(foot[16:]) != magic {
		return d, errDamaged
	}
	raw, err := f.unpack(span{int64(binary.BigEndian.Uint64(foot)), int64(binary.BigEndian.Uint64(foot[8:]))})
	if err != nil {
		return d, err
	}
	if err := cbor.Unmarshal(raw, &d); err != nil || !d.sound(f.size) {
		return d, errors.Join(errDamaged, err)
	}
	return d, nil
}

// cut takes a record out of its block.
func (p place) cut(block []byte) ([]byte, error) {
	if n := int64(len(block)); p.Size > n || p.At > n-p.Size {
		return nil, errDamaged
	}
	return block[p.At : p.At+p.Size], nil
}
