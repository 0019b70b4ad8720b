# SPDX-License-Identifier: Apache-2.0
"""Programs and test suites of others do under the agent, with all modules observed, what they do without it. tests/harm/README.md tells of the
whole; this is the part that takes a minute or two."""
import os
import subprocess
import sys
import tempfile
import unittest

import harness

HARM = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "harm")
sys.path.insert(0, HARM)

import compare  # noqa: E402
import under  # noqa: E402

COLLECTOR = tuple(os.environ.get("KIEKER_" + name, "./kieker-" + name.lower()) for name in ("COLLECTOR", "QUERY"))
DEBIAN = "/usr/lib/python3/dist-packages"
MODES = [mode for mode in under.MODES if mode != "plain"]

# The files of CPython's test package that an agent which changes code would break first, and that take seconds.
FILES = """
    test_contextlib test_contextlib_async test_generators test_coroutines test_asyncgen test_yield_from test_traceback test_exceptions test_frame
    test_functools test_dataclasses test_enum test_typing test_copy test_descr test_super test_scope test_funcattrs test_with test_raise
    test_sys_settrace test_sys_setprofile test_bdb test_doctest test_gc test_patma test_except_star test_keywordonlyarg test_named_expressions
    test_linecache test_runpy test_pkgutil test_zipimport test_reprlib
""".split()

# Nothing is cached of what is woven once it exists, so of these there are fewer.
FILES_OF_POST = FILES[:7]


class Program(unittest.TestCase):
    """A small real program of ours that uses a library of others."""

    def check(self, name, library, package, **environment):
        environment["PYTHONPATH"] = os.pathsep.join((harness.PACKAGE_PATH, DEBIAN))
        found = subprocess.run([sys.executable, "-c", "import " + library], env=dict(os.environ, **environment), stderr=subprocess.DEVNULL)
        if found.returncode:
            self.skipTest("%s is not there for this Python: apt-get install %s" % (library, package))
        program = os.path.join(HARM, "programs", name)
        # The interpreter's own directories stay as they are.
        cache = tempfile.TemporaryDirectory()
        self.addCleanup(cache.cleanup)
        environment["PYTHONPYCACHEPREFIX"] = cache.name
        plain = self.run_program(program, "plain", environment)
        self.assertEqual(plain.status, 0, plain.output)
        for mode in MODES:
            with self.subTest(mode=mode):
                woven = self.run_program(program, mode, environment)
                self.assertEqual((woven.status, woven.output), (0, plain.output))
                self.assertEqual(compare.trouble(woven.collector), [])
                self.assertGreater(woven.collector["calls"], 2000)

    @staticmethod
    def run_program(program, mode, environment):
        return under.run(sys.executable, mode, [program], harness.PACKAGE_PATH, COLLECTOR, 120, environment)

    def test_protobuf(self):
        self.check("protobuf_messages.py", "google.protobuf", "python3-protobuf")

    def test_protobuf_written_in_python(self):
        self.check("protobuf_messages.py", "google.protobuf", "python3-protobuf", PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION="python")

    def test_numpy(self):
        self.check("numpy_arrays.py", "numpy", "python3-numpy")

    def test_django(self):
        self.check("django_site.py", "django", "python3-django")

    def test_flask(self):
        self.check("flask_app.py", "flask", "python3-flask")


class Standard(unittest.TestCase):
    """CPython's own tests, with the standard library and the tests themselves observed."""

    def check(self, mode, files):
        if subprocess.run([sys.executable, "-c", "import test.test_contextlib"], stderr=subprocess.DEVNULL).returncode:
            self.skipTest("this Python has no test package: apt-get install libpython3.11-testsuite")
        with tempfile.TemporaryDirectory() as results:
            done = subprocess.run([sys.executable, os.path.join(HARM, "cpython.py"), "--agent", harness.PACKAGE_PATH, "--collector", COLLECTOR[0],
                                   "--query", COLLECTOR[1], "--results", results, "--jobs", "2", "--verbose", "--missing", "--mode", mode, "--pycache", results + "/pycache"] + files,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True)
        sys.stdout.write("".join(line + "\n" for line in done.stdout.splitlines() if line.startswith("Python ")))
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertIn("files ", done.stdout)

    def test_files_woven_at_import(self):
        self.check("pre", FILES)

    def test_files_woven_once_they_exist(self):
        self.check("post", FILES_OF_POST)


if __name__ == "__main__":
    harness.main()
