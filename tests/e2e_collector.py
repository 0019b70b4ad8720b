# SPDX-License-Identifier: Apache-2.0
"""Streams of real clients, sent to the real collector, give the same traces however the network cuts them."""
import collections
import glob
import json
import os
import struct
import threading
import time
import unittest

from e2e_collector_process import Client, Collector, until

CAPTURES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "data", "captures")
AT_A_TIME = 400  # connections


def items_of(path):
    with open(path[:-len(".bin")] + ".decoded.jsonl") as f:
        return [json.loads(line) for line in f]


class Capture:
    def __init__(self, path):
        self.path = path
        with open(path, "rb") as f:
            self.bytes = f.read()
        self.items = items_of(path)
        self.records = [item for item in self.items if "cls" in item]
        self.executions = [item["off"] for item in self.records if item["cls"].endswith(".OperationExecutionRecord")]
        self.next_trace = 1000

    def sent_once_more(self):
        """The bytes, but with another trace id in executions: these belong to one trace for all connections, by design."""
        self.next_trace += 1
        out = bytearray(self.bytes)
        for offset in self.executions:
            struct.pack_into(">q", out, offset + 20, self.next_trace)
        return bytes(out)


def captures():
    return [Capture(path) for path in sorted(glob.glob(os.path.join(CAPTURES, "*.bin"))) if "dual" not in path]


def traces_by_stream(collector):
    """For each stream, its traces without what must differ: numbers of rows and streams, and trace ids of executions."""
    streams = collections.defaultdict(list)
    for row in collector.all_traces():
        stream = row.pop("stream")
        row.pop("id")
        if int(row["trace_id"]) > 1000 and int(row["trace_id"]) < 1 << 20:
            row["trace_id"] = "execution"
        streams[stream].append(json.dumps(row, sort_keys=True))
    return [sorted(traces) for traces in streams.values()]


@unittest.skipUnless(glob.glob(os.path.join(CAPTURES, "*.bin")), "tests/data/captures is not there")
class Captures(unittest.TestCase):
    def check(self, capture, times, send):
        """Sends the capture whole, then `times` times by send(collector): all streams must have the traces of the first."""
        with Collector() as collector:
            collector.send(capture.sent_once_more())
            collector.settled(len(capture.records))
            reference, = traces_by_stream(collector)
            self.assertTrue(reference)
            send(collector)
            collector.settled(len(capture.records) * (times + 1))
            metrics = collector.metrics()
            self.assertEqual(metrics["kieker_records_total"], len(capture.records) * (times + 1))
            self.assertEqual(metrics["kieker_registry_entries_total"], (len(capture.items) - len(capture.records)) * (times + 1))
            self.assertEqual(metrics["kieker_bytes_total"], len(capture.bytes) * (times + 1))
            self.assertEqual(sum(n for name, n in metrics.items() if name.startswith("kieker_connections_lost")), 0)
            streams = traces_by_stream(collector)
            self.assertEqual(len(streams), times + 1)
            for traces in streams:
                self.assertEqual(traces, reference)
            self.assertEqual(collector.stop(), 0)

    def test_cut_at_every_byte(self):
        for capture in captures():
            with self.subTest(capture=os.path.basename(capture.path)):
                cuts = list(range(1, len(capture.bytes)))

                def in_two_pieces(collector, capture=capture, cuts=cuts):
                    sent = len(capture.bytes)
                    for first in range(0, len(cuts), AT_A_TIME):
                        group = [(collector.connect(), cut, capture.sent_once_more()) for cut in cuts[first:first + AT_A_TIME]]
                        for sock, cut, data in group:
                            sock.sendall(data[:cut])
                        sent += sum(cut for _, cut, _ in group)
                        # Only what has been read is cut.
                        until(lambda: collector.metric("bytes_total") == sent, "the first pieces to be read")
                        for sock, cut, data in group:
                            sock.sendall(data[cut:])
                            sock.close()
                        sent += sum(len(data) - cut for _, cut, data in group)
                        until(lambda: collector.metric("bytes_total") == sent, "the second pieces to be read")
                self.check(capture, len(cuts), in_two_pieces)

    def test_byte_by_byte(self):
        def drip(collector, data):
            with collector.connect() as sock:
                for at in range(len(data)):
                    sock.sendall(data[at:at + 1])
                    time.sleep(0.0002)

        for capture in captures():
            with self.subTest(capture=os.path.basename(capture.path)):
                def slowly(collector, capture=capture):
                    threads = [threading.Thread(target=drip, args=(collector, capture.sent_once_more())) for _ in range(2)]
                    for thread in threads:
                        thread.start()
                    for thread in threads:
                        thread.join()
                self.check(capture, 2, slowly)

    def test_all_at_once_in_one_collector(self):
        """Clients whose trace ids collide, beside each other."""
        with Collector() as collector:
            expected = 0
            for capture in captures():
                for _ in range(5):
                    collector.send(capture.sent_once_more())
                    expected += len(capture.records)
            collector.settled(expected)
            self.assertEqual(collector.metric("records_total"), expected)
            self.assertEqual(len(traces_by_stream(collector)), 5 * len(captures()))

    def test_call_tree(self):
        path = os.path.join(CAPTURES, "python-single.bin")
        if not os.path.exists(path):
            self.skipTest("%s is not there" % path)
        with Collector() as collector:
            capture = Capture(path)
            collector.send(capture.bytes)
            collector.settled(len(capture.records))
            slowest, failed = collector.verb("traces", sort="id", order="asc")["rows"]
            self.assertEqual([row["failed"] for row in (slowest, failed)], [0, 1])
            answer = collector.verb("trace", id=failed["id"])
            root, = answer["rows"]
            callee, = root["children"]
            self.assertEqual((root["operation"], root["component"], root["failed"]), ("main", "mod.Bookstore", False))
            self.assertEqual((callee["operation"], callee["component"]), ("grüße", "mod.Catalog"))
            self.assertEqual((callee["failed"], callee["cause"]), (True, "ValueError('é; x')"))


class Visibility(unittest.TestCase):
    """What has ended is soon to be seen. How soon is printed, not asserted."""

    def test_running_trace(self):
        with Collector("--batch-interval", "300ms") as collector, collector.connect() as sock:
            client = Client()
            sock.sendall(client.metadata(1) + client.event("BeforeOperationEvent", 1, 0, "main"))
            until(lambda: collector.verb("traces", state="running")["rows"], "the running trace")
            waits = []
            for call in range(10):
                sock.sendall(client.event("BeforeOperationEvent", 1, 1 + 2 * call, "step"))
                sock.sendall(client.event("AfterOperationEvent", 1, 2 + 2 * call, "step"))
                sent = time.monotonic()
                until(lambda: collector.verb("traces")["rows"][0]["calls"] >= call + 2, "call %d" % call)
                waits.append(time.monotonic() - sent)
            print("\nfrom a call's end to its being seen: %.0f ms at most, of %d" % (max(waits) * 1000, len(waits)))
            sock.sendall(client.event("AfterOperationEvent", 1, 21, "main"))
            until(lambda: collector.verb("traces")["rows"][0]["state"] == "complete", "its end")

    def test_under_load(self):
        with Collector("--batch-interval", "300ms") as collector:
            stop = threading.Event()

            def flood():
                client = Client()
                first = client.trace(1, ["busy%d" % i for i in range(20)])
                again = b"".join(client.trace(n, ["busy%d" % i for i in range(20)]) for n in range(2, 2000))
                with collector.connect() as sock:
                    sock.sendall(first)
                    while not stop.is_set():
                        sock.sendall(again)

            thread = threading.Thread(target=flood)
            thread.start()
            try:
                until(lambda: collector.metric("records_total") > 100000, "load")
                waits = []
                with collector.connect() as sock:
                    client = Client()
                    for number in range(1, 6):
                        sock.sendall(client.trace(number, ["needle"]))
                        sent = time.monotonic()
                        until(lambda: collector.verb("traces", root="needle")["total"] >= number, "trace %d" % number)
                        waits.append(time.monotonic() - sent)
            finally:
                stop.set()
                thread.join()
            print("\nthe same under load: %.0f ms at most" % (max(waits) * 1000))


if __name__ == "__main__":
    unittest.main(verbosity=2)
