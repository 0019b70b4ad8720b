# SPDX-License-Identifier: Apache-2.0
"""What differs between a plain run of tests and one under the agent, and which of that is explained.

An outcome is {"status": exit status or "timeout", "altered": whether the runner found its environment changed, "tests": {id: [outcome, text]},
"collector": counters or None}.
"""
import fnmatch
import os
import re

EXPLAINED = os.path.join(os.path.dirname(os.path.abspath(__file__)), "explained.txt")

_ADDRESS = re.compile(r"0x[0-9a-fA-F]+")


def read_lines(lines):
    """The outcomes that one.py and pytest_outcomes.py write, by id; a test that was begun and never ended is "died"."""
    tests, begun = {}, []
    for outcome, name, *text in lines:
        name = _ADDRESS.sub("0x...", name)
        if outcome == "begin":
            begun.append(name)
            continue
        while name in begun:
            begun.remove(name)
        at = name
        count = 1
        while at in tests:
            count += 1
            at = "%s #%d" % (name, count)
        tests[at] = [outcome, text[0] if text else ""]
    # A test whose subtests failed ends without an outcome of its own.
    for name in begun:
        if not any(test.startswith(name + " ") for test in tests):
            tests[name] = ["died", ""]
    return tests


def trouble(collector):
    """What the collector's counters have to complain about: words, or []."""
    found = ["%s=%s" % (key, collector[key]) for key in ("open_streams", "running", "incomplete", "damaged") if collector[key]]
    # That a long trace's calls were put together is no loss.
    found += ["%s=%s" % item for item in sorted(collector["counters"].items()) if item[1] and item[0] != "calls_folded"]
    if collector["log"]:
        found.append("log")
    return found


def differences(plain, woven):
    """A list of (id, plain outcome, woven outcome, text)."""
    found = []
    for name in sorted(set(plain["tests"]) | set(woven["tests"])):
        before, after = (run["tests"].get(name, ["not run", ""]) for run in (plain, woven))
        if before[0] != after[0]:
            found.append((name, before[0], after[0], after[1] or before[1]))
    # That a test failed is said above; this is what ends a run otherwise.
    if not found and plain["status"] != woven["status"]:
        found.append(("exit status", str(plain["status"]), str(woven["status"]), woven.get("output", "")))
    if plain["altered"] != woven["altered"]:
        found.append(("environment", *("changed" if run["altered"] else "as it was" for run in (plain, woven)), woven.get("output", "")))
    words = trouble(woven["collector"]) if woven["collector"] else []
    if words:
        found.append(("collector", "", " ".join(words), woven["collector"]["log"]))
    return found


class Explained:
    """The table of differences that cannot be mended, and why."""

    def __init__(self, path=EXPLAINED):
        self.rows = []
        with open(path, encoding="utf-8") as file:
            for line in file:
                if line.strip() and not line.startswith("#"):
                    versions, modes, name, reason = (word.strip() for word in line.split("|", 3))
                    self.rows.append((versions.split(","), modes.split(","), name, reason))

    def reason(self, version, mode, file, name):
        """Why there is this difference, or None. version is 3.11 or so; a row's id is FILE:ID with * and ?."""
        for versions, modes, pattern, reason in self.rows:
            if version in versions and mode in modes and fnmatch.fnmatchcase("%s:%s" % (file, name), pattern.replace("[", "[[]")):
                return reason
        return None
