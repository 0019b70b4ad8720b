# SPDX-License-Identifier: Apache-2.0
"""summary.py BUILD:TARGET…: adds up what the suites of build directories have counted, and prints it.

A target of the build's Makefile lists the suites that must have run; each left SUITE.trs (automake's verdict) and SUITE.log
(its own words). Counts are the suite's own: Check's summary, unittest's, node's (TAP), or a last line "N passed, N failed[, N skipped]"; a suite that
counts nothing is one test. A suite that did not run, crashed, or failed while it counted no failure counts as one failure, and
so does one that counted no test at all. The last line is "N passed, N failed" (and ", N skipped" if any).
"""
import os
import re
import subprocess
import sys

CHECK = re.compile(r"^\d+%: Checks: (\d+), Failures: (\d+), Errors: (\d+)", re.M)
UNITTEST = re.compile(r"^Ran (\d+) tests? in .*\n\n(?:OK|FAILED)(?: \((.*)\))?", re.M)
OURS = re.compile(r"^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$", re.M)
NODE = re.compile(r"^# pass (\d+)\n# fail (\d+)\n# cancelled (\d+)\n# skipped (\d+)", re.M)


def counts(log):
    """(passed, failed, skipped) as the suite said, or None when it says nothing."""
    total = [0, 0, 0]
    said = False

    def add(passed, failed, skipped):
        nonlocal said
        said = True
        for i, n in enumerate((passed, failed, skipped)):
            total[i] += n

    for checks, failures, errors in CHECK.findall(log):
        bad = int(failures) + int(errors)
        add(int(checks) - bad, bad, 0)
    for ran, notes in UNITTEST.findall(log):
        note = dict((k.strip(), int(v)) for k, v in re.findall(r"([a-z ]+)=(\d+)", notes))
        bad = note.get("failures", 0) + note.get("errors", 0) + note.get("unexpected successes", 0)
        skipped = note.get("skipped", 0)
        add(max(int(ran) - bad - skipped, 0), bad, skipped)
    for passed, failed, cancelled, skipped in NODE.findall(log):
        add(int(passed), int(failed) + int(cancelled), int(skipped))
    for passed, failed, skipped in OURS.findall(log):
        add(int(passed), int(failed), int(skipped or 0))
    return tuple(total) if said else None


def read(path):
    try:
        with open(path, errors="replace") as f:
            return f.read()
    except OSError:
        return None


def judge(stem):
    """(passed, failed, skipped, note) of one suite."""
    trs, log = read(stem + ".trs"), read(stem + ".log")
    if trs is None or log is None:
        return 0, 1, 0, "did not run"
    verdict = re.search(r"^:global-test-result: (\w+)", trs, re.M)
    verdict = verdict.group(1) if verdict else "ERROR"
    said = counts(log)
    if verdict == "SKIP":
        reason = [line for line in log.splitlines() if "skip" in line.lower()]
        return 0, 0, 1, reason[-1] if reason else "skipped without a reason"
    if verdict in ("PASS", "XFAIL"):
        if said is None:
            return 1, 0, 0, ""
        if not any(said):
            return 0, 1, 0, "counted no test"
        return said + (("failures counted, yet its exit status was 0" if said[1] else ""),)
    if said is None:
        return 0, 1, 0, verdict.lower()
    return said[0], max(said[1], 1), said[2], "" if said[1] else "failed without counting a failure"


def suites(build, target):
    listed = subprocess.run(["make", "-s", "--no-print-directory", "-C", build, target],
                            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, universal_newlines=True)
    # Whatever else make says, e.g. while it configures again, is not a suite.
    names = [line.split()[1] for line in listed.stdout.splitlines() if line.startswith("suite ")]
    if listed.returncode or not names:
        return None
    return [re.sub(r"\.(sh|py|mjs)$", "", name) for name in names]


def main(sources):
    total = [0, 0, 0]
    failed_logs = []
    for source in sources:
        build, _, target = source.partition(":")
        names = suites(build, target)
        if names is None:
            print("%-40s no suite is listed there" % build)
            total[1] += 1
            continue
        for name in names:
            passed, failed, skipped, note = judge(os.path.join(build, name))
            print("%-40s %5d passed %4d failed %4d skipped  %s" % (
                os.path.join(build, name), passed, failed, skipped, note))
            for i, n in enumerate((passed, failed, skipped)):
                total[i] += n
            if failed:
                failed_logs.append(os.path.join(build, name + ".log"))
    for path in failed_logs:
        print("\n--- %s (its end)" % path)
        print("\n".join((read(path) or "no log\n").splitlines()[-40:]))
    if not any(total):
        total[1] = 1
    print()
    print("%d passed, %d failed" % (total[0], total[1]) + (", %d skipped" % total[2] if total[2] else ""))
    return 1 if total[1] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
