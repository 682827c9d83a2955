#!/usr/bin/env python3
"""A GPU worker for Stoker in one file: Python 3.9 or later, standard library only.

Write a function that makes one picture, and let the worker do the rest:

    from stoker_worker import BadInput, Worker

    def paint(ctx):
        picture = ctx.download()                  # the input, as bytes
        if not picture.startswith(b"\\xff\\xd8"):
            raise BadInput("not a JPEG")          # final; the user is refunded
        ctx.progress(50)
        ctx.upload_output(my_model(picture, ctx.concepts, ctx.protect))

    Worker(["http://10.0.0.1:8080", "http://10.0.0.2:8080"], token="wrk_...").run(paint)

or from a shell: python3 stoker_worker.py --endpoints http://10.0.0.1:8080 --handler mymodule:paint
A worker that already has a process_job(message) runs unchanged through bridge(process_job), or --bridge.

How it behaves
  * It asks for work by a long poll with a poll_id. When a node dies in the middle, the same poll goes to the next node and gets
    the same work; nothing is handed out twice.
  * It renews its lease in a background thread, at once and then every third of its lifetime, for as long as a picture takes.
  * It reports each picture when it is made. A report is repeated, over all nodes, until it is acknowledged or the lease is lost;
    the cluster counts it once.
  * On SIGTERM or SIGINT it stops asking, gives its unfinished pictures back as "drain", which burns no attempt, and returns.
  * Whatever your function raises means "try again while attempts are left", but for BadInput, which is final.

Your function runs in a thread, one for each slot. It cannot be stopped from outside: look at ctx.canceled() between steps.
"""
from __future__ import annotations

import argparse
import asyncio
import copy
import email.utils
import http.client
import importlib
import inspect
import json
import logging
import os
import random
import signal
import socket
import ssl
import sys
import threading
import time
import urllib.parse
import uuid

log = logging.getLogger("stoker")

ATTEMPT_S = 15.0     # how long one node may take to answer before another is asked
PROMPT_S = 5.0       # the same for a lease's calls: one hung node must not cost a lease
PATIENCE_S = 60.0    # how long pictures are sent and fetched before that counts as failed
LAST_WORDS_S = 10.0  # how long a draining worker tries to deliver what it owes
MOST_ITEMS = 64      # the largest max_items of the contract


class BadInput(Exception):
    """Raise it when the picture itself is at fault: it fails now and for good, and the user is refunded."""


class Retry(Exception):
    """Raise it when another attempt may do better. With after (seconds) the picture goes back to the queue for that long."""

    def __init__(self, message="try again", after=None):
        super().__init__(message)
        self.after = after


class Refused(Exception):
    """The cluster said no. code is the contract's ("LEASE_LOST"), status the HTTP status."""

    def __init__(self, status, code, message, retry_after=0.0):
        super().__init__("%s: %s (HTTP %d)" % (code, message, status))
        self.status, self.code, self.retry_after = status, code, retry_after


class Unreachable(Exception):
    """No node served a call in the time it had."""


class Nodes:
    """The cluster's nodes: stays with one that answers, moves on from one that does not. Safe for threads."""

    def __init__(self, endpoints, token, ca=None):
        if not endpoints:
            raise ValueError("no endpoints: name at least one node, as in http://10.0.0.1:8080")
        self._nodes = []
        for text in endpoints:
            parts = urllib.parse.urlsplit(text if "://" in text else "http://" + text)
            if parts.scheme not in ("http", "https") or not parts.netloc or parts.path.strip("/"):
                raise ValueError("endpoint %r: want http://host:port and nothing behind it" % text)
            self._nodes.append((parts.scheme, parts.netloc))
        self._token = token
        self._tls = ssl.create_default_context(cafile=ca) if ca or any(s == "https" for s, _ in self._nodes) else None
        self._lock = threading.Lock()
        self._current = random.randrange(len(self._nodes))

    def call(self, path, body, patience, attempt=ATTEMPT_S, stop=None, parked=None):
        """POST body as JSON and return the answer's data, None for 204. Raises Refused or Unreachable.

        patience is in seconds, None for as long as it takes. stop (an Event) ends it; parked (a Parked) lets another thread
        break off the attempt that is under way.
        """
        text = json.dumps(body).encode()
        headers = {
            "Authorization": "Bearer " + self._token,
            "Content-Type": "application/json",
            "X-Request-Id": "w-" + uuid.uuid4().hex,
        }

        def attempt_at(node):
            with _Answer(self._connect(node, attempt), "POST", path, text, headers, parked) as answer:
                raw = answer.read()
                if answer.status == 204:
                    return None
                if answer.status // 100 != 2:
                    raise _refusal(answer, raw)
                try:
                    return json.loads(raw)["data"]
                except (KeyError, TypeError) as error:
                    raise ValueError("an answer without an envelope; is this a Stoker node?") from error

        return self._persist(path, self._round, attempt_at, patience, stop)

    def put(self, url, body, kind):
        """PUT bytes, or the file of a path, at a presigned URL, which every node takes."""
        is_path = isinstance(body, (str, os.PathLike))
        size = os.path.getsize(body) if is_path else len(body)
        target = urllib.parse.urlsplit(url)
        headers = {"Host": target.netloc, "Content-Length": str(size), "Content-Type": kind}

        def attempt_at(node):
            source = open(body, "rb") if is_path else None
            try:
                with _Answer(self._connect(node, PATIENCE_S), "PUT", _rest(target), source or body, headers) as answer:
                    raw = answer.read()
                    if answer.status // 100 != 2:
                        raise _refusal(answer, raw)
            finally:
                if source:
                    source.close()

        self._persist("PUT " + target.path, self._holders(target), attempt_at, PATIENCE_S, None, objects=True)

    def get(self, url, path=None):
        """GET a presigned URL: returns bytes, or streams into the file of a path. A cut download starts over."""
        target = urllib.parse.urlsplit(url)

        def attempt_at(node):
            with _Answer(self._connect(node, PATIENCE_S), "GET", _rest(target), None, {"Host": target.netloc}) as answer:
                if answer.status != 200:
                    raise _refusal(answer, answer.read())
                if path is None:
                    return answer.read()
                # read(n) of http.client ends silently when the connection does, so the length is checked here.
                want, got = answer.getheader("Content-Length"), 0
                with open(path, "wb") as out:
                    for block in iter(lambda: answer.read(1 << 16), b""):
                        out.write(block)
                        got += len(block)
                if want is not None and got != int(want):
                    raise ConnectionError("cut after %d of %s bytes" % (got, want))
                return None

        return self._persist("GET " + target.path, self._holders(target), attempt_at, PATIENCE_S, None, objects=True)

    def _persist(self, what, nodes, attempt_at, patience, stop, objects=False):
        """Visit every node at once; between rounds wait with full jitter, and never less than a Retry-After asks for."""
        until = None if patience is None else time.monotonic() + patience
        pause, last, rounds = 0.1, None, 0
        while stop is None or not stop.is_set():
            at_least = 0.0
            for node in nodes():
                try:
                    return attempt_at(node)
                except Refused as refused:
                    last = refused
                    if refused.status == 429 and refused.code == "RATE_LIMITED":
                        at_least = refused.retry_after
                        break  # it is about our pace; another node would say the same
                    if refused.status not in (502, 503, 504) and not (objects and refused.status == 500):
                        raise
                    at_least = max(at_least, refused.retry_after)
                except (OSError, http.client.HTTPException, ValueError) as error:
                    last = error
                self._leave(node)
                if stop is not None and stop.is_set():
                    break
            wait = at_least * random.uniform(1, 1.25) if at_least else random.uniform(0, pause)
            pause, rounds = min(pause * 2, 4.0), rounds + 1
            if until is None and rounds % 20 == 5:
                log.warning("%s: no node serves it, trying on: %s", what, last)
            if until is not None and time.monotonic() + wait > until:
                break
            if stop is None:
                time.sleep(wait)
            else:
                stop.wait(wait)
        raise Unreachable("%s: no node served it: %s" % (what, last))

    def _round(self):
        with self._lock:
            return self._nodes[self._current:] + self._nodes[:self._current]

    def _leave(self, node):
        with self._lock:  # only the first of many calls that met the same dead node moves
            if self._nodes[self._current] == node:
                self._current = (self._current + 1) % len(self._nodes)

    def _holders(self, target):
        """Who may serve a presigned URL. The signature covers the Host header, and nodes accept each other's: the same URL is
        dialled at another node with its own Host. A host that is no node (an outside S3) is dialled as it is written."""
        if any(netloc == target.netloc for _, netloc in self._nodes):
            return self._round
        return lambda: [(target.scheme, target.netloc)]

    def _connect(self, node, timeout):
        scheme, netloc = node
        if scheme == "https":
            return http.client.HTTPSConnection(netloc, timeout=timeout, context=self._tls)
        return http.client.HTTPConnection(netloc, timeout=timeout)


class Parked:
    """The connection of a long poll, so that a drain can break it off instead of waiting for it."""

    def __init__(self):
        self._lock = threading.Lock()
        self._socket = None
        self._broken = False

    def hold(self, sock):
        with self._lock:
            if self._broken:
                raise ConnectionError("draining")
            self._socket = sock

    def drop(self):
        with self._lock:
            self._socket = None

    def break_off(self):
        with self._lock:
            self._broken = True
            if self._socket is not None:
                try:
                    self._socket.shutdown(socket.SHUT_RDWR)  # wakes the thread that reads it
                except OSError:
                    pass  # it is closed already, which is what we want


class _Answer:
    """One request and its answer on a connection of their own, closed at the end of the with block."""

    def __init__(self, connection, method, path, body, headers, parked=None):
        self._c, self._parked = connection, parked
        self._request = (method, path, body, headers)

    def __enter__(self):
        try:
            self._c.connect()
            if self._parked:
                self._parked.hold(self._c.sock)
            try:
                self._c.request(*self._request)
            except (BrokenPipeError, ConnectionResetError):
                # A node that refuses a body (too large, expired) may close before all of it is sent; its answer says why.
                try:
                    return self._c.getresponse()
                except (OSError, http.client.HTTPException):
                    pass
                raise
            return self._c.getresponse()
        except BaseException:
            self.__exit__()
            raise

    def __exit__(self, *_):
        if self._parked:
            self._parked.drop()
        self._c.close()


def _rest(target):
    return target.path + ("?" + target.query if target.query else "")


def _refusal(answer, raw):
    """Read the envelope's error; what stands in front of a node answers in its own words and keeps its status."""
    code, message = "HTTP_%d" % answer.status, answer.reason
    try:
        error = json.loads(raw)["error"]
        code, message = error["code"], error["message"]
    except (ValueError, KeyError, TypeError):
        pass
    return Refused(answer.status, code, message, _seconds(answer.getheader("Retry-After") or ""))


def _seconds(text):
    """A Retry-After in either of its forms, seconds or a date; 0 for none."""
    date = email.utils.parsedate_tz(text)
    if date:
        return max(email.utils.mktime_tz(date) - time.time(), 0.0)
    return float(text) if text.isdigit() else 0.0


class Context:
    """One picture: what to do with it, and what to tell while doing it. Your function gets it as its only argument."""

    def __init__(self, nodes, message, item):
        self._nodes = nodes
        self._ended = threading.Event()
        self._percent = 0
        self._preview_key = None
        self.message = message                       #: the whole lease, as the contract describes it
        self.job_id, self.user_id = message["job_id"], message.get("user_id")
        self.preset = message.get("preset")          #: as "interior"
        self.concepts = message.get("concepts") or {}  #: {"Wall": {"action": "recolor", "value": "#88aacc"}}
        self.protect = message.get("protect") or []  #: regions that must not be touched
        self.attempt = message.get("attempt", 1)     #: 1 the first time
        self.idx = item["idx"]                       #: the picture's place in its job
        self.item = item                             #: input_key, output_key, preview_key and their presigned *_url

    def download(self, path=None):
        """The input picture as bytes, or streamed into the file at path."""
        return self._nodes.get(self.item["input_url"], path)

    def upload_output(self, body, kind="image/png"):
        """Put the result: bytes, or the path of a file, which is streamed."""
        self._nodes.put(self.item["output_url"], body, kind)

    def upload_preview(self, body, kind="image/jpeg"):
        """Put the preview: bytes, or the path of a file."""
        self._nodes.put(self.item["preview_url"], body, kind)
        self._preview_key = self.item["preview_key"]

    def progress(self, percent):
        """Say how far it is, 0 to 100. It travels with the next heartbeat, so say it as often as you like."""
        self._percent = min(max(int(percent), 0), 100)

    def canceled(self):
        """True when the work is in vain: the user canceled, the lease was lost, or the worker drains. Return then; what you
        return is not counted any more."""
        return self._ended.is_set()


def bridge(process_job):
    """Run an existing process_job(message), plain or async, unchanged.

    It gets the whole message and posts its own callbacks to message["callback_url"], with its X-Callback-Secret, as it always
    did; that URL names the lease, so callbacks of a worker that lost it are refused. Meanwhile the lease is renewed. Pictures
    it did not report when it returns or raises go back to the queue, which counts an attempt.

    >>> Worker(endpoints, token, slots=8).run(bridge(process_job))     # slots: pictures in one message
    """
    def run(message):
        result = process_job(message)
        if inspect.isawaitable(result):
            async def finish():
                return await result
            asyncio.run(finish())
    run.whole_lease = True
    return run


class _Lease:
    """One grant being worked on.

    Each picture leaves `working` once, taken by its function's end, a cancel, the drain or the lease's loss; only who took it
    may speak for it. So nothing is both reported and given back.
    """

    def __init__(self, worker, message):
        self._worker, self._nodes, self.message = worker, worker.nodes, message
        self._path = "/queue/leases/" + urllib.parse.quote(message["lease_id"], safe="")
        self._every = max(message.get("ttl_s") or 10, 1) / 3
        self._lock = threading.Lock()
        self.working = {i["idx"]: Context(self._nodes, message, i) for i in message["items"]}
        self._unsent = 0
        self._told = {}
        self.over = threading.Event()

    def keep(self):
        """Renew until it is over: at once, since a fresh grant is short until its worker shows that it lives."""
        while not self.over.is_set():
            self._beat()
            self.over.wait(self._every)

    def _beat(self):
        with self._lock:
            progress = [{"idx": i, "percent": c._percent} for i, c in sorted(self.working.items())
                        if c._percent != self._told.get(i, 0)]
        try:
            answer = self._nodes.call(self._path + "/heartbeat", {"progress": progress}, self._every, PROMPT_S, self.over)
        except Refused as refused:
            if self.over.is_set():
                return
            if refused.code == "LEASE_LOST":
                self.lose()
            else:
                log.warning("lease %s: heartbeat: %s", self.message["lease_id"], refused)
        except Unreachable as error:
            # The work goes on: a new leader grants every lease a full lifetime, and the fence refuses what came too late.
            if not self.over.is_set():
                log.warning("lease %s: heartbeat: %s", self.message["lease_id"], error)
        else:
            for p in progress:
                self._told[p["idx"]] = p["percent"]
            for idx in (answer or {}).get("cancel") or []:
                context = self._take(idx)
                if context:
                    log.info("job %s: picture %d canceled", context.job_id, idx)
                    context._ended.set()
                    self._settle()

    def finish(self, idx, result):
        """Report how a picture ended, until that is acknowledged or the lease is lost."""
        with self._lock:
            if self.working.pop(idx, None) is None:
                return
            self._unsent += 1
        try:
            if "after" in result:
                self._release([idx], result["reason"], result["after"])
                return
            self._nodes.call(self._path + "/results", {"results": [dict(result, idx=idx)]}, None, PROMPT_S, self._worker.gone)
            log.info("job %s: picture %d %s", self.message["job_id"], idx, result["status"])
        except Refused as refused:
            if refused.code == "LEASE_LOST":
                self.lose()
            else:  # it will never be taken; give the picture back instead of letting it wait for the lease to run out
                log.error("job %s: picture %d: result refused: %s", self.message["job_id"], idx, refused)
                self._release([idx], "result refused: " + refused.code)
        except Unreachable as error:
            log.error("job %s: picture %d: result not delivered: %s", self.message["job_id"], idx, error)
        finally:
            with self._lock:
                self._unsent -= 1
            self._settle()

    def give_back(self, reason):
        """Release what is still being worked on. The release comes first: a function that does not look at canceled() must
        not delay it."""
        contexts = self._take_all()
        if contexts:
            whole = len(contexts) == len(self.message["items"])
            self._release(None if whole else sorted(c.idx for c in contexts), reason)
        for context in contexts:
            context._ended.set()
        self._settle()

    def lose(self):
        """Drop everything: from now on nothing may be said under this lease."""
        contexts = self._take_all()
        if contexts:
            log.warning("job %s: lease %s is no longer ours", self.message["job_id"], self.message["lease_id"])
        for context in contexts:
            context._ended.set()
        self._settle()

    def _release(self, items, reason, delay=None):
        body = {"reason": reason}
        if items is not None:  # none named: all that the lease still holds
            body["items"] = items
        if delay is not None:
            body["delay_s"] = delay
        try:
            self._nodes.call(self._path + "/release", body, LAST_WORDS_S, PROMPT_S)
            log.info("job %s: pictures %s given back: %s", self.message["job_id"], items or "left", reason)
        except (Refused, Unreachable) as error:
            if getattr(error, "code", "") != "LEASE_LOST":
                log.error("job %s: release of %s: %s", self.message["job_id"], items, error)

    def _take(self, idx):
        with self._lock:
            return self.working.pop(idx, None)

    def _take_all(self):
        with self._lock:
            contexts = list(self.working.values())
            self.working.clear()
            return contexts

    def _settle(self):
        with self._lock:
            if not self.working and not self._unsent:
                self.over.set()


class Worker:
    """Takes pictures from the queue and hands them to a function, `slots` at a time.

    endpoints: the nodes, ["http://10.0.0.1:8080", ...]; give all of them.   token: the worker token, wrk_...
    worker_id: unique among workers (default: host and process).             presets: what it can do; empty means everything.
    wait_s: how long one poll may be parked, up to 60.                       ca: a PEM file, if the nodes speak https with it.
    grace_s: how long pictures in work may take to finish after SIGTERM; 0 gives them back at once.
    """

    def __init__(self, endpoints, token, worker_id=None, presets=(), slots=1, wait_s=30, grace_s=0.0, ca=None):
        self.nodes = Nodes(endpoints, token, ca)
        self.worker_id = worker_id or "%s-%d" % (socket.gethostname(), os.getpid())
        self.presets, self.slots, self.wait_s, self.grace_s = list(presets), max(int(slots), 1), wait_s, grace_s
        self.draining = threading.Event()  # asks for no more work
        self.gone = threading.Event()      # delivers nothing any more
        self._parked = Parked()
        self._bell, self._ring = os.pipe()
        self._changed = threading.Condition()
        self._busy = 0      # slots in use
        self._leases = []   # those not over

    def run(self, handler):
        """Work until stop(), SIGTERM or SIGINT, then drain and return. Raises Refused if the cluster does not take this worker
        at all, as with a wrong token."""
        previous = {}
        if threading.current_thread() is threading.main_thread():  # elsewhere signals cannot be caught; use stop()
            for number in (signal.SIGTERM, signal.SIGINT):
                previous[number] = signal.signal(number, lambda *_: self.stop())
        threading.Thread(target=self._listen, daemon=True).start()
        log.info("worker %s started: slots %d, presets %s", self.worker_id, self.slots, self.presets or "all")
        try:
            self._take_work(handler)
        finally:
            self.stop()
            self._drain()
            for number, action in previous.items():
                signal.signal(number, action)

    def stop(self):
        """Begin the drain. Safe from any thread and from a signal handler; run() returns soon after."""
        # Only a byte: a signal may interrupt this very thread while it holds the lock that anything more would need.
        os.write(self._ring, b".")

    def _listen(self):
        os.read(self._bell, 1)
        self.draining.set()
        self._parked.break_off()
        with self._changed:
            self._changed.notify_all()

    def _take_work(self, handler):
        whole = getattr(handler, "whole_lease", False)
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self.draining.is_set() or self._busy < (1 if whole else self.slots))
                free = self.slots if whole else self.slots - self._busy
            if self.draining.is_set():
                return
            message = self._poll(min(free, MOST_ITEMS))
            if message:
                self._start(message, handler, whole)

    def _poll(self, items):
        """One poll, until it is answered: every attempt carries the same poll_id, so a grant whose answer was lost comes again."""
        body = {"worker_id": self.worker_id, "presets": self.presets, "max_items": items, "wait_s": self.wait_s,
                "poll_id": uuid.uuid4().hex}
        try:
            return self.nodes.call("/queue/lease", body, None, self.wait_s + ATTEMPT_S, self.draining, self._parked)
        except Unreachable:  # only draining ends it
            self._sweep(body)
            return None

    def _sweep(self, body):
        """Collect the grant that may have been on its way when the poll was broken off, and give it back at once; else nobody
        works on it until the cluster notices that it was never confirmed."""
        try:
            message = self.nodes.call("/queue/lease", dict(body, wait_s=0), LAST_WORDS_S, PROMPT_S)
        except (Refused, Unreachable) as error:
            log.warning("the last poll's outcome is unknown: %s", error)
            return
        if message:
            _Lease(self, message).give_back("drain")

    def _start(self, message, handler, whole):
        lease = _Lease(self, message)
        contexts = list(lease.working.values())
        log.info("job %s: lease %s: %d pictures, attempt %s", message["job_id"], message["lease_id"], len(contexts),
                 message.get("attempt"))
        with self._changed:
            self._leases = [other for other in self._leases if not other.over.is_set()] + [lease]
            self._busy += 1 if whole else len(contexts)
        if whole:
            self._spawn(self._whole, lease, handler)
        else:
            for context in contexts:
                self._spawn(self._one, lease, handler, context)
        threading.Thread(target=lease.keep, daemon=True).start()

    def _spawn(self, target, *args):
        def slot():
            try:
                target(*args)
            finally:
                with self._changed:
                    self._busy -= 1
                    self._changed.notify_all()
        # A daemon: a stuck GPU call whose work was given back must not keep the process alive.
        threading.Thread(target=slot, daemon=True).start()

    def _one(self, lease, handler, context):
        try:
            made = handler(context) or {}
            result = {"status": "done", "output_key": made.get("output_key", context.item["output_key"])}
            preview = made.get("preview_key", context._preview_key)
            if preview:
                result["preview_key"] = preview
        except BadInput as error:
            result = _failed(error, retryable=False)
        except Retry as error:
            result = _failed(error, retryable=True)
            if error.after is not None:
                result = {"after": error.after, "reason": "retry: " + _clip(error)}
        except Exception as error:  # the machine's fault until somebody says BadInput
            log.exception("job %s: picture %d failed", context.job_id, context.idx)
            result = _failed(error, retryable=True)
        lease.finish(context.idx, result)

    def _whole(self, lease, handler):
        try:
            handler(copy.deepcopy(lease.message))
            reason = "not reported"
        except Exception as error:
            log.exception("job %s: process_job failed", lease.message["job_id"])
            reason = "failed: " + _clip(error)
        lease.give_back(reason)  # what its callbacks made final is no longer there to be given back

    def _drain(self):
        self.draining.set()
        log.info("worker %s drains", self.worker_id)
        with self._changed:
            self._changed.wait_for(lambda: self._busy == 0, self.grace_s)
            leases = list(self._leases)
        deadline = time.monotonic() + LAST_WORDS_S

        def left():
            return max(deadline - time.monotonic(), 0)

        # At the same time: one lease that cannot be delivered must not cost the others theirs.
        givers = [threading.Thread(target=lease.give_back, args=("drain",), daemon=True) for lease in leases]
        for giver in givers:
            giver.start()
        for giver in givers:
            giver.join(left())
        for lease in leases:  # results on their way
            lease.over.wait(left())
        with self._changed:  # a function that looks at canceled() returns now; a stuck one is left behind
            self._changed.wait_for(lambda: self._busy == 0, left())
        self.gone.set()
        log.info("worker %s stopped", self.worker_id)


def _failed(error, retryable):
    return {"status": "failed", "error": _clip(error), "retryable": retryable}


def _clip(error):
    return (str(error) or type(error).__name__)[:400]


def main(argv=None):
    parser = argparse.ArgumentParser(description="Run a Stoker worker around a Python function.")
    parser.add_argument("--endpoints", required=True, help="the nodes, separated by commas")
    parser.add_argument("--token", default=os.environ.get("STOKER_WORKER_TOKEN"),
                        help="the worker token; better in STOKER_WORKER_TOKEN, where other users of the machine do not see it")
    parser.add_argument("--handler", required=True, metavar="MODULE:FUNCTION", help="called with a Context for each picture")
    parser.add_argument("--bridge", action="store_true", help="the function is a process_job(message)")
    parser.add_argument("--worker-id")
    parser.add_argument("--presets", default="", help="separated by commas; none means every preset")
    parser.add_argument("--slots", type=int, default=1, help="pictures at once")
    parser.add_argument("--grace", type=float, default=0.0, help="seconds for pictures in work to finish after SIGTERM")
    parser.add_argument("--ca", help="a PEM file, if the nodes speak https with it")
    args = parser.parse_args(argv)
    if not args.token:
        parser.error("--token or STOKER_WORKER_TOKEN is needed")
    module, _, function = args.handler.partition(":")
    if not function:
        parser.error("--handler: want module:function")
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    sys.path.insert(0, os.getcwd())
    handler = getattr(importlib.import_module(module), function)
    presets = [p for p in args.presets.split(",") if p]
    worker = Worker(args.endpoints.split(","), args.token, args.worker_id, presets, args.slots, grace_s=args.grace, ca=args.ca)
    try:
        worker.run(bridge(handler) if args.bridge else handler)
    except Refused as refused:
        sys.exit("the cluster does not take this worker: %s" % refused)


if __name__ == "__main__":
    # A handler that imports stoker_worker must meet these classes, not a second copy whose BadInput nobody catches.
    sys.modules["stoker_worker"] = sys.modules["__main__"]
    main()
