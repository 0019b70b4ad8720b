# SPDX-License-Identifier: Apache-2.0
"""python3 -m kieker weave: packages that are woven ahead of time, in programs that do not know of the agent."""

import os
import shutil
import subprocess
import sys

import harness

PROGRAM = """
    import asyncio, importlib.resources, inspect, sys, traceback
    import shop, shop.part
    print(shop.__doc__, shop.ask(3), shop.part.Box(2).double, list(shop.part.count(2)), asyncio.run(shop.part.later()))
    print(inspect.getsource(shop.part.Box.double.fget), inspect.signature(shop.ask), shop.ask.__code__.co_varnames, shop.ask.__annotations__)
    print(importlib.resources.files("shop").joinpath("data/text.txt").read_text(), sorted(vars(shop)), type(shop.__loader__).__name__)
    try:
        shop.part.fail()
    except ValueError:
        traceback.print_exc(file=sys.stdout)
    print(shop.depth, shop.part.fail.__code__.co_firstlineno)
"""

SEEN = {"shop.ask", "shop.part.Box.double", "shop.part.count", "shop.part.later", "shop.part.fail", "shop.deep.leaf.f"}


class Ahead(harness.Case):
    def setUp(self):
        super().setUp()
        self.write("lib/shop/__init__.py", '''
            """Doc."""
            from __future__ import annotations
            import sys
            from . import part
            from .deep import leaf
            depth = leaf.f() and len(__import__("inspect").stack())
            def ask(x: Unknown, *, y=2): return x + y
        '''.lstrip("\n"))
        self.write("lib/shop/part.py", """
            class Box:
                def __init__(self, x): self.x = x
                @property
                def double(self): return 2 * self.x
            def count(n):
                for i in range(n): yield i
            async def later(): return 5
            def fail():
                raise ValueError("no")
        """)
        self.write("lib/shop/deep/leaf.py", "def f(): return True\n")
        self.write("lib/shop/empty.py", "x = 1\n")
        self.write("lib/shop/broken.py", "def f(:\n")
        self.write("lib/shop/data/text.txt", "text")
        self.write("lib/alone.py", "def f(): return __name__\n")
        self.program = self.write("program.py", PROGRAM)

    def weave(self, *arguments, path="lib"):
        environment = self.environment(PYTHONPATH=harness.PACKAGE_PATH + os.pathsep + self.directory + "/" + path)
        return subprocess.run([sys.executable, "-m", "kieker", "weave"] + list(arguments), cwd=self.directory, env=environment,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True, timeout=60)

    def run_it(self, *path, program=None, **changes):
        """Runs the program with these directories in front."""
        path = [self.directory + "/" + one for one in path] + [harness.PACKAGE_PATH]
        return self.finish(self.start([program or self.program], None, env=self.environment(PYTHONPATH=os.pathsep.join(path), **changes)))

    def test_package(self):
        done = self.weave("shop", "--out", "woven")
        self.assertRegex(done.stdout, r"^3 modules, 7 functions woven in [0-9.]+ s; 2 modules have none or stay as they are\n$")
        self.assertRegex(done.stderr, "^kieker: shop.broken stays as it is: SyntaxError: .*\n$")
        plain = self.run_it("lib")
        sink = self.sink()
        woven = self.run_it("woven", "lib", KIEKER_WRITER=sink.address)
        self.assertEqual((woven.stdout.replace("/woven/", "/lib/"), woven.stderr, woven.returncode), (plain.stdout, "", 0))
        stream, = sink.streams()
        calls = {"%s.%s" % (call.component, call.operation): call for trace in stream.traces() for call in trace.walk()}
        self.assertEqual(SEEN - set(calls), set())
        self.assertEqual(calls["shop.part.fail"].cause, "ValueError('no')")
        # Nothing is recorded where that is not wanted, and sources that change run as they are.
        self.assertEqual(self.run_it("woven", KIEKER_WRITER="inactive").stdout, woven.stdout)
        with open(self.directory + "/woven/shop/part.py", "a", encoding="utf-8") as file:
            file.write("print('edited')\n")
        self.assertEqual(self.run_it("woven", KIEKER_WRITER="null").stdout, "edited\n" + woven.stdout)

    def test_copied_elsewhere(self):
        self.weave("shop", "--out", "woven")
        shutil.copytree(self.directory + "/woven", self.directory + "/other", copy_function=shutil.copyfile)
        shutil.rmtree(self.directory + "/woven")
        sink = self.sink()
        done = self.run_it("other", KIEKER_WRITER=sink.address)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn(self.directory + "/other/shop/part.py", done.stdout)
        self.assertTrue(sink.streams()[0].events)

    def test_part_file_and_repetition(self):
        self.assertIn("1 modules, 1 functions", self.weave("shop.deep", "--out", "woven").stdout)
        self.assertEqual(self.run_it("woven", KIEKER_WRITER="null").stdout, self.run_it("lib").stdout.replace("/lib/", "/woven/"))
        done = self.weave("lib/shop", "lib/alone.py", "--out=woven", "--exclude", "shop.part*", "--exclude=none")
        self.assertIn("3 modules, 3 functions", done.stdout)
        self.assertEqual(sorted(os.listdir(self.directory + "/woven")), ["__pycache__", "alone.py", "kieker-woven.txt", "shop"])
        sink = self.sink()
        done = self.run_it("woven", program=self.write("other.py", "import alone\nprint(alone.f())\n"), KIEKER_WRITER=sink.address)
        self.assertEqual((done.stdout, done.stderr), ("alone\n", ""))
        self.assertEqual([trace.shape() for trace in sink.streams()[0].traces()], ["f"])

    def test_errors(self):
        self.write("taken/shop/__init__.py", "")
        self.write("lib/nothing.py", "x = 1\n")
        for arguments, text in (
            (("none_such", "--out", "w"), "there is no module none_such"),
            (("sys", "--out", "w"), "it is built in"),
            (("json", "--out", "w"), "part of the standard library"),
            (("lib/none.py", "--out", "w"), "there is no lib/none.py"),
            (("nothing", "--out", "w"), "there is nothing to weave in nothing"),
            (("shop",), "say what to weave"),
            (("--out", "w"), "say what to weave"),
            (("shop", "--out"), "--out needs a value"),
            (("shop", "--put", "w"), "there is no option --put"),
            (("shop", "--out", "lib/shop/w"), "choose another place"),
            (("shop", "--out", "taken"), "is there already"),
        ):
            with self.subTest(arguments):
                done = self.weave(*arguments)
                self.assertEqual((done.returncode, done.stdout), (2, ""))
                self.assertRegex(done.stderr, "^kieker: [^\n]*%s[^\n]*\n$" % text)
        self.assertEqual(self.weave("--help").returncode, 0)

    def test_another_version(self):
        self.weave("alone", "--out", "woven")
        program = self.write("other.py", "import kieker._kieker\nkieker._kieker.__version__ = 'x'\nimport alone\n")
        self.assertRegex(self.run_it("woven", program=program).stderr, "ImportError: this module was woven by kieker .*: weave it again")


if __name__ == "__main__":
    harness.main()
