# SPDX-License-Identifier: Apache-2.0
"""kieker-query import of logs that are still written, and what becomes of them when it, or the log, ends early."""
import glob
import json
import os
import random
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import unittest

CAPTURES = os.path.join(os.environ.get("srcdir", "."), "tests", "data", "captures")
QUERY = os.environ.get("KIEKER_QUERY", "./kieker-query")
PYTHON = os.environ.get("KIEKER_PYTHON", "./tests/python")
PATIENCE = 60
MAP = "$0=kieker.common.record.controlflow.OperationExecutionRecord\n"
PROGRAM = """
def inner(n):
    return n + 1


def outer(n):
    return inner(n)


def main():
    for n in range(%d):
        outer(n)


main()
"""


class Follow(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.mkdtemp(prefix="kieker-follow-")
        self.addCleanup(shutil.rmtree, self.directory)
        self.database = os.path.join(self.directory, "test.db")

    def query(self, *words, status=0, database=None):
        done = subprocess.run([QUERY, "--database", database or self.database, *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, timeout=PATIENCE)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return done

    def figures(self, database=None):
        row = json.loads(self.query("status", "--json", database=database).stdout)["rows"][0]
        return tuple(row[key] for key in ("records", "calls", "operations"))

    def records(self):
        done = subprocess.run([QUERY, "--database", self.database, "status", "--json"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, timeout=PATIENCE)
        return json.loads(done.stdout)["rows"][0]["records"] if done.returncode == 0 else 0

    def wait_for(self, what, condition):
        deadline = time.monotonic() + PATIENCE
        while not condition():
            self.assertLess(time.monotonic(), deadline, what)
            time.sleep(0.05)

    def follow(self, *paths):
        """An import that goes on; what it says is in the list `said` of the process, by line."""
        process = subprocess.Popen([QUERY, "--database", self.database, "import", *paths, "--follow"], stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        process.said = []
        process.reader = threading.Thread(target=lambda: process.said.extend(process.stdout), daemon=True)

        def end():
            if process.poll() is None:
                process.kill()
            process.wait()
            process.reader.join()
            process.stdout.close()
        self.addCleanup(end)
        process.reader.start()
        return process

    def stop(self, process, number=signal.SIGINT, status=0):
        process.send_signal(number)
        self.assertEqual(process.wait(timeout=PATIENCE), status, process.said)
        process.reader.join(PATIENCE)
        return "".join(process.said)

    @staticmethod
    def line(trace):
        return "$0;%d;void shop.Shop.main();<no-session-id>;%d;%d;%d;host;0;0\n" % (trace, trace, 10 * trace, 10 * trace + 5)

    @staticmethod
    def append(path, content):
        with open(path, "ab") as file:
            file.write(content if isinstance(content, bytes) else content.encode())

    def make_log(self, lines, name="log"):
        path = os.path.join(self.directory, name)
        os.makedirs(path)
        self.append(os.path.join(path, "kieker.map"), MAP)
        records = os.path.join(path, "kieker-20260102-030405678-UTC-001-main.dat")
        self.append(records, "".join(lines))
        return path, records

    def follow_agent(self, kind):
        logs = os.path.join(self.directory, "logs")
        program = os.path.join(self.directory, "program.py")
        with open(program, "w") as file:
            file.write(PROGRAM % 9000)
        follower = self.follow(logs)
        subprocess.run([PYTHON, "-m", "kieker", "--writer", kind + ":" + logs, program], stdin=subprocess.DEVNULL, check=True, timeout=PATIENCE)
        self.assertGreater(len(glob.glob(os.path.join(logs, "*", "*." + ("dat" if kind == "file" else "bin")))), 1)
        whole = os.path.join(self.directory, "whole.db")
        self.query("import", logs, database=whole)
        expected = self.figures(whole)
        self.wait_for("all records", lambda: self.records() >= expected[0])
        self.stop(follower)
        self.assertEqual(self.figures(), expected)
        self.assertIn(": 0 records, and", self.query("import", logs).stdout)

    def test_our_agents_text(self):
        self.follow_agent("file")

    def test_our_agents_binary(self):
        self.follow_agent("binary")

    def test_captures_that_come_in_pieces(self):
        """The map last, a file after the other, cut anywhere."""
        chance = random.Random(7)
        followed = os.path.join(self.directory, "logs")
        follower = self.follow(followed)
        for source in sorted(glob.glob(os.path.join(CAPTURES, "filewriter-*", "*"))):
            target = os.path.join(followed, *source.split(os.sep)[-2:])
            os.makedirs(target)
            for name in sorted(os.listdir(source), key=lambda name: name.endswith(".map")):
                with open(os.path.join(source, name), "rb") as file:
                    content = file.read()
                cuts = sorted(chance.randrange(len(content) + 1) for _ in range(5)) + [min(1, len(content))]
                cuts.sort()
                for begin, end in zip([0] + cuts, cuts + [len(content)]):
                    self.append(os.path.join(target, name), content[begin:end])
                    time.sleep(0.03)
        self.wait_for("all records", lambda: self.records() >= 84)
        said = self.stop(follower, signal.SIGTERM)
        self.assertEqual(self.records(), 84)
        self.assertNotIn("could not", said)

    def test_a_map_that_is_behind(self):
        log, records = self.make_log([])
        follower = self.follow(log)
        self.append(records, self.line(1) + "$2;5;10;1;2;op;cls\n" + self.line(2))
        self.wait_for("the first", lambda: self.records() == 1)
        for piece in ("$2=kieker.common.record.flow.trace.oper", "ation.BeforeOperationEvent", "\n"):
            self.append(os.path.join(log, "kieker.map"), piece)
            time.sleep(0.3)
        self.wait_for("all", lambda: self.records() == 3)
        self.assertNotIn("could not", self.stop(follower))

    def test_what_is_not_whole_is_left_for_later(self):
        log, records = self.make_log([self.line(1), self.line(234)[:-2]])
        follower = self.follow(log)
        self.wait_for("the first", lambda: self.records() == 1)
        self.assertIn(log + ": 1 records\n", self.stop(follower))
        self.append(records, self.line(234)[-2:])
        self.assertIn("1 records, and 1 that had been imported before", self.query("import", log).stdout)
        self.assertEqual(self.records(), 2)

    def test_every_cut_imported_again_and_again(self):
        text = self.line(1) + self.line(23)
        for cut in range(len(self.line(1)), len(text), 3):
            with self.subTest(cut):
                log, records = self.make_log([text[:cut]], "log%d" % cut)
                database = os.path.join(self.directory, "%d.db" % cut)
                subprocess.run([QUERY, "--database", database, "import", log], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL, timeout=PATIENCE)
                self.append(records, text[cut:])
                self.query("import", log, database=database)
                self.query("import", log, database=database)
                self.assertEqual(self.figures(database)[0], 2)

    def test_whole_lines_without_an_end_are_taken_once(self):
        for count in (1, 3):
            with self.subTest(count):
                log, _ = self.make_log(["".join(self.line(trace) for trace in range(1, count + 1))[:-1]], "log%d" % count)
                database = os.path.join(self.directory, "%d.db" % count)
                for _ in range(3):
                    self.query("import", log, database=database)
                    self.assertEqual(self.figures(database)[0], count)

    def kill_and_go_on(self, log, total, *options):
        """Killed again and again, each time a little later."""
        kills = 0
        for pause in (0.05, 0.1, 0.2, 0.4):
            process = subprocess.Popen([QUERY, "--database", self.database, "import", log, *options], stdin=subprocess.DEVNULL,
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(pause)
            process.kill()
            kills += process.wait(timeout=PATIENCE) == -signal.SIGKILL
        self.assertGreater(kills, 0)
        self.query("import", log)
        self.assertEqual(self.records(), total)
        self.assertIn(": 0 records, and", self.query("import", log).stdout)

    def test_killed(self):
        log, records = self.make_log([self.line(trace) for trace in range(1, 150001)])
        self.kill_and_go_on(log, 150000)

    def test_killed_while_it_follows(self):
        log, records = self.make_log([self.line(trace) for trace in range(1, 1001)])
        for begin in (1001, 2001):
            follower = self.follow(log)
            self.wait_for("what is there", lambda begin=begin: self.records() == begin - 1)
            self.append(records, "".join(self.line(trace) for trace in range(begin, begin + 1000))[:-7])
            follower.kill()
            follower.wait(timeout=PATIENCE)
            self.append(records, self.line(begin + 999)[-7:])
        self.kill_and_go_on(log, 3000, "--follow")

    def test_stopped_half_way(self):
        log, _ = self.make_log([self.line(trace) for trace in range(1, 150001)])
        process = subprocess.Popen([QUERY, "--database", self.database, "import", log], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True)
        self.addCleanup(lambda: process.poll() is None and process.kill())
        self.wait_for("something", lambda: process.poll() is not None or self.records() > 0)
        process.send_signal(signal.SIGTERM)
        out, said = process.communicate(timeout=PATIENCE)
        if process.returncode != 0:
            self.assertEqual(process.returncode, 5, said)
            self.assertIn("stopped before the end: what was read is stored", said)
        self.assertIn("%s: " % log, out)
        self.query("import", log)
        self.assertEqual(self.records(), 150000)

    def test_directories_that_come_and_go(self):
        first, records = self.make_log([self.line(1)], "first")
        later = os.path.join(self.directory, "later")
        follower = self.follow(first, first, later)
        self.wait_for("the first", lambda: self.records() == 1)
        other, _ = self.make_log([self.line(2), self.line(3)], "later/kieker-1")
        self.wait_for("the later one", lambda: self.records() == 3)
        shutil.rmtree(other)
        self.append(records, self.line(4))
        self.wait_for("all", lambda: self.records() == 4)
        self.wait_for("that one is gone", lambda: any("was removed" in line for line in follower.said))
        said = self.stop(follower)
        self.assertIn(later + ": there is no Kieker log yet: it is waited for", said)
        self.assertIn(other + ": a log that is new", said)
        self.assertIn(other + ": the log was removed; what was read of it is stored", said)
        self.assertIn(first + ": 2 records\n", said)

    def test_files_that_come_and_go(self):
        log, records = self.make_log([self.line(1)])
        follower = self.follow(log)
        self.wait_for("the first", lambda: self.records() == 1)
        os.unlink(records)
        # Also one that comes before by its name, and one that was imported as part of another log.
        self.append(os.path.join(log, "a.dat"), self.line(2))
        self.append(os.path.join(log, "z.dat"), self.line(3))
        self.wait_for("all", lambda: self.records() == 3)
        self.append(os.path.join(log, "z.dat"), self.line(4))
        self.wait_for("more", lambda: self.records() == 4)
        with open(os.path.join(log, "z.dat"), "w") as file:
            file.write(self.line(5)[:5])
        self.wait_for("said", lambda: any("shorter" in line for line in follower.said))
        said = self.stop(follower, status=5)
        self.assertIn("z.dat, byte ", said)
        self.assertEqual(said.count("shorter"), 1)
        self.assertEqual(self.records(), 4)


if __name__ == "__main__":
    unittest.main()
