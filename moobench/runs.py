# SPDX-License-Identifier: Apache-2.0
"""One run: the workload in a process of its own, under a setup. What it took, what it cost beside, and whether every record arrived."""

import array
import json
import os
import shutil
import subprocess
import sys
import tempfile

import figures
from setups import INI

HERE = os.path.dirname(os.path.abspath(__file__))


class Missing(Exception):
    """The setup cannot be run here; the text says why."""


class Lost(Exception):
    """Records did not arrive though nobody had said so: the figures would mean nothing."""


class Counterparts:
    """The sink and the collector, with what is known to have reached them. `collector` may be None."""

    def __init__(self, sink, collector):
        self.sink, self.collector = sink, collector
        self.bytes, self.calls = 0, 0


class Interpreter:
    """A Python with our package built for it in `path`."""

    def __init__(self, program, path, directory):
        self.program = program
        self.version = subprocess.run([program, "-c", "import platform; print(platform.python_version())"], stdout=subprocess.PIPE, text=True,
                                      check=True).stdout.strip()
        self._path = path
        # Bytecode, plain and woven, goes elsewhere than beside the sources.
        self._environment = {key: value for key, value in os.environ.items() if not key.startswith("KIEKER_") and key != "PYTHONDONTWRITEBYTECODE"}
        self._environment["PYTHONPYCACHEPREFIX"] = os.path.join(directory, "pycache-" + self.version)

    def command(self, setup, words):
        """(what runs the setup, its environment)"""
        path = os.pathsep.join([path for path in setup.path if path] + [self._path])
        return [self.program] + setup.arguments + [os.path.join(HERE, "workload.py")] + words, dict(self._environment, PYTHONPATH=path)


class Native:
    """moobench/native.c, in the place of an interpreter."""

    version = "C"

    def __init__(self, program):
        self.program = program

    def command(self, setup, words):
        return [self.program] + words, {key: value for key, value in os.environ.items() if not key.startswith("KIEKER_")}


def _start(command, environment, directory):
    """Runs it to its end. Raises Missing with the last line of what it said when it fails."""
    done = subprocess.run(command, env=environment, cwd=directory, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    if done.returncode != 0:
        raise Missing((done.stderr.strip().splitlines() or ["exit status %d" % done.returncode])[-1])


class Load:
    """What is called: how often, how deep, how long the innermost takes, by how many threads (or tasks)."""

    def __init__(self, calls, depth=10, method_time=0, threads=1, tasks=0):
        self.calls, self.depth, self.method_time, self.threads, self.tasks = calls, depth, method_time, threads, tasks


def read_raw(path, threads):
    """The ns of each call but for the first half of every thread's, which warms up."""
    taken = [array.array("q") for _ in range(threads)]
    with open(path) as lines:
        for line in lines:
            number, _, ns = line.partition(";")
            taken[int(number)].append(int(ns))
    return array.array("q", [ns for mine in taken for ns in mine[len(mine) // 2:]])


def run(setup, interpreter, load, ends, keep=None):
    """A run's figures, see figures.describe; also `own_ns` and `beside_ns`, the processor's time that a call (of the depth's) took in its
    own thread and in others of the process, `wall_ns` of a call when everything has been sent, and `lost` records. keep: a path for the raw CSV.
    """
    count = load.tasks or load.threads
    calls = max(10 * count, load.calls // setup.share // count * count)
    directory = tempfile.mkdtemp(prefix="kieker-moobench-")
    try:
        ini, raw = os.path.join(directory, "monitoring.ini"), os.path.join(directory, "raw.csv")
        sink, collector = ends.sink.port, ends.collector and ends.collector.port
        if setup.other_end == "collector" and not collector:
            raise Missing("no collector was given")
        with open(ini, "w") as file:
            file.write(INI.get(setup.ini, "").format(directory=directory, port=sink))
        kind = "monitored_coroutine" if load.tasks else setup.kind
        words = [str(number) for number in (calls, load.depth, load.method_time, count)] + [kind, raw] + setup.observer
        command, environment = interpreter.command(setup, words)
        names = {"directory": directory, "ini": ini, "sink": sink, "collector": collector}
        # The Kieker Python pack looks for modules in the working directory alone, and leaves a file there.
        os.symlink(os.path.join(HERE, "monitored.py"), os.path.join(directory, "monitored.py"))
        _start([word.format(**names) for word in command], environment, directory)
        with open(raw + ".json") as file:
            said = json.load(file)
        found = figures.describe(read_raw(raw, count))
        found["calls"] = calls
        inner = calls * load.depth
        found["own_ns"] = round(said["own_ns"] / inner, 2)
        found["beside_ns"] = round((said["cpu_ns"] - said["own_ns"]) / inner, 2)
        found["wall_ns"] = round(said["wall_ns"] / inner, 2)
        found["lost"] = _lost(setup, said["counters"], inner, ends)
        if keep:
            shutil.copyfile(raw, keep)
        return found
    finally:
        shutil.rmtree(directory)


def _lost(setup, counters, calls, ends):
    """How many records of our agent's did not arrive; 0 for others."""
    if setup.other_end == "unread":
        ends.bytes = ends.sink.received()
    if not setup.records:
        return 0
    expected = calls * setup.records
    if counters["sent"] > expected:
        raise Lost("%s: %d records were made, but %d sent" % (setup.key, expected, counters["sent"]))
    lost = max(sum(value for name, value in counters.items() if name.startswith("dropped_")), expected - counters["sent"])
    if setup.other_end == "sink":
        ends.bytes += counters["bytes"]
        received = ends.sink.received(ends.bytes)
        if received != ends.bytes:
            raise Lost("%s: %d bytes were sent, but %d received" % (setup.key, ends.bytes, received))
    if setup.other_end == "collector":
        ends.calls += calls
        stored = ends.collector.stored(ends.calls)
        lost += (ends.calls - stored) * setup.records
        ends.calls = stored
    return lost


def interpreters(pythons, built_for, path, directory):
    """The Python that the package in `path` is built for; or those of `pythons`, for each of which one is built now."""
    if not pythons:
        return [Interpreter(built_for, path, directory)]
    sys.dont_write_bytecode = True
    sys.path.insert(0, os.path.join(os.path.dirname(HERE), "tests", "agent"))
    import all_pythons

    made = []
    for python in pythons:
        found = all_pythons.interpreters([shutil.which(python) or python])
        if not found:
            raise Missing("%s is no Python from 3.9 on with its headers" % python)
        executable, version, include, suffix = found[0]
        path = os.path.join(directory, "package-" + version)
        if not os.path.isdir(path):
            os.mkdir(path)
            all_pythons.build(include, suffix, path)
        made.append(Interpreter(executable, path, directory))
    return made
