"""What a program with boto3 does, against S3_ENDPOINT; it ends with an error where something is not as on S3."""
import hashlib
import os
import urllib.request

import boto3
from boto3.s3.transfer import TransferConfig
from botocore.client import Config
from botocore.exceptions import ClientError

s3 = boto3.client("s3", endpoint_url=os.environ["S3_ENDPOINT"], config=Config(signature_version="s3v4", s3={"addressing_style": "path"}))
parts = TransferConfig(multipart_threshold=8 << 20, multipart_chunksize=5 << 20)
body = open("boto.bin", "rb").read()


def sha(data):
    return hashlib.sha256(data).hexdigest()


s3.upload_file("boto.bin", "photos", "boto/a.bin", Config=parts, ExtraArgs={"Metadata": {"camera": "x"}, "ContentType": "video/mp4"})
head = s3.head_object(Bucket="photos", Key="boto/a.bin")
assert head["Metadata"] == {"camera": "x"} and head["ContentType"] == "video/mp4" and head["ETag"].endswith('-4"'), head
assert sha(s3.get_object(Bucket="photos", Key="boto/a.bin")["Body"].read()) == sha(body)
got = s3.get_object(Bucket="photos", Key="boto/a.bin", Range="bytes=5000000-9000000")["Body"].read()
assert got == body[5000000:9000001]
s3.copy_object(Bucket="photos", Key="boto/b c+d.bin", CopySource={"Bucket": "photos", "Key": "boto/a.bin"})
s3.copy({"Bucket": "photos", "Key": "boto/a.bin"}, "photos", "boto/c.bin", Config=parts)
assert sha(s3.get_object(Bucket="photos", Key="boto/c.bin")["Body"].read()) == sha(body)

pages = list(s3.get_paginator("list_objects_v2").paginate(Bucket="photos", Prefix="many/"))
assert len(pages) == 10 and sum(p["KeyCount"] for p in pages) == 10000, len(pages)
pages = list(s3.get_paginator("list_objects").paginate(Bucket="photos", Prefix="many/"))
assert len({o["Key"] for p in pages for o in p["Contents"]}) == 10000
page = s3.list_objects_v2(Bucket="photos", Prefix="many/", Delimiter="/")
assert len(page["CommonPrefixes"]) == 10 and "Contents" not in page, page

url = s3.generate_presigned_url("put_object", Params={"Bucket": "photos", "Key": "boto/p"}, ExpiresIn=600)
urllib.request.urlopen(urllib.request.Request(url, data=b"presigned", method="PUT"))
url = s3.generate_presigned_url("get_object", Params={"Bucket": "photos", "Key": "boto/p"}, ExpiresIn=600)
assert urllib.request.urlopen(url).read() == b"presigned"

up = s3.create_multipart_upload(Bucket="photos", Key="boto/e")["UploadId"]
s3.upload_part(Bucket="photos", Key="boto/e", UploadId=up, PartNumber=1, Body=b"x")
assert s3.list_parts(Bucket="photos", Key="boto/e", UploadId=up)["Parts"][0]["Size"] == 1
assert s3.list_multipart_uploads(Bucket="photos")["Uploads"][0]["UploadId"] == up
s3.abort_multipart_upload(Bucket="photos", Key="boto/e", UploadId=up)
try:
    s3.list_parts(Bucket="photos", Key="boto/e", UploadId=up)
    raise AssertionError("an aborted upload has parts")
except ClientError as e:
    assert e.response["Error"]["Code"] == "NoSuchUpload", e

s3.delete_object(Bucket="photos", Key="boto/p")
keys = [{"Key": o["Key"]} for o in s3.list_objects_v2(Bucket="photos", Prefix="boto/")["Contents"]]
assert len(keys) == 3, keys
gone = s3.delete_objects(Bucket="photos", Delete={"Objects": keys + [{"Key": "boto/never"}]})
assert len(gone["Deleted"]) == 4 and "Errors" not in gone, gone
assert s3.list_objects_v2(Bucket="photos", Prefix="boto/")["KeyCount"] == 0
