#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the collector takes: made-up records over loopback, until the last one is in the queryable store.

First what this machine can do at most, in the same run: rows and bytes a second that SQLite stores with the collector's own settings.
Then a table, one row a workload:

  records/s   from the first byte to "all stored"
  loopback    what the same client feeds to a reader that throws everything away
  ns/record   processor time of the whole collector: receiving, assembling, storing
  B/record    on disk, log included
  peak MiB    memory of the collector, ever

With --grow N one connection sends N million records (traces of 10 calls), and every few million are a row: the rate, the processor time and
the memory since the row before, and how long questions took meanwhile: `kieker-query traces --slowest`, and the dashboard's first.

    collector.py [--collector PATH] [--query PATH] [--load PATH] [--sink PATH] [--only NAME] [--scale F] [--grow MILLIONS]

Everything runs on this machine, in a temporary directory (see TMPDIR), and is stopped at the end.
"""
import argparse
import json
import os
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

WORKLOADS = [
    # name, options of collector_load
    ("10 calls a trace", dict(traces=1_000_000, calls=10, depth=10)),
    ("1,000 calls a trace, depth 100", dict(traces=10_000, calls=1000, depth=100)),
    ("one trace of 20 million", dict(traces=1, calls=10_000_000, depth=1000)),
    ("the same, many paths", dict(traces=1, calls=10_000_000, depth=1000, branch=3)),
    ("4 connections", dict(traces=250_000, calls=10, depth=10, connections=4)),
    ("64 connections", dict(traces=15_625, calls=10, depth=10, connections=64)),
    ("64 connections, depth 100", dict(traces=156, calls=1000, depth=100, connections=64)),
    ("every trace unlike", dict(traces=200_000, calls=50, depth=10, branch=3)),
    ("100,000 operations", dict(traces=200_000, calls=50, depth=50, operations=100_000, branch=97)),
    ("executions, 10 a trace", dict(traces=1_000_000, calls=10, depth=10, executions=1)),
    ("executions, depth 100", dict(traces=5_000, calls=1000, depth=100, executions=1)),
    ("executions, 64 connections", dict(traces=15_625, calls=10, depth=10, connections=64, executions=1)),
]

# What the dashboard asks for when it is opened.
FIRST_QUESTIONS = ["status", "runs", "traces?limit=1", "traces?sort=duration&limit=10", "traces?failed=1&limit=1",
                   "traces?state=incomplete&limit=1", "traces?state=running&limit=1", "graph?level=container", "operations", "latency"]

SETTINGS = "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA cache_size = -16384; PRAGMA wal_autocheckpoint = 4096"


def load(program, port, options):
    arguments = [program, "--port", str(port)]
    for name, value in options.items():
        arguments += ["--" + name, str(value)]
    printed = subprocess.run(arguments, check=True, capture_output=True, text=True).stdout
    return dict(pair.split("=") for pair in printed.split())


class Collector:
    """A collector upon a database of its own."""

    def __init__(self, program, directory):
        ready = os.path.join(directory, "ready")
        self.directory, self.database = directory, os.path.join(directory, "bench.db")
        with open(os.path.join(directory, "log"), "w") as log:
            self.process = subprocess.Popen(
                [program, "--port", "0", "--http-port", "0", "--ready-file", ready, "--database", self.database],
                stdout=subprocess.DEVNULL, stderr=log)
        for _ in range(600):
            if os.path.exists(ready) or self.process.poll() is not None:
                break
            time.sleep(0.05)
        if not os.path.exists(ready):
            self.stop()
            with open(os.path.join(directory, "log")) as log:
                raise SystemExit(f"collector.py: {program} did not start: {log.read()}")
        with open(ready) as lines:
            ports = dict(line.strip().split("=", 1) for line in lines)
        self.port, self.http = ports["port"], ports["http_port"]

    def ask(self, question):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.http}/api/v1/{question}", timeout=120) as reply:
            return json.load(reply)

    def stored(self):
        return self.ask("status")["rows"][0]["records"]

    def wait(self, expected):
        """Until so many records are stored."""
        deadline = time.monotonic() + 600
        while (stored := self.stored()) < expected:
            time.sleep(0.02)
            if time.monotonic() > deadline:
                raise SystemExit(f"collector.py: {stored:,} of {expected:,} records stored")

    def processor(self):
        """Seconds of processor time so far."""
        with open(f"/proc/{self.process.pid}/stat") as line:
            fields = line.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory(self):
        """The most that it has had, in MiB."""
        with open(f"/proc/{self.process.pid}/status") as lines:
            return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024

    def size(self):
        return sum(os.path.getsize(os.path.join(self.directory, name)) for name in os.listdir(self.directory)
                   if name.startswith("bench.db"))

    def stop(self):
        self.process.terminate()
        self.process.wait()


class Sink:
    """A reader that throws everything away."""

    def __init__(self, program):
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline())

    def stop(self):
        self.process.stdin.close()
        self.process.wait()


def sqlite_limits(rows=2_000_000, pieces=800, piece=256 << 10):
    """Rows a second of five numbers, made by SQLite itself, and MB a second in pieces that cannot be compressed."""
    with tempfile.TemporaryDirectory() as directory:
        database = sqlite3.connect(os.path.join(directory, "limit.db"), isolation_level=None)
        database.executescript(SETTINGS + "; CREATE TABLE event (id INTEGER PRIMARY KEY, trace, time, operation, kind);"
                               " CREATE TABLE piece (id INTEGER PRIMARY KEY, data)")
        begin = time.monotonic()
        for first in range(0, rows, rows // 20):
            database.execute("INSERT INTO event (trace, time, operation, kind) WITH RECURSIVE n(i) AS (SELECT ?1 UNION ALL SELECT i + 1 FROM n"
                             " WHERE i < ?2 - 1) SELECT i / 20, 1700000000000000000 + i * 811, i % 40, i % 2 FROM n", (first, first + rows // 20))
        rows_per_second = rows / (time.monotonic() - begin)
        data = os.urandom(piece)
        begin = time.monotonic()
        for _ in range(pieces // 16):
            database.execute("BEGIN")
            database.executemany("INSERT INTO piece (data) VALUES (?)", [(data,)] * 16)
            database.execute("COMMIT")
        bytes_per_second = pieces * piece / (time.monotonic() - begin)
        database.close()
    return rows_per_second, bytes_per_second


def measure(options, workload):
    with tempfile.TemporaryDirectory() as directory:
        collector = Collector(options.collector, directory)
        try:
            begin, before = time.monotonic(), collector.processor()
            records = int(load(options.load, collector.port, workload)["records"])
            collector.wait(records)
            seconds, processor, memory = time.monotonic() - begin, collector.processor() - before, collector.memory()
        finally:
            collector.stop()
        return records, seconds, processor, collector.size(), memory


def table(options):
    rows, data = sqlite_limits()
    print(f"SQLite stores at most {rows:,.0f} bare rows/s, or {data / 1e6:,.0f} MB/s in pieces of 256 KiB\n")
    print(f"{'workload':32} {'records':>12} {'records/s':>12} {'loopback':>12} {'ns/record':>10} {'B/record':>9} {'peak MiB':>9}")
    sink = Sink(options.sink)
    for name, workload in WORKLOADS:
        if options.only not in name:
            continue
        scaled = "calls" if workload["traces"] == 1 else "traces"
        workload = dict(workload, **{scaled: max(1, int(workload[scaled] * options.scale))})
        bare = load(options.load, sink.port, workload)
        records, seconds, processor, size, memory = measure(options, workload)
        print(f"{name:32} {records:12,} {records / seconds:12,.0f} {records / float(bare['seconds']):12,.0f}"
              f" {processor / records * 1e9:10.0f} {size / records:9.2f} {memory:9.0f}", flush=True)
    sink.stop()


def milliseconds(work):
    begin = time.monotonic()
    work()
    return (time.monotonic() - begin) * 1e3


def ask_slowest(options, collector):
    command = [options.query, "--database", collector.database, "traces", "--slowest", "--json"]
    return milliseconds(lambda: subprocess.run(command, check=True, stdout=subprocess.DEVNULL))


def grow_by(collector, options, total, client):
    """Rows of the table while `client` (a thread) sends."""
    step = max(1, total // 20)
    last, begin, before, target = 0, time.monotonic(), collector.processor(), min(1_000_000, step)
    slowest, first = [], {question: [] for question in FIRST_QUESTIONS}
    while last < total:
        stored = collector.stored()
        if stored < min(target, total):
            if not client.is_alive() and stored == last and time.monotonic() - begin > 600:
                raise SystemExit(f"collector.py: {stored:,} of {total:,} records stored")
            time.sleep(0.1)
            continue
        now, processor = time.monotonic(), collector.processor()
        slowest.append(ask_slowest(options, collector))
        for question, took in first.items():
            took.append(milliseconds(lambda question=question: collector.ask(question)))
        asked = sum(took[-1] for took in first.values())
        print(f"{stored:14,} {(stored - last) / (now - begin):12,.0f} {(processor - before) / (stored - last) * 1e9:10.0f}"
              f" {collector.size() / stored:9.2f} {collector.memory():9.0f} {slowest[-1]:12.0f} {asked:12.0f}", flush=True)
        last, begin, before, target = stored, now, processor, (stored // step + 1) * step
    return slowest, first


def grow(options):
    total = options.grow * 1_000_000 // 21 * 21
    workload = dict(traces=total // 21, calls=10, depth=10)
    print(f"\n{'records':>14} {'records/s':>12} {'ns/record':>10} {'B/record':>9} {'peak MiB':>9} {'slowest ms':>12} {'page ms':>12}")
    with tempfile.TemporaryDirectory() as directory:
        collector = Collector(options.collector, directory)
        try:
            client = threading.Thread(target=load, args=(options.load, collector.port, workload), daemon=True)
            client.start()
            slowest, first = grow_by(collector, options, total, client)
            client.join()
        finally:
            collector.stop()
    print(f"\nwhile that load ran, ms: {'middle':>28} {'most':>8}")
    for name, took in [("kieker-query traces --slowest", slowest), *first.items()]:
        print(f"  {name:42} {statistics.median(took):8.0f} {max(took):8.0f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--collector", default=os.environ.get("KIEKER_COLLECTOR", "./kieker-collector"))
    parser.add_argument("--query", default=os.environ.get("KIEKER_QUERY", "./kieker-query"))
    parser.add_argument("--load", default="moobench/collector_load")
    parser.add_argument("--sink", default="moobench/sink")
    parser.add_argument("--only", default="", help="workloads whose name has this in it")
    parser.add_argument("--scale", type=float, default=1, help="times so many traces")
    parser.add_argument("--grow", type=int, default=0, metavar="MILLIONS",
                        help="how the rate holds over so many million records, instead of the table")
    options = parser.parse_args()
    if options.grow:
        grow(options)
    else:
        table(options)
    return 0


if __name__ == "__main__":
    sys.exit(main())
