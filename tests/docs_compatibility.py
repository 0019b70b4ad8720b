# SPDX-License-Identifier: Apache-2.0
"""docs/compatibility.md names every record type and older name once, and no test that is not there."""
import os
import re
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from kieker_logs import ALIASES, TOP, TYPES  # noqa: E402


class Compatibility(unittest.TestCase):
    def setUp(self):
        with open(os.path.join(TOP, "docs", "compatibility.md"), encoding="utf-8") as file:
            self.text = file.read()

    def test_record_types(self):
        rows = re.findall(r"^\| `(kieker\.[\w.]+)` \| (.+?) \|(.*)\|$", self.text, flags=re.M)
        self.assertEqual(sorted(name for name, _, _ in rows), sorted(TYPES))
        older = {old: name for name, _, names in rows for old in re.findall(r"`([\w.]+)`", names)}
        self.assertEqual(older, ALIASES)

    def test_named_tests(self):
        named = set(re.findall(r"`(tests/[\w./]+)`", self.text))
        self.assertGreater(len(named), 10)
        for path in named:
            self.assertTrue(os.path.exists(os.path.join(TOP, path)), path)


if __name__ == "__main__":
    unittest.main()
