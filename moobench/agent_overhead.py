#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the agent costs: MooBench's workload (a call 10 deep that does nothing) plain, observed in every way there is, and under other profilers.

agent_overhead.py [--python PYTHON]... [--only WORDS] [--calls N] [--depth N] [--loops N]

All setups run in turn, loop after loop, so that a slower moment of the machine meets all of them. Of each run the first half is dropped; figures are
microseconds of an outer call, medians of the loops. `mean` is over everything measured, so it has the pauses in it and is what a program pays in
the long run, if nobody else wants the processors: see the load average. `median` is an ordinary call. `ns/call` is what one call costs more than a
plain one, by medians; `sustained` is the ratio of the means. `lost` is how many records did not arrive: counted at both ends where there are two.
"""

import argparse
import array
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
AGENT_TESTS = os.path.join(ROOT, "tests", "agent")

# What ini files of the Kieker Python pack say; {directory} and {port} are filled in.
COMPAT = {
    "dummy": "[General]\nmode = dummy\n",
    "text": "[General]\nmode = text\n[FileWriter]\nfile_path = {directory}/kieker-0.dat\n",
    "tcp": "[General]\nmultiple_Connections = False\n[Main]\nmode = tcp\n[Tcp]\nhost = 127.0.0.1\nport = {port}\nconnection_timeout = 10\n",
}


class Setup:
    """A way to run the workload. share: it runs so much shorter, because it fills a disk or takes very long."""

    def __init__(self, name, arguments=(), more=(), ini=None, sink=None, records=0, share=1, budget=None):
        self.name = name
        self.arguments = list(arguments)
        self.more = list(more)
        self.ini = ini
        self.sink = sink
        self.records = records  # of each call
        self.share = share
        self.budget = budget
        self.runs = []
        self.lost = 0
        self.missing = None


def agent(writer, *options):
    return ["-m", "kieker", "--writer", writer] + list(options)


def all_setups(has_collector):
    """{sink}, {collector} and {directory} stand for what is known when a setup runs."""
    setups = [
        Setup("no instrumentation"),
        Setup("inactive", agent("inactive"), budget="ratio <= 1.1"),
        Setup("switched off at run time", agent("null"), more=["deactivate"]),
        Setup("null writer, pre", agent("null"), records=2, budget="ns/call <= 40"),
        Setup("null writer, post", agent("null", "--weave", "post"), records=2, budget="ns/call <= 40"),
        Setup("null writer, monitor", agent("null", "--weave", "monitor"), records=2),
        Setup("null writer, executions", agent("null", "--record", "executions"), records=1),
        Setup("text log", agent("file:{directory}"), records=2, share=4),
        Setup("binary log", agent("binary:{directory}"), records=2, share=4),
        Setup("tcp to a sink", agent("tcp://127.0.0.1:{sink}"), sink="sink", records=2, budget="sustained <= 3"),
        Setup("tcp to a sink, executions", agent("tcp://127.0.0.1:{sink}", "--record", "executions"), sink="sink", records=1),
    ]
    if has_collector:
        setups += [
            Setup("tcp to the collector", agent("tcp://127.0.0.1:{collector}"), sink="collector", records=2, budget="sustained <= 5"),
            Setup("tcp to the collector, executions", agent("tcp://127.0.0.1:{collector}", "--record", "executions"), sink="collector", records=1),
        ]
    for when in ("pre", "post"):
        setups.append(Setup("compat, inactive probe, " + when, more=["compat", "{ini}", when, "empty"], ini="dummy", budget="ratio <= 1.1"))
    for ini, label, share in (("dummy", "null", 1), ("text", "text file", 4), ("tcp", "tcp", 1)):
        for when in ("pre", "post"):
            setups.append(Setup("compat, %s writer, %s" % (label, when), more=["compat", "{ini}", when, "full"], ini=ini, records=2, share=share,
                                sink="sink" if ini == "tcp" else None))
    setups.append(Setup("cProfile", ["-m", "cProfile", "-o", os.devnull]))
    setups.append(Setup("VizTracer (ring of 1M entries)", more=["viztracer"]))
    return setups


class Sink:
    """moobench/sink.c, running."""

    def __init__(self, program):
        self._process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
        self.port = self._number()

    def _number(self):
        return int(self._process.stdout.readline())

    def received(self, at_least):
        """How many bytes it has got, when it has got that many, or when nothing more comes."""
        for _ in range(100):
            self._process.stdin.write("\n")
            now = self._number()
            if now >= at_least:
                break
            time.sleep(0.05)
        return now

    def stop(self):
        self._process.communicate()


class Collector:
    """kieker-collector with a database of its own, running."""

    def __init__(self, program, directory):
        self._directory = directory
        ready = os.path.join(directory, "ready")
        self._process = subprocess.Popen([program, "--port", "0", "--http-port", "0", "--ready-file", ready,
                                          "--database", os.path.join(directory, "bench.db")], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(300):
            if os.path.exists(ready) or self._process.poll() is not None:
                break
            time.sleep(0.05)
        with open(ready) as lines:
            said = dict(line.strip().split("=", 1) for line in lines)
        self.port, self._http = int(said["port"]), int(said["http_port"])

    def status(self):
        with urllib.request.urlopen("http://127.0.0.1:%d/api/v1/status" % self._http, timeout=30) as reply:
            return json.load(reply)["rows"][0]

    def stored(self, at_least):
        """How many calls it has stored, when it has that many, or when nothing more comes."""
        last, seen = -1, time.monotonic()
        while True:
            now = self.status()["calls"]
            if now != last:
                last, seen = now, time.monotonic()
            if now >= at_least or time.monotonic() - seen > 10:
                return now
            time.sleep(0.05)

    def stop(self):
        self._process.terminate()
        self._process.wait()


class Bench:
    """The setups of one interpreter."""

    def __init__(self, given, python, path, directory, sink, collector):
        self._given = given
        self._python = python
        self._directory = directory
        self._sink, self._collector = sink, collector
        self._calls_stored = collector.status()["calls"] if collector else 0
        self._bytes_received = sink.received(0)
        # Bytecode, plain and woven, goes elsewhere than beside the sources.
        self._environment = {key: value for key, value in os.environ.items() if not key.startswith("KIEKER_")}
        self._environment.update(PYTHONPATH=os.pathsep.join((path, os.path.join(ROOT, "agent", "python", "compat"))),
                                 PYTHONPYCACHEPREFIX=os.path.join(directory, "pycache"))
        self._environment.pop("PYTHONDONTWRITEBYTECODE", None)

    def run(self, setup, calls, depth):
        """One run: nothing; setup knows what came out."""
        logs = tempfile.mkdtemp(dir=self._directory)
        try:
            with tempfile.NamedTemporaryFile(dir=logs) as output, tempfile.NamedTemporaryFile("w", dir=self._directory, suffix=".ini") as ini:
                names = {"sink": self._sink.port, "collector": self._collector and self._collector.port, "directory": logs, "ini": ini.name}
                ini.write(COMPAT.get(setup.ini, "").format(directory=logs, port=self._sink.port))
                ini.flush()
                words = setup.arguments + [os.path.join(HERE, "workload.py"), str(calls), str(depth), output.name] + setup.more
                done = subprocess.run([self._python] + [word.format(**names) for word in words], env=self._environment, cwd=HERE,
                                      stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
                if done.returncode != 0:
                    setup.missing = (done.stderr.strip().splitlines() or ["exit status %d" % done.returncode])[-1]
                    return None
                counters = json.loads(output.readline())
                taken = array.array("q", output.read())
        finally:
            shutil.rmtree(logs)
        self._account(setup, counters, calls * depth)
        return statistics.quantiles(taken, n=4) + [sum(taken) / len(taken)]

    def _account(self, setup, counters, calls):
        """Adds up what was lost."""
        if not setup.records:
            return
        if counters["sent"] > calls * setup.records:
            setup.missing = "%d records made, but %d sent" % (calls * setup.records, counters["sent"])
        setup.lost += max(sum(value for name, value in counters.items() if name.startswith("dropped_")), calls * setup.records - counters["sent"])
        if setup.sink == "sink":
            received = self._sink.received(self._bytes_received + counters["bytes"])
            if received != self._bytes_received + counters["bytes"]:
                raise SystemExit("agent_overhead.py: %s: %d bytes sent, %d received"
                                 % (setup.name, counters["bytes"], received - self._bytes_received))
            self._bytes_received = received
        if setup.sink == "collector":
            self._calls_stored += calls
            stored = self._collector.stored(self._calls_stored)
            setup.lost += (self._calls_stored - stored) * setup.records
            self._calls_stored = stored

    def measure(self, setups):
        given = self._given
        for setup in setups:
            # Fills caches, and shows which ones there are.
            self.run(setup, 1000, given.depth)
            setup.lost = 0
        for _ in range(given.loops):
            for setup in setups:
                if setup.missing is None:
                    setup.runs.append(self.run(setup, max(1000, given.calls // setup.share), given.depth))


def show(given, python, setups, load):
    version = subprocess.run([python, "-V"], stdout=subprocess.PIPE, text=True).stdout.strip()
    print("%s, %d outer calls %d deep, %d loops, %d processors, load average before it %.1f; microseconds of an outer call"
          % (version, given.calls, given.depth, given.loops, os.cpu_count(), load))
    print("| setup | mean | 1.q | median | 3.q | ns/call | ratio | sustained | lost | budget |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    plain = plain_mean = None
    for setup in setups:
        if setup.missing is not None or None in setup.runs:
            continue
        low, median, high, mean = (statistics.median(run[i] for run in setup.runs) for i in range(4))
        if plain is None:
            plain, plain_mean = median, mean
        figures = {"ns/call": (median - plain) / given.depth, "ratio": median / plain, "sustained": mean / plain_mean}
        print("| %s | %.2f | %.2f | %.2f | %.2f | %.1f | %.2f | %.2f | %s | %s |"
              % (setup.name, mean / 1e3, low / 1e3, median / 1e3, high / 1e3, figures["ns/call"], figures["ratio"], figures["sustained"],
                 setup.lost if setup.records else "", judge(setup.budget, figures)))
    for setup in setups:
        if setup.missing is not None:
            print("not measured: %s: %s" % (setup.name, setup.missing))
    print(flush=True)


def judge(budget, figures):
    if budget is None:
        return ""
    name, _, most = budget.split()
    return "%s: %s" % (budget, "kept" if figures[name] <= float(most) else "missed")


def interpreters(given, directory):
    """(program, where its package is): the built one, and others for which one is built now."""
    sys.dont_write_bytecode = True
    sys.path.insert(0, AGENT_TESTS)
    import all_pythons

    if not given.python:
        yield given.built_for, given.path
    for python in given.python:
        found = all_pythons.interpreters([shutil.which(python) or python])
        if not found:
            raise SystemExit("agent_overhead.py: %s is no Python from 3.9 on with its headers" % python)
        executable, version, include, suffix = found[0]
        path = os.path.join(directory, "package-" + version)
        os.mkdir(path)
        all_pythons.build(include, suffix, path)
        yield executable, path


def main():
    builddir = os.environ.get("builddir", ".")
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--python", action="append", default=[], help="an interpreter, for which the package is built first; may be repeated")
    parser.add_argument("--built-for", default=os.environ.get("PYTHON", sys.executable), help="without --python: the one that --path is built for")
    parser.add_argument("--path", default=os.path.join(builddir, "python"), help="where the built package is")
    parser.add_argument("--sink", default=os.path.join(builddir, "moobench", "sink"))
    parser.add_argument("--collector", default=os.environ.get("KIEKER_COLLECTOR"))
    parser.add_argument("--only", default="", help="setups with one of these texts in their names, separated by commas; and the plain one")
    parser.add_argument("--calls", type=int, default=400000)
    parser.add_argument("--depth", type=int, default=10)
    parser.add_argument("--loops", type=int, default=5)
    given = parser.parse_args()
    given.path = os.path.abspath(given.path)

    with tempfile.TemporaryDirectory(prefix="kieker-bench-") as directory:
        sink = Sink(given.sink)
        collector = Collector(given.collector, directory) if given.collector else None
        try:
            for python, path in interpreters(given, directory):
                setups = all_setups(collector is not None)
                setups[1:] = [setup for setup in setups[1:] if any(word in setup.name for word in given.only.split(","))]
                load = os.getloadavg()[0]
                Bench(given, python, path, directory, sink, collector).measure(setups)
                show(given, python, setups, load)
        finally:
            if collector:
                collector.stop()
            sink.stop()


if __name__ == "__main__":
    main()
