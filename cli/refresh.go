package cli

import (
	"bytes"
	"context"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"
)

// refreshEvery is how often --watch looks again.
const refreshEvery = 2 * time.Second

// refresh draws again and again until Ctrl-C. On a terminal each page takes the place of the one before; elsewhere they follow
// each other, so that a file gets a history. The first page must succeed; after that an error is shown where the page would be:
// who watches a cluster in trouble wants to see when it is over.
func (s *shell) refresh(draw func(context.Context, io.Writer) error) error {
	f, ok := s.out.(*os.File)
	live := ok && term.IsTerminal(int(f.Fd()))
	tick := time.NewTicker(refreshEvery)
	defer tick.Stop()
	for first := true; ; first = false {
		var page bytes.Buffer
		err := draw(s.ctx, &page)
		switch {
		case s.ctx.Err() != nil:
			return nil
		case err != nil && first:
			return err
		case err != nil:
			page.Reset()
			page.WriteString("stoker: " + err.Error() + "\n")
		}
		if live {
			s.printf("%s", replaced(page.String(), first))
		} else {
			s.printf("%s\n", page.String())
		}
		select {
		case <-tick.C:
		case <-s.ctx.Done():
			return nil
		}
	}
}

// replaced is a page over the last one. Lines are overwritten rather than the screen wiped, which would flicker.
func replaced(page string, first bool) string {
	const home, restOfLine, restOfScreen, all = "\x1b[H", "\x1b[K", "\x1b[J", "\x1b[2J"
	text := home + strings.ReplaceAll(page, "\n", restOfLine+"\n") + restOfScreen
	if first {
		return all + text
	}
	return text
}
