package node

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
)

// errLogDamaged: what was synced is not there any more. Whoever went on with the rest would have forgotten what it has confirmed.
var errLogDamaged = errors.New("the log is damaged: restore the whole data folder, or remove this node from the cluster and join again under a new id")

// A segment of raft-wal, all numbers little-endian:
//
//	header   32 bytes, of which the first 8 are walMagic
//	frames   a byte that says of what, 3 zeros, uint32; what it is about, and zeros to the next multiple of 8
//	           entry   its length    the entry
//	           index   its length    4 bytes for each entry: where it begins
//	           commit  CRC-32C of all since the last commit, the header with the first
//	zeros    to the end
//
// Each append ends with a commit and is synced.
const (
	walMagic  = 0x58eb6b0d
	walHeader = 32
	walFrame  = 8

	frameEntry, frameIndex, frameCommit = 1, 2, 3
)

// checkSegment wants every append to a segment to be as it was written. The last append to one that is not full may be torn, or not
// there: it was not synced when the process ended, and nobody was told of it. The library takes whatever is before the first damage
// for all that there is, a whole segment of which the first page is damaged for an empty one, and entries of full segments as they
// are. It says whether the last append is whole.
func checkSegment(path string, full bool) (whole bool, err error) {
	b, size, err := readSegment(path)
	if errors.Is(err, fs.ErrNotExist) && !full {
		return true, nil // the process died before it made the file
	}
	if err != nil {
		return false, err
	}
	if len(b) < walHeader {
		b = append(b, make([]byte, walHeader-len(b))...)
	}
	size = max(size, len(b))
	broken := func(at int) (bool, error) { return false, fmt.Errorf("%w: byte %d of %s", errLogDamaged, at, path) }
	if magic := binary.LittleEndian.Uint64(b); magic != walMagic && (magic != 0 || full) {
		return broken(0)
	}
	begins, at, torn, indexed := 0, walHeader, -1, false
	for at+walFrame <= len(b) && b[at] >= frameEntry && b[at] <= frameCommit {
		kind, n := b[at], binary.LittleEndian.Uint32(b[at+4:])
		if kind != frameCommit {
			next := at + walFrame + (int(n)+walFrame-1)/walFrame*walFrame
			if next > size {
				break
			}
			at, indexed = next, indexed || kind == frameIndex
			continue
		}
		if torn >= 0 {
			return broken(torn)
		}
		if crc32.Checksum(b[begins:at], castagnoli) != n {
			torn = at
		}
		at += walFrame
		begins = at
		if indexed {
			break // what is behind the end is what is left of an append that was torn
		}
	}
	whole = torn < 0 && begins == at || at == walHeader
	switch {
	case full && !(whole && indexed):
		return broken(at)
	case !full && appendsBehind(b, begins):
		return broken(at)
	}
	return whole, nil
}

// readSegment gives a segment without the zeros at its end, which are most of one that has just begun, and its size with them.
func readSegment(path string) (b []byte, size int, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, 0, err
	}
	defer f.Close()
	chunk, zeros := make([]byte, 64<<10), make([]byte, 64<<10)
	for {
		n, err := io.ReadFull(f, chunk)
		if !bytes.Equal(chunk[:n], zeros[:n]) {
			b = append(append(b, make([]byte, size-len(b))...), chunk[:n]...)
		}
		size += n
		switch err {
		case nil:
		case io.EOF, io.ErrUnexpectedEOF:
			return b, size, nil
		default:
			return nil, 0, err
		}
	}
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// appendsBehind says whether a whole append begins behind some place: then there was a sync before it, of all that is before it.
func appendsBehind(b []byte, at int) bool {
	var commits []int // of them the last few: entries may hold bytes that look like one
	for ; at+walFrame <= len(b); at += walFrame {
		if b[at] != frameCommit || b[at+1]|b[at+2]|b[at+3] != 0 {
			continue
		}
		for _, before := range commits {
			begins := before + walFrame
			if begins < at && b[begins] == frameEntry && crc32.Checksum(b[begins:at], castagnoli) == binary.LittleEndian.Uint32(b[at+4:]) {
				return true
			}
		}
		commits = append(commits, at)
		if len(commits) > 4 {
			commits = commits[1:]
		}
	}
	return false
}
