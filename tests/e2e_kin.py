# SPDX-License-Identifier: Apache-2.0
"""Traces that have started others, as threads and tasks do: each is found from the other, with the call where it happened."""
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import textwrap
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from query_fixture import EVENTS, PATIENCE, START, Client, Collector  # noqa: E402

QUERY = os.environ["KIEKER_QUERY"]
PROGRAM = """
    import asyncio, threading

    def work(n):
        return inner(n)

    def inner(n):
        return 2 * n

    def spawn():
        threads = [threading.Thread(target=work, args=(i,)) for i in range(3)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()

    async def step(n):
        await asyncio.sleep(0)
        return inner(n)

    async def gather():
        await asyncio.gather(*(asyncio.create_task(step(i)) for i in range(2)))

    def main():
        spawn()
        asyncio.run(gather())

    main()
"""


class Trace:
    """Records of one trace, its order indexes given by hand where they are not the next ones."""

    def __init__(self, client, number, parent=None, at=-1):
        self.client, self.number, self.order = client, number, 0
        client.record(EVENTS + "TraceMetadata", "qqiiqi", number, 7, "s", "host", number if parent is None else parent, at)

    def event(self, kind, *more):
        self.client.record(EVENTS + kind, "qqi" + "i" * len(more), START + self.client.records, self.number, self.order, *more)
        self.order += 1
        return self.order - 1

    def before(self, operation):
        return self.event("operation.BeforeOperationEvent", operation, "C")

    def after(self, operation):
        return self.event("operation.AfterOperationEvent", operation, "C")

    def split(self):
        return self.event("concurrency.SplitEvent")

    def leaf(self, operation):
        self.before(operation)
        self.after(operation)


class Kin(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = directory.name
        self.database = os.path.join(directory.name, "test.db")

    def collector(self):
        collector = Collector(self.database, "kin")
        self.addCleanup(lambda: collector.process.poll() is None and collector.process.kill())
        return collector

    def ask(self, *words):
        done = subprocess.run([QUERY, "--database", self.database, *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, timeout=PATIENCE)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout

    def traces(self):
        return json.loads(self.ask("traces", "--sort", "id", "--order", "asc", "--json"))["rows"]

    def roots(self, *more):
        found = json.loads(self.ask("traces", "--roots", "--sort", "id", "--order", "asc", "--json", *more))
        self.assertEqual(found["total"], len(found["rows"]))
        return [row["root"] for row in found["rows"]]

    def kin(self):
        """{root: (root of the parent and the operation there, or None, [(root, operation) of those it started])}, by id if the root is
        not alone."""
        found = {}
        for row in self.traces():
            answer = json.loads(self.ask("trace", row["id"], "--json"))
            parent = answer["parent"]
            self.assertEqual(answer["children_total"], len(answer["children"]))
            if parent is not None and parent["id"] is not None:
                (of,) = [other for other in self.traces() if other["id"] == parent["id"]]
                parent = of["root"], parent["in_operation"]
            name = row["root"] if row["root"] not in found else row["id"]
            found[name] = parent, [(child["root"], child["in_operation"]) for child in answer["children"]]
        return found

    def test_small_cases(self):
        client = Client()
        # Two that are started by calls of one trace, one after it has ended; the second starts a third.
        main = Trace(client, -5)
        main.before("main")
        first = main.split()
        main.before("spawn")
        second = main.split()
        started = Trace(client, 6, -5, first)
        started.leaf("early")
        main.after("spawn")
        main.after("main")
        late = Trace(client, 7, -5, second)
        late.before("late")
        third = Trace(client, 8, 7, late.split())
        third.leaf("grandchild")
        late.after("late")
        # In the same thread, without a word of it in the one that starts.
        outer = Trace(client, 20)
        outer.before("outer")
        Trace(client, 21, 20).leaf("sub")
        outer.after("outer")
        # An id that is given again; one that nobody has; and what is no parent.
        Trace(client, 30).leaf("thirty")
        again = Trace(client, 30)
        again.before("again")
        Trace(client, 31, 30, again.split()).leaf("of again")
        again.after("again")
        Trace(client, 40, 99, 3).leaf("lost")
        Trace(client, 41, -1, 0).leaf("C's way")
        Trace(client, 42, 42, -1).leaf("Java's way")
        collector = self.collector()
        collector.take(client)
        # The ids of another client are others.
        other = Client()
        alien = Trace(other, -5)
        alien.before("alien")
        Trace(other, 50, -5, alien.split()).leaf("of alien")
        alien.after("alien")
        collector.take(other)
        found = self.kin()
        lost = found.pop("lost")[0]
        self.assertEqual((lost["id"], lost["trace_id"], lost["order"], lost["call"]), (None, "99", 3, None))
        self.assertEqual(found, {
            "main": (None, [("early", "main"), ("late", "spawn")]),
            "early": (("main", "main"), []),
            "late": (("main", "spawn"), [("grandchild", "late")]),
            "grandchild": (("late", "late"), []),
            "outer": (None, [("sub", None)]),
            "sub": (("outer", None), []),
            "thirty": (None, []),
            "again": (None, [("of again", "again")]),
            "of again": (("again", "again"), []),
            "C's way": (None, []),
            "Java's way": (None, []),
            "alien": (None, [("of alien", "alien")]),
            "of alien": (("alien", "alien"), []),
        })
        self.assertIn("started by trace", self.ask("trace", "3"))
        self.assertIn("started from here", self.ask("trace", "1"))
        self.assertEqual(self.roots(), [root for root, (parent, _) in found.items() if parent is None])
        self.assertEqual(self.roots("--root", "*'s way"), ["C's way", "Java's way"])
        self.assertEqual(self.roots("--root", "late"), [])
        rows = json.loads(self.ask("sql", "SELECT trace_id, parent_trace_id, parent_order FROM trace WHERE root IN ('early', 'main', 'sub') "
                                   "AND stream = 1 ORDER BY id", "--json"))["rows"]
        self.assertEqual([tuple(row.values()) for row in rows], [(-5, None, None), (6, -5, 1), (21, 20, None)])
        collector.stop()

    def test_while_they_run_and_after_a_crash(self):
        client = Client()
        main = Trace(client, 1)
        main.before("main")
        at = main.split()
        Trace(client, 2, 1, at).before("work")
        for end in (signal.SIGKILL, signal.SIGTERM):
            collector = self.collector()
            before = collector.records()
            with socket.create_connection(("127.0.0.1", collector.port)) as connection:
                connection.sendall(client.bytes)
                collector.wait(lambda: collector.records() == before + client.records, "does not store what has not ended")
                latest = self.traces()[-2:]
                self.assertEqual([row["state"] for row in latest], ["running"] * 2)
                self.assertEqual(self.roots("--state", "running"), ["main"])
                answer = json.loads(self.ask("trace", latest[1]["id"], "--json"))
                self.assertEqual((answer["parent"]["id"], answer["parent"]["in_operation"]), (latest[0]["id"], "main"))
                collector.process.send_signal(end)
                collector.process.wait(PATIENCE)
        answers = [json.loads(self.ask("trace", row["id"], "--json")) for row in self.traces()]
        self.assertEqual([[child["id"] for child in answer["children"]] for answer in answers], [["2"], [], ["4"], []])
        self.assertEqual([answer["trace"]["state"] for answer in answers], ["incomplete"] * 4)

    def test_what_is_let_go(self):
        client = Client()
        old = Trace(client, 1)
        old.before("old")
        at = old.split()
        old.after("old")
        before = client.bytes
        client.bytes = bytearray()
        child = Trace(client, 2, 1, at)
        for kind in ("Before", "After"):
            client.record(EVENTS + "operation.%sOperationEvent" % kind, "qqiii", time.time_ns(), 2, child.order, "young", "C")
            child.order += 1
        collector = self.collector()
        with socket.create_connection(("127.0.0.1", collector.port)) as connection:
            connection.sendall(before)
            collector.wait(lambda: len(self.traces()) == 1, "does not store the first")
            connection.sendall(client.bytes)
            collector.wait(lambda: len(self.traces()) == 2, "does not store the second")
        self.assertEqual(self.kin(), {"old": (None, [("young", "old")]), "young": (("old", "old"), [])})
        collector.stop()
        collector = Collector(self.database, "kin", "--retain-age", "1h")
        self.addCleanup(lambda: collector.process.poll() is None and collector.process.kill())
        collector.wait(lambda: [row["root"] for row in self.traces()] == ["young"], "lets nothing go")
        collector.stop()
        answer = json.loads(self.ask("trace", "2", "--json"))
        self.assertEqual(answer["parent"]["id"], None)
        self.assertIn("started by the client's trace 1\n", self.ask("trace", "2"))
        self.assertEqual(json.loads(self.ask("sql", "SELECT trace FROM kin", "--json"))["rows"], [{"trace": 2}])

    def test_threads_and_tasks(self):
        script = os.path.join(self.directory, "program.py")
        with open(script, "w", encoding="utf-8") as file:
            file.write(textwrap.dedent(PROGRAM))
        collector = self.collector()
        subprocess.run([os.environ["KIEKER_PYTHON"], "-m", "kieker", "--writer", "tcp://127.0.0.1:%d" % collector.port, script], check=True,
                       timeout=PATIENCE)
        collector.wait(lambda: len(self.traces()) == 7 and all(row["state"] == "complete" for row in self.traces()), "does not store them")
        found = {}
        for row in self.traces():
            answer = json.loads(self.ask("trace", row["id"], "--json"))
            place = answer["parent"] and (answer["parent"]["in_component"], answer["parent"]["in_operation"])
            found.setdefault(row["root"], []).append((place, sorted((child["root"], child["in_operation"]) for child in answer["children"])))
        self.assertEqual(found, {
            "main": [(None, [("gather", "main")] + [("work", "spawn")] * 3)],
            "gather": [(("program", "main"), [("step", "gather")] * 2)],
            "work": [(("program", "spawn"), [])] * 3,
            "step": [(("program", "gather"), [])] * 2,
        })
        self.assertEqual(self.roots(), ["main"])
        export = self.ask("export", "--to", "csv", "--roots")
        self.assertIn(",spawn,", export)
        self.assertNotIn(",work,", export)
        collector.stop()


if __name__ == "__main__":
    unittest.main()
