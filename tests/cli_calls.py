# SPDX-License-Identifier: Apache-2.0
"""Which calls events give: Kieker's own cases for Call events, constructors, repair, threads and statements, as logs that are imported in
100 orders, and given back."""
import collections
import json
import os
import random
import shutil
import subprocess
import tempfile
import unittest

QUERY = os.environ.get("KIEKER_QUERY", "./kieker-query")
PATIENCE = 60
ORDERS = 100  # each told by its seed
FLOW = "kieker.common.record.flow."
OPERATION = FLOW + "trace.operation."

# The records of a case, one a word: a letter, for whom it is and whom it names.
#   B A F C   Before, After, Failed of an operation; Call (the first calls the second)    b a f c   the same of a constructor
#   T E X     Before, After, Failed of a thread, whose order indexes begin at 6           Q D Y     a statement begins, ends, fails
#   S R       Split; called by trace 77, order index 5
CLASSES = {
    "B": OPERATION + "BeforeOperationEvent", "A": OPERATION + "AfterOperationEvent", "F": OPERATION + "AfterOperationFailedEvent",
    "C": OPERATION + "object.CallOperationObjectEvent",
    "b": OPERATION + "constructor.object.BeforeConstructorObjectEvent", "a": OPERATION + "constructor.AfterConstructorEvent",
    "f": OPERATION + "constructor.AfterConstructorFailedEvent", "c": OPERATION + "constructor.CallConstructorEvent",
    "T": FLOW + "thread.BeforeThreadBasedEvent", "E": FLOW + "thread.AfterThreadBasedEvent", "X": FLOW + "thread.AfterFailedThreadBasedEvent",
    "Q": "kieker.common.record.database.BeforeDatabaseEvent", "D": "kieker.common.record.database.AfterDatabaseEvent",
    "Y": "kieker.common.record.database.DatabaseFailedEvent",
    "S": FLOW + "trace.concurrency.SplitEvent", "R": FLOW + "trace.BeforeReceivedRemoteEvent",
    "M": FLOW + "trace.TraceMetadata", "H": "kieker.common.record.misc.ThreadMetaData",
}
MORE = {"F": ["no; way"], "f": ["no"], "X": ["no"], "C": [5, 7], "b": [9]}

# {records, the n-th at the time 10 n: (calls, flawed)}. A call: as many dots as it is deep, its name, start-end; assumed?, failed!, open~.
CASES = {
    "Ba Cab Bb Ab Cac Bc Ccd Bd Ad Ac Aa": ("a10-110 .b30-40 .c60-100 ..d80-90", ""),
    "Ba Bb Ab Bc Bd Ad Ac Aa": ("a10-80 .b20-30 .c40-70 ..d50-60", ""),
    # No Before and After of a call, and what the caller does next.
    "Ba Cab Bb Ab Cac Aa": ("a10-60 .b30-40 .c50-60?", ""),
    "Ba Cab Cac Bc Ac Aa": ("a10-60 .b20-30? .c40-50", ""),
    "Ba Cab Aa": ("a10-30 .b20-30?", ""),
    "Ba Cab Fa": ("a10-30! .b20-30?", ""),
    "Ba Cab Cbc Cad Aa": ("a10-50 .b20-40? ..c30-40? .d40-50?", ""),
    # Nothing but Calls.
    "Cab S Cac": ("b10-30? c30-30?", ""),
    "Cab S Cbc": ("b10-30? .c30-30?", ""),
    "Cab Cac": ("b10-20? c20-20?", ""),
    "Cab": ("b10-10?", ""),
    "Cab Bb Ab": ("b20-30", ""),
    # A Before is a Call's only if it comes right behind it and names what it calls.
    "Ba Cab S Bb Ab Aa": ("a10-60 .b20-60? ..b40-50", ""),
    "Ba Cab Bc Ac Aa": ("a10-50 .b20-50? ..c30-40", ""),
    "Ba Cab Bb Fb Aa": ("a10-50 .b30-40!", ""),
    # Constructors.
    "Ba cab bb ab Aa": ("a10-50 .b30-40", ""),
    "Ba cab Bb Ab Aa": ("a10-50 .b30-40", ""),
    "Ba Cab bb ab Aa": ("a10-50 .b20-50? ..b30-40", ""),
    "Ba bb Ab Aa": ("a10-40 .b20-30", ""),
    "Ba Bb ab Ab Aa": ("a10-50 .b20-40", "damaged"),
    "ba fa": ("a10-20!", ""),
    # Repair.
    "Ba Bb Bc Aa": ("a10-40 .b20-40~ ..c30-40~", "damaged"),
    "Ba Bb": ("a10-20~ .b20-20~", "incomplete"),
    "Ba Cab Bb Cbc": ("a10-40~ .b30-40~ ..c40-40?", "incomplete"),
    "Ba Cbc Aa": ("a10-30 .c20-30?", "damaged"),
    # Statements, remote calls, threads.
    "Ba Qq Dq Aa": ("a10-40 .q20-30", ""),
    "Ba Qq Yq Aa": ("a10-40 .q20-30!", ""),
    "Ba Cab Qq Dq Aa": ("a10-50 .b20-50? ..q30-40", ""),
    "R Bb Ab": ("b20-30", ""),
    "Ta Tb Eb Ea Tc Ec": ("a10-40 .b20-30 | c50-60", ""),
    "Ta Xa Tb Eb": ("a10-20! | b30-40", ""),
    "Ta Tb Ea Tc Ec": ("a10-30 .b20-30~ | c40-50", "damaged"),
}


def signature(name):
    return "public void pkg.K%s.%s(int, long)" % (name, name)


def lines_of(case, number):
    """The lines of a trace, or thread, without their logging timestamps."""
    keys, words = list(CLASSES), case.split()
    is_thread = words[0][0] == "T"
    yield ([keys.index("H"), "host", number] if is_thread else [keys.index("M"), number, 42, "<no-session-id>", "host", number, -1])
    for order, word in enumerate(words, start=6 if is_thread else 0):
        kind, names, time = word[0], word[1:], 10 * (order + 1 - (6 if is_thread else 0))
        head = [keys.index(kind), time]
        if kind in "QDY":
            yield head + [signature(names), number, order] + {"Q": ["SELECT 1", "jdbc"], "D": ["int", "1"], "Y": ["no"]}[kind]
        elif kind == "R":
            yield head + [77, 5, number, order]
        else:
            strings = [text for name in names for text in (signature(name), "pkg.K" + name)]
            yield head + [number, order] + strings + MORE.get(kind, [])


def text_of(line, logged):
    return "$%s;%d;%s" % (line[0], logged, ";".join(str(value).replace(";", "\\;") for value in line[1:]))


class Calls(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.mkdtemp(prefix="kieker-calls-")
        self.addCleanup(shutil.rmtree, self.directory)

    def query(self, *words):
        done = subprocess.run([QUERY, "--database", os.path.join(self.directory, "calls.db"), *words], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=PATIENCE)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout

    def rows(self, sql):
        return json.loads(self.query("sql", sql, "--limit", "100000", "--json"))["rows"]

    def write(self, name, lines):
        log = os.path.join(self.directory, name)
        os.mkdir(log)
        with open(os.path.join(log, "kieker.map"), "w") as file:
            file.write("".join("$%d=%s\n" % row for row in enumerate(CLASSES.values())))
        with open(os.path.join(log, "kieker-20260102-030405678-UTC-001.dat"), "w") as file:
            file.write("".join(text_of(line, 1000 + i) + "\n" for i, line in enumerate(lines)))
        return log

    def shown(self):
        """{(stream, the trace's own id): [(its calls, its state, its host, its caller)]}, in the order of the traces' begins."""
        calls, found = collections.defaultdict(list), collections.defaultdict(list)
        for row in self.rows("SELECT *, start_at + duration_ns AS ends FROM call ORDER BY trace, call"):
            calls[row["trace"]].append("%s%s%d-%d%s%s%s" % ("." * row["depth"], row["operation"], int(row["start_at"]), int(row["ends"]),
                                       "?" * row["assumed"], "!" * row["failed"], "~" * row["open"]))
        for row in self.rows("SELECT * FROM trace ORDER BY stream, start_at, id"):
            caller = (int(row["parent_trace_id"]), row["parent_order"]) if row["parent_order"] is not None else None
            found[int(row["stream"]), int(row["trace_id"])].append((" ".join(calls[row["id"]]), row["state"], row["host"], caller))
        return found

    def given_back(self, log):
        names, given = {}, []
        for name in sorted(os.listdir(log)):
            with open(os.path.join(log, name)) as file:
                lines = file.read().splitlines()
            if name == "kieker.map":
                names = dict(line.split("=") for line in lines)
            else:
                given += [line.split(";", 1) for line in lines]
        return sorted(names[name] + ";" + rest for name, rest in given if "KiekerMetadata" not in names[name])

    def test_100_orders(self):
        """Traces are mixed in any way, records of one trace stay in order: the calls are the same, and all records come back."""
        classes, sent, logs = list(CLASSES.values()), [], []
        for seed in range(ORDERS):
            rest = [list(lines_of(case, number)) for number, case in enumerate(CASES, start=1)]
            lines, draw = [], random.Random(seed)
            while rest:
                lines.append(draw.choice(rest).pop(0))
                rest = [trace for trace in rest if trace]
            sent.append(sorted(classes[line[0]] + text_of(line, 1000 + i)[len("$%d" % line[0]):] for i, line in enumerate(lines)))
            logs.append(self.write("log%03d" % seed, lines))
        self.query("import", *logs)
        found = self.shown()
        made = self.query("export", "--to", "kieker", "--out", os.path.join(self.directory, "out")).splitlines()
        self.assertEqual(len(made), ORDERS)
        for seed in range(ORDERS):
            for number, (case, (calls, state)) in enumerate(CASES.items(), start=1):
                with self.subTest(case, seed=seed):
                    expected = [(calls, state if state and i == 0 else "complete", "host", (77, 5) if case[0] == "R" else None)
                                for i, calls in enumerate(calls.split(" | "))]
                    self.assertEqual(found[seed + 1, number], expected)
            with self.subTest("given back", seed=seed):
                self.assertEqual(self.given_back(made[seed]), sent[seed])


if __name__ == "__main__":
    unittest.main()
