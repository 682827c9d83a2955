package objects

import (
	"bytes"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"hash"
	"hash/crc32"
	"hash/crc64"
	"strings"
)

// What clients say of a body's content, besides its signature:
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html
const (
	checksumPrefix    = "x-amz-checksum-"
	checksumAlgorithm = "x-amz-sdk-checksum-algorithm"
	checksumType      = "x-amz-checksum-type"
)

var (
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
	// nvme is CRC-64/NVME, its polynomial reversed as hash/crc64 wants it.
	nvme = crc64.MakeTable(0x9a6c9329ac4bc9b5)
)

// checksums are S3's algorithms by the header, or the trailer, that carries
// their sum in base64.
var checksums = map[string]func() hash.Hash{
	checksumPrefix + "crc32":     func() hash.Hash { return crc32.NewIEEE() },
	checksumPrefix + "crc32c":    func() hash.Hash { return crc32.New(castagnoli) },
	checksumPrefix + "crc64nvme": func() hash.Hash { return crc64.New(nvme) },
	checksumPrefix + "sha1":      sha1.New,
	checksumPrefix + "sha256":    sha256.New,
}

// check is a sum that a body must have.
type check struct {
	hash.Hash
	want  []byte // nil until the trailer has said it
	wrong *Error
}

func (k *check) result() error {
	if !bytes.Equal(k.Sum(nil), k.want) {
		return k.wrong
	}
	return nil
}

// checkPayload is the SHA-256 that the request's signature covers.
func checkPayload(want string) *check {
	sum, _ := hex.DecodeString(want) // setPayload took only hex
	return &check{sha256.New(), sum, fail(ContentSHA256Differs, "the body's SHA-256 is not the one in x-amz-content-sha256")}
}

func checkMD5(want string) (*check, error) {
	sum, err := base64.StdEncoding.DecodeString(want)
	if err != nil || len(sum) != md5.Size {
		return nil, fail(InvalidDigest, "Content-MD5 must be an MD5 in base64")
	}
	return &check{md5.New(), sum, fail(BadDigest, "the body's MD5 is not the one in Content-MD5")}, nil
}

// checkSum is a checksum of one of S3's own algorithms. Its sum is given, or
// comes in the trailer.
func checkSum(name string) (*check, error) {
	algorithm, ok := checksums[name]
	if !ok {
		return nil, fail(InvalidRequest, "%s is none of the checksums crc32, crc32c, crc64nvme, sha1 and sha256", name)
	}
	short := strings.ToUpper(strings.TrimPrefix(name, checksumPrefix))
	return &check{Hash: algorithm(), wrong: fail(BadDigest, "the %s you specified did not match the calculated checksum", short)}, nil
}

// expect sets the sum that the client says the body has.
func (k *check) expect(name, value string) error {
	sum, err := base64.StdEncoding.DecodeString(value)
	if err != nil || len(sum) != k.Size() {
		return fail(InvalidRequest, "the value for %s is invalid: it must be %d bytes in base64", name, k.Size())
	}
	k.want = sum
	return nil
}
