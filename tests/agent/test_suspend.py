# SPDX-License-Identifier: Apache-2.0
"""Functions that suspend, and what is started elsewhere: generators, coroutines, asynchronous generators, tasks, threads; and switching off."""

import sys
import unittest

import harness


class Generators(harness.Case):
    def test_each_stretch_is_a_call(self):
        self.assertEqual(self.shapes("""
            def note(x): return x
            def numbers():
                note(1)
                x = yield 1
                note(x)
                yield 2
            def run():
                for n in numbers(): note(n)
            run()
        """), [("run", ("numbers", "note"), "note", ("numbers", "note"), "note", "numbers")])

    def test_yield_from(self):
        self.assertEqual(self.shapes("""
            def leaf():
                got = yield 1
                note(got)
                return 7
            def note(x): pass
            def middle():
                result = yield from leaf()
                note(result)
            def outer():
                yield from middle()
                yield from [8]
            def run():
                g = outer()
                assert next(g) == 1
                note("between")
                assert g.send("sent") == 8
                assert list(g) == []
            run()
        """), [("run", ("outer", ("middle", "leaf")), "note", ("outer", ("middle", ("leaf", "note"), "note")), "outer")])

    def test_throw_and_close(self):
        self.assertEqual(self.shapes("""
            def note(x): pass
            def inner():
                while True:
                    try: yield 1
                    except KeyError: note("caught")
                    finally: note("cleanup")
            def outer():
                yield from inner()
            def bare(): yield 1
            def run():
                g = outer()
                next(g)
                g.throw(KeyError(1))
                try: g.throw(ValueError(2))
                except ValueError: pass
                h = inner()
                next(h)
                h.close()
                b = bare()
                next(b)
                try: b.throw(IndexError(3))
                except IndexError: pass
                c = bare()
                next(c)
                c.close()
            run()
        """), [("run", ("outer", "inner"), ("outer", ("inner", "note", "note")),
                (("outer", "ValueError(2)"), (("inner", "ValueError(2)"), "note")),
                "inner", ("inner", "note"), "bare", ("bare", "IndexError(3)"), "bare")])

    def test_generators_interleave(self):
        self.assertEqual(self.shapes("""
            def walk(n):
                if n:
                    yield from walk(n - 1)
                    yield n
            def pair():
                yield from zip(walk(2), walk(2))
            def run(): return list(pair())
            assert run() == [(1, 1), (2, 2)]
        """)[0][0], "run")

    SEMANTICS = """
        import sys, types, inspect, gc, warnings
        log = []
        def sub():
            try:
                x = yield "a"
                log.append(x)
                yield "b"
            except GeneratorExit:
                log.append("closed")
                raise
            except Exception as error:
                log.append(repr(error))
                yield "c"
            finally:
                log.append("finally")
            return "result"
        def gen():
            value = yield from sub()
            log.append(value)
            try: yield
            finally: log.append(inspect.getgeneratorstate(g))
        g = gen()
        print(inspect.getgeneratorstate(g), g.gi_yieldfrom, g.gi_frame.f_lineno, g.gi_running)
        print(next(g), inspect.getgeneratorstate(g), g.gi_yieldfrom.gi_code.co_name, inspect.isgenerator(g.gi_yieldfrom), g.gi_frame.f_lineno)
        print(g.throw(ValueError("x")))
        print(next(g), log)
        g.close()
        print(log, g.gi_frame, inspect.getgeneratorstate(g))
        for bad in 5, None, iter([]):
            def f():
                yield from bad
            try: print(list(f()))
            except TypeError as error: print(error)
        class Iterator:
            def __iter__(self): return self
            def __next__(self): raise StopIteration(4)
        def over():
            print((yield from Iterator()))
            yield 1
        print(list(over()))
        class Thrown:
            def __iter__(self): return self
            def __next__(self): return 1
            def throw(self, *arguments): print("throw", arguments); return 2
            def close(self): print("close")
        def thrown(): yield from Thrown()
        t = thrown(); next(t)
        print(t.throw(ValueError, ValueError("v")) if sys.version_info < (3, 12) else t.throw(ValueError("v")))
        t.close()
        def again():
            yield from again_generator
        again_generator = again()
        try: next(again_generator)
        except ValueError as error: print(error)
        def stops():
            yield 1
            raise StopIteration(3)
        try: list(stops())
        except RuntimeError as error: print(error, repr(error.__cause__))
        def lines(): return [frame.function for frame in inspect.stack()]
        def deep(): yield lines()
        def deeper(): yield from deep()
        print(next(deeper()))
        def in_throw():
            try: yield
            except ValueError: yield lines()
        def in_throw_outer(): yield from in_throw()
        i = in_throw_outer(); next(i)
        print(i.throw(ValueError()))
    """

    def test_semantics(self):
        path = self.write("program.py", self.SEMANTICS)
        plain, observed = self.plain(path), self.observed(path)
        self.assertEqual((observed.stdout, observed.stderr, observed.returncode), (plain.stdout, plain.stderr, plain.returncode))
        self.assertIn("Iterator", self.SEMANTICS)
        operations = {call.operation for root in observed.streams[0].traces() for call in root.walk()}
        self.assertLessEqual({"sub", "gen", "over", "thrown", "deep", "deeper", "in_throw"}, operations)


class Coroutines(harness.Case):
    PROGRAM = """
        import asyncio
        def note(x): return x
        async def inner(x):
            note(x)
            await asyncio.sleep(0)
            note(x)
        class Manager:
            async def __aenter__(self): await asyncio.sleep(0); return self
            async def __aexit__(self, *error): await asyncio.sleep(0)
        async def items():
            for i in range(2):
                await asyncio.sleep(0)
                yield note(i)
        async def task(x):
            await inner(x)
            async with Manager():
                note("in")
            async for item in items():
                pass
            return [await inner(y) for y in range(2)] and [y async for y in items()]
        async def main():
            made = [asyncio.create_task(task(i)) for i in range(3)]
            await asyncio.gather(*made)
        def run(): asyncio.run(main())
        run()
    """
    STRETCH = (("items", "note"), ("items", "note"), "items")
    INNER = ("inner", "note", "note")

    def test_each_task_is_a_trace(self):
        done = self.observed(self.write("program.py", self.PROGRAM))
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        stream = done.streams[0]
        traces = stream.traces()
        task = ("task", self.INNER, "__aenter__", "note", "__aexit__") + self.STRETCH + (self.INNER,) * 2 + self.STRETCH
        self.assertEqual(sorted(map(str, (t.shape() for t in traces))), sorted(map(str, ["run", "main"] + [task] * 3)))
        self.assertEqual(sorted((root.operation, parent.operation) for root, parent in stream.parents.items()),
                         [("main", "run")] + [("task", "main")] * 3)

    def test_cancellation_and_failure(self):
        done = self.observed(self.write("program.py", """
            import asyncio
            def note(x): pass
            async def waits():
                try: await asyncio.sleep(60)
                finally: note("cleanup")
            async def fails():
                await asyncio.sleep(0)
                raise ValueError(1)
            async def main():
                t = asyncio.create_task(waits())
                await asyncio.sleep(0)
                t.cancel()
                results = await asyncio.gather(t, fails(), return_exceptions=True)
                assert [type(r).__name__ for r in results] == ["CancelledError", "ValueError"], results
                try: await asyncio.wait_for(waits(), 0.01)
                except asyncio.TimeoutError: note("late")
            asyncio.run(main())
        """))
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        shapes = [trace.shape() for trace in done.streams[0].traces()]
        self.assertEqual(str(shapes).count("(('waits', 'CancelledError()'), 'note')"), 2)
        self.assertIn(("fails", "ValueError(1)"), shapes)
        self.assertEqual(sum(shape[0] == "main" for shape in shapes), 1)

    @unittest.skipIf(sys.version_info < (3, 11), "there are no task groups")
    def test_task_groups(self):
        done = self.observed(self.write("program.py", """
            import asyncio, contextvars
            variable = contextvars.ContextVar("v", default=0)
            async def child(n):
                variable.set(n)
                await asyncio.sleep(0.001 * n)
                if n == 3: raise KeyError(n)
                assert variable.get() == n and len(contextvars.copy_context()) == 1
            async def main():
                try:
                    async with asyncio.TaskGroup() as group:
                        for n in range(1, 6): group.create_task(child(n))
                except* KeyError as error:
                    print(repr(error.exceptions))
            asyncio.run(main())
        """))
        self.assertEqual((done.returncode, done.stderr, done.stdout), (0, "", "(KeyError(3),)\n"))
        stream = done.streams[0]
        shapes = [str(trace.shape()) for trace in stream.traces()]
        self.assertEqual(len(shapes), 6)
        self.assertEqual({parent.operation for parent in stream.parents.values()}, {"main"})
        self.assertEqual(len([shape for shape in shapes if "KeyError(3)" in shape]), 1)

    @unittest.skipIf(sys.version_info < (3, 12), "there are no eager tasks")
    def test_eager_tasks(self):
        done = self.observed(self.write("program.py", """
            import asyncio
            def note(): pass
            async def child():
                note()
                await asyncio.sleep(0)
                note()
            async def quick(): note()
            async def main():
                asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)
                await asyncio.gather(asyncio.create_task(child()), asyncio.create_task(quick()))
                note()
            asyncio.run(main())
        """))
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(sorted(map(str, (t.shape() for t in done.streams[0].traces()))),
                         ["('child', 'note', 'note')", "('main', 'note')", "('quick', 'note')"])

    def test_driven_by_hand(self):
        done = self.observed(self.write("program.py", """
            import types
            @types.coroutine
            def trap(x): return (yield x)
            async def inner(): return await trap(1)
            async def outer():
                got = await inner()
                other()
                return got
            def other(): pass
            def run():
                c = outer()
                assert c.send(None) == 1
                other()
                try: c.send(5)
                except StopIteration as stop: assert stop.value == 5
                d = outer()
                d.send(None)
                d.close()
                e = outer()
                e.send(None)
                try: e.throw(KeyError(1))
                except KeyError: pass
            run()
        """))
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual([trace.shape() for trace in done.streams[0].traces()], [
            ("run", "other"), ("outer", ("inner", "trap", "trap"), "other"), ("outer", ("inner", "trap")),
            (("outer", "KeyError(1)"), (("inner", "KeyError(1)"), "trap", ("trap", "KeyError(1)")))])

    SEMANTICS = """
        import asyncio, inspect, sys, types, warnings, traceback, gc
        async def leaf(): await asyncio.sleep(0); return 1
        async def root():
            first = await leaf()
            return first + await leaf()
        c = root()
        print(inspect.getcoroutinestate(c), c.cr_await)
        c.send(None)
        print(c.cr_await.cr_code.co_name, inspect.iscoroutine(c.cr_await), inspect.getcoroutinestate(c), c.cr_frame.f_lineno)
        c.close()
        print(c.cr_await, inspect.getcoroutinestate(c))
        async def awaits(x): return await x
        async def enters(x):
            async with x: pass
        async def loops(x):
            async for _ in x: pass
        class Bad:
            def __await__(self): return 5
        class Worse:
            def __await__(self): return leaf()
        class NoExit:
            async def __aenter__(self): pass
        class EnterNothing:
            def __aenter__(self): return 3
            async def __aexit__(self, *error): pass
        class NoNext:
            def __aiter__(self): return 6
        class BadNext:
            def __aiter__(self): return self
            def __anext__(self): return 7
        again = leaf()
        async def twice():
            async def one(): return await again
            first = one(); first.send(None)
            try: await again
            finally: first.close()
        for made in (awaits(5), awaits(Bad()), awaits(Worse()), awaits([]), enters(5), enters(NoExit()), enters(EnterNothing()), loops(5), loops(NoNext()),
                     loops(BadNext()), twice()):
            try: made.send(None)
            except (TypeError, AttributeError, RuntimeError) as error: print(type(error).__name__, error)
            except StopIteration: print("stop")
        async def names(): return [entry.name for entry in traceback.extract_stack()][-3:]
        async def outer_names(): return await names()
        async def cleanup():
            try: await asyncio.sleep(9)
            except asyncio.CancelledError: return [frame.function for frame in inspect.stack()][:2]
        async def outer_cleanup(): return await cleanup()
        async def cancels():
            t = asyncio.ensure_future(outer_cleanup())
            await asyncio.sleep(0)
            t.cancel()
            return await t
        print(asyncio.run(outer_names()), asyncio.run(cancels()))
        async def agen():
            try:
                got = yield 1
                print("got", got)
                yield 2
            finally:
                await asyncio.sleep(0)
                print("end")
        async def uses():
            a = agen()
            print(await a.__anext__(), await a.asend("x"))
            await a.aclose()
            b = agen()
            await b.__anext__()
            try: await b.athrow(ValueError("t"))
            except ValueError as error: print(repr(error))
            async for x in agen(): break
            print([x async for x in agen()], {x: 1 async for x in agen()}, await anext_of(agen()))
            generator = (await leaf() async for x in agen())
            print([y async for y in generator])
        async def anext_of(a):
            async for x in a: return x
        asyncio.run(uses())
        async def raises():
            await leaf()
            raise ValueError("raised")
        async def calls(): await raises()
        try: asyncio.run(calls())
        except ValueError: traceback.print_exc(file=sys.stdout)
        def never(): root()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            never()
            gc.collect()
        print([str(w.message) for w in caught])
        async def tasks():
            t = asyncio.ensure_future(root())
            await asyncio.sleep(0)
            return [frame.f_code.co_name for frame in t.get_stack()], repr(t.get_coro()).split(" at ")[0]
        print(asyncio.run(tasks()))
    """

    def test_semantics(self):
        path = self.write("program.py", self.SEMANTICS)
        plain, observed = self.plain(path), self.observed(path)
        self.assertEqual((observed.stdout, observed.stderr, observed.returncode), (plain.stdout, plain.stderr, plain.returncode))
        self.assertEqual(plain.returncode, 0)
        operations = {call.operation for root in observed.streams[0].traces() for call in root.walk()}
        self.assertLessEqual({"root", "leaf", "awaits", "enters", "loops", "agen", "uses", "raises", "calls", "tasks"}, operations)

    def test_many_tasks(self):
        done = self.observed(self.write("program.py", """
            import asyncio, random
            def note(): pass
            async def inner(n):
                for i in range(n % 3):
                    await asyncio.sleep(0)
                    note()
            async def task(n):
                await inner(n)
                await asyncio.sleep(0)
                await inner(n + 1)
            async def main():
                tasks = [asyncio.create_task(task(n)) for n in range(1500)]
                for t in tasks[::10]: t.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
            asyncio.run(main())
        """), agent=["--when-full", "block"])
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        stream = done.streams[0]
        traces = stream.traces()
        # Those that were cancelled before they began have no call.
        self.assertEqual(len(traces), 1 + 1500 - 150)
        self.assertEqual({parent.operation for parent in stream.parents.values()}, {"main"})
        self.assertEqual(len(stream.parents), 1500 - 150)
        self.assertEqual(stream.counters(), {})

    def test_pending_at_the_end(self):
        done = self.observed(self.write("program.py", """
            import asyncio, os
            async def waits(): await asyncio.sleep(60)
            async def main():
                global kept
                kept = [asyncio.create_task(waits()) for i in range(3)]
                await asyncio.sleep(0)
                os._exit(3)
            asyncio.run(main())
        """))
        self.assertEqual(done.returncode, 3)
        self.assertEqual(sorted(map(str, (t.shape() for t in done.streams[0].traces()))),
                         sorted(map(str, [("main", "(its end was not seen)")] + [("waits", "(its end was not seen)")] * 3)))


class Threads(harness.Case):
    def test_joined_to_where_they_were_started(self):
        done = self.observed(self.write("program.py", """
            import threading, _thread
            from concurrent.futures import ThreadPoolExecutor
            def work(x): return x
            def start():
                threads = [threading.Thread(target=work, args=(i,)) for i in range(2)]
                for thread in threads: thread.start()
                for thread in threads: thread.join()
                with ThreadPoolExecutor(1) as pool: return list(pool.map(work, range(2)))
            start()
            alone = threading.Thread(target=work, args=(5,))
            alone.start()
            alone.join()
        """))
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        stream = done.streams[0]
        traces = sorted(stream.traces(), key=lambda trace: trace.begun)
        self.assertEqual([t.operation for t in traces], ["start"] + ["work"] * 5)
        self.assertEqual([parent.operation for parent in stream.parents.values()], ["start"] * 3)
        self.assertEqual(len(stream.splits), 3)

    def test_uncaught_exceptions_look_the_same(self):
        path = self.write("program.py", """
            import threading, _thread, time
            def fails(): raise ValueError("in a thread")
            def start():
                t = threading.Thread(target=fails, name="t")
                t.start()
                t.join()
                _thread.start_new_thread(fails, ())
                time.sleep(0.3)
                for wrong in (), (5,), (fails, 5), (fails, (), 5), (5, ()):
                    try: _thread.start_new_thread(*wrong)
                    except TypeError as error: print(error)
            start()
        """)

        def text(done):
            return [line.split(" at 0x")[0] for line in (done.stdout + done.stderr).splitlines()]

        plain, observed = self.plain(path), self.observed(path)
        self.assertEqual(text(observed), text(plain))
        observed.streams[0].traces()
        self.assertEqual(len(observed.streams[0].parents), 2)


class Activation(harness.Case):
    def test_off_and_on(self):
        self.assertEqual(self.shapes("""
            import kieker, time
            def a(): b()
            def b(): pass
            class C:
                def m(self): b()
            a()
            print(kieker.deactivate("program.b"), kieker.deactivate("program.C.*"), kieker.deactivate("nothing.*"))
            a(); C().m()
            time.sleep(0.4)
            a(); C().m()
            def later(): pass
            kieker.activate("program.C.*")
            C().m()
            kieker.activate("*")
            C().m(); a()
        """), [("a", "b"), "a", "a", "m", ("m", "b"), ("a", "b")])

    def test_calls_under_way_are_recorded_to_their_end(self):
        self.assertEqual(self.shapes("""
            import kieker, time
            def outer():
                inner()
                kieker.deactivate()
                inner()
                time.sleep(0.3)
                inner()
                kieker.activate()
                inner()
            def inner(): pass
            outer()
            outer()
        """), [("outer", "inner", "inner"), ("outer", "inner", "inner")])

    def test_recursion_and_generators(self):
        self.assertEqual(self.shapes("""
            import kieker, time
            def down(n):
                if n == 3:
                    kieker.deactivate("*.down")
                    time.sleep(0.2)
                if n: down(n - 1)
                else: leaf()
                if n == 3:
                    time.sleep(0.2)
                    kieker.activate("*.down")
            def leaf(): pass
            def numbers():
                yield 1
                kieker.deactivate("*.numbers")
                time.sleep(0.3)
                yield 2
                time.sleep(0.3)
                kieker.activate("*.numbers")
                yield 3
            down(5)
            down(1)
            def run(): return list(numbers())
            run()
        """), [("down", ("down", ("down", "leaf"))), ("down", ("down", "leaf")), ("run", "numbers", "numbers", "numbers")])


if __name__ == "__main__":
    harness.main()
