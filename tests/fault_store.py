# SPDX-License-Identifier: Apache-2.0
"""The collector when its disk is full, when it is killed, and when it is told to stop in the midst of work."""
import os
import random
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest

from e2e_collector_process import PATIENCE, Client, Collector, until


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


def mount_small_disk(test, megabytes):
    """A directory that takes so much; skips the test where that cannot be had."""
    if os.geteuid() != 0:
        test.skipTest("only root can mount a small disk")
    directory = tempfile.mkdtemp(prefix="kieker-disk-")
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=%dm" % megabytes, "kieker-test", directory],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True)
    if done.returncode:
        os.rmdir(directory)
        test.skipTest("no small disk can be mounted here: " + done.stdout.strip())

    def unmount():
        subprocess.run(["umount", "-l", directory], check=False)
        os.rmdir(directory)
    test.addCleanup(unmount)
    return directory


class DiskFull(unittest.TestCase):
    def test_paused_and_resumed_without_loss(self):
        """Nothing is dropped: clients wait, it is said where people look, and goes on when there is room."""
        disk = mount_small_disk(self, 64)
        ballast = os.path.join(disk, "ballast")
        with open(ballast, "wb") as f:
            f.write(bytes(62 << 20))
        with Collector("--queue-size", "256K", "--batch-size", "64K", directory=disk) as collector:
            # Names of their own keep what is stored from being small.
            dice = random.Random(1)
            client, sent = Client(), 0
            sock = collector.connect()
            self.addCleanup(sock.close)
            sock.settimeout(1)
            waiting = b""
            while not waiting or not collector.metric("disk_full"):
                if not waiting:
                    waiting = b"".join(client.trace(sent + n + 1, ["op%x" % dice.getrandbits(200) for _ in range(20)]) for n in range(100))
                    sent += 100
                try:
                    waiting = waiting[sock.send(waiting):]
                except socket.timeout:
                    pass  # the collector reads nothing, for one reason or another
            until(lambda: collector.metric("reading_paused") == 1, "the pause")
            status, _, body = collector.ask("/healthz")
            self.assertEqual(status, 503, body)
            doing = collector.verb("status")["rows"][0]["collector"]
            self.assertTrue(doing["disk_full"] and doing["paused"], doing)
            self.assertTrue(doing["problem"])
            self.assertEqual(len(collector.log_lines(" error store event=\"disk full")), 1)
            os.unlink(ballast)
            sock.settimeout(PATIENCE)
            sock.sendall(waiting)
            sock.close()
            collector.settled(sent * 41)
            self.assertEqual(collector.metric("disk_full"), 0)
            self.assertEqual(collector.ask("/healthz")[0], 200)
            self.assertEqual(sorted(trace_ids(collector)), list(range(1, sent + 1)))
            self.assertTrue(collector.log_lines("storing again"))
            self.assertEqual(collector.stop(), 0)


    def test_stopped_while_full(self):
        """It ends all the same, and says what could not be stored."""
        disk = mount_small_disk(self, 8)
        with open(os.path.join(disk, "ballast"), "wb", buffering=0) as ballast, Collector(directory=disk) as collector:
            try:
                while True:
                    ballast.write(bytes(4096))
            except OSError:
                pass  # full
            dice = random.Random(1)
            client = Client()
            with collector.connect() as sock:
                sock.sendall(b"".join(client.trace(n, ["op%x" % dice.getrandbits(200) for _ in range(20)]) for n in range(1, 1001)))
            until(lambda: collector.metric("disk_full") == 1, "the disk to be full")
            self.assertEqual(collector.stop(), 1)
            self.assertRegex(collector.log(), r"event=stopped lost_records=[1-9]")


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
