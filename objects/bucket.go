package objects

import (
	"github.com/valyala/fasthttp"
)

// owner is whom everything belongs to, for clients that ask.
type owner struct{ ID, DisplayName string }

var ours = owner{ID: "stoker", DisplayName: "stoker"}

// listBuckets names the one bucket. Its name is in every URL, so that any good
// signature may see it.
func (c *call) listBuckets() error {
	type bucket struct{ Name, CreationDate string }
	return c.answer("ListAllMyBucketsResult", struct {
		Owner   owner
		Buckets []bucket `xml:"Buckets>Bucket"`
	}{ours, []bucket{{c.store.cfg.Bucket, timestamp(0)}}})
}

func (c *call) headBucket() error {
	c.http.Response.Header.Set("x-amz-bucket-region", c.store.cfg.Region)
	return nil
}

// location is the region that clients sign for.
func (c *call) location() error {
	region := c.store.cfg.Region
	if region == "us-east-1" {
		region = "" // as S3 has it
	}
	return c.answer("LocationConstraint", struct {
		Region string `xml:",chardata"`
	}{region})
}

// createBucket is asked by clients that want to be sure that the bucket is there.
func (c *call) createBucket() error {
	if c.bucket != c.store.cfg.Bucket {
		return fail(TooManyBuckets, "a cluster has one bucket, and it is %q", c.store.cfg.Bucket)
	}
	c.http.Response.Header.Set(fasthttp.HeaderLocation, "/"+c.bucket)
	return nil
}

func (c *call) deleteBucket() error {
	return fail(BucketNotEmpty, "the cluster's only bucket stays; delete its objects instead")
}
