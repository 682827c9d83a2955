package store

import (
	"cmp"
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestKey_OrderIsThatOfTheTuples(t *testing.T) {
	bytes := rapid.Map(rapid.SliceOfN(rapid.SampledFrom([]byte{0, 1, 2, 'a', 0xfe, 0xff}), 0, 4),
		func(b []byte) string { return string(b) })
	number := rapid.OneOf(rapid.Uint64(), rapid.SampledFrom([]uint64{0, 1, 255, 256, 1<<64 - 1}))
	rapid.Check(t, func(t *rapid.T) {
		type tuple struct {
			a string
			n uint64
			b string
		}
		draw := func(name string) (tuple, Key) {
			x := tuple{bytes.Draw(t, name), number.Draw(t, name), bytes.Draw(t, name)}
			return x, Str(x.a).Uint(x.n).Str(x.b)
		}
		x, kx := draw("x")
		y, ky := draw("y")
		want := cmp.Or(strings.Compare(x.a, y.a), cmp.Compare(x.n, y.n), strings.Compare(x.b, y.b))
		if got := strings.Compare(string(kx), string(ky)); got != want {
			t.Fatalf("%q %q compare as %d, the tuples as %d", kx, ky, got, want)
		}
		a, rest := kx.PopStr()
		n, rest := rest.PopUint()
		b, rest := rest.PopStr()
		if (tuple{a, n, b}) != x || rest != "" {
			t.Fatalf("%q reads as %q %d %q and leaves %q", kx, a, n, b, rest)
		}
		if begins := strings.HasPrefix(string(kx), string(Key("").StrPrefix(y.a))); begins != strings.HasPrefix(x.a, y.a) {
			t.Fatalf("%q begins with the open %q: %v", kx, y.a, begins)
		}
		if whole := strings.HasPrefix(string(kx), string(Str(y.a))); whole != (x.a == y.a) {
			t.Fatalf("%q begins with the part %q: %v", kx, y.a, whole)
		}
	})
}

func TestKey_WhatIsNoKeyIsCorrupt(t *testing.T) {
	for _, k := range []Key{"", "abc", "abc\x00", "abc\x00\x07", "\x00\xff"} {
		corrupt(t, func() { k.PopStr() })
	}
	corrupt(t, func() { Key("1234567").PopUint() })
}

func corrupt(t testing.TB, fn func()) {
	t.Helper()
	defer func() {
		t.Helper()
		err, _ := recover().(error)
		var c *Corrupt
		if !errors.As(err, &c) {
			t.Errorf("panic with %v, want a *Corrupt", err)
		}
	}()
	fn()
}
