# SPDX-License-Identifier: Apache-2.0
"""The import hook: whatever a program does with the import system, it gets what it gets without the agent, and its functions are observed."""

import glob
import os
import re
import shutil
import stat
import sys
import textwrap
import zipfile

import harness


class Case(harness.Case):
    def forget(self):
        """Removes what has been cached."""
        for directory in glob.glob(self.directory + "/**/__pycache__", recursive=True):
            shutil.rmtree(directory)

    def environment(self, **changes):
        changes.setdefault("XDG_CACHE_HOME", self.directory + "/cache")
        return super().environment(**changes)

    def same(self, text, *arguments, seen=(), unseen=(), agent=(), interpreter=(), env=None, said="", name="program.py", fails=False):
        """Runs a program plain, and observed with nothing and with everything cached: all must be the same but for what the agent says;
        the operations that are to be seen (component.operation) must be, the others not."""
        if text is not None:
            arguments = (self.write(name, text),) + arguments
        env = {} if env is None else env
        options = dict(interpreter=interpreter, env=self.environment(**env))
        runs = [lambda: self.plain(*arguments, **options), lambda: self.observed(*arguments, agent=agent, **options)]
        for state in "cold", "warm":
            done = []
            for run in runs:
                if state == "cold":
                    self.forget()
                done.append(run())
            for run in done:
                run.stdout, run.stderr = (re.sub(r"\b0x[0-9a-f]{6,}", "0x", text) for text in (run.stdout, run.stderr))
            plain, observed = done
            with self.subTest(state):
                self.assertEqual(plain.returncode != 0, fails, plain.stderr)
                self.assertEqual(
                    (observed.stdout, observed.stderr.replace(said and "kieker: %s\n" % said, ""), observed.returncode),
                    (plain.stdout, plain.stderr, plain.returncode))
                if said:
                    self.assertEqual(observed.stderr.count(said), 1)
                found = self.operations(observed)
                self.assertEqual(set(seen) - found, set(), "not seen, but %s" % sorted(found))
                self.assertEqual(set(unseen) & found, set())
        return observed

    @staticmethod
    def operations(done):
        return {"%s.%s" % (call.component, call.operation) for stream in done.streams for trace in stream.traces() for call in trace.walk()}

    def archive(self, name, **members):
        path = os.path.join(self.directory, name)
        with zipfile.ZipFile(path, "w") as archive:
            for member, text in members.items():
                archive.writestr(member.replace("__SLASH__", "/") + ".py", textwrap.dedent(text))
        return path


class Kinds(Case):
    """Kinds of modules and ways to load them."""

    def test_zip(self):
        self.archive("lib.zip", part="def f(): return __file__[-12:], __loader__.archive[-7:]\n", bad="x = = 1\n",
                     pack__SLASH____init__="from . import sub\n", pack__SLASH__sub="import sys\ndef g(): return __name__, __package__\n")
        self.same("""
            import sys, inspect, traceback, pkgutil
            sys.path.insert(0, "lib.zip")
            import part, pack
            print(part.f(), pack.sub.g(), inspect.getsource(part), part.__spec__.loader is part.__loader__, pkgutil.get_data("pack", "sub.py"))
            print(part.f.__code__.co_filename, part.__loader__.get_source("part"), part.__cached__ if hasattr(part, "__cached__") else None)
            try:
                import bad
            except SyntaxError:
                traceback.print_exc()
        """, seen=("part.f", "pack.sub.g"))

    def test_archive_as_program(self):
        path = self.archive("app.zip", __main__="import part\ndef f(): return part.g()\nprint(f())\n", part="def g(): return 1\n")
        self.same(None, path, seen=("part.g",))

    def test_namespace_packages(self):
        self.write("one/space/a.py", "def f(): return __name__\n")
        self.write("two/space/b.py", "def g(): return __name__\n")
        self.same("""
            import sys
            sys.path[:0] = ["one", "two"]
            import space.a, space.b
            print(space.a.f(), space.b.g(), list(space.__path__), space.__spec__.loader is None, getattr(space, "__file__", None))
        """, seen=("space.a.f", "space.b.g"))

    def test_editable_by_path_file(self):
        self.write("src/mine/__init__.py", "def f(): return __file__\n")
        self.write("site/__editable__.mine.pth", self.directory + "/src\n")
        self.same("import site\nsite.addsitedir('site')\nimport mine\nprint(mine.f())\n", seen=("mine.f",))

    def test_editable_by_finder(self):
        # As setuptools writes it.
        self.write("src/mine/__init__.py", "def f(): return __file__\n")
        self.write("site/__editable___mine_finder.py", """
            import sys
            from importlib.machinery import ModuleSpec, PathFinder
            from importlib.machinery import all_suffixes as module_suffixes
            from importlib.util import spec_from_file_location
            from itertools import chain
            from pathlib import Path
            MAPPING = {"mine": %r}
            class _EditableFinder:
                @classmethod
                def find_spec(cls, fullname, path=None, target=None):
                    for pkg, pkg_path in reversed(list(MAPPING.items())):
                        if fullname == pkg or fullname.startswith(f"{pkg}."):
                            rest = fullname.replace(pkg, "", 1).strip(".").split(".")
                            return cls._find_spec(fullname, Path(pkg_path, *rest))
                    return None
                @classmethod
                def _find_spec(cls, fullname, candidate_path):
                    init = candidate_path / "__init__.py"
                    candidates = (candidate_path.with_suffix(x) for x in module_suffixes())
                    for candidate in chain([init], candidates):
                        if candidate.exists():
                            return spec_from_file_location(fullname, candidate)
            def install():
                if not any(finder == _EditableFinder for finder in sys.meta_path):
                    sys.meta_path.append(_EditableFinder)
        """ % (self.directory + "/src/mine"))
        self.write("site/__editable__.mine.pth", "import __editable___mine_finder; __editable___mine_finder.install()\n")
        self.same("import site\nsite.addsitedir('site')\nimport mine\nprint(mine.f(), mine.__spec__.origin)\n", seen=("mine.f",))

    def test_editable_by_links(self):
        self.write("proj/src/mine/__init__.py", "from .sub import g\ndef f(): return __file__\n")
        self.write("proj/src/mine/sub.py", "def g(): return __file__\n")
        os.makedirs(self.directory + "/site-packages/links/mine")
        for name in "__init__.py", "sub.py":
            os.symlink(self.directory + "/proj/src/mine/" + name, self.directory + "/site-packages/links/mine/" + name)
        self.write("site-packages/__editable__.mine.pth", self.directory + "/site-packages/links\n")
        # The files of the program itself, by whatever way they are found.
        self.same("import site\nsite.addsitedir('site-packages')\nimport mine\nprint(mine.f(), mine.g())\n",
                  name="proj/program.py", seen=("mine.f", "mine.sub.g"))

    def test_runpy(self):
        self.write("script.py", "def f(): return __name__, __file__, __spec__\nif __name__ != 'other': print(f())\n")
        self.write("pack/__main__.py", "from . import sub\ndef m(): return __name__, __package__, __spec__.name\nprint(m(), sub.g())\n")
        self.write("pack/__init__.py", "")
        self.write("pack/sub.py", "def g(): return __name__\n")
        self.write("folder/__main__.py", "import beside\nprint(beside.h(), __name__, __package__)\n")
        self.write("folder/beside.py", "def h(): return __name__\n")
        self.same("""
            import runpy
            print(sorted(runpy.run_path("script.py", run_name="other")))
            print(sorted(runpy.run_module("pack.sub")))
            runpy.run_module("pack", run_name="__main__", alter_sys=True)
            runpy.run_path("folder")
            try:
                runpy.run_module("none.such")
            except ImportError as error:
                print(error)
        """, seen=("pack.sub.g", "pack.__main__.m", "beside.h"))

    def test_sourceless(self):
        self.write("part.py", "def f(): return __file__, __cached__\n")
        self.write("bare.py", "def g(): return 1\n")
        self.same("""
            import os, py_compile
            if not os.path.exists("gone.pyc"):
                py_compile.compile("part.py", "gone.pyc", "gone.py")
            import gone, bare
            print(gone.f(), type(gone.__loader__).__name__, bare.g())
        """, seen=("bare.g",), unseen=("gone.f",))

    def test_custom_loaders(self):
        self.write("part.py", "def f(): return 'part'\n")
        self.write("other.src", "def g(): return 'other'\n")
        self.write("memory.py", "def real(): pass\n")
        self.same("""
            import importlib.abc, importlib.machinery, importlib.util, sys
            TEXTS = {"memory": "def h(): return 'memory'\\n", "compiled": "def i(): return 'compiled'\\n"}
            class Memory(importlib.abc.SourceLoader):
                def __init__(self, name): self.name = name
                def get_filename(self, name): return "<%s>" % name
                def get_data(self, path):
                    if path.endswith(">"): return TEXTS[path[1:-1]].encode()
                    raise OSError
            class Compiled(Memory):
                def source_to_code(self, data, path, **options):
                    return compile(data.replace(b"compiled", b"changed"), path, "exec")
            class Plain(importlib.abc.Loader):
                def exec_module(self, module): module.j = lambda: "plain"
            class Finder:
                @staticmethod
                def find_spec(name, path=None, target=None):
                    kind = {"memory": Memory, "compiled": Compiled}.get(name)
                    if kind: return importlib.util.spec_from_loader(name, kind(name))
                    if name == "plain": return importlib.machinery.ModuleSpec("plain", Plain(), origin="nowhere")
            sys.meta_path.insert(0, Finder)
            class Hooked(importlib.machinery.FileFinder):
                pass
            def hook(path):
                if path.endswith("sources"): return Hooked(path, (importlib.machinery.SourceFileLoader, [".src"]))
                raise ImportError
            sys.path_hooks.insert(0, hook)
            import os
            os.makedirs("sources", exist_ok=True)
            os.path.exists("sources/other.src") or os.rename("other.src", "sources/other.src")
            sys.path.append(os.path.abspath("sources"))
            import part, memory, compiled, plain, other
            print(part.f(), memory.h(), compiled.i(), plain.j(), other.g(), memory.__spec__, type(other.__loader__).__name__)
            print(sys.meta_path[0] is Finder, [getattr(f, "__name__", "") for f in sys.meta_path if isinstance(f, type)])
        """, agent=("--include", "memory", "--include", "compiled"), seen=("part.f", "memory.h", "other.g"), unseen=("compiled.i", "plain.j"))

    def test_extensions_and_builtins(self):
        self.same("import _json, time, math, os, importlib.util\nprint(os.__spec__.origin, time.__spec__, importlib.util.find_spec('os').loader)\n",
                  agent=("--include", "*"))


class Introspection(Case):
    """What a module, its spec and its loader say."""

    def test_module_attributes(self):
        self.write("pack/__init__.py", "def f(): pass\nf()\n")
        self.write("pack/part.py", "def g(): pass\ng()\n")
        self.same("""
            import sys, importlib, importlib.util, pickle, copy
            before = importlib.util.find_spec("pack"), importlib.util.find_spec("pack")
            print(before[0] == before[1], before[0].loader == before[1].loader, before[0].loader.get_code("pack").co_name)
            import pack.part
            for module in pack, pack.part:
                spec = module.__spec__
                print(module.__file__, module.__cached__, module.__loader__, module.__package__, module.__name__)
                print(spec, spec.cached, spec.has_location, spec.origin, spec.loader is module.__loader__, vars(spec.loader), dir(module))
                print(spec.loader.get_source(module.__name__), spec.loader.get_filename(module.__name__), spec.loader.is_package(module.__name__))
                print(len(spec.loader.get_data(spec.origin)), spec.loader.get_code(module.__name__).co_consts)
                print(spec.loader.path_stats(spec.origin)["size"])
                again = pickle.loads(pickle.dumps(spec.loader))
                print(again == spec.loader, copy.deepcopy(spec.loader) == spec.loader, hash(again) == hash(spec.loader), vars(again))
            found = importlib.util.find_spec("pack.part")
            print(found == pack.part.__spec__, found is pack.part.__spec__)
            print(pickle.loads(pickle.dumps(before[0].loader)).get_code("pack").co_names)
        """, seen=("pack.f", "pack.part.g"))

    def test_code_for_others_is_plain(self):
        self.write("part.py", "def f(x):\n    return x\n")
        self.same("""
            import dis, importlib.util, io, marshal, modulefinder
            spec = importlib.util.find_spec("part")
            code = spec.loader.get_code("part")
            text = io.StringIO()
            dis.dis(code, file=text)
            print(text.getvalue(), len(marshal.dumps(code)))
            finder = modulefinder.ModuleFinder()
            finder.import_hook("part")
            print(sorted(finder.modules))
            module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
            print(module.f(1))
            try:
                spec.loader.get_code("other")
            except ImportError as error:
                print(error, error.name, error.path)
        """, seen=("part.f",))

    def test_resources(self):
        self.write("pack/__init__.py", "import importlib.resources, pkgutil\n"
                   "def f(): return importlib.resources.files(__name__).joinpath('data.txt').read_text(), pkgutil.get_data(__name__, 'data.txt')\n")
        self.write("pack/data.txt", "data")
        self.write("pack/deep/mod.py", "def g(): pass\n")
        self.write("pack/sub/__init__.py", "")
        self.same("""
            import importlib.resources, pkgutil, pack
            print(pack.f())
            with importlib.resources.as_file(importlib.resources.files("pack").joinpath("data.txt")) as path:
                print(path)
            print([(m.name, m.ispkg) for m in pkgutil.walk_packages(["."])])
            print(sorted(p.name for p in importlib.resources.files("pack").iterdir() if p.name[0] != "_"))
            print(pkgutil.resolve_name("pack:f") is pack.f, [type(i).__name__ for i in pkgutil.iter_importers("pack.sub")])
        """, seen=("pack.f",))

    def test_lazy_loader(self):
        self.write("part.py", "print('runs')\ndef f(): return 1\n")
        self.same("""
            import importlib.util, sys
            spec = importlib.util.find_spec("part")
            loader = spec.loader = importlib.util.LazyLoader(spec.loader)
            module = importlib.util.module_from_spec(spec)
            sys.modules["part"] = module
            loader.exec_module(module)
            print("not yet")
            import part
            print(part.f(), type(part).__name__, type(part.__spec__.loader).__name__)
        """, seen=("part.f",))

    def test_tracers_do_not_see_the_hook(self):
        self.write("part.py", "def f(): return 1\n")
        self.same("""
            import sys, os
            seen = []
            def note(frame, event, argument):
                seen.append((event, frame.f_code.co_filename, frame.f_code.co_name))
                return note
            for start in sys.settrace, sys.setprofile:
                sys.modules.pop("part", None)
                start(note)
                import part
                start(None)
                print(("call", part.__file__, "<module>") in seen, [place for place in seen if "/kieker/" in place[1]])
                print(sys.gettrace(), sys.getprofile())
                del seen[:]
            print(part.f())
        """, seen=("part.f",))


class Life(Case):
    """Modules that come again, change, or fail."""

    def test_reload(self):
        self.write("part.py", "def f(): return 1\n")
        self.same("""
            import importlib, part, os, sys
            old, module = part.f, part
            print(old())
            with open("part.py", "w") as file:
                file.write("def f(): return 22\\ndef g(): return 3\\n")
            importlib.invalidate_caches()
            print(importlib.reload(part) is module, part.f is old, old(), part.f(), part.g(), part.__spec__.loader is part.__loader__)
            with open("part.py", "w") as file:
                file.write("def f(): return 1\\n")
            del sys.modules["part"]
            import part
            print(part is module, part.f(), hasattr(part, "g"))
        """, seen=("part.f", "part.g"))

    def test_invalid_sources(self):
        self.write("broken.py", "def f():\n    return (1\n")
        self.write("raising.py", "def f():\n    raise ValueError('no')\nf()\n")
        self.write("missing.py", "import none_such\n")
        with open(self.directory + "/encoded.py", "wb") as file:
            file.write(b"# -*- coding: none-such -*-\nx = 1\n")
        with open(self.directory + "/bytes.py", "wb") as file:
            file.write(b"x = '\xff'\n")
        with open(self.directory + "/zero.py", "wb") as file:
            file.write(b"x = 1\n\0\n")
        for name in "broken", "raising", "missing", "encoded", "bytes", "zero", "none_such", "program.part":
            with self.subTest(name):
                self.same("import %s\n" % name, fails=True)
        self.same("import importlib\nimportlib.import_module('raising')\n", seen=("raising.f",), fails=True)

    def test_unreadable_source(self):
        if os.geteuid() == 0:
            self.skipTest("root reads everything")
        path = self.write("part.py", "def f(): return 1\n")
        os.chmod(path, 0)
        self.same("import part\n", fails=True)

    def test_threads_and_circles(self):
        self.write("a.py", "import b\ndef f(): return b.g()\n")
        self.write("b.py", "import a\ndef g(): return 1\n")
        for number in range(20):
            self.write("many/m%d.py" % number, "import time\ntime.sleep(0.001)\nfrom many import m%d\ndef f(): return %d\n"
                       % ((number + 1) % 20, number))
        self.same("""
            import threading, importlib, a
            print(a.f(), a.b.g())
            def work(numbers):
                for number in numbers:
                    importlib.import_module("many.m%d" % number)
            orders = range(20), range(19, -1, -1), list(range(10, 20)) + list(range(10))
            threads = [threading.Thread(target=work, args=(order,)) for order in orders]
            [thread.start() for thread in threads]
            [thread.join() for thread in threads]
            print(sum(importlib.import_module("many.m%d" % number).f() for number in range(20)))
        """, seen=("a.f", "b.g", "many.m0.f", "many.m19.f"))

    def test_module_that_replaces_itself(self):
        self.write("part.py", """
            import sys
            class Instead:
                def f(self): return 7
            sys.modules[__name__] = Instead()
        """)
        self.same("import part\nprint(part.f(), type(part).__name__)\nimport part\nprint(part.f())\n", seen=("part.Instead.f",))

    def test_warnings_of_the_compiler(self):
        self.write("part.py", "def f(): return 1 is 1\n")
        self.same("import part\nprint(part.f())\n", seen=("part.f",))
        self.same("import part\nprint(part.f())\n", seen=("part.f",), env={"PYTHONDONTWRITEBYTECODE": "1"})

    def test_interpreter_options(self):
        self.write("part.py", "def f():\n    'doc'\n    assert False\n    return f.__doc__, __debug__\n")
        text = "import part\ntry: print(part.f())\nexcept AssertionError: print('assert', part.f.__doc__)\nprint(part.__cached__)\n"
        for interpreter, env in ((["-O"], {}), (["-OO"], {}), (["-B"], {}), ([], {"PYTHONPYCACHEPREFIX": self.directory + "/prefix"}),
                                 (["-X", "importtime"], None), (["-W", "error"], {}), (["-s", "-E"], None), (["-P"], {})):
            if env is None or (interpreter == ["-P"] and sys.version_info < (3, 11)):
                continue
            with self.subTest(interpreter=interpreter, env=env):
                self.same(text, interpreter=interpreter, env=env, seen=() if interpreter == ["-P"] else ("part.f",), fails=interpreter == ["-P"])


class Watch(Case):
    """Programs that change the import system itself."""

    PUT_BACK = "the program has taken the agent's finder out of sys.meta_path; it has been put back"
    FIRST = "the program has put other finders of sys.meta_path before the agent's; that goes on looking first"

    def setUp(self):
        super().setUp()
        for name in "part", "next":
            self.write(name + ".py", "def f(): return __name__\n")

    def test_replaced(self):
        for change in "sys.meta_path = [f for f in sys.meta_path if 'kieker' not in type(f).__module__]", "sys.meta_path[:] = sys.meta_path[-3:]":
            with self.subTest(change):
                self.same("import sys\n%s\nimport part, next\nprint(part.f(), next.f())\n" % change, seen=("part.f", "next.f"), said=self.PUT_BACK)

    def test_reordered(self):
        self.same("""
            import sys
            sys.meta_path.reverse()
            order = list(sys.meta_path)
            import part, next
            print(part.f(), next.f(), sys.meta_path == order)
        """, seen=("part.f", "next.f"), said=self.FIRST)

    def test_only_reported(self):
        said = "the program has taken the agent's finder out of sys.meta_path; modules that it imports from now on may not be observed"
        self.same("""
            import sys
            import part
            sys.meta_path[:] = sys.meta_path[-3:]
            import next
            print(part.f(), next.f(), len(sys.meta_path))
        """, agent=("--hook", "report"), seen=("part.f",), unseen=("next.f",), said=said)

    def test_finders_in_front(self):
        # It asks others, and counts on its place.
        self.same("""
            import sys, importlib.util
            class Front:
                asked, found = [], []
                def find_spec(self, name, path=None, target=None):
                    self.asked.append(name)
                    for finder in sys.meta_path:
                        if finder is not self:
                            spec = finder.find_spec(name, path, target)
                            if spec is not None:
                                self.found.append(name)
                                return spec
            sys.meta_path.insert(0, Front())
            import part
            import colorsys
            print(sys.meta_path[0].asked, sys.meta_path[0].found, type(sys.meta_path[0]).__name__)
            del sys.meta_path[0]
            import next
            print(part.f(), next.f(), "Front" in [type(finder).__name__ for finder in sys.meta_path])
        """, seen=("part.f", "next.f"))

    def test_finder_that_wraps_loaders(self):
        # As wrapt does it.
        self.same("""
            import sys, importlib.util
            class Chained:
                def __init__(self, loader): self.loader = loader
                def create_module(self, spec): return self.loader.create_module(spec)
                def exec_module(self, module):
                    self.loader.exec_module(module)
                    print("imported", module.__name__)
                def __getattr__(self, name): return getattr(self.loader, name)
            class Finder:
                going_on = set()
                def find_spec(self, name, path=None, target=None):
                    if name not in ("part", "next") or name in self.going_on: return None
                    self.going_on.add(name)
                    try:
                        spec = importlib.util.find_spec(name)
                        spec.loader = Chained(spec.loader)
                        return spec
                    finally:
                        self.going_on.remove(name)
            sys.meta_path.insert(0, Finder())
            import part
            sys.meta_path.append(sys.meta_path.pop(0))
            sys.meta_path.insert(1, sys.meta_path.pop())
            import next
            print(part.f(), next.f())
        """, seen=("part.f", "next.f"))

    def test_finders_that_fail(self):
        self.same("""
            import sys, traceback
            class Front:
                def find_spec(self, name, path=None, target=None):
                    if name == "part": raise ValueError(name)
            for place in 0, len(sys.meta_path):
                front = Front()
                sys.meta_path.insert(place, front)
                for name in "part", "next", "none_such":
                    sys.modules.pop(name, None)
                    try:
                        print(__import__(name).f())
                    except Exception:
                        traceback.print_exc()
                sys.meta_path.remove(front)
        """, seen=("next.f",))

    def test_empty_list_and_none(self):
        self.same("""
            import sys, warnings
            warnings.simplefilter("always")
            saved = sys.meta_path
            for instead in [], None, ():
                sys.meta_path = instead
                try:
                    import none_such
                except Exception as error:
                    print(type(error), error)
            sys.meta_path = saved
            import part
            print(part.f())
        """, seen=("part.f",))

    def test_replaced_import_function(self):
        self.same("""
            import builtins
            plain = builtins.__import__
            def instead(name, *rest, **more):
                # The interpreter opens files by a module.
                name == "_io" or print("import", name)
                return plain(name, *rest, **more)
            builtins.__import__ = instead
            import part
            builtins.__import__ = plain
            import next
            print(part.f(), next.f())
        """, seen=("part.f", "next.f"))

    def test_counted(self):
        done = self.observed(self.write("program.py", """
            import sys, builtins, kieker
            sys.meta_path[:] = sys.meta_path[-3:]
            import part
            sys.meta_path.insert(0, type("F", (), {"find_spec": staticmethod(lambda name, path=None, target=None: None)}))
            plain = builtins.__import__
            builtins.__import__ = lambda *a, **k: plain(*a, **k)
            import next
            stats = kieker.stats()
            print([stats[name] for name in ("hook_put_back", "hook_moved", "import_replaced")])
        """))
        self.assertEqual(done.stdout, "[1, 1, 1]\n")


class Cache(Case):
    """Woven code that is kept."""

    def setUp(self):
        super().setUp()
        self.part = self.write("part.py", "def f(): return 1\n")
        self.program = self.write("program.py", """
            import part, kieker
            stats = kieker.stats()
            print(part.f(), stats["woven_modules"] - 1, stats["woven_from_cache"], part.f.__code__.co_filename)
        """)

    def run_it(self, **options):
        done = self.observed(self.program, **options)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn("part.f", self.operations(done))
        return done.stdout.split()

    def woven(self):
        found = glob.glob(self.directory + "/**/*kieker.pyc", recursive=True) + glob.glob(self.directory + "/cache/**/*kieker.pyc", recursive=True)
        return sorted({os.path.relpath(path, self.directory) for path in found})

    def test_beside_the_bytecode(self):
        self.assertEqual(self.run_it(), ["1", "1", "0", self.part])
        self.assertEqual(self.woven(), ["__pycache__/part.%s.opt-kieker.pyc" % sys.implementation.cache_tag])
        self.assertEqual(self.run_it(), ["1", "1", "1", self.part])
        self.assertEqual(self.run_it(interpreter=["-O"])[1:3], ["1", "0"])
        self.assertEqual(self.run_it(interpreter=["-O"])[1:3], ["1", "1"])
        self.assertEqual(self.run_it()[1:3], ["1", "1"])

    def test_source_that_changes(self):
        self.run_it()
        status = os.stat(self.part)
        self.write("part.py", "def f(): return 2\n")
        os.utime(self.part, ns=(status.st_atime_ns, status.st_mtime_ns + 1_000_000_000))
        self.assertEqual(self.run_it()[:3], ["2", "1", "0"])
        self.assertEqual(self.run_it()[:3], ["2", "1", "1"])

    def test_file_that_is_damaged(self):
        self.run_it()
        path = os.path.join(self.directory, self.woven()[0])
        with open(path, "rb") as file:
            good = file.read()
        for bad in b"", good[:40], good[:-20], good[:-20] + bytes(20), b"x" * len(good):
            with open(path, "wb") as file:
                file.write(bad)
            self.assertEqual(self.run_it()[0], "1")
        self.assertEqual(self.run_it()[:3], ["1", "1", "1"])

    def test_moved_with_its_source(self):
        self.write("lib/moved.py", "def f(): return f.__code__.co_filename\n")
        program = self.write("other.py", "import sys\n"
                             "sys.path.insert(0, sys.argv[1])\nimport moved, kieker\nprint(moved.f(), kieker.stats()['woven_from_cache'])\n")
        self.assertEqual(self.observed(program, "lib").stdout.split(), [self.directory + "/lib/moved.py", "0"])
        os.rename(self.directory + "/lib", self.directory + "/elsewhere")
        done = self.observed(program, "elsewhere")
        self.assertEqual(done.stdout.split(), [self.directory + "/elsewhere/moved.py", "1"])

    def test_without_writing(self):
        self.assertEqual(self.run_it(interpreter=["-B"])[1:3], ["1", "0"])
        self.assertEqual(self.woven(), [])

    def test_in_another_place(self):
        env = self.environment(PYTHONPYCACHEPREFIX=self.directory + "/prefix")
        self.run_it(env=env)
        self.assertEqual(self.run_it(env=env)[1:3], ["1", "1"])
        self.assertEqual([path.split("/")[0] for path in self.woven()], ["prefix"])

    def test_in_the_users_directory(self):
        # A file where the directory would be: as one that may not be written, also for root.
        self.write("other.py", "import part\n")
        self.plain("other.py")
        self.mount_read_only()
        self.assertEqual(self.run_it()[1:3], ["1", "0"])
        found, = self.woven()
        self.assertTrue(found.startswith("cache/kieker" + self.directory), found)
        self.assertEqual(stat.S_IMODE(os.stat(os.path.join(self.directory, found)).st_mode), 0o600)
        self.assertEqual(self.run_it()[1:3], ["1", "1"])
        # What anybody could have written is not taken.
        os.chmod(os.path.join(self.directory, found), 0o666)
        self.assertEqual(self.run_it()[1:3], ["1", "0"])

    def mount_read_only(self):
        pycache = self.directory + "/__pycache__"
        if os.geteuid() != 0:
            os.chmod(pycache, 0o555)
            self.addCleanup(os.chmod, pycache, 0o755)
        elif os.system("chattr +i %s 2>/dev/null" % pycache) != 0:
            self.skipTest("root writes everywhere here")
        else:
            self.addCleanup(os.system, "chattr -i " + pycache)

    def test_bytecode_of_another_source(self):
        self.plain("-c", "import py_compile; py_compile.compile('part.py', invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)")
        self.assertEqual(self.run_it()[:3], ["1", "1", "0"])
        self.write("part.py", "def f(): return 33\n")
        done = self.observed(self.program)
        self.assertEqual((done.stdout.split()[:3], self.plain("-c", "import part; print(part.f())").stdout), (["1", "0", "0"], "1\n"))


if __name__ == "__main__":
    harness.main()
