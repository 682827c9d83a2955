"""Tests of the worker against three nodes that behave: real HTTP, leases that run out, answers that get lost.

Where a process matters the real command runs, with a module that the test writes; the other tests hand over closures, which run
in threads. Run with: python3 -m unittest
"""
import json
import logging
import os
import random
import signal
import stat
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
import unittest
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import stoker_worker as sdk

HERE = os.path.dirname(os.path.abspath(__file__))
LIMIT = 30  # seconds any test may wait for something that must come
TOKEN = "wrk_test"
FINAL = ("done", "failed", "canceled")


class Queue:
    """The replicated state of the three nodes: one job's pictures, sessions, leases with deadlines and fences, objects."""

    def __init__(self, items, ttl=30, old=False, first=10, **budgets):
        self.changed = threading.Condition()
        self.ttl, self.first, self.budgets = ttl, min(first, ttl), budgets
        self.old = old                                  # it knows neither sessions nor control
        self.items = [{"status": "ready", "lease": None, "final": None, "counted": 0, "attempts": 0, "causes": []}
                      for _ in range(items)]
        self.leases, self.grants, self.sessions, self.objects = {}, {}, {}, {}
        self.directive, self.together = "run", False   # together: a grant may hold more than was asked for
        self.calls, self.polls, self.releases, self.progress = [], [], [], []
        self.beats, self.lost, self.closed = 0, 0, False
        for idx in range(items):
            self.objects["/photos/in/%d.jpg" % idx] = b"\xff\xd8 picture %d" % idx

    # What tests do to it.

    def wait_for(self, what):
        deadline = time.monotonic() + LIMIT
        with self.changed:
            while not what(self):
                if time.monotonic() > deadline:
                    raise AssertionError("it never came; calls: %s, items: %s" % (self.calls[-12:], self.items))
                self.changed.wait(0.1)
                self._expire()  # which needs nobody's call

    def finals(self):
        return sum(item["status"] in FINAL for item in self.items)

    def causes(self):
        return [item["causes"] for item in self.items]

    def direct(self, directive):
        with self.changed:
            self.directive = directive
            self.changed.notify_all()

    def cancel(self, *idxs):
        with self.changed:
            for idx in idxs:
                self.items[idx].update(status="canceled", lease=None)
            self.changed.notify_all()

    def take_away(self, name):
        with self.changed:
            lease = self.leases[name]
            lease["lost"] = True
            for idx in lease["granted"]:
                if self.items[idx]["lease"] == name:
                    self.items[idx].update(status="ready", lease=None)
            self.changed.notify_all()

    # What workers ask of it.

    def post(self, path, body, host):
        with self.changed:
            try:
                self.calls.append(path)
                self.changed.notify_all()
                self._expire()
                return self._post(path.partition("?")[0].strip("/").split("/"), path, body, host)
            finally:
                self.changed.notify_all()

    def _post(self, parts, path, body, host):
        if parts == ["queue", "lease"]:
            return self._lease(body, host)
        if parts[0] == "jobs" and parts[2] == "callback":
            return self._callback(path, body)
        if parts[:2] == ["queue", "leases"]:
            lease = self.leases.get(parts[2])
            if lease is None or lease["lost"]:
                self.lost += 1
                return 409, "LEASE_LOST"
            self._renew(lease)
            return getattr(self, "_" + parts[3])(parts[2], lease, body)
        if not self.old and parts in (["queue", "session"], ["queue", "control"]):
            return getattr(self, "_" + parts[1])(body)
        return 404, "NOT_FOUND"

    def _session(self, body):
        known = self.sessions.get(body["worker_id"])
        if known and known["boot_id"] != body["boot_id"]:
            for name, lease in list(self.leases.items()):
                if lease["worker"] == body["worker_id"] and not lease["lost"]:
                    self.take_away(name)  # no attempt burned
        session = dict(body, session_id="s_" + body["boot_id"][:8])
        self.sessions[body["worker_id"]] = session
        return 200, {"session_id": session["session_id"], "poll_wait_s": 30, "lease_ttl_s": self.ttl,
                     "heartbeat_s": max(self.ttl // 3, 1), "directive": self.directive}

    def _lease(self, body, host):
        self.polls.append(body)
        self.changed.notify_all()
        session = body.get("session_id")
        known = self.sessions.get(body["worker_id"])
        if session and (not known or known["session_id"] != session):
            return 404, "NOT_FOUND"
        until = time.monotonic() + body["wait_s"]
        while not self.closed:
            lost = [n for n in body.get("held") or [] if n not in self.leases or self.leases[n]["lost"]]
            if self.directive != "run" and not self.old:
                break
            message = self._grant(body, host)
            if message:
                return 200, message if self.old else dict(message, directive="run", lost=lost)
            if time.monotonic() >= until:
                break
            self.changed.wait(min(0.2, max(until - time.monotonic(), 0.01)))
            self._expire()
        if not session or self.old:
            return 204, None
        skipped = {"preset": len(self._ready())} if self.directive == "run" and self._ready() else {}
        return 200, {"directive": self.directive, "lost": lost, "skipped": skipped}

    def _ready(self):
        return [i for i, item in enumerate(self.items) if item["status"] == "ready"]

    def _grant(self, body, host):
        if body["poll_id"] in self.grants:
            return self.grants[body["poll_id"]]
        if body["presets"] and "interior" not in body["presets"]:
            return None
        ready = self._ready()[:64 if self.together else body["max_items"]]
        if not ready:
            return None
        name = "l%d" % (len(self.grants) + 1)
        self.leases[name] = {"worker": body["worker_id"], "granted": ready,
                             "until": time.monotonic() + self.first, "lost": False, "beats": 0}
        for idx in ready:
            self.items[idx].update(status="leased", lease=name, attempts=self.items[idx]["attempts"] + 1)
        base = "http://%s/photos/" % host
        message = {
            "lease_id": name, "fence": len(self.grants) + 1, "attempt": 1, "ttl_s": self.first, "job_id": "j_1",
            "user_id": "u_1", "preset": "interior", "concepts": {"Wall": {"action": "recolor", "value": "#88aacc"}},
            "protect": ["Grout"],
            "items": [{
                "idx": i, "input_key": "in/%d.jpg" % i, "output_key": "out/%d.png" % i, "preview_key": "pre/%d.jpg" % i,
                "input_url": base + "in/%d.jpg?sig=%s" % (i, host), "output_url": base + "out/%d.png?sig=%s" % (i, host),
                "preview_url": base + "pre/%d.jpg?sig=%s" % (i, host),
            } for i in ready],
            "callback_url": "http://%s/jobs/j_1/callback?lease=%s" % (host, name),
            "idempotency_prefix": "j_1:" + name, "batch_concurrency": 2,
        }
        if not self.old:
            message.update(self.budgets)
        self.grants[body["poll_id"]] = message
        return message

    def _renew(self, lease):
        lease["until"] = time.monotonic() + self.ttl

    def _dropped(self, name):
        """Items of a lease to drop, told before or not: those it has no more, unless they are done."""
        return [i for i in self.leases[name]["granted"]
                if self.items[i]["lease"] != name and self.items[i]["status"] != "done"]

    def _control(self, body):
        """Renews when it arrives; answered when there is something that the request does not know, else after wait_s."""
        for beat in body["leases"]:
            lease = self.leases.get(beat["lease_id"])
            if lease and not lease["lost"]:
                self._renew(lease)
                self._heard(lease, beat.get("progress"))
        told = {t["lease_id"]: t["idx"] for t in body.get("told") or []}
        until = time.monotonic() + body.get("wait_s", 20)
        while True:
            names = [beat["lease_id"] for beat in body["leases"]]
            live = [n for n in names if n in self.leases and not self.leases[n]["lost"]]
            lost = [n for n in names if n not in live]
            news = lost or self.directive != "run" or any(set(self._dropped(n)) - set(told.get(n, ())) for n in live)
            if news or self.closed or time.monotonic() >= until:
                return 200, {"directive": self.directive, "ttl_s": self.ttl, "lost": lost,
                             "leases": [{"lease_id": n, "expires_at": "", "cancel": self._dropped(n)} for n in live]}
            self.changed.wait(min(0.2, max(until - time.monotonic(), 0.01)))
            self._expire()

    def _heard(self, lease, progress):
        self.beats += 1
        lease["beats"] += 1
        self.changed.notify_all()
        self.progress += progress or []

    def _heartbeat(self, name, lease, body):
        self._heard(lease, body.get("progress"))
        return 200, {"expires_at": "", "cancel": self._dropped(name)}

    def _results(self, name, lease, body):
        processed = sum(self._end(name, result) for result in body["results"])
        return 200, {"processed": processed, "duplicates": len(body["results"]) - processed, "job_status": self._job_status()}

    def _job_status(self):
        statuses = {item["status"] for item in self.items}
        if not statuses <= set(FINAL):
            return "running"
        return "canceled" if "canceled" in statuses else "done" if "done" in statuses else "failed"

    def _release(self, name, lease, body):
        items = [i for i in body.get("items") or lease["granted"] if self.items[i]["lease"] == name]
        self.releases.append((body["reason"], items, body.get("delay_s")))
        for idx in items:
            self.items[idx].update(status="ready", lease=None)
            if body["reason"] not in ("drain", "preempted"):
                self.items[idx]["causes"].append(body["reason"])
        if items and not any(i["lease"] == name for i in self.items):
            lease["lost"] = True
        return 200, {"requeued": len(items)}

    def _callback(self, path, body):
        name = path.partition("?lease=")[2]
        if name not in self.leases or self.leases[name]["lost"]:
            return 409, "LEASE_LOST"
        self._renew(self.leases[name])
        return 200, {"processed": self._end(name, body)}

    def _end(self, name, result):
        item = self.items[result["idx"]]
        if item["status"] in FINAL or item["lease"] != name:
            return False
        item["lease"] = None
        if result["status"] in ("done", "completed"):
            item.update(status="done", final=result, counted=item["counted"] + 1)
            return True
        cause = result.get("cause") or ("transient" if result.get("retryable") else "bad_input")
        item["causes"].append(cause)
        if cause == "bad_input" or item["attempts"] >= 3:
            item.update(status="failed", final=result, counted=item["counted"] + 1)
        else:
            item["status"] = "ready"
        return True

    def _expire(self):
        for name, lease in list(self.leases.items()):
            if not lease["lost"] and time.monotonic() > lease["until"] and any(i["lease"] == name for i in self.items):
                self.take_away(name)


class Node(BaseHTTPRequestHandler):
    """One node's HTTP. The server's trouble(path) says what goes wrong: before, after, busy, or None."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        secret = self.headers.get("X-Callback-Secret") or (self.headers.get("Authorization") or "")[len("Bearer "):]
        if secret != TOKEN:
            return self._json(401, "CALLBACK_UNAUTHORIZED")
        trouble = self.server.trouble(self.path)
        if trouble == "before":
            return self._cut()
        if trouble == "busy":
            return self._json(503, "UNAVAILABLE")
        status, data = self.server.queue.post(self.path, body, self.server.hosts[0])
        if trouble == "after":
            return self._cut()
        self._json(status, data)

    def do_PUT(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self._signed():
            self.server.queue.objects[self.path.partition("?")[0]] = body
            self._answer(200, b"")

    def do_GET(self):
        if not self._signed():
            return
        body = self.server.queue.objects[self.path.partition("?")[0]]
        if self.server.trouble("GET") == "after":
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[:3])
            return self._cut()
        self._answer(200, body)

    def _signed(self):
        """The signature covers the Host header: the host that was signed, whichever node is dialled."""
        if self.headers["Host"] == self.path.partition("?sig=")[2]:
            return True
        self._json(403, "SignatureDoesNotMatch")
        return False

    def _cut(self):
        self.close_connection = True
        self.connection.close()

    def _json(self, status, data):
        if status == 204:
            return self._answer(204, b"")
        ok = status < 400
        error = None if ok else {"code": data, "message": "no"}
        self._answer(status, json.dumps({"success": ok, "data": data if ok else None, "error": error}).encode())

    def _answer(self, status, body):
        try:
            self.send_response(status)
            if status != 204:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        except OSError:
            pass  # the worker broke off its poll

    def log_message(self, *_):
        pass


class Cluster(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, *_):
        pass  # cut connections are the point here


class Case(unittest.TestCase):
    def setUp(self):
        logging.getLogger("stoker").addHandler(logging.NullHandler())
        logging.getLogger("stoker").propagate = False
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.spool = os.path.join(self.folder, "spool")

    def cluster(self, queue, trouble=lambda path: None):
        servers = [Cluster(("127.0.0.1", 0), Node) for _ in range(3)]
        hosts = ["127.0.0.1:%d" % s.server_port for s in servers]
        for server in servers:
            server.queue, server.hosts, server.trouble = queue, hosts, trouble
            threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
            self.addCleanup(server.server_close)
            self.addCleanup(server.shutdown)
        self.addCleanup(setattr, queue, "closed", True)
        return hosts

    def until(self, done):
        deadline = time.monotonic() + LIMIT
        while not done():
            self.assertLess(time.monotonic(), deadline)
            threading.Event().wait(0.01)

    def path(self, name):
        return os.path.join(self.folder, name)

    def read(self, name):
        with open(self.path(name)) as source:
            return source.read()

    def touch(self, name):
        open(self.path(name), "w").close()

    def spooled(self):
        return [f for _, _, files in os.walk(self.spool) for f in files if f.endswith(".json")]


class ThreadTest(Case):
    """What does not depend on processes."""

    def start(self, queue, handler, trouble=lambda path: None, **options):
        """Run a worker in a thread; end(worker) stops it and sees that it goes in peace."""
        worker = sdk.Worker(self.cluster(queue, trouble), TOKEN, "w1", wait_s=20, spool=self.spool, **options)
        worker.thread = threading.Thread(target=worker.run, args=(handler,), daemon=True)
        worker.thread.start()
        return worker

    def end(self, worker):
        worker.stop()
        worker.thread.join(LIMIT)
        self.assertFalse(worker.thread.is_alive(), "the worker does not drain")
        self.assertEqual(self.spooled(), [])

    def test_a_picture_is_made(self):
        for old in (False, True):
            with self.subTest(old=old):
                self.a_picture_is_made(old)

    def a_picture_is_made(self, old):
        queue = Queue(1, old=old)

        def paint(ctx):
            self.assertEqual((ctx.preset, ctx.protect, ctx.concepts["Wall"]["action"]), ("interior", ["Grout"], "recolor"))
            with tempfile.TemporaryDirectory() as folder:
                path = os.path.join(folder, "picture")
                ctx.download(path)
                ctx.upload_output(path)  # a file is streamed
            ctx.upload_preview(ctx.download()[:2])
            return {"gpu_ms": 77}

        worker = self.start(queue, paint)
        queue.wait_for(lambda q: q.finals() == 1)
        self.end(worker)
        want = {"idx": 0, "status": "done", "output_key": "out/0.png", "preview_key": "pre/0.jpg", "gpu_ms": 77}
        self.assertEqual(queue.items[0]["final"], want)
        self.assertEqual(queue.objects["/photos/out/0.png"], b"\xff\xd8 picture 0")
        self.assertEqual(queue.objects["/photos/pre/0.jpg"], b"\xff\xd8")

    def test_a_cut_download_never_passes_for_a_picture(self):
        queue, cuts = Queue(1), ["after", "after"]

        def paint(ctx):
            with tempfile.TemporaryDirectory() as folder:
                path = os.path.join(folder, "picture")
                ctx.download(path)
                ctx.upload_output(path)

        worker = self.start(queue, paint, trouble=lambda path: cuts.pop() if path == "GET" and cuts else None)
        queue.wait_for(lambda q: q.finals() == 1)
        self.end(worker)
        self.assertEqual((cuts, queue.objects["/photos/out/0.png"]), ([], b"\xff\xd8 picture 0"))

    def test_every_picture_once_though_a_third_of_all_calls_go_wrong(self):
        dice = random.Random(4)
        queue = Queue(12)
        worker = self.start(queue, lambda ctx: ctx.upload_output(ctx.download()), slots=3,
                            trouble=lambda path: dice.choice(["before", "after", "busy"] + 6 * [None]))
        queue.wait_for(lambda q: q.finals() == 12)
        self.end(worker)
        self.assertEqual([(i["counted"], i["attempts"], i["final"]["status"]) for i in queue.items], 12 * [(1, 1, "done")])
        for idx in range(12):
            self.assertEqual(queue.objects["/photos/out/%d.png" % idx], queue.objects["/photos/in/%d.jpg" % idx])

    def test_a_lease_lives_as_long_as_the_work(self):
        for old in (False, True):
            with self.subTest(old=old):
                queue, enough = Queue(1, ttl=2, old=old), threading.Event()

                def paint(ctx):
                    ctx.progress(40)
                    enough.wait(LIMIT)

                worker = self.start(queue, paint)
                queue.wait_for(lambda q: q.beats >= 6 and q.progress)  # a lifetime and more
                enough.set()
                queue.wait_for(lambda q: q.finals() == 1)
                self.end(worker)
                self.assertEqual((queue.items[0]["attempts"], queue.progress), (1, [{"idx": 0, "percent": 40}]))
                self.assertEqual(any(c.endswith("/heartbeat") for c in queue.calls), old)

    def test_a_canceled_picture_is_dropped_and_its_neighbour_goes_on(self):
        for old in (False, True):
            with self.subTest(old=old):
                queue, began, dropped = Queue(2, ttl=1, old=old), threading.Event(), threading.Event()

                def paint(ctx):
                    if ctx.idx == 1:
                        began.set()
                        self.until(ctx.canceled)
                        dropped.set()
                    else:
                        dropped.wait(LIMIT)

                worker = self.start(queue, paint, slots=2, cancel_s=LIMIT)
                self.assertTrue(began.wait(LIMIT))
                queue.cancel(1)
                queue.wait_for(lambda q: q.finals() == 2)
                self.end(worker)
                self.assertEqual([i["counted"] for i in queue.items], [1, 0])

    def test_nothing_is_said_under_a_lost_lease(self):
        queue, began, seen = Queue(1), threading.Event(), threading.Event()

        def paint(ctx):
            began.set()
            self.until(ctx.canceled)
            seen.set()

        worker = self.start(queue, paint, cancel_s=LIMIT)
        self.assertTrue(began.wait(LIMIT))
        with queue.changed:
            queue.take_away("l1")
            queue.items[0]["status"] = "done"  # somebody else made it
        self.assertTrue(seen.wait(LIMIT))
        self.end(worker)
        self.assertEqual((queue.releases, queue.items[0]["counted"]), ([], 0))
        self.assertFalse([c for c in queue.calls if c.startswith("/queue/leases/")])

    def test_verdicts(self):
        class OutOfMemoryError(RuntimeError):
            """As torch's: known by its name."""

        cases = [
            (sdk.BadInput("not a JPEG"), ["bad_input"], []),
            (sdk.Retry("busy GPU"), 3 * ["transient"], []),
            (ValueError("a defect"), 3 * ["transient"], []),
            (sdk.ModelMissing("no weights"), 3 * ["model_missing"], []),
            (sdk.OutOfMemory("24 GB"), 3 * ["oom"], []),
            (OutOfMemoryError("CUDA out of memory"), 3 * ["oom"], []),
            (sdk.Retry("busy GPU", after=7), ["retry: busy GPU", "bad_input"], [("retry: busy GPU", [0], 7)]),
        ]
        for error, causes, releases in cases:
            with self.subTest(error=repr(error)):
                queue, calls = Queue(1), []

                def paint(ctx):
                    calls.append(1)
                    if releases and len(calls) == 2:
                        raise sdk.BadInput("enough")
                    raise error

                worker = self.start(queue, paint)
                queue.wait_for(lambda q: q.finals() == 1)
                self.end(worker)
                self.assertEqual((queue.items[0]["causes"], queue.items[0]["counted"]), (causes, 1))
                self.assertEqual((queue.items[0]["final"]["status"], queue.releases), ("failed", releases))
                self.assertEqual(queue.items[0]["final"]["retryable"], causes[-1] != "bad_input")

    def test_a_poll_says_what_is_warm_held_and_free(self):
        queue, go = Queue(2, exec_budget_s=60), threading.Event()
        worker = self.start(queue, lambda ctx: ctx.idx == 0 or go.wait(LIMIT), slots=2, presets=["interior"], gpu="L4",
                            vram_mb=24000)
        queue.wait_for(lambda q: len(q.polls) >= 2 and q.polls[-1]["loaded"])
        poll, session = queue.polls[-1], queue.sessions["w1"]
        self.assertEqual((poll["loaded"], poll["free_slots"], poll["session_id"]), (["interior"], 1, session["session_id"]))
        self.assertTrue(set(poll["held"]) & set(queue.leases))
        self.assertEqual([session[k] for k in ("slots", "presets", "gpu", "vram_mb")], [2, ["interior"], "L4", 24000])
        go.set()
        queue.wait_for(lambda q: q.finals() == 2)
        self.end(worker)

    def test_a_session_that_the_cluster_forgot_is_opened_again(self):
        queue = Queue(1)
        with queue.changed:
            queue.items[0]["status"] = "leased"
        worker = self.start(queue, lambda ctx: None)
        queue.wait_for(lambda q: q.polls)
        with queue.changed:
            boot = queue.sessions.pop("w1")["boot_id"]
            queue.closed = True  # the parked poll is answered
            queue.changed.notify_all()
            queue.changed.wait_for(lambda: "w1" in queue.sessions, LIMIT)
            queue.closed, queue.items[0]["status"] = False, "ready"
        queue.wait_for(lambda q: q.finals() == 1)
        self.end(worker)
        self.assertEqual(queue.sessions["w1"]["boot_id"], boot)

    def test_directives(self):
        queue, began, go = Queue(2), threading.Event(), threading.Event()

        def paint(ctx):
            began.set()
            go.wait(LIMIT)

        worker = self.start(queue, paint)
        self.assertTrue(began.wait(LIMIT))
        queue.direct("drain")  # given back, and nothing is taken
        queue.wait_for(lambda q: q.releases)
        go.set()
        with queue.changed:
            polls, calls = len(queue.polls), len(queue.calls)
        queue.wait_for(lambda q: q.calls[calls:].count("/queue/control") >= 2)
        self.assertEqual((queue.releases, queue.finals(), len(queue.polls)), ([("drain", [0], None)], 0, polls))
        queue.direct("run")
        queue.wait_for(lambda q: q.finals() == 2)
        queue.direct("exit")
        worker.thread.join(LIMIT)
        self.assertFalse(worker.thread.is_alive())

    def test_stop_while_parked_comes_at_once(self):
        queue = Queue(0)
        worker = self.start(queue, lambda ctx: None)
        queue.wait_for(lambda q: q.polls)
        began = time.monotonic()
        self.end(worker)
        self.assertLess(time.monotonic() - began, 5)  # the poll was parked for 20

    def test_a_drain_gives_back_first_and_leaves_a_stuck_thread_behind(self):
        queue, stuck = Queue(2), threading.Event()
        self.addCleanup(stuck.set)
        worker = self.start(queue, lambda ctx: stuck.wait(LIMIT), slots=2)
        queue.wait_for(lambda q: q.beats >= 1)
        self.end(worker)
        self.assertEqual(sorted(i for _, items, _ in queue.releases for i in items), [0, 1])
        self.assertEqual({reason for reason, _, _ in queue.releases}, {"drain"})

    def test_a_drain_with_grace_lets_work_finish(self):
        queue, draining = Queue(1), threading.Event()
        worker = self.start(queue, lambda ctx: draining.wait(LIMIT) and None, grace_s=LIMIT)
        queue.wait_for(lambda q: q.beats >= 1)
        worker.stop()
        worker.draining.wait(LIMIT)
        draining.set()
        self.end(worker)
        self.assertEqual((queue.finals(), queue.releases), (1, []))

    def test_a_wrong_token_ends_it(self):
        worker = sdk.Worker(self.cluster(Queue(1)), "wrk_other", "w1", spool=self.spool)
        with self.assertRaises(sdk.Refused) as caught:
            worker.run(lambda ctx: None)
        self.assertEqual(caught.exception.code, "CALLBACK_UNAUTHORIZED")

    def test_bridge(self):
        for reported in ([0, 1, 2], [0, 2]):
            for asynchronous in (False, True):
                with self.subTest(reported=reported, asynchronous=asynchronous):
                    self.bridge(reported, asynchronous)

    def bridge(self, reported, asynchronous):
        queue = Queue(3)
        messages = []

        def process_job(message):
            if messages:  # what came back: report it and be done
                reported[:] = [i["idx"] for i in message["items"]]
            messages.append(message)
            for item in message["items"]:
                if item["idx"] not in reported:
                    continue
                body = {"idx": item["idx"], "status": "completed", "output_key": item["output_key"],
                        "idempotency_key": "%s:%d" % (message["idempotency_prefix"], item["idx"])}
                request = urllib.request.Request(message["callback_url"], json.dumps(body).encode(),
                                                 {"X-Callback-Secret": TOKEN, "Content-Type": "application/json"})
                urllib.request.urlopen(request, timeout=LIMIT).close()

        async def process_job_async(message):
            process_job(message)

        first = list(reported)
        reported = list(reported)
        worker = self.start(queue, sdk.bridge(process_job_async if asynchronous else process_job), slots=8)
        queue.wait_for(lambda q: q.finals() == 3)
        self.end(worker)
        self.assertEqual([i["counted"] for i in queue.items], [1, 1, 1])
        self.assertEqual([i["attempts"] for i in queue.items], [1 if i in first else 2 for i in range(3)])


STUCK = """
    import ctypes, os, signal, threading
    import stoker_worker

    def note(name, text=""):
        with open(name + ".new", "w") as out:
            out.write(text)
        os.replace(name + ".new", name)

    def stuck():
        # PyDLL keeps the GIL for the whole call, as the worst of CUDA calls do: no other thread of the process runs.
        note("stuck", str(os.getpid()))
        ctypes.PyDLL(None).sleep(1000)

    def wait(name, ctx=None):
        while not os.path.exists(name) and not (ctx and ctx.canceled()):
            threading.Event().wait(0.01)
"""


class ProcessTest(Case):
    """The command, with its processes."""

    def command(self, hosts, source, *args, handler="mine:paint", script=None):
        with open(self.path("mine.py"), "w") as out:
            out.write(textwrap.dedent(STUCK) + textwrap.dedent(source))
        with open(self.path("log"), "a") as out:
            command = [sys.executable, script] if script else [
                sys.executable, os.path.join(HERE, "stoker_worker.py"), "--endpoints", ",".join(hosts), "--handler", handler,
                "--spool", self.spool] + list(args)
            process = subprocess.Popen(command, cwd=self.folder, stdout=out, stderr=subprocess.STDOUT,
                                       env=dict(os.environ, STOKER_WORKER_TOKEN=TOKEN, PYTHONPATH=HERE))
        self.addCleanup(self.bury, process)
        return process

    def bury(self, process):
        if process.poll() is None:
            process.send_signal(signal.SIGCONT)
            process.kill()
        process.wait()

    def end(self, process, code=0):
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(LIMIT), code, self.read("log"))
        self.assertEqual(self.spooled(), [], self.read("log"))

    def pid(self, name):
        self.until(lambda: os.path.exists(self.path(name)))
        return int(self.read(name))

    def gone(self, pid):
        """No such process, or one that only waits for its parent to look."""
        try:
            with open("/proc/%d/stat" % pid) as stat:
                return stat.read().rpartition(")")[2].split()[0] in "ZX"
        except OSError:
            try:
                os.kill(pid, 0)
            except OSError:
                return True
            return os.path.isdir("/proc/self")

    def children(self, pid):
        out = subprocess.run(["ps", "-eo", "pid=,ppid="], capture_output=True, text=True).stdout
        return [int(a) for a, b in (line.split() for line in out.splitlines()) if int(b) == pid]

    def test_a_picture_is_made_in_a_process_that_loads_once(self):
        queue = Queue(3)
        process = self.command(self.cluster(queue), """
            model = None

            def fit():
                note("fit", "%d" % os.getpid())

            def load():
                global model
                model = "warm"
                return ["interior"]

            def paint(ctx):
                assert model == "warm"
                with open("pids", "a") as out:
                    out.write("%d %d\\n" % (os.getpid(), os.getppid()))
                ctx.progress(50)
                ctx.upload_output(ctx.download() + model.encode())
        """, "--fitness", "mine:fit", "--setup", "mine:load", "--worker-id", "w1")
        queue.wait_for(lambda q: q.finals() == 3)
        self.end(process)
        self.assertEqual(set(self.read("pids").splitlines()), {"%s %d" % (self.read("fit"), process.pid)})
        self.assertEqual([i["attempts"] for i in queue.items], [1, 1, 1])
        self.assertTrue(all(i["final"]["gpu_ms"] >= 0 for i in queue.items))
        self.assertEqual(queue.objects["/photos/out/2.png"], b"\xff\xd8 picture 2warm")
        self.assertEqual(queue.polls[0]["loaded"], ["interior"])

    def test_a_stuck_call_does_not_stop_the_heartbeat_but_its_budget_does(self):
        queue = Queue(1, ttl=2, load_budget_s=0, exec_budget_s=6)
        process = self.command(self.cluster(queue), """
            def paint(ctx):
                if not os.path.exists("stuck"):
                    stuck()
                note("pid", str(os.getpid()))
        """)
        pid = self.pid("stuck")
        queue.wait_for(lambda q: q.leases["l1"]["beats"] >= 5)  # longer than the lease would live unheard
        self.assertFalse(self.gone(pid))
        queue.wait_for(lambda q: q.finals() == 1)
        self.assertTrue(self.gone(pid))
        self.end(process)
        self.assertEqual((queue.causes(), queue.items[0]["attempts"], queue.lost), ([["timeout"]], 2, 0))
        self.assertNotEqual(self.pid("pid"), pid)

    def test_without_a_budget_no_sign_of_life_is_stuck(self):
        queue = Queue(1, old=True)
        process = self.command(self.cluster(queue), """
            def paint(ctx):
                if ctx.message["lease_id"] == "l1":
                    stuck()
                for i in range(200):              # longer than the limit, but it shows that it lives
                    threading.Event().wait(0.01)
                    ctx.progress(i / 2)
        """, "--stall", "1")
        queue.wait_for(lambda q: q.finals() == 1)
        self.end(process)
        self.assertEqual((queue.causes(), queue.items[0]["attempts"]), ([["timeout"]], 2))

    def test_nobody_vouches_for_a_supervisor_that_is_stopped(self):
        queue = Queue(1, ttl=2, load_budget_s=0, exec_budget_s=3)
        process = self.command(self.cluster(queue), """
            def paint(ctx):
                stuck()
        """)
        self.pid("stuck")
        process.send_signal(signal.SIGSTOP)
        queue.wait_for(lambda q: q.items[0]["status"] == "ready")  # the lease ran out unheard
        queue.cancel(0)
        process.send_signal(signal.SIGCONT)
        self.end(process)
        self.assertEqual((queue.items[0]["attempts"], queue.items[0]["counted"], queue.releases), (1, 0, []))

    def test_a_worker_that_slept_beyond_its_lease_is_refused(self):
        # Awake again, it sends its result and renews its lease at the same time. Either answer may be the first to tell it.
        for unheard in ("/queue/control", "/results"):
            with self.subTest(unheard=unheard):
                self.slept_beyond_its_lease(unheard)

    def slept_beyond_its_lease(self, unheard):
        queue, cut, name = Queue(1, ttl=2), [], "go" + unheard.replace("/", "-")
        process = self.command(self.cluster(queue, lambda path: "busy" if cut and path.endswith(unheard) else None), """
            def paint(ctx):
                note("pid", str(os.getpid()))
                wait("%s")
        """ % name)
        self.pid("pid")
        queue.wait_for(lambda q: q.beats)
        family = [process.pid] + self.children(process.pid)
        for pid in family:
            os.kill(pid, signal.SIGSTOP)
        queue.wait_for(lambda q: q.items[0]["status"] == "ready")
        with queue.changed:
            queue.items[0].update(status="done", final="somebody else's", counted=1)
        cut.append(True)
        self.touch(name)
        for pid in family:
            os.kill(pid, signal.SIGCONT)
        self.until(lambda: "no longer ours" in self.read("log") or "the lease was lost" in self.read("log"))
        cut.clear()
        self.end(process)
        self.assertEqual((queue.items[0]["final"], queue.items[0]["counted"]), ("somebody else's", 1))

    def test_memory(self):
        queue = Queue(4)
        process = self.command(self.cluster(queue), """
            class OutOfMemoryError(RuntimeError):
                pass

            def paint(ctx):
                with open("pids", "a") as out:
                    out.write("%d\\n" % os.getpid())
                if os.path.exists("tried%d" % ctx.idx):
                    return
                note("tried%d" % ctx.idx)
                if ctx.idx == 0:
                    os._exit(137)
                if ctx.idx == 1:
                    os.kill(os.getpid(), signal.SIGKILL)   # as the kernel does
                if ctx.idx == 2:
                    raise MemoryError
                raise OutOfMemoryError("CUDA out of memory. Tried to allocate 20 GiB")
        """)
        queue.wait_for(lambda q: q.finals() == 4)
        self.end(process)
        self.assertEqual((queue.causes(), [i["attempts"] for i in queue.items]), (4 * [["oom"]], 4 * [2]))
        self.assertEqual([i["final"]["status"] for i in queue.items], 4 * ["done"])
        self.assertEqual(len(set(self.read("pids").split())), 5)  # each replaced, the last one stays

    def test_a_crash_is_tried_again_in_a_new_process(self):
        queue = Queue(1)
        process = self.command(self.cluster(queue), """
            def paint(ctx):
                if not os.path.exists("tried"):
                    note("tried")
                    os.kill(os.getpid(), signal.SIGSEGV)
        """)
        queue.wait_for(lambda q: q.finals() == 1)
        self.end(process)
        self.assertEqual((queue.causes(), queue.items[0]["final"]["status"]), ([["transient"]], "done"))

    def test_a_cancel_kills_what_does_not_heed_it_before_the_next_renewal(self):
        queue = Queue(2)
        process = self.command(self.cluster(queue), """
            def paint(ctx):
                if ctx.idx == 0:
                    stuck()
        """, "--cancel-grace", "0.2")
        pid = self.pid("stuck")
        queue.wait_for(lambda q: q.leases["l1"]["beats"])
        began = time.monotonic()
        queue.cancel(0)
        self.until(lambda: self.gone(pid))
        self.assertLess(time.monotonic() - began, 5)  # the next renewal would have come after 10
        queue.wait_for(lambda q: q.finals() == 2)  # by its successor
        self.end(process)
        self.assertEqual(([i["counted"] for i in queue.items], queue.causes(), queue.releases), ([0, 1], [[], []], []))

    def test_a_cancel_that_is_heeded_keeps_the_warm_process(self):
        queue = Queue(2)
        process = self.command(self.cluster(queue), """
            def paint(ctx):
                note("pid%d" % ctx.idx, str(os.getpid()))
                if ctx.idx == 0:
                    wait("never", ctx)
        """, "--cancel-grace", "20")
        self.pid("pid0")
        queue.cancel(0)
        queue.wait_for(lambda q: q.finals() == 2)
        self.end(process)
        self.assertEqual(self.pid("pid0"), self.pid("pid1"))

    def test_results_survive_kill_9(self):
        for worker_id in ("w1", "w2"):
            for lost in (False, True):
                with self.subTest(worker_id=worker_id, lost=lost):
                    self.results_survive(worker_id, lost)

    def results_survive(self, worker_id, lost):
        queue, cut = Queue(1, first=2), [True]
        hosts = self.cluster(queue, lambda path: "busy" if cut[0] and path.endswith("/results") else None)
        source = """
            def paint(ctx):
                note("pid", str(os.getpid()))
        """
        process = self.command(hosts, source, "--worker-id", "w1")
        self.until(self.spooled)
        queue.wait_for(lambda q: q.beats)  # the lease outlives the start of the next worker
        family = self.children(process.pid)
        self.assertIn(self.pid("pid"), family)
        process.kill()
        process.wait()
        self.until(lambda: all(self.gone(pid) for pid in family))
        os.unlink(self.path("pid"))
        if lost:
            queue.take_away("l1")
        cut[0] = False
        process = self.command(hosts, source, "--worker-id", worker_id)
        queue.wait_for(lambda q: q.finals() == 1)
        self.end(process)
        self.assertEqual((queue.items[0]["counted"], queue.causes()), (1, [[]]))
        self.assertEqual(queue.items[0]["attempts"] > 1, lost)
        self.assertEqual(os.path.exists(self.path("pid")), lost)  # else the function did not run again

    def test_a_new_boot_gives_back_what_a_crash_left(self):
        queue = Queue(1)
        hosts = self.cluster(queue)
        source = """
            def paint(ctx):
                if not os.path.exists("stuck"):
                    stuck()
        """
        process = self.command(hosts, source, "--worker-id", "w1")
        self.pid("stuck")
        process.kill()
        process.wait()
        process = self.command(hosts, source, "--worker-id", "w1")
        queue.wait_for(lambda q: q.finals() == 1)  # the lease would have lived for 30 s
        self.end(process)
        self.assertEqual((queue.items[0]["attempts"], queue.causes()), (2, [[]]))

    def test_a_dead_control_process_is_replaced(self):
        queue = Queue(1, ttl=6)
        process = self.command(self.cluster(queue), """
            def paint(ctx):
                note("pid", str(os.getpid()))
                wait("go")
        """)
        pid = self.pid("pid")
        for child in self.children(process.pid):
            with open("/proc/%d/cmdline" % child) as line:
                if child != pid and "spawn_main" in line.read():
                    os.kill(child, signal.SIGKILL)
        with queue.changed:
            beats = queue.beats
        queue.wait_for(lambda q: q.beats >= beats + 2)  # the first of them may have been the dead one's last
        self.touch("go")
        queue.wait_for(lambda q: q.finals() == 1)
        self.end(process)
        self.assertEqual(queue.items[0]["attempts"], 1)

    def test_a_drain_finishes_what_it_can_and_kills_the_rest(self):
        queue = Queue(3)
        queue.together = True  # three pictures for two slots: one waits
        process = self.command(self.cluster(queue), """
            def paint(ctx):
                note("pid%d" % ctx.idx, str(os.getpid()))
                if ctx.idx == 1:
                    stuck()
                wait("go")
        """, "--slots", "2", "--grace", "3")
        self.pid("pid0")
        pid = self.pid("stuck")
        process.send_signal(signal.SIGTERM)
        queue.wait_for(lambda q: q.releases)
        self.touch("go")
        self.assertEqual(process.wait(LIMIT), 0, self.read("log"))
        self.assertTrue(self.gone(pid))
        self.assertEqual((queue.releases, queue.causes()), ([("drain", [2], None), ("drain", [1], None)], [[], [], []]))
        self.assertEqual([i["counted"] for i in queue.items], [1, 0, 0])
        self.assertFalse(os.path.exists(self.path("pid2")))

    def test_an_unfit_machine_asks_for_nothing(self):
        for verdict in ("raise RuntimeError('no GPU')", "return 'no GPU'"):
            with self.subTest(verdict=verdict):
                queue = Queue(1)
                process = self.command(self.cluster(queue), """
                    def fit():
                        %s

                    def paint(ctx):
                        pass
                """ % verdict, "--fitness", "mine:fit")
                self.assertEqual(process.wait(LIMIT), 1)
                self.assertIn("unfit: no GPU", self.read("log").splitlines()[-1])
                self.assertEqual(queue.calls, [])

    def test_a_machine_that_becomes_unfit_goes(self):
        queue = Queue(2)
        process = self.command(self.cluster(queue), """
            def fit():
                return not os.path.exists("tried")

            def paint(ctx):
                note("tried")
                raise stoker_worker.OutOfMemory("24 GB")
        """, "--fitness", "mine:fit")
        self.assertEqual(process.wait(LIMIT), 1)
        self.assertIn("unfit", self.read("log").splitlines()[-1])
        self.assertEqual(sorted(queue.causes()), [[], ["oom"]])

    def test_what_does_not_start_says_why(self):
        queue = Queue(1)
        for source, handler, why in (
                ("def paint(ctx): pass", "mine:pant", "has no attribute 'pant'"),
                ("raise OSError('no weights')", "mine:paint", "no weights")):
            with self.subTest(why=why):
                process = self.command(self.cluster(queue), source, handler=handler)
                self.assertEqual(process.wait(LIMIT), 1)
                self.assertIn(why, self.read("log").splitlines()[-1])
        self.assertEqual(queue.polls, [])

    def test_a_missing_model_and_bad_input_of_a_handler_are_the_commands(self):
        queue = Queue(2)
        process = self.command(self.cluster(queue), """
            def paint(ctx):
                if ctx.idx == 0:
                    raise stoker_worker.BadInput("grey")
                if not os.path.exists("pid"):
                    note("pid", str(os.getpid()))
                    raise stoker_worker.ModelMissing("no weights for interior")
        """)
        queue.wait_for(lambda q: q.finals() == 2)
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(LIMIT), 0, self.read("log"))
        self.assertEqual((queue.causes(), queue.items[0]["final"]["error"]), ([["bad_input"], ["model_missing"]], "grey"))

    def test_bridge(self):
        queue = Queue(4)
        process = self.command(self.cluster(queue), """
            import json, urllib.request

            async def process_job(message):
                for item in message["items"]:
                    if item["idx"] == 2:
                        continue
                    body = {"idx": item["idx"], "status": "completed", "output_key": item["output_key"]}
                    urllib.request.urlopen(urllib.request.Request(message["callback_url"], json.dumps(body).encode(),
                                                                  {"X-Callback-Secret": "wrk_test"})).close()
                if len(message["items"]) == 4:
                    raise MemoryError
                stuck()
        """, "--bridge", "--slots", "8", handler="mine:process_job")
        pid = self.pid("stuck")
        self.assertEqual((queue.finals(), queue.releases), (3, [("oom", [2], None)]))
        queue.cancel(2)
        self.until(lambda: self.gone(pid))
        self.end(process)

    def test_a_bridge_whose_job_is_canceled_in_the_middle_is_killed(self):
        queue = Queue(2)
        process = self.command(self.cluster(queue), """
            import json, urllib.request

            def process_job(message):
                body = {"idx": 0, "status": "completed", "output_key": "out/0.png"}
                urllib.request.urlopen(urllib.request.Request(message["callback_url"], json.dumps(body).encode(),
                                                              {"X-Callback-Secret": "wrk_test"})).close()
                stuck()
        """, "--bridge", "--slots", "2", handler="mine:process_job")
        pid = self.pid("stuck")
        began = time.monotonic()
        queue.cancel(1)  # of the two it holds, which may be one of many that are wanted: the job's status tells
        self.until(lambda: self.gone(pid))
        self.assertLess(time.monotonic() - began, 5)  # the next renewal would have come after 10
        self.end(process)
        self.assertEqual(([i["counted"] for i in queue.items], queue.causes()), ([1, 0], [[], []]))

    def test_a_program_without_a_guard(self):
        queue = Queue(1)
        hosts = self.cluster(queue)
        with open(self.path("program.py"), "w") as out:
            out.write(textwrap.dedent("""
                import os
                from stoker_worker import Worker

                def paint(ctx):
                    assert os.getppid() == int(open("pid").read())

                if not os.path.exists("pid"):
                    open("pid", "w").write(str(os.getpid()))
                Worker(%r, %r, spool=%r).run(paint)
            """ % (hosts, TOKEN, self.spool)))
        process = self.command(hosts, "", script="program.py")
        queue.wait_for(lambda q: q.finals() == 1)
        self.end(process)
        self.assertEqual((queue.items[0]["attempts"], queue.items[0]["final"]["status"]), (1, "done"))


class SpoolTest(Case):
    def open(self, token, worker_id):
        spool = sdk._Spool(self.spool, token, worker_id)
        self.addCleanup(spool.close)
        return spool

    def test_leftovers_are_of_those_who_are_gone(self):
        mine, theirs = self.open(TOKEN, "w1"), self.open(TOKEN, "w2")
        other = self.open("wrk_other", "w3")  # another cluster: its leases may have the same ids
        for spool in (mine, theirs, other):
            spool.put("l1", "j_1", {"idx": 0, "status": "done"})
        other.close()
        self.assertEqual(len(mine.leftovers()), 1)
        theirs.close()
        found = mine.leftovers()
        self.assertEqual([r["lease_id"] for r in found.values()], ["l1", "l1"])
        self.assertTrue(all(os.path.exists(path) for path in found))

    def test_a_result_is_synced_before_it_has_its_name_and_then_its_folder(self):
        spool, order = self.open(TOKEN, "w1"), []
        real = {name: getattr(os, name) for name in ("fsync", "replace")}
        self.addCleanup(lambda: [setattr(os, name, was) for name, was in real.items()])

        def synced(number):
            order.append("folder" if stat.S_ISDIR(os.fstat(number).st_mode) else os.fstat(number).st_size)
            real["fsync"](number)

        def named(source, target):
            order.append("named")
            real["replace"](source, target)

        os.fsync, os.replace = synced, named
        path, _ = spool.put("l1", "j_1", {"idx": 0, "status": "done"})
        self.assertEqual(order, [os.path.getsize(path), "named", "folder"])

    def test_what_is_torn_or_old_is_dropped(self):
        spool = self.open(TOKEN, "w1")
        path, _ = spool.put("l1", "j_1", {"idx": 0, "status": "done"})
        with open(path) as source:
            text = source.read()
        for torn in (text[:-5], json.dumps(dict(json.loads(text), at=time.time() - 2 * sdk.SPOOL_LIFE_S)), "[]", ""):
            with open(path, "w") as out:
                out.write(torn)
            self.assertEqual(spool.leftovers(), {})
            self.assertFalse(os.path.exists(path))

    def test_one_that_cannot_be_used_costs_no_work(self):
        self.touch("spool")
        name, record = self.open(TOKEN, "w1").put("l1", "j_1", {"idx": 0})
        self.assertEqual((name, record["result"]), ("#1", {"idx": 0}))


class NodesTest(unittest.TestCase):
    def test_endpoints_are_checked(self):
        for bad in ([], ["ftp://a:1"], ["http://a:1/api"]):
            with self.assertRaises(ValueError):
                sdk.Nodes(bad, TOKEN)

    def test_gives_up_after_its_patience(self):
        nodes = sdk.Nodes(["127.0.0.1:1"], TOKEN)
        with self.assertRaises(sdk.Unreachable):
            nodes.call("/queue/lease", {}, patience=0.3)

    def test_retry_after_in_both_forms(self):
        self.assertEqual(sdk._seconds("3"), 3)
        self.assertGreater(sdk._seconds("Fri, 31 Dec 2100 23:59:59 GMT"), 1e6)
        self.assertEqual([sdk._seconds(""), sdk._seconds("soon")], [0, 0])


if __name__ == "__main__":
    unittest.main()
