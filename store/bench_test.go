package store

import (
	"testing"
)

// filled is a store of 100,000 counters in the file.
func filled(b *testing.B) *Store {
	s := open(b, b.TempDir(), Options{})
	update(b, s, func(tx *Tx) {
		for n := range uint64(100_000) {
			counters.Put(tx, Uint(n), n)
		}
	})
	flush(b, s)
	return s
}

func BenchmarkUpdate_TenPuts(b *testing.B) {
	s := filled(b)
	n := uint64(0)
	b.ReportAllocs()
	for b.Loop() {
		update(b, s, func(tx *Tx) {
			for range 10 {
				n += 7919
				counters.Put(tx, Uint(n%100_000), n)
			}
		})
	}
}

func BenchmarkGet(b *testing.B) {
	s := filled(b)
	v := s.View()
	defer v.Close()
	n := uint64(0)
	b.ReportAllocs()
	for b.Loop() {
		n += 7919
		if _, ok := counters.Get(v, Uint(n%100_000)); !ok {
			b.Fatal("lost")
		}
	}
}

func BenchmarkView(b *testing.B) {
	s := filled(b)
	b.ReportAllocs()
	for b.Loop() {
		s.View().Close()
	}
}
