package handlers

import (
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"io/fs"
	"mime"
	"path"
	"strings"
	"sync"

	"github.com/valyala/fasthttp"
)

// What people look at: the dashboard under /admin/ and the API's description
// under /docs. They are files in the binary and hold nothing of the cluster;
// what they show, they ask the API for.

//go:embed dashboard apidocs
var pageFiles embed.FS

const (
	// dashboardPolicy lets the page run its own scripts and nobody else's, and
	// talk to the node it came from. Pictures may come from an outside S3.
	dashboardPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: http: https:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
	// apidocsPolicy is the same for a library that styles what it draws.
	apidocsPolicy = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

// sheet is one embedded file as it is served.
type sheet struct {
	body   []byte
	kind   string // Content-Type
	packed bool   // the file is gzipped
	tag    string
	policy string
}

// sheets are all of them by path; made when a server is, since every command of
// the binary would wait for it.
var sheets = sync.OnceValue(func() map[string]sheet { return load(pageFiles) })

// moved are paths that people type. S3 has a use for some of them, but never
// without a signature.
var moved = map[string]string{"/": "/admin/", "/admin": "/admin/", "/docs/": "/docs"}

func load(files fs.FS) map[string]sheet {
	out := map[string]sheet{}
	err := fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		body, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		plain, packed := strings.CutSuffix(name, ".gz")
		sum := sha256.Sum256(body)
		p := sheet{
			body: body, packed: packed, kind: mime.TypeByExtension(path.Ext(plain)),
			tag: `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`, policy: dashboardPolicy,
		}
		switch path.Ext(plain) { // not the machine's own table, which may say anything
		case ".js":
			p.kind = "text/javascript; charset=utf-8"
		case ".css":
			p.kind = "text/css; charset=utf-8"
		case ".html":
			p.kind = "text/html; charset=utf-8"
		case ".txt":
			p.kind = "text/plain; charset=utf-8"
		case ".svg":
			p.kind = "image/svg+xml"
		}
		at := "/admin/" + strings.TrimPrefix(plain, "dashboard/")
		if inside, is := strings.CutPrefix(plain, "apidocs/"); is {
			at, p.policy = "/docs/"+inside, apidocsPolicy
		}
		out[at] = p
		return nil
	})
	if err != nil {
		panic(err) // it is in the binary
	}
	out["/admin/"], out["/docs"] = out["/admin/index.html"], out["/docs/index.html"]
	delete(out, "/admin/index.html")
	delete(out, "/docs/index.html")
	return out
}

// sheet serves an embedded file.
func (s *Server) sheet(http *fasthttp.RequestCtx) {
	p := sheets()[string(http.Path())]
	h := &http.Response.Header
	h.Set(fasthttp.HeaderContentSecurityPolicy, p.policy)
	h.Set(fasthttp.HeaderETag, p.tag)
	h.Set(fasthttp.HeaderCacheControl, "no-cache") // asked again each time, and answered 304: an upgrade shows at once
	if string(http.Request.Header.Peek(fasthttp.HeaderIfNoneMatch)) == p.tag {
		http.SetStatusCode(fasthttp.StatusNotModified)
		return
	}
	http.SetContentType(p.kind)
	if p.packed {
		h.SetContentEncoding("gzip")
	}
	http.SetBody(p.body)
}

// redirected leads somebody who typed an address to the page.
func redirected(http *fasthttp.RequestCtx) bool {
	to, is := moved[string(http.Path())]
	if !is || !http.IsGet() || http.QueryArgs().Len() > 0 || len(http.Request.Header.Peek(fasthttp.HeaderAuthorization)) > 0 {
		return false
	}
	http.Response.Header.Set(fasthttp.HeaderLocation, to)
	http.SetStatusCode(fasthttp.StatusFound)
	return true
}
