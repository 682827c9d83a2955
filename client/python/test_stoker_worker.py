"""Tests of the worker against three nodes that behave: real HTTP, leases that run out, answers that get lost.

Run with: python3 -m unittest
"""
import json
import logging
import os
import random
import signal
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


class Queue:
    """The replicated state of the three nodes: one job's pictures, leases with deadlines and fences, objects."""

    def __init__(self, items, ttl=30):
        self.changed = threading.Condition()
        self.ttl = ttl
        self.items = [{"lease": None, "final": None, "counted": 0, "attempts": 0} for _ in range(items)]
        self.leases, self.grants, self.objects = {}, {}, {}
        self.cancels, self.releases, self.progress, self.beats, self.lost = [], [], [], 0, 0
        self.closed = False
        for idx in range(items):
            self.objects["/photos/in/%d.jpg" % idx] = b"\xff\xd8 picture %d" % idx

    def wait_for(self, what):
        with self.changed:
            if not self.changed.wait_for(lambda: what(self), LIMIT):
                raise AssertionError("it never came")

    def finals(self):
        return sum(item["final"] is not None for item in self.items)

    def post(self, path, body, host):
        with self.changed:
            try:
                return self._post(path.partition("?")[0].strip("/").split("/"), path, body, host)
            finally:
                self.changed.notify_all()

    def _post(self, parts, path, body, host):
        self._expire()
        if parts == ["queue", "lease"]:
            until = time.monotonic() + body["wait_s"]
            while not self.closed:
                message = self._grant(body, host)
                if message or time.monotonic() >= until:
                    return (200, message) if message else (204, None)
                self.changed.wait(min(0.2, until - time.monotonic()))
                self._expire()
            return 204, None
        if parts[0] == "jobs":
            return self._callback(path, body)
        lease = self.leases.get(parts[2])
        if lease is None:
            self.lost += 1
            return 409, "LEASE_LOST"
        lease["until"] = time.monotonic() + self.ttl
        return getattr(self, "_" + parts[3])(parts[2], lease, body)

    def _grant(self, body, host):
        if body["poll_id"] in self.grants:
            return self.grants[body["poll_id"]]
        ready = [i for i, item in enumerate(self.items) if item["lease"] is None and item["final"] is None]
        ready = ready[:body["max_items"]]
        if not ready:
            return None
        name = "l%d" % (len(self.grants) + 1)
        self.leases[name] = {"items": ready, "until": time.monotonic() + 10}
        for idx in ready:
            self.items[idx]["lease"] = name
            self.items[idx]["attempts"] += 1
        base = "http://%s/photos/" % host
        message = {
            "lease_id": name, "fence": len(self.grants) + 1, "attempt": 1, "ttl_s": self.ttl, "job_id": "j_1", "user_id": "u_1",
            "preset": "interior", "concepts": {"Wall": {"action": "recolor", "value": "#88aacc"}}, "protect": ["Grout"],
            "items": [{
                "idx": i, "input_key": "in/%d.jpg" % i, "output_key": "out/%d.png" % i, "preview_key": "pre/%d.jpg" % i,
                "input_url": base + "in/%d.jpg?sig=%s" % (i, host), "output_url": base + "out/%d.png?sig=%s" % (i, host),
                "preview_url": base + "pre/%d.jpg?sig=%s" % (i, host),
            } for i in ready],
            "callback_url": "http://%s/jobs/j_1/callback?lease=%s" % (host, name),
            "idempotency_prefix": "j_1:" + name, "batch_concurrency": 2,
        }
        self.grants[body["poll_id"]] = message
        return message

    def _heartbeat(self, name, lease, body):
        self.beats += 1
        self.progress += body["progress"]
        return 200, {"expires_at": "", "cancel": self.cancels}

    def _results(self, name, lease, body):
        processed = sum(self._end(name, result) for result in body["results"])
        return 200, {"processed": processed, "duplicates": len(body["results"]) - processed, "job_status": "running"}

    def _release(self, name, lease, body):
        items = [i for i in body.get("items", lease["items"]) if self.items[i]["lease"] == name]
        self.releases.append((body["reason"], items, body.get("delay_s")))
        for idx in items:
            self.items[idx]["lease"] = None
        return 200, {"requeued": len(items)}

    def _callback(self, path, body):
        name = path.partition("?lease=")[2]
        if name not in self.leases:
            return 409, "LEASE_LOST"
        return 200, {"processed": self._end(name, body)}

    def _end(self, name, result):
        item = self.items[result["idx"]]
        if item["final"] or item["lease"] != name:
            return False
        item["lease"] = None
        if result["status"] in ("done", "completed") or not result.get("retryable") or item["attempts"] >= 3:
            item["final"], item["counted"] = result, item["counted"] + 1
        return True

    def _expire(self):
        for name in [n for n, lease in self.leases.items() if time.monotonic() > lease["until"]]:
            self.take_away(name)

    def take_away(self, name):
        for idx in self.leases.pop(name)["items"]:
            if self.items[idx]["lease"] == name:
                self.items[idx]["lease"] = None


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
        self.send_response(status)
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        try:
            self.wfile.write(body)
        except OSError:
            pass  # the worker broke off its poll

    def log_message(self, *_):
        pass


class Cluster(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_):
        pass  # cut connections are the point here


class WorkerTest(unittest.TestCase):
    def setUp(self):
        logging.getLogger("stoker").addHandler(logging.NullHandler())
        logging.getLogger("stoker").propagate = False

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

    def start(self, queue, handler, trouble=lambda path: None, **options):
        """Run a worker in a thread; end(worker) stops it and sees that it goes in peace."""
        worker = sdk.Worker(self.cluster(queue, trouble), TOKEN, "w1", wait_s=20, **options)
        worker.thread = threading.Thread(target=worker.run, args=(handler,), daemon=True)
        worker.thread.start()
        return worker

    def end(self, worker):
        worker.stop()
        worker.thread.join(LIMIT)
        self.assertFalse(worker.thread.is_alive(), "the worker does not drain")

    def test_a_picture_is_made(self):
        queue = Queue(1)

        def paint(ctx):
            self.assertEqual((ctx.preset, ctx.protect, ctx.concepts["Wall"]["action"]), ("interior", ["Grout"], "recolor"))
            with tempfile.TemporaryDirectory() as folder:
                path = os.path.join(folder, "picture")
                ctx.download(path)
                ctx.upload_output(path)  # a file is streamed
            ctx.upload_preview(ctx.download()[:2])

        worker = self.start(queue, paint)
        queue.wait_for(lambda q: q.finals() == 1)
        self.end(worker)
        want = {"idx": 0, "status": "done", "output_key": "out/0.png", "preview_key": "pre/0.jpg"}
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
        queue, enough = Queue(1, ttl=1), threading.Event()

        def paint(ctx):
            ctx.progress(40)
            enough.wait(LIMIT)

        worker = self.start(queue, paint)
        queue.wait_for(lambda q: q.beats >= 8)  # two lifetimes and more
        enough.set()
        queue.wait_for(lambda q: q.finals() == 1)
        self.end(worker)
        self.assertEqual((queue.items[0]["attempts"], queue.progress), (1, [{"idx": 0, "percent": 40}]))

    def test_a_canceled_picture_is_dropped_and_its_neighbour_goes_on(self):
        queue, dropped = Queue(2, ttl=1), threading.Event()
        queue.cancels = [1]

        def paint(ctx):
            if ctx.idx == 1:
                self.until(ctx.canceled)
                dropped.set()
            else:
                dropped.wait(LIMIT)

        worker = self.start(queue, paint, slots=2)
        queue.wait_for(lambda q: q.finals() == 1)
        self.end(worker)
        self.assertEqual([i["counted"] for i in queue.items], [1, 0])

    def test_nothing_is_said_under_a_lost_lease(self):
        queue, seen = Queue(1, ttl=1), threading.Event()

        def paint(ctx):
            self.until(ctx.canceled)
            seen.set()

        worker = self.start(queue, paint)
        queue.wait_for(lambda q: q.beats >= 1)
        with queue.changed:
            queue.take_away("l1")
            queue.items[0]["final"] = {"status": "done"}  # somebody else made it
        self.assertTrue(seen.wait(LIMIT))
        self.end(worker)
        self.assertEqual((queue.lost, queue.releases, queue.items[0]["counted"]), (1, [], 0))

    def test_verdicts(self):
        cases = [
            (sdk.BadInput("not a JPEG"), 1, []),
            (sdk.Retry("busy GPU"), 3, []),
            (ValueError("a defect"), 3, []),
            (sdk.Retry("busy GPU", after=7), 2, [("retry: busy GPU", [0], 7)]),
        ]
        for error, attempts, releases in cases:
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
                self.assertEqual((queue.items[0]["attempts"], queue.items[0]["counted"]), (attempts, 1))
                self.assertEqual((queue.items[0]["final"]["status"], queue.releases), ("failed", releases))

    def test_stop_while_parked_comes_at_once(self):
        queue = Queue(0)
        parked = threading.Event()

        def trouble(path):
            parked.set()

        worker = self.start(queue, lambda ctx: None, trouble=trouble)
        self.assertTrue(parked.wait(LIMIT))
        began = time.monotonic()
        self.end(worker)
        self.assertLess(time.monotonic() - began, 5)  # the poll was parked for 20

    def test_a_drain_gives_back_first_and_leaves_a_stuck_function_behind(self):
        queue, stuck = Queue(2), threading.Event()
        self.addCleanup(stuck.set)
        limit, sdk.LAST_WORDS_S = sdk.LAST_WORDS_S, 1.0
        self.addCleanup(setattr, sdk, "LAST_WORDS_S", limit)
        worker = self.start(queue, lambda ctx: stuck.wait(LIMIT), slots=2)
        queue.wait_for(lambda q: q.beats >= 1)
        self.end(worker)
        self.assertEqual(queue.releases, [("drain", [0, 1], None)])

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
        worker = sdk.Worker(self.cluster(Queue(1)), "wrk_other", "w1")
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

    def test_sigterm_drains_the_command(self):
        queue = Queue(1)
        hosts = self.cluster(queue)
        with tempfile.TemporaryDirectory() as folder:
            with open(os.path.join(folder, "mine.py"), "w") as out:
                out.write(textwrap.dedent("""
                    import threading
                    def paint(ctx):
                        while not ctx.canceled():
                            threading.Event().wait(0.02)
                """))
            process = self.command(folder, hosts, "mine:paint")
            queue.wait_for(lambda q: q.beats >= 1)
            process.send_signal(signal.SIGTERM)
            output, _ = process.communicate(timeout=LIMIT)
        self.assertEqual((process.returncode, queue.releases), (0, [("drain", [0], None)]), output)

    def test_bad_input_of_a_handler_is_the_commands_bad_input(self):
        queue = Queue(1)
        hosts = self.cluster(queue)
        with tempfile.TemporaryDirectory() as folder:
            with open(os.path.join(folder, "mine.py"), "w") as out:
                out.write("import stoker_worker\ndef paint(ctx):\n    raise stoker_worker.BadInput('grey')\n")
            process = self.command(folder, hosts, "mine:paint")
            queue.wait_for(lambda q: q.finals() == 1)
            process.send_signal(signal.SIGINT)
            output, _ = process.communicate(timeout=LIMIT)
        self.assertEqual((process.returncode, queue.items[0]["attempts"], queue.items[0]["final"]["error"]), (0, 1, "grey"), output)

    def command(self, folder, hosts, handler):
        return subprocess.Popen(
            [sys.executable, os.path.join(HERE, "stoker_worker.py"), "--endpoints", ",".join(hosts), "--handler", handler],
            cwd=folder, env=dict(os.environ, STOKER_WORKER_TOKEN=TOKEN), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def until(self, done):
        deadline = time.monotonic() + LIMIT
        while not done():
            self.assertLess(time.monotonic(), deadline)
            threading.Event().wait(0.02)


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
