# SPDX-License-Identifier: Apache-2.0
"""The counts that tests/summary.py reports: each suite's own, and nothing lost that failed."""
import os
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import summary  # noqa: E402

UNITTEST_OK = "....\n" + "-" * 70 + "\nRan 4 tests in 0.1s\n\nOK (skipped=1)\n"
UNITTEST_BAD = "-" * 70 + "\nRan 5 tests in 0.1s\n\nFAILED (failures=1, errors=1, skipped=1)\n"
UNITTEST_NONE = "-" * 70 + "\nRan 0 tests in 0.000s\n\nOK\n"
NODE = "# tests 4\n# suites 0\n# pass 2\n# fail 1\n# cancelled 1\n# skipped 0\n# todo 0\n"


class Judge(unittest.TestCase):
    def judged(self, verdict, log):
        with tempfile.TemporaryDirectory() as folder:
            stem = os.path.join(folder, "suite")
            for ending, text in ((".trs", verdict and ":global-test-result: %s\n" % verdict), (".log", log)):
                if text is not None:
                    with open(stem + ending, "w") as f:
                        f.write(text)
            return summary.judge(stem)[:3]

    def test_check_programs_add_up(self):
        self.assertEqual(self.judged("PASS", "100%: Checks: 7, Failures: 0, Errors: 0\n100%: Checks: 2, Failures: 0, Errors: 0\n"), (9, 0, 0))
        self.assertEqual(self.judged("FAIL", "80%: Checks: 10, Failures: 1, Errors: 1\n"), (8, 2, 0))

    def test_unittest(self):
        self.assertEqual(self.judged("PASS", UNITTEST_OK), (3, 0, 1))
        self.assertEqual(self.judged("FAIL", UNITTEST_BAD), (2, 2, 1))

    def test_node(self):
        self.assertEqual(self.judged("FAIL", NODE), (2, 2, 0))

    def test_own_line(self):
        self.assertEqual(self.judged("PASS", "ok one\n12 passed, 0 failed\n"), (12, 0, 0))
        self.assertEqual(self.judged("FAIL", "12 passed, 3 failed, 1 skipped\n"), (12, 3, 1))

    def test_a_silent_suite_is_one_test(self):
        self.assertEqual(self.judged("PASS", "all well\n"), (1, 0, 0))
        self.assertEqual(self.judged("FAIL", "all ill\n"), (0, 1, 0))

    def test_a_crash_after_the_counts_is_a_failure(self):
        self.assertEqual(self.judged("FAIL", "100%: Checks: 7, Failures: 0, Errors: 0\nAddressSanitizer\n"), (7, 1, 0))
        self.assertEqual(self.judged("ERROR", ""), (0, 1, 0))

    def test_no_test_at_all_is_a_failure(self):
        self.assertEqual(self.judged("PASS", UNITTEST_NONE), (0, 1, 0))
        self.assertEqual(self.judged("PASS", "0 passed, 0 failed\n"), (0, 1, 0))

    def test_a_failure_counted_under_exit_status_0_is_a_failure(self):
        self.assertEqual(self.judged("PASS", "3 passed, 1 failed\n"), (3, 1, 0))

    def test_a_suite_that_did_not_run_is_a_failure(self):
        self.assertEqual(self.judged(None, None), (0, 1, 0))
        self.assertEqual(self.judged(None, "began\n"), (0, 1, 0))

    def test_skipped(self):
        self.assertEqual(self.judged("SKIP", "skipped: no browser\n"), (0, 0, 1))

    def test_a_directory_without_suites_is_a_failure(self):
        with tempfile.TemporaryDirectory() as folder:
            stdout = sys.stdout
            with open(os.devnull, "w") as sys.stdout:
                status = summary.main([folder + ":print-tests"])
            sys.stdout = stdout
            self.assertEqual(status, 1)


if __name__ == "__main__":
    unittest.main()
