package refusals

import (
	"bufio"
	"encoding/xml"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Form is one of the three ways to sign an upload.
type Form string

// The forms.
const (
	Header Form = "header"    // Authorization, and the body's SHA-256
	URL    Form = "presigned" // the query
	Chunks Form = "chunks"    // Authorization, each chunk and the trailer behind them
)

// Signer is who signs.
type Signer struct {
	Access, Secret string
	Host           string // host:port that is dialled and signed
	Bucket         string
	Now            time.Time
}

// Keys that the table is about. There must be something under Kept, and nothing
// under Refused before and after.
const (
	Refused = "refused/a.jpg"
	Kept    = "refused/kept.jpg"
	content = "the bytes of a picture"
)

// pair is a query parameter, escaped, or a header.
type pair struct{ name, value string }

// request is what its signer means.
type request struct {
	form    Form
	method  string
	path    string // as it goes over the wire
	host    string
	query   []pair
	headers []pair // besides the signature's own; Host stands apart
	omit    string // a header that is sent and not signed
	body    string
	at      time.Time
	expires string // seconds, of a presigned request
	payload string // what the signature says of the body; "" is the truth
	secret  string
	chunks  func([]chunk) []chunk // what becomes of signed chunks
	decoded string                // their length as the client tells it; "" is the truth
	cut     int                   // so many bytes at the end are never sent
}

func (r *request) set(name, value string) {
	r.headers = slices.DeleteFunc(r.headers, func(p pair) bool { return p.name == name })
	r.headers = append(r.headers, pair{name, value})
}

// piece is a part of the bytes that are sent; one with a name is a field that can be altered.
type piece struct{ field, text string }

// wire is a request as it is sent.
type wire []piece

// String is all of it, with the length that the body has now.
func (w wire) String() string {
	var b strings.Builder
	for i, p := range w {
		if p.field == "length" {
			n := 0
			for _, q := range w[i:] {
				n += len(q.text)
			}
			p.text = fmt.Sprintf("Content-Length: %d\r\n", n-len("\r\n"))
		}
		b.WriteString(p.text)
	}
	return b.String()
}

// at is the place of a field.
func (w wire) at(field string) int {
	i := slices.IndexFunc(w, func(p piece) bool { return p.field == field })
	if i < 0 {
		panic("refusals: no field " + field)
	}
	return i
}

// put gives a field another text.
func (w wire) put(field, text string) wire {
	w = slices.Clone(w)
	w[w.at(field)].text = text
	return w
}

// header adds one that nobody has signed.
func (w wire) header(name, value string) wire {
	return w.put("more headers", name+": "+value+"\r\n")
}

// Answer is what came back.
type Answer struct {
	Status int
	Code   string // of S3; "" if the body is not one of its errors
}

// send writes bytes to the host and reads the answer. hangUp: nothing follows.
func send(host, bytes string, hangUp bool) (a Answer, err error) {
	conn, err := net.Dial("tcp", host)
	if err != nil {
		return a, err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		return a, err
	}
	if _, err := io.WriteString(conn, bytes); err != nil {
		return a, err
	}
	if hangUp {
		if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
			return a, err
		}
	}
	method, _, _ := strings.Cut(bytes, " ")
	resp, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		return a, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return a, err
	}
	var doc struct {
		XMLName xml.Name `xml:"Error"`
		Code    string
	}
	if xml.Unmarshal(text, &doc) == nil {
		a.Code = doc.Code
	}
	a.Status = resp.StatusCode
	return a, nil
}
