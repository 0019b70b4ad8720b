# SPDX-License-Identifier: Apache-2.0
"""The collector when it is killed, when it is told to stop in the midst of work, and when it lets go of what is old."""
import os
import random
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time
import unittest

from e2e_collector_process import PATIENCE, Client, Collector, program, until


class Flood(threading.Thread):
    """A client that sends whole traces, each numbered, until it is told to stop or the connection ends."""

    def __init__(self, collector, operations=("main", "step", "leaf"), most=None, together=50):
        super().__init__()
        self.sock = collector.connect()
        self.operations = operations
        self.most = most
        self.together = together
        self.sent = 0
        self.stopping = threading.Event()
        self.start()

    def run(self):
        client = Client()
        try:
            while not self.stopping.is_set() and (self.most is None or self.sent < self.most):
                self.sock.sendall(b"".join(client.trace(self.sent + n + 1, self.operations) for n in range(self.together)))
                self.sent += self.together
        except OSError:
            pass  # the collector is gone
        self.sock.close()

    def stop(self):
        self.stopping.set()
        self.join(PATIENCE)
        return self.sent


def read(path):
    """What the file holds; nothing if it is not there yet."""
    if not os.path.exists(path):
        return ""
    with open(path) as f:
        return f.read()


def trace_ids(collector):
    return [int(row["trace_id"]) for row in collector.all_traces()]


class Killed(unittest.TestCase):
    def test_kill_and_restart(self):
        """What is there after kill -9 is a prefix of each stream, and the next collector goes on with the same file."""
        with Collector() as collector:
            for round_number in range(3):
                before = collector.verb("traces")["total"]
                floods = [Flood(collector) for _ in range(2)]
                until(lambda: collector.verb("traces")["total"] > before + 500, "some traces")
                self.assertEqual(collector.stop(signal.SIGKILL), -signal.SIGKILL)
                for flood in floods:
                    flood.stop()
                collector.start()
            rows = collector.all_traces()
            self.assertEqual(collector.verb("status")["rows"][0]["open_streams"], 0)
            streams = {}
            for row in rows:
                streams.setdefault(row["stream"], []).append(row)
            self.assertGreaterEqual(len(streams), 3)  # one of two may not have come to anything yet
            self.assertEqual(sum(row["state"] == "running" for row in rows), 0)
            for stream in streams.values():
                numbers = sorted(int(row["trace_id"]) for row in stream)
                self.assertEqual(numbers, list(range(1, len(numbers) + 1)))
                # Only the last one may have been cut.
                self.assertLessEqual(sum(row["state"] != "complete" for row in stream), 1)
            collector.send(Client().trace(1, ["after"]))
            until(lambda: collector.verb("traces", root="after")["total"] == 1, "a trace after it all")
            self.assertEqual(collector.stop(), 0)

    def test_restart_keeps_what_is_known(self):
        with Collector() as collector:
            collector.send(Client().trace(1))
            collector.settled(5)
            classes = {row["class"] for row in collector.all_traces()}
            self.assertEqual(collector.stop(), 0)
            collector.start()
            collector.send(Client().trace(1))
            collector.settled(5)
            rows = collector.all_traces()
            self.assertEqual({row["class"] for row in rows}, classes)
            self.assertEqual(sorted(int(row["id"]) for row in rows), [1, 2])
            self.assertEqual(sorted(row["stream"] for row in rows), ["1", "2"])
            self.assertEqual(collector.stop(), 0)


class Stopped(unittest.TestCase):
    def stop_under_load(self, how):
        with Collector() as collector:
            pages = []
            for _ in range(3):
                sock = socket.create_connection(("127.0.0.1", collector.http_port), PATIENCE)
                sock.sendall(b"GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
                self.addCleanup(sock.close)
                pages.append(sock)
            idle = [collector.connect() for _ in range(20)]
            floods = [Flood(collector) for _ in range(3)]
            until(lambda: collector.verb("traces")["total"] > 1000, "load")
            for sock in pages:
                self.assertEqual(b"HTTP/1.1 200", sock.recv(12))
            self.assertEqual(collector.stop(how), 0)
            for flood in floods:
                flood.stop()
            for sock in idle:
                sock.close()
            self.assertFalse(os.path.exists(collector.ready_file))
            self.assertEqual(len(collector.log_lines("event=stopped", "lost_records=0")), 1)
            collector.start()
            streams = {}
            for row in collector.all_traces():
                streams.setdefault(row["stream"], []).append(int(row["trace_id"]))
            for numbers in streams.values():
                self.assertEqual(sorted(numbers), list(range(1, len(numbers) + 1)))
            self.assertEqual(collector.stop(), 0)

    def test_sigterm(self):
        self.stop_under_load(signal.SIGTERM)

    def test_sigint(self):
        self.stop_under_load(signal.SIGINT)

    def test_what_has_arrived_is_kept(self):
        """Clients that sent and left just before the signal, accepted or not."""
        with Collector() as collector:
            for round_number in range(5):
                for number in range(30):
                    collector.send(Client().trace(number, ["late"]))
                self.assertEqual(collector.stop(), 0)
                collector.start()
                self.assertEqual(collector.verb("traces", root="late", state="complete")["total"], 30 * (round_number + 1))
            self.assertEqual(collector.stop(), 0)

    def test_stop_during_a_long_query(self):
        with Collector() as collector:
            collector.send(b"".join(Client().trace(n) for n in range(1000)))
            sock = socket.create_connection(("127.0.0.1", collector.http_port), PATIENCE)
            self.addCleanup(sock.close)
            sock.sendall(b"GET /api/v1/sql?query=WITH+RECURSIVE+n(i)+AS+(SELECT+1+UNION+ALL+SELECT+i%2B1+FROM+n)+SELECT+count(*)+FROM+n "
                         b"HTTP/1.1\r\nHost: localhost\r\n\r\n")
            time.sleep(0.2)
            self.assertEqual(collector.stop(), 0)

    def test_hangup(self):
        """SIGHUP opens the log anew and takes over what can be changed."""
        with tempfile.TemporaryDirectory() as directory:
            log, config = os.path.join(directory, "log"), os.path.join(directory, "config")
            with open(config, "w") as f:
                f.write("[agent]\nwhatever = 1\n[collector]\nmax-connections = 5\nrun = before\n")
            with Collector("--log", log, "--config", config) as collector:
                os.rename(log, log + ".1")
                with open(config, "w") as f:
                    f.write("[collector]\nmax-connections = 2\nrun = after\n")
                collector.process.send_signal(signal.SIGHUP)
                until(lambda: "option=run" in read(log), "the new log")
                lines = read(log).splitlines()
                self.assertTrue(any('event="option changed" option=max-connections value=2' in line for line in lines), lines)
                self.assertTrue(any('event="option changes with the next start" option=run value=after' in line for line in lines), lines)
                with open(config, "w") as f:
                    f.write("max-connections = none\n")
                collector.process.send_signal(signal.SIGHUP)
                until(lambda: "stays as it was" in read(log), "the refusal")
                self.assertEqual(collector.stop(), 0)


def noise(dice, traces, calls, first=1, start=1795360226000000000):
    """Whole traces that hardly get smaller, for their logging timestamps: (bytes, records). All names are announced in it."""
    client = Client()
    client.time = start
    out = []

    def event(kind, number, order):
        data = client.event(kind + "OperationEvent", number, order, "f" if 0 < order < 2 * calls - 1 else "root")
        out.append(data[:-36] + struct.pack(">q", dice.getrandbits(62)) + data[-28:])
    for number in range(first, first + traces):
        out.append(client.metadata(number))
        event("Before", number, 0)
        for order in range(1, 2 * calls - 1):
            event("Before" if order % 2 else "After", number, order)
        event("After", number, 2 * calls - 1)
    return b"".join(out), traces * (1 + 2 * calls)


class Reading(threading.Thread):
    """Somebody who asks again and again; no answer may fail."""

    def __init__(self, collector):
        super().__init__()
        self.collector = collector
        self.failure = None
        self.answers = 0
        self.stopping = threading.Event()
        self.start()

    def run(self):
        questions = [("traces", {"slowest": 20}), ("operations", {}), ("traces", {"sort": "id"}), ("status", {}), ("tree", {}), ("latency", {})]
        try:
            while not self.stopping.wait(0.02):
                verb, parameters = questions[self.answers % len(questions)]
                self.collector.verb(verb, **parameters)
                self.answers += 1
        except Exception as failure:  # told by whoever waits for us
            self.failure = failure

    def stop(self):
        self.stopping.set()
        self.join(PATIENCE)


def size_of(path):
    return os.path.getsize(path) if os.path.exists(path) else 0


class Retention(unittest.TestCase):
    LIMIT = 16 << 20

    def test_size(self):
        """The database stays within its size while records come and people read; what is new is whole."""
        with Collector("--retain-size", "16M") as collector:
            dice, most, log, number = random.Random(7), 0, 0, 1
            reading = Reading(collector)
            with collector.connect() as sock:
                for _ in range(22):
                    data, records = noise(dice, 40, 1000, number, 1795360226000000000 + number * 10**9)
                    number += 40
                    sock.sendall(data)
                    most = max(most, size_of(collector.database))
                    log = max(log, size_of(collector.database + "-wal"))
            collector.settled(22 * records)
            reading.stop()
            self.assertIsNone(reading.failure)
            self.assertGreater(reading.answers, 0)
            until(lambda: size_of(collector.database) <= self.LIMIT, "the file to be small enough")

            def accounted():
                """Letting go may still be under way: then the two are of different moments."""
                retired, rows = collector.metric('retired_traces_total{reason="size"}'), collector.all_traces()
                return (retired, rows) if len(rows) + retired == number - 1 else None
            retired, rows = until(accounted, "every trace to be there, or counted as let go")
            print("\n%d traces, %d kept, %d retired; file at most %d, log at most %d bytes; %d answers" %
                  (number - 1, len(rows), retired, most, log, reading.answers))
            self.assertLessEqual(most, self.LIMIT + (self.LIMIT >> 2))
            self.assertGreater(retired, 0)
            self.assertEqual(collector.verb("status")["rows"][0]["counters"]["retired_for_size"], retired)
            # The latest are there, without a gap, and whole. What was put together with later ones stays as long as these.
            ids = sorted(int(row["trace_id"]) for row in rows)
            latest = len(ids) // 2
            self.assertGreater(latest, 40)
            self.assertEqual(ids[-latest:], list(range(number - latest, number)))
            self.assertEqual({(row["state"], row["calls"]) for row in rows}, {("complete", 1000)})
            self.assertEqual(collector.metric("retain_excess_bytes"), 0)
            self.assertEqual(collector.stop(), 0)

    def test_age(self):
        """Old ones go, when it is asked for by a reload, too."""
        now = time.time_ns()
        with tempfile.TemporaryDirectory() as directory:
            config = os.path.join(directory, "config")
            with open(config, "w") as f:
                f.write("[collector]\n")
            with Collector("--config", config) as collector:
                dice = random.Random(7)
                for sent, days in enumerate((40, 31, 29, 0), 1):  # each is a block of its own, or several
                    collector.send(noise(dice, 5, 3, first=100 * days + 1, start=now - days * 86_400 * 10**9)[0])
                    collector.settled(sent * 5 * 7)
                self.assertEqual(len(collector.all_traces()), 20)
                with open(config, "a") as f:
                    f.write("retain-age = 30d\n")
                collector.process.send_signal(signal.SIGHUP)
                until(lambda: collector.metric('retired_traces_total{reason="age"}') > 0, "the old to go")
                until(lambda: {int(row["trace_id"]) // 100 for row in collector.all_traces()} == {0, 29}, "the others to stay")
                self.assertTrue(collector.log_lines("option changed", "option=retain-age", "value=30d"))
                self.assertEqual(collector.stop(), 0)

    def test_a_wrong_limit_is_refused(self):
        done = subprocess.run([program(), "--retain-size", "1M", "--check-config"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              universal_newlines=True)
        self.assertEqual(done.returncode, 2)
        self.assertIn("16M", done.stdout)


class Clocks(unittest.TestCase):
    def test_times_of_any_kind(self):
        """Clocks that jump, are wrong by centuries, or count nothing: all is stored, all questions have answers."""
        now = time.time_ns()
        hour = 3600 * 10**9
        starts = [now, now - 5 * hour, now + 5 * hour, now - hour, 0, 1, -1, -10**18, -2**63, 2**63 - 10**6, 4 * 10**18, now]
        with Collector() as collector:
            for number, start in enumerate(starts, 1):
                client = Client()
                client.time = start
                collector.send(client.trace(number, ["main", "step"]))
            client = Client()  # within one trace
            out = client.metadata(99)
            for order, (kind, at, name) in enumerate([("Before", now, "a"), ("Before", now - 9 * hour, "b"), ("After", 2**63 - 10**6, "b"),
                                                      ("After", -2**63, "a")]):
                client.time = at
                out += client.event(kind + "OperationEvent", 99, order, name)
            collector.send(out)
            collector.settled(5 * len(starts) + 5)
            for _ in range(2):
                rows = collector.all_traces()
                self.assertEqual(sorted(int(row["trace_id"]) for row in rows), list(range(1, len(starts) + 1)) + [99])
                self.assertEqual({row["state"] for row in rows}, {"complete"})
                calls = {row["operation"]: row["calls"] for row in collector.verb("operations")["rows"]}
                self.assertEqual(calls, {"main": len(starts), "step": len(starts), "a": 1, "b": 1})
                self.assertEqual(sum(row["calls"] for row in collector.verb("latency")["rows"]), len(starts) + 1)
                for verb, parameters in (("tree", {}), ("graph", {"level": "operation"}), ("runs", {}), ("status", {}),
                                         ("traces", {"slowest": 5}), ("traces", {"since": "5m"}), ("trace", {"id": rows[0]["id"]}),
                                         ("sql", {"query": "SELECT * FROM operations"}), ("sql", {"query": "SELECT * FROM call"}),
                                         ("sql", {"query": "SELECT * FROM paths"}), ("sql", {"query": "SELECT * FROM class_total"})):
                    with self.subTest(verb=verb, **parameters):
                        self.assertTrue(collector.verb(verb, **parameters))
                self.assertEqual(collector.stop(), 0)
                collector.start()


class SlowStore(unittest.TestCase):
    def test_back_pressure(self):
        """With next to no queue the store decides how fast clients are read; all of it comes through."""
        with Collector("--queue-size", "64K", "--batch-size", "64K") as collector:
            floods = [Flood(collector, most=4000, together=200) for _ in range(3)]
            for flood in floods:
                flood.join(PATIENCE)
            collector.settled(3 * 4000 * 7)
            self.assertEqual(collector.verb("traces", state="complete")["total"], 3 * 4000)
            print("\n%d pauses" % collector.metric("reading_pauses_total"))
            self.assertEqual(collector.stop(), 0)


class Events(unittest.TestCase):
    def read_events(self, collector, count, last=None):
        """[(id, event, data)]"""
        sock = socket.create_connection(("127.0.0.1", collector.http_port), PATIENCE)
        try:
            sock.sendall(b"GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n" +
                         (b"Last-Event-ID: %d\r\n" % last if last else b"") + b"\r\n")
            got = b""
            while got.count(b"event: ") < count or not got.endswith(b"\r\n"):
                more = sock.recv(65536)
                if not more:
                    break
                got += more
        finally:
            sock.close()
        head, _, body = got.partition(b"\r\n\r\n")
        self.assertIn(b"200 OK", head)
        self.assertIn(b"text/event-stream", head)
        events, event = [], {}
        for line in body.decode().splitlines():
            key, _, value = line.partition(": ")
            if key in ("id", "event", "data"):
                event[key] = value
            if key == "data":
                events.append((int(event.pop("id", 0)), event["event"], value))
        return events

    def test_summaries_and_resumption(self):
        with Collector() as collector:
            (first, kind, data), = self.read_events(collector, 1)
            self.assertEqual(kind, "summary")
            self.assertIn('"traces":0', data)
            flood = Flood(collector)
            events = self.read_events(collector, 3)
            flood.stop()
            self.assertEqual([number for number, _, _ in events], list(range(events[0][0], events[0][0] + 3)))
            self.assertGreater(events[0][0], first)
            again = self.read_events(collector, 2, last=events[0][0])
            self.assertEqual(again[:2], events[1:])
            # Of a collector before this one.
            missed = self.read_events(collector, 1, last=5)
            self.assertEqual(missed[0][1], "missed")
            self.assertEqual(collector.stop(), 0)

    def test_so_many_clients(self):
        with Collector("--event-clients", "2") as collector:
            socks = []
            for expected in (b"200", b"200", b"503"):
                sock = socket.create_connection(("127.0.0.1", collector.http_port), PATIENCE)
                self.addCleanup(sock.close)
                socks.append(sock)
                sock.sendall(b"GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
                self.assertIn(b" %s " % expected, sock.recv(100))
            self.assertEqual(collector.stop(), 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
