# SPDX-License-Identifier: Apache-2.0
"""The observed program does what it does without the agent: the same output, errors and status, whatever it looks at."""

import os
import re
import signal
import sys
import time
import unittest
import zipfile

import harness


class Same(harness.Case):
    def same(self, *arguments, agent=(), status=None, recorded=True, **options):
        """Runs plain and observed, and compares; the observed run's streams."""
        plain = self.plain(*arguments, **options)
        observed = self.observed(*arguments, agent=agent, **options)
        self.assertEqual(self.outcome(observed), self.outcome(plain))
        if status is not None:
            self.assertEqual(plain.returncode, status)
        if recorded:
            self.assertEqual(len(observed.streams), 1)
            self.assertTrue(observed.streams[0].traces())
        return observed

    @staticmethod
    def outcome(done):
        # Addresses differ from run to run.
        return tuple(re.sub("0x[0-9a-f]{6,}", "0x", text) for text in (done.stdout, done.stderr)) + (done.returncode,)

    def same_text(self, text, *arguments, status=0, **options):
        return self.same(self.write("program.py", text), *arguments, status=status, **options)


class Start(Same):
    LOOK = """
        import sys, os
        def look():
            main = sys.modules["__main__"]
            print(sys.argv, sys.path[0], sys.flags, __name__, __file__, __spec__, __package__, __doc__, __builtins__)
            print(sorted(vars(main)), list(vars(main))[:9], type(__loader__), __cached__ if "__cached__" in globals() else "-")
            if hasattr(__loader__, "path"): print(__loader__.name, __loader__.path, __loader__.get_source(__loader__.name)[:20] if hasattr(__loader__, "get_source") else "")
            print(main.__dict__ is globals(), os.getcwd(), sys.excepthook is sys.__excepthook__, sys.gettrace(), sys.getprofile())
            frame, depth = sys._getframe(), 0
            while frame: print(frame.f_code.co_name, frame.f_lineno); frame = frame.f_back
        look()
    """

    def test_script(self):
        self.same_text(self.LOOK, "a", "-b", "--writer")

    def test_script_elsewhere(self):
        self.write("folder/inner/program.py", self.LOOK)
        self.same("folder/inner/program.py", "x", status=0)
        self.same("./folder/../folder/inner/program.py", status=0)
        os.symlink("folder/inner/program.py", self.directory + "/link.py")
        self.same("link.py", status=0)
        os.symlink("folder/inner", self.directory + "/folderlink")
        self.same("folderlink/program.py", status=0)

    def test_script_without_ending(self):
        self.write("program", self.LOOK)
        self.same("program", status=0)

    def test_interpreter_options(self):
        path = self.write("program.py", "import sys\ndef f():\n    'doc'\n    assert False\nprint(f.__doc__, sys.flags)\nf()\n")
        for interpreter in (["-O"], ["-OO"], ["-B"], ["-X", "dev"], ["-W", "error"], ["-bb"], ["-u"], ["-s"]):
            with self.subTest(interpreter):
                self.same(path, interpreter=interpreter)

    @unittest.skipIf(sys.version_info < (3, 11), "there is no -P")
    def test_safe_path(self):
        self.write("helper.py", "def h(): pass\n")
        path = self.write("program.py", "import sys\nprint(sys.path)\ndef f(): pass\nf()\nimport helper\n")
        self.same(path, interpreter=["-P"], status=1)

    def test_module(self):
        self.write("module.py", self.LOOK)
        self.same("-m", "module", "a", "b", status=0)

    def test_package(self):
        self.write("package/__init__.py", "import sys\ndef made(): pass\nmade()\nprint(__name__, sys.argv)\n")
        self.write("package/__main__.py", self.LOOK + "\n        from . import part\n        part.p()\n")
        self.write("package/part.py", "def p(): print(__name__)\n")
        self.write("package/sub/__init__.py", "")
        self.write("package/sub/deep.py", self.LOOK)
        done = self.same("-m", "package", "a", status=0)
        found = {(call.component, call.operation) for trace in done.streams[0].traces() for call in trace.walk()}
        self.assertEqual(found, {("package", "made"), ("package.__main__", "look"), ("package.part", "p")})
        self.same("-m", "package.sub.deep", status=0)

    def test_directory_and_zip(self):
        self.write("app/__main__.py", self.LOOK + "\n        import part\n        part.p()\n")
        self.write("app/part.py", "def p(): print(__name__, __file__)\n")
        self.same("app", "a", status=0)
        with zipfile.ZipFile(self.directory + "/app.zip", "w") as archive:
            archive.write(self.directory + "/app/__main__.py", "__main__.py")
            archive.write(self.directory + "/app/part.py", "part.py")
        self.same("app.zip", "a", status=0, recorded=sys.version_info >= (3, 10))

    def test_bytecode(self):
        import py_compile

        path = self.write("program.py", "import helper\nprint(helper.h())\n")
        self.write("helper.py", "def h(): return 1\n")
        py_compile.compile(path, cfile=self.directory + "/program.pyc")
        self.same("program.pyc", status=0)

    def test_standard_input(self):
        path = self.write("program.py", "def read(): return input()\nprint(read(), read())\n")
        with open(self.write("in", "one\ntwo\nthree\nfour\n")) as lines:
            self.assertEqual(self.plain(path, stdin=lines).stdout, "one two\n")
        with open(self.directory + "/in") as lines:
            self.assertEqual(self.observed(path, stdin=lines).stdout, "one two\n")

    def test_own_modules_instead_of_the_librarys(self):
        # These have the names of modules that starting the agent loads.
        names = "types collections contextlib functools keyword ast options hook launch".split()
        for name in names:
            self.write("app/%s.py" % name, "def mine(): return %r\n" % name)
        self.write("app/program.py", "import %s\n" % ", ".join(names) + "\n".join("print(%s.mine())" % name for name in names))
        # A site may have loaded some of them first: then the program fails, with the agent and without.
        self.same("app/program.py", recorded=False)


class End(Same):
    def test_uncaught(self):
        self.same_text("""
            def outer():
                inner(1,
                      2)
            def inner(a, b):
                raise ValueError("a text", {1: 2})
            outer()
        """, status=1)

    def test_chained(self):
        self.same_text("""
            class Some:
                def method(self):
                    try:
                        self.fail()
                    except KeyError as error:
                        raise RuntimeError("second") from error
                def fail(self):
                    try:
                        {}["missing"]
                    finally:
                        self.tidy()
                def tidy(self):
                    try: int("x")
                    except ValueError: pass
                @property
                def p(self): return self.method()
            def nested():
                def inner(): return Some().p
                return [inner() for i in range(1)]
            nested()
        """, status=1)

    def test_in_an_imported_module(self):
        self.write("part.py", "def p():\n    '''doc'''\n    x = 1\n    return (x +\n            None)\n")
        self.same_text("import part\npart.p()\n", status=1)

    def test_recursion(self):
        self.same_text("def f(n):\n    return f(n + 1)\nf(0)\n", status=1)

    def test_syntax_error(self):
        self.same(self.write("program.py", "def f():\n    return )\n"), recorded=False, status=1)
        self.write("part.py", "x = = 1\n")
        self.same_text("def f():\n    import part\nf()\n", status=1)
        self.same(self.write("null.py", "x = '\\ud800'\ny = 1 +\n"), recorded=False, status=1)

    def test_statuses(self):
        for code in ("0", "3", "None", "'a text'", "256 + 5", "-1", "True", "[1]", "4.5"):
            with self.subTest(code):
                self.same_text("import sys\ndef f(): sys.exit(%s)\nf()\n" % code, status=None)
        self.same_text("def f(): raise SystemExit\nf()\n")
        self.same_text("def f(): raise SystemExit(1, 2)\nf()\n", status=1)

    def test_missing_program(self):
        for arguments in (["missing.py"], ["-m", "missing"], ["-m", "missing.part"], ["-m", "os.path.x"]):
            plain, observed = self.plain(*arguments), self.observed(*arguments)
            self.assertEqual(observed.returncode != 0, plain.returncode != 0)
            self.assertIn("missing" if "missing" in " ".join(arguments) else "os.path", observed.stderr)
            self.assertNotIn("Traceback", observed.stderr)

    def test_excepthook(self):
        self.same_text("""
            import sys, traceback
            def hook(kind, value, trace):
                print("hook", kind, value, [f.name for f in traceback.extract_tb(trace)], trace.tb_frame.f_back)
            sys.excepthook = hook
            def f(): raise ValueError("x")
            f()
        """, status=1)
        self.same_text("import sys\ndef hook(*a): raise KeyError('in hook')\nsys.excepthook = hook\ndef f(): 1/0\nf()\n", status=1)

    def test_order_of_the_end(self):
        self.same_text("""
            import atexit, sys, threading, time
            def at_end(x): print("atexit", x, "__file__" in globals())
            atexit.register(at_end, 1)
            atexit.register(at_end, 2)
            class Kept:
                def __del__(self): print("deleted")
            kept = Kept()
            def late():
                time.sleep(0.2); print("thread")
            threading.Thread(target=late).start()
            print("main ends")
        """)

    def test_interrupted(self):
        path = self.write("program.py", "import time\ndef f():\n    print('ready', flush=True)\n    time.sleep(60)\nf()\n")
        self.write("module.py", "import program\n")
        for arguments in ([path], ["-m", "module"]):
            results = []
            for agent in None, ["--writer", self.sink().address]:
                process = self.start(arguments, agent)
                self.assertEqual(process.stdout.readline(), "ready\n")
                time.sleep(0.3)
                process.send_signal(signal.SIGINT)
                done = self.finish(process)
                results.append((done.returncode, done.stdout, done.stderr))
            self.assertEqual(results[0], results[1])


class Introspection(Same):
    def test_functions(self):
        self.same_text('''
            from __future__ import annotations
            import copy, functools, inspect, pickle, types, typing
            def decorate(f):
                @functools.wraps(f)
                def wrapper(*a, **k): return f(*a, **k)
                return wrapper
            class Base:
                "A class."
                def method(self, a: int, /, b: str = "x", *rest, c=None, **more) -> list[int]:
                    """The method.

                    Several lines."""
                    local = a
                    return [local, b, rest, c, more]
                def plain(self): return super().__init__()
                @staticmethod
                def s(x=1): "static"; return x
                @classmethod
                def c(cls): return cls
                @property
                def p(self): "property"; return 1
                def __private(self): return self.__private
                @decorate
                def decorated(self): return __class__
            class Derived(Base):
                def plain(self):
                    return super().plain()
            def closure(a):
                b = 2
                def inner(): nonlocal b; b += a; return b
                return inner
            def only_doc():
                """Only this."""
            def ellipsis(): ...
            def nothing(): pass
            def annotated(x: "Unknown" = 3) -> Unknown: global G; G = x; return G
            def show(f):
                c = f.__code__
                print(f, f.__name__, f.__qualname__, f.__module__, f.__doc__, f.__defaults__, f.__kwdefaults__, f.__annotations__, f.__dict__,
                      f.__closure__ is None)
                print([k for k in c.co_consts if k is not None and type(k).__name__ not in ("Probe", "code")], [type(k).__name__ for k in c.co_consts if k is not None and type(k).__name__ != "Probe"])
                print(c.co_name, c.co_firstlineno, c.co_varnames, c.co_freevars, c.co_cellvars, c.co_names, c.co_argcount,
                      c.co_kwonlyargcount, c.co_posonlyargcount, c.co_nlocals, c.co_flags, c.co_filename, getattr(c, "co_qualname", ""))
                print(inspect.signature(f), inspect.getsource(f), inspect.getsourcelines(f)[1], inspect.getdoc(f))
            import re
            def clean(text): return re.sub("0x[0-9a-f]+", "0x", text)
            import builtins
            plain_print = print
            def print(*values): plain_print(*(clean(str(v)) for v in values))
            for f in (Base.method, Base.plain, Base.s, Base.c.__func__, Base.p.fget, Base._Base__private, Base.decorated, Derived.plain,
                      closure, closure(1), only_doc, ellipsis, nothing, annotated, decorate, Base.decorated.__wrapped__):
                show(f)
            print(pickle.loads(pickle.dumps(closure)) is closure, pickle.loads(pickle.dumps(Base().method)).__func__ is Base.method)
            print(Derived().plain(), Base().method(1), Base().decorated(), closure(3)(), annotated(), G)
            print(copy.deepcopy(Base.method) is Base.method, isinstance(Base.method, types.FunctionType), callable(Base.s))
            print(inspect.getmodule(closure), inspect.getsourcefile(closure), inspect.isfunction(closure), inspect.unwrap(Base.decorated))
            print(dir(Base), sorted(vars(Base)), sorted(globals()))
            print(typing.get_type_hints(Base.c.__func__), locals() is globals())
            def see(): x = 1; return sorted(locals())
            print(see(), see.__code__.co_nlocals)
        ''')

    def test_frames_and_stacks(self):
        self.same_text("""
            import inspect, sys, traceback, warnings, logging
            logging.basicConfig(format="%(funcName)s %(lineno)d %(message)s")
            def outer(): return inner()
            def inner():
                traceback.print_stack()
                logging.warning("here")
                warnings.warn("there", stacklevel=2)
                warnings.warn("top", stacklevel=3)
                warnings.warn("beyond", stacklevel=9)
                return [(f.function, f.lineno, f.code_context) for f in inspect.stack()]
            print(outer())
            def fails():
                x = 1
                try:
                    y = undefined
                finally:
                    x += 1
            try: fails()
            except NameError as error:
                tb = error.__traceback__
                while tb:
                    print(tb.tb_lineno, tb.tb_frame.f_code.co_name, sorted(tb.tb_frame.f_locals), inspect.getframeinfo(tb)[1:4])
                    assert type(tb.tb_frame.f_lineno) is int and inspect.getframeinfo(tb.tb_frame, 50)
                    tb = tb.tb_next
                print(error.__context__, error.__cause__, sys.exc_info()[1] is error)
                print(traceback.format_exc())
            print(sys.exc_info())
        """)

    def test_depth(self):
        self.same_text("""
            import sys
            def deep(n):
                global reached
                reached = n
                deep(n + 1)
            for limit in 1000, 150, 3000:
                sys.setrecursionlimit(limit)
                try: deep(1)
                except RecursionError as error: print(limit, reached, error)
            import threading
            def run():
                try: deep(1)
                except RecursionError: print(reached)
            thread = threading.Thread(target=run); thread.start(); thread.join()
        """)

    def test_doctest(self):
        self.same_text("""
            import doctest
            def double(x):
                '''
                >>> double(2)
                4
                >>> double(None)
                Traceback (most recent call last):
                    ...
                TypeError: unsupported operand type(s) for *: 'NoneType' and 'int'
                >>> double("wrong")
                'right'
                '''
                return x * 2
            print(doctest.testmod())
        """)

    def test_unittest(self):
        done = self.plain, self.observed
        path = self.write("program.py", """
            import unittest
            class Test(unittest.TestCase):
                def setUp(self): self.x = 1
                def test_ok(self): self.assertEqual(self.x, 1)
                def test_bad(self):
                    with self.subTest(i=1): self.assertEqual(self.x, 2)
                @unittest.expectedFailure
                def test_expected(self): self.fail()
                @unittest.skip("reason")
                def test_skipped(self): pass
            unittest.main(argv=["x", "-v"])
        """)
        results = [run(path) for run in done]
        self.assertEqual(*(re.sub(r"in \d\.\d+s", "", r.stderr) for r in results))

    def test_profilers_and_debuggers_see_the_same(self):
        # Python 3.9 gives the probes at a body's end the line of its last statement. A call that an exception ends is seen to end at its
        # first line: the line that was reached is in the traceback.
        self.same_text("""
            import sys
            def sample(n, log):
                '''doc'''
                global G
                if n:
                    for i in range(2):
                        try:
                            if i: return log.append(i)
                        finally:
                            log.append("f")
                with open("/dev/null") as f:
                    pass
                @staticmethod
                def nested(): return 1
                return [nested.__func__() for _ in range(2)]
            def fails():
                x = 1
                raise ValueError(
                    x)
            def only_doc():
                "doc"
            def empty(): pass
            def loop():
                while True:
                    break
            def multi(a,
                      b=2):

                return (a +
                        b)
            def falls(x):
                if x:
                    x = 2
            def run():
                sample(1, []); sample(0, []); only_doc(); empty(); loop(); multi(1); falls(0); falls(1)
                try: fails()
                except ValueError: pass
                events.append(None)
            events = []
            def trace(frame, event, arg):
                if frame.f_code.co_name == "fails" and (event == "return" or frame.f_lineno == fails.__code__.co_firstlineno):
                    return
                events.append((frame.f_code.co_name, event, frame.f_lineno if event != "exception" else 0))
                return trace
            def profile(frame, event, arg):
                events.append((frame.f_code.co_name, event, getattr(arg, "__name__", "")))
            sys.settrace(trace); run(); sys.settrace(None)
            if sys.version_info >= (3, 10): print(*events, sep="\\n")
            events.clear()
            sys.setprofile(profile); run(); sys.setprofile(None)
            print(*events, sep="\\n")
        """)


class Modules(Same):
    def test_specs_and_loaders(self):
        self.write("package/__init__.py", "def f(): pass\n")
        self.write("package/part.py", "'''doc'''\ndef f(): return __name__\n")
        self.write("package/data.txt", "text\n")
        self.write("space/one.py", "def f(): pass\n")
        self.same_text("""
            import importlib, importlib.util, inspect, pkgutil, sys
            import package.part, space.one
            def look(module):
                spec = module.__spec__
                print(module.__name__, module.__file__, module.__cached__, module.__doc__, module.__package__, getattr(module, "__path__", None))
                print(spec.name, spec.origin, spec.cached, spec.has_location, spec.parent, type(spec.loader), spec.loader is module.__loader__)
                print(spec.loader.get_source(module.__name__), spec.loader.get_filename(module.__name__), spec.loader.is_package(module.__name__))
                print(spec.loader.get_data(module.__file__), spec.loader.get_code(module.__name__).co_name)
                print(inspect.getsource(module), sorted(vars(module)))
            for module in package, package.part, space.one:
                look(module)
            print(space.__path__, space.__spec__.origin, type(space.__loader__))
            print(pkgutil.get_data("package", "data.txt"), [m.name for m in pkgutil.walk_packages(["."])])
            try:
                from importlib import resources
                print(resources.files(package).joinpath("data.txt").read_text())
            except (ImportError, AttributeError): pass
            print(importlib.reload(package.part) is package.part, package.part.f())
            print(importlib.util.find_spec("package.part"), importlib.util.find_spec("package.missing"), importlib.util.find_spec("missing"))
            spec = importlib.util.spec_from_file_location("copied", package.part.__file__)
            module = importlib.util.module_from_spec(spec); spec.loader.exec_module(module)
            print(module.f(), module.__file__)
            import runpy
            print(sorted(runpy.run_module("package.part")))
            def ends(): import json, missing
            try: ends()
            except ModuleNotFoundError as error: print(error, error.name, len(inspect.trace()))
        """)

    def test_warnings_come_as_often(self):
        self.write("part.py", r"""
            def f(): return "\d", (1)is(1), [1](0) if 0 else 2
            def g():
                assert (f, "always")
        """)
        text = "import warnings\nimport part\ndef f(): return '\\d'\npart.f(); f()\nprint(len(warnings.filters))\n"
        self.write("program.py", text)
        for interpreter in ["-W", "always"], ["-W", "default"], [], ["-W", "error::SyntaxWarning"]:
            with self.subTest(interpreter):
                results = []
                for agent in None, ["--writer", self.sink().address]:
                    for name in os.listdir(self.directory + "/__pycache__") if os.path.isdir(self.directory + "/__pycache__") else ():
                        os.unlink(self.directory + "/__pycache__/" + name)
                    for again in range(3):
                        done = self.finish(self.start(["program.py"], agent, interpreter))
                        results.append((done.returncode, done.stdout, done.stderr))
                self.assertEqual(results[:3], results[3:])

    def test_woven_code_is_cached(self):
        path = self.write("part.py", "def f(): return 1\n")
        self.write("program.py", "import part, kieker\nprint(part.f(), {k: v for k, v in kieker.stats().items() if 'wove' in k})\n")
        cache = self.directory + "/__pycache__"
        first = self.observed("program.py")
        self.assertEqual(len(os.listdir(cache)), 2)
        kept = [name for name in os.listdir(cache) if "kieker" in name]
        self.assertEqual(len(kept), 1)
        second = self.observed("program.py")
        self.assertIn("'woven_from_cache': 0", first.stdout)
        self.assertIn("'woven_from_cache': 1", second.stdout)
        self.assertEqual([t.shape() for t in first.streams[0].traces()], [t.shape() for t in second.streams[0].traces()])
        # A plain run takes no notice of it.
        self.assertEqual(self.plain("-c", "import part; print(part.f(), part.f.__code__.co_consts)").stdout, "1 (None, 1)\n")
        # The source changes.
        self.write("part.py", "def f(): return 22\n")
        self.assertTrue(self.observed("program.py").stdout.startswith("22 "))
        stat = os.stat(path)
        self.write("part.py", "def f(): return 33\n")
        os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1000))
        self.assertTrue(self.observed("program.py").stdout.startswith("33 "))
        # The file is damaged.
        for damage in b"", b"kieker\r\n", b"x" * 100:
            with open(os.path.join(cache, kept[0]), "wb") as file:
                file.write(damage)
            self.assertTrue(self.observed("program.py").stdout.startswith("33 "))
        with open(os.path.join(cache, kept[0]), "rb") as file:
            whole = file.read()
        with open(os.path.join(cache, kept[0]), "wb") as file:
            file.write(whole[:-20])
        self.assertTrue(self.observed("program.py").stdout.startswith("33 "))

    def test_no_cache_where_none_may_be(self):
        self.write("part.py", "def f(): return 1\n")
        self.write("program.py", "import part\nprint(part.f())\n")
        self.assertEqual(self.observed("program.py", interpreter=["-B"]).stdout, "1\n")
        self.assertFalse(os.path.exists(self.directory + "/__pycache__"))
        # A file in the directory's place: no one can write there, not even root.
        self.write("__pycache__", "")
        done = self.observed("program.py")
        self.assertEqual((done.stdout, done.stderr), ("1\n", ""))
        elsewhere = self.directory + "/elsewhere"
        self.observed("program.py", interpreter=["-X", "pycache_prefix=" + elsewhere])
        self.assertTrue(any("kieker" in name for _, _, names in os.walk(elsewhere) for name in names))

    def test_deeply_nested_blocks(self):
        lines = ["def f(x):"]
        for depth in range(19):
            lines.append("    " * (depth + 1) + "for i%d in (x,):" % depth)
        lines.append("    " * 20 + "return i18")
        lines.append("def g(): return f(3)")
        lines.append("print(g())")
        self.same(self.write("program.py", "\n".join(lines) + "\n"), status=0)

    def test_hooks_of_the_program(self):
        self.write("part.py", "def f(): return 'part'\n")
        self.write("other.src", "def f(): return 'other'\n")
        self.same_text("""
            import importlib.abc, importlib.machinery, sys
            class Finder(importlib.abc.MetaPathFinder):
                def find_spec(self, name, path, target=None):
                    if name == "other":
                        loader = Loader(name, "other.src")
                        return importlib.machinery.ModuleSpec(name, loader, origin="other.src")
            class Loader(importlib.machinery.SourceFileLoader):
                def source_to_code(self, data, path, **options):
                    return compile(data.replace(b"other", b"changed"), path, "exec")
            sys.meta_path.insert(0, Finder())
            sys.meta_path.append(Finder())
            import part, other
            print(part.f(), other.f())
        """)

    def test_multiprocessing(self):
        for method in "fork", "spawn", "forkserver":
            with self.subTest(method):
                done = self.same_text("""
                    import multiprocessing
                    def work(x): return x * x
                    def main():
                        with multiprocessing.get_context(%r).Pool(2) as pool:
                            print(pool.map(work, range(10)))
                            pool.close()
                            pool.join()
                    if __name__ == "__main__": main()
                """ % method, recorded=False)
                self.assertIn("main", [t.operation for s in done.streams for t in s.traces()])


    def test_descriptors(self):
        self.same_text("""
            import os
            def opened(): return os.open("program.py", os.O_RDONLY)
            print(opened(), opened(), os.pipe())
        """)

    def test_descriptors_that_the_program_closes(self):
        done = self.observed(self.write("program.py", """
            import os, time
            import kieker
            def f(): pass
            def main():
                f()
                while not kieker.stats()["sent"]: time.sleep(0.01)
                os.closerange(3, 5000)
                mine = [os.open("file%d" % i, os.O_RDWR | os.O_CREAT) for i in range(600)]
                for i in range(1000): f()
                while kieker.stats()["connections"] < 2: time.sleep(0.01)
                for descriptor in mine: os.close(descriptor)
                f()
            main()
            print(sum(os.path.getsize("file%d" % i) for i in range(600)))
        """))
        self.assertEqual((done.returncode, done.stdout), (0, "0\n"))
        self.assertIn("the program has closed the connection", done.stderr)
        self.assertEqual([t.operation for t in done.streams[1].traces()], ["main"])

    def test_names_in_no_encoding(self):
        os.mkdir(os.fsencode(self.directory) + b"/\xff")
        path = os.path.join(os.fsencode(self.directory), b"\xff", b"\xfe.py")
        with open(path, "w") as file:
            file.write("def f(): pass\nf()\n"
                       "try: __import__('\\ud800x')\nexcept ImportError: print(2)\n")
        plain = self.plain(os.fsdecode(path))
        observed = self.observed(os.fsdecode(path), agent=["--run", os.fsdecode(b"\xfd")])
        self.assertEqual(self.outcome(observed), self.outcome(plain))
        self.assertIn("run=%FD program=" + self.directory + "/%FF/%FE.py", observed.streams[0].entries[0])

    def test_binding_leaves_code_of_others_alone(self):
        from kieker import _kieker, weave

        source = "def f():\n    def g(): return 1\n    return g()\n"
        plain = compile(source, "x", "exec")
        code, operations = weave.weave(source, plain, "m")
        kept = [c.co_consts for c in weave.codes(code)]
        bound, number = _kieker.bind(code, operations)
        self.assertEqual(number, 2)
        self.assertIsNot(bound, code)
        self.assertFalse(any(_kieker.is_woven(c) for c in weave.codes(code)))
        self.assertEqual([_kieker.is_woven(c) for c in weave.codes(bound)], [False, True, True])
        self.assertEqual(len(kept), 3)
        names = {}
        exec(bound, names)
        self.assertEqual(names["f"](), 1)
        # None, too few, one that is cut off, no kind of row, and a row that is too long.
        for wrong in b"", operations[:-6], operations[:-1], b"\5" + operations[1:], b"\4\0\0\0\x80m", ():
            with self.assertRaises((ValueError, TypeError)):
                _kieker.bind(code, wrong)

    def test_fork(self):
        # Newer Pythons warn of a fork in a process with threads: the agent's own must not count.
        self.same_text("""
            import os, sys
            def main():
                for i in range(20):
                    pid = os.fork()
                    if pid == 0:
                        if os.fork() == 0: os._exit(0)
                        os.wait()
                        sys.exit(i)
                    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
            main()
        """, interpreter=["-W", "always"])


class ByHand(Same):
    def test_instrument(self):
        self.write("part.py", """
            import kieker
            @kieker.instrument
            def f(x):
                "doc"
                return g(x)
            @kieker.instrument
            def g(x): return x + 1
            def left(): return 2
            @kieker.instrument
            class Some:
                def method(self): return self.p
                @property
                def p(self): return super().__repr__ and 3
                @staticmethod
                def s(): return 4
                @classmethod
                def c(cls): return 5
            def closure(n):
                @kieker.instrument
                def inner(): return n
                return inner
            @kieker.instrument
            def generator(): yield 1
        """)
        self.write("program.py", """
            import part, kieker, inspect
            print(part.f(1), part.left(), part.Some().method(), part.Some.s(), part.Some.c(), part.closure(6)(), list(part.generator()))
            print(part.f.__doc__, part.f.__code__.co_firstlineno, inspect.getsource(part.g))
            try: kieker.instrument(3)
            except TypeError as error: print(error)
            exec("def without_source(): return 7")
            print(kieker.instrument(without_source) is without_source, without_source())
        """)
        expected = ["f(g)", "method(p)", "s", "c", "closure.<locals>.inner", "generator", "generator"]

        def shapes(stream):
            return [t.operation + ("(%s)" % t.calls[0].operation if t.calls else "") for t in stream.traces()]

        out = ("2 2 3 4 5 6 [1]\ndoc 3 @kieker.instrument\ndef g(x): return x + 1\n\n"
               "kieker.instrument takes a function, a class or a module, not int\nTrue 7\n")
        for agent in ["--weave", "none"], ["--exclude", "p*"]:
            done = self.observed("program.py", agent=agent)
            self.assertEqual((done.stdout, done.stderr), (out, ""))
            self.assertEqual(shapes(done.streams[0]), expected)
        # Woven already.
        done = self.observed("program.py", agent=["--include", "part"])
        self.assertEqual(done.stdout, out)
        self.assertEqual(shapes(done.streams[0]), ["f(g)", "left", "method(p)", "s", "c", "closure(closure.<locals>.inner)"][:5]
                         + ["closure", "closure.<locals>.inner", "generator", "generator"])
        # Without python3 -m kieker.
        sink = self.sink()
        done = self.finish(self.start(["program.py"], None, env=self.environment(KIEKER_WRITER=sink.address)))
        self.assertEqual((done.stdout, done.stderr), (out, ""))
        self.assertEqual(shapes(sink.streams()[0]), expected)
        done = self.finish(self.start(["program.py"], None, env=self.environment(KIEKER_WRITER="inactive")))
        self.assertEqual((done.stdout, done.stderr), (out, ""))

    def test_operation(self):
        done = self.observed(self.write("program.py", """
            import kieker
            def f():
                with kieker.operation("load"):
                    with kieker.operation("inner", "some.component"): pass
                try:
                    with kieker.operation("fails"): raise ValueError(1)
                except ValueError: return 2
            f()
            part = kieker.operation("again")
            with part:
                with part: pass
            try: kieker.operation(3)
            except TypeError as error: print("TypeError")
            print(sorted(kieker.stats()), kieker.__version__ != "")
        """))
        self.assertEqual(done.stderr, "")
        traces = done.streams[0].traces()
        self.assertEqual([t.shape() for t in traces], [("f", ("load", "inner"), ("fails", "ValueError(1)")), ("again", "again")])
        self.assertEqual([c.component for c in traces[0].walk()], ["program", "program", "some.component", "program"])

    def test_probes_can_be_pickled_with_code(self):
        self.assertEqual(self.observed(self.write("program.py", """
            import pickle
            def f(): pass
            probe, = [c for c in f.__code__.co_consts if type(c).__name__ == "Probe"]
            copy = pickle.loads(pickle.dumps(probe))
            print(type(copy) is type(probe), repr(copy), -copy, ~copy)
            try: type(probe)()
            except TypeError: print("not to be made")
        """)).stdout, "True <kieker probe program.f> None None\nnot to be made\n")


class Choice(harness.Case):
    def setUp(self):
        super().setUp()
        self.write("app/program.py", "import part, sub.deep, json\ndef f(): part.f(); sub.deep.f(); json.dumps([1])\nf()\n")
        self.write("app/part.py", "def f(): pass\n")
        self.write("app/sub/__init__.py", "def made(): pass\nmade()\n")
        self.write("app/sub/deep.py", "import library\ndef f(): library.f()\n")
        self.write("app/.venv/lib/site-packages/library.py", "def f(): pass\n")
        self.extra = {"PYTHONPATH": harness.PACKAGE_PATH + os.pathsep + self.directory + "/app/.venv/lib/site-packages"}

    def components(self, *agent, **variables):
        environment = self.environment(**dict(self.extra, **variables))
        done = self.observed("app/program.py", agent=agent, env=environment)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return sorted({c.component.split(".")[0] + "." + ".".join(c.component.split(".")[1:2]) if "." in c.component else c.component
                       for s in done.streams for t in s.traces() for c in t.walk()})

    def test_include_and_exclude(self):
        own = ["part", "program", "sub", "sub.deep"]
        self.assertEqual(self.components(), own)
        self.assertEqual(self.components("--exclude", "sub.*"), ["part", "program"])
        self.assertEqual(self.components("--exclude", "sub.deep", "--exclude=part"), ["program", "sub"])
        self.assertEqual(self.components("--include", "library"), ["library"] + own)
        self.assertEqual(self.components("--include", "lib*", "--exclude", "sub.*"), ["library", "part", "program"])
        only = ["--exclude", "@program"]
        self.assertEqual(self.components(*only), [])
        self.assertEqual(self.components("--include", "sub.*", *only), ["sub", "sub.deep"])
        self.assertEqual(self.components("--include", "lib*", "--include=p?rt", "--include", "su[b].*", *only), ["library", "part", "sub", "sub.deep"])
        self.assertEqual(self.components("--include", "*", "--exclude", "[!lps]*", "--exclude=sre_*", "--exclude=re*"), ["library"] + own)
        self.assertEqual(self.components("--exclude", "*"), [])
        self.assertEqual(self.components(*only, KIEKER_INCLUDE="part, program"), ["part", "program"])
        self.assertEqual(self.components("--include", "sub", *only, KIEKER_INCLUDE="part"), ["sub"])
        self.assertEqual(self.components("--root", self.directory + "/app/sub"), ["sub", "sub.deep"])
        self.assertEqual(self.components("--root", self.directory + "/elsewhere:app/sub", "--include", "part"), ["part", "sub", "sub.deep"])
        path = self.write("kieker.ini", "# comment\n[other]\ninclude = x\n[kieker]\ninclude = part sub.*\nexclude = @program\n")
        self.assertEqual(self.components("--config", path), ["part", "sub", "sub.deep"])
        self.assertEqual(self.components(KIEKER_CONFIG=path, KIEKER_EXCLUDE="part,@program"), ["sub", "sub.deep"])

    def test_standard_library(self):
        done = self.observed("app/program.py", agent=["--include", "json.*"], env=self.environment(**self.extra))
        self.assertIn("encode", [c.operation for t in done.streams[0].traces() for c in t.walk()])

    def test_inactive(self):
        done = self.finish(self.start(["app/program.py"], ["--writer", "inactive"], env=self.environment(**self.extra)))
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))

    def test_wrong_options(self):
        for agent, said in ((["--writer", "file"], "file"), (["--writer", "tcp://nowhere"], "tcp://HOST:PORT"),
                            (["--when-full", "maybe"], "maybe"), (["--unknown"], "--unknown"), (["--run"], "--run"),
                            (["--config", "missing.ini"], "missing.ini"), (["-x"], "-x"), (["--report="], "FILE"),
                            (["--lambdas=perhaps"], "perhaps"), (["--root", "/missing"], "/missing")):
            done = self.finish(self.start(["app/program.py"] if agent != ["--run"] else [], agent))
            self.assertEqual((done.returncode, done.stdout), (2, ""), agent)
            self.assertIn(said, done.stderr)
            self.assertEqual(done.stderr.count("\n"), 1)
        self.assertEqual(self.finish(self.start([], [])).returncode, 2)
        path = self.write("bad.ini", "[kieker]\nwriter = null\nunknown = 1\n")
        self.assertIn("line 3", self.finish(self.start(["app/program.py"], ["--config", path])).stderr)

    def test_in_a_directory_that_is_gone(self):
        path = self.write("elsewhere/program.py", "def f(): print('run')\nf()\n")
        text = "import os, sys; os.mkdir('gone'); os.chdir('gone'); os.rmdir('../gone'); os.execv(sys.executable, [sys.executable] + sys.argv[1:])"
        for arguments, status, out in (([path], 0, "run\n"), (["program.py"], 2, ""), (["-c", "print('run')"], 0, "run\n")):
            plain = self.plain("-c", text, *arguments)
            self.assertEqual((plain.returncode, plain.stdout), (status, out))
            done = self.plain("-c", text, "-m", "kieker", "--writer", "null", *arguments)
            self.assertEqual((done.returncode, done.stdout), (status, out), done.stderr)
            self.assertNotIn("Traceback", done.stderr)
        done = self.plain("-c", text, "-m", "kieker", "--writer", "file:logs", path)
        self.assertEqual((done.returncode, done.stdout, done.stderr.count("\n")), (2, "", 1), done.stderr)

    def test_help_and_version(self):
        done = self.finish(self.start([], ["--help"]))
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        for word in "--include", "--writer", "tcp://127.0.0.1:10133", "block", "KIEKER_":
            self.assertIn(word, done.stdout)
        self.assertRegex(self.finish(self.start([], ["--version"])).stdout, r"^kieker \d+\.\d+\.\d+\n$")


if __name__ == "__main__":
    harness.main()
