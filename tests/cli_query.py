# SPDX-License-Identifier: Apache-2.0
"""kieker-query as its users meet it: texts against those kept in tests/data/cli, JSON against its description, exit status,
terminals, and that a server and a database give the same. With --update the kept texts are written anew."""
import csv
import io
import json
import os
import pty
import re
import socket
import subprocess
import sys
import tempfile
import unittest
import urllib.error
import urllib.request

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import query_fixture  # noqa: E402

QUERY = os.environ["KIEKER_QUERY"]
KEPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "data", "cli")
UPDATE = "--update" in sys.argv
PLAIN = {"PATH": os.environ.get("PATH", ""), "TZ": "UTC", "LC_ALL": "C.UTF-8", "TERM": "xterm", "HOME": "/nonexistent"}
for name in ("LSAN_OPTIONS", "ASAN_OPTIONS", "UBSAN_OPTIONS"):
    if name in os.environ:
        PLAIN[name] = os.environ[name]

directory = None
database = None


def setUpModule():
    global directory, database
    directory = tempfile.TemporaryDirectory()
    database = os.path.join(directory.name, "kieker.db")
    query_fixture.make(database)


def tearDownModule():
    directory.cleanup()


def ask(*words, at=None, env=None, **more):
    """Runs kieker-query; the finished process, with text."""
    place = ["--database", database] if at is None else at
    return subprocess.run([QUERY, *place, *words], capture_output=True, encoding="utf-8", errors="replace",
                          env={**PLAIN, **(env or {})}, timeout=query_fixture.PATIENCE, **more)


def rows(*words, **more):
    answer = ask(*words, "--json", **more)
    assert answer.returncode == 0, answer.stderr
    return json.loads(answer.stdout)


class Texts(unittest.TestCase):
    """What people read. Each case is a file NAME.txt: the output, then what was said about it."""

    def keep(self, name, *words, env=None):
        answer = ask(*words, env=env)
        self.assertEqual(answer.returncode, 0, answer.stderr)
        text = answer.stdout + "--- standard error\n" + answer.stderr
        text = text.replace(directory.name, "DIRECTORY")
        text = re.sub(r"(?m)^(version|size)( +).*$", r"\1\2...", text)
        path = os.path.join(KEPT, name + ".txt")
        if UPDATE:
            os.makedirs(KEPT, exist_ok=True)
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
        with open(path, encoding="utf-8") as file:
            self.assertEqual(text, file.read())

    def test_status(self):
        self.keep("status", "status")

    def test_runs(self):
        self.keep("runs", "runs")

    def test_traces(self):
        self.keep("traces", "traces")
        self.keep("traces_slowest", "traces", "--slowest", "3")
        self.keep("traces_failed", "traces", "--failed")
        self.keep("traces_fields", "traces", "-f", "duration,trace_id", "-s", "calls", "-r", "--no-header")

    def test_traces_on_a_narrow_page(self):
        for width in (40, 60, 80, 100):
            self.keep("traces_%d" % width, "traces", env={"COLUMNS": str(width)})
            for line in ask("traces", env={"COLUMNS": str(width)}).stdout.splitlines():
                self.assertLessEqual(len(line), width)

    def test_without_unicode(self):
        self.keep("trace_ascii", "trace", "1", "2", "4", env={"LC_ALL": "C"})
        for verb in ("traces", "operations", "graph", "tree", "latency", "runs", "status"):
            self.assertTrue(ask(verb, env={"LC_ALL": "C"}).stdout.isascii(), verb)

    def test_trace(self):
        self.keep("trace", "trace", "1", "2", "3", "4", "7", "8")
        self.keep("trace_no_fold", "trace", "2", "--no-fold")
        self.keep("trace_fields", "trace", "1", "-f", "+calls,call,start")
        self.keep("trace_bare", "trace", "1", "-f", "none", "--no-header")
        self.keep("trace_40", "trace", "1", "4", env={"COLUMNS": "40"})

    def test_trace_of_many_calls(self):
        self.keep("trace_many", "trace", "6", "-n", "30")
        self.keep("trace_call", "trace", "6", "--call", "102", "-n", "5")
        self.keep("trace_depth", "trace", "6", "--depth", "2")
        self.keep("trace_min", "trace", "6", "--min", "303us", "--no-fold")

    def test_deep_trace(self):
        self.keep("trace_deep", "trace", "5")
        self.keep("trace_deep_60", "trace", "5", env={"COLUMNS": "60"})

    def test_operations(self):
        self.keep("operations", "operations")
        self.keep("operations_p99", "operations", "-s", "p99", "-n", "3", "-f", "p99,calls,operation")
        self.keep("operations_by_name", "operations", "-s", "operation", "-r", "--run", "nightly")
        self.keep("operations_80", "operations", env={"COLUMNS": "80"})

    def test_graph(self):
        self.keep("graph", "graph")
        self.keep("graph_operation", "graph", "--level", "operation", "--run", "shop")
        self.keep("graph_container", "graph", "--level", "container")
        self.keep("graph_dot", "graph", "--format", "dot", "--level", "operation")
        self.keep("graph_mermaid", "graph", "--format", "mermaid", "--level", "operation")

    def test_tree(self):
        self.keep("tree", "tree", "--depth", "3")
        self.keep("tree_operation", "tree", "get_offers")

    def test_latency(self):
        self.keep("latency", "latency")
        self.keep("latency_operation", "latency", "get_book", "-f", "at,calls,p99")

    def test_sql(self):
        self.keep("sql", "sql", "SELECT 1 AS n, 'a' AS n, NULL AS none, 2.5 AS half, x'00ff' AS bytes")

    def test_help(self):
        self.keep("help", "-h")
        self.keep("help_whole", "--help")
        for verb in ("status", "runs", "traces", "trace", "operations", "graph", "tree", "latency", "sql"):
            self.keep("help_" + verb, "help", verb)
            self.assertEqual(ask("help", verb).stdout, ask(verb, "--help").stdout)

    def test_no_terminal_is_told_what_to_do(self):
        for verb in ("traces", "operations", "graph", "tree"):
            self.assertNotIn("\x1b", ask(verb).stdout)
            self.assertNotIn("\u202e", ask(verb).stdout)


ID, TEXT, COUNT, NS, AT, BOOL = "id", "text", "count", "ns", "at", "bool"
NULL_OR = {ID: "id?", TEXT: "text?", AT: "at?"}
STATS = dict(calls=COUNT, failed=COUNT, total_ns=NS, self_ns=NS, min_ns=NS, mean_ns=NS, p50_ns=NS, p95_ns=NS, p99_ns=NS, max_ns=NS)
TRACE = dict(id=ID, run=TEXT, host=TEXT, thread=ID, root=TEXT, component=TEXT, start_at=AT, duration_ns=NS, calls=COUNT, depth=COUNT,
             failed=COUNT, state=TEXT, trace_id=ID, session=TEXT, stream=ID)
TRACE["class"] = NULL_OR[ID]


class Documents(unittest.TestCase):
    """What programs read: every field with its type, no more and no less."""

    def check(self, row, fields):
        self.assertEqual(sorted(row), sorted(fields))
        for key, kind in fields.items():
            value = row[key]
            if kind.endswith("?") and value is None:
                continue
            kind = kind.rstrip("?")
            if kind in (ID, AT):
                self.assertRegex(value, r"\A-?\d+\Z", key)
            elif kind == TEXT:
                self.assertIsInstance(value, str, key)
            elif kind == BOOL:
                self.assertIsInstance(value, bool, key)
            else:
                self.assertIs(type(value), int, key)
                self.assertTrue(kind != NS or key.endswith("_ns"), key)
                self.assertGreaterEqual(value, 0, key)

    def envelope(self, document, *more):
        self.assertEqual(sorted(document), sorted(["total", "truncated", "next", *(more or ["rows"])]))
        self.assertIs(type(document["total"]), int)
        self.assertIsInstance(document["truncated"], bool)

    def test_status(self):
        document = rows("status")
        self.envelope(document)
        row = document["rows"][0]
        counters = row.pop("counters")
        fields = {name: COUNT for name in "schema size_bytes runs streams open_streams records traces running incomplete damaged failed "
                  "calls operations components paths classes".split()}
        self.check(row, dict(fields, version=TEXT, database=TEXT, first_at=AT, last_at=AT))
        self.assertTrue(all(type(value) is int for value in counters.values()))
        self.assertEqual((row["runs"], row["traces"], row["failed"], row["incomplete"], row["calls"]), (2, 8, 1, 1, 20286))

    def test_runs(self):
        document = rows("runs")
        self.envelope(document)
        fields = {name: COUNT for name in "streams records traces calls failed incomplete".split()}
        for row in document["rows"]:
            self.check(row, dict(fields, name=TEXT, first_at=AT, last_at=AT))
        self.assertEqual([row["name"] for row in document["rows"]], ["shop", "nightly"])

    def test_traces(self):
        document = rows("traces")
        self.envelope(document)
        self.assertEqual((document["total"], document["truncated"], document["next"]), (8, False, None))
        for row in document["rows"]:
            self.check(row, TRACE)
        self.assertEqual([row["id"] for row in document["rows"]], list("87654321"))

    def test_traces_in_parts(self):
        whole = rows("traces", "--sort", "duration")["rows"]
        first = rows("traces", "--sort", "duration", "-n", "3")
        self.assertTrue(first["truncated"])
        second = rows("traces", "--sort", "duration", "-n", "3", "--next", first["next"])
        third = rows("traces", "--sort", "duration", "-n", "3", "--next", second["next"])
        self.assertIsNone(third["next"])
        self.assertEqual(first["rows"] + second["rows"] + third["rows"], whole)
        self.assertEqual(rows("traces", "--sort", "duration", "--offset", "6")["rows"], whole[6:])
        self.assertEqual(rows("traces", "-n", "all")["rows"], rows("traces")["rows"])
        self.assertEqual(rows("traces", "-n", "5000")["rows"], rows("traces")["rows"])

    def test_traces_filtered(self):
        def found(*words):
            return "".join(row["id"] for row in rows("traces", *words, "--sort", "id", "--order", "asc")["rows"])
        self.assertEqual(found("--run", "nightly"), "8")
        self.assertEqual(found("--host", "web-1"), "1234567")
        self.assertEqual(found("--failed"), "3")
        self.assertEqual(found("--incomplete"), "7")
        self.assertEqual(found("--roots"), "12345678")
        self.assertEqual(found("--state", "complete"), "1234568")
        self.assertEqual(found("--op", "get_offers"), "13")
        self.assertEqual(found("--op", "shop.CRM.*"), "13")
        self.assertEqual(found("--root", "*search*"), "12378")
        self.assertEqual(found("--component", "shop.Recursion"), "5")
        self.assertEqual(found("--min", "10ms"), "256")
        self.assertEqual(found("--max", "4ms"), "37")
        self.assertEqual(found("--min-calls", "60"), "56")
        self.assertEqual(found("--since", "2026-03-02"), "8")
        self.assertEqual(found("--until", "2026-03-01T12:00:01Z"), "12")
        self.assertEqual(found("--since", "@1772366460", "--until", "@1772366520"), "56")
        self.assertEqual(found("--caller-component", "shop.CRM", "--callee-component", "shop.Catalog"), "1")
        self.assertEqual(found("--caller-component", "entry", "--callee-component", "shop.Batch"), "6")

    def test_edges_lead_to_traces(self):
        """Every edge of the graph has traces behind it."""
        for level, names in (("operation", ("--caller", "--callee")), ("component", ("--caller-component", "--callee-component"))):
            graph = rows("graph", "--level", level)
            for edge in graph["edges"]:
                behind = rows("traces", names[0], edge["source"], names[1], edge["target"])
                self.assertGreater(behind["total"], 0, (level, edge["source"], edge["target"]))

    def nodes(self, calls, fields):
        """Checks nested rows; gives how many there are, shown and hidden."""
        count = 0
        for call in calls:
            children = call.pop("children")
            self.check(call, fields)
            count += 1 + call["hidden_calls"] + self.nodes(children, fields)
        return count

    CALL = dict(call=ID, operation=TEXT, operation_id=ID, component=TEXT, host=TEXT, start_at=AT, duration_ns=NS, self_ns=NS, failed=BOOL,
                cause=NULL_OR[TEXT], open=BOOL, assumed=BOOL, calls=COUNT, hidden_calls=COUNT, hidden_ns=NS)

    def test_trace(self):
        for trace in range(1, 9):
            document = rows("trace", str(trace))
            self.envelope(document, "trace", "rows", "threshold_ns", "hidden_calls", "hidden_ns", "parent", "children", "children_total")
            self.check(document["trace"], TRACE)
            self.assertEqual(document["total"], document["trace"]["calls"])
            self.assertEqual(self.nodes(document["rows"], self.CALL) + document["hidden_calls"], document["total"])

    def test_trace_of_many_calls(self):
        def shown(calls):
            return sum(1 + shown(call["children"]) for call in calls)
        for limit in (1, 2, 5, 100, 201, 202, 1000, 5000, 20200, 20201):
            document = rows("trace", "6", "-n", str(limit))
            self.assertLessEqual(shown(document["rows"]), limit)
            self.assertGreaterEqual(shown(document["rows"]), limit // 2)
            self.assertEqual(document["truncated"], limit < 20201)
            self.assertEqual(self.nodes(document["rows"], self.CALL), 20201)

    def test_trace_zooms(self):
        """A call that is hidden is found below the call that hides it."""
        top = rows("trace", "6", "-n", "2")["rows"][0]
        self.assertEqual((top["call"], top["calls"]), ("0", 20201))
        work = rows("trace", "6", "--depth", "2")["rows"][0]["children"][7]
        self.assertEqual((work["hidden_calls"], work["children"]), (100, []))
        below = rows("trace", "6", "--call", work["call"])
        self.assertEqual((below["total"], below["truncated"]), (101, False))
        self.assertEqual(len(below["rows"][0]["children"]), 100)
        self.assertEqual(sum(call["duration_ns"] for call in below["rows"][0]["children"]), work["hidden_ns"])

    def test_failures_and_open_calls(self):
        failed = rows("trace", "3")["rows"][0]
        self.assertTrue(failed["failed"])
        self.assertEqual(failed["cause"], "java.io.IOException: connection reset")
        self.assertEqual([call["failed"] for call in failed["children"]], [False, True])
        opened = rows("trace", "7")["rows"][0]
        self.assertTrue(opened["open"] and opened["children"][0]["open"])

    def test_operations(self):
        document = rows("operations")
        self.envelope(document)
        for row in document["rows"]:
            self.check(row, dict(STATS, id=ID, operation=TEXT, component=TEXT))
        step = next(row for row in document["rows"] if row["operation"] == "step")
        self.assertEqual((step["calls"], step["min_ns"], step["max_ns"]), (20000, 1000, 3089))
        for quantile, exact in (("p50_ns", 2044), ("p95_ns", 2949), ("p99_ns", 3019)):
            self.assertAlmostEqual(step[quantile], exact, delta=exact * 0.011)
        for key in ("total", "self", "calls", "p50", "max_ns"):
            values = [row[key if key in row else key + "_ns"] for row in rows("operations", "--sort", key)["rows"]]
            self.assertEqual(values, sorted(values, reverse=True), key)
            values = [row[key if key in row else key + "_ns"] for row in rows("operations", "--sort", key, "-r")["rows"]]
            self.assertEqual(values, sorted(values), key)
        part = rows("operations", "-n", "2", "--offset", "3")
        self.assertEqual(part["rows"], document["rows"][3:5])
        self.assertTrue(part["truncated"])

    def test_graph(self):
        for level in ("operation", "component", "container"):
            document = rows("graph", "--level", level)
            self.envelope(document, "nodes", "edges")
            for node in document["nodes"]:
                self.assertEqual(node["level"], level)
                self.check(node, dict(STATS, id=TEXT, name=TEXT, level=TEXT, parent=NULL_OR[TEXT]))
            for edge in document["edges"]:
                self.check(edge, dict(STATS, source=TEXT, target=TEXT))
            nodes = {node["id"]: node for node in document["nodes"]}
            self.assertEqual((nodes["entry"]["name"], nodes["entry"]["parent"]), ("Entry", None))
            self.assertTrue(all(edge["source"] in nodes and edge["target"] in nodes for edge in document["edges"]))
        part = rows("graph", "--level", "operation", "-n", "2")
        self.assertEqual((len(part["edges"]), part["truncated"]), (2, True))
        self.assertEqual({node["id"] for node in part["nodes"]}, {edge[end] for edge in part["edges"] for end in ("source", "target")})

    PATH = dict(STATS, path=ID, operation=TEXT, operation_id=ID, component=TEXT, hidden_calls=COUNT, hidden_ns=NS)

    def test_tree(self):
        def shown(calls):
            return sum(1 + shown(call["children"]) for call in calls)
        document = rows("tree")
        self.envelope(document, "rows", "threshold_ns", "hidden_calls", "hidden_ns")
        self.assertEqual(shown(document["rows"]), document["total"])
        self.nodes(document["rows"], self.PATH)
        for limit in (1, 3, 10):
            part = rows("tree", "-n", str(limit))
            self.assertEqual((shown(part["rows"]), part["truncated"]), (limit, True))
        offers = rows("tree", "get_offers")["rows"]
        self.assertEqual([row["operation"] for row in offers], ["get_offers"])
        self.assertEqual([row["operation"] for row in offers[0]["children"]], ["get_book"])

    def test_latency(self):
        document = rows("latency")
        self.envelope(document)
        for row in document["rows"]:
            self.check(row, dict(STATS, at=AT))
        minutes = [int(row["at"]) for row in document["rows"]]
        self.assertEqual(minutes, sorted(minutes))
        self.assertEqual(len(rows("latency", "-n", "2")["rows"]), 2)
        self.assertEqual(rows("latency", "-n", "2")["rows"], document["rows"][-2:])

    def test_sql(self):
        document = rows("sql", "SELECT id, root, calls FROM trace ORDER BY id", "-n", "3")
        self.envelope(document)
        self.assertEqual(([row["id"] for row in document["rows"]], document["truncated"]), ([1, 2, 3], True))
        document = rows("sql", "SELECT 1 AS n, 'a' AS n, NULL AS none, 2.5 AS half, x'00ff' AS bytes")
        self.assertEqual(document["rows"], [{"n": 1, "n_2": "a", "none": None, "half": 2.5, "bytes": "00ff"}])

    def test_lines_and_csv(self):
        for verb, *more in (["traces"], ["operations"], ["runs"], ["latency"], ["sql", "SELECT id, root FROM trace"]):
            document = rows(verb, *more)["rows"]
            lines = ask(verb, *more, "--ndjson").stdout.splitlines()
            self.assertEqual([json.loads(line) for line in lines], document)
            table = list(csv.DictReader(io.StringIO(ask(verb, *more, "--csv").stdout)))
            self.assertEqual(len(table), len(document))
            self.assertEqual(list(table[0]), list(document[0]))
        table = list(csv.reader(io.StringIO(ask("trace", "1", "--csv", "-f", "calls,self").stdout)))
        self.assertEqual(table, [["level", "calls", "self_ns"], ["0", "4", "1500000"], ["1", "1", "2000000"], ["1", "2", "1000000"],
                                 ["2", "1", "4000000"]])
        kinds = [json.loads(line)["kind"] for line in ask("graph", "--ndjson").stdout.splitlines()]
        self.assertEqual(sorted(set(kinds)), ["edge", "node"])


class Manners(unittest.TestCase):
    """Exit status, what is said when something is wrong, and what the output goes to."""

    def fails(self, status, sentence, *words, **more):
        answer = ask(*words, **more)
        self.assertEqual(answer.returncode, status, answer.stderr)
        self.assertIn(sentence, answer.stderr)
        self.assertEqual(answer.stderr.count("\n"), 1, answer.stderr)
        self.assertEqual(answer.stdout, "")

    def test_usage(self):
        self.fails(2, "-h lists the verbs")
        self.fails(2, "did you mean traces?", "trcaes")
        self.fails(2, 'There is no verb "elephant"', "elephant")
        self.fails(2, "did you mean --since?", "traces", "--sicne", "5m")
        self.fails(2, "see kieker-query --help", "traces", "-Z")
        self.fails(2, "needs a value", "traces", "--run")
        self.fails(2, "takes no value", "traces", "--json=1")
        self.fails(2, "write for example 10ms", "traces", "--min", "10")
        self.fails(2, "traces has no parameter", "traces", "--depth", "2")
        self.fails(2, "trace needs id", "trace")
        self.fails(2, "not a whole number", "trace", "seven")
        self.fails(2, "takes no word", "traces", "get_book")
        self.fails(2, "takes one word", "sql", "SELECT", "1")
        self.fails(2, 'There is no column "nothing"; there are id', "traces", "-f", "nothing")
        self.fails(2, "up to 100000", "operations", "-n", "100001")
        self.fails(2, "either --database or --server", "traces", "--server", "http://127.0.0.1:1")
        self.fails(2, "slowest, latest and sort", "traces", "--slowest", "--latest")
        self.fails(2, "caller and callee belong together", "traces", "--caller", "1")
        self.fails(2, "neither auto nor always", "traces", "--color", "sometimes")
        self.fails(2, "syntax error", "sql", "SELEKT 1")
        self.fails(2, "dot", "graph", "--format", "svg")

    def test_nothing_is_written(self):
        for statement in ("DELETE FROM run", "DROP TABLE run", "CREATE TABLE a(b)", "PRAGMA user_version = 9", "ATTACH 'x' AS y",
                          "UPDATE run SET name = 1", "SELECT 1; DELETE FROM run"):
            self.assertEqual(ask("sql", statement).returncode, 2, statement)
        self.assertEqual(rows("runs")["total"], 2)

    def test_not_found(self):
        self.fails(4, "There is no trace 99", "trace", "99")
        self.fails(4, "Trace 1 has no call 4: its calls are 0 to 3", "trace", "1", "--call", "4")

    def test_nothing_there_is_no_failure(self):
        answer = ask("traces", "--run", "none")
        self.assertEqual((answer.returncode, answer.stdout, answer.stderr), (0, "", "No traces match.\n"))
        self.assertEqual(ask("traces", "--run", "none", "--exit-code").returncode, 1)
        self.assertEqual(ask("traces", "--exit-code").returncode, 0)
        self.assertEqual(rows("traces", "--run", "none"), {"rows": [], "total": 0, "truncated": False, "next": None})

    def test_no_database(self):
        missing = os.path.join(directory.name, "missing.db")
        self.fails(3, "No database at " + missing + ". Start `kieker-collector`, or give --database FILE", "traces",
                   at=["--database", missing])
        self.assertFalse(os.path.exists(missing))
        self.fails(3, "No database at " + missing, "traces", at=[], env={"KIEKER_DATABASE": missing})
        self.fails(3, "/nonexistent/.local/state/kieker/kieker.db", "traces", at=[])
        self.fails(3, "No server at http://127.0.0.1:1", "traces", at=["--server", "127.0.0.1:1/"])
        self.fails(3, "No server at http://127.0.0.1:1", "traces", at=[], env={"KIEKER_SERVER": "http://127.0.0.1:1"})

    def test_no_such_file_format(self):
        other = os.path.join(directory.name, "other.db")
        with open(other, "w") as file:
            file.write("this is no database, whatever its name says\n" * 100)
        answer = ask("traces", at=["--database", other])
        self.assertEqual(answer.returncode, 3)
        self.assertIn(other, answer.stderr)

    def test_environment(self):
        self.assertEqual(ask("runs", at=[], env={"KIEKER_DATABASE": database}).stdout, ask("runs").stdout)

    def test_options_anywhere(self):
        expected = ask("traces", "--slowest", "2", "--json").stdout
        for words in (["--json", "traces", "--slowest", "2"], ["--slowest=2", "traces", "--json"], ["traces", "--json", "--slowest", "2"],
                      ["traces", "-n2", "-s", "duration", "--format=json"], ["traces", "-sduration", "-n", "2", "--json"]):
            self.assertEqual(ask(*words).stdout, expected, words)
        self.assertEqual(len(rows("traces", "--slowest")["rows"]), 8)

    def test_closed_and_full_output(self):
        answer = subprocess.run(["sh", "-c", '"$0" --database "$1" traces >&-', QUERY, database], capture_output=True, text=True,
                                env=PLAIN)
        self.assertEqual(answer.returncode, 5)
        self.assertIn("could not be written", answer.stderr)
        if os.path.exists("/dev/full"):
            with open("/dev/full", "w") as full:
                answer = subprocess.run([QUERY, "--database", database, "trace", "6", "--json"], stdout=full, stderr=subprocess.PIPE,
                                        text=True, env=PLAIN)
            self.assertEqual(answer.returncode, 5)
            self.assertIn("No space left", answer.stderr)
        self.assertEqual(rows("runs")["total"], 2)  # the database was not written into

    def test_reader_that_leaves(self):
        answer = subprocess.run(["sh", "-c", '"$0" --database "$1" trace 6 --no-fold | head -n 1', QUERY, database], capture_output=True,
                                text=True, env=PLAIN)
        self.assertEqual((answer.stdout.count("\n"), answer.stderr), (1, ""))

    def test_version(self):
        answer = ask("--version")
        self.assertEqual(answer.returncode, 0)
        self.assertRegex(answer.stdout, r"\Akieker-query \d+\.\d+\.\d+\n.*record.*\n.*schema.*\d+.*\n\Z")


class Terminals(unittest.TestCase):
    """On a terminal: colour, pager, width."""

    def look(self, *words, env=None, columns=80):
        """The output of kieker-query on a terminal of its own."""
        master, slave = pty.openpty()
        subprocess.run(["stty", "rows", "24", "cols", str(columns)], stdin=slave, check=True)
        process = subprocess.Popen([QUERY, "--database", database, *words], stdin=slave, stdout=slave, stderr=slave,
                                   env={**PLAIN, "PAGER": "cat", **(env or {})})
        os.close(slave)
        output = b""
        try:
            while chunk := os.read(master, 65536):
                output += chunk
        except OSError:
            pass  # the other side is closed
        os.close(master)
        self.assertEqual(process.wait(query_fixture.PATIENCE), 0)
        return output.decode().replace("\r\n", "\n")

    def test_colour(self):
        self.assertIn("\x1b[31m! ", self.look("traces"))
        for env in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
            self.assertNotIn("\x1b", self.look("traces", env=env))
        self.assertNotIn("\x1b", self.look("traces", "--color", "never"))
        self.assertIn("\x1b[31m! ", ask("traces", "--color", "always").stdout)
        self.assertIn("!", self.look("traces", env={"NO_COLOR": "1"}))  # never by colour alone
        self.assertNotIn("\x1b", self.look("traces", "--json"))

    def test_width(self):
        for columns in (40, 80, 132):
            for verb in ("traces", "operations", "graph"):
                lines = self.look(verb, "--color=never", columns=columns).splitlines()
                self.assertLessEqual(max(map(len, lines[:3])), columns)
        self.assertGreater(max(map(len, self.look("operations", "--wide", columns=40).splitlines())), 100)

    def test_footer(self):
        self.assertIn("2 of 8 traces; more: -n N", self.look("traces", "-n", "2"))
        self.assertIn("8 of 8 traces", self.look("traces"))
        self.assertIn("did not fit: --wide", self.look("traces", columns=40))

    def test_pager(self):
        pager = os.path.join(directory.name, "pager")
        with open(pager, "w") as script:
            script.write("#!/bin/sh\necho paged; cat\n")
        os.chmod(pager, 0o755)
        self.assertIn("paged", self.look("traces", env={"PAGER": pager}))
        self.assertNotIn("paged", self.look("traces", "--no-pager", env={"PAGER": pager}))
        self.assertNotIn("paged", self.look("traces", "--json", env={"PAGER": pager}))
        self.assertNotIn("paged", ask("traces", env={"PAGER": pager}).stdout)


class Server(unittest.TestCase):
    """A running collector gives what its database gives."""

    @classmethod
    def setUpClass(cls):
        cls.collector = query_fixture.Collector(database, "later")
        cls.place = ["--server", cls.collector.url]

    @classmethod
    def tearDownClass(cls):
        cls.collector.stop()

    QUESTIONS = (["runs"], ["traces"], ["traces", "--slowest", "3", "--run", "shop"], ["traces", "--op", "shop.CRM.*"], ["trace", "1"],
                 ["trace", "3", "5"], ["trace", "6", "-n", "30"], ["trace", "6", "--call", "102"], ["operations", "-s", "p95", "-r"],
                 ["graph"], ["graph", "--level", "operation", "--format", "dot"], ["tree"], ["tree", "get_*"], ["latency"],
                 ["sql", "SELECT id, root FROM trace"], ["traces", "-n", "all"], ["traces", "--run", "no such, & none?"])

    def test_same_answers(self):
        for question in self.QUESTIONS:
            for form in ([], ["--json"], ["--ndjson"], ["--csv"]):
                if form and "--format" in question:
                    continue
                here, there = ask(*question, *form), ask(*question, *form, at=self.place)
                self.assertEqual((there.returncode, there.stdout, there.stderr), (here.returncode, here.stdout, here.stderr), question)

    def test_same_errors(self):
        for question in (["trace", "99"], ["trace", "1", "--call", "77"], ["sql", "SELEKT"], ["traces", "--min", "5"]):
            here, there = ask(*question), ask(*question, at=self.place)
            self.assertEqual((there.returncode, there.stderr), (here.returncode, here.stderr), question)

    def test_status(self):
        row = rows("status", at=self.place)["rows"][0]
        self.assertEqual((row["traces"], row["database"]), (8, database))

    def test_forms_over_http(self):
        """The API gives the forms by `format`, and says which."""
        for form, kind in (("json", "application/json"), ("ndjson", "application/x-ndjson"), ("csv", "text/csv; charset=utf-8"),
                           ("text", "text/plain; charset=utf-8")):
            with urllib.request.urlopen(self.collector.url + "/api/v1/runs?format=" + form) as reply:
                self.assertEqual(reply.headers["Content-Type"], kind)
                self.assertEqual(reply.read().decode(), ask("runs", "--format", form).stdout)
        with urllib.request.urlopen(self.collector.url + "/api/v1/graph?format=dot") as reply:
            self.assertEqual(reply.headers["Content-Type"], "text/vnd.graphviz; charset=utf-8")
            self.assertEqual(reply.read().decode(), ask("graph", "--format", "dot").stdout)
        with self.assertRaises(urllib.error.HTTPError) as failure:
            urllib.request.urlopen(self.collector.url + "/api/v1/traces?min=10")
        self.assertEqual(failure.exception.code, 400)
        self.assertIn("write for example 10ms", json.load(failure.exception)["error"])

    def test_another_server(self):
        answer = ask("runs", at=["--server", self.collector.url + "/nowhere"])
        self.assertEqual(answer.returncode, 3)
        self.assertIn("is the address right?", answer.stderr)


class Live(unittest.TestCase):
    def test_running_trace(self):
        """What has not ended is shown as such, by the server and in the database."""
        own = os.path.join(directory.name, "live.db")
        collector = query_fixture.Collector(own, "later")
        self.addCleanup(collector.stop)
        client = query_fixture.Client()
        trace = query_fixture.Trace(client, 1, query_fixture.START + 500_000 * query_fixture.MS)
        trace.before(*query_fixture.SEARCH)
        trace.now += query_fixture.MS
        trace.leaf(*query_fixture.GET, query_fixture.MS)
        trace.before(*query_fixture.OFFERS)
        with socket.create_connection(("127.0.0.1", collector.port)) as connection:
            connection.sendall(client.bytes)
            running = ["traces", "--state", "running"]
            here = ["--database", own]
            collector.wait(lambda: rows(*running, at=here)["total"] == 1, "does not store a running trace")
            for place in (here, ["--server", collector.url]):
                row = rows(*running, at=place)["rows"][0]
                self.assertEqual((row["state"], row["class"]), ("running", None))
                root = rows("trace", row["id"], at=place)["rows"][0]
                self.assertEqual([root["open"]] + [call["open"] for call in root["children"]], [True, False, True])
                text = ask("trace", row["id"], at=place).stdout
                self.assertEqual(text.count("(not ended)"), 2)
                self.assertIn("running", text)
        collector.wait(lambda: rows(*running, at=here)["total"] == 0, "does not end a trace whose stream has ended")
        self.assertEqual(rows("traces", at=here)["rows"][0]["state"], "incomplete")


if __name__ == "__main__":
    unittest.main(argv=[word for word in sys.argv if word != "--update"])
