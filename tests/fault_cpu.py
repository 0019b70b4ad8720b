# SPDX-License-Identifier: Apache-2.0
"""Clients that would keep the collector busy with a few bytes: each record costs about what it costs others.

Every load here took minutes, or hours, as long as one of its records cost as much as all that its client had sent before.
KIEKER_LOAD (1 by default) multiplies the records.
"""
import os
import random
import socket
import struct
import unittest

from e2e_collector_process import Client, Collector, TRACE, entry

LOAD = float(os.environ.get("KIEKER_LOAD", "1"))
TIME = 1795360226000000000
RECORD = struct.Struct(">iqqqiii")  # of Before and After events
BEFORE, AFTER, METADATA = 0, 1, 2
FIRST = 8  # of the ids that tests give
HEAD = (entry(BEFORE, TRACE + "operation.BeforeOperationEvent") + entry(AFTER, TRACE + "operation.AfterOperationEvent") +
        entry(METADATA, TRACE + "TraceMetadata") + entry(3, "main") + entry(4, "shop.Catalog") + entry(5, "never called"))
INT64 = 1 << 63


def event(kind, trace, order, operation=3, time=TIME, component=4):
    return RECORD.pack(kind, -1, time, trace, order, operation, component)


class Busy(unittest.TestCase):
    def check(self, pieces, records):
        """All is taken, and a good client after it. Returns the collector's counters."""
        with Collector("--log-level", "info", "--open-traces", "131072") as collector:
            with collector.connect() as sock:
                try:
                    for piece in pieces:
                        sock.sendall(piece)
                except ConnectionError:
                    self.fail(collector.log())
            collector.send(Client().trace(1, ["good"]))
            collector.settled(records + 3)
            self.assertEqual(collector.metric("records_total"), records + 3)
            self.assertEqual(collector.verb("traces", root="good")["total"], 1)
            counters = collector.verb("status")["rows"][0]["counters"]
            self.assertEqual(collector.stop(), 0)
            return counters

    def test_ends_of_no_call_in_a_deep_trace(self):
        depth, wrong = 200000, int(400000 * LOAD)
        pieces = [HEAD] + [event(BEFORE, 1, n) for n in range(depth)]
        pieces.append(event(AFTER, 1, depth, 5) * wrong)
        self.assertGreaterEqual(self.check([b"".join(pieces)], depth + wrong)["orphan_after"], 1)

    def test_strings_redefined_again_and_again(self):
        strings, turns = 300000, int(100000 * LOAD)
        pieces = [HEAD] + [entry(FIRST + n, "n%d" % n) for n in range(strings)]
        for turn in range(turns):
            pieces += [entry(FIRST, "a" if turn % 2 else "b"), event(BEFORE, turn % 100, turn, FIRST + 1)]
        self.check([b"".join(pieces)], turns)

    def test_a_long_string_in_every_record(self):
        """As a name of each kind: a session, a cause; an operation whose class is not known; one that is redefined beside it."""
        turns = int(40000 * LOAD)
        metadata = struct.pack(">iqqqiiqi", METADATA, -1, 1, 1, FIRST, FIRST, 1, -1)
        pieces = [HEAD, entry(FIRST, "x" * (1 << 20)), metadata * turns, event(BEFORE, 1, 0, FIRST, component=99) * turns]
        for turn in range(turns):
            pieces += [entry(FIRST + 1, "a" if turn % 2 else "b"), event(BEFORE, 1, turn, FIRST, component=FIRST + 1)]
        self.check([b"".join(pieces)], 3 * turns)

    def test_times_at_the_ends(self):
        """Any number may come as a time: all that is asked is answered, and what is let go goes."""
        times = [INT64 - 1, INT64 - 2, -INT64, -INT64 + 1, -1, 0, 1, TIME, 10**17, 10**17 + 1]
        random.seed(1)
        with Collector("--log-level", "info", "--retain-age", "100000h") as collector:
            records = 0
            for trace, (begin, end) in enumerate((begin, end) for begin in times for end in times):
                data = HEAD + event(BEFORE, trace, 0, time=begin) + event(AFTER, trace, 1, time=end)
                logged = struct.pack(">iqqqiii", BEFORE, end, begin, trace + 1000, 0, 3, 4)
                collector.send(data + logged)
                records += 3
            collector.settled(records)
            ends = [INT64 - 1, -INT64, 0, TIME]
            for verb in ("status", "runs", "traces", "classes", "tree", "operations", "graph", "sequence", "latency", "failures", "records"):
                for since in [None] + ends:
                    for until_ in [None] + ends:
                        query = "&".join("%s=%d" % pair for pair in (("since", since), ("until", until_)) if pair[1] is not None)
                        status, _, body = collector.ask("/api/v1/%s?%s" % (verb, query))
                        self.assertIn(status, (200, 400, 404), (verb, query, body[:500]))
            collector.send(Client().trace(1, ["good"]))
            collector.settled(records + 3)
            self.assertEqual(collector.stop(), 0)
            self.assertNotIn("ERROR: ", collector.log())


if __name__ == "__main__":
    socket.setdefaulttimeout(60)
    unittest.main(verbosity=2)
