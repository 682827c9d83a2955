#!/usr/bin/env python3
"""A GPU worker for Stoker in one file: Python 3.9 or later, standard library only.

Write a module with a function that makes one picture, and let the worker do the rest:

    from stoker_worker import BadInput
    model = None

    def load():                                   # once in each GPU process, before it gets work
        global model
        model = my_model.load("weights.bin")

    def paint(ctx):
        picture = ctx.download()                  # the input, as bytes
        if not picture.startswith(b"\\xff\\xd8"):
            raise BadInput("not a JPEG")          # final; the user is refunded
        ctx.progress(50)
        ctx.upload_output(model(picture, ctx.concepts, ctx.protect))

    python3 stoker_worker.py --endpoints http://10.0.0.1:8080 --handler mymodule:paint --setup mymodule:load

or in Python: Worker(["http://10.0.0.1:8080"], token="wrk_...", setup="mymodule:load").run("mymodule:paint")
A worker that already has a process_job(message) runs unchanged through bridge(process_job), or --bridge.

Three kinds of processes
  * The supervisor is where you call run(). It gives pictures to GPU processes, knows how long each may take, and kills and
    replaces a GPU process that is stuck, out of memory, dead, or busy with what nobody wants any more.
  * The control process speaks with the cluster: it polls, renews leases, hears cancels, delivers results. No CUDA call and no
    GIL that your code holds can keep it from a heartbeat. It renews a lease only for as long as the supervisor vouches for it.
  * A GPU process for each slot runs your function, in its main thread. Each loads its own model: give one slot to a GPU unless
    several fit. They are spawned, never forked, so CUDA works in them; nothing of the GPU is touched in the other two.
    Your function must be importable for that ("module:function", or a function at the top of a module). One that is not, such
    as a lambda, runs in threads instead, with a warning: nothing can kill a thread.

How it behaves
  * It asks for work by a long poll with a poll_id. When a node dies in the middle, the same poll goes to the next node and gets
    the same work; nothing is handed out twice. It asks for as many pictures as there are GPU processes that are ready.
  * One parked request renews all leases and carries progress in and cancels out. A canceled picture has cancel_s to return;
    then its process is killed. An older cluster gets a heartbeat for each lease instead.
  * Time: a lease may take its exec_budget_s (and load_budget_s where the model may not be warm). A picture that gave no sign
    of life (any call of ctx) for stall_s is stuck. Then the heartbeat stops, the process is killed, and the picture is reported
    with cause "timeout". stall_s is 10 minutes where the cluster names no budget, else none unless you give one.
  * Memory: MemoryError, OutOfMemory, any OutOfMemoryError of torch or cupy, and a process that was killed from outside or exited
    with 137 are cause "oom"; the process is replaced.
  * Results are written to a spool on disk before they are sent, and sent until they are acknowledged or the lease is lost. What
    was not sent when the worker died is sent when it starts again. The cluster counts each once.
  * On SIGTERM or SIGINT it stops asking, lets pictures finish for grace_s, gives the rest back as "drain", which burns no
    attempt, and returns. The cluster's directive drain does the same, and the worker stays until it is told to run again;
    directive exit makes run() return.
  * Whatever your function raises means "try again while attempts are left", but for BadInput, which is final.
"""
from __future__ import annotations

import argparse
import asyncio
import atexit
import contextlib
import email.utils
import hashlib
import http.client
import importlib
import inspect
import json
import logging
import math
import multiprocessing
import multiprocessing.connection
import os
import pickle
import queue
import random
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import types
import urllib.parse
import uuid

try:
    import fcntl
except ImportError:  # not Unix: two workers with one worker_id must be kept apart by hand
    fcntl = None

log = logging.getLogger("stoker")

ATTEMPT_S = 15.0     # how long one node may take to answer before another is asked
PROMPT_S = 5.0       # the same for a lease's calls: one hung node must not cost a lease
PATIENCE_S = 60.0    # how long pictures are sent and fetched before that counts as failed
LAST_WORDS_S = 10.0  # how long a draining worker tries to deliver what it owes
MOST_ITEMS = 64      # the largest max_items and results of the contract
START_S = 900.0      # how long a GPU process may take to import, to be found fit and to load
STARTS = 3           # so many starts that fail in a row end the worker
STALL_S = 600.0      # without a sign of life a picture is stuck, where the cluster names no budget
EAR_S = 20.0         # the longest that a control request is parked; a lease's life may shorten it
PAUSE_S = 0.5        # between two reports of progress, and after a control that had nothing new
DRAINED_S = 2.0      # how often a drained worker asks whether it may run again
OLD_S = 300.0        # a cluster without sessions or control is not asked for them again for so long: it may be upgrading
SPOOL_LIFE_S = 86400.0  # a result older than this has no lease any more
LINE = "%(asctime)s %(levelname)s %(message)s"


class BadInput(Exception):
    """Raise it when the picture itself is at fault: it fails now and for good, and the user is refunded."""


class Retry(Exception):
    """Raise it when another attempt may do better. With after (seconds) the picture goes back to the queue for that long."""

    def __init__(self, message="try again", after=None):
        super().__init__(message)
        self.after = after


class OutOfMemory(Exception):
    """Raise it when memory ran out. The picture is tried again, alone; this GPU process is replaced by a fresh one.
    MemoryError and the OutOfMemoryError of torch and cupy mean the same and need not be caught."""


class ModelMissing(Exception):
    """Raise it when this machine does not have what the preset needs. Another worker gets the picture."""


class Unfit(Exception):
    """This machine cannot work: the fitness check failed, or the GPU process does not start. Raised by Worker.run."""


class Refused(Exception):
    """The cluster said no. code is the contract's ("LEASE_LOST"), status the HTTP status."""

    def __init__(self, status, code, message, retry_after=0.0):
        super().__init__("%s: %s (HTTP %d)" % (code, message, status))
        self.status, self.code, self.message, self.retry_after = status, code, message, retry_after


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

    def call(self, path, body, patience, attempt=ATTEMPT_S, stop=None, parked=None, trace=None):
        """POST body as JSON and return the answer's data, None for 204. Raises Refused or Unreachable.

        patience is in seconds, None for as long as it takes. stop (an Event) ends it; parked (a Parked) lets another thread
        break off the attempt that is under way. trace (a traceparent) says which trace the call is part of.
        """
        text = json.dumps(body).encode()
        headers = {
            "Authorization": "Bearer " + self._token,
            "Content-Type": "application/json",
            "X-Request-Id": "w-" + uuid.uuid4().hex,
        }
        if trace:
            headers["traceparent"] = trace

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
                if stop is not None and stop.is_set():
                    break  # broken off by ourselves, which is not the node's fault
                self._leave(node)
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

    def __init__(self, nodes, message, item, tell, ended):
        self._nodes, self._tell, self._ended = nodes, tell, ended
        self._percent, self._signed, self._waited = 0, 0.0, 0.0
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
        with self._elsewhere():
            return self._nodes.get(self.item["input_url"], path)

    def upload_output(self, body, kind="image/png"):
        """Put the result: bytes, or the path of a file, which is streamed."""
        with self._elsewhere():
            self._nodes.put(self.item["output_url"], body, kind)

    def upload_preview(self, body, kind="image/jpeg"):
        """Put the preview: bytes, or the path of a file."""
        with self._elsewhere():
            self._nodes.put(self.item["preview_url"], body, kind)
        self._preview_key = self.item["preview_key"]

    def progress(self, percent):
        """Say how far it is, 0 to 100: a sign of life, and what the user sees. Say it as often as you like."""
        percent = min(max(int(percent), 0), 100)
        if percent != self._percent:
            self._percent = percent
            self._tell("percent", percent)
        self._sign()

    def canceled(self):
        """True when the work is in vain: the user canceled, the lease was lost, or the worker drains. Return soon then, and the
        process with its warm model lives on; what you return is not counted any more."""
        self._sign()
        return self._ended.is_set()

    def loaded(self, *presets):
        """Say which presets' models are warm in this process, all of them, whenever that changes. Unless told, the worker takes
        a preset for warm once a picture of it was made here."""
        self._tell("loaded", [str(p) for p in presets])

    def _sign(self):
        now = time.monotonic()
        if now - self._signed > 0.25:
            self._signed = now
            self._tell("alive")

    @contextlib.contextmanager
    def _elsewhere(self):
        """Time on the network is no time on the GPU."""
        self._sign()
        began = time.monotonic()
        try:
            yield
        finally:
            self._waited += time.monotonic() - began
            self._sign()


def bridge(process_job):
    """Run an existing process_job(message), plain or async, unchanged; a function, or "module:function".

    It gets the whole message and posts its own callbacks to message["callback_url"], with its X-Callback-Secret, as it always
    did; that URL names the lease, so callbacks of a worker that lost it are refused. Meanwhile the lease is renewed. Pictures
    it did not report when it returns or raises go back to the queue, which counts an attempt.

    >>> Worker(endpoints, token, slots=8).run(bridge("mymodule:process_job"))     # slots: pictures in one message
    """
    return _Bridge(process_job)


class _Bridge:
    """A process_job that can be sent to another process."""

    whole_lease = True

    def __init__(self, process_job):
        self.process_job = process_job

    def resolve(self):
        self.process_job = _resolve(self.process_job)
        return self

    def __call__(self, message):
        result = self.process_job(message)
        if inspect.isawaitable(result):
            async def finish():
                return await result
            asyncio.run(finish())


def _resolve(function):
    """What "module:function" names; a function is itself."""
    if isinstance(function, _Bridge):
        return function.resolve()
    if not isinstance(function, str):
        return function
    module, _, name = function.partition(":")
    if not name:
        raise ValueError("%r: want module:function" % function)
    return getattr(importlib.import_module(module), name)


# ---- processes -------------------------------------------------------------------------------------------------------------

_SPAWN = multiprocessing.get_context("spawn")
_MAIN = threading.Lock()


@contextlib.contextmanager
def _starting(needs_main):
    """Start a process within. A spawned process runs the program's main file anew, which may load a model at its top; only one
    whose function lives there may do that."""
    with _MAIN:
        main = sys.modules["__main__"]
        if not needs_main:
            sys.modules["__main__"] = types.ModuleType("__main__")
        try:
            yield
        finally:
            sys.modules["__main__"] = main


def _settle_in(parent, own_group):
    """Begin as a child process: signals are for the supervisor, whose end is ours."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)  # not SIG_IGN, which programs started from here would inherit
    if own_group:
        with contextlib.suppress(OSError, AttributeError):
            os.setpgid(0, 0)  # so that what it starts is killed with it
    with contextlib.suppress(ImportError, OSError, AttributeError, ValueError):
        import ctypes
        ctypes.CDLL(None, use_errno=True).prctl(1, signal.SIGKILL, 0, 0, 0)  # Linux: PR_SET_PDEATHSIG
    if os.getppid() != parent:
        os._exit(0)


class _Port:
    """One end of a pipe that several threads may send on."""

    def __init__(self, connection):
        self._connection, self._lock = connection, threading.Lock()

    def send(self, *message):
        """False if nobody listens any more, of which the reader hears as well."""
        try:
            with self._lock:
                self._connection.send(message)
            return True
        except (OSError, ValueError):
            return False

    def close(self):
        with self._lock:
            self._connection.close()


# ---- the GPU process -------------------------------------------------------------------------------------------------------

def _gpu_process(connection, spec, isolated):
    """Work off what the supervisor sends: ("work", key, message, item), ("cancel", key), ("stop",).

    It says ("ready", presets) or ("unfit", text) or ("broken", text), then for each piece of work ("began", key), any number of
    ("alive", key), ("percent", key, n), ("loaded", key, presets), and ("ended", key, outcome).
    """
    if isolated:
        _settle_in(spec["parent"], own_group=True)
        if spec["level"] is not None:
            logging.basicConfig(level=spec["level"], format=spec["format"])
    port = _Port(connection)
    handler = _make_ready(port, spec)
    if handler:
        _work_off(port, connection, handler, Nodes(spec["endpoints"], "", spec["ca"]), isolated)
    elif not isolated:
        port.close()


def _make_ready(port, spec):
    what = "it cannot be imported"
    try:
        functions = pickle.loads(spec["functions"]) if isinstance(spec["functions"], bytes) else spec["functions"]
        handler, fitness, setup = [_resolve(function) for function in functions]
        if fitness:
            what = "fitness"
            verdict = fitness()
            if verdict is False or (isinstance(verdict, str) and verdict):
                port.send("unfit", verdict or "the fitness check said no")
                return None
        what = "setup failed"
        presets = setup() if setup else None
    except Exception as error:
        port.send("unfit" if what == "fitness" else "broken",
                  _clip(error) if what == "fitness" else "%s: %s" % (what, _clip("%s: %s" % (type(error).__name__, error))),
                  traceback.format_exc())
        return None
    port.send("ready", list(presets) if isinstance(presets, (list, tuple, set)) else [])
    return handler


def _work_off(port, connection, handler, nodes, isolated):
    work, ended = queue.SimpleQueue(), {}

    def listen():
        with contextlib.suppress(EOFError, OSError):
            while True:
                verb, *rest = connection.recv()
                if verb == "work":
                    ended[rest[0]] = threading.Event()
                    work.put(rest)
                elif verb == "cancel" and rest[0] in ended:
                    ended[rest[0]].set()
                elif verb == "stop":
                    work.put(None)
        if isolated:
            os._exit(0)  # the supervisor is gone
        port.close()  # only here: the number of a closed pipe that is still read may be another one's the next moment
        for event in list(ended.values()):
            event.set()
        work.put(None)

    threading.Thread(target=listen, daemon=True).start()
    while True:
        task = work.get()
        if task is None:
            return
        key, message, item = task
        outcome = _work(port, handler, nodes, key, message, item, ended[key])
        del ended[key]
        if not port.send("ended", key, outcome) or outcome.get("spoiled"):
            return


def _work(port, handler, nodes, key, message, item, ended):
    """Run the function once. The outcome is {"result"} for a picture that ended, {"reason", "after"} for work to be given back."""
    port.send("began", key)
    began, context, outcome = time.monotonic(), None, {}
    try:
        if item is None:
            handler(message)
            outcome = {"reason": "not reported"}  # what its callbacks made final is no longer there to be given back
        else:
            context = Context(nodes, message, item, lambda verb, *rest: port.send(verb, key, *rest), ended)
            made = handler(context)
            made = made if isinstance(made, dict) else {}
            result = {"status": "done", "output_key": made.get("output_key", item["output_key"])}
            preview = made.get("preview_key", context._preview_key)
            if preview:
                result["preview_key"] = preview
            if "gpu_ms" in made:
                result["gpu_ms"] = int(made["gpu_ms"])
            outcome = {"result": result}
    except Exception as error:
        outcome = _outcome_of(error, whole=item is None)
    if "result" in outcome:
        on_gpu = time.monotonic() - began - (context._waited if context else 0)
        outcome["result"].setdefault("gpu_ms", max(int(on_gpu * 1000), 0))
    return outcome


def _outcome_of(error, whole):
    if isinstance(error, Retry) and error.after is not None:
        return {"reason": "retry: " + _clip(error), "after": error.after}
    cause, spoiled = _cause(error)
    outcome = {"spoiled": spoiled}
    if cause == "transient" and not isinstance(error, Retry):
        outcome["trace"] = traceback.format_exc()  # a defect until somebody says otherwise
    if whole:
        outcome["reason"] = cause if cause in ("oom", "model_missing") else "failed: " + _clip(error)
    else:
        outcome["result"] = _failed(cause, error)
    return outcome


def _cause(error):
    """The contract's cause, and whether the process is spoiled by it."""
    if isinstance(error, BadInput):
        return "bad_input", False
    if isinstance(error, ModelMissing):
        return "model_missing", False
    if isinstance(error, Retry):
        return "transient", False
    link = error
    while link is not None:
        names, text = {c.__name__ for c in type(link).__mro__}, str(link)
        if names & {"MemoryError", "OutOfMemory", "OutOfMemoryError", "ResourceExhaustedError"} or re.search(
                r"CUDA(?: error:)? out of memory|CUDA_ERROR_OUT_OF_MEMORY|CUBLAS_STATUS_ALLOC_FAILED|RESOURCE_EXHAUSTED", text):
            return "oom", True
        if "CUDA error" in text:  # an illegal access or an assert: every later call in this process fails too
            return "transient", True
        link = link.__cause__
    return "transient", False


def _failed(cause, error):
    return {"status": "failed", "error": _clip(error), "retryable": cause != "bad_input", "cause": cause}


def _clip(error):
    return (str(error) or type(error).__name__)[:400]


# ---- the spool -------------------------------------------------------------------------------------------------------------

class _Spool:
    """Results that are not acknowledged yet, one file each, synced with its folder: it outlives the process and a power cut.

    A directory belongs to one running worker, by a lock that ends with its process. Another worker of the same cluster takes over
    the files of one that is gone. The name carries a digest of the token: leases of another cluster may have the same ids.
    """

    def __init__(self, root, token, worker_id):
        user = os.getuid() if hasattr(os, "getuid") else 0
        self._root = root or os.path.join(tempfile.gettempdir(), "stoker-worker-%d" % user)
        self._cluster = hashlib.sha256(token.encode()).hexdigest()[:12] + "-"
        self._made, self._lock, self._folder = 0, None, None
        name = self._cluster + re.sub(r"[^A-Za-z0-9._-]", "_", worker_id)[:80]
        try:
            os.makedirs(self._root, mode=0o700, exist_ok=True)
            if not root and os.stat(self._root).st_uid != user:
                raise OSError("it belongs to somebody else")
            for folder in (name, "%s-%d" % (name, os.getpid())):  # the second if another worker has our name
                self._lock = self._seize(folder)
                if self._lock:
                    self._folder = os.path.join(self._root, folder)
                    return
            raise OSError("it is in use")
        except OSError as error:
            log.warning("results are kept in memory only, since %s cannot be used: %s", self._root, error)

    def put(self, lease_id, job_id, result):
        """Keep a result and return (name, record), to be sent; the name is None if it could not be written."""
        record = {"lease_id": lease_id, "job_id": job_id, "at": time.time(), "result": result}
        self._made += 1
        if self._folder is None:
            return "#%d" % self._made, record
        path = os.path.join(self._folder, "%d-%d.json" % (time.time_ns(), self._made))
        try:
            with open(path + ".new", "w") as out:
                json.dump(record, out)
                out.flush()
                os.fsync(out.fileno())
            os.replace(path + ".new", path)
            _sync_folder(self._folder)
        except OSError as error:
            log.error("a result is kept in memory only: %s", error)
        return path, record

    def leftovers(self):
        """{path: record} of what workers that are gone did not deliver, ourselves included; the files are ours now."""
        found = {}
        if self._folder is None:
            return found
        for folder in sorted(os.listdir(self._root)):
            if not folder.startswith(self._cluster):
                continue
            theirs = os.path.join(self._root, folder)
            mine = theirs == self._folder
            lock = self._lock if mine else self._seize(folder)
            if not lock:
                continue  # its worker lives
            try:
                for name in sorted(os.listdir(theirs)):
                    self._take(theirs, name, found)
                if not mine:
                    shutil.rmtree(theirs, ignore_errors=True)
            finally:
                if not mine:
                    lock.close()
        return found

    def close(self):
        if self._lock:
            self._lock.close()

    def _take(self, folder, name, found):
        path = os.path.join(folder, name)
        if not name.endswith(".json"):
            if name.endswith(".new"):
                _unlink(path)  # cut off while it was written
            return
        try:
            with open(path) as source:
                record = json.load(source)
            if not 0 <= time.time() - record["at"] < SPOOL_LIFE_S or not isinstance(record["result"]["idx"], int):
                raise ValueError("too old")
            str(record["lease_id"]), str(record["job_id"])
        except (OSError, ValueError, KeyError, TypeError):
            _unlink(path)
            return
        if folder != self._folder:
            target = os.path.join(self._folder, name)
            os.replace(path, target)
            path = target
        found[path] = record

    def _seize(self, folder):
        """The open lock file of a folder, None if a living process has it."""
        path = os.path.join(self._root, folder)
        os.makedirs(path, mode=0o700, exist_ok=True)
        lock = open(os.path.join(path, "lock"), "a")
        try:
            if fcntl:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return lock
        except OSError:
            lock.close()
            return None


def _sync_folder(path):
    """Make the names in a folder durable; there is no such thing on Windows."""
    if os.name != "posix":
        return
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _unlink(path):
    with contextlib.suppress(OSError):
        os.unlink(path)


# ---- the control process ---------------------------------------------------------------------------------------------------

def _control_process(connection, spec):
    _settle_in(spec["parent"], own_group=False)
    control = _Control(connection, spec)
    log.setLevel(spec["level"])
    log.propagate = False
    log.addHandler(_Forward(control.port))
    control.run()


class _Forward(logging.Handler):
    """Log lines are the supervisor's to write."""

    def __init__(self, port):
        super().__init__()
        self._port = port

    def emit(self, record):
        self._port.send("log", record.levelno, self.format(record))


class _Held:
    """A lease as the control process sees it. `until` is how long the supervisor vouches for it: not renewed beyond that."""

    def __init__(self, message):
        self.id, self.job, self.ttl = message["lease_id"], message["job_id"], max(message.get("ttl_s") or 10, 1)
        self.items = {i["idx"] for i in message["items"]}
        budget = (message.get("load_budget_s") or 0) + message["exec_budget_s"] if message.get("exec_budget_s") else START_S
        self.until = time.monotonic() + budget
        self.trace = message.get("traceparent")  # of the job's trace, where one is recorded
        self.over = False      # nothing of it is in work any more
        self.owed = 0          # results and releases on their way
        self.percent, self.told, self.dropped = {}, {}, set()

    def renewable(self):
        return self.owed > 0 or (not self.over and time.monotonic() < self.until)

    def news(self):
        return [{"idx": i, "percent": p} for i, p in sorted(self.percent.items()) if self.told.get(i) != p]

    def path(self, verb):
        return _lease_path(self.id, verb)


def _lease_path(lease_id, verb):
    return "/queue/leases/" + urllib.parse.quote(str(lease_id), safe="") + "/" + verb


class _Control:
    """All that is said to the cluster and heard from it.

    From the supervisor: ("free", n, presets, grants seen), ("until", lease, seconds), ("quiet", lease), ("percent", lease, idx, n),
    ("deliver", name, record), ("release", lease, items, reason, delay), ("over", lease), ("drain",), ("quit",).
    To it: ("grant", message), ("cancel", lease, idxs), ("lost", lease), ("directive", word), ("sent", name), ("log", level, text),
    ("refused", status, code, text), and ("parted",) when no grant will come any more.
    """

    def __init__(self, connection, spec):
        self._connection, self.port, self._spec = connection, _Port(connection), spec
        self._nodes = Nodes(spec["endpoints"], spec["token"], spec["ca"])
        self._changed = threading.Condition(threading.RLock())
        self._free, self._loaded, self._granted = 0, [], 0
        self._held = {}                        # leases by id
        self._unsent = {}                      # (name, record) by lease
        self._busy = 0                         # threads that deliver or release
        self._session, self._no_session, self._no_control = None, 0.0, 0.0
        self._directive, self._ttl, self._wait_s, self._skipped = "run", None, spec["wait_s"], None
        self._draining, self._parked = threading.Event(), Parked()
        self._gone = threading.Event()
        self._fresh, self._ear = False, None   # a lease that the parked control does not name; what breaks that off

    def run(self):
        for message in self._spec["hold"]:
            self._held[message["lease_id"]] = _Held(message)
        for name, record in self._spec["leftovers"].items():
            self._deliver(name, record)
        for target in (self._take_work, self._listen, self._tell):
            threading.Thread(target=target, daemon=True).start()
        try:
            while True:
                verb, *rest = self._connection.recv()
                if verb == "quit":
                    break
                getattr(self, "_on_" + verb)(*rest)
        except (EOFError, OSError):
            os._exit(0)  # the supervisor is gone, and nobody vouches for anything any more; the spool keeps what was not sent
        self._on_drain()
        with self._changed:
            self._changed.wait_for(lambda: not self._busy, self._spec["last_words"])
            self._gone.set()
            self._hurry()

    # What the supervisor says.

    def _on_free(self, free, loaded, seen):
        with self._changed:
            if seen == self._granted:  # else it was said before a grant reached the supervisor
                self._free, self._loaded = free, loaded
                self._changed.notify_all()

    def _on_until(self, lease_id, seconds):
        with self._changed:
            if lease_id in self._held:
                self._held[lease_id].until = time.monotonic() + seconds
                self._changed.notify_all()

    def _on_quiet(self, lease_id):
        self._on_until(lease_id, 0.0)

    def _on_percent(self, lease_id, idx, percent):
        with self._changed:
            if lease_id in self._held:
                self._held[lease_id].percent[idx] = percent
                self._changed.notify_all()

    def _on_over(self, lease_id):
        with self._changed:
            if lease_id in self._held:
                self._held[lease_id].over = True
                self._let_go(lease_id)

    def _on_deliver(self, name, record):
        self._deliver(name, record)

    def _on_release(self, lease_id, items, reason, delay):
        with self._changed:
            self._owe(lease_id, 1)
        threading.Thread(target=self._release, args=(lease_id, items, reason, delay), daemon=True).start()

    def _on_drain(self):
        self._draining.set()
        self._parked.break_off()
        with self._changed:
            self._changed.notify_all()

    # Asking for work.

    def _take_work(self):
        try:
            # Before the session: a new boot gives the old one's leases back, and then its results are nobody's any more.
            with self._changed:
                old = set(self._spec["leftovers"])
                self._changed.wait_for(lambda: self._draining.is_set() or not any(
                    name in old for unsent in self._unsent.values() for name, _ in unsent), PATIENCE_S)
            while self._may_ask():
                if self._directive == "drain":
                    self._ask_for_directive()
                elif self._begin_session():
                    self._poll()
        except Refused as refused:
            self.port.send("refused", refused.status, refused.code, refused.message)
        finally:
            self.port.send("parted")

    def _may_ask(self):
        """Wait until there is a GPU process without work; False when the worker goes. One that cannot deliver takes no more."""
        with self._changed:
            self._changed.wait_for(lambda: self._draining.is_set() or self._directive == "drain" or (
                self._free > 0 and self._directive == "run" and sum(map(len, self._unsent.values())) <= self._spec["slots"]))
            return not self._draining.is_set()

    def _begin_session(self):
        if self._session or time.monotonic() < self._no_session:
            return True
        spec = self._spec
        body = {"worker_id": spec["worker_id"], "boot_id": spec["boot_id"], "slots": spec["slots"], "presets": spec["presets"],
                "sdk": "python/3"}
        body.update({k: spec[k] for k in ("gpu", "vram_mb") if spec[k]})
        try:
            answer = self._nodes.call("/queue/session", body, None, ATTEMPT_S, self._draining, self._parked) or {}
        except Unreachable:
            return False  # only draining ends it
        except Refused as refused:
            if refused.status not in (404, 405):
                raise
            log.info("the cluster knows no sessions; working without")
            self._no_session = time.monotonic() + OLD_S
            return True
        with self._changed:
            self._session = answer.get("session_id")
            self._ttl = answer.get("lease_ttl_s") or self._ttl
            self._wait_s = min(spec["wait_s"], answer.get("poll_wait_s") or spec["wait_s"])
        return not self._obey(answer.get("directive"))

    def _poll(self):
        """One poll, until it is answered: every attempt carries the same poll_id, so a grant whose answer was lost comes again."""
        with self._changed:
            free = min(self._free, MOST_ITEMS)
            body = {"worker_id": self._spec["worker_id"], "presets": self._spec["presets"], "max_items": free,
                    "wait_s": self._wait_s, "poll_id": uuid.uuid4().hex, "loaded": self._loaded, "held": self._ids(),
                    "free_slots": free}
            if self._session:
                body["session_id"] = self._session
        began = time.monotonic()
        try:
            answer = self._nodes.call("/queue/lease", body, None, self._wait_s + ATTEMPT_S, self._draining, self._parked)
        except Unreachable:  # only draining ends it
            self._sweep(body)
            return
        except Refused as refused:
            if not self._session or refused.status not in (404, 409, 410):
                raise
            log.warning("the cluster does not know our session, opening another: %s", refused)
            self._session = None
            self._draining.wait(random.uniform(0, 2 * PAUSE_S))
            return
        if answer and answer.get("lease_id"):
            self._take(answer)
            return
        changed = self._hear(answer or {})
        if not changed and time.monotonic() - began < min(PAUSE_S, self._wait_s / 2):  # it was not parked at all
            self._draining.wait(random.uniform(PAUSE_S, 2 * PAUSE_S))

    def _take(self, message):
        with self._changed:
            self._free = 0 if self._spec["whole"] else self._free - len(message["items"])
            self._granted += 1
            self._held[message["lease_id"]] = _Held(message)
            self._skipped = None
            self._hurry()
            self.port.send("grant", message)
        self._hear(message)

    def _sweep(self, body):
        """Collect the grant that may have been on its way when the poll was broken off, and give it back at once; else nobody
        works on it until the cluster notices that it was never confirmed."""
        try:
            message = self._nodes.call("/queue/lease", dict(body, wait_s=0), self._spec["last_words"], PROMPT_S)
        except (Refused, Unreachable) as error:
            log.warning("the last poll's outcome is unknown: %s", error)
            return
        if message and message.get("lease_id"):
            with self._changed:
                self._owe(message["lease_id"], 1)
            self._release(message["lease_id"], None, "drain", None)

    def _ask_for_directive(self):
        self._draining.wait(DRAINED_S * random.uniform(0.75, 1.25))
        body = {"worker_id": self._spec["worker_id"], "leases": [], "wait_s": 0}
        if self._session:
            body["session_id"] = self._session
        try:
            answer = self._nodes.call("/queue/control", body, None, PROMPT_S, self._draining, self._parked)
            self._obey((answer or {}).get("directive"))
        except Refused as refused:
            if refused.status not in (404, 405, 409, 410):
                raise
            self._obey("run")  # the next poll tells
        except Unreachable:
            pass  # only draining ends it

    # Holding leases.

    def _listen(self):
        """Renew, and hear cancels: at once for a fresh lease, which is short until its worker shows that it lives."""
        while not self._gone.is_set():
            with self._changed:
                self._fresh = False
                held = [h for h in self._held.values() if h.renewable()]
                if not held:
                    self._changed.wait(1.0)
                    continue
                every = min([h.ttl for h in held] if self._ttl is None else [self._ttl]) / 3.0
                ear, broken = Parked(), threading.Event()
                self._ear = (ear, broken)
            began = time.monotonic()
            try:
                if began < self._no_control:
                    self._beat(held, every)
                    self._rest(began + every)
                elif not self._park(held, min(every, EAR_S), ear, broken):
                    self._rest(began + every if every < 1 else min(began + every, time.monotonic() + PAUSE_S))
            except Unreachable as error:
                # The work goes on: a new leader grants every lease a full lifetime, and the fence refuses what came too late.
                if not broken.is_set():
                    log.warning("control: %s", error)
                    self._rest(time.monotonic() + PAUSE_S)
            except Refused as refused:
                if refused.status in (404, 405):
                    log.info("the cluster has no control; heartbeats instead")
                    self._no_control = time.monotonic() + OLD_S
                else:
                    log.warning("control: %s", refused)
                    self._rest(time.monotonic() + PAUSE_S)

    def _park(self, held, every, ear, broken):
        """One parked control for all leases; True if it brought news."""
        wait = int(every)
        answer = self._nodes.call("/queue/control", self._ask(held, wait, progress=False), max(every, PROMPT_S) + wait,
                                  wait + PROMPT_S, broken, ear)
        return self._heed(answer or {})

    def _ask(self, held, wait, progress):
        with self._changed:
            body = {"worker_id": self._spec["worker_id"], "wait_s": wait, "leases": [{"lease_id": h.id} for h in held],
                    "told": [{"lease_id": h.id, "idx": sorted(h.dropped)} for h in held if h.dropped]}
            if progress:
                body["leases"] = [{"lease_id": h.id, "progress": h.news()} for h in held]
            if self._session:
                body["session_id"] = self._session
            return body

    def _heed(self, answer):
        news = False
        with self._changed:
            self._ttl = answer.get("ttl_s") or self._ttl
        for state in answer.get("leases") or []:
            news = self._drop(state["lease_id"], state.get("cancel")) or news
        return self._hear(answer) or news

    def _hear(self, answer):
        """What every answer may say: leases that were lost, a directive, why there is no work."""
        lost = [self._lose(lease_id) for lease_id in answer.get("lost") or []]
        skipped = answer.get("skipped") or None
        if skipped != self._skipped and skipped:
            log.info("no work for this worker: %s", ", ".join("%s: %s" % pair for pair in sorted(skipped.items())))
        self._skipped = skipped
        return self._obey(answer.get("directive")) or any(lost)

    def _obey(self, directive):
        with self._changed:
            if not directive or directive == self._directive:
                return False
            self._directive = directive
            self._changed.notify_all()
        log.info("the cluster's directive: %s", directive)
        self.port.send("directive", directive)
        return True

    def _drop(self, lease_id, idxs):
        with self._changed:
            held = self._held.get(lease_id)
            new = set(idxs or ()) - held.dropped if held else None
            if not new:
                return False
            held.dropped |= new
            partly = self._spec["whole"] and not held.over and held.items - held.dropped
        self.port.send("cancel", lease_id, sorted(new))
        if partly:
            threading.Thread(target=self._probe, args=(held, min(new)), daemon=True).start()
        return True

    def _probe(self, held, idx):
        """Part of a whole message is no longer ours. Its callbacks may have made the rest final, or the rest is still wanted: only
        the job's status tells, and that comes with the answer to a result, which for such an item is a duplicate."""
        result = {"idx": idx, "status": "failed", "error": "no longer wanted", "retryable": True}
        try:
            answer = self._nodes.call(held.path("results"), {"results": [result]}, PATIENCE_S, PROMPT_S, self._gone) or {}
        except (Refused, Unreachable) as error:
            if getattr(error, "code", "") == "LEASE_LOST":
                self._lose(held.id)
            return
        if answer.get("job_status") in ("canceled", "failed", "done"):
            self.port.send("cancel", held.id, sorted(held.items))

    def _lose(self, lease_id):
        """From now on nothing may be said under this lease."""
        with self._changed:
            held = self._held.pop(lease_id, None)
            for name, record in self._unsent.pop(lease_id, ()):
                log.warning("job %s: picture %d: the lease was lost, the result is dropped", record["job_id"],
                            record["result"]["idx"])
                self._forget(name)
            self._changed.notify_all()
        if not held or held.over:
            return False
        log.warning("job %s: lease %s is no longer ours", held.job, lease_id)
        self.port.send("lost", lease_id)
        return True

    def _tell(self):
        """Progress goes beside the parked control, no more than twice a second."""
        while not self._gone.is_set():
            with self._changed:
                held = [h for h in self._held.values() if h.renewable() and h.news()]
                if not held or time.monotonic() < self._no_control:
                    self._changed.wait(1.0)
                    continue
                body = self._ask(held, 0, progress=True)
            try:
                answer = self._nodes.call("/queue/control", body, PROMPT_S, PROMPT_S, self._gone)
                for h, beat in zip(held, body["leases"]):
                    h.told.update((p["idx"], p["percent"]) for p in beat["progress"])
                self._heed(answer or {})
            except (Refused, Unreachable) as error:
                if getattr(error, "status", 0) in (404, 405):
                    self._no_control = time.monotonic() + OLD_S
                else:
                    log.warning("progress not told: %s", error)
            self._gone.wait(PAUSE_S)

    def _beat(self, held, patience):
        """A heartbeat for each lease, for a cluster without control."""
        def one(h):
            progress = h.news()
            try:
                answer = self._nodes.call(h.path("heartbeat"), {"progress": progress}, patience, PROMPT_S, self._gone)
            except Refused as refused:
                if refused.code == "LEASE_LOST":
                    self._lose(h.id)
                elif h.renewable():
                    log.warning("lease %s: heartbeat: %s", h.id, refused)
            except Unreachable as error:
                if h.renewable():
                    log.warning("lease %s: heartbeat: %s", h.id, error)
            else:
                h.told.update((p["idx"], p["percent"]) for p in progress)
                self._drop(h.id, (answer or {}).get("cancel"))

        threads = [threading.Thread(target=one, args=(h,), daemon=True) for h in held]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _rest(self, until):
        with self._changed:
            self._changed.wait_for(lambda: self._gone.is_set() or self._fresh, max(until - time.monotonic(), 0.0))

    def _hurry(self):
        """Break the parked control off, since it does not name what is held now. The caller holds the lock."""
        self._fresh = True
        if self._ear:
            self._ear[1].set()
            self._ear[0].break_off()
        self._changed.notify_all()

    def _ids(self):
        return sorted(h.id for h in self._held.values() if not h.over)

    def _let_go(self, lease_id):
        held = self._held.get(lease_id)
        if held and held.over and not held.owed:
            del self._held[lease_id]
        self._changed.notify_all()

    def _owe(self, lease_id, n):
        """Count what is on its way for a lease. The caller holds the lock."""
        self._busy += n
        if lease_id in self._held:
            self._held[lease_id].owed += n
        self._let_go(lease_id)

    # Delivering.

    def _deliver(self, name, record):
        lease_id = record["lease_id"]
        with self._changed:
            begin = lease_id not in self._unsent
            self._unsent.setdefault(lease_id, []).append((name, record))
            if begin:
                self._owe(lease_id, 1)
                threading.Thread(target=self._send, args=(lease_id,), daemon=True).start()

    def _send(self, lease_id):
        """Report what is there for a lease, until it is acknowledged or the lease is lost."""
        most = MOST_ITEMS
        try:
            while True:
                with self._changed:
                    batch = self._unsent.get(lease_id, [])[:most]
                    if not batch:
                        self._unsent.pop(lease_id, None)
                        return
                body = {"results": [record["result"] for _, record in batch]}
                try:
                    self._nodes.call(_lease_path(lease_id, "results"), body, None, PROMPT_S, self._gone, trace=self._trace(lease_id))
                except Refused as refused:
                    if refused.code == "LEASE_LOST":
                        self._lose(lease_id)
                        return
                    if refused.status in (401, 403):  # about us, not about the result; the spool keeps it
                        self.port.send("refused", refused.status, refused.code, refused.message)
                        return
                    if len(batch) > 1:
                        most = 1  # find the one that is at fault
                        continue
                    # It will never be taken; give the picture back instead of letting it wait for the lease to run out.
                    record = batch[0][1]
                    log.error("job %s: picture %d: result refused: %s", record["job_id"], record["result"]["idx"], refused)
                    with self._changed:
                        self._owe(lease_id, 1)
                    self._release(lease_id, [record["result"]["idx"]], "result refused: " + refused.code, None)
                else:
                    for _, record in batch:
                        log.info("job %s: picture %d %s", record["job_id"], record["result"]["idx"],
                                 record["result"].get("cause") or record["result"]["status"])
                with self._changed:
                    for name, _ in batch:
                        self._forget(name)
                    self._unsent[lease_id] = self._unsent.get(lease_id, [])[len(batch):]
                    self._changed.notify_all()
        except Unreachable as error:
            log.error("results not delivered, the spool keeps them: %s", error)
        finally:
            with self._changed:
                self._owe(lease_id, -1)

    def _trace(self, lease_id):
        with self._changed:
            held = self._held.get(lease_id)
            return held.trace if held else None

    def _forget(self, name):
        if not name.startswith("#"):
            _unlink(name)
        self.port.send("sent", name)

    def _release(self, lease_id, items, reason, delay):
        body = {"reason": reason}
        if items is not None:  # none named: all that the lease still holds
            body["items"] = items
        if delay is not None:
            body["delay_s"] = min(max(math.ceil(delay), 0), 3600)  # whole seconds, and what the contract allows
        try:
            answer = self._nodes.call(_lease_path(lease_id, "release"), body, LAST_WORDS_S, PROMPT_S, trace=self._trace(lease_id)) or {}
            if answer.get("requeued"):
                log.info("lease %s: %d pictures given back: %s", lease_id, answer["requeued"], reason)
        except (Refused, Unreachable) as error:
            if getattr(error, "code", "") != "LEASE_LOST":
                log.error("lease %s: release of %s: %s", lease_id, items, error)
        finally:
            with self._changed:
                self._owe(lease_id, -1)


# ---- the supervisor --------------------------------------------------------------------------------------------------------

class _Lease:
    """A lease in work. Each picture leaves `working` once, taken by its function's end, a cancel, the clock, a death, the drain or
    the lease's loss; only who took it speaks for it. So nothing is both reported and given back."""

    def __init__(self, message):
        self.id, self.job, self.message = message["lease_id"], message["job_id"], message
        self.working = {i["idx"] for i in message["items"]}
        self.load, self.exec = message.get("load_budget_s") or 0, message.get("exec_budget_s") or 0
        self.deadline = time.monotonic() + (self.load + self.exec if self.exec else START_S + STALL_S)
        self.begun = False
        self.vouched = None


class _Task:
    """A call of the function: one picture, or with item None a whole message."""

    keys = 0

    def __init__(self, lease, item):
        _Task.keys += 1
        self.key, self.lease, self.item = _Task.keys, lease, item
        self.began, self.sign = None, time.monotonic()
        self.kill_at = None  # canceled, and this is when its process dies

    def idxs(self):
        return set(self.lease.working) if self.item is None else {self.item["idx"]} & self.lease.working


class _Slot:
    """A place for a GPU process; or for a thread, where the function cannot be sent to a process."""

    def __init__(self, spec):
        self.spec, self.failures, self.start_at = spec, 0, 0.0
        self.body = self.link = None
        self.ready, self.task, self.started = False, None, 0.0
        self.loaded, self.told = set(), False  # warm presets, and whether the function says itself which

    def start(self):
        self.link, theirs = _SPAWN.Pipe()
        self.ready, self.task, self.started = False, None, time.monotonic()
        self.loaded, self.told = set(), False
        isolated = self.spec["isolated"]
        if not isolated:
            self.body = threading.Thread(target=_gpu_process, args=(theirs, self.spec, False), daemon=True)
            self.body.start()
            return
        self.body = _SPAWN.Process(target=_gpu_process, args=(theirs, self.spec, True), name="stoker-gpu")
        with _starting(self.spec["needs_main"]):
            self.body.start()
        theirs.close()

    def alive(self):
        return self.body is not None and self.body.is_alive()

    def kill(self):
        """End it now, with all that it started. A thread is only left behind."""
        if self.spec["isolated"] and self.body.pid and self.body.is_alive():
            with contextlib.suppress(OSError, AttributeError):
                if os.getpgid(self.body.pid) == self.body.pid:
                    os.killpg(self.body.pid, signal.SIGKILL)
            with contextlib.suppress(OSError):
                self.body.kill()
            self.body.join(2)  # one that sits in the driver may take longer, and is left behind
        self.link.close()
        self.body = self.link = None
        self.ready, self.task, self.loaded = False, None, set()

    def say(self, *message):
        with contextlib.suppress(OSError, ValueError):
            self.link.send(message)


class _Supervisor:
    """One run of a worker: a loop over what the control process, the GPU processes and the clock say."""

    def __init__(self, worker, handler):
        self.w = worker
        self.whole = getattr(handler, "whole_lease", False)
        spec = _functions_spec(worker, handler)
        self.slots = [_Slot(spec) for _ in range(1 if self.whole else worker.slots)]
        self.spool = _Spool(worker.spool, worker.token, worker.worker_id)
        self.unsent = self.spool.leftovers()
        self.boot_id = uuid.uuid4().hex
        self.control = self.link = self.port = None
        self.leases, self.waiting = {}, []
        self.granted, self.said = 0, None
        self.failure = None                         # what run() raises in the end
        self.ever_ready = self.parted = False
        self.paused = False                         # by the cluster's directive
        self.give_back_at = None                    # the end of a drain's grace
        self.part_by = self.quit_by = None

    def run(self):
        atexit.register(self._abandon)
        self._start_control()
        try:
            while not self._finished():
                self._spawn()
                self._assign()
                self._say_free()
                self._hear()
                self._watch()
        finally:
            self._close()
        if self.failure:
            raise self.failure

    # The control process.

    def _start_control(self):
        w = self.w
        self.link, theirs = _SPAWN.Pipe()
        self.port = _Port(self.link)
        spec = {"parent": os.getpid(), "level": log.getEffectiveLevel(), "endpoints": w.endpoints, "token": w.token, "ca": w.ca,
                "worker_id": w.worker_id, "boot_id": self.boot_id, "slots": w.slots, "presets": w.presets, "wait_s": w.wait_s,
                "gpu": w.gpu, "vram_mb": w.vram_mb, "whole": self.whole, "last_words": LAST_WORDS_S, "leftovers": self.unsent,
                "hold": [lease.message for lease in self.leases.values()]}
        self.control = _SPAWN.Process(target=_control_process, args=(theirs, spec), name="stoker-control", daemon=True)
        with _starting(needs_main=False):
            self.control.start()
        theirs.close()
        self.granted, self.said, self.parted = 0, None, False
        for lease in self.leases.values():
            lease.vouched = None
        if self.w.draining.is_set():
            self.port.send("drain")

    def _control_died(self):
        code = self.control.exitcode
        self.link.close()
        if self.quit_by:
            self.parted = True
            return
        log.error("the control process died (%s), starting another", _death(code))
        self._start_control()

    # What is heard.

    def _hear(self):
        links = {slot.link: slot for slot in self.slots if slot.link}
        sources = list(links) + [self.w._bell]
        if not self.link.closed:
            sources.append(self.link)
        for source in multiprocessing.connection.wait(sources, self._patience()):
            if source == self.w._bell:
                os.read(self.w._bell, 64)
                self._drain()
            elif source is self.link:
                self._read(self.link, self._from_control)
            else:
                self._read(source, lambda *message: self._from_gpu(links[source], *message))
        # A process that forked may be dead though its pipe is open.
        for slot in self.slots:
            if slot.body and not slot.alive():
                self._gpu_died(slot)
        if not self.link.closed and not self.control.is_alive():
            self._read(self.link, self._from_control)
            self._control_died()

    def _read(self, link, take):
        """Take all that is there; a pipe that ended is noticed by its process's death."""
        try:
            while not link.closed and link.poll():
                verb, *rest = link.recv()
                take(verb, *rest)
        except (EOFError, OSError):
            for slot in self.slots:
                if slot.link is link and slot.body:
                    slot.body.join(1)  # it is about to die
                    if slot.alive():
                        slot.kill() if not slot.task else self._kill(slot, "transient", "the GPU process closed its pipe")
                    return
            if link is self.link:
                self.control.join(1)
                if self.control.is_alive():
                    self.control.kill()
                    self.control.join(1)

    def _patience(self):
        """Seconds until the clock must be looked at; twice a second anyway."""
        times = [slot.task.kill_at for slot in self.slots if slot.task and slot.task.kill_at]
        times += [slot.start_at for slot in self.slots if not slot.body and not self._leaving()]
        times += [t for t in (self.give_back_at, self.part_by, self.quit_by) if t]
        for slot in self.slots:
            if slot.task and not slot.task.kill_at:
                times.append(self._limit(slot.task)[0])
        return min(max(min(times) - time.monotonic(), 0.0) if times else 0.5, 0.5)

    def _from_control(self, verb, *rest):
        if verb == "log":
            log.log(*rest)
        elif verb == "grant":
            self._granted(*rest)
        elif verb == "cancel":
            self._cancel(rest[0], rest[1], "canceled")
        elif verb == "lost":
            if rest[0] in self.leases:
                self._cancel(rest[0], sorted(self.leases[rest[0]].working), "the lease is lost")
        elif verb == "sent":
            self.unsent.pop(rest[0], None)
        elif verb == "directive":
            self._directive(rest[0])
        elif verb == "refused":
            self._fail(Refused(*rest))
        elif verb == "parted":
            self.parted = True

    def _granted(self, message):
        self.granted += 1
        lease = _Lease(message)
        self.leases[lease.id] = lease
        log.info("job %s: lease %s: %d pictures, attempt %s", lease.job, lease.id, len(lease.working), message.get("attempt"))
        tasks = [_Task(lease, None)] if self.whole else [_Task(lease, item) for item in message["items"]]
        self.waiting += tasks
        if self._leaving() or self.paused:
            self._give_back(lease, set(lease.working), "drain")
        self._settle(lease)

    def _directive(self, word):
        if word == "exit":
            self._drain()
        elif word == "drain" and not self._leaving():
            self.paused, self.give_back_at = True, time.monotonic() + self.w.grace_s
        elif word == "run" and not self._leaving():
            self.paused, self.give_back_at = False, None

    def _from_gpu(self, slot, verb, *rest):
        if verb in ("unfit", "broken"):
            self._not_started(slot, verb, *rest)
            return
        if verb == "ready":
            slot.ready, slot.failures, slot.loaded, self.ever_ready = True, 0, set(rest[0]), True
            return
        task = slot.task
        if not task or rest[0] != task.key:
            return
        task.sign = time.monotonic()
        if verb == "began":
            task.began = task.sign
            self._begin(slot, task)
        elif verb == "percent":
            for idx in task.idxs():
                self.port.send("percent", task.lease.id, idx, rest[1])
        elif verb == "loaded":
            slot.loaded, slot.told = set(rest[1]), True
        elif verb == "ended":
            self._ended(slot, task, rest[1])

    # Pictures.

    def _assign(self):
        for slot in self.slots:
            while self.waiting and not self.waiting[0].idxs():
                self.waiting.pop(0)  # canceled before it began
            if not self.waiting:
                return
            if slot.ready and not slot.task:
                task = slot.task = self.waiting.pop(0)
                task.sign = time.monotonic()
                slot.say("work", task.key, task.lease.message, task.item)

    def _begin(self, slot, task):
        lease = task.lease
        if lease.exec and not lease.begun:
            cold = lease.load if lease.message.get("preset") not in slot.loaded else 0
            lease.deadline = min(lease.deadline, task.began + cold + lease.exec)
        lease.begun = True

    def _ended(self, slot, task, outcome):
        slot.task = None
        if outcome.get("trace"):
            log.error("job %s: the function failed\n%s", task.lease.job, outcome["trace"].rstrip())
        made = outcome.get("result", {}).get("status") == "done" or outcome.get("reason") == "not reported"
        if made and not slot.told:
            slot.loaded.add(task.lease.message.get("preset"))
        if not task.kill_at:
            self._conclude(task, outcome)
        if outcome.get("spoiled"):
            log.warning("this GPU process is spoiled, starting another")
            self._replace(slot)

    def _conclude(self, task, outcome):
        """Say how a task ended, for those of its pictures that are still ours to speak for."""
        lease, idxs = task.lease, sorted(task.idxs())
        lease.working -= set(idxs)
        if "reason" in outcome and idxs:
            items = None if task.item is None else idxs
            self.port.send("release", lease.id, items, outcome["reason"], outcome.get("after"))
        for idx in idxs if "result" in outcome else ():
            name, record = self.spool.put(lease.id, lease.job, dict(outcome["result"], idx=idx))
            self.unsent[name] = record
            self.port.send("deliver", name, record)
        self._settle(lease)

    def _settle(self, lease):
        if not lease.working and self.leases.pop(lease.id, None):
            self.waiting = [task for task in self.waiting if task.lease is not lease]
            self.port.send("over", lease.id)

    def _cancel(self, lease_id, idxs, why):
        lease = self.leases.get(lease_id)
        idxs = lease.working & set(idxs) if lease else None
        if not idxs:
            return
        log.info("job %s: pictures %s: %s", lease.job, sorted(idxs), why)
        lease.working -= idxs
        self._stop_idle_work(lease)
        self._settle(lease)

    def _stop_idle_work(self, lease):
        """Functions that work for nobody are told so, and have cancel_s to return."""
        for slot in self.slots:
            task = slot.task
            if task and task.lease is lease and not task.idxs() and not task.kill_at:
                task.kill_at = time.monotonic() + self.w.cancel_s
                slot.say("cancel", task.key)

    def _give_back(self, lease, idxs, reason):
        if not idxs:
            return
        everything = self.whole or len(idxs) == len(lease.message["items"])
        # The release comes first: a function that does not return must not delay it.
        self.port.send("release", lease.id, None if everything else sorted(idxs), reason, None)
        lease.working -= idxs
        self._stop_idle_work(lease)
        self._settle(lease)

    def _give_all_back(self, reason):
        for lease in list(self.leases.values()):
            self._give_back(lease, set(lease.working), reason)

    def _give_waiting_back(self, reason, late=float("inf")):
        """What has not begun and whose time is up by late."""
        for lease in list(self.leases.values()):
            tasks = [task for task in self.waiting if task.lease is lease]
            if lease.deadline <= late:
                self._give_back(lease, set().union(*(task.idxs() for task in tasks)), reason)

    # The clock.

    def _limit(self, task):
        """When a task is stuck, and why."""
        limits = [(task.lease.deadline, "it took longer than %d s" % task.lease.exec)] if task.lease.exec else []
        stall = self.w.stall_s or (0 if task.lease.exec else STALL_S * (len(task.lease.message["items"]) if self.whole else 1))
        if stall:
            limits.append((task.sign + stall, "no sign of life for %g s" % stall))
        return min(limits)

    def _watch(self):
        now = time.monotonic()
        for slot in self.slots:
            task = slot.task
            if task and task.kill_at:
                if now >= task.kill_at:
                    log.info("job %s: its function did not return in time, killing its process", task.lease.job)
                    self._replace(slot)
            elif task:
                limit, why = self._limit(task)
                if now >= limit:
                    self._stuck(slot, task, why)
            elif slot.body and not slot.ready and now > slot.started + START_S:
                self._not_started(slot, "broken", "it was not ready after %d s" % START_S)
        self._give_waiting_back("preempted", late=now)  # no GPU process became ready; that is not the pictures' fault
        for lease in self.leases.values():
            self._vouch(lease, now)
        if self.give_back_at and now >= self.give_back_at:
            self.give_back_at = None
            self._give_all_back("drain")

    def _stuck(self, slot, task, why):
        log.warning("job %s: %s, killing its process", task.lease.job, why)
        if task.idxs() == task.lease.working:
            self.port.send("quiet", task.lease.id)
        self._kill(slot, "timeout", why)

    def _vouch(self, lease, now):
        """Tell the control process how long it may renew a lease on our word."""
        limits = [self._limit(slot.task)[0] for slot in self.slots if slot.task and slot.task.lease is lease]
        if any(task.lease is lease for task in self.waiting):
            limits.append(lease.deadline)
        limit = max(limits or [now])
        if lease.vouched is None or abs(limit - lease.vouched) > min(1.0, max(limit - now, 0) / 4):
            lease.vouched = limit
            self.port.send("until", lease.id, max(limit - now, 0.0))

    # Lives of GPU processes.

    def _spawn(self):
        if self._leaving():
            return
        for slot in self.slots:
            if not slot.body and time.monotonic() >= slot.start_at:
                slot.start()

    def _replace(self, slot, after=0.0):
        slot.kill()
        slot.start_at = time.monotonic() + after

    def _kill(self, slot, cause, why):
        """End a process and report its pictures."""
        task = slot.task
        self._replace(slot)
        if task and not task.kill_at:
            self._report(task, cause, why)

    def _report(self, task, cause, why):
        if task.item is None:
            self._conclude(task, {"reason": cause if cause != "transient" else "failed: " + why})
            return
        result = _failed(cause, why)
        if task.began:
            result["gpu_ms"] = int((time.monotonic() - task.began) * 1000)
        self._conclude(task, {"result": result})

    def _gpu_died(self, slot):
        self._read(slot.link, lambda *message: self._from_gpu(slot, *message))  # its last words
        if not slot.body:
            return
        code, task = getattr(slot.body, "exitcode", None), slot.task
        if not slot.ready:
            self._not_started(slot, "died", "the GPU process ended before it was ready (%s); a program that calls run() at its "
                              "top needs: if __name__ == \"__main__\"" % _death(code))
            return
        # Nobody here sent SIGKILL (137 is what a container or a shell makes of it): that was the kernel's OOM killer.
        cause = "oom" if code in (-signal.SIGKILL, 137) else "transient"
        if task and not task.kill_at or not self._leaving():
            log.warning("the GPU process died: %s", _death(code))
        self._kill(slot, cause, "the GPU process died: " + _death(code))

    def _not_started(self, slot, how, text, trace=None):
        slot.failures += 1
        if trace:
            log.error("%s", trace.rstrip())
        if self._leaving():
            self._replace(slot)
        elif how == "unfit":
            self._fail(Unfit("unfit: " + text))
        elif slot.failures >= STARTS or (how == "broken" and not self.ever_ready):
            self._fail(Unfit("the GPU process does not start: " + text))
        else:
            log.warning("the GPU process does not start, trying again: %s", text)
        self._replace(slot, random.uniform(0.5, 1.0) * 2 ** slot.failures)

    def _say_free(self):
        idle = sum(slot.ready and not slot.task for slot in self.slots) - len(self.waiting)
        free = max(idle * self.w.slots if self.whole else idle, 0)
        if self._leaving() or self.paused:
            free = 0
        said = (free, sorted(set().union(*(slot.loaded for slot in self.slots)) - {None, ""})[:MOST_ITEMS], self.granted)
        if said != self.said:
            self.said = said
            self.port.send("free", *said)

    # The end.

    def _leaving(self):
        return self.w.draining.is_set()

    def _fail(self, error):
        if not self.failure:
            self.failure = error
        self._drain()

    def _drain(self):
        if self._leaving():
            return
        log.info("worker %s drains", self.w.worker_id)
        self.w.draining.set()
        now = time.monotonic()
        self.give_back_at, self.part_by = now + self.w.grace_s, now + self.w.grace_s + LAST_WORDS_S
        self.port.send("drain")
        if self.w.grace_s > 0:
            self._give_waiting_back("drain")
        else:
            self._give_all_back("drain")

    def _finished(self):
        if not self._leaving():
            return False
        now = time.monotonic()
        if self.quit_by is None:
            if self.leases or not (self.parted or now >= self.part_by):
                return False
            self.quit_by = now + LAST_WORDS_S + 2
            self.port.send("quit")
            for slot in self.slots:
                if slot.body and not slot.task:
                    slot.say("stop")
        busy = [slot for slot in self.slots if slot.task and slot.body]
        return now >= self.quit_by or (not self.control.is_alive() and not busy)

    def _abandon(self):
        """The program ends while run() is still in a daemon thread."""
        for body in [self.control] + [slot.body for slot in self.slots if slot.spec["isolated"]]:
            if body is not None and body.pid:
                with contextlib.suppress(OSError):
                    os.kill(body.pid, signal.SIGKILL)

    def _close(self):
        atexit.unregister(self._abandon)
        for slot in self.slots:
            if slot.body:
                if not slot.task:
                    slot.say("stop")
                    slot.body.join(1)
                slot.kill()
        if self.control.is_alive():
            self.control.kill()
        self.control.join(1)
        if not self.link.closed:
            self._read(self.link, lambda verb, *rest: log.log(*rest) if verb == "log" else None)
            self.link.close()
        self.spool.close()
        log.info("worker %s stopped", self.w.worker_id)


def _death(code):
    if code is None:
        return "for no known reason"
    if code < 0:
        with contextlib.suppress(ValueError):
            return signal.Signals(-code).name
    return "exit code %d" % code


def _functions_spec(worker, handler):
    """How a GPU process finds its functions: pickled, which for functions is by name."""
    functions = (handler, worker.fitness, worker.setup)
    root = logging.getLogger()
    spec = {"functions": functions, "isolated": False, "needs_main": False, "endpoints": worker.endpoints, "ca": worker.ca,
            "parent": os.getpid(), "level": root.level if root.handlers else None, "format": LINE}
    try:
        spec["functions"] = pickle.dumps(functions)
        spec["needs_main"] = b"__main__" in spec["functions"]
        if spec["needs_main"] and not getattr(sys.modules["__main__"], "__file__", None):
            raise TypeError("the main program is not a file")
        spec["isolated"] = True
    except (pickle.PicklingError, TypeError, AttributeError) as error:
        spec.update(functions=functions, needs_main=False)
        log.warning("the function runs in a thread, where nothing can stop it, since no other process can import it: %s", error)
    return spec


def _find_gpu():
    """(name, MB) of the first GPU as nvidia-smi tells, or (None, None)."""
    if not shutil.which("nvidia-smi"):
        return None, None
    try:
        query = ["nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader,nounits"]
        told = subprocess.run(query, capture_output=True, text=True, timeout=10).stdout
        name, _, memory = told.partition("\n")[0].rpartition(",")
        return name.strip() or None, int(memory)
    except (OSError, ValueError, subprocess.SubprocessError):
        return None, None


class Worker:
    """Takes pictures from the queue and hands them to a function, `slots` at a time, each in a process of its own.

    endpoints: the nodes, ["http://10.0.0.1:8080", ...]; give all of them.   token: the worker token, wrk_...
    worker_id: unique among workers; give a name that survives a restart, and the cluster has the leases of a crashed worker back
    the moment it is up again (default: host and process).
    presets: what it can do; empty means everything.                         ca: a PEM file, if the nodes speak https with it.
    wait_s: how long one poll may be parked, up to 60.                       gpu, vram_mb: as nvidia-smi says, unless given.
    grace_s: how long pictures in work may take to finish after SIGTERM; 0 gives them back at once.
    fitness: called in each GPU process before it gets work; raises, or returns False or a text, if this machine is not fit.
    setup: called after that, to load models; may return the presets that are warm.
    stall_s: a picture without a sign of life (any call of ctx) for so long is stuck; None: see the top of this file.
    cancel_s: how long the function may take to return when nobody wants its picture any more, before its process is killed.
    spool: a directory for results that are not delivered yet (default: in the system's temporary one).

    fitness and setup are functions or "module:function", as the handler is.
    """

    def __init__(self, endpoints, token, worker_id=None, presets=(), slots=1, wait_s=30, grace_s=0.0, ca=None, fitness=None,
                 setup=None, stall_s=None, cancel_s=0.5, spool=None, gpu=None, vram_mb=None):
        self.nodes = Nodes(endpoints, token, ca)
        self.endpoints, self.token, self.ca = list(endpoints), token, ca
        self.worker_id = worker_id or "%s-%d" % (socket.gethostname(), os.getpid())
        self.presets, self.slots, self.wait_s, self.grace_s = list(presets), max(int(slots), 1), int(wait_s), grace_s
        self.fitness, self.setup, self.stall_s, self.cancel_s = fitness, setup, stall_s, cancel_s
        self.spool, self.gpu, self.vram_mb = spool, gpu, vram_mb
        self.draining = threading.Event()  # asks for no more work
        self._bell, self._ring = os.pipe()

    def run(self, handler):
        """Work until stop(), SIGTERM, SIGINT or the cluster's directive exit, then drain and return.

        handler is a function of a Context, its name as "module:function", or a bridge. Raises Unfit if this machine cannot work,
        and Refused if the cluster does not take this worker at all, as with a wrong token.
        """
        if getattr(multiprocessing.current_process(), "_inheriting", False):
            return  # a GPU process imports the program that started it, to find the function
        if not self.gpu and not self.vram_mb:
            self.gpu, self.vram_mb = _find_gpu()
        previous = {}
        if threading.current_thread() is threading.main_thread():  # elsewhere signals cannot be caught; use stop()
            for number in (signal.SIGTERM, signal.SIGINT):
                previous[number] = signal.signal(number, lambda *_: self.stop())
        log.info("worker %s started: slots %d, presets %s", self.worker_id, self.slots, self.presets or "all")
        try:
            _Supervisor(self, handler).run()
        finally:
            for number, action in previous.items():
                signal.signal(number, action)

    def stop(self):
        """Begin the drain. Safe from any thread and from a signal handler; run() returns soon after."""
        # Only a byte: a signal may interrupt this very thread while it holds the lock that anything more would need.
        os.write(self._ring, b".")


def main(argv=None):
    parser = argparse.ArgumentParser(description="Run a Stoker worker around a Python function.")
    parser.add_argument("--endpoints", required=True, help="the nodes, separated by commas")
    parser.add_argument("--token", default=os.environ.get("STOKER_WORKER_TOKEN"),
                        help="the worker token; better in STOKER_WORKER_TOKEN, where other users of the machine do not see it")
    parser.add_argument("--handler", required=True, metavar="MODULE:FUNCTION", help="called with a Context for each picture")
    parser.add_argument("--bridge", action="store_true", help="the function is a process_job(message)")
    parser.add_argument("--fitness", metavar="MODULE:FUNCTION", help="called before any work; fails if this machine is not fit")
    parser.add_argument("--setup", metavar="MODULE:FUNCTION", help="called in each GPU process, to load models")
    parser.add_argument("--worker-id", help="give one that survives a restart (default: host and process)")
    parser.add_argument("--presets", default="", help="separated by commas; none means every preset")
    parser.add_argument("--slots", type=int, default=1, help="pictures at once, each in a process of its own")
    parser.add_argument("--grace", type=float, default=0.0, help="seconds for pictures in work to finish after SIGTERM")
    parser.add_argument("--stall", type=float, help="seconds without a sign of life after which a picture is stuck")
    parser.add_argument("--cancel-grace", type=float, default=0.5, 
                        help="seconds for a canceled picture before its process is killed")
    parser.add_argument("--spool", metavar="DIR", help="where results wait that are not delivered yet")
    parser.add_argument("--gpu", help="what to call the GPU (default: as nvidia-smi does)")
    parser.add_argument("--vram-mb", type=int)
    parser.add_argument("--ca", help="a PEM file, if the nodes speak https with it")
    args = parser.parse_args(argv)
    if not args.token:
        parser.error("--token or STOKER_WORKER_TOKEN is needed")
    for flag in ("handler", "fitness", "setup"):
        if getattr(args, flag) and not all(getattr(args, flag).partition(":")[::2]):
            parser.error("--%s: want module:function" % flag)
    logging.basicConfig(level=logging.INFO, format=LINE)
    sys.path.insert(0, os.getcwd())
    worker = Worker(args.endpoints.split(","), args.token, args.worker_id, [p for p in args.presets.split(",") if p], args.slots,
                    grace_s=args.grace, ca=args.ca, fitness=args.fitness, setup=args.setup, stall_s=args.stall,
                    cancel_s=args.cancel_grace, spool=args.spool, gpu=args.gpu, vram_mb=args.vram_mb)
    try:
        worker.run(bridge(args.handler) if args.bridge else args.handler)
    except Refused as refused:
        sys.exit("the cluster does not take this worker: %s" % refused)
    except Unfit as unfit:
        sys.exit("this machine does not work: %s" % unfit)


if __name__ == "__main__":
    # A handler that imports stoker_worker must meet these classes in every process, not a second copy of them.
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    importlib.import_module("stoker_worker").main()
