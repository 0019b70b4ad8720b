# SPDX-License-Identifier: Apache-2.0
"""The benchmark itself: a small run is complete and loses nothing, its result gives the same tables again, and the statistics are right where they are known."""

import html.parser
import json
import os
import random
import subprocess
import sys
import tempfile
import unittest

ROOT = os.environ["srcdir"]
BUILD = os.environ["builddir"]
sys.path.insert(0, os.path.join(ROOT, "moobench"))

import figures  # noqa: E402
import report  # noqa: E402

SETUPS = ("null-pre-events", "sink-pre-events", "collector-pre-events", "compat-null-post", "c-null-events")


class Page(html.parser.HTMLParser):
    """Notes what an HTML file asks for, and counts its plots and tables."""

    def __init__(self):
        super().__init__()
        self.wanted, self.count = [], {}

    def handle_starttag(self, tag, attributes):
        self.count[tag] = self.count.get(tag, 0) + 1
        self.wanted += [value for name, value in attributes if name in ("src", "href")]


def moobench(*words):
    return subprocess.run([sys.executable, os.path.join(ROOT, "moobench", "moobench.py")] + list(words), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          env=dict(os.environ, PYTHONDONTWRITEBYTECODE="1"))


class SmallRun(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        cls.directory = cls.temporary.name
        cls.out = os.path.join(cls.directory, "result.json")
        words = [word for setup in SETUPS for word in ("--only", setup)]
        cls.done = moobench("--built-for", os.environ["PYTHON"], "--path", os.path.join(BUILD, "python"), "--sink", os.path.join(BUILD, "moobench", "sink"),
                            "--native", os.path.join(BUILD, "moobench", "native"), "--collector", os.environ["KIEKER_COLLECTOR"], "--scale", "0.01",
                            "--loops", "2", "--experiment", "table", "--experiment", "depth", "--experiment", "tasks", "--raw",
                            os.path.join(cls.directory, "raw"), "--out", cls.out, *words)
        if cls.done.returncode == 0:
            with open(cls.out) as file:
                cls.result = json.load(file)

    @classmethod
    def tearDownClass(cls):
        cls.temporary.cleanup()

    def setUp(self):
        self.assertEqual(self.done.returncode, 0, self.done.stderr)

    def test_every_point_was_run_in_every_loop_and_lost_nothing(self):
        taken = [run for run in self.result["runs"] if run["experiment"] == "table"]
        self.assertEqual(sorted((run["setup"], run["loop"]) for run in taken), sorted((setup, loop) for setup in SETUPS + ("none", "c-none") for loop in (0, 1)))
        self.assertEqual([run for run in self.result["runs"] if run["lost"]], [])
        for run in self.result["runs"]:
            self.assertEqual(run["q"], sorted(run["q"]))
            self.assertGreater(run["q"][0], 0)

    def test_loops_have_orders_of_their_own(self):
        orders = [[(run["python"], run["experiment"], run["x"], run["setup"]) for run in self.result["runs"] if run["loop"] == loop] for loop in (0, 1)]
        self.assertEqual(sorted(orders[0]), sorted(orders[1]))
        self.assertNotEqual(orders[0], orders[1])

    def test_raw_calls_are_kept_as_moobench_keeps_them(self):
        run = next(run for run in self.result["runs"] if run["setup"] == "sink-pre-events" and run["experiment"] == "table")
        path = os.path.join(self.directory, "raw", "%s-table-%d-sink-pre-events-%d.csv" % (run["python"], run["x"], run["loop"]))
        with open(path) as lines:
            raw = [tuple(int(cell) for cell in line.split(";")) for line in lines]
        self.assertEqual(len(raw), run["calls"])
        self.assertEqual({thread for thread, _ in raw}, {0})
        self.assertEqual(figures.describe([ns for _, ns in raw[len(raw) // 2:]])["q"], run["q"])

    def test_a_result_gives_the_same_tables_again(self):
        page, csv = os.path.join(self.directory, "page.html"), os.path.join(self.directory, "figures.csv")
        again = moobench("--report", self.out, "--html", page, "--csv", csv)
        self.assertEqual(again.returncode, 0, again.stderr)
        self.assertEqual(again.stdout, self.done.stdout)
        for title in ("one call, 10 deep", "beside the published evaluation", "cost a call by depth", "C program: one call"):
            self.assertIn(title, again.stdout)
        with open(csv) as lines:
            rows = [line.rstrip("\n").split(",") for line in lines]
        self.assertEqual(len(rows) - 1, len({(run["python"], run["experiment"], run["x"], run["setup"]) for run in self.result["runs"]}))
        self.assertEqual({len(row) for row in rows}, {len(rows[0])})

    def test_the_page_needs_nothing_else(self):
        page = os.path.join(self.directory, "page.html")
        self.assertEqual(moobench("--report", self.out, "--html", page).returncode, 0)
        parser = Page()
        with open(page, encoding="utf-8") as file:
            parser.feed(file.read())
        self.assertEqual(parser.wanted, [])
        self.assertEqual(parser.count["table"], len(report.tables(self.result)))
        self.assertGreaterEqual(parser.count["svg"], 5)

    def test_what_is_no_result_is_refused(self):
        path = os.path.join(self.directory, "other.json")
        with open(path, "w") as file:
            file.write("{}")
        done = moobench("--report", path)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("is no result of moobench.py", done.stderr)


class Statistics(unittest.TestCase):
    def test_a_line_is_found(self):
        slope, intercept, r2 = figures.line([(x, 100 + 40 * x) for x in (1, 2, 4, 8, 64)])
        self.assertAlmostEqual(slope, 40)
        self.assertAlmostEqual(intercept, 100)
        self.assertAlmostEqual(r2, 1)

    def test_intervals_cover_what_they_promise(self):
        draw, covered = random.Random(7), 0
        for _ in range(60):
            sample = [(draw.gauss(50, 5), 0) for _ in range(20)]
            _, low, high = figures.bootstrap(sample, lambda pairs: sum(a for a, _ in pairs) / len(pairs))
            covered += low <= 50 <= high
        self.assertGreaterEqual(covered, 50)
        self.assertLess(covered, 60 + 1)

    def test_superiority(self):
        short, long = [figures.describe(range(100, 200))], [figures.describe(range(300, 400))]
        self.assertEqual(figures.superiority(long, short), 1)
        self.assertEqual(figures.superiority(short, long), 0)
        self.assertEqual(figures.superiority(short, short), 0.5)

    def test_quantiles(self):
        found = figures.describe(list(range(1001)))
        self.assertEqual(found["q"][figures.GRID.index(0.5)], 500)
        self.assertEqual((found["q"][0], found["q"][-1], found["mean"], found["count"]), (10, 990, 500, 1001))

    def test_the_published_figures_are_whole(self):
        known = report.published()
        self.assertEqual(len(known), 9)
        self.assertEqual(known["tcp writer - pre"]["python_median"], 876.135)
        self.assertEqual(known["null writer - post"]["java_median"], 17.306)


if __name__ == "__main__":
    unittest.main(verbosity=2)
