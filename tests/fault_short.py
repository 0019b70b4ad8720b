# SPDX-License-Identifier: Apache-2.0
"""Memory runs short at drawn moments of a collector's life: once, for a while, or for good.

It may refuse a client or a request, or end at once with one sentence; but it never hangs, and what it has stored is right: the next start goes on,
and an agent with a session has all of its records stored exactly once.

KIEKER_LOAD (1 by default) multiplies the moments that are tried; SEED draws others.
"""
import http.client
import json
import os
import random
import signal
import socket
import sqlite3
import struct
import unittest

from e2e_collector_process import Client, Collector, PATIENCE, program, until
from e2e_resume import Connection, Stream

LOAD = float(os.environ.get("KIEKER_LOAD", "1"))
SEED = int(os.environ.get("SEED", "1"))
HELPER = os.path.join(os.path.abspath(os.environ.get("builddir", ".")), "tests", ".libs", "short_memory.so")
TRACES = 400
GOOD = 1 << 62


def setUpModule():
    with open(program(), "rb") as binary:
        if b"__asan_init" in binary.read():
            raise unittest.SkipTest("sanitizers bring a malloc of their own")
    if not os.path.exists(HELPER):
        raise FileNotFoundError("%s is not there: make check builds it" % HELPER)


class Shortage:
    """Of a collector's memory: the file that tests/short_memory.c shares."""

    def __init__(self, directory):
        self.path = os.path.join(directory, "memory")
        self.set(0, 0)

    def set(self, first, many):
        # In place: the collector has it in its memory.
        with open(self.path, "r+b" if os.path.exists(self.path) else "wb") as file:
            file.write(struct.pack("=QQQ", 0, first, many))

    def count(self):
        with open(self.path, "rb") as file:
            return struct.unpack("=QQQ", file.read(24))[0]


def spans():
    """A request of two spans, one below the other."""
    def span(number, parent):
        return {"traceId": "%032x" % 77, "spanId": "%016x" % number, "parentSpanId": parent, "name": "span%d" % number,
                "startTimeUnixNano": str(1795360226000000000 + number), "endTimeUnixNano": str(1795360226000001000 - number), "kind": 1}
    return json.dumps({"resourceSpans": [{"resource": {"attributes": []}, "scopeSpans": [
        {"scope": {"name": "scope"}, "spans": [span(1, ""), span(2, "%016x" % 1)]}]}]})


def ask_all(collector):
    """Whoever is answered is answered well, or told that it could not be."""
    for method, path, body in (("GET", "/metrics", None), ("GET", "/api/v1/status", None), ("GET", "/api/v1/traces?slowest=5", None),
                               ("GET", "/api/v1/graph", None), ("GET", "/api/v1/tree", None), ("POST", "/v1/traces", spans())):
        try:
            status, _, answer = collector.ask(path, method, {"Content-Type": "application/json"} if body else None, body)
        except (OSError, http.client.HTTPException):
            continue
        assert status == 200 or status >= 500, (path, status, answer)
        if status == 200 and path.startswith("/api"):
            json.loads(answer)


def deliver(collector, stream, at, size=None):
    """Sends the stream from there on; says how far it is stored when the connection ends, or it is as far as `size`."""
    size = size or len(stream.bytes)
    try:
        connection = Connection(collector, stream, at)
    except OSError:
        return at
    try:
        connection.send(at, size)
        if size == len(stream.bytes):
            connection.socket.shutdown(socket.SHUT_WR)
        while at < size:
            word = connection.hear()
            if word is None:
                break
            assert word[0] == "kieker:committed", word
            at = max(at, word[1]["position"])
    except OSError:
        pass
    finally:
        connection.socket.close()
    return at


class Short(unittest.TestCase):
    def stream(self):
        stream = Stream("agents")
        for trace in range(TRACES):
            stream.add(stream.trace(trace, ["op%d" % (trace % 50), "callee%d" % (trace % 7)]))
        return stream.text("kieker:end")

    def life(self, collector, stream):
        """All that a collector does. Where the stream has come to."""
        at = 0
        try:
            collector.send(b"".join(Client().trace(n, ["plain", "callee"]) for n in range(100)))
        except OSError:
            pass
        for _ in range(5):
            at = deliver(collector, stream, at)
            if at == len(stream.bytes) or collector.process.poll() is not None:
                break
        ask_all(collector)
        return at

    def start(self, first, many):
        collector = Collector(start=False)
        self.addCleanup(collector.__exit__)
        self.shortage = Shortage(collector.directory)
        self.preloaded(collector, first, many)
        return collector

    def preloaded(self, collector, first, many):
        self.shortage.set(first, many)
        os.environ["LD_PRELOAD"], os.environ["SHORT_MEMORY"] = HELPER, self.shortage.path
        try:
            collector.start()
        except AssertionError:
            self.assertIsNotNone(collector.process.poll(), collector.log())
        finally:
            del os.environ["LD_PRELOAD"], os.environ["SHORT_MEMORY"]

    def check_end(self, collector):
        """It ended well, or with a sentence."""
        try:
            status = collector.stop()
        except AssertionError:
            self.fail(collector.log())
        said = collector.log()
        self.assertIn(status, (0, 1), said)
        if status:
            self.assertRegex(said, "memory|kieker-collector: ")
        self.assertNotIn("lost_records=1", said)

    def try_moment(self, first, many):
        """In its first life; or, first below 0, while it goes on with what a killed one has left."""
        stream, at = self.stream(), 0
        collector = self.start(max(first, 0), many if first > 0 else 0)
        if collector.process.poll() is None:
            at = self.life(collector, stream) if first > 0 else deliver(collector, stream, 0, stream.ends()[len(stream.items) // 2])
        if first < 0:
            collector.stop(signal.SIGKILL)
            self.preloaded(collector, -first, many)
        self.check_end(collector)
        if not os.path.exists(collector.database):
            return
        os.rename(collector.log_path, collector.log_path + ".before")
        collector.start()
        again = 0
        while at < len(stream.bytes):
            at = deliver(collector, stream, at)
            again += 1
            self.assertLess(again, 5, collector.log())
        self.look(collector)
        self.assertEqual(collector.stop(), 0)
        with sqlite3.connect(collector.database) as database:
            self.assertEqual(database.execute("PRAGMA integrity_check").fetchall(), [("ok",)])
        database.close()

    def look(self, collector):
        """What the agent recorded is there once; of a client without session a prefix at most."""
        collector.send(Client().trace(GOOD, ["good"]))
        until(lambda: collector.verb("traces", root="good")["total"] == 1, "a good client's trace")
        of_agent = collector.verb("traces", run="agents", limit=1)
        self.assertEqual(of_agent["total"], TRACES)
        self.assertEqual(collector.verb("traces", run="agents", state="complete", limit=1)["total"], TRACES)
        calls = {row["operation"]: row["calls"] for row in collector.verb("operations", run="agents", limit=1000)["rows"]}
        self.assertEqual(sum(calls.values()), 2 * TRACES)
        self.assertEqual(calls["callee0"], (TRACES + 6) // 7)
        plain = collector.verb("traces", root="plain", limit=1000)["rows"]
        self.assertLessEqual(len(plain), 100)

    def test_moments(self):
        collector = self.start(0, 0)
        ready = self.shortage.count()
        self.assertEqual(self.life(collector, stream := self.stream()), len(stream.bytes))
        self.check_end(collector)
        whole = self.shortage.count()
        draw = random.Random(SEED)
        print("%d requests for memory until it is ready, %d in all" % (ready, whole))
        for moment in range(int(24 * LOAD)):
            first = [draw.randrange(1, ready), -draw.randrange(1, ready), draw.randrange(ready, whole), draw.randrange(ready, whole)][moment % 4]
            many = (1, 1 << 62, 30)[moment % 3]
            with self.subTest(first=first, many=many):
                self.try_moment(first, many)

    def test_room_again(self):
        """A collector that was short while it rested goes on."""
        collector = self.start(0, 0)
        self.shortage.set(1, 1 << 62)
        collector.process.send_signal(signal.SIGHUP)
        ask_all(collector)
        self.shortage.set(0, 0)
        if collector.process.poll() is None:
            stream = self.stream()
            self.assertEqual(deliver(collector, stream, 0), len(stream.bytes), collector.log())
            self.look(collector)
        self.check_end(collector)


if __name__ == "__main__":
    socket.setdefaulttimeout(PATIENCE)
    unittest.main(verbosity=2)
