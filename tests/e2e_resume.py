# SPDX-License-Identifier: Apache-2.0
"""Streams that go on in another connection: what an agent may do and what it is told, played over a bare socket.

However a stream is cut, resumed and sent again, and whenever the collector is killed, it must give what it gives in one piece.
"""
import json
import os
import select
import signal
import socket
import struct
import unittest

from e2e_collector_process import Client, Collector, PATIENCE, TRACE, entry, until

AT_A_TIME = 50


def pairs_of(text):
    name, *words = text.split(" ")
    return name, {key: int(value) for key, value in (word.split("=", 1) for word in words)}


class Stream(Client):
    """What an agent sends in one session: items at positions, and what a connection begins with."""

    sessions = 0

    def __init__(self, run):
        super().__init__()
        self.names["kieker:agent"] = 0
        Stream.sessions += 1
        self.session = "%08x%024x" % (os.getpid(), Stream.sessions)
        self.run = run
        self.items = []
        self.sizes = {}  # of records, by the id of their class

    def record(self, name, layout, *values):
        out = super().record(name, layout, *values)
        self.sizes[self.names[TRACE + name]] = 12 + struct.calcsize(">" + layout)
        return out

    def add(self, data):
        """Takes the bytes apart into items."""
        while data:
            kind, = struct.unpack_from(">i", data)
            size = 12 + struct.unpack_from(">i", data, 8)[0] if kind == -1 else self.sizes[kind]
            self.items.append(data[:size])
            data = data[size:]
        return self

    def text(self, text):
        return self.add(self.name(text)[0])

    def execution(self, trace, eoi, ess, operation):
        out, number = self.name("kieker.common.record.controlflow.OperationExecutionRecord")
        fields = []
        for text in ("shop.Catalog.%s()" % operation, "<no-session-id>", "host"):
            more, name = self.name(text)
            out += more
            fields.append(name)
        self.time += 1000
        self.sizes[number] = struct.calcsize(">iqiiqqqiii")
        return out + struct.pack(">iqiiqqqiii", number, -1, fields[0], fields[1], trace, self.time - 900 + eoi, self.time - 100 - eoi,
                                 fields[2], eoi, ess)

    @property
    def bytes(self):
        return b"".join(self.items)

    def ends(self):
        """Where items end, from 0 on."""
        at, ends = 0, [0]
        for item in self.items:
            at += len(item)
            ends.append(at)
        return ends

    def preamble(self, position):
        strings, at = b"", 0
        for item in self.items:
            if at >= position:
                break
            at += len(item)
            if item[:4] == b"\xff\xff\xff\xff":
                strings += item
        hello = "kieker:agent version=2 language=python pid=7 run=%s program=x session=%s position=%d registry=%d" % (
            self.run, self.session, position, len(strings))
        return entry(0, hello) + strings


class Connection:
    """One connection of an agent."""

    def __init__(self, collector, stream, position):
        self.socket = collector.connect()
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.heard = b""
        self.stored = -1
        self.stream = stream
        self.socket.sendall(stream.preamble(position))

    def hear(self):
        """(name, pairs) of the next text; None at the end."""
        while len(self.heard) < 12 or len(self.heard) < 12 + struct.unpack_from(">i", self.heard, 8)[0]:
            assert select.select([self.socket], [], [], PATIENCE)[0], "nothing was said"
            try:
                got = self.socket.recv(4096)
            except ConnectionResetError:
                got = b""
            if not got:
                assert not self.heard, self.heard
                return None
            self.heard += got
        mark, number, size = struct.unpack_from(">iii", self.heard)
        assert (mark, number) == (-1, 0), (mark, number)
        text, self.heard = self.heard[12:12 + size].decode(), self.heard[12 + size:]
        return pairs_of(text)

    def committed(self, position=None):
        """Waits until so much is stored (None: for the next word of it), and says how much."""
        while position is None or self.stored < position:
            name, pairs = self.hear()
            assert name == "kieker:committed" and list(pairs) == ["position"], (name, pairs)
            assert pairs["position"] > self.stored, (self.stored, pairs)
            self.stored = pairs["position"]
            position = position or 0
        return self.stored

    def send(self, begin, end):
        self.socket.sendall(self.stream.bytes[begin:end])

    def finish(self, begin=0):
        """Sends the rest, hears that it is stored, and that the collector has closed."""
        size = len(self.stream.bytes)
        self.send(begin, size)
        self.socket.shutdown(socket.SHUT_WR)
        assert self.committed(size) == size
        assert self.hear() is None
        self.socket.close()

    def break_off(self):
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()


def varied(run):
    """Traces that are whole, that stay open for long, that lack something; failures, executions, counters."""
    s = Stream(run)
    s.add(s.metadata(1))
    s.add(s.event("BeforeOperationEvent", 1, 0, "outer"))
    s.text("kieker:counters dropped_ring_full=3")
    s.add(s.trace(2))
    s.add(s.event("BeforeOperationEvent", 1, 1, "inner"))
    s.add(s.execution(40, 1, 1, "leaf"))
    s.add(s.record("operation.AfterOperationFailedEvent", "qqiiii", s.time, 1, 2, "inner", "shop.Catalog", "ValueError: no"))
    s.add(s.event("BeforeOperationEvent", 3, 0, "no_metadata"))
    s.text("kieker:counters dropped_ring_full=5 dropped_disconnected=1")
    s.add(s.event("BeforeOperationEvent", 1, 4, "after_a_gap"))
    s.add(s.execution(40, 0, 0, "root"))
    s.add(s.trace(4, ("main", "get_book", "get_book")))
    s.add(s.event("AfterOperationEvent", 1, 5, "after_a_gap"))
    s.add(s.event("AfterOperationEvent", 3, 1, "no_metadata"))
    s.add(s.event("AfterOperationEvent", 1, 6, "outer"))
    return s.text("kieker:end")


def seen(collector, run):
    """All that can be asked of a run, without what must differ."""
    rows = [row for row in collector.verb("traces", run=run, limit=1000)["rows"]]
    for row in rows:
        row["tree"] = collector.verb("trace", id=row["id"])["rows"]
        for key in ("id", "stream", "run", "class"):
            row.pop(key, None)
    operations = collector.verb("operations", run=run, limit=1000)["rows"]
    of_run = "(SELECT id FROM streams WHERE run = '%s')" % run
    counters = collector.verb("sql", query="SELECT name, sum(value) AS value FROM counter WHERE stream IN %s GROUP BY name" % of_run)["rows"]
    streams = collector.verb("sql", query="SELECT position, records, unit_ns, fault FROM streams WHERE run = '%s'" % run)["rows"]
    sums = collector.verb("sql", query="SELECT r.calls, r.failed, r.incomplete, r.traces, r.records FROM runs r WHERE name = '%s'" % run)["rows"]
    paths = collector.verb("sql", query="SELECT depth, operation, host, calls, failed, total_ns, self_ns, min_ns, max_ns FROM paths WHERE run = '%s'"
                           " AND calls > 0 ORDER BY 1, 2, 3, 4, 6" % run)["rows"]
    return {"counters": counters, "streams": streams, "sums": sums, "paths": paths, "traces": sorted(json.dumps(row, sort_keys=True) for row in rows),
            "operations": sorted(json.dumps(row, sort_keys=True) for row in operations)}


class Resume(unittest.TestCase):
    maxDiff = None

    def check(self, collector, run, reference):
        self.assertEqual(seen(collector, run), reference)

    def reference(self, collector):
        stream = varied("reference")
        Connection(collector, stream, 0).finish()
        return seen(collector, "reference")

    def test_cut_anywhere(self):
        with Collector() as collector:
            reference = self.reference(collector)
            self.assertEqual(len(reference["traces"]), 5)
            ends = varied("x").ends()
            cuts = sorted(set(ends) | {end - 3 for end in ends[1:]})
            for number, cut in enumerate(cuts):
                stream = varied("cut%d" % number)
                size = len(stream.bytes)
                whole = max(end for end in ends if end <= cut)
                first = Connection(collector, stream, 0)
                self.assertEqual(first.committed(), 0)
                first.send(0, cut)
                again = 0
                if number % 3 and whole > 0:
                    # What is acknowledged need not be sent again.
                    again = first.committed(whole)
                    self.assertEqual(again, whole)
                elif number % 2:
                    again = ends[ends.index(whole) // 2]
                    if again > 0:
                        first.committed(again)
                first.break_off()
                second = Connection(collector, stream, again)
                self.assertGreaterEqual(second.committed(), again)
                second.finish(again)
                self.assertEqual(size, len(stream.bytes))
                self.check(collector, "cut%d" % number, reference)

    def test_collector_ends_anywhere(self):
        """Killed, or told to end, after every item or in the middle of it."""
        for how in signal.SIGKILL, signal.SIGTERM:
            with self.subTest(how=how.name), Collector() as collector:
                reference = self.reference(collector)
                ends = varied("x").ends()
                streams = [varied("cut%d" % number) for number in range(len(ends))]
                # All of them stop somewhere else, then the collector ends under them.
                connections = []
                for number, stream in enumerate(streams):
                    connections.append(Connection(collector, stream, 0))
                    connections[-1].send(0, ends[number] + (number % 3 if number + 1 < len(ends) else 0))
                    if number % 2:
                        connections[-1].committed(ends[number])
                collector.stop(how)
                for connection in connections:
                    connection.socket.close()
                collector.start()
                for number, stream in enumerate(streams):
                    known = max(connections[number].stored, 0)
                    again = Connection(collector, stream, known)
                    self.assertGreaterEqual(again.committed(), known)
                    again.finish(known)
                for number in range(len(streams)):
                    self.check(collector, "cut%d" % number, reference)

    def test_collector_killed_often(self):
        """One stream, and a collector that is killed again after every item."""
        with Collector() as collector:
            reference = self.reference(collector)
            stream = varied("often")
            ends = stream.ends()
            for begin, end in zip(ends, ends[1:]):
                connection = Connection(collector, stream, begin)
                self.assertEqual(connection.committed(), begin)
                connection.send(begin, end)
                connection.committed(end)
                collector.stop(signal.SIGKILL)
                connection.socket.close()
                collector.start()
            self.check(collector, "often", reference)

    def test_more_than_there_is(self):
        """An agent that says it has heard of more than is stored begins anew; a collector that does not know it says so, too."""
        with Collector() as collector:
            stream = varied("more")
            ends = stream.ends()
            first = Connection(collector, stream, 0)
            first.send(0, ends[5])
            first.committed(ends[5])
            first.break_off()
            for position, known in (ends[6], ends[5]), (ends[6], ends[5]):
                again = Connection(collector, stream, position)
                # It goes on sending: what it is told must reach it all the same.
                again.socket.sendall(stream.bytes[position:] * 50)
                self.assertEqual(again.hear(), ("kieker:unknown", {"position": known}))
                again.socket.close()
            other = Connection(collector, varied("other"), ends[6])
            self.assertEqual(other.hear(), ("kieker:unknown", {"position": 0}))
            other.socket.close()
            until(lambda: collector.lost("unknown_session") == 3, "the count of those")
            counters = {row["name"]: row["value"] for row in collector.verb("sql", query="SELECT name, value FROM counter WHERE stream = 0")["rows"]}
            self.assertEqual(counters["unknown_session"], 3)
            self.assertEqual(len(collector.log_lines("unknown_session")), 3)
            Connection(collector, varied("new"), 0).finish()

    def test_two_connections(self):
        """The second takes the stream over; the first, which may be dead without anybody knowing, is closed."""
        with Collector() as collector:
            reference = self.reference(collector)
            stream = varied("two")
            ends = stream.ends()
            first = Connection(collector, stream, 0)
            first.send(0, ends[9] + 5)
            first.committed(ends[9])
            second = Connection(collector, stream, ends[4])
            self.assertEqual(second.committed(), ends[9])
            self.assertIsNone(first.hear())
            first.socket.close()
            second.finish(ends[4])
            self.check(collector, "two", reference)

    def test_last_answer_lost(self):
        """An agent that has ended and comes again, since it was not told, is told; also by the next collector, and nothing is stored twice."""
        with Collector() as collector:
            reference = self.reference(collector)
            stream = varied("last")
            size = len(stream.bytes)
            Connection(collector, stream, 0).finish()
            for how in None, signal.SIGKILL, signal.SIGTERM:
                if how is not None:
                    collector.stop(how)
                    collector.start()
                for begin in 0, stream.ends()[7], size:
                    again = Connection(collector, stream, begin)
                    self.assertEqual(again.committed(), size)
                    again.finish(begin)
            self.check(collector, "last", reference)

    def test_gone(self):
        """Who does not come back in time: its traces end as incomplete. Who comes even later goes on behind them, and nothing is lost."""
        with Collector("--resume-wait", "200ms") as collector:
            stream = varied("gone")
            ends, size = stream.ends(), len(stream.bytes)
            first = Connection(collector, stream, 0)
            first.send(0, ends[20])
            first.committed(ends[20])
            first.break_off()
            until(lambda: collector.verb("traces", run="gone", state="incomplete")["rows"], "the end of its traces")
            self.assertEqual(collector.lost("agent_gone"), 1)
            self.assertEqual([row["fault"] for row in collector.verb("sql", query="SELECT fault FROM streams")["rows"]], ["agent_gone"])
            collector.stop(signal.SIGKILL)
            collector.start()
            again = Connection(collector, stream, ends[20])
            self.assertEqual(again.committed(), ends[20])
            again.finish(ends[20])
            rows = collector.verb("sql", query="SELECT position, records, fault, closed_at FROM streams")["rows"]
            self.assertEqual(len(rows), 1)
            self.assertEqual((rows[0]["position"], rows[0]["fault"]), (size, None))
            self.assertEqual(rows[0]["records"], sum(item[:4] != b"\xff\xff\xff\xff" for item in stream.items))
            counters = {row["name"]: row["value"] for row in collector.verb("sql", query="SELECT name, value FROM counter")["rows"]}
            self.assertEqual((counters["dropped_ring_full"], counters["dropped_disconnected"]), (5, 1))

    def test_no_patience(self):
        with Collector("--resume-wait", "0s") as collector:
            stream = varied("none")
            first = Connection(collector, stream, 0)
            first.send(0, stream.ends()[20])
            first.committed(stream.ends()[20])
            first.break_off()
            until(lambda: collector.verb("traces", run="none", state="incomplete")["rows"], "the end of its traces")

    def test_others_are_never_written_to(self):
        """Kieker's own clients, and agents that name no session or no right one."""
        with Collector() as collector:
            for hello in ("", "kieker:agent version=2 run=x", "kieker:agent version=2 session=xyz position=0 registry=0",
                          "kieker:agent version=2 session=%032x position=-1 registry=0" % 1,
                          "kieker:agent version=2 session=%032x position=99999999999999999999 registry=0" % 1):
                client = Client()
                with collector.connect() as sock:
                    sock.sendall((client.name(hello)[0] if hello else b"") + client.trace(1) + client.name("kieker:end")[0])
                    sock.shutdown(socket.SHUT_WR)
                    self.assertEqual(sock.recv(1), b"", hello)
            collector.settled(25)
            self.assertEqual(len(collector.all_traces()), 5)


if __name__ == "__main__":
    unittest.main(verbosity=2)
