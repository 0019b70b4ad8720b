#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Observing without weaving: by the interpreter's own events."""

import os
import sys
import unittest

import harness

MONITOR = ("--weave", "monitor")
C_FUNCTIONS = MONITOR + ("--c-functions",)
HAS_EVENTS = hasattr(sys, "monitoring")

# Before sys.monitoring the exception is not shown where C code swallows it.
UNSEEN = "(its cause was not seen)"


def seen(cause):
    return cause if HAS_EVENTS else UNSEEN


class Case(harness.Case):
    def monitored(self, text, agent=MONITOR, **options):
        return self.shapes(text, agent=agent, **options)

    def names(self, text, agent=MONITOR):
        return [(call.component, call.operation) for trace in self.calls(text, agent=agent) for call in trace.walk()]

    def both_ways(self, text, *arguments, agent=MONITOR, environment=None):
        """Runs the program plain and observed; that it says and does the same is checked. The observed one."""
        path = self.write("program.py", text)
        options = {"env": self.environment(**environment or {})}
        plain = self.plain(path, *arguments, **options)
        observed = self.observed(path, *arguments, agent=agent, **options)
        self.assertEqual((observed.stdout, observed.stderr, observed.returncode), (plain.stdout, plain.stderr, plain.returncode))
        observed.traces = [trace for stream in observed.streams for trace in stream.traces()]
        return observed


class Names(Case):
    def test_components_and_operations(self):
        self.assertEqual(self.names("""
            class Outer:
                class Inner:
                    def method(self):
                        def nested(): pass
                        nested()
                        class Local:
                            def deep(self):
                                def deeper(): pass
                                deeper()
                        Local().deep()
                @staticmethod
                def static(): pass
                @classmethod
                def of_class(cls): pass
                @property
                def prop(self): return 1
            def function():
                class Local:
                    def method(self): pass
                Local().method()
            Outer.Inner().method()
            Outer.static()
            Outer().of_class()
            Outer().prop
            function()
        """), [
            ("program.Outer.Inner", "method"),
            ("program.Outer.Inner", "method.<locals>.nested"),
            ("program.Outer.Inner.method.<locals>.Local", "deep"),
            ("program.Outer.Inner.method.<locals>.Local", "deep.<locals>.deeper"),
            ("program.Outer", "static"), ("program.Outer", "of_class"), ("program.Outer", "prop"),
            ("program", "function"), ("program.function.<locals>.Local", "method"),
        ])

    def test_lambdas(self):
        self.assertEqual(self.names("def f(): return 1\n(lambda: f())()"), [("program", "f")])
        done = self.finish(self.start(["-c", "print(1)"], MONITOR + ("--lambdas",)))
        self.assertEqual((done.returncode, done.stdout, done.stderr),
                         (2, "", "kieker: --lambdas needs --weave pre or post: monitor leaves them out\n"))

    def test_modules(self):
        self.write("package/__init__.py", "def top(): pass\n")
        self.write("package/part.py", "class K:\n    def m(self): pass\n")
        self.write("package/__main__.py", "def main(): pass\nmain()\n")
        self.assertEqual(self.names("""
            import package.part, runpy
            package.top()
            package.part.K().m()
            runpy.run_module("package", run_name="__main__")
        """), [("package", "top"), ("package.part.K", "m"), ("package.__main__", "main")])

    def test_only_functions_of_observed_files(self):
        # Neither lambdas, comprehensions, bodies of classes and modules, nor what has no file.
        self.assertEqual(self.monitored("""
            import collections, dataclasses, json
            @dataclasses.dataclass
            class Point:
                x: int
                y: int
            def helper(x): return x
            class Body:
                made = helper(1)
            Pair = collections.namedtuple("Pair", "a b")
            Point(1, 2) == Point(1, 2)
            Pair(1, 2)._replace(a=3)
            (lambda: helper(2))()
            [helper(x) for x in (1,)], {helper(x) for x in (1,)}, {x: helper(x) for x in (1,)}, list(helper(x) for x in (1,))
            exec("def executed(): helper(3)\\nexecuted()")
            json.loads(json.dumps([1]))
        """), ["helper"] * 7)

    def test_include_and_exclude(self):
        names = set(self.names("import json, program_part\njson.dumps([1])\nprogram_part.f()\n", agent=MONITOR + ("--include", "json.*"))
                    if self.write("program_part.py", "def f(): pass\n") else ())
        self.assertLessEqual({("json", "dumps"), ("json.encoder.JSONEncoder", "encode"), ("program_part", "f")}, names)
        names = self.names("import program_part\ndef g(): pass\nprogram_part.f()\ng()\n", agent=MONITOR + ("--exclude", "program_p*"))
        self.assertEqual(names, [("program", "g")])

    def test_modules_that_were_there_before(self):
        self.write("early.py", """
            class K:
                def m(self):
                    class L:
                        def k(self):
                            def inner(): pass
                            inner()
                    L().k()
        """)
        self.write("sitecustomize.py", "import early\n")
        path = self.write("program.py", "import early\nearly.K().m()\n")
        done = self.observed(path, agent=MONITOR, env=self.environment(PYTHONPATH=harness.PACKAGE_PATH + os.pathsep + self.directory))
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual([(call.component, call.operation) for call in done.streams[0].traces()[0].walk()], [
            ("early.K", "m"), ("early.K.m.<locals>.L", "k"), ("early.K.m.<locals>.L", "k.<locals>.inner")])


class Shapes(Case):
    def test_nesting_and_recursion(self):
        self.assertEqual(self.monitored("""
            def a(n): return b(n) + b(0)
            def b(n): return n and b(n - 1)
            a(2)
            b(0)
        """), [("a", ("b", ("b", "b")), "b"), "b"])

    def test_exceptions(self):
        self.assertEqual(self.monitored("""
            class Own(Exception):
                def __repr__(self): return "never asked"
            def fails(kind, *arguments): raise kind(*arguments)
            def passes(*arguments): fails(*arguments)
            def catches(*arguments):
                try: passes(*arguments)
                except BaseException: return after()
            def after(): pass
            def turns():
                try: fails(KeyError, 1)
                except KeyError as error: raise OSError(2, "no") from error
            catches(ValueError, "x")
            catches(Own, 1)
            catches(SystemExit, 3)
            try: turns()
            except OSError: pass
        """), [
            ("catches", (("passes", "ValueError('x')"), ("fails", "ValueError('x')")), "after"),
            ("catches", (("passes", "Own"), ("fails", "Own")), "after"),
            ("catches", (("passes", "SystemExit(3)"), ("fails", "SystemExit(3)")), "after"),
            (("turns", "FileNotFoundError(2, 'no')"), ("fails", "KeyError(1)")),
        ])

    def test_exceptions_that_c_code_takes(self):
        self.assertEqual(self.monitored("""
            class K:
                @property
                def missing(self): return helper()
                def __iter__(self): return self
                def __next__(self): raise StopIteration
            def helper(): raise AttributeError("no")
            def after(): pass
            hasattr(K(), "missing")
            for x in K(): pass
            list(K())
            after()
        """), [
            (("missing", "AttributeError('no')"), ("helper", "AttributeError('no')")),
            "__iter__", ("__next__", "StopIteration()"),
            "__iter__", ("__next__", seen("StopIteration()")),
            "after",
        ])

    def test_generators(self):
        self.assertEqual(self.monitored("""
            def counts(n):
                for i in range(n):
                    helper()
                    yield i
            def delegates():
                got = yield from counts(1)
                return got
            def patient():
                while True:
                    try: yield
                    except KeyError: helper()
            def helper(): pass
            assert list(counts(2)) == [0, 1]
            list(delegates())
            g = patient()
            next(g)
            g.throw(KeyError(1))
            try: g.throw(ValueError(2))
            except ValueError: pass
            g = patient()
            next(g)
            g.close()
            helper()
        """), [
            ("counts", "helper"), ("counts", "helper"), "counts",
            ("delegates", ("counts", "helper")), ("delegates", "counts"),
            "patient", ("patient", "helper"), ("patient", "ValueError(2)"),
            # Closing it goes on with it.
            "patient", "patient",
            "helper",
        ])

    def test_coroutines(self):
        self.assertEqual(self.monitored("""
            import asyncio
            async def outer():
                helper()
                await middle(1)
                return helper()
            async def middle(n):
                await asyncio.sleep(0)
                await inner(n)
                helper()
            async def inner(n):
                await asyncio.sleep(0.001)
                if n == 0: raise ValueError(n)
            async def fails():
                try:
                    await inner(0)
                except ValueError:
                    helper()
            def helper(): pass
            asyncio.run(outer())
            asyncio.run(fails())
            helper()
        """), [
            ("outer", "helper", ("middle", "inner", "helper"), "helper"),
            ("fails", ("inner", "ValueError(0)"), "helper"),
            "helper",
        ])

    def test_tasks(self):
        done = self.both_ways("""
            import asyncio
            async def main():
                tasks = [asyncio.create_task(job(i)) for i in range(50)]
                print(sum(await asyncio.gather(*tasks)))
                helper()
            async def job(n):
                helper()
                await asyncio.sleep(0.001 * (n % 3))
                await step()
                helper()
                return n
            async def step():
                for i in range(3):
                    await asyncio.sleep(0)
                    helper()
            def helper(): pass
            asyncio.run(main())
        """)
        main = ("main", "helper")
        job = ("job", "helper", ("step", "helper", "helper", "helper"), "helper")
        self.assertEqual(sorted((trace.shape() for trace in done.traces), key=str), [job] * 50 + [main])
        parents = done.streams[0].parents
        self.assertEqual({trace.operation: parents[trace].operation for trace in done.traces if trace in parents}, {"job": "main"})
        self.assertEqual(len(parents), 50)

    def test_cancellation(self):
        done = self.both_ways("""
            import asyncio
            async def main():
                stubborn, meek = asyncio.create_task(outer(True)), asyncio.create_task(outer(False))
                await asyncio.sleep(0)
                await asyncio.sleep(0)
                stubborn.cancel()
                meek.cancel()
                print(await asyncio.gather(stubborn, meek, return_exceptions=True))
                helper()
            async def outer(again):
                try:
                    return await inner(again)
                finally:
                    helper()
            async def inner(again):
                try:
                    await asyncio.sleep(10)
                except asyncio.CancelledError:
                    if not again:
                        raise
                    helper()
                    await asyncio.sleep(0)
                    helper()
                    return "went on"
            def helper(): pass
            asyncio.run(main())
        """)
        shapes = [trace.shape() for trace in done.traces]
        self.assertIn(("main", "helper"), shapes)
        self.assertIn(("outer", ("inner", "helper", "helper"), "helper"), shapes)
        self.assertIn((("outer", seen("CancelledError()")), ("inner", "CancelledError()"), "helper"), shapes)

    def test_asynchronous_generators(self):
        self.assertEqual(self.monitored("""
            import asyncio, contextlib
            async def many(n):
                for i in range(n):
                    await asyncio.sleep(0)
                    helper()
                    yield i
            @contextlib.asynccontextmanager
            async def context():
                await asyncio.sleep(0)
                yield helper()
                await asyncio.sleep(0)
                helper()
            async def main():
                async for x in many(2):
                    helper()
                async with context():
                    helper()
                return [x async for x in many(1)]
            def helper(): pass
            assert asyncio.run(main()) == [0]
        """), [
            ("main", ("many", "helper"), "helper", ("many", "helper"), "helper", "many",
             ("context", "helper"), "helper", ("context", "helper"), ("many", "helper"), "many"),
        ])

    def test_coroutines_by_hand(self):
        closing = ["__await__"] if sys.version_info < (3, 13) else []
        self.assertEqual(self.monitored("""
            class Pause:
                def __await__(self): return (yield self)
            async def job(n):
                helper()
                await Pause()
                await inner(n)
                return n
            async def inner(n):
                await Pause()
                helper()
            def helper(): pass
            def drive():
                jobs = [job(i) for i in range(2)]
                for i in range(3):
                    for j in jobs:
                        try: j.send(None)
                        except StopIteration: pass
                helper()
            drive()
            left = job(0)
            left.send(None)
            left.close()
            async def outer():
                await inner(1)
            left = outer()
            left.send(None)
            left.close()
            helper()
        """), [
            ("drive", "helper"),
            ("job", "helper", "__await__", "__await__", ("inner", "__await__", "__await__", "helper")),
            ("job", "helper", "__await__", "__await__", ("inner", "__await__", "__await__", "helper")),
            # What closes a coroutine does not show what it awaits with it. From 3.13 on a generator that would not notice does not go on for that.
            ("job", "helper", "__await__"), *closing,
            ("outer", ("inner", "__await__")), *closing,
            "helper",
        ])

    def test_threads(self):
        traces = self.monitored("""
            import _thread, threading
            def job(): part()
            def part(): pass
            threads = [threading.Thread(target=job) for i in range(20)]
            for thread in threads: thread.start()
            for thread in threads: thread.join()
            lock = _thread.allocate_lock()
            lock.acquire()
            def small():
                part()
                lock.release()
            _thread.start_new_thread(small, ())
            lock.acquire()
        """)
        # The lock is released before the last thread's call ends.
        self.assertEqual(sorted(traces, key=str)[:20], [("job", "part")] * 20)
        self.assertEqual([trace[0] if type(trace[0]) is str else trace[0][0] for trace in sorted(traces, key=str)[20:]], ["small"])

    def test_fork(self):
        done = self.both_ways("""
            import os
            def call(n): pass
            call(1)
            child = os.fork()
            call(2)
            if child:
                os.waitpid(child, 0)
            """)
        self.assertEqual([trace.shape() for trace in done.traces], ["call"] * 3)
        self.assertEqual(len(done.streams), 2)


class Builtins(Case):
    def test_names(self):
        found = self.names("""
            import time, math
            class Own(list): pass
            def function():
                len("x")
                [].append(1)
                Own().append(2)
                "a".join(())
                dict.fromkeys("a")
                math.floor(1.5)
                time.time()
                sorted([2, 1], key=abs)
                list.__new__(Own)
                int.from_bytes(b"", "big")
                list.append([], 1)
            function()
        """, agent=C_FUNCTIONS)
        self.assertEqual(found, [
            ("program", "function"), ("builtins", "len"), ("builtins.list", "append"), ("builtins.list", "append"), ("builtins.str", "join"),
            ("builtins.dict", "fromkeys"), ("math", "floor"), ("time", "time"), ("builtins", "sorted"),
            ("builtins.list", "__new__"), ("builtins.int", "from_bytes"), ("builtins.list", "append"),
        ])

    def test_nesting_and_failures(self):
        self.assertEqual(self.monitored("""
            def key(x): return -x
            def function():
                max(1, 2)
                sorted([1], key=key)
                sum(generator())
                try: [].pop()
                except IndexError: pass
                fails()
            def generator(): yield 1
            def fails(): return next(iter(()))
            try: function()
            except StopIteration: pass
            max(1, 2)
        """, agent=C_FUNCTIONS), [
            (("function", "StopIteration()"), "max", ("sorted", "key"), ("sum", "generator", "generator"), ("pop", "IndexError('pop from empty list')"),
             (("fails", "StopIteration()"), "iter", ("next", "StopIteration()"))),
        ])

    def test_only_when_asked_for(self):
        self.assertEqual(self.monitored("def f(): return len('')\nf()\n"), ["f"])


class Program(Case):
    """What the program sees."""

    def test_uncaught_exceptions(self):
        done = self.both_ways("""
            def inner(): raise ValueError("inner")
            def outer():
                try: inner()
                except ValueError: [].pop()
            outer()
        """, agent=C_FUNCTIONS)
        self.assertEqual([trace.shape() for trace in done.traces], [
            (("outer", "IndexError('pop from empty list')"), ("inner", "ValueError('inner')"), ("pop", "IndexError('pop from empty list')"))])

    def test_recursion_limit(self):
        done = self.both_ways("""
            import sys
            class Counter:
                deepest = 0
            def down(n):
                Counter.deepest = n
                len([down(n + 1)])
            sys.setrecursionlimit(300)
            try: down(1)
            except RecursionError as error: print(error)
            print(Counter.deepest, sys.getrecursionlimit())
        """, agent=C_FUNCTIONS)
        self.assertTrue(all(call.cause for call in done.traces[0].walk()))

    def test_own_profiler(self):
        done = self.both_ways("""
            import sys, threading
            events = []
            def profiler(frame, event, argument):
                events.append((event, frame.f_code.co_name, getattr(argument, "__name__", None)))
            def call(): return len("")
            def fails(): [].pop()
            print(sys.getprofile())
            call()
            sys.setprofile(profiler)
            print(sys.getprofile() is profiler)
            call()
            try: fails()
            except IndexError: pass
            sys.setprofile(profiler)
            call()
            sys.setprofile(None)
            print(sys.getprofile(), events)
            call()
            del events[:]
            threading.setprofile(profiler)
            thread = threading.Thread(target=call)
            thread.start()
            thread.join()
            threading.setprofile(None)
            print([event for event in events if event[1] == "call"])
        """)
        shapes = [trace.shape() for trace in done.traces]
        self.assertEqual(shapes.count("call"), 5)
        self.assertIn(("fails", "IndexError('pop from empty list')"), shapes)

    def test_own_profiler_that_fails(self):
        done = self.both_ways("""
            import sys
            def profiler(frame, event, argument):
                raise LookupError("the profiler itself")
            def call(): pass
            def after(): pass
            try:
                sys.setprofile(profiler)
                call()
            except LookupError as error:
                print(error, sys.getprofile())
            after()
        """)
        self.assertEqual(done.traces[-1].shape(), "after")

    def test_own_tracer(self):
        done = self.both_ways("""
            import sys
            events = []
            def tracer(frame, event, argument):
                events.append((event, frame.f_code.co_name, frame.f_lineno))
                return tracer
            def call():
                x = 1
                try: fails(x)
                except ValueError: pass
                return x
            def fails(x):
                hasattr(Kind(), "missing")
                raise ValueError(x)
            class Kind:
                @property
                def missing(self): raise AttributeError
            print(sys.gettrace())
            sys.settrace(tracer)
            print(sys.gettrace() is tracer)
            call()
            sys.settrace(None)
            print(sys.gettrace(), events)
            call()
        """)
        call = ("call", (("fails", "ValueError(1)"), ("missing", seen("AttributeError()"))))
        self.assertEqual([trace.shape() for trace in done.traces if trace.operation != "tracer"], [call, call])

    def test_cprofile(self):
        done = self.both_ways("""
            import cProfile, pstats
            def call(n):
                return sorted([n, 1]) and n and call(n - 1)
            def fails(): [].pop()
            call(1)
            profiler = cProfile.Profile()
            profiler.enable()
            call(2)
            try: fails()
            except IndexError: pass
            profiler.disable()
            call(0)
            profiler.create_stats()
            for (file, line, name), row in sorted(profiler.stats.items()):
                print(name, row[:2], sorted((caller[2], calls[:2]) for caller, calls in row[4].items()))
            cProfile.runctx("call(0)", globals(), {}, "stats")
            print(pstats.Stats("stats").total_calls)
            call(0)
        """)
        self.assertEqual([trace.shape() for trace in done.traces], [
            ("call", "call"), ("call", ("call", "call")), ("fails", "IndexError('pop from empty list')"), "call", "call", "call"])

    def test_trace_module(self):
        # As coverage measures where there is no sys.monitoring.
        done = self.both_ways("""
            import sys, trace
            def call(n):
                if n:
                    return call(n - 1)
                return list(generator())
            def generator():
                yield 1
            tracer = trace.Trace(count=1, trace=0)
            tracer.runfunc(call, 2)
            print(sorted((line, count) for (file, line), count in tracer.results().counts.items() if file == __file__))
        """)
        self.assertEqual([trace.shape() for trace in done.traces], [("call", ("call", ("call", "generator", "generator")))])

    @unittest.skipUnless(HAS_EVENTS, "needs sys.monitoring")
    def test_own_monitoring(self):
        done = self.both_ways("""
            import sys
            monitoring = sys.monitoring
            E = monitoring.events
            found = []
            def on_line(code, line):
                if code.co_filename == __file__:
                    found.append((code.co_name, line))
                return monitoring.DISABLE
            def on_start(code, offset):
                if code.co_filename == __file__:
                    found.append(code.co_name)
            print([monitoring.get_tool(tool) for tool in range(4)])
            tool = monitoring.PROFILER_ID
            monitoring.use_tool_id(tool, "own")
            monitoring.register_callback(tool, E.LINE, on_line)
            monitoring.register_callback(tool, E.PY_START, on_start)
            monitoring.set_events(tool, E.LINE | E.PY_START)
            def call(n):
                return n and call(n - 1)
            call(1)
            monitoring.restart_events()
            call(1)
            monitoring.set_events(tool, 0)
            monitoring.free_tool_id(tool)
            print(found)
            call(0)
        """)
        shapes = [trace.shape() for trace in done.traces]
        self.assertEqual([shape for shape in shapes if "call" in shape], [("call", "call"), ("call", "call"), "call"])

    @unittest.skipUnless(HAS_EVENTS, "needs sys.monitoring")
    def test_no_tool_is_free(self):
        self.write("sitecustomize.py", "import sys\nfor tool in (2, 3, 4, 5): sys.monitoring.use_tool_id(tool, 'tool%d' % tool)\n")
        path = self.write("program.py", "def call(): print('called')\ncall()\n")
        done = self.observed(path, agent=MONITOR, env=self.environment(PYTHONPATH=harness.PACKAGE_PATH + os.pathsep + self.directory))
        self.assertEqual((done.returncode, done.stdout), (0, "called\n"))
        self.assertEqual(done.stderr, "kieker: nothing is observed: all tools of sys.monitoring are taken, by tool2, tool3, tool4, tool5\n")

    def test_being_displaced_is_said(self):
        displace = ("sys.monitoring.set_events(5, 0)" if HAS_EVENTS else "ctypes.pythonapi.PyEval_SetProfile(None, None)")
        path = self.write("program.py", "import ctypes, sys\ndef call(): pass\ncall()\n%s\ncall()\n" % displace)
        done = self.observed(path, agent=MONITOR)
        self.assertEqual((done.returncode, done.stdout, done.stderr.count("\n")), (0, "", 1))
        self.assertIn("something else in the place of the agent's monitor", done.stderr)
        self.assertEqual([trace.shape() for trace in done.streams[0].traces()], ["call"])

    def test_audit_hooks_see_nothing(self):
        self.both_ways("""
            import sys, threading
            found = []
            sys.addaudithook(lambda name, arguments: found.append(name))
            def call(): pass
            thread = threading.Thread(target=call)
            thread.start()
            thread.join()
            call()
            print([name for name in found if "profile" in name or "trace" in name or "monitoring" in name])
        """)


class SameAsWoven(Case):
    PROGRAM = """
        import abc, collections, contextlib, dataclasses, enum, functools, threading

        class Base(abc.ABC):
            @abc.abstractmethod
            def area(self): ...
            def __enter__(self): return self
            def __exit__(self, *arguments): return False
        class Square(Base):
            __slots__ = ("side",)
            def __init__(self, side): self.side = side
            def area(self): return square(self.side)
            def __eq__(self, other): return self.area() == other.area()
            def __del__(self): gone()
        def gone(): pass
        @functools.lru_cache()
        def square(x): return x * x
        def decorated(function):
            @functools.wraps(function)
            def inner(*arguments, **named): return function(*arguments, **named)
            return inner
        @decorated
        def outer(n):
            def local(m):
                nonlocal n
                n += m
                return n
            return local(1) + (local(2) if n else 0)
        @dataclasses.dataclass
        class Point:
            x: int = 0
            def __post_init__(self): self.x += shifted()
        def shifted(): return 1
        class Colour(enum.Enum):
            RED = 1
            def paint(self): return self.name
        def fails(n):
            if n == 0: raise ValueError("the end")
            try: fails(n - 1)
            finally: gone()
        def many(*arguments, key=None, **rest): return [shifted() for _ in arguments]
        with Square(2) as first, Square(3) as second:
            first == second
            print(outer(1), outer(n=0), Point(3), Colour.RED.paint(), many(1, 2, a=3))
        del first, second
        try: fails(2)
        except ValueError as error: print(error)
        try: square([])
        except TypeError as error: print(error)
        try: outer(1, 2, 3)
        except TypeError as error: print(error)
        print(sorted([3, 1, 2], key=lambda x: square(x)), max([1, 2], key=square))
        thread = threading.Thread(target=outer, args=(1,))
        thread.start()
        thread.join()
        """

    @staticmethod
    def whole(call):
        return (call.component, call.operation, call.cause, [SameAsWoven.whole(inner) for inner in call.calls])

    def test_same_as_woven(self):
        ways = []
        for agent in ((), MONITOR):
            done = self.both_ways(self.PROGRAM, agent=agent)
            ways.append(sorted(map(self.whole, done.traces), key=str))
        self.assertEqual(ways[1], ways[0])


if __name__ == "__main__":
    harness.main()
