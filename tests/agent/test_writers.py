# SPDX-License-Identifier: Apache-2.0
"""Logs in files, as text and as binary, by a reader of Kieker's formats that is written here; records that the program makes itself; and executions
in place of events."""

import calendar
import math
import os
import re
import shutil
import struct
import textwrap
import time

import harness

RECORD = "kieker.common.record."
HEADER = '''
    import os, sys, time
    import kieker
    def outer(n):
        for i in range(n): inner(i)
    def inner(i): pass
    def fails(text): raise ValueError(text)
    def catches(text):
        try: fails(text)
        except ValueError: pass
    exec("""if 1:  # so that it is not observed
        def wait_for(counter, least=1):
            while kieker.stats()[counter] < least: time.sleep(0.002)
    """)
'''

# Fields of further types: b boolean, i, q and d numbers, s a string, S an array of them.
TYPES = {
    RECORD + "controlflow.OperationExecutionRecord": ("ssqqqsii", "signature session trace begun ended host order depth"),
    RECORD + "flow.trace.operation.EntryLevelBeforeOperationEvent": ("qqissSSi", "at trace order operation component parameters values request"),
    RECORD + "misc.RegistryRecord": ("is", "id string"),
    RECORD + "system.CPUUtilizationRecord": ("qssddddddd", "at host cpu user system wait nice irq total idle"),
}
for name, (layout, fields, strings) in harness.LAYOUTS.items():
    TYPES[name] = ("".join("s" if field in strings else kind.replace("?", "b") for kind, field in zip(layout[1:], fields)), " ".join(fields))

UNESCAPED = {"\\\\": "\\", "\\n": "\n", "\\r": "\r"}


class Log(harness.Stream):
    """A log directory, read: names are checked, and everything must be as Kieker's readers expect it. Records have when they were logged, too."""

    def __init__(self, path):
        self.name, self.records, self.texts, self.rest, self.files = os.path.basename(path), [], {}, b"", []
        names = sorted(os.listdir(path))
        with open(os.path.join(path, "kieker.map"), encoding="utf-8", newline="") as file:
            lines = file.read().split("\n")
        names.remove("kieker.map")
        if lines.pop():
            raise ValueError("the map's last line is not ended")
        for number, line in enumerate(lines):
            key, _, text = line.partition("=")
            if key != "$%d" % number:
                raise ValueError("line %r of the map" % line)
            self.texts[number] = re.sub(r"\\[\\nr]", lambda found: UNESCAPED[found.group()], text)
        self.entries = list(self.texts.values())
        for number, name in enumerate(names, 1):
            found = re.fullmatch(r"kieker-\d{8}-\d{9}-UTC-(\d{3})\.(dat|bin)", name)
            if not found or int(found.group(1)) != number:
                raise ValueError("file %s as number %d" % (name, number))
            with open(os.path.join(path, name), "rb") as file:
                data = file.read()
            before = len(self.records)
            (self._text if found.group(2) == "dat" else self._binary)(data)
            self.files.append(len(self.records) - before)

    def _text(self, data):
        lines = data.decode("utf-8").split("\n")
        if lines.pop():
            raise ValueError("the last line is not ended")
        for line in lines:
            number, logged, *texts = line.split(";")
            name = self.texts[int(number[1:])]
            kinds = TYPES[name][0]
            if kinds[-1:] == "s" and "S" not in kinds:
                texts[len(kinds) - 1:] = [";".join(texts[len(kinds) - 1:])]  # the last text has what is left
            texts.reverse()
            self._add(name, int(logged), lambda kind: self._value(kind, texts))
            if number[0] != "$" or texts:
                raise ValueError("line %r" % line)

    @staticmethod
    def _value(kind, texts):
        text = texts.pop()
        if kind == "S":
            return [texts.pop() for _ in range(int(text))]
        if kind == "b":
            return {"true": True, "false": False}[text]
        if kind == "d" and not re.fullmatch(r"NaN|-?Infinity|-?\d+(\.\d+)?([eE][-+]?\d+)?", text):
            raise ValueError("a number %r" % text)
        return text if kind == "s" else float(text) if kind == "d" else int(text)

    def _binary(self, data):
        at = [0]

        def take(kind):
            if kind == "s":
                return self.texts[take("i")]
            if kind == "S":
                return [take("s") for _ in range(take("i"))]
            value, = struct.unpack_from(">" + kind.replace("b", "?"), data, at[0])
            at[0] += struct.calcsize(">" + kind.replace("b", "?"))
            return value

        while at[0] < len(data):
            name = self.texts[take("i")]
            self._add(name, take("q"), take)

    def _add(self, name, logged, take):
        kinds, fields = TYPES[name]
        record = {field: take(kind) for kind, field in zip(kinds, fields.split())}
        record.update(type=name.rpartition(".")[2], logged=logged)
        self.records.append(record)


class Case(harness.Case):
    def program(self, text, header=HEADER):
        return self.write("program.py", textwrap.dedent(header) + textwrap.dedent(text))

    def logs(self, directory="logs"):
        path = os.path.join(self.directory, directory)
        return [Log(os.path.join(path, name)) for name in sorted(os.listdir(path), key=lambda name: int(name.split("-")[3]))]

    def logged(self, text, kind="file", agent=(), quiet=True, **options):
        """The logs that a program leaves, in order of their begin; it must end well."""
        done = self.finish(self.start([self.program(text)], ["--writer", kind + ":" + os.path.join(self.directory, "logs"), *agent], **options))
        self.assertEqual((done.returncode, done.stderr if quiet else ""), (0, ""))
        self.done = done
        return self.logs()

    def lost(self):
        found = re.search(r"kieker: (\d+) records were lost", self.done.stderr)
        return int(found.group(1)) if found else 0

    def each_kind(self):
        for kind in ("file", "binary"):
            shutil.rmtree(os.path.join(self.directory, "logs"), True)
            yield kind


CALLS = """
    outer(100)
    catches("a;b\\n\\u00fc\\\\")
    catches("")
"""


class Format(Case):
    def test_same_calls_as_in_the_stream(self):
        streamed, = self.observed(self.program(CALLS)).streams
        shapes = [trace.shape() for trace in streamed.traces()]
        for kind in self.each_kind():
            log, = self.logged(CALLS, kind)
            self.assertEqual([trace.shape() for trace in log.traces()], shapes)
            self.assertEqual([e["type"] for e in log.events], [e["type"] for e in streamed.events])
            self.assertEqual([e["order"] for e in log.events], [e["order"] for e in streamed.events])

    def test_names(self):
        for kind in self.each_kind():
            log, = self.logged("outer(3)", kind)
            host = os.uname().nodename
            self.assertRegex(log.name, r"^kieker-\d{8}-\d{6}-\d+-UTC-%s-KIEKER$" % re.escape(host))
            moment = time.strptime(log.name[7:22], "%Y%m%d-%H%M%S")
            self.assertLess(abs(calendar.timegm(moment) - time.time()), 3600)

    def test_metadata_is_first_and_everything_has_its_time(self):
        for kind in self.each_kind():
            before = time.time_ns()
            log, = self.logged("outer(3); catches('x')", kind)
            first = log.records[0]
            self.assertEqual([first[key] for key in ("type", "controller", "host", "unit", "offset", "debug", "experiment", "count")],
                             ["KiekerMetadataRecord", "KIEKER", os.uname().nodename, "NANOSECONDS", 0, False, 1, 0])
            self.assertEqual(sum(record["type"] == "KiekerMetadataRecord" for record in log.records), 1)
            # Metadata of a trace is as old as its first event: who takes a part of the time takes both.
            traces = {}
            for record in log.records:
                self.assertGreater(record["logged"], before - 10 ** 9)
                if record["type"] == "TraceMetadata":
                    traces[record["trace"]] = record["logged"]
                elif "order" in record:
                    self.assertEqual(record["logged"], record["at"])
                    self.assertEqual(traces.setdefault(record["trace"], record["at"]) if record["order"] == 0 else record["at"], record["at"])
            self.assertEqual(len(traces), 2)

    def test_map_holds_classes_or_all_strings(self):
        text, = self.logged(CALLS)
        binary, = self.logged(CALLS, "binary")[1:]
        own = [entry for entry in text.entries if entry.startswith("kieker:")]
        self.assertRegex(own[0], r"^kieker:agent version=2 language=python pid=\d+ program=")
        self.assertEqual({entry for entry in text.entries if entry not in own},
                         {name for name in TYPES if name.rpartition(".")[2] in {record["type"] for record in text.records}})
        self.assertEqual(len(set(binary.entries)), len(binary.entries))
        self.assertIn("inner", binary.entries)
        self.assertIn("ValueError('a;b\\n\u00fc\\\\')", binary.entries)

    def test_rotation(self):
        for kind in self.each_kind():
            log, = self.logged("for i in range(20): outer(2000)", kind)
            self.assertEqual(log.files, [25000, 25000, 25000, 5061])
            self.assertEqual([trace.shape() for trace in log.traces()], [("outer",) + ("inner",) * 2000] * 20)

    def test_program_that_records_nothing(self):
        log, = self.logged("print('ran')")
        self.assertEqual([record["type"] for record in log.records], ["KiekerMetadataRecord"])
        self.assertEqual(self.done.stdout, "ran\n")

    def test_locale_with_a_comma(self):
        # Whatever the program's locale makes of numbers, Java reads them.
        record = (7, "h", "c", 0.5, -0.0, math.inf, -math.inf, 1e300, 1 / 3, 5e-324)
        log, = self.logged("""
            import locale, math
            for name in ("de_DE.UTF-8", "fr_FR.UTF-8", "de_DE"):
                try: locale.setlocale(locale.LC_ALL, name)
                except locale.Error: pass
            kieker._kieker.record(%r, (7, "h", "c", 0.5, -0.0, math.inf, -math.inf, 1e300, 1 / 3, 5e-324))
            kieker._kieker.record(%r, (8, "h", "c", math.nan, 1.0, 2.0, 3.0, 4.0, 5.0, 1e22))
        """ % ((RECORD + "system.CPUUtilizationRecord",) * 2))
        first, second = log.records[1:]
        self.assertEqual(tuple(first[key] for key in TYPES[RECORD + "system.CPUUtilizationRecord"][1].split()), record)
        self.assertTrue(math.isnan(second["user"]))
        self.assertEqual(second["idle"], 1e22)


class Trouble(Case):
    def test_directory_is_made_and_stays_the_same(self):
        os.mkdir(os.path.join(self.directory, "elsewhere"))
        done = self.finish(self.start([self.program("""
            outer(1)
            os.chdir("elsewhere")
            if os.fork() == 0:
                outer(2)
                sys.exit()
            os.wait()
        """)], ["--writer", "file:new/er"]))
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual([[t.shape() for t in log.traces()] for log in self.logs("new/er")], [[("outer", "inner")], [("outer", "inner", "inner")]])
        self.assertEqual(os.listdir(os.path.join(self.directory, "elsewhere")), [])

    def test_not_writable_for_a_while(self):
        self.write("logs", "")
        for kind in ("file", "binary"):
            done = self.finish(self.start([self.program("""
                import shutil
                outer(100)
                wait_for("dropped_disconnected", 202)
                os.remove("logs")
                wait_for("connections")
                outer(5)
                shutil.move("logs", %r)
                open("logs", "w").close()
            """ % kind)], ["--writer", kind + ":" + os.path.join(self.directory, "logs")]))
            self.done = done
            self.assertEqual(done.returncode, 0)
            self.assertEqual(done.stderr.count("no log can be written in %s/logs (Not a directory)" % self.directory), 1)
            self.assertEqual(done.stderr.count("a log in %s/logs can be written" % self.directory), 1)
            self.assertEqual(self.lost(), 202)

    def test_never_writable(self):
        self.write("logs", "not a directory")
        done = self.finish(self.start([self.program("outer(100000); print('ran')")], ["--writer", "file:logs"]))
        self.done = done
        self.assertEqual((done.returncode, done.stdout), (0, "ran\n"))
        self.assertEqual(self.lost(), 200002)
        self.assertEqual(done.stderr.count("\n"), 2)
        with open(os.path.join(self.directory, "logs")) as file:
            self.assertEqual(file.read(), "not a directory")

    def test_no_room(self):
        # A limit on the size of files is what a full disk is to the one who writes.
        for kind in self.each_kind():
            logs = self.logged("""
                import resource
                resource.setrlimit(resource.RLIMIT_FSIZE, (100000, resource.RLIM_INFINITY))
                for i in range(30000): outer(1)
                wait_for("dropped_disconnected")
                while sum(kieker.stats()[c] for c in ("sent", "dropped_disconnected")) < 30000 * 4: time.sleep(0.002)
                connections = kieker.stats()["connections"]
                time.sleep(0.5)
                resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
                wait_for("connections", connections + 1)
                for i in range(300): outer(1)
            """, kind, quiet=False)
            self.assertEqual(self.done.stderr.count("no log can be written in"), self.done.stderr.count("can be written: records are kept"))
            self.assertIn("(File too large)", self.done.stderr)
            # What there is is whole, and the rest is counted; attempts that came to nothing left nothing behind.
            self.assertEqual(sum(len(log.events) for log in logs) + self.lost(), 30300 * 4)
            self.assertGreater(self.lost(), 0)
            self.assertEqual(len(logs[-1].traces()), 300)
            self.assertEqual(logs[-1].counters()["dropped_disconnected"], self.lost())
            for log in logs[:-1]:
                log.traces(complete=False)
                self.assertLessEqual(len(log.open), 1)
                self.assertGreater(len(log.events), 0)

    def test_descriptors_closed_by_the_program(self):
        for kind in self.each_kind():
            log, = self.logged("""
                outer(10)
                time.sleep(0.3)
                os.closerange(3, 4096)
                files = [os.open(os.devnull, os.O_RDWR) for _ in range(10)]
                outer(20)
                time.sleep(0.3)
                outer(30)
            """, kind)
            self.assertEqual([len(trace.calls) for trace in log.traces()], [10, 20, 30])

    def test_log_removed(self):
        for kind in self.each_kind():
            log, = self.logged("""
                import shutil
                outer(10)
                time.sleep(0.3)
                shutil.rmtree("logs")
                wait_for("connections", 2)
                outer(20)
            """, kind, quiet=False)
            self.assertIn("the log has been removed", self.done.stderr)
            self.assertEqual([len(trace.calls) for trace in log.traces()], [20])

    def test_wrong_writers(self):
        for writer in ("file:", "binary:"):
            done = self.finish(self.start([self.program("outer(1)")], ["--writer", writer]))
            self.assertNotEqual(done.returncode, 0)
            self.assertIn("directory", done.stderr)


class Processes(Case):
    def test_each_child_has_a_log_of_its_own(self):
        for kind in self.each_kind():
            logs = self.logged("""
                def main():
                    outer(1000)
                    for i in range(4):
                        if os.fork() == 0:
                            child(i)
                            sys.exit(0)
                    for i in range(4): os.wait()
                    outer(5)
                def child(i): outer(10 + i)
                main()
            """, kind)
            self.assertEqual(sorted(tuple((t.operation, len(t.calls), len(t.calls[0].calls)) for t in log.traces()) for log in logs),
                             [(("child", 1, n),) for n in range(10, 14)] + [(("main", 2, 1000),)])

    def test_exec_and_fatal_signal_leave_whole_logs(self):
        # What a process that ends so has recorded is there; whatever is there can be read.
        logs = self.logged("""
            import signal
            if os.fork() == 0:
                outer(10)
                time.sleep(0.5)
                os.kill(os.getpid(), signal.SIGKILL)
            os.wait()
            if os.fork() == 0:
                outer(20)
                os.execvp("true", ["true"])
            os.wait()
            outer(30)
        """)
        self.assertEqual(sorted(len(t.calls) for log in logs for t in log.traces()), [10, 20, 30])


class Records(Case):
    ROWS = """
        P = "kieker.common.record."
        rows = [
            (P + "misc.RegistryRecord", (-5, "x;y\\\\")),
            (P + "flow.trace.operation.EntryLevelBeforeOperationEvent", (7, 2 ** 62, -1, "op", "", ["a", ""], [], 3)),
            (P + "flow.trace.operation.EntryLevelBeforeOperationEvent", (8, 1, 0, "op", "c", [], ("\\u20ac" * 300, "x" * 500), 3)),
            (P + "misc.RegistryRecord", (1, "y" * 400)),
            (P + "misc.RegistryRecord", (2, "\\ud800")),
            (P + "system.CPUUtilizationRecord", (9, "h", "0", 1, 0.25, 0.0, 0.0, 0.0, 0.0, 1.5)),
            (P + "misc.KiekerMetadataRecord", ("v", "c", "h", 1, True, 2, "SECONDS", 3)),
        ]
        for row in rows: assert kieker._kieker.record(*row) is True
    """

    def test_any_type(self):
        for kind in self.each_kind():
            log, = self.logged(self.ROWS + "    outer(1)\n", kind)
            rows = [record for record in log.records if record["type"] not in ("TraceMetadata", "BeforeOperationEvent", "AfterOperationEvent")][1:]
            registry, entry = "RegistryRecord", "EntryLevelBeforeOperationEvent"
            types = [registry, entry, entry, registry, registry, "CPUUtilizationRecord", "KiekerMetadataRecord"]
            self.assertEqual([row["type"] for row in rows], types)
            self.assertEqual((rows[0]["id"], rows[0]["string"]), (-5, "x;y\\" if kind == "binary" else "x;y/"))
            self.assertEqual([rows[1][key] for key in ("at", "logged", "trace", "order", "component", "parameters", "values", "request")],
                             [7, 7, 2 ** 62, -1, "", ["a", ""], [], 3])
            self.assertEqual(rows[2]["values"], ["\u20ac" * 300, "x" * 500])
            self.assertEqual([row["string"] for row in rows[3:5]], ["y" * 400, "\\ud800"])
            self.assertEqual([rows[5][key] for key in ("user", "system", "idle")], [1.0, 0.25, 1.5])
            self.assertEqual((rows[6]["debug"], rows[6]["unit"], rows[6]["count"]), (True, "SECONDS", 3))

    def test_after_a_reconnect(self):
        harness.LAYOUTS[RECORD + "misc.RegistryRecord"] = (">ii", ("id", "string"), ("string",))
        sink = self.sink()
        process = self.start([self.program("""
            R = "kieker.common.record.misc.RegistryRecord"
            kieker._kieker.record(R, (1, "first"))
            print("ready", flush=True)
            sys.stdin.readline()
            number = 2
            while kieker.stats()["connections"] < 2:
                kieker._kieker.record(R, (number, "first"))
                number += 1
                time.sleep(0.01)
            for i in range(1000):
                kieker._kieker.record(R, (number, "first"))
                number += 1
            print(number)
        """)], ["--writer", sink.address], stdin=-1)
        self.assertEqual(process.stdout.readline(), "ready\n")
        self.assertTrue(sink.connected.wait(30))
        end = time.time() + 30
        while b"first" not in bytes(sink._data[0]):
            self.assertLess(time.time(), end)
            time.sleep(0.01)
        sink.kill()
        process.stdin.write("\n")
        process.stdin.flush()
        time.sleep(0.3)
        again = self.sink(port=sink.port)
        self.done = self.finish(process)
        stream, = again.streams()
        rows = [record for record in stream.records if record["type"] == "RegistryRecord"]
        last = int(self.done.stdout)
        self.assertEqual([row["id"] for row in rows[-1000:]], list(range(last - 1000, last)))
        self.assertEqual({row["string"] for row in rows}, {"first"})
        self.assertEqual(stream.counters()["dropped_disconnected"], self.lost())
        self.assertGreater(self.lost(), 0)

    def test_full_queue(self):
        harness.LAYOUTS[RECORD + "misc.RegistryRecord"] = (">ii", ("id", "string"), ("string",))
        for when_full in ("block", "drop"):
            with self.subTest(when_full):
                sink = self.sink(reading=False)
                process = self.start([self.program("""
                    R = "kieker.common.record.misc.RegistryRecord"
                    for i in range(400000): kieker._kieker.record(R, (i, "text"))
                    print("ran", flush=True)
                    sys.stdin.readline()
                """)], ["--writer", sink.address, "--when-full", when_full], stdin=-1)
                if when_full == "drop":
                    self.assertEqual(process.stdout.readline(), "ran\n")
                else:
                    time.sleep(0.5)
                sink.reading.set()
                if when_full == "block":
                    self.assertEqual(process.stdout.readline(), "ran\n")
                self.done = self.finish(process, input="\n")
                stream, = sink.streams()
                ids = [record["id"] for record in stream.records if record["type"] == "RegistryRecord"]
                self.assertEqual(ids, sorted(ids))
                self.assertEqual(len(ids) + self.lost(), 400000)
                if when_full == "drop":
                    self.assertGreater(self.lost(), 0)
                    self.assertEqual(stream.counters()["dropped_queue_full"], self.lost())
                else:
                    self.assertEqual((len(ids), self.done.stderr), (400000, ""))

    def test_what_is_no_record_is_refused(self):
        log, = self.logged("""
            P = "kieker.common.record."
            for name, values in [
                ("nonsense", ()),
                ("\\ud800", ()),
                (P + "misc.RegistryRecord", (1,)),
                (P + "misc.RegistryRecord", (1, 2)),
                (P + "misc.RegistryRecord", ("1", "2")),
                (P + "misc.RegistryRecord", (2 ** 31, "2")),
                (P + "misc.RegistryRecord", (2 ** 99, "2")),
                (P + "misc.RegistryRecord", (1, "x" * 40000)),
                (P + "misc.RegistryRecord", [1, "x"]),
                (P + "misc.KiekerMetadataRecord", ("v", "c", "h", 1, 1, 2, "SECONDS", 3)),
                (P + "flow.trace.operation.EntryLevelBeforeOperationEvent", (7, 1, -1, "op", "", ["a", 1], [], 3)),
                (P + "flow.trace.operation.EntryLevelBeforeOperationEvent", (7, 1, -1, "op", "", "ab", [], 3)),
            ]:
                try: kieker._kieker.record(name, values)
                except (TypeError, ValueError) as error: print(type(error).__name__, error)
        """)
        self.assertEqual([record["type"] for record in log.records], ["KiekerMetadataRecord"])
        lines = self.done.stdout.replace(RECORD, "").splitlines()
        self.assertEqual(lines, [
            "ValueError no type of record is called 'nonsense'",
            "ValueError no type of record is called '\\ud800'",
            "ValueError misc.RegistryRecord has 2 fields, not 1",
            "TypeError string of misc.RegistryRecord must be a str, not int",
            "TypeError id of misc.RegistryRecord must be an int, not str",
            "ValueError id of misc.RegistryRecord must be an integer of 32 bits",
            "ValueError id of misc.RegistryRecord must be an integer of 32 bits",
            "ValueError a misc.RegistryRecord can take no more than 32768 bytes",
            lines[8],
            "TypeError debugMode of misc.KiekerMetadataRecord must be a bool, not int",
            "TypeError parameters of flow.trace.operation.EntryLevelBeforeOperationEvent must be a list of str, not int",
            "TypeError parameters of flow.trace.operation.EntryLevelBeforeOperationEvent must be a list of str, not str",
        ])
        self.assertTrue(lines[8].startswith("TypeError "))

    def test_in_a_child(self):
        logs = self.logged("""
            R = "kieker.common.record.misc.RegistryRecord"
            kieker._kieker.record(R, (1, "parent"))
            if os.fork() == 0:
                kieker._kieker.record(R, (2, "child"))
                sys.exit(0)
            os.wait()
        """)
        self.assertEqual([[r["string"] for r in log.records if r["type"] == "RegistryRecord"] for log in logs], [["parent"], ["child"]])


class Executions(Case):
    """--record executions: one record a call, callees first."""

    PROGRAM = """
        import threading
        class Deep:
            class Er:
                def method(self):
                    def nested():
                        def again(): inner(1)
                        again()
                    nested()
        def recursive(n): return n and recursive(n - 1)
        def all():
            outer(3)
            Deep.Er().method()
            recursive(50)
            catches("x")
            for value in generates(): pass
        def generates():
            yield inner(1)
            yield inner(2)
        all()
        with kieker.operation("by hand (1.5)"): outer(1)
        thread = threading.Thread(target=outer, args=(2,))
        thread.start()
        thread.join()
    """

    def setUp(self):
        super().setUp()
        harness.LAYOUTS[RECORD + "controlflow.OperationExecutionRecord"] = (
            ">iiqqqiii", ("signature", "session", "trace", "begun", "ended", "host", "eoi", "ess"), ("signature", "session", "host"))

    def executions(self, stream):
        """The calls of each trace as trees of (signature, trees...), checked on the way."""
        traces = {}
        for record in stream.records:
            if record["type"] == "OperationExecutionRecord":
                traces.setdefault(record["trace"], []).append(record)
                self.assertEqual((record["session"], record["host"]), ("<no-session-id>", os.uname().nodename))
        trees = []
        for calls in traces.values():
            self.assertEqual([call["ended"] for call in calls], sorted(call["ended"] for call in calls))
            calls.sort(key=lambda call: call["eoi"])
            self.assertEqual([call["eoi"] for call in calls], list(range(len(calls))))
            self.assertEqual((calls[0]["ess"], [call["ess"] for call in calls].count(0)), (0, 1))
            stack = []
            for call in calls:
                del stack[call["ess"]:]
                self.assertEqual(len(stack), call["ess"])
                tree = [call["signature"]]
                if stack:
                    above, calls_there = stack[-1]
                    self.assertTrue(above["begun"] <= call["begun"] <= call["ended"] <= above["ended"])
                    calls_there.append(tree)
                else:
                    trees.append((call["begun"], tree))
                stack.append((call, tree))
        return [tree for begun, tree in sorted(trees)]

    def test_same_calls_as_events(self):
        def tree(call):
            signature = "%s.%s()" % (call.component, call.operation.replace("by hand (1.5)", "by_hand_[1_5]"))
            return [signature] + [tree(inner) for inner in call.calls]

        program = self.program(self.PROGRAM)
        events, = self.observed(program).streams
        done = self.observed(program, agent=["--record", "executions"])
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        stream, = done.streams
        wanted = [tree(call) for call in sorted(events.traces(), key=lambda call: call.begun)]
        self.assertEqual(self.executions(stream), wanted)
        self.assertIn("program.Deep.Er.method.<locals>.nested.<locals>.again()", stream.entries)
        self.assertEqual({record["type"] for record in stream.records}, {"KiekerMetadataRecord", "OperationExecutionRecord"})

    def test_in_logs(self):
        for kind in self.each_kind():
            log, = self.logged("outer(2); catches('x')", kind, ["--record", "executions"])
            self.assertEqual([r["signature"] for r in log.records[1:]], ["program.%s()" % n for n in ("inner", "inner", "outer", "fails", "catches")])
            self.assertEqual([(r["order"], r["depth"]) for r in log.records[1:]], [(1, 1), (2, 1), (0, 0), (1, 1), (0, 0)])
            self.assertEqual([r["logged"] for r in log.records[1:]], [r["ended"] for r in log.records[1:]])

    def test_what_is_dropped_is_counted(self):
        sink = self.sink(reading=False)
        process = self.start([self.program("""
            def main():
                for i in range(150): outer(5000)
            main()
            print("ran", flush=True)
            sys.stdin.readline()
        """)], ["--writer", sink.address, "--when-full", "drop", "--record", "executions"], stdin=-1)
        self.assertEqual(process.stdout.readline(), "ran\n")
        sink.reading.set()
        self.done = self.finish(process, input="\n")
        stream, = sink.streams()
        tree, = self.executions(stream)
        self.assertEqual(tree[0], "program.main()")
        self.assertGreater(self.lost(), 0)
        self.assertEqual(stream.counters()["dropped_ring_full"], self.lost())
        self.assertEqual(sum(r["type"] == "OperationExecutionRecord" for r in stream.records) + self.lost(), 1 + 150 * 5001)

    def test_collector_comes_later(self):
        sink = self.sink()
        port = sink.port
        sink.close()
        process = self.start([self.program("""
            def main():
                outer(1000)
                wait_for("dropped_disconnected")
                print("ready", flush=True)
                sys.stdin.readline()
                wait_for("connections")
                outer(10)
            main()
        """)], ["--writer", "tcp://127.0.0.1:%d" % port, "--record", "executions"], stdin=-1)
        self.assertEqual(process.stdout.readline(), "ready\n")
        sink = self.sink(port=port)
        self.done = self.finish(process, input="\n")
        stream, = sink.streams()
        self.assertEqual(self.executions(stream), [["program.main()", ["program.outer()"] + [["program.inner()"]] * 10]])
        self.assertEqual(self.lost(), 1001)

    def test_wrong_word(self):
        done = self.finish(self.start([self.program("outer(1)")], ["--record", "nothing"]))
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("executions", done.stderr)


if __name__ == "__main__":
    harness.main()
