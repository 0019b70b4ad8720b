# SPDX-License-Identifier: Apache-2.0
"""What observing a program has cost: measured, counted, and what to leave out.

The cost of a call is measured anew on this machine, in processes of their own, so that nothing of it gets among the program's records.
"""

import os
import sys
import time

from kieker import _kieker, options

# How long a measurement takes, in seconds.
_SECONDS = 0.2

# How many operations and modules are named.
_ROWS = 10

# Below this part of the run time there is no advice to leave anything out.
_WORTH = 0.01

_USAGE = "usage: python3 -m kieker report [--seconds SECONDS] [--json] [[OPTION]... (script.py | -m MODULE | -c CODE | -) [ARGUMENT]...]\n"

# What is measured: the best of many short rounds. A round's records fit into a ring, and the sender has time to take them.
_MEASURED = """
import itertools, sys, time
def empty(): pass
def calls(number):
    begun = time.perf_counter()
    for _ in itertools.repeat(None, number): empty()
    return time.perf_counter() - begun
best, end = 1e9, time.perf_counter() + float(sys.argv[1])
while time.perf_counter() < end:
    best = min(best, calls(2000))
    time.sleep(0.002)
print(best / 2000 * 1e9)
"""


def main(arguments):
    """The verb: the exit status, or the arguments with which a program is to be run for its report."""
    seconds, as_json = _SECONDS, False
    arguments = list(arguments)
    while arguments[:1] == ["--json"] or arguments[0:1] == ["--seconds"] or (arguments and arguments[0].startswith("--seconds=")):
        word = arguments.pop(0)
        if word == "--json":
            as_json = True
            continue
        text = word.partition("=")[2] or (arguments.pop(0) if arguments else "")
        try:
            seconds = min(max(float(text), 0.01), 600.0)
        except ValueError:
            sys.stderr.write("kieker: --seconds needs a number, not %r\n" % text)
            return 2
    if arguments[:1] in (["-h"], ["--help"]):
        sys.stdout.write(_USAGE + "Measures what observing a call costs on this machine; or runs a program and reports what observing it has cost.\n")
        return 0
    if arguments:
        return ["--report=json" if as_json else "--report"] + arguments
    cost = Cost.measure(seconds)
    if cost is None:
        sys.stderr.write("kieker: the cost of a call could not be measured\n")
        return 1
    sys.stdout.write(_json({"cost": cost.values()}) if as_json else "".join(line + "\n" for line in cost.lines()))
    return 0


class Cost:
    """What a call of an empty function takes on this machine, in ns."""

    def __init__(self, plain, observed):
        self.plain = plain
        self.observed = observed
        self.added = max(observed - plain, 0.0)

    @classmethod
    def measure(cls, seconds=_SECONDS, weave="pre"):
        """None when it cannot be measured."""
        try:
            return cls(_measured(seconds, None), _measured(seconds, weave))
        except (OSError, ValueError):
            return None

    def values(self):
        return {"plain_ns": round(self.plain, 1), "observed_ns": round(self.observed, 1), "added_ns": round(self.added, 1)}

    def lines(self):
        yield "A call of an empty function takes %.0f ns on this machine, observed %.0f ns: observing a call costs %.0f ns." % (
            self.plain, self.observed, self.added)
        for calls in 10000, 100000, 1000000:
            share = calls * self.added * 1e-9
            yield "  a program that makes %9s calls a second: %4.1f %% longer" % (_number(calls), share * 100)


def _measured(seconds, weave):
    # Without site, so that a kieker.pth there does not observe the plain one.
    command = [sys.executable, "-S"]
    if weave is not None:
        command += ["-m", "kieker", "--writer", "null", "--weave", weave, "--children", "no"]
    command += ["-c", _MEASURED, str(seconds)]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("KIEKER_") and key != "PYTHONSTARTUP"}
    here = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    environment["PYTHONPATH"] = here
    environment["PYTHONWARNINGS"] = "ignore"
    import subprocess

    done = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                          timeout=60 + seconds)
    return float(done.stdout)


class Report:
    """What is known at the end of a program that was observed."""

    def __init__(self, seconds, counters, operations, cost, not_woven=(), modules=()):
        """operations: (component, operation, calls); modules: the names of the modules that there are."""
        self.seconds = seconds
        self.counters = counters
        self.cost = cost
        self.not_woven = dict(not_woven)
        self.operations = sorted(operations, key=lambda row: (-row[2], row[0], row[1]))
        self.calls = sum(row[2] for row in self.operations)
        self.modules = _by_module(self.operations, set(modules))

    def took(self, calls):
        """Seconds that observing so many calls took, as far as they were not spent waiting."""
        return 0.0 if self.cost is None else calls * self.cost.added * 1e-9

    def share(self, calls):
        """That as a part of the run time."""
        return self.took(calls) / self.seconds if self.seconds > 0 else 0.0

    def lost(self):
        """Records by why they were lost."""
        return {name[len("dropped_"):]: number for name, number in self.counters.items() if name.startswith("dropped_") and number}

    def to_exclude(self):
        """(module, calls) for modules whose observation is a noticeable part of the run."""
        return [(module, calls) for module, calls in self.modules if self.share(calls) >= _WORTH][:_ROWS]

    def reasons(self):
        """(reason, how many, an example), the most frequent first."""
        found = {}
        for name, reason in self.not_woven.items():
            found.setdefault(reason, []).append(name)
        return sorted(((reason, len(names), names[0]) for reason, names in found.items()), key=lambda row: (-row[1], row[0]))

    def values(self):
        """All of it, for JSON."""
        return {
            "seconds": round(self.seconds, 6),
            "calls": self.calls,
            "cost": None if self.cost is None else self.cost.values(),
            "observing_seconds": round(self.took(self.calls), 6),
            "share": round(self.share(self.calls), 6),
            "lost": self.lost(),
            "counters": dict(self.counters),
            "operations": [
                {"component": component, "operation": operation, "calls": calls, "share": round(self.share(calls), 6)}
                for component, operation, calls in self.operations[:_ROWS]
            ],
            "exclude": [{"module": module, "calls": calls, "share": round(self.share(calls), 6)} for module, calls in self.to_exclude()],
            "not_woven": self.not_woven,
        }

    def lines(self):
        """The same as text."""
        counters = self.counters
        yield "kieker: what observing this program has cost"
        yield ""
        yield "  run time        %s" % _duration(self.seconds)
        rate = " (%s a second)" % _number(self.calls / self.seconds) if self.calls and self.seconds >= 0.1 else ""
        yield "  calls           %s%s of %s operations" % (_number(self.calls), rate, _number(len(self.operations)))
        if self.cost is None:
            yield "  cost of a call  could not be measured"
        else:
            yield "  cost of a call  %.0f ns, measured here and now (an empty function: %.0f ns, observed %.0f ns)" % (
                self.cost.added, self.cost.plain, self.cost.observed)
            yield "  observing       about %s, %s of the run time, waits for the collector not included" % (
                _duration(self.took(self.calls)), _percent(self.share(self.calls)))
        yield "  records         %s sent, %s bytes" % (_number(counters.get("sent", 0)), _number(counters.get("bytes", 0)))
        lost = self.lost()
        yield "  lost            " + (", ".join("%s: %s" % (_number(n), _WHY.get(why, why)) for why, n in lost.items()) if lost else "none")
        yield "  modules         %s woven (%s of them from the cache), %s not" % tuple(
            _number(counters.get(name, 0)) for name in ("woven_modules", "woven_from_cache", "modules_not_woven"))
        yield from self._lines_of_operations()
        reasons = self.reasons()
        if reasons:
            yield ""
            yield "  not observed"
            for reason, number, example in reasons[:_ROWS]:
                yield "    %6s  %s (%s%s)" % (_number(number), reason, example, ", ..." if number > 1 else "")
        yield from self._lines_of_advice()

    def _lines_of_operations(self):
        rows = self.operations[:_ROWS]
        if not rows:
            return
        yield ""
        yield "  the operations that cost most to observe"
        yield "    %14s  %9s  %7s" % ("calls", "about", "of run")
        for component, operation, calls in rows:
            yield "    %14s  %9s  %7s  %s.%s" % (
                _number(calls), _duration(self.took(calls)), _percent(self.share(calls)), component, operation)

    def _lines_of_advice(self):
        rows = self.to_exclude()
        yield ""
        if self.cost is None or not self.calls:
            return
        if not rows:
            yield "  There is little to gain by leaving a module out."
            return
        yield "  to observe less, leave out what is called much and says little"
        width = max(len(module) for module, _ in rows)
        for module, calls in rows:
            yield "    --exclude %s  saves about %s of the run time" % (("'%s'" % module).ljust(width + 2), _percent(self.share(calls)))


_WHY = {
    "ring_full": "the program was faster than the collector (when-full is drop)",
    "disconnected": "there was no collector",
    "queue_full": "the program handed over more than could be sent",
    "no_memory": "memory was short",
}


def _by_module(operations, modules):
    """(module, calls), the most first. A component is a module, or one and a class."""
    found = {}
    for component, _, calls in operations:
        module = component
        while module not in modules and "." in module:
            module = module.rpartition(".")[0]
        module = module if module in modules else component
        found[module] = found.get(module, 0) + calls
    return sorted(found.items(), key=lambda row: (-row[1], row[0]))


def _number(value):
    return format(int(value), ",")


def _percent(share):
    return "%.1f %%" % (share * 100) if share >= 0.0005 else "< 0.1 %"


def _duration(seconds):
    if seconds >= 100:
        return "%.0f s" % seconds
    if seconds >= 1:
        return "%.2f s" % seconds
    if seconds >= 1e-4:
        return "%.1f ms" % (seconds * 1e3)
    return "%.1f us" % (seconds * 1e6) if seconds >= 1e-6 else "%.0f ns" % (seconds * 1e9)


def _json(values):
    import json

    return json.dumps(values, indent=1, ensure_ascii=True) + "\n"


class _Run:
    """The program that is being observed: from when on, in which process, by which options."""

    begun = None


def begin(where, weave):
    """Notes that the program begins now. where: yes (standard error), json (the same, as JSON) or a file."""
    _Run.begun = time.monotonic()
    _Run.process = os.getpid()
    _Run.where = where if where in ("yes", "json") else options.absolute(where)
    _Run.weave = weave


def at_exit():
    """Writes the report of the program that has ended, unless this is a process that has only been forked from it."""
    if _Run.begun is None or _Run.process != os.getpid():
        return
    seconds = time.monotonic() - _Run.begun
    try:
        text = _text(seconds)
    except Exception as error:
        _kieker.say("there is no report: %s: %s" % (type(error).__name__, error))
        return
    try:
        if _Run.where in ("yes", "json"):
            # What the program has made of sys.stderr is not asked.
            with open(2, "w", encoding="utf-8", errors="backslashreplace", closefd=False) as file:
                file.write(text)
        else:
            with open(_Run.where, "w", encoding="utf-8", errors="backslashreplace") as file:
                file.write(text)
    except OSError as error:
        _kieker.say("the report cannot be written: %s" % error)


def _text(seconds):
    import kieker

    report = Report(seconds, kieker.stats(), _kieker.operation_calls(), Cost.measure(weave=_Run.weave),
                    getattr(kieker._hook, "not_woven", {}), _module_names())
    if _Run.where == "json" or _Run.where.endswith(".json"):
        return _json(report.values())
    return "".join(line + "\n" for line in report.lines())


def _module_names():
    from kieker.names import module_name

    names = {name for name in list(sys.modules) if type(name) is str}
    main = sys.modules.get("__main__")
    if main is not None:
        names.add(module_name(vars(main)))
    return names
