"""Handlers for the Python worker that really change a picture, with the standard library only: they invert it.

They read PNGs of 8-bit RGB without row filters, as the test writes them.
"""
import json
import os
import struct
import urllib.request
import zlib

from stoker_worker import BadInput

SIGNATURE = b"\x89PNG\r\n\x1a\n"


def inverted(png):
    if not png.startswith(SIGNATURE):
        raise BadInput("not a PNG")
    at, packed, header = len(SIGNATURE), b"", b""
    while at < len(png):
        size, kind = struct.unpack(">I4s", png[at:at + 8])
        body = png[at + 8:at + 8 + size]
        at += 12 + size
        if kind == b"IHDR":
            header = body
        if kind == b"IDAT":
            packed += body
    width, height, depth, colour = struct.unpack(">IIBB", header[:10])
    if (depth, colour) != (8, 2):
        raise BadInput("want 8-bit RGB, got depth %d and colour type %d" % (depth, colour))
    rows, row = zlib.decompress(packed), 1 + 3 * width
    flip = bytes(255 - i for i in range(256))
    made = b"".join(b"\0" + rows[y * row + 1:(y + 1) * row].translate(flip) for y in range(height))
    return SIGNATURE + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(made)) + chunk(b"IEND", b"")


def chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def invert(ctx):
    """The SDK's own form."""
    picture = ctx.download()
    ctx.progress(50)
    made = inverted(picture)
    ctx.upload_output(made)
    ctx.upload_preview(made, "image/png")


def process_job(message):
    """The form of a worker that was there before: it fetches, puts and calls back by itself."""
    for item in message["items"]:
        with urllib.request.urlopen(item["input_url"]) as answer:
            made = inverted(answer.read())
        put = urllib.request.Request(item["output_url"], data=made, method="PUT", headers={"Content-Type": "image/png"})
        urllib.request.urlopen(put).close()
        told = {"idx": item["idx"], "status": "completed", "output_key": item["output_key"],
                "idempotency_key": "%s:%d" % (message["idempotency_prefix"], item["idx"])}
        call = urllib.request.Request(message["callback_url"], data=json.dumps(told).encode(), method="POST", headers={
            "Content-Type": "application/json", "X-GPU-Callback-Secret": os.environ["GPU_CALLBACK_SECRET"]})
        with urllib.request.urlopen(call) as answer:
            if not json.load(answer)["data"]["processed"]:
                raise RuntimeError("the callback was a duplicate")
