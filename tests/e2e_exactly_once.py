# SPDX-License-Identifier: Apache-2.0
"""Everything that a program does is stored exactly once, whatever becomes of the collector and of the network.

A program whose calls can be counted runs under the agent (--when-full block) while the collector is killed, stopped and started again, or while a
proxy between the two cuts connections in the middle of records. In the end the store must hold exactly the calls that the program made, every trace
complete, and its statistics must be what adding up the stored calls gives: as without any of it.

KIEKER_HARM says how often harm is done in each test (default 6); 100 takes some minutes. KIEKER_SEED repeats a run.
"""
import collections
import json
import os
import random
import re
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time
import unittest

from e2e_collector_process import Collector, PATIENCE, until

HARM = int(os.environ.get("KIEKER_HARM", "6"))
SEED = int(os.environ.get("KIEKER_SEED", random.randrange(1 << 32)))

PROGRAM = """
import os
import sys
import threading
import time


class Stock:
    def leaf(self, n):
        return n

    def middle(self, n):
        return self.leaf(n) + self.leaf(n + 1)

    def failing(self, n):
        raise ValueError(n)

    def guarded(self, n):
        try:
            self.failing(n)
        except ValueError:
            return n

    def deeper(self, n):
        return n and self.deeper(n - 1)

    def numbers(self, n):
        for i in range(n):
            yield i


def order(stock, n):
    for i in range(3):
        stock.middle(i)
    if n % 5 == 0:
        stock.guarded(n)
    stock.deeper(n % 7)
    return sum(stock.numbers(2))


def goes_on(stock, rounds, pause):
    # One trace from begin to end.
    n = 0
    while not os.path.exists(sys.argv[1]):
        order(stock, n)
        n += 1
        if n % rounds == 0:
            time.sleep(pause)
    return n


results = []
# Records of executions come callees first: what holds no end of calls cannot be put together as it comes.
count = int(sys.argv[2])
threads = [threading.Thread(target=lambda: results.append(goes_on(Stock(), 25, 0.001))) for _ in range(count)]
for thread in threads:
    thread.start()
stock, n = Stock(), 0
while not os.path.exists(sys.argv[1]):
    order(stock, n)  # a trace of its own each time
    n += 1
    if n % 25 == 0:
        time.sleep(0.001)
for thread in threads:
    thread.join()
print(n, *results)
"""


def counted(rounds):
    """{operation: calls} of that many rounds of order(), and how many of them fail."""
    fives = len(range(0, rounds, 5))
    calls = {"order": rounds, "Stock.middle": 3 * rounds, "Stock.leaf": 6 * rounds, "Stock.guarded": fives, "Stock.failing": fives,
             "Stock.deeper": sum(n % 7 + 1 for n in range(rounds)), "Stock.numbers": 3 * rounds}
    return collections.Counter(calls), fives


class Proxy:
    """Passes bytes between the agent and the collector, until it cuts."""

    def __init__(self, port):
        self.to = port
        self.server = socket.socket()
        self.server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.server.bind(("127.0.0.1", 0))
        self.server.listen(16)
        self.port = self.server.getsockname()[1]
        self.lock = threading.Lock()
        self.pairs = set()
        self.connections = 0
        # How many bytes pass on the way there before the connection is cut by itself.
        self.cut_after = None
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client, _ = self.server.accept()
            except OSError:
                return
            try:
                collector = socket.create_connection(("127.0.0.1", self.to), PATIENCE)
            except OSError:
                client.close()
                continue
            pair = (client, collector)
            with self.lock:
                self.pairs.add(pair)
                self.connections += 1
            threading.Thread(target=self._pass, args=(pair, client, collector, True), daemon=True).start()
            threading.Thread(target=self._pass, args=(pair, collector, client, False), daemon=True).start()

    def _pass(self, pair, source, sink, is_there):
        try:
            while True:
                data = source.recv(65536)
                if not data:
                    sink.shutdown(socket.SHUT_WR)
                    return
                if is_there and self.cut_after is not None:
                    if self.cut_after < len(data):
                        sink.sendall(data[:self.cut_after])
                        self.cut_after = None
                        self._cut(pair, reset=False)
                        return
                    self.cut_after -= len(data)
                sink.sendall(data)
        except OSError:
            self._cut(pair, reset=True)

    def _cut(self, pair, reset):
        with self.lock:
            self.pairs.discard(pair)
        for sock in pair:
            try:
                if reset:
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            sock.close()

    def cut(self, reset):
        """Ends every connection there is, at once: with a reset, or as if both sides had closed."""
        with self.lock:
            pairs = list(self.pairs)
        for pair in pairs:
            self._cut(pair, reset)
        return len(pairs)

    def close(self):
        self.server.close()
        self.cut(True)


class ExactlyOnce(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        print("seed %d (KIEKER_SEED), harm %d times (KIEKER_HARM)" % (SEED, HARM))

    def setUp(self):
        self.random = random.Random("%d %s" % (SEED, self.id()))
        self.collector = Collector()
        self.addCleanup(self.collector.__exit__)
        # From now on always the same port, so that the agent finds it again.
        self.collector.options = ("--port", str(self.collector.port))

    def start(self, port, *options, threads=2):
        """The program, observed; each of its threads is one trace from begin to end."""
        directory = self.collector.directory
        path, self.stop_file = os.path.join(directory, "shop.py"), os.path.join(directory, "stop")
        with open(path, "w") as file:
            file.write(PROGRAM)
        self.errors = tempfile.TemporaryFile()
        self.addCleanup(self.errors.close)
        environment = {k: v for k, v in os.environ.items() if not k.startswith("KIEKER_")}
        self.program = subprocess.Popen(
            [os.environ.get("KIEKER_PYTHON", "python3"), "-m", "kieker", "--writer", "tcp://127.0.0.1:%d" % port, "--when-full", "block",
             *options, path, self.stop_file, str(threads)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self.errors, env=environment)
        self.addCleanup(self.program.wait)
        self.addCleanup(self.program.stdout.close)
        self.addCleanup(lambda: self.program.poll() is None and self.program.kill())
        until(lambda: self.collector.metric("connections") > 0, "the agent")

    def finish(self):
        """Ends the program: the rounds of each of its threads."""
        with open(self.stop_file, "w"):
            pass
        out, _ = self.program.communicate(timeout=4 * PATIENCE)
        self.errors.seek(0)
        said = self.errors.read().decode()
        self.assertEqual(self.program.returncode, 0, said)
        self.assertNotIn("lost", said)
        return [int(word) for word in out.split()]

    def sql(self, text):
        # The API bounds what a query may cost; the command line does not.
        done = subprocess.run([os.environ.get("KIEKER_QUERY", "./kieker-query"), "--database", self.collector.database, "sql", text, "--json"],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=4 * PATIENCE)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)["rows"]

    def check(self, threads, has_failures=True):
        """The store holds the calls of these rounds, once each, and statistics that are their sums."""
        until(lambda: self.collector.metric("connections") == 0, "the end of all connections")
        until(lambda: not [row for row in self.collector.verb("traces", limit=5, incomplete=1)["rows"]], "the end of all traces")
        expected, failed = collections.Counter(), 0
        for rounds in threads:
            calls, fails = counted(rounds)
            expected += calls
            failed += fails
        if len(threads) > 1:
            expected["goes_on"] = len(threads) - 1
        expected["<lambda>"] = 0  # not observed
        rows = {row["operation"]: row for row in self.collector.verb("operations", limit=1000)["rows"]}
        stored = {re.sub(r"^__main__\.|\(\)$", "", name): row["calls"] for name, row in rows.items()}
        named = {"%s%s" % ("Stock." if row["component"].endswith("Stock") else "", row["operation"]): row for row in rows.values()}
        self.assertEqual({name: row["calls"] for name, row in named.items()}, {name: calls for name, calls in expected.items() if calls}, stored)
        self.assertEqual(sum(row["failed"] for row in rows.values()), failed if has_failures else 0)
        status = self.collector.verb("status")["rows"][0]
        self.assertEqual(status["traces"], threads[0] + len(threads) - 1)
        self.assertEqual({key: n for key, n in status.items() if key in ("incomplete", "damaged", "running") and n}, {})
        self.check_sums()
        return sum(expected.values())

    def check_sums(self):
        """Statistics are what adding up the calls themselves gives, operation by operation; likewise of classes and runs."""
        calls = {row["operation_id"]: row for row in self.sql(
            "SELECT operation_id, count(*) AS calls, sum(failed) AS failed, sum(duration_ns) AS total, sum(self_ns) AS self,"
            " min(duration_ns) AS least, max(duration_ns) AS most FROM call GROUP BY operation_id")}
        sums = {row["operation_id"]: row for row in self.sql(
            "SELECT p.operation AS operation_id, sum(s.calls) AS calls, sum(s.failed) AS failed, sum(s.total_ns) AS total, sum(s.self_ns) AS self,"
            " min(s.min_ns) AS least, max(s.max_ns) AS most FROM path_statistics s JOIN path p ON p.id = s.path GROUP BY p.operation")}
        self.assertEqual(sums, calls)
        totals = self.sql("SELECT (SELECT sum(traces) FROM class_total) AS of_classes, (SELECT sum(traces) FROM run) AS of_runs,"
                          " (SELECT count(*) FROM trace) AS themselves")[0]
        self.assertEqual(len(set(totals.values())), 1, totals)
        runs = self.sql("SELECT (SELECT sum(calls) FROM run) AS of_runs, (SELECT count(*) FROM call) AS themselves")[0]
        self.assertEqual(runs["of_runs"], runs["themselves"])

    def kill(self):
        """SIGKILL, and a new collector on the same database."""
        self.collector.process.kill()
        self.collector.process.wait()
        time.sleep(self.random.choice((0, 0, 0.05, 0.3)))
        self.collector.start()

    def harm(self, least, most, *ways):
        for _ in range(HARM):
            time.sleep(self.random.uniform(least, most))
            self.assertIsNone(self.program.poll())
            self.random.choice(ways)()

    def told(self, what, calls):
        print("%s: %d calls, each stored once" % (what, calls))

    def test_without_harm(self):
        """What the others are compared with."""
        self.start(self.collector.port)
        time.sleep(1)
        self.told("no harm", self.check(self.finish()))

    def test_collector_killed(self):
        self.start(self.collector.port)
        self.harm(0.02, 0.6, self.kill)
        self.told("killed %d times" % HARM, self.check(self.finish()))

    def test_collector_killed_while_executions_are_recorded(self):
        self.start(self.collector.port, "--record", "executions", threads=0)
        self.harm(0.02, 0.6, self.kill)
        # Kieker's executions do not say how they ended.
        self.told("killed %d times, executions" % HARM, self.check(self.finish(), has_failures=False))

    def test_collector_ended_and_started(self):
        def end():
            self.assertEqual(self.collector.stop(), 0)
            self.collector.start()

        self.start(self.collector.port)
        self.harm(0.02, 0.6, end)
        self.told("ended %d times" % HARM, self.check(self.finish()))

    def test_network_cut(self):
        proxy = Proxy(self.collector.port)
        self.addCleanup(proxy.close)

        def cut_inside():
            proxy.cut_after = self.random.randrange(1, 100000)
            until(lambda: proxy.cut_after is None, "the cut")

        self.start(proxy.port)
        self.harm(0.01, 0.4, cut_inside, lambda: proxy.cut(True), lambda: proxy.cut(False))
        self.told("cut %d times (%d connections)" % (HARM, proxy.connections), self.check(self.finish()))

    def test_collector_stopped(self):
        """It hangs for a while; it is also killed while it hangs."""
        pause = 10 if HARM >= 100 else 1

        def stop():
            self.collector.process.send_signal(signal.SIGSTOP)
            time.sleep(pause)
            if self.random.random() < 0.3:
                self.kill()
            else:
                self.collector.process.send_signal(signal.SIGCONT)

        self.start(self.collector.port)
        for _ in range(min(3, HARM)):
            time.sleep(self.random.uniform(0.1, 0.5))
            stop()
        self.told("stopped for %d s, %d times" % (pause, min(3, HARM)), self.check(self.finish()))

    def test_everything_at_once(self):
        proxy = Proxy(self.collector.port)
        self.addCleanup(proxy.close)

        def cut_and_kill():
            proxy.cut(True)
            self.kill()

        def cut_inside():
            proxy.cut_after = self.random.randrange(1, 100000)

        self.start(proxy.port)
        self.harm(0.01, 0.5, self.kill, cut_inside, cut_and_kill, lambda: proxy.cut(False))
        proxy.cut_after = None
        self.told("killed and cut %d times" % HARM, self.check(self.finish()))

    def test_killed_while_the_program_ends(self):
        """The last records, and the end itself, are in the store before the program is gone."""
        for _ in range(3):
            with self.subTest():
                if os.path.exists(os.path.join(self.collector.directory, "stop")):
                    os.unlink(os.path.join(self.collector.directory, "stop"))
                self.collector.stop()
                for name in os.listdir(self.collector.directory):
                    if name.startswith("test.db"):
                        os.unlink(os.path.join(self.collector.directory, name))
                self.collector.start()
                self.start(self.collector.port)
                time.sleep(0.3)
                with open(self.stop_file, "w"):
                    pass
                time.sleep(self.random.uniform(0, 0.1))
                self.kill()
                self.told("killed at the end", self.check(self.finish()))


if __name__ == "__main__":
    unittest.main(verbosity=2)
