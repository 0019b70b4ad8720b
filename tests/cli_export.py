# SPDX-License-Identifier: Apache-2.0
"""kieker-query export: that a Kieker log gives back what came in, that the other forms are what their readers expect, and that of a
damaged database all that can be read goes out."""
import csv
import gzip
import io
import json
import lzma
import os
import pty
import random
import resource
import shutil
import signal
import socket
import sqlite3
import struct
import subprocess
import sys
import tempfile
import time
import unittest
import zipfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import query_fixture  # noqa: E402
from query_fixture import Client, Collector, MS, START, Trace  # noqa: E402

QUERY = os.environ["KIEKER_QUERY"]
PATIENCE = query_fixture.PATIENCE
PLAIN = {name: value for name, value in os.environ.items() if name in ("PATH", "LSAN_OPTIONS", "ASAN_OPTIONS", "UBSAN_OPTIONS")}
PLAIN.update(TZ="UTC", LC_ALL="C.UTF-8", HOME="/nonexistent")
MANY = 15000  # traces of the larger database
directory = None
shop = None  # the small database, of query_fixture
large = None


def many(client):
    """Traces of three calls each, several blocks of them; the first is one long one, whose records lie apart in chunks."""
    t = Trace(client, 1, START)
    t.before("pkg.Long", "void pkg.Long.main()")
    chance = random.Random(1)
    for i in range(60000):
        t.leaf("pkg.Long", "void pkg.Long.step%d()" % chance.randrange(7), 1000 + chance.randrange(100000))
    t.after("pkg.Long", "void pkg.Long.main()")
    for i in range(2, MANY + 1):
        t = Trace(client, i, START + i * MS)
        t.before("pkg.C", "void pkg.C.a()")
        t.leaf("pkg.C", "void pkg.C.b()", 1000 + i * 7 % 1000)
        t.leaf("pkg.D", "void pkg.D.c(int)", 3000 + i * 31 % 5000, "java.io.IOException: no; really" if i % 50 == 0 else None)
        t.after("pkg.C", "void pkg.C.a()")
    client.record("kieker.common.record.system.CPUUtilizationRecord", "qiiddddddd", START, "web-1", "0", *[0.5] * 7)


def make(database, run, records):
    collector = Collector(database, run)
    client = Client()
    records(client)
    collector.take(client)
    collector.stop()


def setUpModule():
    global directory, shop, large
    directory = tempfile.TemporaryDirectory()
    shop = os.path.join(directory.name, "shop.db")
    large = os.path.join(directory.name, "large.db")
    query_fixture.make(shop)
    make(large, "many", many)


def tearDownModule():
    directory.cleanup()


def read_all(terminal):
    """What was said at a terminal that everybody else has left."""
    said = b""
    while True:
        try:
            said += os.read(terminal, 65536)
        except OSError:
            return said


def ask(*words, at=None, **more):
    place = ["--database", shop] if at is None else at
    return subprocess.run([QUERY, *place, *words], capture_output=True, env=PLAIN, timeout=PATIENCE, **more)


def export(*words, status=0, at=None):
    """What goes to standard output."""
    answer = ask("export", *words, at=at)
    assert answer.returncode == status, (answer.returncode, answer.stderr)
    return answer.stdout.decode()


def rows(verb, database):
    answer = ask(verb, "--json", at=["--database", database])
    assert answer.returncode == 0, answer.stderr
    return json.loads(answer.stdout)["rows"]


class Log:
    """A Kieker log, as spec'd: a map, and files of records in the order of their names."""

    def __init__(self, path, unpack=lambda bytes_, path: bytes_):
        self.names = {}
        with open(os.path.join(path, "kieker.map"), encoding="utf-8", newline="\n") as lines:
            for line in lines:
                number, text = line[1:].rstrip("\n").split("=", 1)
                assert line[0] == "$" and int(number) not in self.names, line
                self.names[int(number)] = text.replace("\\n", "\n").replace("\\r", "\r").replace("\\\\", "\\")
        self.files = []
        for name in sorted(set(os.listdir(path)) - {"kieker.map"}):
            with open(os.path.join(path, name), "rb") as file:
                self.files.append(unpack(file.read(), name))

    def lines(self):
        """(class, logged, fields) of a text log."""
        for file in self.files:
            for line in file.decode().splitlines():
                head, logged, *fields = line.split(";")
                yield self.names[int(head[1:])], int(logged), fields

    def stream(self):
        """A binary log's records lie there as on the wire, but for its registry's entries."""
        out = bytearray()
        for number, text in self.names.items():
            coded = text.encode("utf-8", "surrogateescape")
            out += struct.pack(">iii", -1, number, len(coded)) + coded
        return bytes(out) + b"".join(self.files)


def logs(out, **more):
    return [Log(os.path.join(out, name), **more) for name in sorted(os.listdir(out))]


class Scratch(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory()
        self.addCleanup(self.directory.cleanup)

    def path(self, name):
        return os.path.join(self.directory.name, name)


class KiekerLogs(Scratch):
    def test_text(self):
        made = export("--to", "kieker", "--out", self.path("out")).splitlines()
        self.assertEqual([os.path.basename(path) for path in made], sorted(os.listdir(self.path("out"))))
        for path in made:
            self.assertRegex(os.path.basename(path), r"^kieker-\d{8}-\d{6}-\d+-UTC--(shop|nightly)$")
            for name in os.listdir(path):
                self.assertRegex(name, r"^(kieker\.map|kieker-\d{8}-\d{9}-UTC-\d{3}\.dat)$")
        first, second = logs(self.path("out"))
        lines = list(first.lines())
        # A client of the fixture: what it sent, and one record of ours that says the unit.
        client = Client()
        query_fixture.shop(client)
        self.assertEqual(len(lines), client.records + 1)
        self.assertEqual([file.count(b"\n") for file in first.files], [25000, client.records + 1 - 25000])
        self.assertEqual(lines[0][0], "kieker.common.record.misc.KiekerMetadataRecord")
        self.assertEqual(lines[0][2][6], "NANOSECONDS")
        third = [line for line in lines if line[2][0] == "3" or line[2][1:2] == ["3"]]
        self.assertEqual([line[0].rsplit(".", 1)[1] for line in third],
                         ["TraceMetadata", "BeforeOperationEvent", "BeforeOperationEvent", "AfterOperationEvent", "BeforeOperationEvent",
                          "AfterOperationFailedEvent", "AfterOperationFailedEvent"])
        self.assertEqual(third[5], ("kieker.common.record.flow.trace.operation.AfterOperationFailedEvent", -1,
                                    [str(START + 2004 * MS), "3", "4", "public List shop.CRM.get_offers()", "shop.CRM",
                                     "java.io.IOException: connection reset"]))
        self.assertEqual([fields[5:] for name, _, fields in second.lines() if name.endswith("OperationExecutionRecord")],
                         [["web-2", "1", "1"], ["web-3", "2", "1"], ["web-2", "0", "0"]])

    def test_binary_is_what_came_in(self):
        """Sent to another collector, it is the same database; and its export is the same log."""
        made = export("--to", "kieker-binary", "--out", self.path("out")).splitlines()
        again = self.path("again.db")
        for path in made:
            stream = Log(path).stream()
            collector = Collector(again, os.path.basename(path).rsplit("-", 1)[1])
            with socket.create_connection(("127.0.0.1", collector.port)) as connection:
                connection.sendall(stream)
            run = os.path.basename(path).rsplit("-", 1)[1]
            sent = {row["name"]: row["records"] for row in rows("runs", shop)}[run] + 1
            collector.wait(lambda: {row["name"]: row["records"] for row in rows("runs", again)}.get(run) == sent,
                           "does not store what was exported")
            collector.stop()
        for verb in ("operations", "tree"):
            self.assertEqual(rows(verb, again), rows(verb, shop))
        for before, after in zip(rows("traces", shop), rows("traces", again)):
            self.assertEqual({**before, "id": 0, "class": 0}, {**after, "id": 0, "class": 0})
        export("--to", "kieker-binary", "--out", self.path("second"), at=["--database", again])
        for before, after in zip(logs(self.path("out")), logs(self.path("second"))):
            self.assertEqual(before.names, after.names)
            self.assertEqual(before.files, after.files)

    def test_packed(self):
        export("--to", "kieker", "--out", self.path("plain"))
        plain = [log.files for log in logs(self.path("plain"))]

        def unzip(packed, name):
            with zipfile.ZipFile(io.BytesIO(packed)) as archive:
                (inner,) = archive.namelist()
                self.assertEqual(inner + ".zip", name)
                return archive.read(inner)

        for packing, suffix, unpack in (("gzip", ".dat.gz", lambda packed, _: gzip.decompress(packed)),
                                        ("xz", ".dat.xz", lambda packed, _: lzma.decompress(packed)), ("zip", ".dat.zip", unzip)):
            out = self.path(packing)
            made = export("--to", "kieker", "--compress", packing, "--out", out).splitlines()
            for name in set(os.listdir(made[0])) - {"kieker.map"}:
                self.assertTrue(name.endswith(suffix), name)
            self.assertEqual([log.files for log in logs(out, unpack=unpack)], plain)

    def test_filters(self):
        export("--to", "kieker", "--failed", "--out", self.path("failed"))
        (log,) = logs(self.path("failed"))
        self.assertEqual({line[2][0] for line in log.lines() if line[0].endswith("TraceMetadata")}, {"3"})
        export("--to", "kieker", "--run", "nightly", "--out", self.path("run"))
        self.assertEqual(len(logs(self.path("run"))), 1)
        export("7", "--to", "kieker", "--out", self.path("id"))
        (log,) = logs(self.path("id"))
        self.assertEqual([line[0].rsplit(".", 1)[1] for line in log.lines()],
                         ["KiekerMetadataRecord", "TraceMetadata", "BeforeOperationEvent", "BeforeOperationEvent"])

    def test_more_streams_than_files(self):
        """Streams that mix, more of them than have logs open at a time: each gets its own, whole."""
        database, count = self.path("streams.db"), 17
        collector = Collector(database, "streams")
        clients, connections = [], []
        for i in range(count):
            clients.append(Client())
            connections.append(socket.create_connection(("127.0.0.1", collector.port)))
        for round_ in range(3):
            for i, client in enumerate(clients):
                client.bytes = bytearray()
                t = Trace(client, round_, START + round_ * MS)
                t.leaf("pkg.C%d" % i, "void pkg.C%d.m()" % i, MS)
                connections[i].sendall(client.bytes)
        for connection in connections:
            connection.close()
        collector.wait(lambda: collector.records() == count * 9, "does not store all")
        collector.stop()
        # Packed logs are open by fewer at a time than there are streams.
        export("--to", "kieker", "--compress", "gzip", "--out", self.path("out"), at=["--database", database])
        found = logs(self.path("out"), unpack=lambda packed, _: gzip.decompress(packed))
        self.assertEqual(len(found), count)
        classes = set()
        for log in found:
            lines = list(log.lines())
            self.assertEqual(len(lines), 10)
            (name,) = {line[2][4] for line in lines if line[0].endswith("OperationEvent")}
            classes.add(name)
        self.assertEqual(len(classes), count)

    def test_microseconds(self):
        """A client that counts microseconds gets them back, and is said to."""
        database = self.path("us.db")

        def records(client):
            t = Trace(client, 1, START // 1000)
            t.leaf("pkg.C", "void pkg.C.m()", 250)

        make(database, "us", records)
        export("--to", "kieker", "--out", self.path("out"), at=["--database", database])
        (log,) = logs(self.path("out"))
        lines = list(log.lines())
        self.assertEqual(lines[0][2][6], "MICROSECONDS")
        self.assertEqual([line[2][0] for line in lines[2:]], [str(START // 1000), str(START // 1000 + 250)])

    def test_no_room(self):
        """A file that may not grow, as on a full disk: that is said, and nothing claims to be whole."""
        def limit():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))

        for more in ([], ["--compress", "zip"]):
            answer = ask("export", "--to", "kieker", *more, "--out", self.path("out" + "".join(more)), at=["--database", large],
                         preexec_fn=limit)
            # Packed, it is small enough.
            self.assertEqual(answer.returncode, 0 if more else 5, answer.stderr)
            self.assertEqual(b"File too large" in answer.stderr, not more)

    def test_imported(self):
        """What another program of ours reads of it, is the same."""
        again = self.path("again.db")
        export("--to", "kieker-binary", "--compress", "xz", "--out", self.path("out"), at=["--database", large])
        answer = ask("import", self.path("out"), "--run", "many", at=["--database", again])
        self.assertEqual((answer.returncode, answer.stderr), (0, b""))
        for verb in ("operations", "tree"):
            self.assertEqual(rows(verb, again), rows(verb, large))
        for before, after in zip(rows("runs", large), rows("runs", again)):
            self.assertEqual({**before, "records": before["records"] + 1}, after)

    def test_own_types(self):
        """Records of types that users have made are known by what is stored of them, or by their description."""
        log, database, irl = self.path("log"), self.path("own.db"), self.path("own.irl")
        os.mkdir(log)
        with open(os.path.join(log, "kieker.map"), "w", encoding="utf-8") as file:
            file.write("$0=my.records.Measured\n")
        with open(os.path.join(log, "kieker-1.dat"), "w", encoding="utf-8") as file:
            file.write("$0;17;%d;4711;2.5;2;one;two\n" % START)
        with open(irl, "w", encoding="utf-8") as file:
            file.write("package my.records entity Measured { long timestamp int count double share string[] names }\n")
        self.assertEqual(ask("import", log, "--records", irl, at=["--database", database]).returncode, 0)
        export("--to", "kieker", "--out", self.path("stored"), at=["--database", database])
        connection = sqlite3.connect(database)
        with connection:  # as it was stored before layouts were
            changed = connection.execute("UPDATE name SET text = 'my.records.Measured' WHERE text LIKE 'my.records.Measured(%'").rowcount
        connection.close()
        self.assertEqual(changed, 1)
        answer = ask("export", "--to", "kieker", "--out", self.path("without"), at=["--database", database])
        self.assertEqual(answer.returncode, 5)
        self.assertIn(b"my.records.Measured is not known: --records FILE teaches it", answer.stderr)
        export("--to", "kieker", "--records", irl, "--out", self.path("with"), at=["--database", database])
        for where in ("stored", "with"):
            (found,) = logs(self.path(where))
            self.assertEqual(list(found.lines())[1:], [("my.records.Measured", 17, [str(START), "4711", "2.5", "2", "one", "two"])])

    def test_refusals(self):
        answer = ask("export")
        self.assertEqual(answer.returncode, 2)
        self.assertIn(b"export needs to", answer.stderr)
        answer = ask("export", "--to", "kiker")
        self.assertEqual(answer.returncode, 2)
        export("--to", "kieker", "--out", self.path("out"))
        answer = ask("export", "--to", "kieker", "--out", self.path("out"))
        self.assertEqual(answer.returncode, 5)
        self.assertIn(b"is there already", answer.stderr)
        answer = ask("export", "--to", "csv", "--out", shop)
        self.assertEqual(answer.returncode, 2)
        self.assertIn(b"is the database itself", answer.stderr)
        self.assertGreater(os.path.getsize(shop), 4096)
        answer = ask("export", "--to", "csv", "--compress", "gzip")
        self.assertEqual(answer.returncode, 2)
        answer = ask("export", "99", "--to", "csv")
        self.assertEqual(answer.returncode, 4)
        answer = ask("export", "1", "2", "--to", "csv")
        self.assertEqual(answer.returncode, 2)


def calls_of_tree(database):
    """Operation -> (calls, self_ns), as `operations` has it."""
    return {(row["component"], row["operation"]): (row["calls"], row["self_ns"]) for row in rows("operations", database)}


class Forms(Scratch):
    def test_chrome(self):
        document = json.loads(export("--to", "chrome"))
        open_calls, calls, last = {}, 0, {}
        processes, threads = set(), set()
        for event in document["traceEvents"]:
            where = event["pid"], event["tid"]
            if event["ph"] == "M":
                self.assertIn(event["name"], ("process_name", "process_labels", "thread_name"))
                (processes if event["name"] == "process_name" else threads).add(where if event["tid"] else event["pid"])
                continue
            self.assertIn(event["pid"], processes)
            self.assertIn(where, threads)
            self.assertGreaterEqual(event["ts"], 0)
            # Each of a lane's events is at or behind the one before, and an E ends the innermost B.
            self.assertGreaterEqual(event["ts"], last.get(where, 0))
            last[where] = event["ts"]
            if event["ph"] == "B":
                self.assertIn("name", event)
                open_calls[where] = open_calls.get(where, 0) + 1
                calls += 1
            else:
                self.assertEqual(event["ph"], "E")
                open_calls[where] -= 1
                self.assertGreaterEqual(open_calls[where], 0)
        self.assertEqual(set(open_calls.values()), {0})
        self.assertEqual(calls, sum(row["calls"] for row in rows("traces", shop)))
        failed = [event for event in document["traceEvents"] if event.get("args", {}).get("failed")]
        self.assertEqual({event["args"]["cause"] for event in failed}, {"java.io.IOException: connection reset"})
        self.assertEqual(len(failed), 2)

    def test_chrome_lanes(self):
        """Traces of one thread that overlap, as tasks do, are not drawn into one another."""
        database = self.path("tasks.db")

        def records(client):
            one, other = Trace(client, 1, START), Trace(client, 2, START + MS)
            one.before("t.A", "a()")
            other.before("t.B", "b()")
            one.now = START + 2 * MS
            one.after("t.A", "a()")
            other.now = START + 3 * MS
            other.after("t.B", "b()")

        make(database, "tasks", records)
        events = json.loads(export("--to", "chrome", at=["--database", database]))["traceEvents"]
        self.assertEqual([(event["ph"], event["tid"], event["ts"]) for event in events if event["ph"] != "M"],
                         [("B", 1, 0), ("E", 1, 2000), ("B", 2, 1000), ("E", 2, 3000)])
        self.assertEqual([event["args"]["name"] for event in events if event.get("name") == "thread_name"], ["thread 7", "thread 7 (2)"])

    def test_folded(self):
        sums = {}
        for line in export("--to", "folded").splitlines():
            stack, number = line.rsplit(" ", 1)
            self.assertNotIn(stack, sums)
            sums[stack] = int(number)
        expected = {}

        def add(found, above):
            for row in found:
                stack = above + [(row["component"] + "." + row["operation"]).replace("\x1b", " ")]
                if row["self_ns"]:
                    expected[";".join(stack)] = row["self_ns"]
                add(row["children"], stack)

        for trace in rows("traces", shop):
            if trace["state"] != "complete":
                continue
            answer = ask("trace", trace["id"], "--limit", "50000", "--json")
            one = {}
            for row in json.loads(answer.stdout)["rows"]:
                self.collect(row, [], one)
            for stack, number in one.items():
                expected[stack] = expected.get(stack, 0) + number
        complete = {}
        for line in export("--to", "folded", "--state", "complete").splitlines():
            stack, number = line.rsplit(" ", 1)
            complete[stack] = int(number)
        self.assertEqual(complete, {stack: number for stack, number in expected.items() if number})
        self.assertLessEqual(set(complete), set(sums))

    def collect(self, row, above, sums):
        stack = above + [(row["component"] + "." + row["operation"]).replace("\x1b", " ")]
        sums[";".join(stack)] = sums.get(";".join(stack), 0) + row["self_ns"]
        for child in row["children"]:
            self.collect(child, stack, sums)

    def test_speedscope(self):
        document = json.loads(export("--to", "speedscope"))
        self.assertEqual(document["$schema"], "https://www.speedscope.app/file-format-schema.json")
        frames = document["shared"]["frames"]
        self.assertEqual(len(document["profiles"]), len(rows("traces", shop)))
        for profile in document["profiles"]:
            self.assertEqual((profile["type"], profile["unit"], profile["startValue"]), ("evented", "nanoseconds", 0))
            at, stack = 0, []
            for event in profile["events"]:
                self.assertGreaterEqual(event["at"], at)
                self.assertIn("name", frames[event["frame"]])
                at = event["at"]
                if event["type"] == "O":
                    stack.append(event["frame"])
                else:
                    self.assertEqual((event["type"], event["frame"]), ("C", stack.pop()))
            self.assertEqual(stack, [])
            self.assertEqual(profile["endValue"], at)

    def test_otlp(self):
        spans, lines = {}, export("--to", "otlp-json").splitlines()
        for line in lines:
            request = json.loads(line)
            self.assertEqual(list(request), ["resourceSpans"])
            for resource in request["resourceSpans"]:
                attributes = {a["key"]: a["value"]["stringValue"] for a in resource["resource"]["attributes"]}
                self.assertIn(attributes["service.name"], ("shop", "nightly"))
                for scope in resource["scopeSpans"]:
                    self.assertLessEqual(len(scope["spans"]), 500)
                    for span in scope["spans"]:
                        self.assertRegex(span["traceId"], "^[0-9a-f]{32}$")
                        self.assertRegex(span["spanId"], "^[0-9a-f]{16}$")
                        self.assertNotEqual(int(span["spanId"], 16), 0)
                        self.assertNotIn((span["traceId"], span["spanId"]), spans)
                        self.assertLessEqual(int(span["startTimeUnixNano"]), int(span["endTimeUnixNano"]))
                        spans[span["traceId"], span["spanId"]] = span
        for (trace, _), span in spans.items():
            if "parentSpanId" in span:
                parent = spans[trace, span["parentSpanId"]]
                self.assertLessEqual(int(parent["startTimeUnixNano"]), int(span["startTimeUnixNano"]))
        self.assertEqual(len(spans), sum(row["calls"] for row in rows("traces", shop)))
        self.assertEqual({span["status"]["message"] for span in spans.values() if "status" in span},
                         {"java.io.IOException: connection reset"})

    def test_csv(self):
        table = list(csv.DictReader(io.StringIO(export("--to", "csv"))))
        calls = {}
        for row in table:
            key = row["component"], row["operation"]
            count, self_ns = calls.get(key, (0, 0))
            calls[key] = count + 1, self_ns + int(row["self_ns"])
            if row["parent"]:
                self.assertLess(int(row["parent"]), int(row["call"]))
        self.assertEqual(calls, calls_of_tree(shop))

    def test_nothing(self):
        for form in ("chrome", "speedscope"):
            json.loads(export("--to", form, "--op", "nothing.like.this"))
        self.assertEqual(export("--to", "otlp-json", "--op", "nothing.like.this"), "")

    def test_out_and_broken_pipe(self):
        whole = export("--to", "csv")
        self.assertEqual(export("--to", "csv", "--out", self.path("out.csv")), "")
        with open(self.path("out.csv"), encoding="utf-8", newline="") as file:
            self.assertEqual(file.read(), whole)
        process = subprocess.Popen([QUERY, "--database", large, "export", "--to", "csv"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   env=PLAIN)
        process.stdout.read(100)
        process.stdout.close()
        self.assertEqual(process.stderr.read(), b"")
        process.stderr.close()
        self.assertEqual(process.wait(PATIENCE), -signal.SIGPIPE)
        answer = ask("export", "--to", "csv", "--out", "/dev/full")
        self.assertEqual(answer.returncode, 5)
        self.assertIn(b"No space left", answer.stderr)

    def test_progress(self):
        """Somebody who waits at a terminal is told how far it has come."""
        ours, theirs = pty.openpty()
        process = subprocess.Popen([QUERY, "--database", large, "export", "--to", "csv"], stdout=subprocess.PIPE, stderr=theirs, env=PLAIN)
        os.close(theirs)
        process.stdout.read(100)
        time.sleep(1.2)  # nothing is said in the first second
        process.stdout.read()
        process.stdout.close()
        self.assertEqual(process.wait(PATIENCE), 0)
        said = read_all(ours).decode()
        os.close(ours)
        self.assertRegex(said, r"[0-9 ]+ traces")
        self.assertTrue(said.endswith("\r\x1b[K"), said)

    def test_memory(self):
        """A trace of 60,001 calls and 15,000 others go through in the memory of a few blocks."""
        if "ASAN_OPTIONS" in os.environ:
            self.skipTest("sanitizers take memory of their own")
        for form in ("chrome", "otlp-json", "folded", "kieker-binary"):
            process = subprocess.Popen([QUERY, "--database", large, "export", "--to", form, "--out", self.path(form)],
                                       stdout=subprocess.DEVNULL, env=PLAIN)
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            self.assertEqual(process.returncode, 0)
            self.assertLess(usage.ru_maxrss, 96 * 1024, form)


class Servers(Scratch):
    def setUp(self):
        super().setUp()
        copy = self.path("copy.db")
        shutil.copy(large, copy)
        self.collector = Collector(copy, "served")
        self.addCleanup(self.collector.stop)
        self.at = ["--server", self.collector.url]

    def test_same_answers(self):
        for form in ("chrome", "folded", "speedscope", "otlp-json", "csv"):
            words = "--to", form, "--min-calls", "1000"
            self.assertEqual(export(*words, at=self.at), export(*words, at=["--database", large]), form)
        self.assertEqual(export("2", "--to", "csv", at=self.at), export("2", "--to", "csv", at=["--database", large]))
        export("2", "--to", "csv", "--out", self.path("out.csv"), at=self.at)
        with open(self.path("out.csv"), encoding="utf-8") as file:
            self.assertEqual(file.read(), export("2", "--to", "csv", at=self.at))

    def test_bounds(self):
        answer = ask("export", "--to", "otlp-json", at=self.at)
        self.assertEqual(answer.returncode, 2)
        self.assertEqual(answer.stdout, b"")
        self.assertIn(b"larger than the 32 MiB", answer.stderr)
        answer = ask("export", "--to", "kieker", "--out", self.path("out"), at=self.at)
        self.assertEqual(answer.returncode, 2)
        self.assertIn(b"A Kieker log is a directory", answer.stderr)
        self.assertFalse(os.path.exists(self.path("out")))
        self.assertEqual(self.collector.process.poll(), None)

    def test_no_files_for_others(self):
        """Whoever may ask a server may not let it write."""
        import urllib.error
        import urllib.request
        target = self.path("written")
        for query in ("to=csv&out=" + target, "to=kieker&out=" + target, "to=kieker&compress=gzip"):
            with self.assertRaises(urllib.error.HTTPError) as refused:
                urllib.request.urlopen(self.collector.url + "/api/v1/export?" + query, timeout=PATIENCE)
            self.assertEqual(refused.exception.code, 400)
            refused.exception.close()
        self.assertFalse(os.path.exists(target))


class Damage(Scratch):
    """Each database is a copy of the larger one, with something wrong."""

    def copy(self):
        path = self.path("damaged.db")
        shutil.copy(large, path)
        return path

    def blocks(self, path):
        with sqlite3.connect(path) as database:
            return dict(database.execute("SELECT id, traces FROM block"))

    def exported(self, path, status=5):
        """Trace ids that come out of it, and what is said."""
        out = self.path("out%d" % len(os.listdir(self.directory.name)))
        answer = ask("export", "--to", "kieker", "--out", out, at=["--database", path])
        self.assertEqual(answer.returncode, status, answer.stderr)
        ids, events = set(), 0
        for log in logs(out):
            for name, _, fields in log.lines():
                if name.endswith("TraceMetadata"):
                    ids.add(int(fields[0]))
                events += name.endswith("Event")
        return ids, events, answer.stderr.decode()

    def refuses(self, path):
        """The collector does not begin on it."""
        process = subprocess.run([os.environ["KIEKER_COLLECTOR"], "--port", "0", "--http-port", "0", "--database", path],
                                 capture_output=True, timeout=PATIENCE, env=PLAIN)
        self.assertNotEqual(process.returncode, 0)
        self.assertIn(b"kieker-query export", process.stderr)

    def test_whole(self):
        ids, events, said = self.exported(large, 0)
        self.assertEqual((ids, events, said), (set(range(1, MANY + 1)), 2 * 60001 + (MANY - 1) * 6, ""))

    def test_block(self):
        path = self.copy()
        blocks = self.blocks(path)
        self.assertGreater(len(blocks), 3)
        spoiled = sorted(blocks)[1:3]
        with sqlite3.connect(path) as database:
            for block in spoiled:
                size, = database.execute("SELECT length(structure) FROM block_data WHERE block = ?", (block,)).fetchone()
                database.execute("UPDATE block_data SET structure = ? WHERE block = ?", (b"\xAA" * size, block))
        ids, _, said = self.exported(path)
        lost = sum(blocks[block] for block in spoiled)
        self.assertEqual(len(ids), MANY - lost)
        for block in spoiled:
            self.assertIn("block %d cannot be read: it has %d traces" % (block, blocks[block]), said)
        self.assertIn("the export is not whole", said)

    def test_chunk(self):
        path = self.copy()
        with sqlite3.connect(path) as database:
            trace, chunks, events = database.execute(
                "SELECT trace, count(*), sum(events) FROM chunk GROUP BY trace ORDER BY 2 DESC").fetchone()
            self.assertGreater(chunks, 3)
            middle, size = database.execute("SELECT events, length(data) FROM chunk WHERE trace = ? AND number = 1", (trace,)).fetchone()
            database.execute("UPDATE chunk SET data = ? WHERE trace = ? AND number = 1", (b"\xAA" * size, trace))
            gone, = database.execute("SELECT events FROM chunk WHERE trace = ? AND number = 3", (trace,)).fetchone()
            database.execute("DELETE FROM chunk WHERE trace = ? AND number = 3", (trace,))
        self.assertEqual(events, 2 * 60001)
        ids, found, said = self.exported(path)
        self.assertEqual(ids, set(range(1, MANY + 1)))
        # The end of the first call cannot be told behind the gap, nor may be that of a call at each chunk's border.
        self.assertLessEqual(found, events - middle - gone - 1 + (MANY - 1) * 6)
        self.assertGreaterEqual(found, events - middle - gone - 5 + (MANY - 1) * 6)
        self.assertIn("chunk 1 of trace %d cannot be read: %d records are left out" % (trace, middle), said)
        self.assertIn("chunk 3 of trace %d cannot be read" % trace, said)
        answer = ask("export", str(trace), "--to", "speedscope", at=["--database", path])
        self.assertEqual(answer.returncode, 5)
        self.assertIn(b"end early", answer.stderr)
        profile, = json.loads(answer.stdout)["profiles"]
        self.assertEqual(sum(1 if event["type"] == "O" else -1 for event in profile["events"]), 0)
        self.assertGreater(len(profile["events"]), 1000)

    def test_names(self):
        path = self.copy()
        with sqlite3.connect(path) as database:
            database.execute("DELETE FROM name WHERE text = 'void pkg.C.b()'")
        self.refuses(path)
        ids, events, said = self.exported(path)
        self.assertEqual((len(ids), events), (MANY, 2 * 60001 + (MANY - 1) * 6))
        self.assertIn("1 texts are lost", said)

    def pages_of(self, path, table):
        """Numbers of the pages that hold a table's rows, from 1; or as many as can be found without SQLite's dbstat."""
        with sqlite3.connect(path) as database:
            size, = database.execute("PRAGMA page_size").fetchone()
            root, = database.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (table,)).fetchone()
        with open(path, "rb") as file:
            content = file.read()

        def leaves(page):
            head = (page - 1) * size
            kind, cells = content[head], int.from_bytes(content[head + 3:head + 5], "big")
            if kind == 13:
                return [page]
            self.assertEqual(kind, 5)
            found = []
            for cell in range(cells):
                at = int.from_bytes(content[head + 12 + 2 * cell:head + 14 + 2 * cell], "big")
                found += leaves(int.from_bytes(content[head + at:head + at + 4], "big"))
            return found + leaves(int.from_bytes(content[head + 8:head + 12], "big"))

        return size, leaves(root)

    def spoil(self, path, size, pages):
        with open(path, "r+b") as file:
            for page in pages:
                file.seek((page - 1) * size)
                file.write(b"\xAA" * size)

    def test_pages(self):
        """Pages that a disk has lost, in turn of each table: what lies on others is there."""
        for table in ("block_data", "block", "chunk", "path", "class"):
            path = self.copy()
            size, pages = self.pages_of(path, table)
            self.spoil(path, size, pages[len(pages) // 2:len(pages) // 2 + 1])
            ids, events, said = self.exported(path, 5 if table in ("block_data", "chunk") else 0)
            if table == "block_data":
                self.assertLess(len(ids), MANY)
                self.assertGreater(len(ids), MANY // 8)
                self.assertRegex(said, r"blocks? .* cannot be read")
            elif table == "chunk":
                self.assertEqual(len(ids), MANY)
                self.assertLess(events, 2 * 60001 + (MANY - 1) * 6)
                self.assertGreaterEqual(events, (MANY - 2) * 6)
                self.assertRegex(said, r"chunks? .* cannot be read")
            else:
                self.assertEqual((len(ids), events), (MANY, 2 * 60001 + (MANY - 1) * 6), table)

    def test_end_is_missing(self):
        path = self.copy()
        size, pages = self.pages_of(path, "block_data")
        os.truncate(path, sorted(pages)[len(pages) // 2] * size)
        self.refuses(path)
        ids, _, said = self.exported(path)
        self.assertGreater(len(ids), MANY // 8)
        self.assertIn("the export is not whole", said)

    def test_older_schema(self):
        path = self.copy()
        with sqlite3.connect(path) as database:
            database.execute("PRAGMA user_version = 1")
        ids, _, said = self.exported(path, 0)
        self.assertEqual((len(ids), said), (MANY, ""))

    def test_first_page(self):
        """Without what the file says of itself nothing can be found."""
        path = self.copy()
        with open(path, "r+b") as file:
            file.seek(100)
            file.write(b"\xAA" * 3000)
        answer = ask("export", "--to", "csv", at=["--database", path])
        self.assertEqual(answer.returncode, 3)
        self.assertIn(b"is damaged where it says what is in it", answer.stderr)

    def test_no_database(self):
        path = self.path("text.db")
        with open(path, "w", encoding="utf-8") as file:
            file.write("no database\n" * 1000)
        answer = ask("export", "--to", "csv", at=["--database", path])
        self.assertEqual(answer.returncode, 3)
        self.assertIn(b"is not a database", answer.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=1)
