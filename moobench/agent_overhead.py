#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the agent costs: MooBench's workload (a call 10 deep that does nothing) plain, observed and under cProfile, side by side.

agent_overhead.py [--python PYTHON] [--path DIRECTORY OF THE PACKAGE] [--calls N] [--depth N] [--loops N]

All setups run in turn, loop after loop, so that a slower moment of the machine meets all of them. Of each run the first half is dropped. `median`
is the median outer call in microseconds, the median of the loops; `all` the mean over everything measured, in which pauses show;
`ns/call` what one instrumented call costs more than a plain one.
"""

import argparse
import array
import os
import statistics
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))

# A collector that throws everything away: it says its port, then reads until its input ends.
SINK = """
import socket, sys, threading
server = socket.create_server(("127.0.0.1", 0))
print(server.getsockname()[1], flush=True)
def drain(peer):
    total = 0
    while True:
        got = peer.recv_into(room)
        if not got:
            break
        total += got
    print(total, flush=True)
room = bytearray(1 << 20)
def accept():
    while True:
        peer, _ = server.accept()
        threading.Thread(target=drain, args=(peer,), daemon=True).start()
threading.Thread(target=accept, daemon=True).start()
sys.stdin.read()
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--python", default=os.environ.get("PYTHON", sys.executable))
    parser.add_argument("--path", default=os.path.join(os.environ.get("builddir", "."), "python"))
    parser.add_argument("--calls", type=int, default=400000)
    parser.add_argument("--depth", type=int, default=10)
    parser.add_argument("--loops", type=int, default=5)
    given = parser.parse_args()

    sink = subprocess.Popen([given.python, "-c", SINK], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    port = int(sink.stdout.readline())
    agent = ["-m", "kieker", "--writer"]
    setups = {
        "plain": [],
        "agent, inactive": agent + ["inactive"],
        "agent, null writer": agent + ["null"],
        "agent, tcp to a sink": agent + ["tcp://127.0.0.1:%d" % port],
        "cProfile": ["-m", "cProfile", "-o", os.devnull],
    }
    found = {name: [] for name in setups}
    for loop in range(given.loops):
        for name, arguments in setups.items():
            found[name].append(measure(given, arguments))
    sink.stdin.close()
    sink.wait()
    show(given, found)


def measure(given, arguments):
    """One run: (quartiles, mean) in ns of an outer call."""
    environment = dict(os.environ, PYTHONPATH=given.path)
    with tempfile.NamedTemporaryFile() as output:
        command = [given.python] + arguments + [os.path.join(HERE, "workload.py"), str(given.calls), str(given.depth), output.name]
        subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
        taken = array.array("q", output.read())
    return statistics.quantiles(taken, n=4) + [sum(taken) / len(taken)]


def show(given, found):
    version = subprocess.run([given.python, "-V"], stdout=subprocess.PIPE, text=True).stdout.strip()
    print("%s, %d calls %d deep, %d loops; microseconds per outer call" % (version, given.calls, given.depth, given.loops))
    print("%-22s %8s %8s %8s %8s %8s %8s" % ("setup", "1.q", "median", "3.q", "all", "ratio", "ns/call"))
    plain = statistics.median(run[1] for run in found["plain"])
    for name, runs in found.items():
        low, median, high, mean = (statistics.median(run[i] for run in runs) for i in range(4))
        print("%-22s %8.3f %8.3f %8.3f %8.3f %8.2f %8.1f"
              % (name, low / 1e3, median / 1e3, high / 1e3, mean / 1e3, median / plain, (median - plain) / given.depth))


if __name__ == "__main__":
    main()
