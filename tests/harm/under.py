# SPDX-License-Identifier: Apache-2.0
"""Runs a command plain or under the agent, with a collector of its own to take the records, and says how both ended."""
import json
import os
import resource
import shutil
import signal
import subprocess
import tempfile
import time

PATIENCE = 60  # seconds that the collector may take to start, and to have taken in everything
MEMORY_MAX = 8 << 30  # bytes of addresses that a process may have

# What the agent is told in each mode, with all modules observed that are not the agent's own.
MODES = {
    "plain": None,
    "pre": ["--include", "*"],
    # Children are left out: each would weave all that it loads, since nothing is cached of what is woven once it exists.
    "post": ["--include", "*", "--weave", "post", "--children", "no"],
}

# The collector's counters that must be 0 after a run; what of status() they are.
TROUBLE = ("running", "incomplete", "damaged")


class Collector:
    """A real collector with a database of its own, for one command."""

    def __init__(self, program, query, directory):
        self._query, self._database = query, os.path.join(directory, "records.db")
        self._log = open(os.path.join(directory, "collector.log"), "wb+")
        ready = os.path.join(directory, "ready")
        self._process = subprocess.Popen(
            [program, "--port", "0", "--http-port", "0", "--database", self._database, "--ready-file", ready, "--log-level", "warn"],
            stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log)
        end = time.monotonic() + PATIENCE
        while not os.path.exists(ready):
            if self._process.poll() is not None or time.monotonic() > end:
                raise RuntimeError("the collector does not start: %r" % self.log())
            time.sleep(0.02)
        with open(ready, encoding="utf-8") as file:
            self.said = dict(line.rstrip("\n").partition("=")[::2] for line in file)
        self.writer = "tcp://127.0.0.1:" + self.said["port"]

    def log(self):
        self._log.seek(0)
        return self._log.read().decode(errors="replace")[-2000:]

    def _status(self):
        text = subprocess.run([self._query, "status", "--json", "--database", self._database], stdout=subprocess.PIPE, check=True).stdout
        return json.loads(text)["rows"][0]

    def finish(self):
        """Waits until every stream has ended, ends the collector; its status and what it logged."""
        end = time.monotonic() + PATIENCE
        status = self._status()
        while status["open_streams"] and time.monotonic() < end:
            time.sleep(0.2)
            status = self._status()
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
        kept = ("streams", "open_streams", "records", "traces", "running", "incomplete", "damaged", "calls", "operations", "size_bytes", "counters")
        last = self._status()
        found = {key: last[key] for key in kept}
        found["open_streams"] = status["open_streams"]
        found["log"] = self.log()
        return found

    def close(self):
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        self._log.close()


def _prepare():
    # Shells start commands in the background with SIGINT ignored.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_MAX, MEMORY_MAX))


def end_rest(leader):
    """Kills what is left of a command's processes."""
    try:
        os.killpg(leader, signal.SIGKILL)
    except ProcessLookupError:
        pass


class Ending:
    """How a command ended."""

    def __init__(self, status, seconds, output, collector):
        self.status, self.seconds, self.output, self.collector = status, seconds, output, collector


def run(interpreter, mode, arguments, agent, collector, timeout, environment=(), directory=None, more=()):
    """Runs `interpreter [-m kieker ...] arguments`.

    agent: the directory that has the package kieker, None for the installed one; collector: the programs (kieker-collector, kieker-query); more: further options of the
    agent. The status is the exit status, negative for a signal, or "timeout".
    """
    work = tempfile.mkdtemp(prefix="kieker-harm-", dir=directory)
    changed = {key: value for key, value in os.environ.items() if not key.startswith("KIEKER_") and key != "PYTHONDONTWRITEBYTECODE"}
    if agent:
        changed["PYTHONPATH"] = agent
    changed.update(TMPDIR=work + "/tmp", PYTHONHASHSEED="0", LC_ALL="C.UTF-8", TZ="UTC")
    changed.update(environment)
    os.mkdir(work + "/tmp")
    taking = None
    try:
        command = [interpreter]
        if MODES[mode] is not None:
            taking = Collector(*collector, work)
            command += ["-m", "kieker", "--writer", taking.writer] + MODES[mode] + list(more)
        begun = time.monotonic()
        with open(work + "/output", "wb+") as output:
            process = subprocess.Popen(command + list(arguments), env=changed, cwd=work + "/tmp", stdin=subprocess.DEVNULL, stdout=output,
                                       stderr=output, start_new_session=True, preexec_fn=_prepare)
            try:
                status = process.wait(timeout)
            except subprocess.TimeoutExpired:
                status = "timeout"
            except BaseException:
                end_rest(process.pid)
                raise
            seconds = time.monotonic() - begun
            end_rest(process.pid)
            process.wait()
            output.seek(0)
            text = output.read().decode(errors="replace")
        found = taking.finish() if taking else None
        return Ending(status, seconds, text, found)
    finally:
        if taking:
            taking.close()
        shutil.rmtree(work, ignore_errors=True)
