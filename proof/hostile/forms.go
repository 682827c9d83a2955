package hostile

import (
	"fmt"
	"strings"
)

// Form is what one client sends on one connection. Behind it comes one more request, whose id is "last", and inside of most of
// them hides one called "inner".
type Form struct {
	Name  string
	Sends string
	// Takes are the ids of the requests that may have been seen, in order, if it is taken at all: there is one way to read it. Empty:
	// it has to be refused, and nothing behind it is read.
	Takes string
	// Must says that it may not be refused either.
	Must bool
}

// hidden is what somebody wants to be seen by the node alone, or by what stands before it alone.
var hidden = signIn("inner", smuggled)

// smuggled is the device of the user that nobody may have made.
const smuggled = "smuggled"

// outer is a request with such headers and such a body. It asks for what needs a token, so that it is answered before its body is read.
func outer(headers, body string) string {
	return "POST /jobs HTTP/1.1\r\nHost: x\r\nX-Request-Id: outer\r\nContent-Type: application/json\r\n" + headers + "\r\n\r\n" + body
}

// head is a request without a body with such lines.
func head(lines string) string {
	return "GET /health HTTP/1.1\r\nHost: x\r\nX-Request-Id: outer\r\n" + lines + "\r\n\r\n"
}

// Forms are all of them (RFC 9112; the names are those of the papers on request smuggling).
func Forms() []Form {
	inChunks := fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(hidden), hidden)
	ofLength := fmt.Sprintf("Content-Length: %d", len(hidden))
	const chunked = "Transfer-Encoding: chunked"
	forms := []Form{
		{Name: "a body of a length", Sends: outer(ofLength, hidden), Takes: "outer last", Must: true},
		{Name: "a body in chunks", Sends: outer(chunked, inChunks), Takes: "outer last", Must: true},
		{Name: "chunks with an extension", Sends: outer(chunked, fmt.Sprintf("%x;a=b\r\n%s\r\n0\r\n\r\n", len(hidden), hidden)), Takes: "outer last"},
		{Name: "a trailer that is a length", Sends: outer(chunked, "1\r\nx\r\n0\r\nContent-Length: 500\r\n\r\n"), Takes: "outer last"},
		{Name: "GET with a body", Sends: head(ofLength) + hidden, Takes: "outer last"},
		{Name: "the same length twice", Sends: outer(ofLength+"\r\n"+ofLength, hidden), Takes: "outer last"},
		{Name: "a length with an underscore", Sends: outer("Content_Length: 500\r\n"+ofLength, hidden), Takes: "outer last"},
		{Name: "lines that end with LF", Sends: strings.ReplaceAll(head("X-A: b"), "\r\n", "\n"), Takes: "outer last"},
		{Name: "empty lines before it", Sends: "\r\n\r\n" + head("X-A: b"), Takes: "outer last"},
		{Name: "a folded line", Sends: head("X-A: b\r\n c: d"), Takes: "outer last"},
		{Name: "a folded coding", Sends: outer("Transfer-Encoding:\r\n chunked", inChunks), Takes: "outer last"},
		{Name: "a space in a name", Sends: head("X A: b"), Takes: "outer last"},
		{Name: "a version that is none", Sends: strings.Replace(head("X-A: b"), "HTTP/1.1", "HTTP/9.9", 1), Takes: "outer"},
		{Name: "an absolute URI", Sends: strings.Replace(head("X-A: b"), "/health", "http://other/health", 1), Takes: "outer last"},
	}
	refused := func(name, sends string) { forms = append(forms, Form{Name: name, Sends: sends}) }
	refused("CL.TE", outer("Content-Length: 5\r\n"+chunked, "0\r\n\r\n"+hidden))
	refused("TE.CL", outer(chunked+"\r\nContent-Length: 4", inChunks))
	refused("two lengths", outer("Content-Length: 0\r\n"+ofLength, hidden))
	refused("two lengths, the other way", outer(ofLength+"\r\nContent-Length: 0", hidden))
	for _, length := range []string{"+5", "-1", "5, 5", "0x5", "5 5", "", "5;", "5e0", "99999999999999999999999", "18446744073709551616", "\v5"} {
		refused(fmt.Sprintf("length %q", length), outer("Content-Length: "+length, "01234"+hidden))
	}
	for _, coding := range []string{"xchunked", "chunked, identity", "chunked, chunked", "identity, chunked", "identity", "gzip, chunked", "chunked;q=1", "\vchunked", "chunked\x00", "\"chunked\"", "chunke", ""} {
		refused(fmt.Sprintf("coding %q", coding), outer("Transfer-Encoding: "+coding, inChunks))
	}
	refused("two codings", outer(chunked+"\r\nTransfer-Encoding: identity", inChunks))
	refused("chunks in HTTP/1.0", strings.Replace(outer(chunked, inChunks), "HTTP/1.1", "HTTP/1.0", 1))
	refused("a space before the colon", outer("Transfer-Encoding : chunked", inChunks))
	refused("a space before the length's colon", outer("Content-Length : 5", "01234"+hidden))
	refused("a tab before the colon", outer("Content-Length\t: 5", "01234"+hidden))
	refused("a folded length", outer("Content-Length: 0\r\n\t"+fmt.Sprint(len(hidden)), hidden))
	refused("a length behind a bare CR", outer("X-A: b\r"+ofLength, hidden))
	refused("a coding behind a bare LF, and a length", outer("X-A: b\n"+chunked+"\r\nContent-Length: 4", inChunks))
	refused("a bare CR in a value", head("X-A: b\rc"))
	refused("NUL in a value", head("X-A: b\x00c"))
	refused("NUL in a name", head("X-\x00A: b"))
	refused("a line without a colon", head("X-A"))
	refused("a line without a name", head(": b"))
	refused("a space before the first line", strings.Replace(head("X-A: b"), "Host", " Host", 1))
	refused("no host", "GET /health HTTP/1.1\r\nX-Request-Id: outer\r\n\r\n")
	refused("two hosts", head("Host: y"))
	refused("two spaces in the first line", strings.Replace(head("X-A: b"), " /health", "  /health", 1))
	refused("no version", strings.Replace(head("X-A: b"), " HTTP/1.1", "", 1))
	refused("something behind the version", strings.Replace(head("X-A: b"), "HTTP/1.1", "HTTP/1.1 x", 1))
	refused("a control character in the URI", strings.Replace(head("X-A: b"), "/health", "/hea\x01lth", 1))
	refused("a method that is none", "G\x7fT"+strings.TrimPrefix(head("X-A: b"), "GET"))
	refused("HTTP/2 without asking", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
	refused("TLS", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"+strings.Repeat("\x00", 500))
	for _, size := range []string{"g", "-1", "+5", "0x5", "5 5", "", " 5", "_5", "FFFFFFFFFFFFFFFFF", "7fffffffffffffff", "10000000000000005"} {
		refused(fmt.Sprintf("chunk of size %q", size), outer(chunked, size+"\r\n01234\r\n0\r\n\r\n"+hidden))
	}
	refused("a chunk longer than its size", outer(chunked, "3\r\n01234\r\n0\r\n\r\n"+hidden))
	refused("a chunk without its end", outer(chunked, "5\r\n012340\r\n\r\n"+hidden))
	refused("a chunk's size that ends with LF", outer(chunked, "5\n01234\r\n0\r\n\r\n"+hidden))
	refused("a chunk that ends with LF", outer(chunked, "5\r\n01234\n0\r\n\r\n"+hidden))
	refused("a chunk's size behind a bare CR", outer(chunked, "5;\r5\r\n01234\r\n0\r\n\r\n"+hidden))
	refused("a chunk's extension with LF", outer(chunked, "5;a\nb\r\n01234\r\n0\r\n\r\n"+hidden))
	return forms
}
