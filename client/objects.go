package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"time"
)

// stall is how long a transfer may move no byte before another node is tried. A transfer as a whole has no limit but its
// context's: pictures are large and phones are slow.
const stall = 30 * time.Second

// Body is what may be uploaded: *bytes.Reader, *strings.Reader, *io.SectionReader.
type Body interface {
	io.ReaderAt
	Size() int64
}

// Upload puts body at a presigned URL. Nodes take it as well when it was signed by another one: it is dialled elsewhere with
// the signed Host header. Putting the same body twice is putting it once, so a cut upload starts over.
func (c *Client) Upload(ctx context.Context, presigned string, body Body) error {
	target, err := url.Parse(presigned)
	if err != nil {
		return fmt.Errorf("upload: %w", err)
	}
	head := make([]byte, min(512, body.Size()))
	if _, err := body.ReadAt(head, 0); err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("upload: %w", err)
	}
	kind := http.DetectContentType(head)
	return c.persist(ctx, "PUT "+target.Path, 0, c.holders(target), func(ctx context.Context, node *url.URL) error {
		ctx, watch := guard(ctx)
		defer watch.stop()
		// The body is this attempt's own reader. net/http closes it, which must not close the source.
		section := io.NewSectionReader(body, 0, body.Size())
		req, err := http.NewRequestWithContext(ctx, http.MethodPut, at(target, node), watch.reader(section))
		if err != nil {
			return errFinal{err}
		}
		traced(ctx, req.Header)
		req.Host = target.Host
		req.ContentLength = body.Size()
		if body.Size() == 0 {
			req.Body = http.NoBody
		}
		req.Header.Set("Content-Type", kind)
		if body.Size() > 1<<20 { // let a refusal (expired, too large) come before the picture, not break its sending
			req.Header.Set("Expect", "100-continue")
		}
		res, err := c.http.Do(req)
		if err != nil {
			return watch.explain(err)
		}
		defer res.Body.Close()
		return objectAnswer(node, res)
	})
}

// UploadFile is Upload of a file.
func (c *Client) UploadFile(ctx context.Context, presigned, path string) error {
	file, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("upload: %w", err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return fmt.Errorf("upload: %w", err)
	}
	return c.Upload(ctx, presigned, io.NewSectionReader(file, 0, info.Size()))
}

// Download streams what a presigned URL gives into w. A cut is continued on another node with a range of the same object, so w
// gets every byte once.
func (c *Client) Download(ctx context.Context, presigned string, w io.Writer) (written int64, err error) {
	target, err := url.Parse(presigned)
	if err != nil {
		return 0, fmt.Errorf("download: %w", err)
	}
	var tag string // of the object whose first bytes w holds
	err = c.persist(ctx, "GET "+target.Path, 0, c.holders(target), func(ctx context.Context, node *url.URL) error {
		ctx, watch := guard(ctx)
		defer watch.stop()
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, at(target, node), nil)
		if err != nil {
			return errFinal{err}
		}
		traced(ctx, req.Header)
		req.Host = target.Host
		if written > 0 {
			req.Header.Set("Range", fmt.Sprintf("bytes=%d-", written))
		}
		res, err := c.http.Do(req)
		if err != nil {
			return watch.explain(err)
		}
		defer res.Body.Close()
		if err := objectAnswer(node, res); err != nil {
			return err
		}
		if written > 0 && res.Header.Get("ETag") != tag {
			return errFinal{fmt.Errorf("the object changed after %d bytes", written)}
		}
		tag = res.Header.Get("ETag")
		from := watch.reader(res.Body)
		if written > 0 && res.StatusCode != http.StatusPartialContent { // the range was not honoured: skip what w has
			if _, err := io.CopyN(io.Discard, from, written); err != nil {
				return watch.explain(err)
			}
		}
		into := &sink{w: w}
		n, err := io.Copy(into, from)
		written += n
		switch {
		case into.err != nil:
			return errFinal{into.err}
		case err != nil:
			return watch.explain(err)
		}
		return nil
	})
	return written, err
}

// Upload is [Client.Upload].
func (a *App) Upload(ctx context.Context, presigned string, body Body) error {
	return a.client.Upload(ctx, presigned, body)
}

// UploadFile is [Client.UploadFile].
func (a *App) UploadFile(ctx context.Context, presigned, path string) error {
	return a.client.UploadFile(ctx, presigned, path)
}

// Download is [Client.Download].
func (a *App) Download(ctx context.Context, presigned string, w io.Writer) (int64, error) {
	return a.client.Download(ctx, presigned, w)
}

// holders are who may serve a presigned URL: every node if one of them is named in it, else only the host it names.
func (c *Client) holders(target *url.URL) func() []*url.URL {
	if c.nodes.member(target.Host) {
		return c.nodes.round
	}
	only := []*url.URL{{Scheme: target.Scheme, Host: target.Host}}
	return func() []*url.URL { return only }
}

// at is target as asked of node.
func at(target, node *url.URL) string {
	moved := *target
	moved.Scheme, moved.Host = node.Scheme, node.Host
	return moved.String()
}

func objectAnswer(node *url.URL, res *http.Response) error {
	if res.StatusCode/100 == 2 {
		return nil
	}
	text, err := io.ReadAll(io.LimitReader(res.Body, 64<<10))
	if err != nil {
		return err
	}
	return judgeObject(refusal(node.Host, res, text))
}

// sink tells an error of the writer, which no node can mend, from one of the connection.
type sink struct {
	w   io.Writer
	err error
}

func (s *sink) Write(p []byte) (int, error) {
	n, err := s.w.Write(p)
	if err != nil {
		s.err = fmt.Errorf("writing the download: %w", err)
	}
	return n, err
}
