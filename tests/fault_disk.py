# SPDX-License-Identifier: Apache-2.0
"""The collector when its disk is full: by itself, by somebody else, for a moment or for good, with and without limits of what is kept."""
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
from fault_store import noise, trace_ids

RESERVE = 4 << 20  # storage/sqlite/reserve.h


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

    def test_full_before_the_limit(self):
        """Clients wait until somebody else makes room; then all is stored, and the limit holds."""
        disk = mount_small_disk(self, 48)
        ballast = os.path.join(disk, "ballast")
        with open(ballast, "wb") as f:
            f.write(bytes(40 << 20))
        with Collector("--retain-size", "16M", "--queue-size", "256K", "--batch-size", "64K", directory=disk) as collector:
            dice, number, sent = random.Random(7), 1, 0
            sock = collector.connect()
            self.addCleanup(sock.close)
            sock.settimeout(1)
            waiting = b""
            while not waiting or not collector.metric("disk_full"):
                if not waiting:
                    waiting, records = noise(dice, 40, 500, number, 1795360226000000000 + number * 10**9)
                    number, sent = number + 40, sent + records
                try:
                    waiting = waiting[sock.send(waiting):]
                except socket.timeout:
                    pass  # nothing is read
            self.assertTrue(collector.verb("status")["rows"][0]["collector"]["problem"])
            os.unlink(ballast)
            sock.settimeout(PATIENCE)
            sock.sendall(waiting)
            while not collector.metric('retired_traces_total{reason="size"}'):
                data, records = noise(dice, 40, 500, number, 1795360226000000000 + number * 10**9)
                number, sent = number + 40, sent + records
                sock.sendall(data)
            sock.close()
            collector.settled(sent)
            self.assertEqual(collector.metric("disk_full"), 0)
            self.assertEqual(len(collector.log_lines(" error store event=\"disk full")), 1)
            self.assertEqual(len(collector.all_traces()) + collector.metric('retired_traces_total{reason="size"}'), number - 1)
            self.assertEqual(collector.stop(), 0)


def fill(path):
    """Takes all that the disk has left."""
    with open(path, "ab", buffering=0) as f:
        for size in (1 << 20, 4096):
            try:
                while True:
                    f.write(bytes(size))
            except OSError:
                pass


class Sender:
    """Numbered traces of noise, as far as the collector takes them."""

    def __init__(self, test, collector, start=1795360226000000000):
        self.dice, self.number, self.records, self.rest, self.start = random.Random(7), 1, 0, b"", start
        self.sock = collector.connect()
        test.addCleanup(self.sock.close)

    def go_on(self):
        """Sends some; False when nothing is taken at the moment."""
        if not self.rest:
            self.rest, records = noise(self.dice, 40, 500, self.number, self.start + self.number * 10**9)
            self.number, self.records = self.number + 40, self.records + records
        self.sock.settimeout(0.5)
        try:
            self.rest = self.rest[self.sock.send(self.rest):]
        except socket.timeout:
            return False
        return True

    def close(self):
        self.sock.settimeout(PATIENCE)
        self.sock.sendall(self.rest)
        self.sock.close()


class LettingGo(unittest.TestCase):
    """With not a byte left, limits that are set then hold all the same: nobody needs to make room, and nothing is started again."""

    def let_go(self, option, reason, start):
        disk = mount_small_disk(self, 48)
        with tempfile.TemporaryDirectory() as directory:
            config = os.path.join(directory, "config")
            with open(config, "w") as f:
                f.write("[collector]\n")
            with Collector("--config", config, "--queue-size", "256K", "--batch-size", "64K", directory=disk) as collector:
                sender = Sender(self, collector, start)
                while os.path.getsize(collector.database) < 20 << 20:
                    sender.go_on()
                self.assertEqual(os.path.getsize(collector.database + "-reserve"), RESERVE)
                fill(os.path.join(disk, "ballast"))
                while not collector.metric("disk_full"):
                    sender.go_on()
                fill(os.path.join(disk, "ballast"))
                self.assertEqual(os.statvfs(disk).f_bavail, 0)
                with open(config, "a") as f:
                    f.write(option + "\n")
                collector.process.send_signal(signal.SIGHUP)
                until(lambda: collector.metric('retired_traces_total{reason="%s"}' % reason) > 0, "something to be let go")
                until(lambda: not collector.metric("disk_full"), "room")
                for _ in range(20):
                    sender.go_on()
                sender.close()
                collector.settled(sender.records)
                kept, retired = trace_ids(collector), collector.metric('retired_traces_total{reason="%s"}' % reason)
                print("\n%d traces, %d kept, %d retired; the disk has %d bytes left" %
                      (sender.number - 1, len(kept), retired, os.statvfs(disk).f_bavail * 4096))
                self.assertEqual(len(kept) + retired, sender.number - 1)
                self.assertEqual(len(set(kept)), len(kept))
                self.assertEqual(len(collector.log_lines("event=ready")), 1)
                os.unlink(os.path.join(disk, "ballast"))
                collector.send(Client().trace(1))
                until(lambda: os.path.getsize(collector.database + "-reserve") == RESERVE, "the reserve")
                self.assertEqual(collector.stop(), 0)
                self.assertFalse(os.path.exists(collector.database + "-reserve"))

    def test_size(self):
        self.let_go("retain-size = 16M", "size", 1795360226000000000)

    def test_age(self):
        self.let_go("retain-age = 30d", "age", time.time_ns() - 40 * 86_400 * 10**9)


class Moments(unittest.TestCase):
    """A disk that is full now and again, whatever the store is at just then."""

    def fill_now_and_again(self, *options):
        disk = mount_small_disk(self, 64)
        dice = random.Random(5)
        paths = [["op%d" % (n // 2**level) for level in range(9, -1, -1)] for n in range(400)]  # enough for packed statistics
        with Collector("--queue-size", "512K", "--batch-size", "64K", *options, directory=disk) as collector:
            ending, full = threading.Event(), []

            def spoil():
                ballast = os.path.join(disk, "ballast")
                while not ending.wait(dice.random() * 0.1):
                    fill(ballast)
                    time.sleep(dice.random() * 0.3)
                    full.append(collector.metric("commit_failures_total"))
                    os.unlink(ballast)
            spoiler = threading.Thread(target=spoil)
            spoiler.start()
            client, sent, records = Client(), 0, 0
            try:
                with collector.connect() as sock:
                    sock.settimeout(PATIENCE)
                    while len(full) < 10 or (len(full) < 20 and not full[-1]):
                        client.time += 20 * 10**9  # minutes end, and are packed and added up
                        for path in dice.sample(paths, 200):
                            sent += 1
                            records += 1 + 2 * len(path)
                            sock.sendall(client.trace(sent, path))
            finally:
                ending.set()
                spoiler.join(PATIENCE)
            collector.settled(records)
            retired = collector.metric('retired_traces_total{reason="size"}')
            ids = trace_ids(collector)
            print("\n%d traces, %d kept; %d commits failed" % (sent, len(ids), collector.metric("commit_failures_total")))
            self.assertEqual(len(ids), len(set(ids)))
            self.assertEqual(len(ids) + retired, sent)
            if retired:  # minutes go as a whole, and blocks do: what must hold of them then is tried in tests/test_store_full.c
                self.assertEqual(collector.stop(), 0)
                return
            calls, = collector.verb("sql", query="SELECT total(calls) AS n FROM trace")["rows"]
            for verb in ("operations", "latency"):
                with self.subTest(verb=verb):
                    rows = collector.verb(verb, limit=100000)["rows"]
                    if verb == "operations":
                        self.assertEqual(sum(row["calls"] for row in rows), calls["n"])
                    else:  # of root calls
                        self.assertEqual(sum(row["calls"] for row in rows), len(ids))
            self.assertEqual(collector.stop(), 0)

    def test_all_is_kept(self):
        self.fill_now_and_again()

    def test_with_a_limit(self):
        self.fill_now_and_again("--retain-size", "16M")


if __name__ == "__main__":
    unittest.main(verbosity=2)
