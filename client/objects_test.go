package client

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// bucket serves and takes one object, and like the real one accepts only the Host that was signed.
type bucket struct {
	mu     sync.Mutex
	object []byte
	puts   int
	breaks int  // how many GETs break in the middle
	plain  bool // ignores ranges
}

func (b *bucket) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Host != "n1:8080" || r.URL.Query().Get("X-Amz-Signature") != "s" {
		w.WriteHeader(http.StatusForbidden)
		io.WriteString(w, `<Error><Code>SignatureDoesNotMatch</Code><Message>host</Message></Error>`)
		return
	}
	if r.Method == http.MethodPut {
		body, err := io.ReadAll(r.Body)
		b.mu.Lock()
		defer b.mu.Unlock()
		if err == nil {
			b.object, b.puts = body, b.puts+1
		}
		return
	}
	b.mu.Lock()
	object, breaks := b.object, b.breaks
	b.breaks--
	b.mu.Unlock()
	w.Header().Set("ETag", fmt.Sprintf("\"%d\"", len(object)))
	if b.plain {
		r.Header.Del("Range")
	}
	if breaks > 0 {
		w = &breaking{w, 1000}
	}
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(object))
}

// breaking cuts the connection after some bytes.
type breaking struct {
	http.ResponseWriter
	left int
}

func (b *breaking) Write(p []byte) (int, error) {
	if len(p) > b.left {
		b.ResponseWriter.Write(p[:b.left])
		b.ResponseWriter.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}
	b.left -= len(p)
	return b.ResponseWriter.Write(p)
}

const signed = "http://n1:8080/photos/inputs/u/j/0.jpg?X-Amz-Signature=s"

func picture() []byte {
	return append([]byte{0xff, 0xd8, 0xff, 0xe0}, bytes.Repeat([]byte("0123456789"), 200_000)...)
}

// A picture arrives whole whatever happens, also by a node that the URL does not name.
func TestUpload(t *testing.T) {
	for _, steps := range [][]trouble{nil, {lostBefore}, {lostAfter}, {unavailable, hangs}, {refused, lostBefore, lostBefore, lostBefore}} {
		t.Run(fmt.Sprint(steps), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := &bucket{}
				n := newNetwork(t, b)
				n.trouble = script(steps...)
				c := n.client(func(c *Cluster) { c.Patience = 5 * time.Minute })
				defer c.Close()
				if err := c.Upload(t.Context(), signed, bytes.NewReader(picture())); err != nil {
					t.Fatal(err)
				}
				last := n.requests()[len(n.requests())-1].request
				if !bytes.Equal(b.object, picture()) || last.Header.Get("Content-Type") != "image/jpeg" || last.Host != "n1:8080" {
					t.Errorf("%d of %d bytes as %s for %s", len(b.object), len(picture()), last.Header.Get("Content-Type"), last.Host)
				}
			})
		})
	}
}

func TestUpload_RefusedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t, &bucket{})
		c := n.client()
		defer c.Close()
		err := c.Upload(t.Context(), strings.Replace(signed, "=s", "=forged", 1), bytes.NewReader(picture()))
		if !Is(err, "SignatureDoesNotMatch") || len(n.requests()) != 1 {
			t.Errorf("%v after %d requests", err, len(n.requests()))
		}
	})
}

// What another host signed is for that host alone: no picture goes elsewhere, and no node is asked in its stead.
func TestUpload_OutsideStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t, &bucket{})
		c := n.client(func(c *Cluster) { c.Endpoints = hosts[1:]; c.Patience = 3 * time.Second })
		defer c.Close()
		n.trouble = func(host string, r *http.Request) trouble { return lostBefore }
		if err := c.Upload(t.Context(), signed, bytes.NewReader(picture())); err == nil {
			t.Error("an upload to a dead store succeeded")
		}
		for _, s := range n.requests() {
			if s.host != "n1:8080" {
				t.Errorf("went to %s", s.host)
			}
		}
	})
}

// A cut download goes on where it broke; the writer gets every byte once.
func TestDownload_GoesOn(t *testing.T) {
	for _, plain := range []bool{false, true} {
		t.Run(fmt.Sprintf("plain=%t", plain), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := &bucket{object: picture(), breaks: 2, plain: plain}
				n := newNetwork(t, b)
				c := n.client()
				defer c.Close()
				var got bytes.Buffer
				size, err := c.Download(t.Context(), signed, &got)
				if err != nil || size != int64(len(picture())) || !bytes.Equal(got.Bytes(), picture()) {
					t.Errorf("%d bytes, %v", size, err)
				}
				if len(n.requests()) != 3 {
					t.Errorf("%d requests for two cuts", len(n.requests()))
				}
			})
		})
	}
}

// A writer that fails is not the nodes' trouble.
func TestDownload_FullDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t, &bucket{object: picture()})
		c := n.client()
		defer c.Close()
		full := errors.New("disk full")
		if _, err := c.Download(t.Context(), signed, failing{full}); !errors.Is(err, full) || len(n.requests()) != 1 {
			t.Errorf("%v after %d requests", err, len(n.requests()))
		}
	})
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }
