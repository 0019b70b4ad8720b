# SPDX-License-Identifier: Apache-2.0
"""Runs parts of a test suite one by one, plain and with all modules woven, compares them test by test, and keeps what was found out.

Plain outcomes are kept for ever, the others until the agent changes, so a run that was interrupted goes on where it was.
"""
import argparse
import concurrent.futures
import glob
import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time

import compare
import under

HERE = os.path.dirname(os.path.abspath(__file__))


class Comparison:
    def __init__(self, options, suite):
        """suite(part, lines, timeout) is the command line that runs a part and writes outcomes to the file `lines`, and what it needs in the
        environment."""
        self._options = options
        self._suite = suite
        self._version = self._say("import sys; print(sys.version)")
        self.short = ".".join(self._version.split()[0].split(".")[:2])
        key = hashlib.sha256((os.path.realpath(options.python) + self._version).encode()).hexdigest()[:8]
        self._directory = os.path.join(options.results, "%s-%s" % (self._version.split()[0], key))
        self._agent = _fingerprint(options.agent or self._say("import kieker, os; print(os.path.dirname(os.path.dirname(kieker.__file__)))"))
        self._explained = compare.Explained()
        self.summary = {}

    def _say(self, text):
        return subprocess.run([self._options.python, "-c", text], stdout=subprocess.PIPE, check=True, universal_newlines=True).stdout.strip()

    def _kept(self, file, mode):
        return os.path.join(self._directory, mode, file + ".json")

    def outcome(self, file, mode, again=False):
        """What running the file gives, from an earlier run where nothing has changed."""
        path = self._kept(file, mode)
        if not again and os.path.exists(path):
            with open(path, encoding="utf-8") as kept:
                found = json.load(kept)
            if mode == "plain" or found["agent"] == self._agent:
                return found
        found = self._run(file, mode)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path + ".new", "w", encoding="utf-8") as new:
            json.dump(found, new)
        os.replace(path + ".new", path)
        return found

    def _run(self, file, mode):
        options = self._options
        timeout = options.timeout
        if mode != "plain":
            timeout += 3 * self.outcome(file, "plain")["seconds"]
        file_, lines = tempfile.mkstemp(prefix="kieker-harm-")
        os.close(file_)
        arguments, environment = self._suite(file, lines, timeout)
        try:
            ending = under.run(options.python, mode, arguments, options.agent, (options.collector, options.query), timeout + 10, environment,
                               more=getattr(options, "more", ()))
            with open(lines, encoding="utf-8") as written:
                tests = compare.read_lines(json.loads(line) for line in written)
        finally:
            os.unlink(lines)
        return {
            "status": ending.status, "seconds": round(ending.seconds, 2), "tests": tests, "collector": ending.collector,
            "altered": "env changed" in ending.output or "ENV CHANGED" in ending.output, "agent": self._agent,
            "output": ending.output[-20000:] if ending.status else "",
        }

    def compare(self, file, mode):
        """Compares one file; the lines to print, and how many differences are left unexplained."""
        plain = self.outcome(file, "plain")
        if plain["status"] == "timeout" or plain["seconds"] >= self._options.timeout:
            return ["%s: plain it takes longer than %d s; not compared" % (file, self._options.timeout)], 0
        woven = self.outcome(file, mode)
        found = compare.differences(plain, woven)
        left = [one for one in found if not self._explained.reason(self.short, mode, file, one[0])]
        shaky = set()
        for attempt in range(self._options.retries):
            if not left:
                break
            # Once more, both: what comes and goes by itself is said, but no difference.
            woven_again = self.outcome(file, mode, again=True)
            again = {one[0] for one in compare.differences(plain, woven_again)}
            shaky.update(one[0] for one in left if one[0] not in again)
            left = [one for one in left if one[0] in again]
            if left and attempt == 0:
                plain_again = self._run(file, "plain")
                steady = {one[0] for one in compare.differences(plain_again, woven_again)}
                shaky.update(one[0] for one in left if one[0] not in steady)
                left = [one for one in left if one[0] in steady]
        lines, totals = [], self.summary.setdefault(mode, dict.fromkeys(
            ("files", "tests", "differences", "explained", "shaky", "streams", "traces", "calls", "incomplete", "damaged", "running"), 0))
        for name, before, after, text in found:
            reason = self._explained.reason(self.short, mode, file, name)
            if reason:
                lines.append("    explained: %s: %s -> %s: %s" % (name, before, after, reason))
                totals["explained"] += 1
            elif name in shaky:
                lines.append("    comes and goes: %s: %s -> %s" % (name, before, after))
                totals["shaky"] += 1
            else:
                lines.append("    DIFFERENT: %s: %s -> %s" % (name, before, after))
                totals["differences"] += 1
                if self._options.verbose:
                    lines += ["        " + line for line in text.splitlines()[-40:]]
        totals["files"] += 1
        totals["tests"] += len(woven["tests"])
        for key in ("streams", "traces", "calls", "incomplete", "damaged", "running"):
            totals[key] += woven["collector"][key]
        head = "%s %s: %d tests, %s; plain %s, %.1f s, %s %.1f s, %d calls" % (
            file, mode, len(woven["tests"]), "%d different" % len(left) if left else "the same", plain["status"], plain["seconds"], mode,
            woven["seconds"], woven["collector"]["calls"])
        return [head] + lines, len(left)


def _fingerprint(package):
    digest = hashlib.sha256()
    for path in sorted(glob.glob(os.path.join(package, "kieker", "**", "*"), recursive=True)):
        if path.endswith((".py", ".so")):
            with open(path, "rb") as file:
                digest.update(file.read())
    return digest.hexdigest()[:16]


def parser(text, part):
    """The options that all suites have."""
    found = argparse.ArgumentParser(description=text, formatter_class=argparse.RawDescriptionHelpFormatter)
    found.add_argument("--python", default=sys.executable, help="the interpreter; it must have the test package")
    found.add_argument("--mode", default="pre,post", help="pre, post, or both with a comma between; plain: only measure the plain outcomes")
    found.add_argument("--agent", help="the directory that has the package kieker, built for that interpreter; without it the one that is installed there")
    found.add_argument("--collector", default=os.environ.get("KIEKER_COLLECTOR", "./kieker-collector"), help="the program [./kieker-collector]")
    found.add_argument("--query", default=os.environ.get("KIEKER_QUERY", "./kieker-query"), help="the program [./kieker-query]")
    found.add_argument("--results", default="harm-results", help="where outcomes are kept [harm-results]")
    found.add_argument("--timeout", type=float, default=120, help="seconds a file may take plain; woven three times its time more [120]")
    found.add_argument("--retries", type=int, default=2, help="how often a file with differences runs again before they are believed [2]")
    found.add_argument("--jobs", type=int, default=1, help="files at a time [1]")
    found.add_argument("--exclude", default="", help="files that are not run, with commas between")
    found.add_argument("--until", help="start no file after this time of day, HH:MM")
    found.add_argument("-v", "--verbose", action="store_true", help="with what a differing test says")
    found.add_argument("files", nargs="*", metavar=part)
    return found


def run(options, suite, files):
    """Runs the parts; the exit status."""
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(2))
    options.collector, options.query = map(os.path.abspath, (options.collector, options.query))
    options.agent = options.agent and os.path.abspath(options.agent)
    comparison = Comparison(options, suite)
    files = [file for file in options.files or files if file not in options.exclude.split(",")]
    modes = options.mode.split(",")
    left = 0

    def one(file):
        if options.until and time.strftime("%H:%M") >= options.until:
            return [file + ": not run, no time left"], 0
        if modes == ["plain"]:
            plain = comparison.outcome(file, "plain")
            return ["%s plain: %d tests, %s, %.1f s" % (file, len(plain["tests"]), plain["status"], plain["seconds"])], 0
        lines, count = [], 0
        for mode in modes:
            more, found = comparison.compare(file, mode)
            lines += more
            count += found
        return lines, count

    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for lines, count in pool.map(one, files) if options.jobs > 1 else map(one, files):
            print("\n".join(lines), flush=True)
            left += count
    for mode, totals in comparison.summary.items():
        print("Python %s %s: %s" % (comparison.short, mode, ", ".join("%s %d" % (key, value) for key, value in totals.items())))
    return 1 if left else 0

