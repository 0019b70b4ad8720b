# SPDX-License-Identifier: Apache-2.0
"""ARCHITECTURE.md tells of every bound that the collector has, with the default and the counter that it has."""
import os
import re
import subprocess
import unittest

from e2e_collector_process import program

NO_BOUNDS = {"port", "http-port", "tls-port", "batch-interval", "batch-size", "read-buffer", "http-workers"}


def table():
    path = os.path.join(os.environ.get("srcdir", "."), "ARCHITECTURE.md")
    with open(path, encoding="utf-8") as file:
        text = file.read().split("### What bounds there are")[1].split("\n#")[0]
    return re.findall(r"^\| `([a-z-]+)` \| (\S+) \| [^|]+ \| (?:`([a-z_]+)` )?\|$", text, re.M)


class Table(unittest.TestCase):
    def test_is_true(self):
        environment = {k: v for k, v in os.environ.items() if not k.startswith("KIEKER_")}
        printed = subprocess.run([program(), "--print-config"], capture_output=True, text=True, check=True, env=environment).stdout
        options = dict(re.findall(r"^([a-z-]+) = (none|[0-9]+[a-zA-Z]*)$", printed, re.M))
        told = {option: default for option, default, _ in table()}
        self.assertEqual(told, {option: default for option, default in options.items() if option not in NO_BOUNDS})
        with open(program(), "rb") as binary:
            code = binary.read()
        for _, _, counter in table():
            self.assertTrue(not counter or counter.encode() in code, counter)


if __name__ == "__main__":
    unittest.main(verbosity=2)
