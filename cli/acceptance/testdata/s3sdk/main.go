// Command s3sdk is aws-sdk-go-v2 as a client of the bucket: what the test of real
// clients asks of every one of them, with the SDK's own defaults: uploads have a checksum,
// over TLS in the trailer behind unsigned chunks. It is a module of its own: nothing of it
// is a dependency of Stoker.
//
// It works in the folder it is run in, on the file sdk.bin, and exits 1 at the first
// thing that is not as with S3.
package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/feature/s3/manager"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
)

const bucket = "photos"

var ctx = context.Background()

func main() {
	log.SetFlags(0)
	if ca := os.Getenv("S3_CA"); ca != "" {
		text, err := os.ReadFile(ca)
		check(err)
		roots := x509.NewCertPool()
		roots.AppendCertsFromPEM(text)
		http.DefaultTransport.(*http.Transport).TLSClientConfig = &tls.Config{RootCAs: roots}
	}
	c := s3.New(s3.Options{
		Region: "us-east-1", BaseEndpoint: aws.String(os.Getenv("S3_ENDPOINT")), UsePathStyle: true, HTTPClient: http.DefaultClient,
		Credentials: credentials.NewStaticCredentialsProvider(os.Getenv("AWS_ACCESS_KEY_ID"), os.Getenv("AWS_SECRET_ACCESS_KEY"), ""),
		// What config.LoadDefaultConfig says where nobody has said anything.
		RequestChecksumCalculation: aws.RequestChecksumCalculationWhenSupported,
		ResponseChecksumValidation: aws.ResponseChecksumValidationWhenSupported,
	})
	whole, err := os.ReadFile("sdk.bin")
	check(err)
	small(c)
	large(c, whole)
	list(c)
	presigned(c)
	conditional(c)
	remove(c)
}

func check(err error) {
	if err != nil {
		log.Output(2, err.Error())
		os.Exit(1)
	}
}

func same(what string, got, want []byte) {
	if !bytes.Equal(got, want) {
		log.Fatalf("%s: %d bytes that are not the %d of the object", what, len(got), len(want))
	}
}

func refused(what string, err error, code string) {
	var e smithy.APIError
	if !errors.As(err, &e) || e.ErrorCode() != code {
		log.Fatalf("%s: %v, want %s", what, err, code)
	}
}

func put(c *s3.Client, key, body string) *s3.PutObjectOutput {
	out, err := c.PutObject(ctx, &s3.PutObjectInput{
		Bucket: aws.String(bucket), Key: aws.String(key), Body: strings.NewReader(body),
		ContentType: aws.String("text/plain"), Metadata: map[string]string{"camera": "살롱"},
	})
	check(err)
	return out
}

func get(c *s3.Client, key, spec string) ([]byte, *s3.GetObjectOutput) {
	in := &s3.GetObjectInput{Bucket: aws.String(bucket), Key: aws.String(key)}
	if spec != "" {
		in.Range = aws.String(spec)
	}
	out, err := c.GetObject(ctx, in)
	check(err)
	defer out.Body.Close()
	body, err := io.ReadAll(out.Body)
	check(err)
	return body, out
}

// small is an upload in one request: the SDK computes a CRC32 by itself.
func small(c *s3.Client) {
	out := put(c, "sdk/small a+b~é.txt", "small")
	if out.ChecksumCRC32 == nil {
		log.Fatal("the answer to an upload has no checksum")
	}
	body, got := get(c, "sdk/small a+b~é.txt", "")
	same("small", body, []byte("small"))
	if aws.ToString(got.ContentType) != "text/plain" || aws.ToString(got.ETag) != aws.ToString(out.ETag) {
		log.Fatalf("small: %+v", got)
	}
	for _, algorithm := range []types.ChecksumAlgorithm{types.ChecksumAlgorithmCrc32c, types.ChecksumAlgorithmCrc64nvme, types.ChecksumAlgorithmSha1, types.ChecksumAlgorithmSha256} {
		_, err := c.PutObject(ctx, &s3.PutObjectInput{
			Bucket: aws.String(bucket), Key: aws.String("sdk/sums/" + string(algorithm)), Body: strings.NewReader("small"), ChecksumAlgorithm: algorithm,
		})
		check(err)
	}
	_, err := c.GetObject(ctx, &s3.GetObjectInput{Bucket: aws.String(bucket), Key: aws.String("sdk/nothing")})
	refused("what is not there", err, "NoSuchKey")
	_, err = c.HeadObject(ctx, &s3.HeadObjectInput{Bucket: aws.String(bucket), Key: aws.String("sdk/nothing")})
	refused("the head of what is not there", err, "NotFound")
}

// large goes up in parts, is copied, and comes back whole and as a range.
func large(c *s3.Client, whole []byte) {
	file, err := os.Open("sdk.bin")
	check(err)
	defer file.Close()
	_, err = manager.NewUploader(c).Upload(ctx, &s3.PutObjectInput{Bucket: aws.String(bucket), Key: aws.String("sdk/a.bin"), Body: file})
	check(err)
	_, err = c.CopyObject(ctx, &s3.CopyObjectInput{Bucket: aws.String(bucket), Key: aws.String("sdk/b.bin"), CopySource: aws.String(bucket + "/sdk/a.bin")})
	check(err)
	back := manager.NewWriteAtBuffer(make([]byte, 0, len(whole)))
	_, err = manager.NewDownloader(c).Download(ctx, back, &s3.GetObjectInput{Bucket: aws.String(bucket), Key: aws.String("sdk/b.bin")})
	check(err)
	same("the copy", back.Bytes(), whole)
	body, _ := get(c, "sdk/a.bin", "bytes=5000000-9000000")
	same("a range", body, whole[5000000:9000001])
	part, err := c.GetObject(ctx, &s3.GetObjectInput{Bucket: aws.String(bucket), Key: aws.String("sdk/a.bin"), PartNumber: aws.Int32(2)})
	check(err)
	defer part.Body.Close()
	body, err = io.ReadAll(part.Body)
	check(err)
	same("the second part", body, whole[manager.DefaultUploadPartSize:2*manager.DefaultUploadPartSize])
	if int(aws.ToInt32(part.PartsCount)) != (len(whole)+int(manager.DefaultUploadPartSize)-1)/int(manager.DefaultUploadPartSize) {
		log.Fatalf("%d parts", aws.ToInt32(part.PartsCount))
	}
	// An upload that nobody completes is listed and can be taken back.
	begun, err := c.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{Bucket: aws.String(bucket), Key: aws.String("sdk/never")})
	check(err)
	open, err := c.ListMultipartUploads(ctx, &s3.ListMultipartUploadsInput{Bucket: aws.String(bucket), Prefix: aws.String("sdk/")})
	check(err)
	if len(open.Uploads) != 1 || aws.ToString(open.Uploads[0].UploadId) != aws.ToString(begun.UploadId) {
		log.Fatalf("uploads under way: %+v", open.Uploads)
	}
	_, err = c.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{Bucket: aws.String(bucket), Key: aws.String("sdk/never"), UploadId: begun.UploadId})
	check(err)
}

// list goes through ten thousand keys in pages.
func list(c *s3.Client) {
	pages, n := s3.NewListObjectsV2Paginator(c, &s3.ListObjectsV2Input{Bucket: aws.String(bucket), Prefix: aws.String("many/")}), 0
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		check(err)
		n += len(page.Contents)
	}
	if n != 10_000 {
		log.Fatalf("listed %d", n)
	}
	out, err := c.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: aws.String(bucket), Prefix: aws.String("many/"), Delimiter: aws.String("/")})
	check(err)
	if len(out.CommonPrefixes) != 10 {
		log.Fatalf("%d prefixes", len(out.CommonPrefixes))
	}
}

// presigned URLs are used by a client that knows nothing of S3.
func presigned(c *s3.Client) {
	p := s3.NewPresignClient(c, s3.WithPresignExpires(time.Minute))
	up, err := p.PresignPutObject(ctx, &s3.PutObjectInput{Bucket: aws.String(bucket), Key: aws.String("sdk/presigned")})
	check(err)
	req, err := http.NewRequest(up.Method, up.URL, strings.NewReader("by URL"))
	check(err)
	for name, values := range up.SignedHeader {
		if name != "Host" {
			req.Header[name] = values
		}
	}
	res, err := http.DefaultClient.Do(req)
	check(err)
	res.Body.Close()
	if res.StatusCode != 200 {
		log.Fatalf("PUT of a presigned URL: %s", res.Status)
	}
	down, err := p.PresignGetObject(ctx, &s3.GetObjectInput{Bucket: aws.String(bucket), Key: aws.String("sdk/presigned"), ResponseContentType: aws.String("image/png")})
	check(err)
	res, err = http.Get(down.URL)
	check(err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	check(err)
	same("GET of a presigned URL", body, []byte("by URL"))
	if res.Header.Get("Content-Type") != "image/png" {
		log.Fatalf("content type %q", res.Header.Get("Content-Type"))
	}
}

// conditional uploads: of many at once that want to be the first one is.
func conditional(c *s3.Client) {
	var mu sync.Mutex
	var all sync.WaitGroup
	won, tag := 0, ""
	for i := range 16 {
		all.Go(func() {
			out, err := c.PutObject(ctx, &s3.PutObjectInput{
				Bucket: aws.String(bucket), Key: aws.String("sdk/once"), Body: strings.NewReader(fmt.Sprint(i)), IfNoneMatch: aws.String("*"),
			})
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				won, tag = won+1, aws.ToString(out.ETag)
				return
			}
			refused("not the first", err, "PreconditionFailed")
		})
	}
	all.Wait()
	if won != 1 {
		log.Fatalf("%d uploads were the first", won)
	}
	replace := &s3.PutObjectInput{Bucket: aws.String(bucket), Key: aws.String("sdk/once"), IfMatch: aws.String(tag)}
	replace.Body = strings.NewReader("two")
	_, err := c.PutObject(ctx, replace)
	check(err)
	replace.Body = strings.NewReader("three")
	_, err = c.PutObject(ctx, replace)
	refused("another by now", err, "PreconditionFailed")
}

// remove deletes one, then all that is left in one request.
func remove(c *s3.Client) {
	_, err := c.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: aws.String(bucket), Key: aws.String("sdk/b.bin")})
	check(err)
	mine := &s3.ListObjectsV2Input{Bucket: aws.String(bucket), Prefix: aws.String("sdk/")}
	page, err := c.ListObjectsV2(ctx, mine)
	check(err)
	var keys []types.ObjectIdentifier
	for _, o := range page.Contents {
		keys = append(keys, types.ObjectIdentifier{Key: o.Key})
	}
	out, err := c.DeleteObjects(ctx, &s3.DeleteObjectsInput{Bucket: aws.String(bucket), Delete: &types.Delete{Objects: keys}})
	check(err)
	if len(out.Errors) > 0 || len(out.Deleted) != len(keys) {
		log.Fatalf("deleted %d of %d: %+v", len(out.Deleted), len(keys), out.Errors)
	}
	page, err = c.ListObjectsV2(ctx, mine)
	check(err)
	if len(page.Contents) != 0 {
		log.Fatalf("left: %d", len(page.Contents))
	}
}
