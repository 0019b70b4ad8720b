#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""MooBench for this agent and its peers: what being observed costs a call, by every setup there is, all in one interleaved run.

    moobench.py [--full] [--python PYTHON]... [--only PATTERN]... [--experiment NAME]... [--loops N] [--out FILE.json] [--html FILE.html]
    moobench.py --report FILE.json [--html FILE.html] [--csv FILE.csv]

The first form measures (minutes; with --full hours), prints the tables and writes what it has taken to --out, from which the second form makes them
again. Every loop runs every point (a setup under a load) once, in an order of its own, each in a process of its own; the first half of each
process's calls is dropped. Ctrl-C ends it after what is complete. docs/moobench.md says what the figures mean, and what threatens them.
"""

import argparse
import fnmatch
import json
import os
import random
import sys
import tempfile
import time

import experiments
import machine
import report
import report_html
import runs
import setups
from counterparts import Collector, Sink

HERE = os.path.dirname(os.path.abspath(__file__))
FORMAT = "kieker-moobench 1"


class Point:
    """A setup under a load, in one interpreter."""

    def __init__(self, interpreter, experiment, x, load, setup):
        self.interpreter, self.experiment, self.x, self.load, self.setup = interpreter, experiment, x, load, setup
        self.seconds = None

    def name(self, loop):
        return "%s-%s-%s-%s-%d.csv" % (self.interpreter.version, self.experiment.key, self.x, self.setup.key, loop)


class Progress:
    """One line on standard error: how far, what is running, how much time is left. On a terminal it replaces itself; elsewhere it comes a loop."""

    def __init__(self, loops, points):
        self._loops, self._points = loops, points
        self._is_terminal = sys.stderr.isatty()
        self._done = 0

    def show(self, loop, point):
        left = ""
        if all(point.seconds is not None for point in self._points):
            once = sum(point.seconds for point in self._points)
            left = ", %s left" % _words(once * (self._loops - self._done / len(self._points)))
        if self._is_terminal:
            name = "%s %s %s=%s" % (point.interpreter.version, point.setup.key, point.experiment.x, point.x)
            print("\r\033[Kloop %d of %d, %d of %d%s: %s" % (loop + 1, self._loops, self._done % len(self._points) + 1, len(self._points), left, name),
                  end="", file=sys.stderr, flush=True)
        elif self._done % len(self._points) == 0:
            print("loop %d of %d, %d points%s" % (loop + 1, self._loops, len(self._points), left), file=sys.stderr, flush=True)
        self._done += 1

    def end(self):
        if self._is_terminal:
            print("\r\033[K", end="", file=sys.stderr)


def _words(seconds):
    return "%d s" % seconds if seconds < 90 else "%d min" % round(seconds / 60) if seconds < 5400 else "%.1f h" % (seconds / 3600)


def plan(given, interpreters, chosen, wanted):
    """Every point of the run, the impossible ones left out: their setups say why."""
    points = []
    for interpreter in interpreters:
        is_native = isinstance(interpreter, runs.Native)
        points += [Point(interpreter, experiment, x, load, setup) for experiment in wanted for x, load in experiment.loads for setup in chosen
                   if setup.missing is None and setup.native == is_native and experiment.takes(setup)]
    return points


def warm_up(points, ends):
    """Runs each setup shortly in each interpreter: fills caches, and shows which ones there are. What is left of the points."""
    tried = {}
    for point in points:
        key = (point.interpreter, point.setup, bool(point.load.tasks))
        if key not in tried:
            try:
                runs.run(point.setup, point.interpreter, runs.Load(1000, tasks=1 if point.load.tasks else 0), ends)
                tried[key] = None
            except runs.Missing as missing:
                tried[key] = str(missing)
    return [point for point in points if tried[point.interpreter, point.setup, bool(point.load.tasks)] is None], [
        {"python": interpreter.version, "setup": setup.key, "why": why} for (interpreter, setup, _), why in tried.items() if why]


def measure(given, points, ends):
    """Yields what was taken of each run."""
    progress = Progress(given.loops, points)
    if given.raw:
        os.makedirs(given.raw, exist_ok=True)
    try:
        for loop in range(given.loops):
            order = list(points)
            random.Random(given.seed + loop).shuffle(order)
            for point in order:
                progress.show(loop, point)
                begun = time.monotonic()
                taken = runs.run(point.setup, point.interpreter, point.load, ends, given.raw and os.path.join(given.raw, point.name(loop)))
                point.seconds = time.monotonic() - begun
                yield dict(python=point.interpreter.version, experiment=point.experiment.key, x=point.x, setup=point.setup.key, loop=loop, **taken)
    except KeyboardInterrupt:
        print("\nended early: what is complete so far is reported", file=sys.stderr)
    finally:
        progress.end()


def take(given):
    """Measures all that was asked for: the result, as it is kept."""
    compat = os.path.join(os.path.dirname(HERE), "agent", "python", "compat")
    chosen = setups.all_setups(compat, given.kieker_pack)
    if given.only:
        chosen = [setup for setup in chosen if setup.key in ("none", "c-none") or any(fnmatch.fnmatch(setup.key, text) for text in given.only)]
    else:
        allowed = experiments.GROUPS[:experiments.GROUPS.index("full" if given.full else "usual") + 1]
        chosen = [setup for setup in chosen if setup.group in allowed]
    wanted = [experiment for experiment in experiments.all_experiments(given.full, given.scale) if not given.experiment or experiment.key in given.experiment]
    with tempfile.TemporaryDirectory(prefix="kieker-moobench-") as directory:
        interpreters = runs.interpreters(given.python, given.built_for, given.path, directory) + [runs.Native(given.native)]
        sink = Sink(given.sink)
        collector = Collector(given.collector, directory) if given.collector else None
        ends = runs.Counterparts(sink, collector)
        try:
            result = {"format": FORMAT, "began_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "machine": machine.describe(),
                      "seed": given.seed, "loops": given.loops,
                      "setups": [{"key": setup.key, "title": setup.title, "budget": setup.budget, "published": setup.published, "records": setup.records}
                                 for setup in chosen],
                      "experiments": [{"key": experiment.key, "title": experiment.title, "x": experiment.x} for experiment in wanted],
                      "missing": [{"python": "any", "setup": setup.key, "why": setup.missing} for setup in chosen if setup.missing]}
            points, missing = warm_up(plan(given, interpreters, chosen, wanted), ends)
            result["missing"] += missing
            result["runs"] = list(measure(given, points, ends))
            result["load_after"] = machine.describe()["load"]
        finally:
            if collector:
                collector.stop()
            sink.stop()
    complete = min((sum(1 for run in result["runs"] if run["loop"] == loop) for loop in range(given.loops)), default=0)
    if complete < len(points):
        # A loop that was broken off would be compared with less than the others.
        result["loops"] = max((run["loop"] for run in result["runs"]), default=0)
        result["runs"] = [run for run in result["runs"] if run["loop"] < result["loops"]]
    return result


def write(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    print("wrote %s" % path, file=sys.stderr)


def arguments():
    builddir = os.environ.get("builddir", ".")
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--report", metavar="FILE", help="make the tables of this result again instead of measuring")
    parser.add_argument("--full", action="store_true", help="all setups, ten times the calls, 10 loops: hours")
    parser.add_argument("--python", action="append", default=[], help="an interpreter, for which the package is built first; may be repeated")
    parser.add_argument("--only", action="append", default=[], metavar="PATTERN", help="setups by their keys, with * and ?; the plain ones are always there")
    parser.add_argument("--experiment", action="append", default=[], choices=[e.key for e in experiments.all_experiments(False, 1)],
                        help="only this; may be repeated")
    parser.add_argument("--loops", type=int, help="how often everything is run (default: 5, with --full 10)")
    parser.add_argument("--scale", type=float, default=1, help="times so many calls")
    parser.add_argument("--seed", type=int, default=1, help="of the order (default: 1)")
    parser.add_argument("--raw", metavar="DIRECTORY", help="keep every call there, a CSV thread;ns a run")
    parser.add_argument("--out", metavar="FILE", help="where the result goes")
    parser.add_argument("--html", metavar="FILE", help="write a page with tables and plots")
    parser.add_argument("--csv", metavar="FILE", help="write the figures of every setup and load")
    parser.add_argument("--kieker-pack", metavar="DIRECTORY", help="a checkout of the Kieker Python pack, to be measured beside it")
    parser.add_argument("--built-for", default=os.environ.get("PYTHON", sys.executable), help="without --python: the one that --path is built for")
    parser.add_argument("--path", default=os.path.join(builddir, "python"), help="where the built package is")
    parser.add_argument("--sink", default=os.path.join(builddir, "moobench", "sink"))
    parser.add_argument("--native", default=os.path.join(builddir, "moobench", "native"))
    parser.add_argument("--collector", default=os.environ.get("KIEKER_COLLECTOR"), help="kieker-collector; without it its setups are left out")
    given = parser.parse_args()
    given.path = os.path.abspath(given.path)
    given.native = os.path.abspath(given.native)
    given.kieker_pack = given.kieker_pack and os.path.abspath(given.kieker_pack)
    given.loops = given.loops or (10 if given.full else 5)
    return given


def main():
    given = arguments()
    if given.report:
        with open(given.report, encoding="utf-8") as file:
            result = json.load(file)
        if result.get("format") != FORMAT:
            raise SystemExit("%s is no result of moobench.py (format %r)" % (given.report, result.get("format")))
    else:
        try:
            result = take(given)
        except (runs.Missing, runs.Lost) as error:
            raise SystemExit("moobench.py: %s" % error)
        if given.out:
            write(given.out, "{%s}\n" % ",\n".join('"%s": %s' % (key, _lines(value)) for key, value in result.items()))
    print(report.text(result))
    if given.csv:
        write(given.csv, report.csv(result))
    if given.html:
        write(given.html, report_html.page(result))
    return 0


def _lines(value):
    """JSON, a line each element where they are many."""
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return "[\n%s]" % ",\n".join(json.dumps(element, separators=(",", ":")) for element in value)
    return json.dumps(value)


if __name__ == "__main__":
    sys.exit(main())
