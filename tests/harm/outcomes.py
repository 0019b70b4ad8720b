# SPDX-License-Identifier: Apache-2.0
"""A plugin for pytest: writes each test's outcome to the file $HARM_RESULTS, as one.py does for unittest."""
import json
import os

RESULTS = os.environ.get("HARM_RESULTS")
PROCESS = os.getpid()


def tell(*words):
    if RESULTS and os.getpid() == PROCESS:
        with open(RESULTS, "a", encoding="utf-8") as file:
            file.write(json.dumps(words) + "\n")


def pytest_runtest_logstart(nodeid, location):
    tell("begin", nodeid)


def pytest_runtest_logreport(report):
    expected = hasattr(report, "wasxfail")
    text = report.longreprtext
    if report.when == "call" or report.outcome == "skipped":
        words = {"passed": "unexpected" if expected else "ok", "failed": "fail", "skipped": "expected" if expected else "skip"}
        tell(words[report.outcome], report.nodeid, text)
    elif report.outcome == "failed":
        tell("error", "%s (%s)" % (report.nodeid, report.when), text)


def pytest_collectreport(report):
    if report.outcome == "failed":
        tell("error", report.nodeid or "collection", str(report.longrepr))
