package objects

import (
	"bufio"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"slices"
	"strconv"
	"strings"
)

// Bodies in signed or unsigned chunks, with or without a trailer, as S3 takes them:
// https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html
// https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming-trailers.html
const (
	streamingPrefix   = "STREAMING-"
	streamingSigned   = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
	streamingTrailer  = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
	streamingUnsigned = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"

	chunkAlgorithm   = "AWS4-HMAC-SHA256-PAYLOAD"
	trailerAlgorithm = "AWS4-HMAC-SHA256-TRAILER"
	trailerSignature = "x-amz-trailer-signature"
	chunkExtension   = ";chunk-signature="
	emptySHA256      = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

	// maxLine bounds the line in front of a chunk and each of the trailer's, maxTrailer
	// all of the trailer: what is not the object's own bytes is held in memory.
	maxLine    = 1 << 10
	maxTrailer = 4 << 10
)

// chain continues a request's signature over its chunks: each covers the one
// before, so that none can be left out, repeated or moved.
type chain struct {
	key   []byte // nil: the chunks are not signed
	stamp string
	scope scope
	last  string // signature, in hex
}

// next checks a signature over parts, in constant time.
func (c *chain) next(signature, algorithm string, parts ...string) bool {
	text := []string{algorithm, c.stamp, c.scope.String(), c.last}
	want := hex.EncodeToString(mac(c.key, strings.Join(append(text, parts...), "\n")))
	c.last = want
	return hmac.Equal([]byte(want), []byte(signature))
}

// chunks reads the bytes out of aws-chunked. A chunk's bytes are given out before
// its signature was met: only the end of the stream says that all was right.
type chunks struct {
	from    *bufio.Reader
	chain   *chain
	trailer []string // names that are to come

	left      int64 // of this chunk
	signature string
	hash      hash.Hash // of this chunk, where they are signed
	begun     bool
	values    map[string]string // of the trailer
}

func newChunks(r io.Reader, c *chain, trailer []string) *chunks {
	k := &chunks{from: bufio.NewReaderSize(r, maxLine), chain: c, trailer: trailer, values: map[string]string{}}
	if c.key != nil {
		k.hash = sha256.New()
	}
	return k
}

// Read gives io.EOF only when the last chunk and the trailer were there, were
// signed, and nothing was behind them.
func (k *chunks) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if k.left == 0 {
		if err := k.advance(); err != nil {
			return 0, err
		}
	}
	n, err := k.from.Read(p[:min(int64(len(p)), k.left)])
	if k.hash != nil {
		k.hash.Write(p[:n])
	}
	k.left -= int64(n)
	if err == io.EOF && n > 0 {
		err = nil // what is missing shows at the next chunk
	}
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// advance ends the chunk that was read and begins the next one.
func (k *chunks) advance() error {
	if k.begun {
		if err := k.end(); err != nil {
			return err
		}
		if line, err := k.line(); err != nil || line != "" {
			return orMalformed(err, "a chunk is longer than its size says")
		}
	}
	line, err := k.line()
	if err != nil {
		return err
	}
	size, signature, signed := strings.Cut(line, chunkExtension)
	n, err := strconv.ParseInt(size, 16, 64)
	if err != nil || n < 0 || len(size) > 16 || !only(size, "0123456789abcdefABCDEF") || signed != (k.hash != nil) {
		return fail(InvalidRequest, "a chunk begins with a line of its size in hex, and its signature where the payload is signed")
	}
	k.begun, k.left, k.signature = true, n, signature
	if n > 0 {
		return nil
	}
	if err := k.end(); err != nil {
		return err
	}
	if err := k.finish(); err != nil {
		return err
	}
	return io.EOF
}

// end checks the signature of the chunk whose bytes are all read.
func (k *chunks) end() error {
	if k.hash == nil {
		return nil
	}
	sum := hex.EncodeToString(k.hash.Sum(nil))
	k.hash.Reset()
	if !k.chain.next(k.signature, chunkAlgorithm, emptySHA256, sum) {
		return fail(SignatureMismatch, "the signature of a chunk does not match")
	}
	return nil
}

// finish reads what is behind the last chunk. Clients differ in where they put
// line ends there, so empty lines mean nothing; every other one must be known.
func (k *chunks) finish() error {
	var signature, signed string
	for n := 0; ; {
		line, err := k.from.ReadSlice('\n')
		n += len(line)
		if err != nil && err != io.EOF || n > maxTrailer {
			return orMalformed(ifBroken(err), "the trailer is too long")
		}
		text := strings.TrimRight(string(line), "\r\n")
		name, value, ok := strings.Cut(text, ":")
		name, value = strings.ToLower(name), strings.TrimSpace(value)
		_, twice := k.values[name]
		switch {
		case text == "":
		case ok && name == trailerSignature && signature == "" && len(k.trailer) > 0 && k.hash != nil:
			signature = value
		case ok && slices.Contains(k.trailer, name) && !twice && signature == "":
			k.values[name] = value
			signed += name + ":" + value + "\n"
		default:
			return fail(MalformedTrailer, "behind the last chunk is what x-amz-trailer does not announce")
		}
		if err == io.EOF {
			break
		}
	}
	if len(k.values) != len(k.trailer) {
		return fail(MalformedTrailer, "the trailer lacks what x-amz-trailer announces")
	}
	if k.hash == nil || len(k.trailer) == 0 {
		return nil
	}
	sum := sha256.Sum256([]byte(signed))
	if !k.chain.next(signature, trailerAlgorithm, hex.EncodeToString(sum[:])) {
		return fail(SignatureMismatch, "the signature of the trailer does not match")
	}
	return nil
}

// line reads one that ends in CRLF.
func (k *chunks) line() (string, error) {
	line, err := k.from.ReadSlice('\n')
	if err != nil {
		return "", orMalformed(ifBroken(err), "the line before a chunk is too long")
	}
	text, ok := strings.CutSuffix(string(line), "\r\n")
	if !ok || strings.ContainsAny(text, "\r\n") {
		return "", fail(InvalidRequest, "a line between chunks ends in CRLF")
	}
	return text, nil
}

// ifBroken leaves out that a line was longer than the buffer.
func ifBroken(err error) error {
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		return nil
	case err == io.EOF:
		return io.ErrUnexpectedEOF
	}
	return err
}

func orMalformed(err error, why string) error {
	if err != nil {
		return err
	}
	return fail(InvalidRequest, "%s", why)
}
