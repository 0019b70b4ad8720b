# SPDX-License-Identifier: Apache-2.0
"""Functions that exist already: which are found and woven, when, and what is left alone."""

import os
import py_compile
import sys
import zipfile

import harness


class Case(harness.Case):
    def ran(self, agent=(), status=0, **options):
        """Runs program.py; its output, and (component, operation) of all calls in order."""
        done = self.observed("program.py", agent=agent, **options)
        self.assertEqual((done.returncode, done.stderr), (status, ""))
        return done.stdout, [(call.component, call.operation) for stream in done.streams for trace in stream.traces() for call in trace.walk()]


# Begins in the middle of a program; what it imports before is plain.
START = """
import kieker
from kieker import post
from kieker.selection import Selection
def weave(*patterns): return post.start(Selection(patterns))
"""


class There(Case):
    def program(self, text, part):
        self.write("part.py", part)
        self.write("program.py", START + text)
        return self.ran(agent=["--weave", "none"])

    def test_wherever_they_are_held(self):
        self.write("elsewhere.py", "registry = []\ndef register(f):\n    registry.append(f)\n")
        out, calls = self.program("""
import elsewhere, part
from part import direct as kept, Some
hook = weave("part")
assert kept is part.direct
kept()
some = Some()
some.method(); some.p; some.p = 1; Some.still(); Some.of(); Some.Inner().deep(); some.cached; some.on(); type(Some).meta(Some)
for f in part.closures: f()
part.in_dict["k"][0](); part.partial(); part.cached(1); part.wrapped(); part.made.attribute(); part.default(); part.curried()()
elsewhere.registry[0]()
print([f.__name__ for f in elsewhere.registry], hook.counters["woven_modules"], hook.counters["functions_not_woven"])
""", """
import elsewhere, functools
def direct(): pass
class Meta(type):
    def meta(cls): pass
class Some(metaclass=Meta):
    def method(self): pass
    @property
    def p(self): pass
    @p.setter
    def p(self, v): pass
    @staticmethod
    def still(): pass
    @classmethod
    def of(cls): pass
    class Inner:
        def deep(self): pass
    @functools.cached_property
    def cached(self): pass
    def flagged(self, x): pass
    on = functools.partialmethod(flagged, 1)
def outer(n):
    def closure(): return n
    return closure
closures = [outer(1), outer(2)]
def boxed(): pass
in_dict = {"k": (boxed,)}
del boxed
def partly(a): pass
partial = functools.partial(partly, 1)
@functools.lru_cache()
def cached(a): pass
def decorate(f):
    @functools.wraps(f)
    def wrapper(): return f()
    return wrapper
@decorate
def wrapped(): pass
class Made: pass
made = Made()
def attribute(): pass
made.attribute = attribute
del attribute
def in_default(): pass
def default(f=in_default): f()
del in_default
def curried():
    def inner(): pass
    return inner
@elsewhere.register
def registered(): pass
""")
        self.assertEqual(out, "['registered'] 1 0\n")
        self.assertEqual([name for _, name in calls], [
            "direct", "method", "p", "p", "still", "of", "deep", "cached", "flagged", "meta", "outer.<locals>.closure", "outer.<locals>.closure", "boxed",
            "partly", "cached", "decorate.<locals>.wrapper", "wrapped", "attribute", "default", "in_default", "curried", "curried.<locals>.inner",
            "registered"])
        self.assertEqual({component for component, _ in calls}, {"part", "part.Some", "part.Some.Inner", "part.Meta"})

    def test_objects_stay(self):
        out, calls = self.program("""
import part, pickle, gc
def of(f): return id(f), f.__defaults__, f.__kwdefaults__, f.__dict__, f.__annotations__, f.__closure__, f.__doc__, f.__qualname__, f.__module__
functions = [part.f, part.Some.m, part.closure]
before = [of(f) for f in functions]
number = len([o for o in gc.get_objects() if type(o) is type(of)])
weave("part")
print([of(f) for f in functions] == before, pickle.loads(pickle.dumps(part.f)) is part.f, part.f(1), part.Some().m(), part.closure())
""", """
def f(a, b=2, *, c=3) -> int: "text"; return a + b + c
f.mark = []
class Some:
    def m(self): return super().__hash__() and __class__.__name__
def outer(x):
    def inner(y=x): nonlocal x; x += 1; return x, y
    return inner
closure = outer(5)
""")
        self.assertEqual(out, "True True 6 Some (6, 5)\n")
        self.assertEqual([name for _, name in calls], ["f", "m", "outer.<locals>.inner"])

    def test_what_runs_goes_on_in_its_code(self):
        out, calls = self.program("""
import part
running = part.generator()
next(running)
part.through(lambda: weave("part"))
print(list(running), list(part.generator()))
part.through(print)
""", """
def generator():
    yield step(1)
    yield step(2)
def step(x): return x
def through(f):
    f()
    step(3)
    return step(4)
""")
        self.assertEqual(out, "[2] [1, 2]\n\n")
        self.assertEqual([name for _, name in calls if name != "generator"], ["step"] * 5 + ["through"] + ["step"] * 2)

    def test_what_is_not_the_sources_is_left(self):
        out, calls = self.program("""
import part
part.replaced.__code__ = part.other.__code__.replace(co_name="x")
hook = weave("part")
part.replaced(); part.made(); part.other()
for name, reason in sorted(hook.not_woven.items()): print(name, "|", reason)
print(hook.counters["functions_not_woven"], hook.counters["modules_not_woven"])
""", """
def replaced(): return 1
def other(): return 2
exec("def made(): pass")
""")
        self.assertEqual(calls, [("part", "other")])
        self.assertEqual(out, "part.made | it is not made from a file\npart.replaced | its code is not what its module's source compiles to\n2 0\n")

    def test_source_that_has_changed(self):
        out, calls = self.program("""
import part, os
with open("part.py", "w") as file: file.write("\\n\\ndef f(): return 2\\ndef same(): pass\\n")
hook = weave("part")
print(part.f(), hook.counters["functions_not_woven"])
os.remove("part.py")
hook = weave("part")
print(part.f(), sorted(set(hook.not_woven.values())))
with open("part.py", "w") as file: file.write("def f(: return 2\\n")
hook = weave("part")
print(part.f(), [reason.split(":")[0] for reason in set(hook.not_woven.values())], hook.counters["modules_not_woven"])
""", "def f(): return 1\ndef same(): pass\n")
        self.assertEqual(out, "1 2\n1 ['there is no source']\n1 ['SyntaxError'] 1\n")
        self.assertEqual(calls, [])

    def test_code_that_may_not_be_changed(self):
        out, calls = self.program("""
import part, sys
def hook(event, arguments):
    if event == "object.__setattr__" and arguments[1] == "__code__": raise PermissionError("no")
sys.addaudithook(hook)
found = weave("part")
print(part.f(), found.not_woven)
kieker.instrument(part.f)
print(part.f())
""", "def f(): return 1\n")
        self.assertEqual(out, "1 {'part.f': 'its code cannot be changed: PermissionError'}\n1\n")
        self.assertEqual(calls, [])

    def test_frozen_objects(self):
        out, calls = self.program("""
import part, gc
gc.freeze()
weave("part")
part.held[0]()
part.Some().m()
""", "held = []\ndef f(): pass\nheld.append(f)\ndel f\nclass Some:\n    def m(self): pass\n")
        self.assertEqual([name for _, name in calls], ["f", "m"])

    def test_what_has_probes_keeps_them(self):
        self.write("part.py", "def f(): pass\n")
        self.write("program.py", START + "import part\ncode = part.f.__code__\nhook = weave('part')\nprint(part.f.__code__ is code, hook.counters['woven_modules'])\npart.f()\n")
        out, calls = self.ran(agent=["--include", "part", "--exclude", "@program"])
        self.assertEqual((out, calls), ("True 0\n", [("part", "f")]))

    def test_specialized_code(self):
        # By then the interpreter has changed the instructions for what it has seen.
        out, calls = self.program("""
import part
for i in range(3000): part.work(i)
weave("part")
print(part.work(5))
""", """
class Some:
    def __init__(self, v): self.v = v
    def get(self): return self.v
def work(n):
    some, total = Some(n), 0
    for i in range(3):
        total += some.get() + len("abc") + [1, 2, 3][i] * 2
    return "%s" % total, n if n else f"{n}", {"k": n}["k"] == n
""")
        self.assertEqual(out, "('36', 5, True)\n")
        self.assertEqual([name for _, name in calls], ["work", "__init__", "get", "get", "get"])

    def test_lambdas_and_what_is_in_them(self):
        out, calls = self.program("""
import part
weave("part")
print(part.make()(), part.marked(3))
""", """
def pair(): return 1, 2
def helper(f): return f()
make = lambda: [f() for f in (lambda: helper(lambda: 1), lambda: 2)] and (lambda: 3)
import types
@types.coroutine
def bare():
    got = yield pair()
    return got
def marked(x):
    c = bare()
    first = c.send(None)
    try: c.send(x)
    except StopIteration as stop: return first, stop.value, bare.__code__.co_flags & 0x100
""")
        self.assertEqual(out, "3 ((1, 2), 3, 256)\n")
        self.assertEqual([name for _, name in calls if name != "bare"], ["helper", "marked", "pair"])


class Later(Case):
    AGENT = ["--weave", "post"]

    def test_imports(self):
        self.write("registry.py", "held = []\ndef register(f): held.append(f)\n")
        self.write("package/__init__.py", "from . import inner\ndef made(): return inner.f()\nmade()\n")
        self.write("package/inner.py", "import registry\n@registry.register\ndef hidden(): pass\ndef f(): return 1\nf()\n")
        self.write("space/part.py", "def f(): return 2\n")
        self.write("program.py", """
            import package, registry, space.part, importlib, sys
            before = set(sys.modules)
            registry.held[0]()
            print(package.made(), space.part.f())
            old = package.inner.f
            importlib.reload(package.inner)
            print(old is package.inner.f, old(), package.inner.f(), len(registry.held))
            registry.held[1]()
            print([module for module in (package, package.inner, registry, space.part) if "exec_module" in vars(module.__loader__)])
            print(package.__spec__.loader.get_source("package") == open("package/__init__.py").read(), package.inner.__spec__.origin.endswith("inner.py"))
        """)
        out, calls = self.ran(self.AGENT)
        self.assertEqual(out, "1 2\nFalse 1 1 2\n[]\nTrue True\n")
        # package.inner is woven when it has been executed, before package goes on.
        self.assertEqual([name for _, name in calls], ["register", "f", "hidden", "made", "f", "f", "register", "f", "f", "hidden"])

    def test_main_modules(self):
        text = "import part\ndef main(): part.f()\nmain()\n"
        self.write("part.py", "def f(): pass\n")
        self.write("program.py", text)
        self.write("package/__init__.py", "def made(): pass\nmade()\n")
        self.write("package/__main__.py", text)
        self.write("directory/__main__.py", text)
        self.write("directory/part.py", "def f(): pass\n")
        with zipfile.ZipFile(self.directory + "/archive.zip", "w") as archive:
            archive.writestr("__main__.py", text)
            archive.writestr("part.py", "def f(): pass\n")
        for arguments, component in ((["-m", "program"], "program"), (["-m", "package"], "package.__main__"), (["directory"], "__main__"),
                                     (["archive.zip"], "__main__")):
            with self.subTest(arguments=arguments):
                done = self.observed(*arguments, agent=self.AGENT)
                self.assertEqual((done.returncode, done.stderr), (0, ""))
                calls = [(call.component, call.operation) for trace in done.streams[0].traces() for call in trace.walk()]
                if arguments == ["archive.zip"] and sys.version_info < (3, 10):
                    continue  # Its loader makes modules in a way of its own.
                self.assertEqual(calls, [(component, "main"), ("part", "f")])

    def test_zip_and_other_loaders(self):
        with zipfile.ZipFile(self.directory + "/archive.zip", "w") as archive:
            archive.writestr("zipped.py", "def f(): return 1\n")
        self.write("own.src", "compiled otherwise")
        self.write("lazy.py", "print('executed')\ndef f(): return 3\n")
        self.write("program.py", """
            import importlib.abc, importlib.machinery, importlib.util, sys
            sys.path.insert(0, "archive.zip")
            class Loader(importlib.abc.ExecutionLoader):
                def get_source(self, name): return "def f(): return 2\\n"
                def get_filename(self, name): return __file__.replace("program.py", "own.src")
            class Finder(importlib.abc.MetaPathFinder):
                def find_spec(self, name, path, target=None):
                    if name == "own": return importlib.util.spec_from_file_location(name, __file__.replace("program.py", "own.src"), loader=Loader())
            sys.meta_path.append(Finder())
            import zipped, own
            spec = importlib.util.find_spec("lazy")
            spec.loader = importlib.util.LazyLoader(spec.loader)
            lazy = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(lazy)
            print("not yet")
            print(zipped.f(), own.f(), lazy.f())
        """)
        out, calls = self.ran(self.AGENT)
        self.assertEqual(out, "not yet\nexecuted\n1 2 3\n")
        components = [component for component, _ in calls if component in ("zipped", "own", "lazy")]
        self.assertEqual(components, ["zipped", "own", "lazy"])

    def test_without_source(self):
        path = self.write("bare.py", "def f(): return 1\n")
        py_compile.compile(path, cfile=self.directory + "/bare.pyc")
        self.write("bare.py", "")
        os.remove(path)
        self.write("program.py", "import bare, kieker\nprint(bare.f(), kieker.stats()['functions_not_woven'])\n")
        out, calls = self.ran(self.AGENT)
        self.assertEqual((out, calls), ("1 1\n", []))

    def test_failing_imports(self):
        self.write("fails.py", "kept = []\ndef f(): pass\nimport sys\nsys.modules['program_kept'] = f\nraise ValueError('in module')\n")
        self.write("imports.py", "def before(): pass\nimport fails\n")
        self.write("works.py", "def f(): pass\n")
        self.write("program.py", """
            import sys, traceback
            for name in "fails", "imports", "missing":
                try: __import__(name)
                except Exception: traceback.print_exc(file=sys.stdout)
            sys.modules.pop("program_kept", None)
            import works
            works.f()
        """)
        plain = self.plain("program.py")
        out, calls = self.ran(self.AGENT)
        self.assertEqual(out, plain.stdout)
        self.assertIn(("works", "f"), calls)

    def test_tracers_see_no_import_of_the_agents(self):
        self.write("part.py", "def f():\n    return 1\nf()\n")
        self.write("program.py", """
            import sys
            seen = set()
            def trace(frame, event, arg):
                seen.add((event, frame.f_code.co_filename.rpartition("/")[2], frame.f_code.co_name))
                return trace
            sys.settrace(trace)
            sys.setprofile(trace)
            import part
            part.f()
            sys.settrace(None)
            sys.setprofile(None)
            print(sorted(row for row in seen if "importlib" not in row[1] and "zipimport" not in row[1]))
            print(any(name in str(seen) for name in ("post.py", "hook.py", "weave.py", "selection.py")))
        """)
        plain = self.plain("program.py")
        out, calls = self.ran(self.AGENT)
        self.assertEqual(out, plain.stdout)
        self.assertIn(("part", "f"), calls)

    def test_threads_that_import(self):
        for i in range(40):
            self.write("parts/m%d.py" % i, "from parts import n%d\ndef f(): return n%d.f()\n" % (i % 7, i % 7))
        for i in range(7):
            self.write("parts/n%d.py" % i, "def f(): pass\n")
        self.write("program.py", """
            import importlib, threading
            def work(first):
                for i in range(first, 40, 4): importlib.import_module("parts.m%d" % i).f()
            threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
            for thread in threads: thread.start()
            for thread in threads: thread.join()
        """)
        _, calls = self.ran(self.AGENT)
        own = [component for component, name in calls if name == "f"]
        self.assertEqual(sorted(c for c in own if ".m" in c), sorted("parts.m%d" % i for i in range(40)))
        self.assertEqual(len([c for c in own if ".n" in c]), 40)

    def test_standard_library(self):
        self.write("program.py", "import os.path, json\nprint(json.loads(json.dumps({'a': [1]})), os.path.join('a', 'b'), os.path.normpath('a/../b'))\n")
        out, calls = self.ran(self.AGENT + ["--include", "*"])
        self.assertEqual(out, "{'a': [1]} a/b b\n")
        self.assertLess({("json", "dumps"), ("json.encoder.JSONEncoder", "encode"), ("posixpath", "join")}, set(calls))


class ByHand(Case):
    def test_all_kinds(self):
        self.write("whole.py", "import functools\ndef f(): return lambda: 1\nclass Some:\n    def m(self): return 2\n    class Inner:\n        def deep(self): return 3\n"
                               "def outer():\n    def inner(): pass\n    return inner\nheld = [outer()]\n")
        self.write("part.py", """
            import functools, kieker
            def plain(a, b): return a + b
            partial = kieker.instrument(functools.partial(plain, 1))
            def wraps(f):
                @functools.wraps(f)
                def wrapper(*a): return f(*a)
                return wrapper
            @kieker.instrument
            @wraps
            @wraps
            def wrapped(x): return x
            @kieker.instrument
            @functools.lru_cache(maxsize=None)
            def cached(x): return x
            class Some:
                def method(self): return 1
                @kieker.instrument
                @property
                def p(self): return 2
                @kieker.instrument
                @functools.cached_property
                def once(self): return 3
                @kieker.instrument
                @classmethod
                def of(cls): return 4
                def left(self): return 5
            kieker.instrument(Some().method)
            @kieker.instrument
            def nested():
                def inner(): return 6
                return inner()
            @kieker.instrument
            @functools.singledispatch
            def kind(x): return 7
        """)
        self.write("program.py", """
            import part, whole, kieker
            print(kieker.instrument(whole) is whole)
            some = part.Some()
            print(part.partial(2), part.wrapped(3), part.cached(4), part.cached(4), some.method(), some.p, some.once, some.once, part.Some.of(), some.left())
            print(part.nested(), part.kind(1), whole.f()(), whole.Some().m(), whole.Some.Inner().deep(), whole.held[0](), part.wrapped.__wrapped__.__wrapped__.__name__)
            for wrong in 1, None, "text", [part.plain], object():
                try: kieker.instrument(wrong)
                except TypeError as error: print(error)
        """)
        out, calls = self.ran(["--weave", "none"])
        self.assertEqual(out.splitlines()[:3], ["True", "3 3 4 4 1 2 3 3 4 5", "6 7 1 2 3 None wrapped"])
        self.assertEqual(out.splitlines()[3:], ["kieker.instrument takes a function, a class or a module, not " + kind for kind in ("int", "NoneType", "str", "list", "object")])
        self.assertEqual([name for component, name in calls if component.startswith("part")], [
            "plain", "wraps.<locals>.wrapper", "wraps.<locals>.wrapper", "wrapped", "cached", "method", "p", "once", "of", "nested", "kind"])
        self.assertEqual([name for component, name in calls if component.startswith("whole")], ["f", "m", "deep", "outer.<locals>.inner"])

    def test_doctest_and_typed_text(self):
        self.write("program.py", '''
            import doctest, linecache
            text = """
            >>> import kieker
            >>> @kieker.instrument
            ... def f(x): return x + 1
            >>> f(1)
            2
            """
            print(doctest.DocTestRunner().run(doctest.DocTestParser().get_doctest(text, {"__name__": "tested"}, "tested", None, 0)).failed)
            linecache.cache["<typed 1>"] = (0, None, ["def typed(): return 2\\n"], "<typed 1>")
            exec(compile("def typed(): return 2\\n", "<typed 1>", "exec"))
            import kieker
            print(kieker.instrument(typed)(), [name for name in linecache.cache if name != "<typed 1>" and "kieker" in name])
        ''')
        out, calls = self.ran(["--weave", "none"])
        self.assertEqual(out, "0\n2 []\n")
        self.assertEqual([name for _, name in calls], ["f", "typed"])


if __name__ == "__main__":
    harness.main()
