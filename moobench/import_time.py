#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What it costs to import a package that is observed, when its woven code is cached, against the plain import.

import_time.py [--python PYTHON] [--path PACKAGE_PATH] [--runs N] [--writer WRITER]

Starts Python in turn plain and under the agent, which observes all of sympy, or of Django, with what the interpreter has written and what
the agent has kept in place. The table has the import alone and the whole process, as medians, and the ratio as the median of the pairs'
ratios; and what the agent costs a program that imports nothing. Packages are those of that Python, or Debian's; those that are not there are named. A budget is 1.1 for the import.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time

SYMPY = "import sympy\n"

DJANGO = """
import django
from django.conf import settings
settings.configure(SECRET_KEY="x", DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
                   INSTALLED_APPS=["django.contrib." + app for app in ("contenttypes", "auth", "sessions", "messages", "admin")],
                   TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates"}])
django.setup()
import django.test, django.contrib.admin, django.contrib.auth.views, django.db.migrations.autodetector, django.views.generic
"""

AROUND = "import time\nbegun = time.perf_counter()\n%s\nprint(time.perf_counter() - begun)\n"

PACKAGES = (("sympy", SYMPY), ("django", DJANGO), (None, ""))

DEBIAN = "/usr/lib/python3/dist-packages"


def run(command, environment):
    """(seconds of the import, seconds of the whole process)"""
    begun = time.perf_counter()
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return float(done.stdout), time.perf_counter() - begun


def measure(options, directory, package, text, environment):
    script = os.path.join(directory, "program.py")
    with open(script, "w", encoding="utf-8") as file:
        file.write(AROUND % text)
    plain = [options.python, script]
    observed = [options.python, "-m", "kieker", "--writer", options.writer, "--include", "%s.*" % (package or "none"), script]
    # Twice each: the first writes what is kept.
    for command in (plain, plain, observed, observed):
        run(command, environment)
    pairs = []
    for number in range(options.runs):
        order = (plain, observed) if number % 2 else (observed, plain)
        found = {command is observed: run(command, environment) for command in order}
        pairs.append((found[False], found[True]))
    for what, at in ((("import", 0),) if package else ()) + (("process", 1),):
        print("%-8s %-8s %10.1f ms %10.1f ms %8.2f" % (
            package or "nothing", what, 1e3 * statistics.median(p[at] for p, _ in pairs), 1e3 * statistics.median(o[at] for _, o in pairs),
            statistics.median(o[at] / p[at] for p, o in pairs)), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--path", default="")
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--writer", default="null")
    options = parser.parse_args()
    environment = {key: value for key, value in os.environ.items() if not key.startswith("KIEKER_") and key != "PYTHONDONTWRITEBYTECODE"}
    print("%-8s %-8s %13s %13s %8s" % ("package", "", "plain", "observed", "ratio"))
    with tempfile.TemporaryDirectory() as directory:
        environment["PYTHONPYCACHEPREFIX"] = directory + "/cache"
        # Debian's packages are beside nothing else that could be meant: only what is asked for comes from there.
        links = os.path.join(directory, "packages")
        os.mkdir(links)
        for name in ("sympy", "mpmath", "django", "asgiref", "sqlparse", "pytz"):
            if os.path.isdir(os.path.join(DEBIAN, name)):
                os.symlink(os.path.join(DEBIAN, name), os.path.join(links, name))
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, (options.path, environment.get("PYTHONPATH"), links)))
        for package, text in PACKAGES:
            if package and subprocess.run([options.python, "-c", "import " + package], env=environment, stderr=subprocess.DEVNULL).returncode:
                print("%-8s is not there: apt-get install python3-%s" % (package, package))
                continue
            measure(options, directory, package, text, environment)


if __name__ == "__main__":
    main()
