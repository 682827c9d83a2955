package objects

import (
	"encoding/xml"
	"fmt"
)

// Code is one of S3's error codes. Clients switch on it, so it never changes.
type Code string

const (
	AccessDenied         Code = "AccessDenied"
	AuthHeaderMalformed  Code = "AuthorizationHeaderMalformed"
	AuthQueryMalformed   Code = "AuthorizationQueryParametersError"
	BadDigest            Code = "BadDigest"
	EntityTooLarge       Code = "EntityTooLarge"
	IncompleteBody       Code = "IncompleteBody"
	InternalError        Code = "InternalError"
	InvalidAccessKey     Code = "InvalidAccessKeyId"
	InvalidArgument      Code = "InvalidArgument"
	InvalidBucketName    Code = "InvalidBucketName"
	InvalidDigest        Code = "InvalidDigest"
	InvalidRange         Code = "InvalidRange"
	InvalidRequest       Code = "InvalidRequest"
	InvalidToken         Code = "InvalidToken"
	InvalidURI           Code = "InvalidURI"
	KeyTooLong           Code = "KeyTooLongError"
	MalformedTrailer     Code = "MalformedTrailerError"
	MethodNotAllowed     Code = "MethodNotAllowed"
	MissingContentLength Code = "MissingContentLength"
	NoSuchBucket         Code = "NoSuchBucket"
	NoSuchKey            Code = "NoSuchKey"
	NotImplemented       Code = "NotImplemented"
	PreconditionFailed   Code = "PreconditionFailed"
	RequestTimeTooSkewed Code = "RequestTimeTooSkewed"
	ServiceUnavailable   Code = "ServiceUnavailable"
	SignatureMismatch    Code = "SignatureDoesNotMatch"
	StorageFull          Code = "StorageFull"
	ContentSHA256Differs Code = "XAmzContentSHA256Mismatch"

	BucketNotEmpty          Code = "BucketNotEmpty"
	EntityTooSmall          Code = "EntityTooSmall"
	InvalidPart             Code = "InvalidPart"
	InvalidPartNumber       Code = "InvalidPartNumber"
	InvalidPartOrder        Code = "InvalidPartOrder"
	InvalidStorageClass     Code = "InvalidStorageClass"
	MalformedXML            Code = "MalformedXML"
	MetadataTooLarge        Code = "MetadataTooLarge"
	NoACLs                  Code = "AccessControlListNotSupported"
	NoSuchUpload            Code = "NoSuchUpload"
	TooManyBuckets          Code = "TooManyBuckets"
	TooManyUploads          Code = "TooManyUploads" // ours: S3 has no such bound
	NoSuchTagSet            Code = "NoSuchTagSet"
	NoSuchBucketPolicy      Code = "NoSuchBucketPolicy"
	NoSuchCORS              Code = "NoSuchCORSConfiguration"
	NoSuchLifecycle         Code = "NoSuchLifecycleConfiguration"
	NoSuchWebsite           Code = "NoSuchWebsiteConfiguration"
	NoSuchEncryption        Code = "ServerSideEncryptionConfigurationNotFoundError"
	NoSuchObjectLock        Code = "ObjectLockConfigurationNotFoundError"
	NoSuchPublicAccessBlock Code = "NoSuchPublicAccessBlockConfiguration"
	NoSuchOwnership         Code = "OwnershipControlsNotFoundError"
	NoSuchReplication       Code = "ReplicationConfigurationNotFoundError"
)

// status gives every code its HTTP status.
var status = map[Code]int{
	AccessDenied:         403,
	AuthHeaderMalformed:  400,
	AuthQueryMalformed:   400,
	BadDigest:            400,
	EntityTooLarge:       400,
	IncompleteBody:       400,
	InternalError:        500,
	InvalidAccessKey:     403,
	InvalidArgument:      400,
	InvalidBucketName:    400,
	InvalidDigest:        400,
	InvalidRange:         416,
	InvalidRequest:       400,
	InvalidToken:         400,
	InvalidURI:           400,
	KeyTooLong:           400,
	MalformedTrailer:     400,
	MethodNotAllowed:     405,
	MissingContentLength: 411,
	NoSuchBucket:         404,
	NoSuchKey:            404,
	NotImplemented:       501,
	PreconditionFailed:   412,
	RequestTimeTooSkewed: 403,
	ServiceUnavailable:   503,
	SignatureMismatch:    403,
	StorageFull:          507,
	ContentSHA256Differs: 400,

	BucketNotEmpty:          409,
	EntityTooSmall:          400,
	InvalidPart:             400,
	InvalidPartNumber:       416,
	InvalidPartOrder:        400,
	InvalidStorageClass:     400,
	MalformedXML:            400,
	MetadataTooLarge:        400,
	NoACLs:                  400,
	NoSuchUpload:            404,
	TooManyBuckets:          400,
	TooManyUploads:          400,
	NoSuchTagSet:            404,
	NoSuchBucketPolicy:      404,
	NoSuchCORS:              404,
	NoSuchLifecycle:         404,
	NoSuchWebsite:           404,
	NoSuchEncryption:        404,
	NoSuchObjectLock:        404,
	NoSuchPublicAccessBlock: 404,
	NoSuchOwnership:         404,
	NoSuchReplication:       404,
}

// Error is a refusal in S3's terms. The same value travels from the room's
// depth to the client; nothing is translated on the way.
type Error struct {
	Code    Code
	Message string
}

func (e *Error) Error() string { return string(e.Code) + ": " + e.Message }

// Status is the HTTP status that goes with the code.
func (e *Error) Status() int { return status[e.Code] }

// XML is the document S3 clients expect as an error's body.
func (e *Error) XML(resource, requestID string) []byte {
	doc := struct {
		XMLName   xml.Name `xml:"Error"`
		Code      Code
		Message   string
		Resource  string
		RequestID string `xml:"RequestId"`
	}{Code: e.Code, Message: e.Message, Resource: resource, RequestID: requestID}
	body, err := xml.Marshal(doc)
	if err != nil {
		panic(fmt.Sprintf("objects: a struct of strings did not marshal: %v", err))
	}
	return append([]byte(xml.Header), body...)
}

// fail makes an Error.
func fail(c Code, format string, args ...any) *Error {
	return &Error{Code: c, Message: fmt.Sprintf(format, args...)}
}
