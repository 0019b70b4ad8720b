#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The compatibility package: programs written for the Kieker Python pack run on the agent as they are."""

import os
import shutil
import tempfile
import unittest
import unittest.mock

import harness

COMPAT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "agent", "python", "compat")

GENERAL = "[General]\nmode = tcp\nmultiple_Connections = False\n[Tcp]\nhost = 127.0.0.1\nport = %d\nconnection_timeout = 10\n"
# As MooBench writes it.
MAIN = "[General]\nmultiple_Connections = False\n[Main]\nmode = tcp\n[Tcp]\nhost = 127.0.0.1\nport = %d\nconnection_timeout = 10\n" \
    "[FileWriter]\nfile_path = /nowhere/kieker-0.dat\n"

SHOP = """
    class Catalog:
        def __init__(self):
            self.books = ["a", "b"]

        def get_book(self, number):
            return self.books[number]

        @staticmethod
        def price(book):
            return len(book)

        @classmethod
        def make(cls):
            return cls()

        @property
        def size(self):
            return len(self.books)

    def offers(catalog):
        return [catalog.price(catalog.get_book(i)) for i in range(catalog.size)]

    def fail():
        raise ValueError("sold out")
"""

OFFERS = ("offers", "size", "get_book", "price", "get_book", "price")


class CompatCase(harness.Case):

    @classmethod
    def setUpClass(cls):
        # A copy: bytecode is not to be written beside the sources.
        cls.packages = os.path.realpath(tempfile.mkdtemp(prefix="kieker-compat-"))
        cls.addClassCleanup(shutil.rmtree, cls.packages, True)
        for name in ("monitoring", "tools"):
            shutil.copytree(os.path.join(COMPAT, name), os.path.join(cls.packages, name), ignore=shutil.ignore_patterns("__pycache__"))

    def environment(self, **changes):
        changes.setdefault("PYTHONPATH", os.pathsep.join((harness.PACKAGE_PATH, self.packages)))
        return super().environment(**changes)

    def program(self, text, ini=GENERAL, err="", status=0, **changes):
        """Runs a program beside a monitoring.ini with a sink's port; the process, with its decoded streams."""
        sink = self.sink()
        self.write("monitoring.ini", ini % sink.port if "%d" in ini else ini)
        done = self.plain(self.write("program.py", text), env=self.environment(**changes))
        if err is not None:
            self.assertEqual(done.stderr, err)
        self.assertEqual(done.returncode, status, done.stderr)
        done.streams = sink.streams()
        return done

    def traces(self, text, **options):
        """The shapes of the traces of a program whose one stream they are."""
        done = self.program(text, **options)
        self.assertEqual(len(done.streams), 1)
        return [trace.shape() for trace in done.streams[0].traces()]


class FinderTest(CompatCase):

    PRE = """
        import sys
        from monitoring.controller import SingleMonitoringController
        from tools.importhookast import InstrumentOnImportFinder

        controller = SingleMonitoringController("monitoring.ini")
        finder = InstrumentOnImportFinder(%s)
        sys.meta_path.insert(0, finder)
    """
    POST = """
        import re
        import sys
        from monitoring.controller import SingleMonitoringController
        from tools.importhook import PostImportFinder

        controller = SingleMonitoringController("monitoring.ini")
        sys.meta_path.insert(0, PostImportFinder(%s))
    """
    USE = """
        import shop
        catalog = shop.Catalog.make()
        assert shop.offers(catalog) == [1, 1]
        try:
            shop.fail()
        except ValueError as error:
            assert str(error) == "sold out"
    """
    SHAPES = [("make", "__init__"), OFFERS, ("fail", "ValueError('sold out')")]

    def test_both_see_every_call_of_a_module(self):
        self.write("shop.py", SHOP)
        for head in (self.PRE % "ignore_list=[], empty=False, debug_on=True", self.POST % "re.compile('shop'), []"):
            for ini in (GENERAL, MAIN):
                with self.subTest(head=head, ini=ini):
                    self.assertEqual(self.traces(head + self.USE, ini=ini), self.SHAPES)

    def test_components_are_modules_and_their_classes(self):
        self.write("app/__init__.py", "")
        self.write("app/shop.py", SHOP)
        for head in (self.PRE % "[]", self.POST % "re.compile('^app'), []"):
            with self.subTest(head=head):
                done = self.program(head + self.USE.replace("import shop", "from app import shop"))
                names = {(call.component, call.operation) for trace in done.streams[0].traces() for call in trace.walk()}
                self.assertEqual(names, {("app.shop", "offers"), ("app.shop", "fail"), ("app.shop.Catalog", "make"), ("app.shop.Catalog", "__init__"),
                                         ("app.shop.Catalog", "get_book"), ("app.shop.Catalog", "price"), ("app.shop.Catalog", "size")})

    def test_empty_records_nothing(self):
        self.write("shop.py", SHOP)
        for head in (self.PRE % "ignore_list=[], empty=True", self.POST % "re.compile('shop'), [], empty=True"):
            with self.subTest(head=head):
                self.assertEqual(self.traces(head + self.USE), [])

    def test_the_modules_are_those_that_are_named(self):
        for name in ("one", "two", "three"):
            self.write("app/%s.py" % name, "def %s():\n    pass\n" % name)
        self.write("app/__init__.py", "")
        use = """
        from app import one, two, three
        one.one()
        two.two()
        three.three()
        """
        for arguments, expected in (
            ("", ["one", "two", "three"]),
            ("ignore_list=['app.two']", ["one", "three"]),
            ("['app.three'], __import__('re').compile('/app/t')", ["two"]),
            ("instrument_pattern=__import__('re').compile('nothing')", []),
        ):
            with self.subTest(arguments=arguments):
                self.assertEqual(self.traces(self.PRE % arguments + use), expected)
        for arguments, expected in (
            ("'app', []", ["one", "two", "three"]),
            ("re.compile(r't\\w+$'), []", ["two", "three"]),
            ("re.compile('app'), ['app.two']", ["one", "three"]),
            ("'app', [re.compile('app.t')]", ["one"]),
        ):
            with self.subTest(arguments=arguments):
                self.assertEqual(self.traces(self.POST % arguments + use), expected)

    def test_modules_on_the_path_alone_are_not_the_programs_own(self):
        self.write("elsewhere/library.py", "def f():\n    pass\n")
        self.write("here.py", "def g():\n    pass\n")
        text = self.PRE % "" + """
        sys.path.append("elsewhere")
        import library, here
        library.f()
        here.g()
        """
        self.assertEqual(self.traces(text), ["g"])

    def test_what_was_found_is_listed(self):
        self.write("shop.py", SHOP)
        done = self.program(self.PRE % "debug_on=True, debug_detail=True" + """
        import shop
        print([(name, spec.name, spec.origin == shop.__file__) for name, spec in finder.item_list], finder.debug_on, finder.ignore_list == [])
        """)
        self.assertEqual(done.stdout.splitlines()[-1], "[('shop', 'shop', True)] True True")
        self.assertEqual(done.stdout.splitlines()[:-1], ["observed: " + os.path.join(self.directory, "shop.py")])

    def test_an_import_that_fails_fails_as_ever(self):
        self.write("broken.py", "raise KeyError('while it is imported')\n")
        for head in (self.PRE % "", self.POST % "'broken', []"):
            with self.subTest(head=head):
                self.program(head + """
        for name, kind in ("broken", KeyError), ("missing", ModuleNotFoundError):
            try:
                __import__(name)
                raise SystemExit("no error")
            except kind:
                assert name not in sys.modules
        """)

    def test_a_finder_that_is_asked_in_the_old_way_loads_and_observes(self):
        self.write("shop.py", SHOP)
        text = self.POST.replace("sys.meta_path.insert(0, ", "finder = (") % "re.compile('shop'), []" + """
        loader = finder.find_module("shop")
        shop = loader.load_module("shop")
        assert shop is sys.modules["shop"]
        shop.Catalog()
        """
        self.assertEqual(self.traces(text), ["__init__"])

    def test_a_benchmark_that_swallows_what_it_cannot_import(self):
        self.write("monitored_application.py", """
            def monitored_method(time, depth):
                return monitored_method(time, depth - 1) if depth > 1 else time
        """)
        text = """
            import configparser, re, sys
            try:
                from monitoring.controller import MonitoringController
                from tools.importhookast import InstrumentOnImportFinder
                from tools.importhook import PostImportFinder
            except ImportError:
                sys.exit("nothing will be measured")
            some_var = MonitoringController("monitoring.ini")
            if %d == 2:
                sys.meta_path.insert(0, InstrumentOnImportFinder(ignore_list=[], empty=%s, debug_on=False))
            else:
                sys.meta_path.insert(0, PostImportFinder(re.compile("monitored_application"), list(), empty=%s))
            import monitored_application
            for i in range(3):
                monitored_application.monitored_method(0, 3)
        """
        chain = ("monitored_method", ("monitored_method", "monitored_method"))
        for approach in 1, 2:
            for empty in False, True:
                with self.subTest(approach=approach, empty=empty):
                    self.assertEqual(self.traces(text % (approach, empty, empty), ini=MAIN), [] if empty else [chain] * 3)


class AspectTest(CompatCase):

    def test_a_decorated_function_is_the_same_function(self):
        text = """
            import inspect
            from tools.aspect import instrument, instrument_v1, instrument_empty
            from monitoring.controller import SingleMonitoringController

            def outer(n):
                "Documented."
                return inner(n) + 1

            before = outer
            assert instrument(outer) is before and not hasattr(outer, "__wrapped__") and outer.__doc__ == "Documented."

            @instrument_v1
            def inner(n):
                return n

            @instrument_empty
            def other(n):
                return n

            class Thing:
                @instrument
                def method(self):
                    return outer(1)

                @staticmethod
                @instrument
                def static():
                    pass

            assert instrument(len) is len and instrument(outer) is outer
            assert str(inspect.signature(outer)) == "(n)"
            outer(1)                                           # Nobody has said yet where to: not recorded.
            SingleMonitoringController("monitoring.ini")
            assert Thing().method() == 2
            Thing.static()
            other(1)
        """
        self.assertEqual(self.traces(text), [("method", ("outer", "inner")), "static"])

    def test_exceptions_pass_through(self):
        text = """
            from tools.aspect import instrument
            from monitoring.controller import SingleMonitoringController
            SingleMonitoringController("monitoring.ini")

            @instrument
            def f(what):
                raise what

            for what in ValueError("x", 1), KeyboardInterrupt():
                try:
                    f(what)
                except BaseException as error:
                    assert error is what and error.__context__ is None
                else:
                    raise SystemExit("swallowed")
        """
        self.assertEqual(self.traces(text), [("f", "ValueError('x', 1)"), ("f", "KeyboardInterrupt()")])

    def test_members_of_a_module(self):
        self.write("shop.py", SHOP + """
    from textwrap import dedent

    class Outer:
        def method(self):
            return dedent("x")
""")
        head = """
            from monitoring.controller import SingleMonitoringController
            from tools.aspect import decorate_members
            import shop
            SingleMonitoringController("monitoring.ini")
            before = shop.offers, shop.Catalog.get_book, vars(shop.Catalog)["price"], vars(shop.Catalog)["size"]
            decorate_members(shop%s)
            assert before == (shop.offers, shop.Catalog.get_book, vars(shop.Catalog)["price"], vars(shop.Catalog)["size"])
            shop.offers(shop.Catalog.make())
            shop.Outer().method()
        """
        self.assertEqual(self.traces(head % ""), [("make", "__init__"), OFFERS, "method"])
        self.assertEqual(self.traces(head % ", True"), [])
        self.assertEqual(self.traces(head % ", empty=True"), [])

    def test_find_spec_of_another_finder(self):
        self.write("shop.py", SHOP)
        self.write("other.py", "def g():\n    pass\n")
        text = """
            import sys
            from importlib.machinery import PathFinder
            from monitoring.controller import SingleMonitoringController
            from tools.aspect import decorate_find_spec
            SingleMonitoringController("monitoring.ini")

            class Finder:
                find_spec = staticmethod(decorate_find_spec(PathFinder.find_spec, "shop"))

            sys.meta_path.insert(0, Finder)
            import shop, other
            shop.offers(shop.Catalog())
            other.g()
        """
        self.assertEqual(self.traces(text), ["__init__", OFFERS])


class ControllerTest(CompatCase):

    def refused(self, ini, *words):
        """What the program says when it is stopped by that file."""
        done = self.program("from monitoring.controller import SingleMonitoringController\nSingleMonitoringController('monitoring.ini')\n",
                            ini=ini, err=None, status=1)
        line = done.stderr.splitlines()[-1]
        self.assertTrue(line.startswith("ValueError: "), done.stderr)
        for word in words:
            self.assertIn(word, line)

    def test_there_is_one(self):
        self.program("""
            import monitoring.controller as c
            first = c.SingleMonitoringController()
            assert c.MonitoringController() is first and not hasattr(first, "writer_controller")
            assert c.SingleMonitoringController("monitoring.ini") is first and c.MonitoringController() is first
            assert type(first.writer_controller) is c.WriterController
            assert type(first.writer_controller.monitoring_writer) is c.TCPWriter
            import time
            assert abs(first.time_source_controller.get_time() - time.time_ns()) < 60e9
        """)

    def test_the_older_way_of_making_one(self):
        self.program("""
            from monitoring.controller import MonitoringController, WriterController
            writer = WriterController("monitoring.ini")
            assert MonitoringController(writer).writer_controller is writer
        """)

    def test_the_packs_own_sample_file(self):
        done = self.program("from monitoring.controller import SingleMonitoringController\nSingleMonitoringController('monitoring.ini')\n",
                            ini="[General]\nisTCP = True \n[Tcp]\nhost = 127.0.0.1\nport = %d\nconnection_timeout = 10\n")
        self.assertEqual(len(done.streams), 1)

    def test_what_a_file_lacks_is_said(self):
        self.refused("[Tcp]\nhost = 127.0.0.1\nport = 1\n", "monitoring.ini", "mode = tcp", "[General] or [Main]")
        self.refused("[Main]\nmode = tcp\n", "monitoring.ini", "host", "[Tcp]")
        self.refused("[Main]\nmode = tcp\n[Tcp]\nhost = localhost\nport = 70000\n", "port", "70000")
        self.refused("[Main]\nmode = text\n", "file_path", "[FileWriter]")
        self.refused("", "monitoring.ini", "empty")
        self.refused("mode = tcp\n", "monitoring.ini", "cannot be read")
        done = self.program("from monitoring.controller import WriterController\nWriterController('elsewhere.ini')\n", err=None, status=1)
        self.assertIn("elsewhere.ini is empty or cannot be found", done.stderr)
        done = self.program("from monitoring.controller import WriterController\nWriterController(None)\n", err=None, status=1)
        self.assertIn("ValueError: say where the configuration file is", done.stderr)

    def test_after_a_file_that_is_wrong_comes_the_right_one(self):
        self.write("wrong.ini", GENERAL.replace("127.0.0.1", "h" * 300) % 1)
        self.write("shop.py", SHOP)
        self.assertEqual(self.traces("""
            from monitoring.controller import SingleMonitoringController
            try:
                SingleMonitoringController("wrong.ini")
                raise SystemExit("taken")
            except ValueError as error:
                assert "too long" in str(error), error
            from tools.aspect import decorate_members
            import shop
            decorate_members(shop)
            SingleMonitoringController("monitoring.ini")
            shop.Catalog()
        """), ["__init__"])

    def test_what_has_no_effect_is_said_once(self):
        program = """
            from monitoring.controller import SingleMonitoringController
            for i in range(2):
                SingleMonitoringController("monitoring.ini")
        """
        done = self.program(program, ini=MAIN.replace("[Main]", "compress = yes\n[Main]") + "[Extra]\nx = 1\n", err=None)
        self.assertEqual(done.stderr.count("[General] compress"), 2)
        self.assertEqual(done.stderr.count("[Extra] x"), 2)
        self.assertEqual(done.stderr.count("\n"), 4)

    def test_dummy_records_nothing_anywhere(self):
        self.write("shop.py", SHOP)
        for mode in ("dummy", "null"):
            done = self.program(FinderTest.PRE % "" + FinderTest.USE + """
        from kieker import stats
        print(stats()["sent"])
        """, ini="[General]\nmode = %s\n" % mode)
            self.assertEqual(done.streams, [])
        done = self.program(FinderTest.PRE % "" + FinderTest.USE, ini="[General]\nmode = carrier pigeon\n", err=None)
        self.assertIn("mode carrier pigeon is none of tcp, text,", done.stderr)

    def log(self, mode, path):
        """The names of the files of the one log that is made for `file_path = PATH`, and where it lies."""
        self.write("shop.py", SHOP)
        self.program(FinderTest.PRE % "" + FinderTest.USE, ini="[Main]\nmode = %s\n[FileWriter]\nfile_path = %s\n" % (mode, path))
        found, = [root for root, _, files in os.walk(self.directory) if any(name.startswith("kieker.map") for name in files)]
        names = os.listdir(found)
        with open(os.path.join(found, "kieker.map"), encoding="utf-8") as file:
            self.assertIn("kieker.common.record.flow.trace.operation.AfterOperationFailedEvent", file.read())
        lines = []
        for name in names:
            if name.endswith(".dat"):
                with open(os.path.join(found, name), encoding="utf-8") as file:
                    lines += file.read().splitlines()
        shutil.rmtree(found)
        return os.path.dirname(found), {name.rpartition(".")[2] for name in names}, lines

    def test_a_log_lies_beside_the_file_that_is_named_or_in_the_directory(self):
        os.mkdir(os.path.join(self.directory, "logs"))
        absolute = os.path.join(self.directory, "logs", "kieker-0.dat")
        for path, place in (("logs", "logs"), (absolute, "logs"), ("kieker.log", "."), ("logs/", "logs")):
            with self.subTest(path=path):
                where, ends, lines = self.log("text", path)
                self.assertEqual((where, ends), (os.path.normpath(os.path.join(self.directory, place)), {"map", "dat"}))
                self.assertEqual(sum(";get_book;shop.Catalog" in line for line in lines), 4)
                self.assertEqual(sum(";ValueError('sold out')" in line for line in lines), 1)
        where, ends, lines = self.log("binary", "logs")
        self.assertEqual((where, ends, lines), (os.path.join(self.directory, "logs"), {"map", "bin"}, []))

    def test_the_environment_goes_before_the_file(self):
        self.write("shop.py", SHOP)
        other = self.sink()
        done = self.program(FinderTest.PRE % "" + FinderTest.USE, KIEKER_WRITER=other.address, KIEKER_RUN="elsewhere")
        self.assertEqual(done.streams, [])
        stream, = other.streams()
        self.assertEqual([trace.shape() for trace in stream.traces()], FinderTest.SHAPES)
        self.assertIn("run=elsewhere", stream.entries[0])

    def test_a_collector_that_is_away_stops_nobody(self):
        self.write("shop.py", SHOP)
        self.program(FinderTest.PRE % "" + FinderTest.USE, ini=GENERAL.replace("%d", "1"), err=None)


class RecordTest(CompatCase):

    def test_records_arrive_as_they_were_made(self):
        done = self.program("""
            import tools.const as con
            from monitoring.controller import SingleMonitoringController
            from monitoring.record.trace.operation.operationevent import BeforeOperationEvent, AfterOperationEvent, AfterOperationFailedEvent

            controller = SingleMonitoringController("monitoring.ini")
            registry = con.trace_reg
            assert registry.get_trace() is None
            trace = registry.register_trace()
            assert registry.get_trace() is trace
            controller.new_monitoring_record(trace)
            number = trace.trace_id
            controller.new_monitoring_record(BeforeOperationEvent(1700000000000000001, number, trace.get_next_order_id(), "f", "example.T\\xfcr"))
            controller.new_monitoring_record(BeforeOperationEvent(1700000000000000002, number, trace.get_next_order_id(), "g", "example"))
            controller.new_monitoring_record(
                AfterOperationFailedEvent(1700000000000000003, number, trace.get_next_order_id(), "g", "example", repr(KeyError("\u20ac"))))
            controller.new_monitoring_record(AfterOperationEvent(1700000000000000004, number, trace.get_next_order_id(), "f", "example.T\\xfcr"))
            registry.unregister_trace()
            assert registry.get_trace() is None
            import threading
            print(number, threading.get_ident())
        """)
        number, thread = map(int, done.stdout.split())
        stream, = done.streams
        trace, = stream.traces()
        self.assertEqual(trace.shape(), ("f", ("g", "KeyError('\u20ac')")))
        self.assertEqual((trace.component, trace.begun, trace.ended, trace.calls[0].begun, trace.calls[0].ended),
                         ("example.T\xfcr",) + tuple(1700000000000000000 + i for i in (1, 4, 2, 3)))
        metadata = stream.records[[record["type"] for record in stream.records].index("TraceMetadata")]
        self.assertEqual((metadata["trace"], metadata["thread"], metadata["host"], metadata["parent"]), (number, thread, "<default-host>", number))

    def test_every_class_of_records_arrives(self):
        event = ("at", "trace", "order", "operation", "component")
        call = event + ("callee", "callee_component")
        flow = "kieker.common.record.flow.trace.operation."
        layouts = {
            flow + "CallOperationEvent": (">qqiiiii", call, call[3:]),
            flow + "object.CallOperationObjectEvent": (">qqiiiiiii", call + ("object", "callee_object"), call[3:]),
            flow + "object.BeforeOperationObjectEvent": (">qqiiii", event + ("object",), event[3:]),
            flow + "object.AfterOperationObjectEvent": (">qqiiii", event + ("object",), event[3:]),
            flow + "object.AfterOperationFailedObjectEvent": (">qqiiiii", event + ("cause", "object"), event[3:] + ("cause",)),
            "kieker.common.record.controlflow.OperationExecutionRecord": (
                ">iiqqqiii", ("operation", "session", "trace", "tin", "tout", "host", "eoi", "ess"), ("operation", "session", "host")),
        }
        with unittest.mock.patch.dict(harness.LAYOUTS, layouts):
            done = self.program("""
            from monitoring.controller import SingleMonitoringController
            from monitoring.record import OperationExecutionRecord
            from monitoring.record.trace.operation import objectoperationevent as o, operationevent as e
            send = SingleMonitoringController("monitoring.ini").new_monitoring_record
            send(e.CallOperationEvent(1, 2, 3, "f", "m", "g", "n", 4, 5))
            send(o.CallOperationObjectEvent(1, -2, 3, "f", "m", "g", "n", 4, -5))
            send(o.BeforeOperationObjectEvent(1, 2, 3, "f", "m", 4))
            send(o.AfterOperationObjectEvent(1, 2, 3, "f", "m", 4))
            send(o.AfteFailerOperationObjectEvent(1, 2, 3, "f", "m", "why", 4))
            send(OperationExecutionRecord("f", "s", 1 << 62, 3, 4, "h", 5, 6))
            """)
        stream, = done.streams
        records = [record for record in stream.records if record["type"] != "KiekerMetadataRecord"]
        self.assertEqual([record.pop("type") for record in records], [
            "CallOperationEvent", "CallOperationObjectEvent", "BeforeOperationObjectEvent", "AfterOperationObjectEvent",
            "AfterOperationFailedObjectEvent", "OperationExecutionRecord"])
        self.assertEqual([tuple(record.values()) for record in records], [
            (1, 2, 3, "f", "m", "g", "n"), (1, -2, 3, "f", "m", "g", "n", 4, -5), (1, 2, 3, "f", "m", 4), (1, 2, 3, "f", "m", 4),
            (1, 2, 3, "f", "m", "why", 4), ("f", "s", 1 << 62, 3, 4, "h", 5, 6)])

    def test_made_and_observed_traces_do_not_meet(self):
        self.write("shop.py", SHOP)
        done = self.program(FinderTest.PRE % "" + """
        from monitoring.record import BeforeOperationEvent, AfterOperationEvent
        from monitoring.traceregistry import TraceRegistry
        import shop

        for registry in TraceRegistry(), TraceRegistry():
            trace = registry.register_trace()
            controller.new_monitoring_record(trace)
            now = controller.time_source_controller.get_time
            controller.new_monitoring_record(BeforeOperationEvent(now(), trace.trace_id, trace.get_next_order_id(), "made", "by.hand"))
            shop.offers(shop.Catalog())
            controller.new_monitoring_record(AfterOperationEvent(now(), trace.trace_id, trace.get_next_order_id(), "made", "by.hand"))
            registry.unregister_trace()
        """)
        self.assertEqual(sorted(map(str, (trace.shape() for trace in done.streams[0].traces()))), sorted(map(str, ["made", "__init__", OFFERS] * 2)))

    def test_events_of_a_function(self):
        text = """
            from monitoring.controller import SingleMonitoringController
            SingleMonitoringController("monitoring.ini")
            from monitoring.instrumentation import operations

            class Shop:
                def sell(self):
                    pass

            operations.brefore_operation_event(Shop.sell)
            operations.before_operation_event(lambda: 0)
            operations.after_operation_failed_event(lambda: 0, OSError(2))
            operations.after_operation_event(Shop.sell)
        """
        self.assertEqual(self.traces(text), [("sell", ("<lambda>", "OSError(2)"))])

    def test_nested_traces_name_their_parent(self):
        self.program("""
            from monitoring.traceregistry import TraceRegistry, _PointTrace
            import threading
            registry = TraceRegistry()
            outer = registry.register_trace()
            inner = registry.register_trace()
            assert (outer.parent_trace_id, outer.parent_order_id) == (outer.trace_id, -1)
            assert (inner.parent_trace_id, inner.parent_order_id) == (outer.trace_id, -1) and inner.trace_id != outer.trace_id
            assert [outer.get_next_order_id() for i in range(3)] == [0, 1, 2] and inner.get_next_order_id() == 0
            registry.unregister_trace()
            assert registry.get_trace() is outer
            def run():
                assert registry.get_trace() is None
                registry.parent_trace[threading.current_thread()] = _PointTrace(outer.trace_id, 7)
                trace = registry.register_trace()
                assert (trace.parent_trace_id, trace.parent_order_id) == (outer.trace_id, 7)
                registry.unregister_trace()
                registry.unregister_trace()
                assert registry.get_trace() is None
                print("done")
            thread = threading.Thread(target=run)
            thread.start()
            thread.join()
            assert registry.get_trace() is outer
        """)

    def test_a_class_that_is_no_record_is_refused_and_the_next_one_is_sent(self):
        text = """
            from monitoring.controller import SingleMonitoringController
            from monitoring.record import TraceMetadata, BeforeOperationEvent, AfterOperationEvent
            controller = SingleMonitoringController("monitoring.ini")

            class Mine:
                def serialize(self, serializer):
                    serializer.put_int(1)

            for wrong in Mine(), object():
                try:
                    controller.new_monitoring_record(wrong)
                except TypeError as error:
                    assert type(wrong).__name__ in str(error)
                else:
                    raise SystemExit("taken")
            controller.new_monitoring_record(TraceMetadata(5, 6, None, None, 5, -1))
            controller.new_monitoring_record(BeforeOperationEvent(1, 5, 0, "f", "m"))
            controller.new_monitoring_record(AfterOperationEvent(2, 5, 1, "f", "m"))
        """
        self.assertEqual(self.traces(text), ["f"])

    def test_what_records_write_about_themselves(self):
        self.program("""
            from monitoring.fileregistry import WriterRegistry
            from monitoring.record import AfterOperationFailedEvent, CallOperationObjectEvent, OperationExecutionRecord
            from monitoring.record.trace.operation.objectoperationevent import AfteFailerOperationObjectEvent
            from monitoring.serialization import BinarySerializer, Serializer, Values
            from monitoring.util import get_prefix

            told = []
            class Listener:
                def on_new_registry_entry(self, text, number):
                    told.append((text, number))

            event = AfterOperationFailedEvent(1, -2, 3, "f", "m", "KeyError()")
            binary = BinarySerializer([], WriterRegistry(Listener()))
            for i in range(2):
                event.serialize(binary)
                assert binary.pack().hex() == "0000000000000001" "fffffffffffffffe" "00000003" "00000001" "00000002" "00000003"
            assert told == [("f", 1), ("m", 2), ("KeyError()", 3)]
            line = []
            event.serialize(Serializer(line))
            assert "".join(line) == "1; -2; 3; f; m; KeyError(); "
            for record, values in (
                (OperationExecutionRecord(None, None, 1, 2, 3, None, 4, 5), ["noOperation", "<no-session-id>", 1, 2, 3, "<default-host>", 4, 5]),
                (CallOperationObjectEvent(1, 2, 3, "a", "b", "c", "d", 4, 5), [1, 2, 3, "a", "b", "c", "d", 4, 5]),
                (AfteFailerOperationObjectEvent(1, 2, 3, "a", "b", "cause", 4), [1, 2, 3, "a", "b", "cause", 4]),
            ):
                fields = Values()
                record.serialize(fields)
                assert fields.values == values, fields.values
                assert get_prefix(type(record).__name__).startswith("kieker.common.record.")
            assert get_prefix("Other") is None
        """)


class PackageTest(CompatCase):

    def test_the_real_pack_besides_is_refused(self):
        for name in ("kieker_monitoring_for_python-0.0.2.dist-info", "kieker_monitoring_for_python-0.0.1-py3.9.egg-info",
                     "kieker-monitoring-for-python.egg-link", "__editable__.kieker_monitoring_for_python-0.0.2.pth"):
            with self.subTest(name=name):
                os.makedirs(os.path.join(self.directory, "site", name))
                path = os.pathsep.join((harness.PACKAGE_PATH, self.packages, os.path.join(self.directory, "site")))
                for module in ("monitoring.controller", "tools.aspect"):
                    done = self.program("try:\n    import %s\nexcept ImportError:\n    pass\n" % module, err=None, status=1, PYTHONPATH=path)
                    self.assertIn("RuntimeError: the Kieker Python pack (", done.stderr)
                    self.assertIn("uninstall both", done.stderr)
                shutil.rmtree(os.path.join(self.directory, "site"))

    def test_another_monitoring_is_not_taken_for_ours(self):
        self.write("theirs/monitoring/__init__.py", "")
        path = os.pathsep.join((os.path.join(self.directory, "theirs"), harness.PACKAGE_PATH, self.packages))
        done = self.program("import tools.aspect\n", err=None, status=1, PYTHONPATH=path)
        self.assertIn("RuntimeError: `tools` (", done.stderr)

    def test_without_the_agent_it_says_what_is_missing(self):
        done = self.program("import monitoring\n", err=None, status=1, PYTHONPATH=self.packages)
        self.assertIn("No module named 'kieker'", done.stderr.splitlines()[-1])
        self.assertIn("pip install ./agent/python", done.stderr.splitlines()[-1])

    def test_every_module_of_it_can_be_imported(self):
        modules = []
        for root, _, files in os.walk(self.packages):
            place = os.path.relpath(root, self.packages).replace(os.sep, ".")
            modules += [place + ("" if name == "__init__.py" else "." + name[:-3]) for name in files if name.endswith(".py")]
        self.assertGreater(len(modules), 20)
        self.program("import %s\n" % ", ".join(sorted(modules)) + "assert type(tools.const.transformer).__name__ == 'ModuleTransformer'\n")

    def test_beside_the_agents_own_start(self):
        self.write("shop.py", SHOP)
        self.write("monitoring.ini", GENERAL % 1)
        done = self.observed(self.write("program.py", FinderTest.PRE % "" + FinderTest.USE))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("records go where the agent was told first", done.stderr)
        self.assertEqual([trace.shape() for trace in done.streams[0].traces()], FinderTest.SHAPES)


if __name__ == "__main__":
    unittest.main(verbosity=1)
