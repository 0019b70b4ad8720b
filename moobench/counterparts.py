# SPDX-License-Identifier: Apache-2.0
"""What observed programs send to: a sink that throws everything away, and our collector. Both listen on loopback, and are ended by whoever began them."""

import json
import os
import subprocess
import time
import urllib.request


class Sink:
    """moobench/sink.c, running."""

    def __init__(self, program):
        self._process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
        self.port = self._number()

    def _number(self):
        return int(self._process.stdout.readline())

    def received(self, at_least=0):
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
    """kieker-collector upon a database of its own in that directory, running."""

    def __init__(self, program, directory):
        ready, log = os.path.join(directory, "ready"), os.path.join(directory, "log")
        self._directory, self.database = directory, os.path.join(directory, "bench.db")
        with open(log, "w") as file:
            self._process = subprocess.Popen([program, "--port", "0", "--http-port", "0", "--ready-file", ready, "--database", self.database],
                                             stdout=subprocess.DEVNULL, stderr=file)
        for _ in range(600):
            if os.path.exists(ready) or self._process.poll() is not None:
                break
            time.sleep(0.05)
        if not os.path.exists(ready):
            self.stop()
            with open(log) as file:
                raise SystemExit("%s did not start: %s" % (program, file.read()))
        with open(ready) as lines:
            said = dict(line.strip().split("=", 1) for line in lines)
        self.port, self._http = int(said["port"]), int(said["http_port"])

    def ask(self, question):
        """What the API answers."""
        with urllib.request.urlopen("http://127.0.0.1:%d/api/v1/%s" % (self._http, question), timeout=120) as reply:
            return json.load(reply)

    def stored(self, at_least, what="calls", patience=10):
        """How many calls (or records) it has stored, when it has that many, or when nothing more has come for `patience` s."""
        last, seen = -1, time.monotonic()
        while True:
            now = self.ask("status")["rows"][0][what]
            if now != last:
                last, seen = now, time.monotonic()
            if now >= at_least or time.monotonic() - seen > patience:
                return now
            time.sleep(0.02)

    def processor(self):
        """Seconds of processor time so far."""
        with open("/proc/%d/stat" % self._process.pid) as line:
            fields = line.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory(self):
        """The most that it has had, in MiB."""
        with open("/proc/%d/status" % self._process.pid) as lines:
            return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024

    def size(self):
        """Bytes of the database, its log included."""
        return sum(os.path.getsize(os.path.join(self._directory, name)) for name in os.listdir(self._directory) if name.startswith("bench.db"))

    def stop(self):
        self._process.terminate()
        self._process.wait()
