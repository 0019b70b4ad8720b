# SPDX-License-Identifier: Apache-2.0
"""one.py RESULTS ARGUMENT...: runs CPython's regrtest with these arguments, and writes each test's outcome to RESULTS.

A line of RESULTS is a JSON list: ["begin", id], or [outcome, id, text] with the outcome ok, fail, error, skip, expected (failure) or
unexpected (success). It is written when it is known, so a process that dies has said how far it came. Runs plain and under the agent.
"""
import importlib
import json
import os
import sys

RESULTS = os.path.abspath(sys.argv[1]) if __name__ == "__main__" else None
# As they are now: tests put other functions in their places. A forked child that goes on in a test is not the test's process.
PROCESS, getpid, open_file, write, close = os.getpid(), os.getpid, os.open, os.write, os.close


def tell(*words):
    if getpid() != PROCESS:
        return
    file = open_file(RESULTS, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        write(file, json.dumps(words).encode() + b"\n")
    finally:
        close(file)


def name(test):
    named = getattr(test, "id", None)
    return str(named() if callable(named) else test)


def recording(base):
    class Recording(base):
        def startTest(self, test):
            super().startTest(test)
            tell("begin", name(test))

        def addSuccess(self, test):
            super().addSuccess(test)
            tell("ok", name(test), "")

        def addFailure(self, test, err):
            super().addFailure(test, err)
            tell("fail", name(test), self.failures[-1][1])

        def addError(self, test, err):
            super().addError(test, err)
            tell("error", name(test), self.errors[-1][1])

        def addSkip(self, test, reason):
            super().addSkip(test, reason)
            tell("skip", name(test), reason)

        def addExpectedFailure(self, test, err):
            super().addExpectedFailure(test, err)
            tell("expected", name(test), "")

        def addUnexpectedSuccess(self, test):
            super().addUnexpectedSuccess(test)
            tell("unexpected", name(test), "")

        def addSubTest(self, test, subtest, err):
            super().addSubTest(test, subtest, err)
            if err is not None:
                failed = issubclass(err[0], test.failureException)
                tell("fail" if failed else "error", name(subtest), (self.failures if failed else self.errors)[-1][1])

    return Recording


def main():
    for place in ("test.libregrtest.testresult", "test.support.testresult"):
        try:
            testresult = importlib.import_module(place)
            break
        except ModuleNotFoundError:
            pass
    testresult.RegressionTestResult = recording(testresult.RegressionTestResult)
    from test.libregrtest.main import main as regrtest

    del sys.argv[1]
    regrtest()


if __name__ == "__main__":
    main()
