# SPDX-License-Identifier: Apache-2.0
"""kieker-query import: logs of every form into a database, once each, and what is said of those that are damaged."""
import glob
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
import unittest
import zipfile

CAPTURES = os.path.join(os.environ.get("srcdir", "."), "tests", "data", "captures")
QUERY = os.environ.get("KIEKER_QUERY", "./kieker-query")
PATIENCE = 60


class Import(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.mkdtemp(prefix="kieker-import-")
        self.addCleanup(shutil.rmtree, self.directory)
        self.database = os.path.join(self.directory, "test.db")

    def query(self, *words, status=0, database=None):
        done = subprocess.run([QUERY, "--database", database or self.database, *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, timeout=PATIENCE)
        self.assertEqual(done.returncode, status, done.stderr)
        return done

    def figures(self, database=None):
        row = json.loads(self.query("status", "--json", database=database).stdout)["rows"][0]
        return tuple(row[key] for key in ("records", "traces", "calls", "operations", "components", "classes"))

    def make_log(self, lines, name="log"):
        path = os.path.join(self.directory, name)
        os.makedirs(path, exist_ok=True)
        with open(os.path.join(path, "kieker.map"), "w") as file:
            file.write("$0=kieker.common.record.controlflow.OperationExecutionRecord\n$1=shop.Sold\n")
        with open(os.path.join(path, "kieker-20260102-030405678-UTC-001.dat"), "w") as file:
            file.write("".join(lines))
        return path

    @staticmethod
    def line(trace):
        return "$0;%d;void shop.Shop.main();<no-session-id>;%d;%d;%d;host;0;0\n" % (trace, trace, 10 * trace, 10 * trace + 5)

    def test_every_form_is_the_same_log(self):
        for path in sorted(glob.glob(os.path.join(CAPTURES, "filewriter-*"))):
            with self.subTest(path):
                database = os.path.join(self.directory, os.path.basename(path) + ".db")
                self.query("import", path, database=database)
                self.assertEqual(self.figures(database), (14, 3, 5, 4, 4, 3))

    def test_importing_twice_does_not_double(self):
        said = self.query("import", CAPTURES).stdout
        self.assertIn("6 logs: 84 records", said)
        before = self.figures()
        said = self.query("import", CAPTURES).stdout
        self.assertIn("0 records, and 14 that had been imported before", said)
        self.assertEqual(self.figures(), before)

    def test_only_what_was_added_is_imported(self):
        self.query("import", self.make_log([self.line(1), self.line(2)]))
        moved = self.make_log([self.line(1), self.line(2), self.line(3)], "elsewhere")
        self.assertIn("1 records, and 2 that had been imported before", self.query("import", moved).stdout)
        self.assertEqual(self.figures()[:2], (3, 3))
        # One that only begins alike is another one.
        other = self.make_log([self.line(1), self.line(7)], "other")
        self.assertIn("2 records\n", self.query("import", other).stdout)

    def test_what_cannot_be_read_is_named(self):
        log = self.make_log([self.line(1), "$0;2;broken\n", self.line(3), "$1;5;x\n"])
        done = self.query("import", log, status=5)
        self.assertIn("UTC-001.dat:2: the line has too few fields", done.stderr)
        self.assertIn("UTC-001.dat:4: this class is not known: --records teaches it: shop.Sold", done.stderr)
        self.assertIn("2 records; 2 lines or files could not be read", done.stdout)
        self.assertEqual(self.figures()[:2], (2, 2))

    def test_record_types_of_ones_own(self):
        log = self.make_log([self.line(1), "$1;5;17;2;red;large;2.5\n"])
        types = os.path.join(self.directory, "shop.irl")
        with open(types, "w") as file:
            file.write("package shop\ntemplate Priced { double price }\nentity Sold : Priced { int n string[] words }\n")
        done = self.query("import", log, "--records", types, status=5)
        self.assertIn("UTC-001.dat:2: this is no length that an array can have: red", done.stderr)
        log = self.make_log([self.line(2), "$1;5;2.5;17;2;red;large\n"], "right")
        self.query("import", log, "--records", types)
        with open(types, "a") as file:
            file.write("entity Wrong { strin x }\n")
        done = self.query("import", log, "--records", types, status=2)
        self.assertIn("shop.irl:4:16: there is no type strin", done.stderr)

    def test_a_run_and_an_archive(self):
        log = self.make_log([self.line(1)])
        archive = os.path.join(self.directory, "kieker-old.zip")
        with zipfile.ZipFile(archive, "w") as packed:
            for name in sorted(os.listdir(log)):
                packed.write(os.path.join(log, name), name)
        self.query("import", archive, "--run", "old")
        self.assertEqual([row["run"] for row in json.loads(self.query("traces", "--json").stdout)["rows"]], ["old"])

    def test_no_log(self):
        done = self.query("import", self.directory, status=5)
        self.assertIn("there is no Kieker log at or below " + self.directory, done.stderr)
        self.query("import", os.path.join(self.directory, "nothing"), status=5)
        self.query("import", status=2)

    def test_a_log_that_is_still_written(self):
        log = self.make_log([self.line(1)])
        process = subprocess.Popen([QUERY, "--database", self.database, "import", log, "--follow"], stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.addCleanup(process.wait)
        self.addCleanup(process.stdout.close)
        self.addCleanup(lambda: process.poll() is None and process.kill())
        for trace in range(2, 12):
            with open(os.path.join(log, "kieker-20260102-030405678-UTC-001.dat"), "a") as file:
                file.write(self.line(trace)[:20])
                file.flush()
                time.sleep(0.02)
                file.write(self.line(trace)[20:])
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            done = subprocess.run([QUERY, "--database", self.database, "status", "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            if done.returncode == 0 and json.loads(done.stdout)["rows"][0]["records"] == 11:
                break
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=PATIENCE)
        self.assertEqual(process.returncode, 0, out)
        self.assertEqual(self.figures()[:2], (11, 11))


if __name__ == "__main__":
    unittest.main()
