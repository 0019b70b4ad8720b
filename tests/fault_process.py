# SPDX-License-Identifier: Apache-2.0
"""What can go wrong around the collector's process: signals, the log, the ready file, descriptors, memory, configuration files.

A client is always there, and what it has sent is stored in the end: exactly that, once.
"""
import os
import random
import resource
import signal
import socket
import subprocess
import threading
import time
import unittest
import urllib.parse

from e2e_collector_process import Client, Collector, program, until

SEED = int(os.environ.get("KIEKER_SEED", random.randrange(1 << 32)))
ENDLESS = urllib.parse.quote("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n")


def descriptors(collector):
    return len(os.listdir("/proc/%d/fd" % collector.process.pid))


def settled_descriptors(collector):
    """Once every thread that answers queries has opened what it keeps open."""
    last = None
    while last != descriptors(collector):
        last = descriptors(collector)
        askers = [threading.Thread(target=collector.verb, args=("traces",)) for _ in range(20)]
        for thread in askers:
            thread.start()
        for thread in askers:
            thread.join()
    return last


def processor_time(collector):
    with open("/proc/%d/stat" % collector.process.pid) as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def threads_of(collector):
    """The state of each: R if it runs."""
    states = []
    for task in os.listdir("/proc/%d/task" % collector.process.pid):
        with open("/proc/%d/task/%s/stat" % (collector.process.pid, task)) as stat:
            states.append(stat.read().rsplit(")", 1)[1].split()[0])
    return states


class Good:
    """A client that goes on sending whole traces in a thread, until it is told to stop."""

    def __init__(self, collector):
        self.sent = 0
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self.run, args=(collector.connect(),))
        self.thread.start()

    def run(self, sock):
        client = Client()
        with sock:
            while not self.stopping.wait(0.002):
                self.sent += 1
                sock.sendall(client.trace(self.sent, ["good", "callee"]))

    def stop(self):
        self.stopping.set()
        self.thread.join()
        return self.sent


def run(*arguments, **options):
    environment = {k: v for k, v in os.environ.items() if not k.startswith("KIEKER_")}
    return subprocess.run([program()] + list(arguments), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60,
                          env=environment, **options)


class Signals(unittest.TestCase):
    def check(self, disturb, *options, stop=True):
        with Collector(*options) as collector:
            good = Good(collector)
            try:
                until(lambda: collector.metric("records_total") > 50, "records")
                disturb(collector)
            finally:
                sent = good.stop()
            until(lambda: collector.verb("traces", root="good")["total"] == sent, "all traces")
            self.assertEqual(collector.metric("records_total"), 5 * sent)
            if stop:
                self.assertEqual(collector.stop(), 0)
            return collector.log()

    def test_stopped_and_continued(self):
        def disturb(collector):
            for _ in range(5):
                collector.process.send_signal(signal.SIGSTOP)
                time.sleep(0.3)
                collector.process.send_signal(signal.SIGCONT)
                time.sleep(0.05)
        self.check(disturb)

    def test_storm_of_reloads(self):
        def disturb(collector):
            for _ in range(3000):
                collector.process.send_signal(signal.SIGHUP)
        self.check(disturb)

    def test_storm_of_other_signals(self):
        """Those that a terminal or a supervisor may send without meaning an end."""
        def disturb(collector):
            for _ in range(500):
                for number in (signal.SIGWINCH, signal.SIGCHLD, signal.SIGURG, signal.SIGCONT, signal.SIGPIPE):
                    collector.process.send_signal(number)
        self.check(disturb)

    def test_reload_of_a_broken_configuration(self):
        """It stays as it was, with a line that says why."""
        def disturb(collector):
            for broken in (b"[collector]\nbatch-size = huge\n", b"[collector\n", b"nonsense\n", os.urandom(5000),
                           b"[collector]\n" + b"x" * 100000, None):
                os.unlink(path)
                if broken is not None:
                    with open(path, "wb") as file:
                        file.write(broken)
                before = len(collector.log_lines("the configuration stays as it was"))
                collector.process.send_signal(signal.SIGHUP)
                until(lambda: len(collector.log_lines("the configuration stays as it was")) == before + 1, "the line")
        path = "/tmp/kieker-test-%d.conf" % os.getpid()
        with open(path, "w") as file:
            file.write("[collector]\nmax-connections = 100\n")
        try:
            log = self.check(disturb, "--config", path)
            self.assertIn("batch-size", log)
        finally:
            if os.path.exists(path):
                os.unlink(path)

    def test_killed(self):
        """What was committed is there, and a new one goes on at once."""
        with Collector() as collector:
            collector.send(b"".join(Client().trace(n, ["kept"]) for n in range(50)))
            collector.settled(3)
            for _ in range(3):
                collector.process.kill()
                collector.process.wait()
                collector.start()
                self.assertEqual(collector.verb("traces", root="kept")["total"], 50)
            self.assertEqual(collector.stop(), 0)

    def test_end_while_a_query_runs(self):
        """The query is cut off: it does not hold up the end."""
        with Collector("--query-timeout", "600s") as collector:
            answers = []
            threads = [threading.Thread(target=lambda: answers.append(collector.ask("/api/v1/sql?query=" + ENDLESS)[0])) for _ in range(3)]
            for thread in threads:
                thread.start()
            until(lambda: len([task for task in threads_of(collector) if task == "R"]) >= 2, "queries")
            self.assertEqual(collector.stop(), 0)
            for thread in threads:
                thread.join()
            self.assertEqual(answers, [503] * 3)

    def test_two_ends(self):
        with Collector() as collector:
            collector.process.send_signal(signal.SIGTERM)
            collector.process.send_signal(signal.SIGINT)
            self.assertIn(collector.process.wait(60), (0, -signal.SIGINT, -signal.SIGTERM))


class Files(unittest.TestCase):
    def test_full_disk_of_the_log(self):
        """Nothing can be written to /dev/full: the log is lost, records are not."""
        with Collector("--log", "/dev/full") as collector:
            collector.send(b"".join(Client().trace(n, ["kept"]) for n in range(50)))
            until(lambda: collector.verb("traces", root="kept")["total"] == 50, "the traces")
            self.assertEqual(collector.stop(), 0)

    def test_log_that_can_be_opened_no_more(self):
        with Collector() as first:
            path = os.path.join(first.directory, "log", "file")
            os.mkdir(os.path.dirname(path))
            with Collector("--log", path) as collector:
                os.rename(os.path.dirname(path), os.path.dirname(path) + "2")
                collector.process.send_signal(signal.SIGHUP)

                def old_log():
                    with open(os.path.join(first.directory, "log2", "file")) as file:
                        return file.read()
                until(lambda: "the log cannot be opened anew" in old_log(), "the line in the old log")
                collector.send(Client().trace(1))
                until(lambda: collector.verb("traces")["total"] == 1, "the trace")
                self.assertEqual(collector.stop(), 0)
                self.assertIn("event=stopped", old_log())

    def test_files_that_cannot_be_written(self):
        for option, path in (("--log", "/proc/no/log"), ("--ready-file", "/proc/no/ready"), ("--database", "/proc/no/test.db"),
                             ("--log", "/"), ("--ready-file", "/"), ("--database", "/")):
            with Collector(start=False) as files:
                arguments = ["--port", "0", "--http-port", "0"]
                if option != "--database":
                    arguments += ["--database", files.database]
                ended = run(*arguments, option, path)
                self.assertEqual(ended.returncode, 1, (option, ended.stdout))
                lines = [line for line in ended.stdout.decode().splitlines() if line.startswith("kieker-collector: ")]
                self.assertEqual(len(lines), 1, ended.stdout)
                self.assertIn(path, lines[0])

    def test_second_collector(self):
        """It says who has the database, and the first does not notice."""
        with Collector() as collector:
            good = Good(collector)
            try:
                for _ in range(5):
                    second = run("--port", "0", "--http-port", "0", "--database", collector.database)
                    self.assertEqual(second.returncode, 1)
                    self.assertIn(collector.database, second.stdout.decode())
            finally:
                sent = good.stop()
            until(lambda: collector.verb("traces", root="good")["total"] == sent, "all traces")
            self.assertEqual(collector.stop(), 0)


class Configuration(unittest.TestCase):
    def test_bad_files(self):
        """Each is refused with one sentence that names the file, or is right."""
        dice = random.Random(SEED)
        print("seed %d (KIEKER_SEED)" % SEED)
        lines = run("--print-config").stdout
        kinds = {
            "random bytes": [dice.randbytes(dice.randrange(1, 3000)) for _ in range(60)],
            "long lines": [b"x" * (1 << 20), b"[collector]\nport = " + b"1" * 100000, b"[" * 100000, b"[collector]\n" + b"\n" * 100000 + b"x = 1"],
            "NULs": [b"\0" * 5000, b"[collector]\nport = 1\0\n", b"[collector]\n\0port = 1"],
            "one byte changed": [lines[:at] + bytes([dice.randrange(256)]) + lines[at + 1:]
                                 for at in (dice.randrange(len(lines)) for _ in range(100))],
            "cut off": [lines[:dice.randrange(len(lines))] for _ in range(40)],
            "numbers out of range": [b"[collector]\n%s = %s\n" % (name, value) for name in (b"port", b"memory", b"batch-interval", b"open-traces")
                                     for value in (b"-1", b"99999999999999999999", b"1e9", b"0x10", b"", b" ", b"1 2", b"\xff")],
            "no files": [None],
        }
        with Collector(start=False) as files:
            path = os.path.join(files.directory, "configuration")
            for kind, contents in kinds.items():
                refused = 0
                for content in contents:
                    if os.path.exists(path):
                        os.unlink(path)
                    if content is not None:
                        with open(path, "wb") as file:
                            file.write(content)
                    ended = run("--config", path, "--check-config")
                    self.assertIn(ended.returncode, (0, 2), (kind, content, ended.stdout))
                    if ended.returncode == 2:
                        refused += 1
                        out = ended.stdout.decode(errors="replace")
                        self.assertRegex(out, r"\Akieker-collector: [^\x00-\x09\x0b-\x1f]+\n\Z")
                        self.assertIn(path, out)
                print("bad input: configuration, %s: %d, %d refused" % (kind, len(contents), refused))
            os.mkfifo(path + "-directory")
            ended = run("--config", files.directory, "--check-config")
            self.assertEqual(ended.returncode, 2)


class Resources(unittest.TestCase):
    def test_descriptors_taken_away(self):
        """The limit falls while it runs: who comes waits, without the processor being kept busy; when it rises all are served."""
        with Collector("--http-connections", "16") as collector:
            before = settled_descriptors(collector)
            pid = collector.process.pid
            old = resource.prlimit(pid, resource.RLIMIT_NOFILE)
            resource.prlimit(pid, resource.RLIMIT_NOFILE, (before + 4, old[1]))
            socks = [collector.connect() for _ in range(12)]
            for number, sock in enumerate(socks):
                sock.sendall(Client().trace(number, ["waited"]))
            until(lambda: len(collector.log_lines(" warn listener")) == 1, "the line that they wait")
            self.assertRegex(collector.log_lines(" warn listener")[0], "Too many open files")
            started, busy = time.monotonic(), processor_time(collector)
            time.sleep(2)
            share = (processor_time(collector) - busy) / (time.monotonic() - started)
            print("\nprocessor time while clients wait for descriptors: %.1f %%" % (share * 100))
            self.assertLess(share, 0.5)  # a loop that never rests takes all there is, here half of it at least
            resource.prlimit(pid, resource.RLIMIT_NOFILE, old)
            until(lambda: collector.verb("traces", root="waited")["total"] == 12, "all of them")
            self.assertEqual(len(collector.log_lines(" warn listener")), 1)
            for sock in socks:
                sock.close()
            until(lambda: collector.metric("connections") == 0, "their end")
            until(lambda: descriptors(collector) <= before, "their descriptors")
            self.assertEqual(collector.stop(), 0)

    def test_memory_taken_away(self):
        """The limit of memory falls below what is needed: who asks for more is closed, or waits; what was accepted is stored."""
        with Collector("--log-level", "info") as collector:
            with open("/proc/%d/maps" % collector.process.pid) as maps:
                if "asan" in maps.read():
                    self.skipTest("a sanitizer needs more than any limit")
            client = Client()
            good = collector.connect()
            good.sendall(client.trace(1, ["good"]))
            until(lambda: collector.verb("traces", root="good")["total"] == 1, "the first")
            pid = collector.process.pid
            old = resource.prlimit(pid, resource.RLIMIT_AS)
            with open("/proc/%d/statm" % pid) as statm:
                size = int(statm.read().split()[0]) * resource.getpagesize()
            resource.prlimit(pid, resource.RLIMIT_AS, (size + (4 << 20), old[1]))
            for number in range(6):
                try:
                    with collector.connect() as greedy:
                        greedy.settimeout(1)
                        from_here = Client()
                        greedy.sendall(b"".join(from_here.name("%d-%d" % (number, n) * 100)[0] for n in range(50000)))
                        greedy.recv(1)
                except OSError:
                    pass
            self.assertIsNone(collector.process.poll(), collector.log())
            resource.prlimit(pid, resource.RLIMIT_AS, old)
            good.sendall(client.trace(2, ["good"]))
            until(lambda: collector.verb("traces", root="good")["total"] == 2, "the good client's second trace")
            good.close()
            print("\nclosed for want of memory: %d" % collector.lost("memory_limit"))
            self.assertGreater(collector.lost("memory_limit") + len(collector.log_lines("memory is short")), 0)
            self.assertEqual(collector.stop(), 0)

    def test_few_descriptors_from_the_start(self):
        def few():
            resource.setrlimit(resource.RLIMIT_NOFILE, (110, 110))
        with Collector("--http-connections", "8", preexec_fn=few) as collector:
            socks = []
            for number in range(150):
                sock = socket.socket()
                sock.settimeout(60)
                sock.connect(("127.0.0.1", collector.port))
                sock.sendall(Client().trace(number, ["few"]))
                socks.append(sock)
            until(lambda: collector.verb("traces", root="few")["total"] > 10, "some of them")
            for sock in socks:
                sock.close()
            until(lambda: collector.verb("traces", root="few")["total"] == 150, "all of them")
            self.assertEqual(collector.stop(), 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
