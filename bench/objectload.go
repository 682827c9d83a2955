package bench

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// transferLoad sends and fetches pictures over as many connections as it has workers. Requests go by presigned URLs: what is
// measured is the servers, and the client does as little as it can.
type transferLoad struct {
	picture  []byte
	workers  int
	pictures int
	http     *http.Client
}

func newTransferLoad(size, workers, pictures int) *transferLoad {
	l := &transferLoad{picture: make([]byte, size), workers: workers, pictures: pictures}
	_, _ = rand.NewChaCha8(sha256.Sum256([]byte("picture"))).Read(l.picture)
	copy(l.picture, "\xff\xd8\xff\xe0")
	l.http = &http.Client{Transport: &http.Transport{
		MaxConnsPerHost: workers, MaxIdleConnsPerHost: workers, ReadBufferSize: 256 << 10, WriteBufferSize: 256 << 10,
	}}
	return l
}

// run moves all pictures of a round one way, and adds what it took to t.
func (l *transferLoad) run(ctx context.Context, s *s3server, method string, round int, t *Transfer) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	times := make([]float64, l.pictures)
	var next atomic.Int64
	var all sync.WaitGroup
	began := time.Now()
	for range l.workers {
		all.Go(func() {
			for i := int(next.Add(1)) - 1; i < l.pictures && ctx.Err() == nil; i = int(next.Add(1)) - 1 {
				start := time.Now()
				if err := l.one(ctx, s, method, i, fmt.Sprintf("bench/%d/%d", round, i)); err != nil {
					cancel(fmt.Errorf("%s: %s: %w", s.name, method, err))
					return
				}
				times[i] = since(start)
			}
		})
	}
	all.Wait()
	if err := context.Cause(ctx); err != nil {
		return err
	}
	t.seconds += time.Since(began).Seconds()
	t.bytes += int64(len(l.picture)) * int64(l.pictures)
	t.times = append(t.times, times...)
	l.http.CloseIdleConnections()
	return nil
}

// one moves one picture; each goes to the next node.
func (l *transferLoad) one(ctx context.Context, s *s3server, method string, i int, key string) error {
	url, err := s.clients[i%len(s.clients)].Presign(ctx, method, s.bucket, key, time.Hour, nil)
	if err != nil {
		return err
	}
	var body io.Reader
	if method == http.MethodPut {
		body = bytes.NewReader(l.picture)
	}
	req, err := http.NewRequestWithContext(ctx, method, url.String(), body)
	if err != nil {
		return err
	}
	res, err := l.http.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(res.Body, 1<<10))
		return fmt.Errorf("%s: %s", res.Status, text)
	}
	if method == http.MethodGet {
		return l.same(res.Body)
	}
	_, err = io.Copy(io.Discard, res.Body)
	return err
}

// scratch is what a worker reads into.
var scratch = sync.Pool{New: func() any { return new([256 << 10]byte) }}

// same compares what comes with the picture.
func (l *transferLoad) same(r io.Reader) error {
	buf := scratch.Get().(*[256 << 10]byte)
	defer scratch.Put(buf)
	at := 0
	for {
		n, err := r.Read(buf[:])
		if at+n > len(l.picture) || !bytes.Equal(buf[:n], l.picture[at:at+n]) {
			return fmt.Errorf("other bytes than were sent, between %d and %d", at, at+n)
		}
		at += n
		switch {
		case err == io.EOF && at == len(l.picture):
			return nil
		case err == io.EOF:
			return fmt.Errorf("%d of %d bytes came back", at, len(l.picture))
		case err != nil:
			return err
		}
	}
}
