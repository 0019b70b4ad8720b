# SPDX-License-Identifier: Apache-2.0
"""What the agent says of its own cost."""

import json
import re
import unittest

import harness
from kieker import report


class OfAProgram(harness.Case):
    TEXT = """
        import sys, helper
        def often(): pass
        class Some:
            def method(self): often()
        def main():
            for i in range(20000): often()
            for i in range(500): Some().method()
            helper.once()
        if __name__ == "__main__": main()
        print("out")
        print("err", file=sys.stderr)
    """

    def run_it(self, *agent, verb=(), **options):
        self.write("helper.py", "def once(): pass\n")
        path = self.write("program.py", self.TEXT)
        sink = self.sink()
        done = self.finish(self.start(["-m", "kieker"] + list(verb) + ["--writer", sink.address] + list(agent) + [path], None, **options))
        done.traces = [trace for stream in sink.streams() for trace in stream.traces()]
        self.assertEqual((done.returncode, done.stdout), (0, "out\n"), done.stderr)
        return done

    def test_text(self):
        done = self.run_it("--report")
        self.assertTrue(done.stderr.startswith("err\nkieker: what observing this program has cost\n"), done.stderr)
        self.assertRegex(done.stderr, r"\n  run time +\d")
        self.assertRegex(done.stderr, r"\n  calls +21,002\b.* of 4 operations\n")
        self.assertRegex(done.stderr, r"\n +20,500 .* program\.often\n +500 .* program\.Some\.method\n")
        self.assertRegex(done.stderr, r"\n  cost of a call +\d+ ns, measured")
        self.assertRegex(done.stderr, r"\n  records +42,00\d sent")
        self.assertRegex(done.stderr, r"\n  lost +none\n")
        self.assertLess(max(map(len, done.stderr.splitlines())), 150)
        # Nothing of the measurement is among the program's records.
        self.assertEqual({call.operation for trace in done.traces for call in trace.walk()}, {"main", "often", "method", "once"})

    def test_verb(self):
        done = self.run_it(verb=["report"])
        self.assertRegex(done.stderr, r"\n  calls +21,002\b")
        done = self.run_it(verb=["report", "--json"])
        self.assertEqual(json.loads(done.stderr[len("err\n"):])["calls"], 21002)

    def test_json_in_a_file(self):
        done = self.run_it(env=self.environment(KIEKER_REPORT="cost.json"))
        self.assertEqual(done.stderr, "err\n")
        with open(self.directory + "/cost.json") as file:
            found = json.load(file)
        self.assertEqual(found["calls"], 21002)
        self.assertEqual(found["lost"], {})
        self.assertGreater(found["seconds"], 0)
        self.assertEqual([(row["component"], row["operation"], row["calls"]) for row in found["operations"]], [
            ("program", "often", 20500), ("program.Some", "method", 500), ("helper", "once", 1), ("program", "main", 1)])
        self.assertGreater(found["cost"]["plain_ns"], 0)
        self.assertAlmostEqual(found["observing_seconds"], found["cost"]["added_ns"] * 21002e-9, delta=0.1 * 21002e-9 + 1e-6)
        self.assertAlmostEqual(found["share"], found["observing_seconds"] / found["seconds"], delta=1e-3)
        self.assertEqual(found["counters"]["woven_modules"], 2)

    def test_text_in_a_file(self):
        done = self.run_it("--report=cost")
        self.assertEqual(done.stderr, "err\n")
        with open(self.directory + "/cost") as file:
            self.assertIn("cost of a call", file.read())
        done = self.run_it("--report=missing/cost")
        self.assertIn("the report cannot be written", done.stderr)
        self.assertEqual(self.run_it("--report=no").stderr, "err\n")

    def test_forked_processes_and_children_say_nothing(self):
        path = self.write("program.py", """
            import os, subprocess, sys
            def f(): pass
            f()
            if len(sys.argv) == 1:
                subprocess.run([sys.executable, "-m", "kieker", "--writer", "null", __file__, "child"])
                subprocess.run([sys.executable, __file__, "child"])
                if os.fork() == 0: sys.exit()
                os.wait()
        """)
        done = self.finish(self.start([path], ["--writer", "null", "--report"]))
        self.assertEqual(done.stderr.count("what observing"), 1, done.stderr)

    def test_what_is_lost_and_not_woven(self):
        self.write("strange.py", "def f(): pass\nexec('def g(): pass')\nf.__code__ = f.__code__.replace(co_name='other')\n")
        path = self.write("program.py", """
            import strange
            def f(): pass
            for i in range(100): f()
        """)
        done = self.finish(self.start([path], ["--writer", "tcp://127.0.0.1:1", "--weave", "post", "--report"]))
        self.assertEqual(done.returncode, 0)
        self.assertRegex(done.stderr, r"\n  lost +200: there was no collector\n")
        self.assertRegex(done.stderr, r"\n +1  it is not made from a file \(strange\.g\)\n")
        self.assertRegex(done.stderr, r"\n +1  its code is not what its module's source compiles to \(strange\.f\)\n")


class Alone(harness.Case):
    def report(self, *arguments):
        return self.plain("-m", "kieker", "report", *arguments)

    def test_measures(self):
        done = self.report("--seconds", "0.1")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertRegex(done.stdout, r"^A call of an empty function takes \d+ ns on this machine, observed \d+ ns: observing a call costs \d+ ns\.\n")
        found = json.loads(self.report("--seconds=0.1", "--json").stdout)["cost"]
        self.assertGreater(found["observed_ns"], found["plain_ns"])

    def test_wrong(self):
        done = self.report("--seconds", "soon")
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertIn("soon", done.stderr)
        self.assertEqual(self.report("missing.py").returncode, 2)
        self.assertIn("usage", self.report("--help").stdout)

    def test_is_not_disturbed_by_the_environment(self):
        environment = self.environment(KIEKER_WRITER="nonsense", KIEKER_EXCLUDE="*", PYTHONSTARTUP="/missing", KIEKER_START="1")
        done = self.finish(self.start(["-c", "from kieker import report; cost = report.Cost.measure(0.05); print(cost.observed > cost.plain)"], None,
                                      interpreter=["-S"], env=environment))
        self.assertEqual(done.stdout, "True\n")


class Calculation(unittest.TestCase):
    def made(self, **changes):
        values = dict(seconds=2.0, counters={"sent": 8, "dropped_ring_full": 3, "dropped_no_memory": 0}, cost=report.Cost(20.0, 60.0), operations=[
            ("shop.util.Price", "round", 1000000), ("shop", "main", 1), ("shop.util", "f", 500000), ("other", "g", 1000)],
            modules=["shop", "shop.util", "other"])
        values.update(changes)
        return report.Report(**values)

    def test_shares(self):
        found = self.made()
        self.assertEqual(found.calls, 1501001)
        self.assertAlmostEqual(found.took(found.calls), 1501001 * 40e-9)
        self.assertAlmostEqual(found.share(500000), 0.01)
        self.assertEqual(found.modules, [("shop.util", 1500000), ("other", 1000), ("shop", 1)])
        self.assertEqual(found.to_exclude(), [("shop.util", 1500000)])
        self.assertEqual(found.lost(), {"ring_full": 3})
        text = "\n".join(found.lines())
        self.assertIn("--exclude 'shop.util'  saves about 3.0 % of the run time", text)
        self.assertTrue(re.search(r"1,000,000 +40\.0 ms +2\.0 %  shop\.util\.Price\.round\n", text), text)
        self.assertIn("3: the program was faster than the collector", text)

    def test_nothing_to_gain(self):
        self.assertIn("There is little to gain", "\n".join(self.made(seconds=1000.0).lines()))
        self.assertEqual(self.made(seconds=1000.0).to_exclude(), [])

    def test_without_a_measurement(self):
        found = self.made(cost=None)
        text = "\n".join(found.lines())
        self.assertIn("could not be measured", text)
        self.assertNotIn("--exclude", text)
        self.assertIsNone(found.values()["cost"])
        json.dumps(found.values())

    def test_nothing_recorded(self):
        found = self.made(operations=[], counters={}, seconds=0.0)
        self.assertEqual((found.calls, found.share(0)), (0, 0.0))
        self.assertTrue("\n".join(found.lines()))

    def test_reasons(self):
        found = self.made(not_woven={"a.f": "why", "a.g": "why", "b.h": "other"})
        self.assertEqual(found.reasons(), [("why", 2, "a.f"), ("other", 1, "b.h")])
        self.assertIn("         2  why (a.f, ...)", "\n".join(found.lines()))


if __name__ == "__main__":
    harness.main()
