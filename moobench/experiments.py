# SPDX-License-Identifier: Apache-2.0
"""The experiments: which setups are run under which loads."""

from runs import Load

# Enough to see what the agent does to a program, where many points have to be taken.
FEW = ("none", "floor", "inactive", "off-pre", "null-pre-events", "null-post-events", "null-pre-executions", "sink-pre-events", "collector-pre-events",
       "cprofile", "c-none", "c-clock", "c-null-events", "c-sink-events")

GROUPS = ("minimal", "usual", "full")


class Experiment:
    """`x` says what the loads differ by; `setups` names those that take part, None: all."""

    def __init__(self, key, title, x, loads, setups=None):
        self.key, self.title, self.x, self.loads, self.setups = key, title, x, loads, setups

    def takes(self, setup):
        return self.setups is None or setup.key in self.setups


def all_experiments(full, scale):
    """(x, load) pairs make an experiment. The most calls of all are in the first, whose figures are the table; scale: times so many."""
    calls = max(1000, int((2_000_000 if full else 200_000) * scale))
    depths = [1 << power for power in range(8 if full else 7)]
    python = [key for key in FEW if not key.startswith("c-") and key != "cprofile"]
    return [
        Experiment("table", "One call, 10 deep", "depth", [(10, Load(calls))]),
        Experiment("depth", "Calls that are deeper and deeper", "depth",
                   [(depth, Load(max(2000, calls * 2 // (depth + 2)), depth)) for depth in depths], FEW),
        Experiment("time", "A method that takes its time", "us of the method", [(time, Load(max(100, calls // 500), 10, time * 1000)) for time in (50, 500)], FEW),
        Experiment("threads", "Threads that all call", "threads", [(threads, Load(calls // 2, 10, 0, threads)) for threads in (1, 10, 100)], FEW),
        Experiment("tasks", "Tasks of asyncio that all await coroutines", "tasks", [(tasks, Load(calls // 4, 10, 0, 1, tasks)) for tasks in (1, 10, 100)],
                   [key for key in python if key != "floor"]),
    ]
