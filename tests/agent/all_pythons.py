#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the agent's tests with every Python from 3.9 on that is found (or those that are named), each with an extension built for it.

all_pythons.py [PYTHON...]. Found are those of the system, and below $PYENV_ROOT if that is set, that have their headers.
"""

import glob
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
TESTS = ("test_weaving.py", "test_suspend.py", "test_monitor.py", "test_program.py", "test_delivery.py", "test_writers.py", "test_process.py",
         "test_docutils.py",
         "test_compat.py", "test_inplace.py", "test_post.py", "test_report.py", "test_imports.py", "test_ahead.py", "test_start.py")

ASK = """
import os, sys, sysconfig
include = sysconfig.get_paths()["include"]
if sys.version_info >= (3, 9) and os.path.exists(include + "/Python.h") and not sysconfig.get_config_var("Py_GIL_DISABLED"):
    print(os.path.realpath(sys.executable), sys.version.split()[0], include, sysconfig.get_config_var("EXT_SUFFIX"), sep="\\n")
"""


def interpreters(named):
    patterns = named or ["/usr/bin/python3.[0-9]*", "/usr/local/bin/python3.[0-9]*"]
    if not named and "PYENV_ROOT" in os.environ:
        patterns.append(os.path.join(os.environ["PYENV_ROOT"], "versions", "*", "bin", "python3"))
    found = {}
    for path in (path for pattern in patterns for path in sorted(glob.glob(pattern))):
        said = subprocess.run([path, "-c", ASK], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout.splitlines()
        if len(said) == 4:
            found.setdefault(said[0], said)
    return list(found.values())


def build(include, suffix, directory):
    """Puts the package together in that directory."""
    package = os.path.join(directory, "kieker")
    os.mkdir(package)
    for path in glob.glob(os.path.join(ROOT, "agent", "python", "kieker", "*.py*")):
        if os.path.isfile(path):
            os.symlink(path, os.path.join(package, os.path.basename(path)))
    os.symlink(os.path.join(ROOT, "agent", "python", "kieker.pth"), os.path.join(directory, "kieker.pth"))
    sources = [path for folder in ("agent/core", "agent/python", "record") for path in glob.glob(os.path.join(ROOT, folder, "*.c"))]
    subprocess.run([os.environ.get("CC", "cc"), "-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-fPIC", "-shared", "-fvisibility=hidden",
                    "-D_GNU_SOURCE=", '-DPACKAGE_VERSION="0.0.0"', "-I" + ROOT, "-isystem", include]
                   + sources + ["-o", os.path.join(package, "_kieker" + suffix), "-lpthread"], check=True)


def main():
    failed = []
    for executable, version, include, suffix in interpreters(sys.argv[1:]):
        with tempfile.TemporaryDirectory() as directory:
            build(include, suffix, directory)
            for test in TESTS:
                print("== Python %s: %s" % (version, test), flush=True)
                environment = dict(os.environ, PYTHONPATH=directory)
                if subprocess.run([executable, os.path.join(HERE, test)], env=environment).returncode:
                    failed.append("%s with Python %s" % (test, version))
    print("failed: " + ", ".join(failed) if failed else "all passed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
