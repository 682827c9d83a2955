package fsm

import (
	"bytes"
	"runtime"
	"strings"
	"testing"
)

// FuzzEntry gives the machine bytes as a log entry, or as they come from another node. What can be decoded says the same when it
// is encoded again, and was not made larger than it is; and whatever a command's body holds, the machine answers, refuses or says
// why it stops, the same way each time. It never panics.
func FuzzEntry(f *testing.F) {
	for _, p := range samples() {
		f.Add(Batch{Stamp: 1, Proposals: []Proposal{p}}.Encode())
	}
	f.Add([]byte{})
	f.Add([]byte("\xa1\x03\x9b\x7f\xff\xff\xff\xff\xff\xff\xff"))             // as many proposals as there can be
	f.Add([]byte("\xa1\x03\x81\xa1\x05\x5b\x00\x00\x00\xff\xff\xff\xff\xff")) // a body of a terabyte
	f.Add(bytes.Repeat([]byte{0x81}, 1000))
	w := furnished(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		b, err := decodeBatch(data)
		runtime.ReadMemStats(&after)
		if took, most := after.TotalAlloc-before.TotalAlloc, uint64(1<<20+1000*len(data)); took > most {
			t.Errorf("%d bytes took %d of memory to decode", len(data), took)
		}
		if err != nil {
			return
		}
		once := b.Encode()
		again, err := decodeBatch(once)
		if err != nil || !bytes.Equal(again.Encode(), once) {
			t.Fatalf("encoded again it is another entry: %v", err)
		}
		for _, p := range b.Proposals {
			p.Origin = "" // a numbered one is refused before it is looked at
			one, err := w.rehearse(p)
			two, twice := w.rehearse(p)
			switch {
			case (err == nil) != (twice == nil), !bytes.Equal(one.Encode(), two.Encode()):
				t.Errorf("%s: %+v, %v, and then %+v, %v", CommandName(p.Kind), one, err, two, twice)
			case err != nil && strings.HasPrefix(err.Error(), "panic"):
				t.Errorf("%s: %v", CommandName(p.Kind), err)
			}
		}
	})
}
