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
  visible ms  from the end of a call of another client until a query finds it, while that load runs: the middle, and the most

With --grow N one connection sends N million records (traces of 10 calls), and every few million are a row: the rate, the processor time and
the memory since the row before, and how long questions took meanwhile: `kieker-query traces --slowest`, and the dashboard's first.

    collector.py [--collector PATH] [--query PATH] [--load PATH] [--sink PATH] [--only NAME] [--scale F] [--grow MILLIONS] [--out FILE]

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

import machine
from counterparts import Collector, Sink
from visible import Prober

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

BEGAN_AT = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())

SETTINGS = "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA cache_size = -16384; PRAGMA wal_autocheckpoint = 4096"


def load(program, port, options):
    arguments = [program, "--port", str(port)]
    for name, value in options.items():
        arguments += ["--" + name, str(value)]
    printed = subprocess.run(arguments, check=True, capture_output=True, text=True).stdout
    return dict(pair.split("=") for pair in printed.split())


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


def wait(collector, records):
    """Until so many records are stored."""
    stored = collector.stored(records, "records", 600)
    if stored < records:
        raise SystemExit(f"collector.py: {stored:,} of {records:,} records stored")


def measure(options, workload):
    """A row of the table."""
    with tempfile.TemporaryDirectory() as directory:
        collector = Collector(options.collector, directory)
        try:
            begin, before, prober = time.monotonic(), collector.processor(), Prober(collector)
            records = int(load(options.load, collector.port, workload)["records"])
            wait(collector, records)
            seconds, processor, memory = time.monotonic() - begin, collector.processor() - before, collector.memory()
            prober.stop()
        finally:
            collector.stop()
        return {"records": records, "records_per_s": round(records / seconds), "ns_per_record": round(processor / records * 1e9, 1),
                "bytes_per_record": round(collector.size() / records, 3), "peak_mib": round(memory, 1),
                "visible_ms": [round(statistics.median(prober.ms)), round(max(prober.ms))]}


def table(options):
    """Prints the rows; what is kept of them."""
    rows, data = sqlite_limits()
    print(f"SQLite stores at most {rows:,.0f} bare rows/s, or {data / 1e6:,.0f} MB/s in pieces of 256 KiB\n")
    print(f"{'workload':32} {'records':>12} {'records/s':>12} {'loopback':>12} {'ns/record':>10} {'B/record':>9} {'peak MiB':>9} {'visible ms':>12}")
    sink, taken = Sink(options.sink), []
    for name, workload in WORKLOADS:
        if options.only not in name:
            continue
        scaled = "calls" if workload["traces"] == 1 else "traces"
        workload = dict(workload, **{scaled: max(1, int(workload[scaled] * options.scale))})
        bare = load(options.load, sink.port, workload)
        row = measure(options, workload)
        row.update(workload=name, loopback_per_s=round(row["records"] / float(bare["seconds"])))
        taken.append(row)
        print(f"{name:32} {row['records']:12,} {row['records_per_s']:12,} {row['loopback_per_s']:12,} {row['ns_per_record']:10.0f}"
              f" {row['bytes_per_record']:9.2f} {row['peak_mib']:9.0f} {'%d / %d' % tuple(row['visible_ms']):>12}", flush=True)
    sink.stop()
    return {"sqlite": {"rows_per_s": round(rows), "bytes_per_s": round(data)}, "workloads": taken}


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
    rows, slowest, first = [], [], {question: [] for question in FIRST_QUESTIONS}
    while last < total:
        stored = collector.stored(0, "records")
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
        row = {"records": stored, "records_per_s": round((stored - last) / (now - begin)),
               "ns_per_record": round((processor - before) / (stored - last) * 1e9, 1), "bytes_per_record": round(collector.size() / stored, 3),
               "peak_mib": round(collector.memory(), 1), "slowest_ms": round(slowest[-1]),
               "page_ms": round(sum(took[-1] for took in first.values()))}
        rows.append(row)
        print(f"{stored:14,} {row['records_per_s']:12,} {row['ns_per_record']:10.0f} {row['bytes_per_record']:9.2f} {row['peak_mib']:9.0f}"
              f" {row['slowest_ms']:12} {row['page_ms']:12}", flush=True)
        last, begin, before, target = stored, now, processor, (stored // step + 1) * step
    return rows, slowest, first


def grow(options):
    """Prints the rows; what is kept of them."""
    total = options.grow * 1_000_000 // 21 * 21
    workload = dict(traces=total // 21, calls=10, depth=10)
    print(f"\n{'records':>14} {'records/s':>12} {'ns/record':>10} {'B/record':>9} {'peak MiB':>9} {'slowest ms':>12} {'page ms':>12}")
    with tempfile.TemporaryDirectory() as directory:
        collector = Collector(options.collector, directory)
        try:
            client = threading.Thread(target=load, args=(options.load, collector.port, workload), daemon=True)
            client.start()
            rows, slowest, first = grow_by(collector, options, total, client)
            client.join()
        finally:
            collector.stop()
    print(f"\nwhile that load ran, ms: {'middle':>28} {'most':>8}")
    for name, took in [("kieker-query traces --slowest", slowest), *first.items()]:
        print(f"  {name:42} {statistics.median(took):8.0f} {max(took):8.0f}")
    return {"grow": rows, "asked_ms": {name: [round(statistics.median(took)), round(max(took))] for name, took in [("traces --slowest", slowest), *first.items()]}}


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
    parser.add_argument("--out", metavar="FILE", help="write the figures there, as JSON")
    options = parser.parse_args()
    surroundings = machine.describe()
    taken = grow(options) if options.grow else table(options)
    if options.out:
        with open(options.out, "w", encoding="utf-8") as file:
            json.dump(dict(format="kieker-collector-bench 1", began_at=BEGAN_AT, machine=surroundings, **taken), file, indent=1)
            file.write("\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
