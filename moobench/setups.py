# SPDX-License-Identifier: Apache-2.0
"""The setups: every way in which the monitored application is run, and what of the published evaluation each is to be held against."""

import os

HERE = os.path.dirname(os.path.abspath(__file__))

# What ini files of the Kieker Python pack say; {directory} and {port} are filled in.
INI = {
    "dummy": "[General]\nmode = dummy\n[Main]\nmode = dummy\n",
    "text": "[General]\nmode = text\n[Main]\nmode = text\n[FileWriter]\nfile_path = {directory}/kieker-0.dat\n",
    "tcp": "[General]\nmode = tcp\nmultiple_Connections = False\n[Main]\nmode = tcp\n[Tcp]\nhost = 127.0.0.1\nport = {port}\nconnection_timeout = 10\n",
}

# Writers of our agent: name, --writer, who is at the other end, how much shorter it runs because it fills a disk.
WRITERS = (
    ("null", "null", None, 1),
    ("text", "file:{directory}", None, 4),
    ("binary", "binary:{directory}", None, 2),
    ("sink", "tcp://127.0.0.1:{sink}", "sink", 1),
    ("collector", "tcp://127.0.0.1:{collector}", "collector", 1),
)
# What is observed: the monitored application, and nothing of what drives it.
AGENT = ["-m", "kieker", "--include", "monitored", "--exclude", "@program", "--writer"]
WRITER_TITLES = {"null": "null writer", "text": "text writer", "binary": "binary writer", "sink": "tcp writer, sink", "collector": "tcp writer, collector"}


class Setup:
    """A way to run the workload. `key` names it in files and for --only; `share`: it makes so many times fewer calls.

    `records`: how many our agent makes of each call, 0 where it is not ours or does not record. `published`: its row in published.tsv.
    `budget`: the figure and the most that it may be: ns/call, median/plain, or mean/plain. `group`: minimal, usual or full.
    """

    def __init__(self, key, title, group="full", arguments=(), observer=(), ini=None, other_end=None, records=0, share=1, budget=None, published=None,
                 kind="monitored_method", path=(), native=False):
        self.key = key
        self.title = title
        self.group = group
        self.arguments = list(arguments)  # of the interpreter, before the workload's
        self.observer = list(observer)    # of the workload, after its own
        self.ini = ini
        self.other_end = other_end
        self.records = records
        self.share = share
        self.budget = budget
        self.published = published
        self.kind = kind
        self.path = list(path)  # before everything else on the interpreter's path
        self.native = native    # of moobench/native.c instead of workload.py
        self.missing = None  # why it cannot be measured here


def _ours():
    """Our agent, by its own options."""
    budgets = {"null": ("ns/call", 40), "sink": ("mean/plain", 3), "collector": ("mean/plain", 5)}
    published = {"null": "null writer", "text": "text writer", "sink": "tcp writer"}
    for name, writer, other_end, share in WRITERS:
        for weave in ("pre", "post", "monitor"):
            for record in ("events", "executions"):
                usual = weave != "monitor" and record == "events" or name == "null" or (name, weave) == ("collector", "pre")
                is_budgeted = weave != "monitor" and record == "events"
                yield Setup("%s-%s-%s" % (name, weave, record), "%s, %s%s" % (WRITER_TITLES[name], weave, ", executions" * (record == "executions")),
                            "minimal" if (weave, record) == ("pre", "events") else "usual" if usual else "full",
                            AGENT + [writer, "--weave", weave, "--record", record], other_end=other_end, share=share,
                            records=2 if record == "events" else 1, budget=budgets.get(name) if is_budgeted else None,
                            published="%s - %s" % (published[name], weave) if is_budgeted and name in published else None)


def _kieker_pack(key, title, path, group, share):
    """The Kieker Python pack's interface: our compatibility package, or the real pack."""
    for when in ("post", "pre"):
        yield Setup("%s-inactive-%s" % (key, when), "%s, probe inactive, %s" % (title, when), group, observer=["kieker-pack", "{ini}", when, "empty"],
                    ini="dummy", path=path, share=1 if share == 1 else 4, budget=("median/plain", 1.1) if share == 1 else None)
    for name, ini, other_end in (("null", "dummy", None), ("text", "text", None), ("tcp", "tcp", "sink")):
        for when in ("post", "pre"):
            yield Setup("%s-%s-%s" % (key, name, when), "%s, %s writer, %s" % (title, name, when), group, observer=["kieker-pack", "{ini}", when, "full"],
                        ini=ini, other_end=other_end if share == 1 else other_end and "unread", path=path, records=2 if share == 1 else 0,
                        share=max(share, 4 if name == "text" else 1))


def _native():
    """Our agent's core in a C program."""
    yield Setup("c-none", "C: no instrumentation", "minimal", native=True)
    yield Setup("c-clock", "C: the clock, twice", "minimal", kind="clock_method", native=True)
    for name, writer, other_end, share in WRITERS:
        for record in ("events", "executions"):
            yield Setup("c-%s-%s" % (name, record), "C: %s%s" % (WRITER_TITLES[name], ", executions" * (record == "executions")),
                        "usual" if record == "events" else "full", observer=[writer, record], other_end=other_end, share=share,
                        records=2 if record == "events" else 1, native=True)


def all_setups(compat, kieker_pack=None):
    """Every setup there is. compat: where our compatibility package is; kieker_pack: a checkout of the real Kieker Python pack, or None."""
    setups = [
        Setup("none", "no instrumentation", "minimal", published="no instrumentation"),
        Setup("floor", "floor: a C function that does nothing, twice", "minimal", kind="floor_method"),
        Setup("inactive", "inactive", "minimal", AGENT + ["inactive"], budget=("median/plain", 1.1)),
        Setup("off-pre", "switched off at run time, pre", "minimal", AGENT + ["null"], ["switched-off"],
              published="probe inactive - pre"),
        Setup("off-post", "switched off at run time, post", "usual", AGENT + ["null", "--weave", "post"], ["switched-off"],
              published="probe inactive - post"),
    ]
    setups += _ours()
    setups += _kieker_pack("compat", "Kieker pack's interface", [compat], "full", 1)
    setups += _kieker_pack("pack", "Kieker Python pack", [os.path.join(kieker_pack or "", "kieker"), kieker_pack or ""], "usual", 40)
    setups += [
        Setup("cprofile", "cProfile", "minimal", ["-m", "cProfile", "-o", os.devnull]),
        Setup("viztracer", "VizTracer (ring of 1M entries)", "usual", observer=["viztracer"]),
        Setup("opentelemetry", "OpenTelemetry, a span a call, discarded", "usual", observer=["opentelemetry"], share=20),
    ]
    setups += _native()
    if not kieker_pack:
        for setup in setups:
            if setup.key.startswith("pack-"):
                setup.missing = "give a checkout of it: --kieker-pack DIRECTORY"
    return setups
