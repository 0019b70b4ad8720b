# SPDX-License-Identifier: Apache-2.0
"""A small shop's records, sent to a real collector: what the tests of kieker-query ask about. All times are fixed."""
import json
import os
import signal
import socket
import struct
import subprocess
import tempfile
import time

MS = 1_000_000
START = 1_772_366_400_000_000_000  # 2026-03-01 12:00:00 UTC
EVENTS = "kieker.common.record.flow.trace."
PATIENCE = 60  # seconds until a wait is given up; nothing is asserted about it


class Client:
    """Kieker's binary protocol, as the Python pack speaks it."""

    def __init__(self):
        self.bytes = bytearray()
        self.ids = {}
        self.records = 0

    def id(self, text):
        if text not in self.ids:
            self.ids[text] = len(self.ids)
            coded = text.encode()
            self.bytes += struct.pack(">iii", -1, self.ids[text], len(coded)) + coded
        return self.ids[text]

    def record(self, name, layout, *fields):
        fields = [self.id(field) if isinstance(field, str) else field for field in fields]
        self.bytes += struct.pack(">iq", self.id(name), -1) + struct.pack(">" + layout, *fields)
        self.records += 1


class Trace:
    """Calls of one thread: `with trace.call(...)`, the clock moved by hand."""

    def __init__(self, client, number, start, host="web-1", thread=7, session="<no-session-id>"):
        self.client, self.number, self.now, self.order = client, number, start, 0
        client.record(EVENTS + "TraceMetadata", "qqiiqi", number, thread, session, host, -1, -1)

    def event(self, kind, component, operation, *more):
        self.client.record(EVENTS + "operation." + kind, "qqiii" + "i" * len(more), self.now, self.number, self.order,
                           operation, component, *more)
        self.order += 1

    def before(self, component, operation):
        self.event("BeforeOperationEvent", component, operation)

    def after(self, component, operation, cause=None):
        if cause is None:
            self.event("AfterOperationEvent", component, operation)
        else:
            self.event("AfterOperationFailedEvent", component, operation, cause)

    def leaf(self, component, operation, duration, cause=None):
        self.before(component, operation)
        self.now += duration
        self.after(component, operation, cause)


SEARCH = ("shop.Bookstore", "public void shop.Bookstore.search_book()")
GET = ("shop.Catalog", "public Book shop.Catalog.get_book(int)")
OFFERS = ("shop.CRM", "public List shop.CRM.get_offers()")
MAIN = ("shop.Batch", "public void shop.Batch.main()")
WORK = ("shop.Batch", "public void shop.Batch.work()")
STEP = ("shop.Batch", "public void shop.Batch.step()")
DOWN = ("shop.Recursion", "public void shop.Recursion.down(int)")
ODD = ("sh\u00f6p.B\u00fccher\u202e", "public void sh\u00f6p.B\u00fccher\u202e.\u53d6\u5f97\x1b[31m()")
LONG = ("com.example." + "quite.long.package.name." * 4 + "Service", "public void com.example." + "quite.long.package.name." * 4 +
        "Service.an_operation_with_a_rather_long_name()")


def shop(client):
    """The first run: seven traces of one host."""
    # 1: Kieker's bookstore.
    t = Trace(client, 1, START)
    t.before(*SEARCH)
    t.now += MS
    t.leaf(*GET, 2 * MS)
    t.before(*OFFERS)
    t.now += MS
    t.leaf(*GET, 4 * MS)
    t.after(*OFFERS)
    t.now += MS // 2
    t.after(*SEARCH)
    # 2: a loop of ten equal calls.
    t = Trace(client, 2, START + 1000 * MS)
    t.before(*SEARCH)
    for _ in range(10):
        t.leaf(*GET, MS)
    t.after(*SEARCH)
    # 3: a failure that reaches the root.
    t = Trace(client, 3, START + 2000 * MS)
    t.before(*SEARCH)
    t.leaf(*GET, MS)
    t.leaf(*OFFERS, 3 * MS, "java.io.IOException: connection reset")
    t.after(*SEARCH, "java.io.IOException: connection reset")
    # 4: names that a terminal must not obey, and one that does not fit.
    t = Trace(client, 4, START + 3000 * MS)
    t.before(*ODD)
    t.leaf(*LONG, 7 * MS)
    t.after(*ODD)
    # 5: sixty calls deep.
    t = Trace(client, 5, START + 60_000 * MS)
    for _ in range(60):
        t.before(*DOWN)
        t.now += MS
    for _ in range(60):
        t.after(*DOWN)
    # 6: 20 201 calls.
    t = Trace(client, 6, START + 120_000 * MS)
    t.before(*MAIN)
    for i in range(200):
        t.before(*WORK)
        for j in range(100):
            t.leaf(*STEP, 1000 + 10 * i + j)
        t.after(*WORK)
    t.after(*MAIN)
    # 7: the program ends in the middle of it.
    t = Trace(client, 7, START + 180_000 * MS)
    t.before(*SEARCH)
    t.now += MS
    t.before(*GET)


def nightly(client):
    """The second run: operation executions of two hosts, callees first."""
    def execution(signature, host, begin, end, eoi, ess):
        client.record("kieker.common.record.controlflow.OperationExecutionRecord", "iiqqqiii", signature[1], "session-9", 11, begin, end,
                      host, eoi, ess)

    start = START + 86_400_000 * MS
    execution(GET, "web-2", start + 2 * MS, start + 5 * MS, 1, 1)
    execution(GET, "web-3", start + 6 * MS, start + 8 * MS, 2, 1)
    execution(SEARCH, "web-2", start, start + 9 * MS, 0, 0)


class Collector:
    """A collector on ports of its own, for one database."""

    def __init__(self, database, run, *more):
        self.database = database
        self.ready_file = tempfile.mktemp(prefix="ready-", dir=os.path.dirname(database))
        self.process = subprocess.Popen(
            [os.environ["KIEKER_COLLECTOR"], "--port", "0", "--http-port", "0", "--database", database, "--run", run, "--ready-file",
             self.ready_file, *more], stderr=subprocess.DEVNULL)
        self.wait(lambda: os.path.exists(self.ready_file), "is not ready")
        with open(self.ready_file) as lines:
            ready = dict(line.rstrip("\n").split("=", 1) for line in lines)
        self.port, self.url = int(ready["port"]), "http://127.0.0.1:" + ready["http_port"]

    def wait(self, condition, otherwise):
        until = time.monotonic() + PATIENCE
        while not condition():
            if self.process.poll() is not None or time.monotonic() > until:
                raise SystemExit("the collector " + otherwise)
            time.sleep(0.05)

    def records(self):
        answer = subprocess.run([os.environ["KIEKER_QUERY"], "--database", self.database, "status", "--json"], capture_output=True,
                                text=True)
        return json.loads(answer.stdout)["rows"][0]["records"] if answer.returncode == 0 else 0

    def take(self, client):
        before = self.records()
        with socket.create_connection(("127.0.0.1", self.port)) as connection:
            connection.sendall(client.bytes)
        self.wait(lambda: self.records() >= before + client.records, "does not store all records")

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        if self.process.wait(PATIENCE) != 0:
            raise SystemExit("the collector did not end well")


def make(database):
    """The whole database, by a collector that has ended."""
    for run, records in (("shop", shop), ("nightly", nightly)):
        collector = Collector(database, run)
        client = Client()
        records(client)
        collector.take(client)
        collector.stop()
