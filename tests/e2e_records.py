# SPDX-License-Identifier: Apache-2.0
"""A user's own record types, with no rebuild: taught to a collector by --records, sent by a client over TCP, stored, asked for by
kieker-query and the API, exported in every form, and imported again. What is stored is read without the file that taught it."""
import collections
import csv
import glob
import io
import json
import os
import shutil
import socket
import sqlite3
import struct
import subprocess
import tempfile
import time
import unittest
import urllib.request

import query_fixture as fixture
from query_fixture import GET, MS, SEARCH, START, Client, Trace

BASE = """package shop.base
import kieker.common.record.flow.IEventRecord
@author 'shop' @since '1.0'
template Place : IEventRecord { string hostname = "here" string region }
enum Size { SMALL, MEDIUM = 7 }
enum More : Size { HUGE }
abstract entity Sample extends Nothing : Place { int number }
abstract entity Nothing
"""
OWN = """package shop
import shop.base.*
import kieker.common.record.controlflow.OperationExecutionRecord
import kieker.common.record.flow.trace.TraceMetadata
import kieker.common.record.flow.trace.operation.BeforeOperationEvent
import kieker.common.record.flow.trace.operation.AfterOperationEvent
entity Sold extends Sample { float[] prices  More size  double total  boolean gift  string note  transient int cache }
event Entered extends BeforeOperationEvent { string user  int[] rights }
event Left extends AfterOperationEvent { long bytes }
event Request extends TraceMetadata { string tenant  int priority }
entity Done extends OperationExecutionRecord { long bytes  string[] tags }
"""
SOLD = ["at", "hostname", "region", "number", "prices", "size", "total", "gift", "note"]
SIZES = ["SMALL", "MEDIUM", "HUGE"]
COUNT = 90


def array(layout, values):
    return "i" + layout * len(values), [len(values)] + list(values)


def sold(n):
    return {"at": str(START + n * 1000 * MS), "hostname": "web-%d" % (n % 2), "region": "north", "number": n, "prices": [n + 0.5] * (n % 3),
            "size": SIZES[n % 3], "total": n * 1.25, "gift": n % 2 == 1, "note": "note %d" % n}


def send_sold(client, n):
    row = sold(n)
    layout, prices = array("f", row["prices"])
    client.record("shop.Sold", "qiii" + layout + "id?i", START + n * 1000 * MS, row["hostname"], row["region"], n, *prices,
                  SIZES.index(row["size"]), row["total"], row["gift"], row["note"])


class Announced(Trace):
    """A trace whose metadata, and some of whose events, are of users' types."""

    def __init__(self, client, number, start, tenant):
        self.client, self.number, self.now, self.order = client, number, start, 0
        client.record("shop.Request", "qqiiqiii", number, 7, "session", "web-1", -1, -1, tenant, 3)

    def entered(self, component, operation, user, rights):
        layout, values = array("i", rights)
        self.client.record("shop.Entered", "qqiiii" + layout, self.now, self.number, self.order, operation, component, user, *values)
        self.order += 1

    def left(self, component, operation, size):
        self.client.record("shop.Left", "qqiiiq", self.now, self.number, self.order, operation, component, size)
        self.order += 1


def send_all(client):
    for n in range(COUNT):
        send_sold(client, n)
        client.record("kieker.common.record.system.CPUUtilizationRecord", "qiiddddddd", START + n * 1000 * MS, "web-%d" % (n % 2), "cpu0",
                      n / 100, .2, .3, 0, 0, .5, .5)
    trace = Announced(client, 1, START, "acme")
    trace.entered(*SEARCH, "anna", [1, 2, 3])
    trace.now += MS
    trace.leaf(*GET, 2 * MS)
    trace.left(*SEARCH, 4096)
    layout, tags = array("i", [client.id("fast"), client.id("cached")])
    client.record("shop.Done", "iiqqqiiiq" + layout, GET[1], "session", 11, START + MS, START + 2 * MS, "web-2", 1, 1, 77, *tags)
    client.record("shop.Done", "iiqqqiiiq" + "i", SEARCH[1], "session", 11, START, START + 3 * MS, "web-2", 0, 0, 99, 0)


class Room:
    """A directory with the .irl files, and what runs in it."""

    def __init__(self):
        self.path = tempfile.mkdtemp(prefix="records-")
        self.database = os.path.join(self.path, "kieker.db")
        self.files = [self.write("base.irl", BASE), self.write("own.irl", OWN)]

    def write(self, name, text):
        path = os.path.join(self.path, name)
        with open(path, "w") as out:
            out.write(text)
        return path

    def collector(self, *options):
        return Collector(self.database, *options)

    def query(self, *arguments, status=False):
        answer = subprocess.run([os.environ["KIEKER_QUERY"], "--database", self.database] + list(arguments), stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, universal_newlines=True, timeout=fixture.PATIENCE)
        if (answer.returncode != 0) != status:
            raise AssertionError("%s: %s%s" % (arguments, answer.stdout, answer.stderr))
        return answer.stderr if status else answer.stdout

    def rows(self, *arguments):
        return json.loads(self.query(*arguments, "--json"))["rows"]

    def close(self):
        shutil.rmtree(self.path)


class Collector(fixture.Collector):
    """One that is started with options."""

    def __init__(self, database, *options):
        self.database, self.log = database, tempfile.mktemp(prefix="log-", dir=os.path.dirname(database))
        self.ready_file = tempfile.mktemp(prefix="ready-", dir=os.path.dirname(database))
        with open(self.log, "w") as log:
            self.process = subprocess.Popen(
                [os.environ["KIEKER_COLLECTOR"], "--port", "0", "--http-port", "0", "--database", database, "--ready-file",
                 self.ready_file] + list(options), stderr=log)
        self.wait(lambda: os.path.exists(self.ready_file), "is not ready")
        with open(self.ready_file) as lines:
            ready = dict(line.rstrip("\n").split("=", 1) for line in lines)
        self.port, self.url = int(ready["port"]), "http://127.0.0.1:" + ready["http_port"]

    def said(self):
        with open(self.log) as log:
            return log.read()

    def asks(self, path):
        with urllib.request.urlopen(self.url + path, timeout=fixture.PATIENCE) as answer:
            return json.load(answer)


class Taught(unittest.TestCase):
    """One database for all of these: its collector was taught by two files, and has ended."""

    maxDiff = 4000

    @classmethod
    def setUpClass(cls):
        cls.room = Room()
        collector = cls.room.collector("--records", cls.room.files[0], "--records", cls.room.files[1])
        client = Client()
        send_all(client)
        collector.take(client)
        cls.api = collector.asks("/api/v1/records?type=Sold&limit=3")["rows"]
        collector.stop()

    @classmethod
    def tearDownClass(cls):
        cls.room.close()

    def test_types_are_listed(self):
        rows = {row["type"]: row for row in self.room.rows("records")}
        self.assertEqual(set(rows), {"shop.Sold", "kieker.common.record.system.CPUUtilizationRecord"})
        row = rows["shop.Sold"]
        self.assertEqual((row["records"], row["first_at"], row["last_at"]), (COUNT, str(START), sold(COUNT - 1)["at"]))
        self.assertEqual([field["name"] for field in row["fields"]], SOLD[1:])
        self.assertEqual({field["name"] for field in row["fields"] if field["number"]}, {"number", "total"})
        self.assertIn("shop.Sold", self.room.query("records"))

    def test_values_are_given_newest_first(self):
        rows = self.room.rows("records", "shop.Sold")
        self.assertEqual(rows, [sold(n) for n in reversed(range(COUNT))])
        self.assertEqual(list(rows[0]), SOLD)
        self.assertEqual(self.api, rows[:3])
        few = self.room.rows("records", "sold", "--since", "@%d" % (START // 10**9 + 10), "--until", "@%d" % (START // 10**9 + 12))
        self.assertEqual([row["number"] for row in few], [12, 11, 10])
        self.assertEqual(self.room.rows("records", "Sold", "--field", "total,size", "--limit", "1"),
                         [{"at": sold(89)["at"], "total": 89 * 1.25, "size": "HUGE"}])
        table = list(csv.DictReader(io.StringIO(self.room.query("records", "Sold", "--csv", "--limit", "2"))))
        self.assertEqual([row["note"] for row in table], ["note 89", "note 88"])
        self.assertIn("MEDIUM", self.room.query("records", "Sold"))

    def test_numbers_over_time(self):
        rows = self.room.rows("records", "Sold", "--series", "number", "--bucket", "30s", "--by", "hostname")
        self.assertEqual({(row["by"], row["at"]): (row["records"], row["min"], row["mean"], row["max"]) for row in rows},
                         {("web-%d" % host, str(START + step * 30_000 * MS)):
                          (15, step * 30 + host, step * 30 + 14 + host, step * 30 + 28 + host) for host in (0, 1) for step in (0, 1, 2)})
        rows = self.room.rows("records", "CPUUtilizationRecord", "--series", "all", "--bucket", "1h")
        self.assertEqual({row["by"] for row in rows}, {"web-0 cpu0", "web-1 cpu0"})
        self.assertEqual({row["field"] for row in rows}, {"user", "system", "wait", "nice", "irq", "totalUtilization", "idle"})
        self.assertEqual([row for row in rows if row["field"] == "user" and row["by"] == "web-1 cpu0"],
                         [{"at": str(START), "field": "user", "by": "web-1 cpu0", "records": 45, "min": .01, "mean": .45, "max": .89}])

    def test_wrong_questions_say_what_is_right(self):
        for arguments, said in ((("Solt",), "kieker-query records lists"), (("Sold", "--series", "note"), "no numbers"),
                                (("Sold", "--series", "nothing"), "has no field nothing"), (("Sold", "--field", "x"), "has no field x"),
                                (("Sold", "--series", "total", "--by", "prices"), "is an array"),
                                (("Sold", "--series", "total", "--bucket", "1ms"), "wider bucket"), (("--series", "total"), "of one type")):
            self.assertRegex(self.room.query("records", *arguments, status=True), said)

    def test_types_that_extend_those_of_traces_take_part_in_them(self):
        rows = {row["trace_id"]: row for row in self.room.rows("traces")}
        self.assertEqual({(number, row["calls"], row["state"], row["session"], row["duration_ns"]) for number, row in rows.items()},
                         {("1", 2, "complete", "session", 3 * MS), ("11", 2, "complete", "session", 3 * MS)})
        tree = self.room.rows("trace", rows["1"]["id"])
        self.assertEqual([call["operation"] for call in tree[0]["children"]], ["get_book"])

    def test_layouts_are_stored_beside_what_has_them(self):
        connection = sqlite3.connect(self.room.database)
        texts = [text for text, in connection.execute("SELECT text FROM name WHERE text LIKE 'shop.Sold%'")]
        connection.close()
        self.assertEqual(texts, ["shop.Sold(long timestamp, string hostname, string region, int number, float[] prices, "
                                 "enum{SMALL MEDIUM HUGE} size, double total, boolean gift, string note)"])

    def export(self, form, *options):
        out = os.path.join(self.room.path, form + "".join(options))
        self.room.query("export", "--to", form, "--out", out, *options)
        return out

    def test_every_form_exports_what_is_in_traces(self):
        for form, said in (("chrome", "get_book"), ("folded", "shop.Catalog"), ("speedscope", "search_book"), ("otlp-json", "get_book"),
                           ("csv", "search_book")):
            with open(self.export(form)) as text:
                self.assertIn(said, text.read(), form)

    def test_a_kieker_log_has_every_record_field_for_field(self):
        path = glob.glob(os.path.join(self.export("kieker"), "*"))[0]
        with open(os.path.join(path, "kieker.map")) as lines:
            names = dict(line.rstrip("\n").split("=", 1) for line in lines)
        found = collections.defaultdict(list)
        for name in sorted(glob.glob(os.path.join(path, "*.dat"))):
            with open(name) as lines:
                for line in lines:
                    number, _, *fields = line.rstrip("\n").split(";")
                    found[names[number]].append(fields)
        self.assertEqual(found["shop.Request"], [["1", "7", "session", "web-1", "-1", "-1", "acme", "3"]])
        self.assertEqual(found["shop.Entered"], [[str(START), "1", "0", SEARCH[1], SEARCH[0], "anna", "3", "1", "2", "3"]])
        self.assertEqual(found["shop.Left"], [[str(START + 3 * MS), "1", "3", SEARCH[1], SEARCH[0], "4096"]])
        self.assertEqual(sorted(fields[8:] for fields in found["shop.Done"]), [["77", "2", "fast", "cached"], ["99", "0"]])
        self.assertEqual(len(found["shop.Sold"]), COUNT)
        self.assertIn([sold(2)["at"], "web-0", "north", "2", "2", "2.5", "2.5", "2", "2.5", "false", "note 2"], found["shop.Sold"])

    def test_a_log_is_imported_again(self):
        for form in ("kieker", "kieker-binary"):
            again = Room()
            try:
                own = [self.export(form, "--compress", "gzip"), "--records", ",".join(again.files)]
                again.query("import", *own)
                self.assertEqual(again.rows("records", "Sold"), self.room.rows("records", "Sold"))
                self.assertEqual([row["duration_ns"] for row in again.rows("traces")], [3 * MS] * 2)
                texts = []
                for room in (self.room, again):
                    out = os.path.join(again.path, "compare-%d" % len(texts))
                    room.query("export", "--to", "kieker", "--out", out)
                    lines = []
                    for name in glob.glob(os.path.join(out, "*", "*.dat")):
                        with open(name) as text:
                            lines += [line.split(";", 2)[2] for line in text if "web-" in line or "anna" in line or "4096" in line]
                    texts.append(sorted(lines))
                self.assertGreater(len(texts[0]), 2 * COUNT)
                self.assertEqual(texts[0], texts[1])
            finally:
                again.close()


class Teaching(unittest.TestCase):
    """Each with a database of its own."""

    def setUp(self):
        self.room = Room()
        self.addCleanup(self.room.close)

    def fails(self, *options):
        answer = subprocess.run([os.environ["KIEKER_COLLECTOR"], "--port", "0", "--http-port", "0", "--database", self.room.database] +
                                list(options), stderr=subprocess.PIPE, universal_newlines=True, timeout=fixture.PATIENCE)
        self.assertNotEqual(answer.returncode, 0)
        return answer.stderr

    def send(self, collector, client):
        with socket.create_connection(("127.0.0.1", collector.port)) as connection:
            connection.sendall(client.bytes)

    def test_a_mistake_is_named_by_file_line_and_column(self):
        bad = self.room.write("bad.irl", "package x\nentity Bad {\n  Strin name\n}\n")
        for more in ([], ["--check-config"]):
            self.assertIn(bad + ":3:3: there is no type Strin", self.fails("--records", bad, *more))
        self.assertIn("nowhere.irl", self.fails("--records", "nowhere.irl"))

    def test_an_unknown_class_ends_the_stream_and_says_how_to_teach_it(self):
        collector = self.room.collector()
        client = Client()
        send_sold(client, 1)
        self.send(collector, client)
        collector.wait(lambda: "teaches it" in collector.said(), "does not say what is unknown")
        self.assertRegex(collector.said(), r'unknown record type \(\d+\) shop\.Sold: --records FILE\.irl teaches it')
        collector.stop()

    def test_a_collector_goes_on_without_the_file(self):
        """With the layout in use last; records of one layout more stay as they came."""
        files = ",".join(self.room.files)
        layouts = [("", "qiii" + "i" + "id?i", ()), ("  int later", "qiii" + "i" + "id?ii", (4711,))]
        for turn, (field, layout, more) in enumerate(layouts):
            self.room.write("own.irl", OWN.replace("transient int cache", "transient int cache" + field))
            for options in (["--records", files], []):
                collector = self.room.collector(*options)
                client = Client()
                client.record("shop.Sold", layout, START + turn * MS, "web-1", "north", turn, 0, 1, 2.5, True, "a note", *more)
                collector.take(client)
                collector.stop()
        rows = self.room.rows("records")
        self.assertEqual([(row["type"], row["records"], len(row["fields"])) for row in rows], [("shop.Sold", 2, 8), ("shop.Sold", 2, 9)])
        rows = self.room.rows("records", "Sold")
        self.assertEqual([(row["number"], row["later"], row["size"]) for row in rows], [(1, 4711, "MEDIUM")] * 2 + [(0, None, "MEDIUM")] * 2)

    def test_what_is_too_old_goes(self):
        collector = self.room.collector("--records", ",".join(self.room.files), "--retain-age", "1d")
        client = Client()
        send_all(client)
        now = time.time_ns()
        client.record("shop.Sold", "qiii" + "i" + "id?i", now, "web-9", "south", 9, 0, 0, 9.5, False, "of now")
        self.send(collector, client)
        collector.wait(lambda: [row["note"] for row in (self.room.rows("records", "Sold") if collector.records() else [])] == ["of now"],
                       "does not let old records go")
        self.assertEqual([(row["type"], row["records"]) for row in self.room.rows("records")], [("shop.Sold", 1)])
        collector.stop()


if __name__ == "__main__":
    unittest.main(verbosity=2)
