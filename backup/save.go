package backup

import (
	"context"
	"io"
	"time"
)

// FileName is what a backup that begins now is called.
func FileName(now time.Time) string { return "stoker-" + now.UTC().Format("20060102T150405Z") + ".tar" }

// Save puts a backup into a place. It reads along: what is not a whole archive
// with all its hashes right never gets its name there.
func Save(ctx context.Context, to Place, name string, from io.Reader) (Contents, error) {
	c := &checking{from: from, done: make(chan struct{})}
	read, write := io.Pipe()
	c.copy = write
	go func() {
		defer close(c.done)
		c.contents, c.err = Read(read, Visitor{})
		read.CloseWithError(c.err) // what it has not read holds nobody up
	}()
	err := to.Put(ctx, name, c)
	write.CloseWithError(io.ErrUnexpectedEOF) // no harm when all was read
	<-c.done
	if err == nil {
		err = c.err
	}
	return c.contents, err
}

// checking ends like from, but with the archive's fault instead of EOF if it has one.
type checking struct {
	from io.Reader
	copy *io.PipeWriter

	done     chan struct{}
	contents Contents
	err      error
}

func (c *checking) Read(b []byte) (int, error) {
	n, err := c.from.Read(b)
	if n > 0 {
		if _, bad := c.copy.Write(b[:n]); bad != nil {
			<-c.done
			return 0, c.err
		}
	}
	if err == io.EOF {
		c.copy.Close()
		if <-c.done; c.err != nil {
			return n, c.err
		}
	}
	return n, err
}
