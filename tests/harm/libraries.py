#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the test suites that Debian ships inside its libraries, plain and with all modules woven, and compares them test by test.

    libraries.py --agent DIRECTORY [--mode pre,post] [networkx|sympy|PACKAGE.WITH.TESTS]...

Each directory with tests is run by pytest in a process of its own; pytest itself is woven, too (--plain-pytest: not). It needs
python3-pytest, python3-networkx and python3-sympy. See README.md.
"""
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

import comparison  # noqa: E402

# What is run when nothing is named. Of sympy the parts that take minutes each are left out.
LIBRARIES = ("networkx", "sympy")
LONG = ("sympy.integrals", "sympy.solvers", "sympy.polys", "sympy.holonomic", "sympy.physics", "sympy.stats", "sympy.geometry", "sympy.series",
        "sympy.combinatorics", "sympy.matrices", "sympy.benchmarks")


def parts_of(library, directory):
    """The packages with a directory of tests."""
    for path, directories, files in os.walk(os.path.join(directory, library)):
        directories.sort()
        if os.path.basename(path) == "tests" and any(file.startswith("test_") for file in files):
            yield os.path.relpath(os.path.dirname(path), directory).replace(os.sep, ".")


def main(arguments):
    parser = comparison.parser(__doc__, "PACKAGE")
    parser.set_defaults(python="/usr/bin/python3", timeout=300)
    parser.add_argument("--plain-pytest", action="store_true", help="do not observe pytest itself")
    parser.add_argument("--long", action="store_true", help="the parts of sympy too that take minutes: " + " ".join(LONG))
    options = parser.parse_args(arguments)
    packages = subprocess.run([options.python, "-c", "import networkx, os; print(os.path.dirname(os.path.dirname(networkx.__file__)))"],
                              stdout=subprocess.PIPE, check=True, universal_newlines=True).stdout.strip()
    if options.plain_pytest:
        options.more = ["--exclude", "_pytest.*", "--exclude", "pytest", "--exclude", "pluggy.*", "--exclude", "outcomes"]
    named = [name for library in LIBRARIES for name in parts_of(library, packages)]
    named = [name for name in named if options.long or not any(name == long or name.startswith(long + ".") for long in LONG)]
    options.files = [part for name in options.files for part in (parts_of(name, packages) if name in LIBRARIES else [name])]

    def suite(part, lines, timeout):
        path = os.path.join(packages, part.replace(".", os.sep), "tests")
        return ["-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "outcomes", "--rootdir", packages, "-c", os.devnull, path], {
            "HARM_RESULTS": lines, "PYTHONPATH": os.pathsep.join(filter(None, (options.agent, HERE))), "PYTHONFAULTHANDLER": "1"}

    return comparison.run(options, suite, named)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
