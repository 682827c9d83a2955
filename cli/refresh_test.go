package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
	"testing/synctest"
	"time"
)

// A page every two seconds until Ctrl-C; trouble in the middle is shown, not fatal.
func TestRefresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithTimeout(t.Context(), 5*time.Second)
		defer stop()
		var out bytes.Buffer
		n := 0
		err := (&shell{ctx: ctx, out: &out}).refresh(func(_ context.Context, w io.Writer) error {
			n++
			fmt.Fprintf(w, "page %d\n", n)
			if n == 2 {
				return errors.New("no leader")
			}
			return nil
		})
		if want := "page 1\n\nstoker: no leader\n\npage 3\n\n"; err != nil || out.String() != want {
			t.Errorf("%v, %q, want %q", err, out.String(), want)
		}
		err = (&shell{ctx: t.Context(), out: &out}).refresh(func(context.Context, io.Writer) error { return errors.New("wrong token") })
		if err == nil {
			t.Error("the first page's error must end it")
		}
	})
}

func TestReplaced_OverwritesThePageBefore(t *testing.T) {
	if got, want := replaced("a\nb\n", false), "\x1b[Ha\x1b[K\nb\x1b[K\n\x1b[J"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got := replaced("a\n", true); got != "\x1b[2J\x1b[Ha\x1b[K\n\x1b[J" {
		t.Errorf("%q", got)
	}
}
