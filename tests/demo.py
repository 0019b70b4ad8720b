# SPDX-License-Identifier: Apache-2.0
"""demo.py [BUILD]: watches a real program at work, with what has been built in BUILD (by default $builddir, as a test).

Debian's docutils turns its own reference, some thousand lines, into HTML: once by itself, then several times under the agent with
docutils included. The HTML must be the same byte for byte. Then the slowest traces, the call tree of the slowest and the hottest
operations are printed. On a terminal the dashboard stays up until Ctrl-C; else this ends with 0. The collector takes free ports and a
database of its own, which goes when the demo ends.
"""
import glob
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time

RUNS = 5
PROGRAM = "/usr/bin/rst2html"
DOCUMENT = "/usr/share/doc/docutils-doc/docs/ref/rst/restructuredtext.txt"
DEBIAN_PACKAGES = "/usr/lib/python3/dist-packages"
PATIENCE = 60  # seconds that the collector may take to start, and to have taken in everything


class Failure(Exception):
    """A sentence that says what is wrong and what to do."""


def heading(text):
    print("\n\033[1m%s\033[0m" % text if sys.stdout.isatty() else "\n== %s" % text, flush=True)


def shown(arguments, build):
    """The command as one would type it in the source directory."""
    return " ".join(shlex.quote(os.path.relpath(a) if a.startswith(build + os.sep) else a) for a in arguments)


def run(arguments, build, environment, quiet=False):
    if not quiet:
        print("$ " + shown(arguments, build), flush=True)
    done = subprocess.run(arguments, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE if quiet else None)
    if done.returncode:
        raise Failure("this command ended with %d: %s" % (done.returncode, shown(arguments, build)))
    return done.stdout


def document_in(work):
    """The path of the document, among those that it includes. Some images of Debian leave /usr/share/doc out: then it comes from the package."""
    if os.path.exists(DOCUMENT):
        return DOCUMENT
    got = subprocess.run(["apt-get", "-q", "download", "docutils-doc"], cwd=work, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    archives = glob.glob(os.path.join(work, "docutils-doc_*.deb"))
    if not archives:
        sys.stderr.write(got.stdout.decode(errors="replace"))
        raise Failure("the document is missing, and its package could not be fetched: apt-get install docutils-doc")
    subprocess.run(["dpkg-deb", "-x", archives[0], work + "/package"], check=True)
    if not os.path.exists(work + "/package" + DOCUMENT):
        raise Failure("the package docutils-doc has no %s: is it another version than Debian 12's?" % DOCUMENT)
    return work + "/package" + DOCUMENT


def reach_docutils(python, work, environment):
    """Makes Debian's docutils reachable for an interpreter that is not Debian's: it, and nothing else of Debian's packages."""
    if subprocess.run([python, "-c", "import docutils"], env=environment, stderr=subprocess.DEVNULL).returncode == 0:
        return
    if not os.path.isdir(os.path.join(DEBIAN_PACKAGES, "docutils")) or not os.path.exists(PROGRAM):
        raise Failure("docutils is missing: apt-get install python3-docutils, or ./bootstrap demo, which does")
    library = os.path.join(work, "library")
    os.mkdir(library)
    for name in ("docutils", "roman.py"):
        if os.path.exists(os.path.join(DEBIAN_PACKAGES, name)):
            os.symlink(os.path.join(DEBIAN_PACKAGES, name), os.path.join(library, name))
    environment["PYTHONPATH"] += os.pathsep + library


def start_collector(build, work, environment):
    ready = os.path.join(work, "ready")
    log = open(os.path.join(work, "collector.log"), "wb")
    collector = subprocess.Popen(
        [build + "/kieker-collector", "--port", "0", "--http-port", "0", "--database", work + "/demo.db", "--ready-file", ready],
        env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    log.close()
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and collector.poll() is None:
        if os.path.exists(ready):
            with open(ready) as f:
                took = dict(line.rstrip("\n").split("=", 1) for line in f if line.endswith("\n") and "=" in line)
            if {"port", "http_port", "pid"} <= set(took):
                return collector, took
        time.sleep(0.02)
    with open(os.path.join(work, "collector.log"), errors="replace") as f:
        sys.stderr.write(f.read())
    stop(collector)
    raise Failure("the collector did not get ready: see what it said above")


def stop(collector):
    if collector.poll() is None:
        collector.send_signal(signal.SIGTERM)
        try:
            collector.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            collector.kill()
            collector.wait()
    return collector.returncode


def settled(query, build, environment, traces):
    """Waits until everything that was sent is stored."""
    deadline = time.monotonic() + PATIENCE
    status = {}
    while time.monotonic() < deadline:
        status = json.loads(run(query + ["status", "--json"], build, environment, quiet=True))["rows"][0]
        if status["traces"] >= traces and status["running"] == 0 and status["open_streams"] == 0:
            return status
        time.sleep(0.1)
    raise Failure("after %d s not all is stored: %s" % (PATIENCE, json.dumps(status)))


def timed(arguments, build, environment):
    began = time.monotonic()
    run(arguments, build, environment)
    return time.monotonic() - began


def same(one, other):
    with open(one, "rb") as a, open(other, "rb") as b:
        return a.read() == b.read()


def demo(build, work):
    python = os.environ.get("PYTHON") or sys.executable
    environment = {name: value for name, value in os.environ.items() if not name.startswith("KIEKER_")}
    environment["PYTHONPATH"] = os.path.join(build, "python")
    # Bytecode is kept, as it would be for anyone's program, but not among the system's files.
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    environment["PYTHONPYCACHEPREFIX"] = os.path.join(work, "bytecode")
    document = document_in(work)
    reach_docutils(python, work, environment)
    with open(document, "rb") as f:
        lines = f.read().count(b"\n")
    program = [PROGRAM, document]

    heading("%s: %d lines, to HTML, without the agent" % (os.path.basename(document), lines))
    plain = work + "/plain.html"
    run([python] + program + [plain], build, environment, quiet=True)  # so that its bytecode is there
    plain_s = timed([python] + program + [plain], build, environment)
    print("%.2f s, %d bytes" % (plain_s, os.path.getsize(plain)))

    collector, took = start_collector(build, work, environment)
    try:
        heading("the same under the agent, docutils included, %d times" % RUNS)
        for number in range(1, RUNS + 1):
            woven = "%s/woven-%d.html" % (work, number)
            woven_s = timed([python, "-m", "kieker", "--include", "docutils.*", "--run", "demo", "--writer",
                             "tcp://127.0.0.1:" + took["port"]] + program + [woven], build, environment)
            if not same(plain, woven):
                raise Failure("the HTML differs from that without the agent: compare %s and %s" % (plain, woven))
            print("%.2f s, the HTML is the same byte for byte" % woven_s, flush=True)

        query = [build + "/kieker-query", "--database", work + "/demo.db"]
        status = settled(query, build, environment, RUNS)
        print("stored: %(calls)d calls in %(traces)d traces, %(size_bytes)d bytes" % status)

        heading("the slowest traces")
        run(query + ["traces", "--slowest"], build, environment)
        slowest = json.loads(run(query + ["traces", "--slowest", "1", "--json"], build, environment, quiet=True))["rows"]
        if not slowest:
            raise Failure("no trace was stored")
        heading("the call tree of the slowest: its longest calls")
        run(query + ["trace", slowest[0]["id"], "--depth", "10", "--limit", "30"], build, environment)
        heading("the hottest operations, by their own time")
        run(query + ["operations", "--limit", "15"], build, environment)

        heading("the dashboard: http://127.0.0.1:%s/" % took["http_port"])
        if sys.stdout.isatty() and sys.stdin.isatty():
            print("Ctrl-C ends the demo.", flush=True)
            try:
                collector.wait()
            except KeyboardInterrupt:
                print()
    finally:
        code = stop(collector)
    if code:
        raise Failure("the collector ended with %d" % code)


def main():
    builds = sys.argv[1:] or [os.environ.get("builddir")]
    if len(builds) != 1 or not builds[0]:
        sys.exit(__doc__)
    work = tempfile.mkdtemp(prefix="kieker-demo-")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    failed = False
    try:
        demo(os.path.abspath(builds[0]), work)
    except Failure as failure:
        failed = True
        sys.exit("demo: %s (what it made is in %s)" % (failure, work))
    except KeyboardInterrupt:
        sys.exit(130)
    finally:
        if not failed:
            shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    main()
