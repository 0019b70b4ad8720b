# SPDX-License-Identifier: Apache-2.0
"""Databases of every schema that there was are opened by today's programs, and give the same answers.

`tests/migrate_store.py --make` (with KIEKER_COLLECTOR and KIEKER_QUERY naming programs of one schema) writes such a database,
tests/data/schema/version_N.sql.gz, as a killed collector leaves it, and what those programs answer: version_N.json.gz. Do that
before a schema is changed, and keep the files as they are.
"""
import glob
import gzip
import hashlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import unittest

import query_fixture as fixture
from query_fixture import EVENTS, GET, MS, SEARCH, START, STEP, Client, Trace

DATA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "data", "schema")
APPLICATION = 0x4B696B72
LATER = START + 2 * 86_400_000 * MS


def damaged(client):
    """The third run: traces with flaws, other records, a counter of an agent."""
    t = Trace(client, 1, LATER)
    t.before(*SEARCH)
    t.now += MS
    t.after(*GET)  # of another call than the one that is open
    t = Trace(client, 2, LATER + MS)
    t.before(*SEARCH)
    t.order += 5  # events are missing
    t.leaf(*GET, 3 * MS)
    t.after(*SEARCH)
    for n in range(20):
        at = LATER + n * 30_000 * MS
        client.record("kieker.common.record.system.CPUUtilizationRecord", "qiiddddddd", at, "web-1", "cpu0", .1 * n, .2, .3, 0, 0, .5, .5)
        client.record("kieker.common.record.system.MemSwapUsageRecord", "qiqqqqqq", at, "web-1", 1000, 10 * n, 900, 0, 0, 0)
    client.id("kieker:counters dropped_full=3 dropped_closing=1")


def many(client):
    """Enough to fill several minutes and a block that is merged."""
    for n in range(400):
        t = Trace(client, 100 + n, LATER + (3_600_000 + n * 700) * MS, host="web-%d" % (n % 3), thread=n % 5)
        t.before(*SEARCH)
        for _ in range(n % 4):
            t.leaf(*GET, (1 + n % 7) * MS)
        t.after(*SEARCH, *(["java.io.IOException: no " + str(n % 2)] if n % 11 == 0 else []))


def wide(client):
    """So many operations in one minute that their statistics are packed, and stay so when nobody tidies up."""
    for n in range(600):
        t = Trace(client, 20_000 + n, LATER + (7_260_000 + n) * MS)
        t.before("shop.Wide", "public void shop.Wide.operation_%d()" % n)
        t.now += MS
        t.after("shop.Wide", "public void shop.Wide.operation_%d()" % n)


def long_trace(client, begin, calls):
    t = Trace.__new__(Trace)
    t.client, t.number, t.now, t.order = client, 7000, LATER + 7_200_000 * MS + begin, begin + (begin > 0)
    if begin == 0:
        client.record(EVENTS + "TraceMetadata", "qqiiqi", 7000, 3, "<no-session-id>", "web-1", -1, -1)
        t.before(*SEARCH)
    for n in range(calls):
        t.leaf(*STEP, 1000 + n)
    return t


def fill(database):
    """A bit of everything, and a collector that was killed in the midst of it."""
    for run, contents in (("shop", [fixture.shop]), ("nightly", [fixture.nightly]), ("damaged", [damaged, many])):
        collector = fixture.Collector(database, run)
        for content in contents:
            client = Client()
            content(client)
            collector.take(client)
        if run == "damaged":
            connection = fixture.socket.create_connection(("127.0.0.1", collector.port))
            client, sent = Client(), 0
            for part in range(3):  # a long trace, committed as it goes
                before = collector.records()
                long_trace(client, part * 3000, 1500)
                if part == 2:
                    t = Trace(client, 8, LATER + 7_300_000 * MS, thread=9)
                    t.before(*SEARCH)
                    t.leaf(*GET, 2 * MS)
                    wide(client)
                connection.sendall(client.bytes)
                collector.wait(lambda: collector.records() >= before + client.records - sent, "does not store all records")
                sent = client.records
                client.bytes.clear()
            collector.process.send_signal(signal.SIGKILL)
            collector.process.wait()
            connection.close()
        else:
            collector.stop()


QUESTIONS = [["traces", "--sort", "id", "--limit", "1000"], ["traces", "--slowest", "20"], ["traces", "--incomplete"], ["operations"],
             ["graph", "--level", "operation"], ["graph", "--level", "component"], ["graph", "--level", "container"], ["tree"], ["latency"],
             ["latency", "*.get_book"], ["runs"], ["status"], ["operations", "--run", "damaged"], ["traces", "--op", "*.get_offers"],
             ["sql", "SELECT * FROM records ORDER BY id"], ["sql", "SELECT * FROM classes ORDER BY id"],
             ["sql", "SELECT id, run, peer <> '' AS peer, records, unit_ns FROM streams ORDER BY id"],
             ["sql", "SELECT name, sum(value) FROM counter GROUP BY name ORDER BY name"],
             ["sql", "SELECT minute, sum(calls), sum(total_ns) FROM path_minute GROUP BY minute ORDER BY minute"],
             ["sql", "SELECT * FROM paths ORDER BY id"],
             ["sql", "SELECT trace, count(*), sum(duration_ns) FROM call GROUP BY trace ORDER BY trace"]]


def ask(database, *question):
    answer = subprocess.run([os.environ["KIEKER_QUERY"], "--database", database, "--json"] + list(question), stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, universal_newlines=True)
    if answer.returncode != 0:
        raise AssertionError("%s: %s" % (" ".join(question), answer.stderr))
    return json.loads(answer.stdout)


def drop_assumed(calls):
    for call in calls:
        if call.pop("assumed"):
            raise AssertionError("a call is assumed")
        drop_assumed(call["children"])


def alone(trace):
    """Without what is told since version 3: with which others it is joined, and which calls are assumed; the kept databases have none."""
    drop_assumed(trace["rows"])
    if (trace.pop("parent"), trace.pop("children"), trace.pop("children_total")) != (None, [], 0):
        raise AssertionError("a trace is joined with others")
    return trace


def answers(database):
    """{question: answer}, without what differs from file to file."""
    found = {" ".join(question): ask(database, *question) for question in QUESTIONS}
    for row in found[" ".join(QUESTIONS[0])]["rows"]:
        if row["calls"] > 10 or row["state"] != "complete" or int(row["id"]) % 8 == 1:
            trace = json.dumps(alone(ask(database, "trace", row["id"])), sort_keys=True)
            found["trace " + row["id"]] = trace if len(trace) < 5000 else hashlib.sha256(trace.encode()).hexdigest()
    for row in found["status"]["rows"]:
        for what in ("version", "database", "size_bytes", "schema"):
            row.pop(what, None)
    return found


def pass_over(database):
    """A collector brings the database up to date, and ends what was open."""
    fixture.Collector(database, "none").stop()


def dump(database, path):
    connection = sqlite3.connect(database)
    (version,), = connection.execute("PRAGMA user_version")
    with gzip.GzipFile(path % version, "wb", mtime=0) as out:
        out.write(b"PRAGMA auto_vacuum = INCREMENTAL;\n")
        for statement in connection.iterdump():
            out.write(statement.encode() + b"\n")
        out.write(b"PRAGMA application_id = %d;\nPRAGMA user_version = %d;\n" % (APPLICATION, version))
    connection.close()
    return version


def restore(path, database):
    connection = sqlite3.connect(database)
    with gzip.open(path, "rt") as lines:
        connection.executescript(lines.read())
    connection.close()


def make(directory):
    os.makedirs(directory, exist_ok=True)
    with tempfile.TemporaryDirectory() as room:
        database = os.path.join(room, "test.db")
        fill(database)
        version = dump(database, os.path.join(directory, "version_%d.sql.gz"))
        pass_over(database)
        with gzip.GzipFile(os.path.join(directory, "version_%d.json.gz" % version), "wb", mtime=0) as out:
            out.write(json.dumps(answers(database), sort_keys=True, indent=1).encode())


class Migration(unittest.TestCase):
    maxDiff = 4000

    def same_answers(self, path):
        with gzip.open(path.replace(".sql.gz", ".json.gz"), "rt") as lines:
            expected = json.load(lines)
        self.assertGreater(len(expected), 60)
        with tempfile.TemporaryDirectory() as room:
            database = os.path.join(room, "test.db")
            restore(path, database)
            pass_over(database)
            found = answers(database)
            connection = sqlite3.connect(database)
            self.assertEqual(connection.execute("PRAGMA integrity_check").fetchall(), [("ok",)])
            connection.close()
        self.assertEqual(sorted(found), sorted(expected))
        for question in expected:
            self.assertEqual(found[question], expected[question], question)

    def test_every_older_version(self):
        paths = glob.glob(os.path.join(DATA, "version_*.sql.gz"))
        self.assertTrue(paths)
        for path in sorted(paths):
            with self.subTest(os.path.basename(path)):
                self.same_answers(path)


if __name__ == "__main__":
    if sys.argv[1:] == ["--make"]:
        make(DATA)
    else:
        unittest.main(verbosity=2)
