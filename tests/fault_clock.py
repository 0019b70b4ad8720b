# SPDX-License-Identifier: Apache-2.0
"""The wall clock jumps under a running collector, by an hour and by years, forth and back: nothing notices but what tells the time."""
import os
import shlex
import shutil
import socket
import struct
import subprocess
import tempfile
import time
import unittest
from unittest import mock

from e2e_collector_process import PATIENCE, Client, Collector, until
from e2e_resume import Connection, varied

HOUR = 3600 * 10**9
YEARS = 5 * 365 * 24 * HOUR
JUMPS = (HOUR, -HOUR, YEARS, -YEARS, 0, 2 * YEARS, -2 * HOUR, 0)


class Clocks(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.mkdtemp(prefix="kieker-test-")
        self.addCleanup(shutil.rmtree, self.directory)
        compiler = shlex.split(os.environ.get("CC", "cc"))
        if not shutil.which(compiler[0]):
            self.skipTest("no C compiler here: " + compiler[0])
        library, self.file = os.path.join(self.directory, "clock_shift.so"), os.path.join(self.directory, "shift")
        subprocess.run(compiler + ["-shared", "-fPIC", "-O1", "-o", library, os.path.join(os.environ.get("srcdir", "."), "tests/clock_shift.c")],
                       check=True)
        self.jump(0)
        self.preload = {"LD_PRELOAD": library, "CLOCK_SHIFT": self.file,
                        "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"}

    def jump(self, shift):
        with open(self.file, "r+b" if os.path.exists(self.file) else "wb") as f:
            f.write(struct.pack("=q", shift))

    def start(self, *options):
        with mock.patch.dict(os.environ, self.preload):
            return Collector(*options)

    def used(self, collector):
        """Seconds of the processors that the collector has had."""
        with open("/proc/%d/stat" % collector.process.pid) as f:
            fields = f.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def events(self, collector):
        sock = socket.create_connection(("127.0.0.1", collector.http_port), PATIENCE)
        self.addCleanup(sock.close)
        sock.sendall(b"GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        return sock

    def test_jumps(self):
        """Records are stored as they come, nothing is let go early, streams of events go on, and nobody is busy with waiting."""
        with self.start("--retain-age", "30d", "--retain-size", "1G", "--query-timeout", "50s") as collector:
            sent, events, idle = 0, self.events(collector), collector.connect()
            self.addCleanup(idle.close)
            for shift in JUMPS:
                self.jump(shift)
                for _ in range(3):
                    sent += 1
                    client = Client()
                    client.time = time.time_ns()
                    collector.send(client.trace(sent))
                    until(lambda: collector.verb("traces", state="complete")["total"] == sent, "the trace of it")
                at, used = time.monotonic(), self.used(collector)
                until(lambda: b"event: summary" in events.recv(65536), "an event")
                until(lambda: time.monotonic() > at + 1, "a while to pass")
                self.assertLess(self.used(collector) - used, 0.5 * (time.monotonic() - at))
                told = int(collector.verb("sql", query="SELECT value AS at FROM property WHERE name = 'committed_at'")["rows"][0]["at"])
                self.assertLess(abs(told - time.time_ns() - shift), 120 * 10**9, "the jump is not seen: is the library preloaded?")
                status = collector.verb("status")["rows"][0]
                self.assertEqual((status["traces"], status["open_streams"], status["collector"]["problem"]), (sent, 0, None), status)
                self.assertEqual(collector.ask("/healthz")[0], 200)
            idle.sendall(Client().trace(sent + 1, ["idle"]))
            until(lambda: collector.verb("traces", root="idle")["total"] == 1, "the trace of the client that was idle meanwhile")
            self.assertEqual([int(row["trace_id"]) for row in collector.all_traces()], list(range(1, sent + 2)))
            self.assertEqual(sum(value for name, value in collector.metrics().items() if "retired" in name or "connections_lost" in name), 0)
            self.assertEqual(collector.stop(), 0)
            self.assertTrue(collector.log_lines("event=stopped", "lost_records=0"))

    def test_agents_that_are_awaited(self):
        """An agent that is gone is awaited as long as ever, and goes on where it was."""
        with self.start("--resume-wait", "600s") as collector:
            stream = varied("awaited")
            ends, size = stream.ends(), len(stream.bytes)
            begin = 0
            for number, shift in enumerate(JUMPS):
                connection = Connection(collector, stream, begin)
                connection.send(begin, ends[5 * number + 4])
                begin = ends[5 * number + 4]
                connection.committed(begin)
                connection.break_off()
                self.jump(shift)
            until(lambda: collector.metric("connections") == 0, "all to be gone")
            self.assertEqual(collector.verb("status")["rows"][0]["open_streams"], 1)
            last = Connection(collector, stream, begin)
            self.assertEqual(last.committed(), begin)
            last.finish(begin)
            self.assertEqual(collector.lost("agent_gone"), 0)
            self.assertEqual(collector.verb("sql", query="SELECT position, fault FROM streams")["rows"], [{"position": size, "fault": None}])
            self.assertEqual(collector.stop(), 0)

    def test_agents_that_are_not_awaited(self):
        """The end of waiting comes when it would have, whatever the wall clock says."""
        with self.start("--resume-wait", "1s") as collector:
            for number, shift in enumerate((-YEARS, YEARS)):
                stream = varied("gone%d" % number)
                connection = Connection(collector, stream, 0)
                connection.send(0, stream.ends()[20])
                connection.committed(stream.ends()[20])
                connection.break_off()
                self.jump(shift)
                until(lambda: collector.lost("agent_gone") == number + 1, "the end of waiting")
            self.assertEqual(collector.stop(), 0)

    def test_restarts(self):
        """Started under another time than it ended: what is there stays, and goes on."""
        with self.start() as collector:
            for number, shift in enumerate((0, -YEARS, YEARS, -HOUR), 1):
                self.jump(shift)
                if number > 1:
                    self.assertEqual(collector.stop(), 0)
                    with mock.patch.dict(os.environ, self.preload):
                        collector.start()
                collector.send(Client().trace(number))
                until(lambda: len(collector.all_traces()) == number, "the trace")
                events = self.events(collector)
                until(lambda: b"event: summary" in events.recv(65536), "an event")
            self.assertEqual(collector.verb("status")["rows"][0]["open_streams"], 0)
            self.assertEqual(collector.stop(), 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
