# SPDX-License-Identifier: Apache-2.0
"""Kieker logs, all that there are: what is found in them, and that each comes back from the database record for record, whatever it was
written as and is packed with. Logs that Kieker has published are read where they are at hand (KIEKER_LOGS); the captures always."""
import bz2
import glob
import gzip
import io
import json
import lzma
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import unittest
import zipfile
import zlib

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from kieker_logs import ALIASES, METADATA, OER, Log, by_trace, today, with_reals_of_today  # noqa: E402
from query_fixture import Collector  # noqa: E402

TOP = os.environ.get("srcdir", ".")
CAPTURES = os.path.join(TOP, "tests", "data", "captures")
PUBLISHED_AT = os.environ.get("KIEKER_LOGS") or os.path.join(TOP, "..", "shared", "data")
QUERY = os.environ.get("KIEKER_QUERY", "./kieker-query")
PATIENCE = 60

BOOKSTORE = "examples/userguide/ch5--trace-monitoring-aspectj/testdata/"
QUICKSTART = "doc/userguide/ch2-quickstart-example/"
SIGAR = "examples/userguide/appendix-Sigar/testdata/kieker-20110511-10095928-UTC-avanhoorn-thinkpad-KIEKER-SINGLETON"

# What Kieker's own analysis finds: records; traces, and how many are invalid; and of the valid ones executions, failed executions, the
# depth (0: the root alone), components, operations, hosts, components by host, classes of equal traces. The record counts of invalid logs
# are Kieker's as well.
FIGURES = {
    BOOKSTORE + "kieker-20100830-082225522-UTC": (6541, 1635, 0, 6540, 0, 2, 3, 3, 2, 4, 4),
    "examples/analysis/trace-analysis/input-data/operation-execution-log": (6541, 1635, 0, 6540, 0, 2, 3, 3, 2, 4, 4),
    BOOKSTORE + "kieker-20141008-101258768-UTC": (13, 2, 0, 5, 0, 1, 3, 5, 1, 3, 2),
    "examples/analysis/trace-analysis/input-data/trace-event-log": (13, 2, 0, 5, 0, 1, 3, 5, 1, 3, 2),
    BOOKSTORE + "kieker-20141008-101258768-UTC-repairEventBasedTraces": (10, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0),
    BOOKSTORE + "kieker-20141009-160413833-UTC-operationExecutionsConstructors": (13, 2, 0, 12, 0, 3, 5, 11, 1, 5, 2),
    BOOKSTORE + "kieker-20141009-163010944-UTC-constructor-events": (55, 8, 0, 28, 0, 5, 8, 14, 1, 8, 7),
    "analysis/test-resources/kieker-20170805-132412153-UTC-Nogge-PC-KIEKER-SINGLETON": (106, 1, 0, 52, 0, 2, 1, 3, 1, 1, 1),
    "analysis/test-resources/kieker-20170805-132418-9229368724068-UTC--KIEKER": (4595, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0),
    "history/1.1/examples/JPetStoreExample/tpmon-testdata/tpmon-20100223-160829391-UTC": (122, 38, 0, 122, 0, 4, 9, 20, 1, 9, 11),
    "history/1.1/examples/MySimpleKiekerExample/tpmon-testdata/tpmon-20100218-080431597-UTC-singleTrace": (4, 1, 0, 4, 0, 2, 3, 3, 2, 3, 1),
    "history/1.1/examples/MySimpleKiekerExample/tpmon-testdata/tpmon-20100218-141720241-UTC-333TracesDistributedScenario":
        (883, 333, 0, 883, 0, 2, 3, 5, 2, 3, 3),
    "history/1.2/" + QUICKSTART + "tpmon-20100727-181422131-UTC": (10, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0),
    "history/1.2/" + BOOKSTORE + "tpmon-20100830-082225522-UTC": (6540, 1635, 0, 6540, 0, 2, 3, 3, 2, 4, 4),
    "history/1.3/" + QUICKSTART + "kieker-20110427-142244899-UTC-Kaapstad-KIEKER-SINGLETON": (10, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0),
    "history/1.3/" + QUICKSTART + "tpmon-20100727-181422131-UTC": (10, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0),
    "history/1.3/" + SIGAR: (18, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
    "history/1.5/" + QUICKSTART + "kieker-20120402-163314855-UTC-myHost-KIEKER-SINGLETON": (10, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0),
    "history/1.5/examples/JavaEEServletContainerExample/kieker-testdata/kieker-20100223-160829391-UTC":
        (122, 38, 0, 122, 0, 4, 9, 20, 1, 9, 11),
    "history/1.5/" + SIGAR: (18, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
    "history/1.5/" + BOOKSTORE + "kieker-20100830-082225522-UTC": (6540, 1635, 0, 6540, 0, 2, 3, 3, 2, 4, 4),
    "history/1.6/" + BOOKSTORE + "kieker-20100830-082225522-UTC": (6540, 1635, 0, 6540, 0, 2, 3, 3, 2, 4, 4),
    "history/1.8/" + QUICKSTART + "kieker-20130910-120352847-UTC-myHost-KIEKER-SINGLETON": (11, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0),
    "history/1.10/examples/analysis/opad-anomaly-detection/testdata": (11, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
    "history/1.12/kieker-documentation/kdb": (100, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0),
}
OF_A_CAPTURE = (14, 2, 1, 3, 1, 1, 3, 3, 1, 3, 2)

COUNTS = """SELECT (SELECT sum(records) FROM streams), count(*) FILTER (WHERE state = 'complete'), count(*) FILTER (WHERE state <> 'complete'),
    coalesce(sum(calls) FILTER (WHERE state = 'complete'), 0), coalesce(sum(failed) FILTER (WHERE state = 'complete'), 0),
    max(coalesce(max(depth) FILTER (WHERE state = 'complete'), 0) - 1, 0), count(DISTINCT class) FILTER (WHERE state = 'complete') FROM trace"""
PLACES = """SELECT count(DISTINCT c.component), count(DISTINCT c.operation_id), count(DISTINCT c.host), count(DISTINCT c.component || ' ' || c.host)
    FROM call c JOIN trace t ON t.id = c.trace WHERE t.state = 'complete'"""


def is_ours(record):
    """The record of ours with which the log of a client begins that has sent none."""
    return record[0] == METADATA and record[2][1] == "KIEKER" and record[2][3] == 0


class Scratch(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.mkdtemp(prefix="kieker-logs-")
        self.addCleanup(shutil.rmtree, self.directory)

    def path(self, name):
        return os.path.join(self.directory, name)

    def query(self, database, *words, status=0):
        done = subprocess.run([QUERY, "--database", self.path(database), *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, timeout=PATIENCE)
        self.assertEqual((done.returncode, done.stderr), (status, ""))
        return done.stdout

    def row(self, database, sql):
        return tuple(json.loads(self.query(database, "sql", sql, "--json"))["rows"][0].values())

    def figures(self, log):
        database = "figures.db"
        for file in glob.glob(self.path(database) + "*"):
            os.unlink(file)
        self.query(database, "import", log)
        records, valid, invalid, executions, failed, depth, classes = self.row(database, COUNTS)
        return records, valid, invalid, executions, failed, depth, *self.row(database, PLACES), classes

    def through(self, log, *form, name="1"):
        """The log that comes out of a database into which this one has gone."""
        self.query(name + ".db", "import", log, "--run", name)
        made = self.query(name + ".db", "export", "--out", self.path(name), *form).splitlines()
        self.assertEqual(len(made), 1)
        return made[0]

    def forget(self):
        for name in os.listdir(self.directory):
            path = self.path(name)
            shutil.rmtree(path) if os.path.isdir(path) else os.unlink(path)

    def assert_same(self, before, after):
        """The same records, those of a trace and those of none in their order; our own at the begin apart."""
        if not any(record[0] == METADATA for record in before):
            self.assertTrue(is_ours(after[0]), after[0])
            after = after[1:]
        self.assertEqual(len(after), len(before))
        before, after = by_trace(before), by_trace(after)
        self.assertEqual(set(before), set(after))
        for trace, records in before.items():
            self.assertEqual(records, after[trace])

    def check_text(self, log, spell=lambda *line: line):
        """Text, database, text: line by line."""
        before, out = Log(log), Log(self.through(log, "--to", "kieker"))
        lines = list(out.lines())
        if not any(name == METADATA for name, _ in before.lines()):
            lines = lines[1:]
        self.assertEqual(sorted(lines), sorted(spell(*today(*line)) for line in before.lines()))
        self.assert_same(before.records(), out.records())

    def check_binary(self, log):
        """Whatever it was, its binary log has the same records, and that one's comes back byte for byte."""
        first = self.through(log, "--to", "kieker-binary")
        second = self.through(first, "--to", "kieker-binary", name="2")
        self.assertFalse(Log(first).is_text())
        self.assert_same(Log(log).records(), Log(first).records())
        self.assert_same(Log(first).records(), Log(second).records())


def capture(form):
    (path,) = glob.glob(os.path.join(CAPTURES, "filewriter-" + form, "kieker-*"))
    return path


FORMS = ("text-none", "text-gzip", "text-zip", "binary-none", "binary-gzip", "binary-deflate")


class Captures(Scratch):
    def test_figures(self):
        for form in FORMS:
            with self.subTest(form):
                self.assertEqual(self.figures(capture(form)), OF_A_CAPTURE)

    def test_text(self):
        for form in FORMS[:3]:
            with self.subTest(form):
                self.forget()
                self.check_text(capture(form))

    def test_binary(self):
        for form in FORMS:
            with self.subTest(form):
                self.forget()
                self.check_binary(capture(form))


def zipped(name):
    def pack(plain):
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(name, plain)
        return file.getvalue()
    return pack


# Every way in which a Kieker has packed its files: {ending: packer}; today's writer puts it in the place of .dat and .bin, and its bzip2
# files end as gzip's do; older ones, and others, put it behind.
PACKERS = {"gz": gzip.compress, "df": zlib.compress, "zip": zipped("kieker.zip.dat"), "xz": lzma.compress}


class Packings(Scratch):
    def repack(self, form, ending, pack):
        log, out = capture(form), self.path("log")
        os.mkdir(out)
        for name in os.listdir(log):
            with open(os.path.join(log, name), "rb") as file:
                found = file.read()
            is_map = name.endswith(".map")
            with open(os.path.join(out, name if is_map else name.rsplit(".", 1)[0] + ending), "wb") as file:
                file.write(found if is_map else pack(found))
        return out

    def test_read(self):
        ways = [("." + ending, pack) for ending, pack in PACKERS.items()] + [(".gz", bz2.compress)]
        for form, plain in (("text-none", ".dat"), ("binary-none", ".bin")):
            for ending, pack in ways + [(plain + ending, pack) for ending, pack in ways] + [(plain + ".bz2", bz2.compress)]:
                with self.subTest(form + ending):
                    self.forget()
                    out = self.through(self.repack(form, ending, pack), "--to", "kieker-binary")
                    self.assert_same(Log(capture(form)).records(), Log(out).records())

    def test_archive(self):
        """A whole log in one, as Kieker until 1.12 has written it: the map comes last."""
        for form in ("text-none", "binary-none"):
            with self.subTest(form):
                self.forget()
                archive = self.path("kieker-20140101-120000000-UTC-host-KIEKER-1.zip")
                with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
                    for name in sorted(os.listdir(capture(form)), key=lambda name: (name.endswith(".map"), name)):
                        packed.write(os.path.join(capture(form), name), name)
                out = self.through(archive, "--to", "kieker-binary")
                self.assert_same(Log(capture(form)).records(), Log(out).records())

    def test_written(self):
        for to, form in (("kieker", "text-none"), ("kieker-binary", "binary-none")):
            for packing in ("none", "gzip", "xz", "zip"):
                with self.subTest(to + " " + packing):
                    self.forget()
                    first = self.through(capture(form), "--to", to, "--compress", packing)
                    second = self.through(first, "--to", to, name="2")
                    self.assert_same(Log(capture(form)).records(), Log(first).records())
                    self.assert_same(Log(first).records(), Log(second).records())


class Streams(Scratch):
    """What clients have sent, into the database and out as a log."""

    def sent(self, name):
        """What a decoder that was checked against the client's source found, as a text log has it."""
        def plain(value, is_last):
            if isinstance(value, list):
                return [plain(one, False) for one in value]
            if not isinstance(value, str):
                return value
            return value.replace("\n", " ").replace("\r", " ") if is_last else value.replace(";", ",").replace("\n", " ").replace("\r", " ")

        with open(os.path.join(CAPTURES, name + ".decoded.jsonl"), encoding="utf-8") as lines:
            for item in map(json.loads, lines):
                if "cls" in item:
                    fields = item["fields"]
                    fields = list(fields.values()) if isinstance(fields, dict) else fields
                    yield (ALIASES.get(item["cls"], item["cls"]), item["loggingTimestamp"],
                           [plain(value, i + 1 == len(fields)) for i, value in enumerate(fields)])

    def test_captures(self):
        for name in ("python-single", "c-basic", "c-gcc-instrument", "java-single-ascii-flush", "java-single-ascii-noflush",
                     "java-single-unicode-flush"):
            with self.subTest(name):
                self.forget()
                collector = Collector(self.path("1.db"), "1")
                with open(os.path.join(CAPTURES, name + ".bin"), "rb") as file, \
                        socket.create_connection(("127.0.0.1", collector.port)) as connection:
                    connection.sendall(file.read())
                expected = list(self.sent(name))
                collector.wait(lambda: collector.records() == len(expected), "does not store what was sent")
                collector.stop()
                (made,) = self.query("1.db", "export", "--to", "kieker", "--out", self.path("1")).splitlines()
                self.assert_same(expected, Log(made).records())


@unittest.skipUnless(os.path.isdir(PUBLISHED_AT), "the logs that Kieker has published are not here (KIEKER_LOGS)")
class Published(Scratch):
    def test_all_are_named(self):
        maps = glob.glob(os.path.join(PUBLISHED_AT, "**", "*.map"), recursive=True)
        found = {os.path.relpath(os.path.dirname(path), PUBLISHED_AT) for path in maps}
        self.assertEqual({path for path in found if not path.startswith("captures")}, set(FIGURES))

    def test_figures(self):
        for path, expected in FIGURES.items():
            with self.subTest(path):
                self.assertEqual(self.figures(os.path.join(PUBLISHED_AT, path)), expected)

    def test_calls_whose_ends_are_missing(self):
        """Without some of its last events a log gives the graphs and the classes that it gives with them."""
        seen = []
        for name in ("", "-repairEventBasedTraces"):
            database = "repaired%s.db" % name
            self.query(database, "import", os.path.join(PUBLISHED_AT, BOOKSTORE + "kieker-20141008-101258768-UTC" + name))
            graphs = [json.loads(self.query(database, "graph", "--level", level, "--format", "json"))
                      for level in ("operation", "component", "container")]
            seen.append([[sorted((node["name"], node["calls"]) for node in graph["nodes"]) for graph in graphs],
                         [sorted((edge["source"], edge["target"], edge["calls"]) for edge in graph["edges"]) for graph in graphs],
                         self.row(database, "SELECT count(*), count(DISTINCT class), sum(calls), max(depth) FROM trace")])
            self.assertEqual(self.row(database, "SELECT min(state), max(state) FROM trace"), (("incomplete" if name else "complete"),) * 2)
        self.assertEqual(seen[0], seen[1])

    def test_text(self):
        for path in FIGURES:
            log = os.path.join(PUBLISHED_AT, path)
            if not Log(log).is_text():
                continue
            with self.subTest(path):
                self.forget()
                # By older Java, or by hand: 0.0020, 10
                self.check_text(log, *[with_reals_of_today] * ("Sigar" in path or "opad" in path))

    def test_binary(self):
        for path in FIGURES:
            log = os.path.join(PUBLISHED_AT, path)
            if not Log(log).is_text():
                continue
            with self.subTest(path):
                self.forget()
                self.check_binary(log)

    def test_data_bridge(self):
        """Records without logging timestamps."""
        log = os.path.join(PUBLISHED_AT, "history/1.12/kieker-documentation/kdb")
        records = Log(self.through(log, "--to", "kieker")).records()[1:]
        self.assertEqual(len(records), 100)
        self.assertEqual({(name, logged) for name, logged, _ in records}, {(OER, -1)})
        # Each is 4 bytes of its class, 12 of its strings' lengths and texts, and five numbers.
        size = sum(4 + 12 + len("".join(fields[i] for i in (0, 1, 5)).encode()) + 3 * 8 + 2 * 4 for _, _, fields in records)
        self.assertEqual(size, os.path.getsize(os.path.join(log, "kieker-test-data.dat")))


if __name__ == "__main__":
    unittest.main()
