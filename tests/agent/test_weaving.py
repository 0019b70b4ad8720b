# SPDX-License-Identifier: Apache-2.0
"""What is recorded: which calls, by which names, in which traces."""

import sys
import unittest

import harness


class Names(harness.Case):
    def names(self, text, **options):
        return [(call.component, call.operation) for trace in self.calls(text, **options) for call in trace.walk()]

    def test_functions_and_methods(self):
        self.assertEqual(self.names("""
            def function(): pass
            class Catalog:
                def get_book(self): return self.title
                @property
                def title(self): return "t"
                @title.setter
                def title(self, value): pass
                @staticmethod
                def still(): pass
                @classmethod
                def of(cls): return cls()
                class Inner:
                    def deep(self): pass
            function()
            catalog = Catalog.of()
            catalog.get_book()
            catalog.title = 1
            Catalog.still()
            Catalog.Inner().deep()
        """), [
            ("program", "function"), ("program.Catalog", "of"), ("program.Catalog", "get_book"), ("program.Catalog", "title"),
            ("program.Catalog", "title"), ("program.Catalog", "still"), ("program.Catalog.Inner", "deep"),
        ])

    def test_nested_functions(self):
        self.assertEqual(self.names("""
            def outer():
                def inner():
                    class Local:
                        def method(self):
                            def innermost(): pass
                            innermost()
                    Local().method()
                inner()
            class Some:
                def method(self):
                    def inner(): pass
                    inner()
            outer()
            Some().method()
        """), [
            ("program", "outer"), ("program", "outer.<locals>.inner"),
            ("program.outer.<locals>.inner.<locals>.Local", "method"),
            ("program.outer.<locals>.inner.<locals>.Local", "method.<locals>.innermost"),
            ("program.Some", "method"), ("program.Some", "method.<locals>.inner"),
        ])

    def test_functions_in_statements(self):
        self.assertEqual([name for _, name in self.names("""
            import contextlib
            if True:
                def a(): pass
            else:
                def a(): raise SystemError
            for i in range(1):
                def b(): pass
            while True:
                def c(): pass
                break
            with contextlib.nullcontext():
                def d(): pass
            try:
                def e(): pass
                raise ValueError
            except ValueError:
                def f(): pass
            finally:
                def g(): pass
            for function in a, b, c, d, e, f, g:
                function()
        """)], list("abcdefg"))

    @unittest.skipIf(sys.version_info < (3, 10), "there is no match statement")
    def test_functions_in_match(self):
        self.assertEqual([name for _, name in self.names("""
            match 1:
                case 1:
                    def a(): pass
            a()
        """)], ["a"])

    def test_other_alphabets(self):
        self.assertEqual(self.names("""
            class Bücher:
                def größe_名前(self): pass
            Bücher().größe_名前()
        """), [("program.Bücher", "größe_名前")])

    def test_generators_and_coroutines_but_no_lambdas(self):
        self.assertEqual(self.names("""
            import asyncio
            def generator():
                yield helper(1)
            def delegating():
                yield from generator()
            def defaults(x=lambda: (yield)): pass
            def hidden(y=1):
                z = yield
            async def coroutine():
                await asyncio.sleep(0)
                return helper(2)
            async def many():
                yield helper(3)
            async def collect():
                return [x async for x in many()]
            def helper(x): return x
            assert list(delegating()) == [1]
            assert (lambda: helper(4))() == 4
            assert asyncio.run(coroutine()) == 2
            assert asyncio.run(collect()) == [3]
            defaults()
            next(hidden())
        """), [("program", name) for name in (
            "delegating", "generator", "helper", "delegating", "generator", "helper", "coroutine", "helper", "collect", "many", "helper", "many",
            "defaults", "hidden")])


@unittest.skipIf(sys.version_info < (3, 11), "there is no exception table")
class Lambdas(harness.Case):
    def test_names_and_failures(self):
        self.assertEqual(self.shapes("""
            class C:
                key = lambda self, x: helper(x)
                @staticmethod
                def method(): return (lambda: helper(1))()
            def helper(x): return x
            outer = lambda f=(lambda: 5): lambda x: helper(x) + f()
            fails = lambda x: [helper(y) for y in (1, 2)] and 1 / x
            assert C().key(3) == 3 and C.method() == 1 and outer()(1) == 6
            try: fails(0)
            except ZeroDivisionError as error: print(error.__traceback__.tb_next.tb_frame.f_lineno)
            assert fails(2) == 0.5
            sorted([3, 1], key=lambda x: (yield_me := -x))
            generator = lambda: (yield helper(9))
            next(generator())
        """, agent=["--lambdas", "yes"]), [
            ("<lambda>", "helper"), ("method", ("method.<locals>.<lambda>", "helper")), "<lambda>", ("<lambda>.<locals>.<lambda>", "helper", "<lambda>"),
            (("<lambda>", "ZeroDivisionError('division by zero')"), "helper", "helper"), ("<lambda>", "helper", "helper"), "<lambda>", "<lambda>", "helper"])

    def test_nothing_else_changes(self):
        path = self.write("program.py", """
            import inspect, sys, traceback
            f = lambda a, b=2, *c, d: (a,
                b, 1 / d)
            print(f.__code__.co_varnames, f.__code__.co_firstlineno, f.__name__, inspect.signature(f), inspect.getsource(f))
            seen = []
            def trace(frame, event, argument):
                seen.append((event, frame.f_lineno, frame.f_code.co_name))
                return trace
            sys.settrace(trace)
            print(f(1, d=4))
            try: f(1, d=0)
            except ZeroDivisionError: text = traceback.format_exc()
            sys.settrace(None)
            print(seen, text)
            many = eval("lambda: [%s]" % ", ".join(str(1000 + i) + ".5" for i in range(300)))
            print(sum(many()))
        """)
        plain, observed = self.plain(path), self.observed(path, agent=["--lambdas", "yes"])
        self.assertEqual((observed.stdout, observed.stderr), (plain.stdout, plain.stderr))


class Traces(harness.Case):
    def test_tree(self):
        self.assertEqual(self.shapes("""
            def a(): b(); b()
            def b(): c()
            def c(): pass
            a()
            c()
        """), [("a", ("b", "c"), ("b", "c")), "c"])

    def test_ways_out_of_a_body(self):
        self.assertEqual(self.shapes("""
            import contextlib
            @contextlib.contextmanager
            def closing():
                try: yield
                finally: note("closed")
            def note(x): return x
            def early(x):
                if x: return note("early")
                note("late")
            def loops():
                for i in range(3):
                    with closing():
                        if i == 1: return i
            def nothing(): pass
            def finally_wins():
                try: return note(1)
                finally: return note(2)
            def swallows():
                try: raise KeyError
                except KeyError: note("caught")
            assert early(1) == "early" and early(0) is None
            assert loops() == 1
            assert nothing() is None
            assert finally_wins() == 2
            swallows()
        """), [
            ("early", "note"), ("early", "note"), ("loops", "closing", ("closing", "note"), "closing", ("closing", "note")), "nothing", ("finally_wins", "note", "note"),
            ("swallows", "note"),
        ])

    def test_recursion(self):
        trace, = self.calls("""
            def down(n): return n and down(n - 1)
            down(500)
        """)
        self.assertEqual(len(list(trace.walk())), 501)

    def test_deeper_than_the_ring(self):
        trace, = self.calls("""
            import sys, threading
            sys.setrecursionlimit(70000)
            threading.stack_size(512 << 20)
            def down(n): return n and down(n - 1)
            thread = threading.Thread(target=down, args=(40000,))
            thread.start()
            thread.join()
        """)
        depth = 0
        while trace.calls:
            trace, = trace.calls
            depth += 1
        self.assertEqual(depth, 40000)

    def test_times(self):
        trace, = self.calls("""
            import time
            def outer(): inner(); inner()
            def inner():
                begun = time.time()
                while time.time() < begun + 0.02: pass
            outer()
            open("now", "w").write(repr(time.time()))
        """)
        with open(self.directory + "/now") as file:
            now = float(file.read()) * 1e9
        self.assertLess(abs(now - trace.ended), 60e9)
        for inner in trace.calls:
            # Measured by another clock of the same machine.
            self.assertGreater(inner.ended - inner.begun, 19e6)
        self.assertGreaterEqual(trace.ended - trace.begun, sum(inner.ended - inner.begun for inner in trace.calls))

    def test_threads_have_traces_of_their_own(self):
        done = self.observed(self.write("program.py", """
            import threading
            def work(n):
                for i in range(200): step(i)
            def step(i): pass
            threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
            for thread in threads: thread.start()
            work(9)
            for thread in threads: thread.join()
            print(threading.main_thread().native_id)
        """))
        traces = done.streams[0].traces()
        self.assertEqual([trace.shape() for trace in traces], [("work",) + ("step",) * 200] * 9)
        self.assertEqual(len(done.streams[0].threads), 9)
        self.assertIn(int(done.stdout), done.streams[0].threads)

    def test_many_short_threads(self):
        traces = self.calls("""
            import threading
            def work(): pass
            for i in range(300):
                thread = threading.Thread(target=work)
                thread.start()
                thread.join()
        """)
        self.assertEqual([trace.shape() for trace in traces], ["work"] * 300)


class Failures(harness.Case):
    def test_causes(self):
        self.assertEqual(self.shapes("""
            class Own(Exception):
                def __repr__(self): raise SystemError("the agent must not ask")
            class Kept(ValueError): pass
            def fail(error): raise error
            def passes(error):
                try: fail(error)
                except BaseException: pass
            for error in (ValueError("no ü"), KeyError(3), OSError(2, "gone"), Own("x"), Kept(None), SystemExit(4), KeyboardInterrupt(),
                          ValueError(object()), ZeroDivisionError(1.5, b"x"), StopIteration(), GeneratorExit("g")):
                passes(error)
        """), [("passes", ("fail", cause)) for cause in (
            "ValueError('no ü')", "KeyError(3)", "FileNotFoundError(2, 'gone')", "Own", "Kept(None)", "SystemExit(4)",
            "KeyboardInterrupt()", "ValueError", "ZeroDivisionError(1.5, b'x')", "StopIteration()", "GeneratorExit('g')")])

    def test_through_many_calls(self):
        self.assertEqual(self.shapes("""
            def a(): b()
            def b():
                try: c()
                finally: tidy()
            def c(): raise ValueError("deep")
            def tidy(): pass
            try: a()
            except ValueError: pass
        """), [(("a", "ValueError('deep')"), (("b", "ValueError('deep')"), ("c", "ValueError('deep')"), "tidy"))])

    def test_inside_a_handler(self):
        self.assertEqual(self.shapes("""
            def ordinary(): return 1
            def other(): raise KeyError(1)
            def both():
                try: raise ValueError
                except ValueError:
                    ordinary()
                    try: other()
                    except KeyError: return ordinary()
            assert both() == 1
        """), [("both", "ordinary", ("other", "KeyError(1)"), "ordinary")])

    def test_recursion_error(self):
        trace, = self.calls("""
            def endless(): endless()
            try: endless()
            except RecursionError: pass
        """)
        causes = {call.cause for call in trace.walk()}
        self.assertEqual(len(causes), 1)
        self.assertTrue(causes.pop().startswith("RecursionError('maximum recursion depth"))

    def test_many_causes_are_bounded(self):
        traces = self.calls("""
            def fail(n): raise ValueError(n)
            for n in range(20000):
                try: fail(n)
                except ValueError: pass
        """)
        causes = [trace.cause for trace in traces]
        self.assertEqual(causes[:10000], ["ValueError(%d)" % n for n in range(10000)])
        self.assertEqual(causes[-1], "(too many different causes)")

    def test_long_causes_are_cut(self):
        trace, = self.calls("""
            def fail(): raise ValueError("ü" * 1500)
            try: fail()
            except ValueError: pass
        """)
        self.assertEqual(trace.cause, "ValueError('" + "ü" * 494)

    def test_uncaught(self):
        done = self.observed(self.write("program.py", """
            def main(): inner()
            def inner(): raise ValueError("uncaught")
            main()
        """))
        self.assertEqual(done.returncode, 1)
        self.assertEqual([trace.shape() for trace in done.streams[0].traces()],
                         [(("main", "ValueError('uncaught')"), ("inner", "ValueError('uncaught')"))])

    def test_sys_exit_ends_all_calls(self):
        done = self.observed(self.write("program.py", """
            import sys
            def main(): leave()
            def leave(): sys.exit(7)
            main()
        """))
        self.assertEqual((done.returncode, done.stderr), (7, ""))
        self.assertEqual([trace.shape() for trace in done.streams[0].traces()], [(("main", "SystemExit(7)"), ("leave", "SystemExit(7)"))])

    def test_interrupts_anywhere(self):
        # A signal's exception can come between any two instructions; the traces stay valid.
        traces = self.calls("""
            import signal, time
            class Stop(Exception): pass
            def on_alarm(*ignored): raise Stop
            def a(n): return n and b(n - 1)
            def b(n): return n and c(n - 1)
            def c(n): return n and a(n - 1)
            signal.signal(signal.SIGALRM, on_alarm)
            stopped = 0
            while stopped < 300:
                try:
                    signal.setitimer(signal.ITIMER_REAL, 0.0001)
                    while True: a(30)
                except Stop:
                    stopped += 1
            signal.setitimer(signal.ITIMER_REAL, 0)
        """)
        self.assertGreater(len(traces), 300)


if __name__ == "__main__":
    harness.main()
