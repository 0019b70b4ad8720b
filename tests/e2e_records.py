# SPDX-License-Identifier: Apache-2.0
"""A user's own record types, with no rebuild: taught to a collector by --records, sent by a client over TCP, stored, asked for by
kieker-query and the API, exported in every form, and imported again. What is stored is read without the file that taught it."""
import csv
import io
import json
import os
import re
import shutil
import socket
import sqlite3
import struct
import subprocess
import tempfile
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


if __name__ == "__main__":
    unittest.main(verbosity=2)
