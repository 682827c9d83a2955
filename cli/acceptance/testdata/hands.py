"""A handler for the queue's tests with real Python workers: what it does is the word written in the picture.

    ok              makes the picture
    big, huge       runs out of memory the first time: by MemoryError, or killed as the kernel does it
    deaf            never returns, whoever asks
    listens         returns when it is canceled
    listens:NAME    the same at the worker of that name; others make the picture
    gate:NAME       waits for a file of that name
    asleep:NAME     holds the picture at that worker until the gate "awake" opens, and knows of no cancel; others make it
    broken:NAME     fails at that worker; others make it
    missing:NAME    has no model at that worker; others make it
    poison          kills the whole worker, once the cluster has heard that somebody holds it

The result says who made it, at which attempt, and with how many others in the lease.
"""
import json
import os
import signal
import time
import urllib.request

from stoker_worker import ModelMissing

NAME = os.environ["HAND_NAME"]


def hand(ctx):
    word, _, at = ctx.download()[33:].decode().partition(":")
    print("hand %s: began %s as %d" % (NAME, word, os.getpid()), flush=True)
    here = not at or at == NAME
    if word == "big" and ctx.attempt == 1:
        raise MemoryError("no room")
    if word == "huge" and ctx.attempt == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    while word == "deaf":
        time.sleep(60)
    while word == "listens" and here:
        if ctx.canceled():
            print("hand %s: was told" % NAME, flush=True)
            return
        time.sleep(0.01)
    while word == "gate" and not opened(at):
        ctx.progress(50)
        time.sleep(0.01)
    if word == "asleep" and here:
        confirm(ctx)
        print("hand %s: holds it" % NAME, flush=True)
        while not opened("awake"):
            time.sleep(0.01)
    if word == "broken" and here:
        raise RuntimeError("a broken fan")
    if word == "missing" and here:
        raise ModelMissing("no weights here")
    if word == "poison":
        confirm(ctx)
        os.kill(os.getppid(), signal.SIGKILL)
        os._exit(1)
    ctx.upload_output(made(ctx.message))


def made(message):
    return b"made by %s, attempt %d of %d" % (NAME.encode(), message["attempt"], len(message["items"]))


def process_job(message):
    """The form of a worker that was there before. It has room for one picture."""
    if len(message["items"]) > 1:
        raise MemoryError("no room for so many")
    for item in message["items"]:
        put = urllib.request.Request(item["output_url"], data=made(message), method="PUT")
        urllib.request.urlopen(put).close()
        post(message["callback_url"], {"idx": item["idx"], "status": "completed", "output_key": item["output_key"]})


def opened(gate):
    return os.path.exists(os.path.join(os.environ["HAND_GATES"], gate))


def confirm(ctx):
    """The cluster is told at once anyway, by another process; this only makes sure that it was first."""
    post("%s/queue/leases/%s/heartbeat" % (os.environ["HAND_NODE"], ctx.message["lease_id"]), {})


def post(url, body):
    urllib.request.urlopen(urllib.request.Request(url, data=json.dumps(body).encode(), method="POST", headers={
        "Content-Type": "application/json", "Authorization": "Bearer " + os.environ["HAND_TOKEN"]})).close()
