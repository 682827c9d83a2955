package archive

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"
)

func fileOf(raw []byte) file {
	return file{int64(len(raw)), func(off, n int64) (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(raw[off : off+n])), nil
	}}
}

// made is a segment of n records of many sizes, and the records.
func made(t *testing.T, n int) ([]byte, map[string][]byte) {
	t.Helper()
	w, err := newWriter()
	if err != nil {
		t.Fatal(err)
	}
	want := map[string][]byte{}
	dice := rand.New(rand.NewPCG(1, 2))
	for i := range n {
		raw := bytes.Repeat(fmt.Appendf(nil, "row %d ", i), 1+dice.IntN(3000))
		if i == n/2 {
			raw = bytes.Repeat(raw[:10], blockSize) // larger than a block
		}
		id := fmt.Sprintf("j_%d", dice.Uint64())
		want[id] = raw
		w.add(id, raw)
	}
	out, err := w.finish()
	if err != nil {
		t.Fatal(err)
	}
	return out, want
}

func (f file) record(id string) ([]byte, bool, error) {
	d, err := f.directory()
	if err != nil {
		return nil, false, err
	}
	at, ok := d.find(id)
	if !ok {
		return nil, false, nil
	}
	block, err := f.unpack(d.Blocks[at.Block])
	if err != nil {
		return nil, true, err
	}
	raw, err := at.cut(block)
	return raw, true, err
}

// TestSegment: each record is found by its id, and no other is.
func TestSegment(t *testing.T) {
	raw, want := made(t, 200)
	for id, record := range want {
		got, ok, err := fileOf(raw).record(id)
		if err != nil || !ok || !bytes.Equal(got, record) {
			t.Errorf("%s: %d bytes, want %d; %v %v", id, len(got), len(record), ok, err)
		}
	}
	for _, id := range []string{"", "j_", "j_0", "j_99999999999999999999", "zzz"} {
		if _, ok, err := fileOf(raw).record(id); ok || err != nil {
			t.Errorf("%q is there: %v", id, err)
		}
	}
}

// TestSegment_damaged: whichever byte is another one, and wherever the file ends,
// what is read is right or an error. Nothing panics.
func TestSegment_damaged(t *testing.T) {
	raw, want := made(t, 12)
	noticed := 0
	try := func(what string, f file) {
		for id, record := range want {
			got, ok, err := f.record(id)
			if err != nil || !ok {
				noticed++
				return
			}
			if !bytes.Equal(got, record) {
				t.Errorf("%s: %s is read wrong", what, id)
			}
		}
	}
	step := max(1, len(raw)/3000)
	for i := 0; i < len(raw); i += step {
		bad := bytes.Clone(raw)
		bad[i] ^= 1 << (i % 8)
		try(fmt.Sprintf("byte %d", i), fileOf(bad))
		try(fmt.Sprintf("the first %d bytes", i), fileOf(raw[:i]))
	}
	if noticed == 0 {
		t.Error("no damage was noticed")
	}
}
