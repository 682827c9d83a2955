package objects

// subresource is a setting of S3 that there is none of here. It is answered as S3
// answers where nothing was set, so that clients that look at it go on.
type subresource struct {
	on   place
	name string
	none Code   // the error where nothing was set, or
	root string // the document,
	doc  any    // and what stands in it
}

func (s subresource) answer(c *call) error {
	if s.on == onObject {
		if err := c.may(toRead, c.key); err != nil {
			return err
		}
		if _, err := c.store.Head(c, c.bucket, c.key); err != nil {
			return err
		}
	}
	if s.root == "" {
		return fail(s.none, "nothing of this kind is set, and nothing can be")
	}
	return c.answer(s.root, s.doc)
}

var subresources = []subresource{
	{onBucket, "acl", "", "AccessControlPolicy", private},
	{onObject, "acl", "", "AccessControlPolicy", private},
	{onBucket, "versioning", "", "VersioningConfiguration", none{}},
	{onBucket, "logging", "", "BucketLoggingStatus", none{}},
	{onBucket, "notification", "", "NotificationConfiguration", none{}},
	{onBucket, "accelerate", "", "AccelerateConfiguration", none{}},
	{onBucket, "requestPayment", "", "RequestPaymentConfiguration", struct{ Payer string }{"BucketOwner"}},
	{onObject, "tagging", "", "Tagging", struct{ TagSet none }{}},
	{onBucket, "cors", NoSuchCORS, "", nil},
	{onBucket, "encryption", NoSuchEncryption, "", nil},
	{onBucket, "lifecycle", NoSuchLifecycle, "", nil},
	{onBucket, "object-lock", NoSuchObjectLock, "", nil},
	{onBucket, "ownershipControls", NoSuchOwnership, "", nil},
	{onBucket, "policy", NoSuchBucketPolicy, "", nil},
	{onBucket, "publicAccessBlock", NoSuchPublicAccessBlock, "", nil},
	{onBucket, "replication", NoSuchReplication, "", nil},
	{onBucket, "tagging", NoSuchTagSet, "", nil},
	{onBucket, "website", NoSuchWebsite, "", nil},
}

// none is a document with nothing in it.
type none struct{}

type grantee struct {
	XSI  string `xml:"xmlns:xsi,attr"`
	Type string `xml:"xsi:type,attr"`
	owner
}

type grant struct {
	Grantee    grantee
	Permission string
}

type accessControl struct {
	Owner owner
	ACL   []grant `xml:"AccessControlList>Grant"`
}

// private says what is true of everything: it is its owner's.
var private = accessControl{ours, []grant{{
	grantee{"http://www.w3.org/2001/XMLSchema-instance", "CanonicalUser", ours}, "FULL_CONTROL",
}}}
