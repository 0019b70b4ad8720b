#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the collector takes: made-up records over loopback, until the last one is in the queryable store.

Prints a table, one row a workload: records a second (from the first byte to "all stored"), bytes on disk a record, and the
collector's peak memory. Beside it, in the same run, the rate at which a reader that only discards would have been fed.

    collector.py [--collector PATH] [--load PATH] [--only NAME] [--scale F]

Everything runs on this machine, in a temporary directory, and is stopped at the end.
"""
import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

WORKLOADS = [
    # name, options of collector_load
    ("10 calls a trace", dict(traces=1_000_000, calls=10, depth=10)),
    ("1,000 calls a trace", dict(traces=10_000, calls=1000, depth=100)),
    ("2 million traces of 10", dict(traces=2_000_000, calls=10, depth=10)),
    ("one trace of 20 million", dict(traces=1, calls=20_000_000, depth=1000)),
    ("one of 20 million, many paths", dict(traces=1, calls=20_000_000, depth=1000, branch=3)),
    ("4 connections", dict(traces=250_000, calls=10, depth=10, connections=4)),
    ("64 connections", dict(traces=15_625, calls=10, depth=10, connections=64)),
    ("every trace unlike", dict(traces=200_000, calls=50, depth=10, branch=3)),
    ("100,000 operations", dict(traces=200_000, calls=50, depth=50, operations=100_000, branch=97)),
]


def discard():
    """A listening socket whose every byte is read and thrown away; returns its port."""
    server = socket.socket()
    server.bind(("127.0.0.1", 0))
    server.listen(128)

    def drain(client):
        room = bytearray(1 << 20)
        while client.recv_into(room):
            pass
        client.close()

    def accept():
        while True:
            try:
                client, _ = server.accept()
            except OSError:
                return
            threading.Thread(target=drain, args=(client,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    return server


def load(program, port, options):
    arguments = [program, "--port", str(port)]
    for name, value in options.items():
        arguments += ["--" + name, str(value)]
    printed = subprocess.run(arguments, check=True, capture_output=True, text=True).stdout
    return dict(pair.split("=") for pair in printed.split())


def status(http):
    with urllib.request.urlopen(f"http://127.0.0.1:{http}/api/v1/status", timeout=30) as reply:
        return json.load(reply)["rows"][0]


def peak_memory(pid):
    with open(f"/proc/{pid}/status") as lines:
        for line in lines:
            if line.startswith("VmHWM"):
                return int(line.split()[1]) * 1024
    return 0


def start(collector, directory):
    ready = os.path.join(directory, "ready")
    process = subprocess.Popen(
        [collector, "--port", "0", "--http-port", "0", "--ready-file", ready, "--database", os.path.join(directory, "bench.db")],
        stdout=subprocess.DEVNULL, stderr=open(os.path.join(directory, "log"), "w"))
    for _ in range(200):
        if os.path.exists(ready):
            break
        time.sleep(0.05)
    with open(ready) as lines:
        return process, dict(line.strip().split("=", 1) for line in lines)


def measure(collector, program, options):
    with tempfile.TemporaryDirectory() as directory:
        process, ports = start(collector, directory)
        try:
            begin = time.monotonic()
            sent = load(program, ports["port"], options)
            expected = int(sent["records"])
            while status(ports["http_port"])["records"] < expected:
                time.sleep(0.02)
                if time.monotonic() - begin > 600:
                    raise SystemExit(f"collector.py: {status(ports['http_port'])['records']} of {expected} records stored")
            seconds = time.monotonic() - begin
            memory = peak_memory(process.pid)
        finally:
            process.terminate()
            process.wait()
        size = sum(os.path.getsize(os.path.join(directory, name)) for name in os.listdir(directory) if name.startswith("bench.db"))
    return expected, seconds, size, memory


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--collector", default=os.environ.get("KIEKER_COLLECTOR", "./kieker-collector"))
    parser.add_argument("--load", default="./collector_load")
    parser.add_argument("--only", default="", help="workloads whose name has this in it")
    parser.add_argument("--scale", type=float, default=1, help="times so many traces")
    options = parser.parse_args()
    sink = discard()
    print(f"{'workload':32} {'records':>12} {'records/s':>12} {'to a sink':>12} {'bytes/record':>12} {'peak MiB':>9}")
    for name, workload in WORKLOADS:
        if options.only not in name:
            continue
        workload = dict(workload, traces=max(1, int(workload["traces"] * options.scale)))
        bare = load(options.load, sink.getsockname()[1], workload)
        records, seconds, size, memory = measure(options.collector, options.load, workload)
        print(f"{name:32} {records:12,} {records / seconds:12,.0f} {records / float(bare['seconds']):12,.0f}"
              f" {size / records:12.2f} {memory / 2**20:9.0f}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
