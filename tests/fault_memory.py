# SPDX-License-Identifier: Apache-2.0
"""Clients that would fill the collector's memory: each bound holds, says so once and is counted, and the whole stays below 256 MiB.

KIEKER_LOAD (1 by default, 10 for all there is) says how much is sent. The largest memory of each load is printed.
"""
import json
import os
import socket
import struct
import threading
import unittest

from e2e_collector_process import Client, Collector, TRACE, entry, until

LOAD = float(os.environ.get("KIEKER_LOAD", "1"))
MOST = 256 << 20
BEFORE = TRACE + "operation.BeforeOperationEvent"
EXECUTION = "kieker.common.record.controlflow.OperationExecutionRecord"


def sanitized(collector):
    """Sanitizers take memory of their own."""
    with open("/proc/%d/maps" % collector.process.pid) as maps:
        return any("asan" in line for line in maps)


def largest(collector):
    """The most memory that it had so far, in bytes."""
    with open("/proc/%d/status" % collector.process.pid) as status:
        return next(int(line.split()[1]) << 10 for line in status if line.startswith("VmHWM"))


def befores(traces, order, time=1795360226000000000, operation=1, class_id=2):
    """One Before event of each trace, names 0 to 2 being announced."""
    record = struct.Struct(">iqqqiii")
    return b"".join(record.pack(0, -1, time, trace, order, operation, class_id) for trace in traces)


def names(count, first=3, size=24):
    """Registry entries with unlike texts."""
    return b"".join(entry(n, ("%0*x" % (size, n))) for n in range(first, first + count))


HEAD = entry(0, BEFORE) + entry(1, "void shop.Catalog.main()") + entry(2, "shop.Catalog")


class Bounded(unittest.TestCase):
    def setUp(self):
        self.collector = Collector("--log-level", "info")
        self.addCleanup(self.collector.__exit__)

    def send(self, pieces):
        with self.collector.connect() as sock:
            for piece in pieces:
                sock.sendall(piece)

    def fill(self, pieces):
        """Sends what it may: who sends too much is closed."""
        try:
            self.send(pieces)
        except OSError:
            pass

    def finish(self, records=None, warning=None, losing=None):
        """All is stored, a good client is served, it ends; what was the most memory?"""
        until(lambda: self.collector.metric("connections") == 0, "their end")
        self.collector.settled(0)
        before = self.collector.verb("traces")["total"]
        self.collector.send(Client().trace(1, ["good", "callee"]))
        until(lambda: self.collector.verb("traces")["total"] > before, "a good client's trace")
        self.collector.settled(0)
        if records is not None:
            self.assertEqual(self.collector.metric("records_total"), records + 5)
        if losing is None:
            self.assertEqual(sum(n for name, n in self.collector.metrics().items() if name.startswith("kieker_connections_lost")), 0)
        most = largest(self.collector)
        print("%s: %d MiB" % (self.id().split(".")[-1], most >> 20))
        if not sanitized(self.collector):
            self.assertLess(most, MOST)
        if warning:
            lines = self.collector.log_lines(" warn ", warning)
            self.assertTrue(lines)
            self.assertIn("options=", lines[0])
            self.assertIn(warning, self.collector.verb("status")["rows"][0]["counters"])
        self.assertEqual(self.collector.stop(), 0)
        self.assertNotIn("ERROR: ", self.collector.log())


class Memory(Bounded):
    def test_open_traces(self):
        """As many as may be open, each of them deep and long."""
        turns, traces = int(60 * LOAD), range(1 << 16)
        blob = befores(traces, 0)
        self.send([HEAD] + [blob] * turns)
        self.finish(len(traces) * turns, "evicted")

    def test_more_traces_than_may_be_open(self):
        count = int(200000 * LOAD)
        self.send([HEAD] + [befores(range(first, first + 1000), 0) for first in range(0, count, 1000)])
        self.finish(count // 1000 * 1000, "evicted")

    def test_one_deep_trace(self):
        """Deeper than is followed."""
        depth = (1 << 20) + 100000
        blob = befores([7] * 10000, 0)
        self.send([HEAD] + [blob] * (depth // 10000))
        self.finish(depth // 10000 * 10000, "too_deep")

    def test_executions_that_are_never_whole(self):
        record = struct.Struct(">iqiiqqqiii")
        count = int(200000 * LOAD)
        blob = b"".join(record.pack(0, -1, 1, 2, n % 50, 5, 9, 3, 1 + n // 50 % (1 << 20), 1 + n // 50) for n in range(50000))
        head = entry(0, EXECUTION) + entry(1, "void shop.Catalog.main()") + entry(2, "session") + entry(3, "host")
        self.send([head] + [blob] * (count // 50000))
        self.finish(count // 50000 * 50000)

    def test_executions_as_deep_as_can_be(self):
        """All of one trace, which is put together in one piece."""
        record = struct.Struct(">iqiiqqqiii")
        count = int(262144 * LOAD)
        head = entry(0, EXECUTION) + entry(1, "void shop.Catalog.main()") + entry(2, "session") + entry(3, "host")
        blobs = [b"".join(record.pack(0, -1, 1, 2, 7, n, n + 9, 3, n, n) for n in range(at, min(at + 10000, count)))
                 for at in range(0, count, 10000)]
        self.send([head] + blobs[::-1])
        self.finish(count)

    def test_names(self):
        """Every one of them becomes an operation."""
        count = int(60000 * LOAD)
        record = struct.Struct(">iqqqiii")
        pieces = [HEAD]
        for first in range(3, count, 1000):
            pieces.append(names(1000, first, 40))
            pieces += [record.pack(0, -1, 1795360226000000000, 1, 0, n, 2) for n in range(first, first + 1000)]
        self.fill([b"".join(pieces)])
        self.finish(*([len(range(3, count, 1000)) * 1000] if LOAD <= 1 else [None, None, "any"]))

    def test_long_names(self):
        """A mebibyte each: they fill what names may take."""
        count = int(60 * max(1, LOAD))
        record = struct.Struct(">iqqqiii")
        self.fill([HEAD] + [entry(n, "%d " % n + "x" * ((1 << 20) - 20)) + record.pack(0, -1, 1795360226000000000, 1, 0, n, 2)
                            for n in range(3, 3 + count)])
        self.finish(*([count, "names_refused"] if LOAD <= 1 else [None, None, "any"]))

    def test_many_classes_and_paths(self):
        """Traces of which none is like another."""
        count = int(3000 * LOAD)
        record = struct.Struct(">iqqqiii")
        pieces = [HEAD, names(300)]
        for trace in range(count):
            pieces += [record.pack(0, -1, 1795360226000000000 + n, trace, n, 3 + (trace * 7 + n * (1 + trace // 300)) % 300, 2)
                       for n in range(60)]
        self.send([b"".join(pieces)])
        self.finish(count * 60)

    def test_registries_of_many_clients(self):
        """They are closed when all together hold too much, whoever has most first."""
        def fill(sock, blob):
            try:
                sock.sendall(blob)
            except ConnectionError:
                pass
        count, blob = 200, HEAD + names(int(3000 * LOAD), size=200)
        socks = [self.collector.connect() for _ in range(count)]
        for sock in socks:
            sock.settimeout(60)
        threads = [threading.Thread(target=lambda part: [fill(sock, blob) for sock in part], args=(socks[n::4],)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        until(lambda: self.collector.lost("memory_limit") >= 1, "the greedy ones' end")
        for sock in socks:
            sock.close()
        self.assertIn("--stream-memory", self.collector.log_lines(" warn ")[0])
        self.finish(losing="memory_limit")

    def test_pairs_of_names(self):
        """Each signature with each class: what is remembered of a client's strings is counted as theirs."""
        record = struct.Struct(">iqqqiii")
        count = int(300 * min(LOAD, 4))
        pieces = [HEAD, names(2 * count)]
        pieces += [record.pack(0, -1, 1795360226000000000, 1, 0, 3 + n % count, 3 + count + n // count) for n in range(count * count)]
        self.fill([b"".join(pieces)])
        self.finish(losing="any")


class AllAtOnce(Bounded):
    """Everybody means harm at the same time."""

    def open_traces(self):
        self.fill([HEAD] + [befores(range(1 << 16), 0)] * int(20 * LOAD))

    def more_traces(self):
        self.fill([HEAD] + [befores(range(first, first + 1000), 0) for first in range(0, int(200000 * LOAD), 1000)])

    def executions(self):
        record = struct.Struct(">iqiiqqqiii")
        head = entry(0, EXECUTION) + entry(1, "void shop.Catalog.main()") + entry(2, "session") + entry(3, "host")
        blob = b"".join(record.pack(0, -1, 1, 2, n % 50, 5, 9, 3, 1 + n // 50, 1 + n // 50) for n in range(50000))
        self.fill([head] + [blob] * int(4 * LOAD))

    def classes_and_paths(self):
        record = struct.Struct(">iqqqiii")
        for part in range(max(1, int(LOAD))):
            pieces = [HEAD, names(300)]
            for trace in range(3000):
                pieces += [record.pack(0, -1, 1795360226000000000 + n, trace, n, 3 + (trace * 7 + n * (1 + trace // 300 + part * 10)) % 300, 2)
                           for n in range(60)]
            self.fill([b"".join(pieces)])

    def registries(self):
        blob, socks = HEAD + names(int(300 * LOAD), size=100), []
        for _ in range(int(200 * min(LOAD, 10))):
            try:
                sock = self.collector.connect()
                socks.append(sock)
                sock.sendall(blob)
            except OSError:
                pass
        for sock in socks:
            sock.close()

    def spans(self):
        for request in range(int(30 * LOAD)):
            spans = [{"traceId": "%032x" % (request * 1000 + n), "spanId": "%016x" % (n + 1), "name": "s%d" % n, "startTimeUnixNano": "1795360226000000000",
                      "endTimeUnixNano": "1795360226000001000", "kind": 1} for n in range(1000)]
            body = {"resourceSpans": [{"resource": {"attributes": []}, "scopeSpans": [{"scope": {"name": "x"}, "spans": spans}]}]}
            try:
                self.collector.ask("/v1/traces", "POST", {"Content-Type": "application/json"}, json.dumps(body))
            except OSError:
                pass

    def test_all(self):
        loads = [threading.Thread(target=load) for load in (self.open_traces, self.more_traces, self.executions, self.classes_and_paths, self.registries,
                                                            self.spans)]
        for load in loads:
            load.start()
        for load in loads:
            load.join()
        until(lambda: self.collector.metric("spans_waiting_bytes") == 0, "the end of what waits for its trace's rest")
        self.finish(losing="any")


class SmallBounds(unittest.TestCase):
    """The same bounds as options: small ones are reached soon."""

    def check(self, counter, data, *options):
        with Collector(*options) as collector:
            collector.send(data)
            until(lambda: collector.metric("connections") == 0 and collector.metric("connections_total") == 1, "its end")
            until(lambda: counter in collector.verb("status")["rows"][0]["counters"], counter)
            line, = collector.log_lines(" warn bounds event=%s " % counter)
            for option in options[::2]:
                self.assertIn(option, line)
            self.assertEqual(collector.stop(), 0)

    def test_open_traces(self):
        self.check("evicted", HEAD + befores(range(30), 0), "--open-traces", "10")

    def test_depth(self):
        self.check("too_deep", HEAD + befores([1] * 30, 0), "--trace-depth", "10")

    def test_names(self):
        self.check("names_refused", HEAD + b"".join(entry(n, "n%d" % n) + befores([n], 0, operation=n) for n in range(3, 2000)), "--names", "1024")

    def test_paths(self):
        self.check("calls_folded", HEAD + befores([1] * 100, 0), "--paths", "16")

    def test_classes(self):
        data = HEAD + b"".join(befores([n] * n, 0) for n in range(1, 40))
        self.check("classes_refused", data, "--classes", "16")

    def test_strings(self):
        self.check("too_many_names", HEAD + names(20), "--strings", "20")

    def test_long_string(self):
        self.check("too_many_names", HEAD + entry(4, "x" * 2000), "--string-length", "1K")

    def test_lower_than_what_there_is(self):
        """Bounds are of what is new: a database that has more is taken as it is."""
        with Collector() as collector:
            client = Client()
            collector.send(b"".join(client.trace(n, ["a%d" % n, "b%d" % n]) for n in range(40)))
            collector.settled(200)
            self.assertEqual(collector.stop(), 0)
            again = Collector("--classes", "16", "--paths", "16", "--operations", "16", "--names", "1024", directory=collector.directory)
            again.send(Client().trace(1, ["new"]))
            again.settled(3)
            self.assertEqual(again.verb("traces")["total"], 41)
            self.assertEqual(again.stop(), 0)


if __name__ == "__main__":
    socket.setdefaulttimeout(60)
    unittest.main(verbosity=2)
