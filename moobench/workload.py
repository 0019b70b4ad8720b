# SPDX-License-Identifier: Apache-2.0
"""MooBench's benchmark for Python: workload.py CALLS DEPTH OUTPUT [compat INI pre|post EMPTY | deactivate | viztracer].

It writes one line of JSON to OUTPUT (the agent's counters when everything has been sent), and behind it the ns of each outer call of the second
half. With `compat` it asks for its own observation, as a program for the Kieker Python pack does; with `viztracer` for VizTracer's.
"""

import array
import json
import sys
import time

calls, depth, output = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
how = sys.argv[4] if len(sys.argv) > 4 else None
if how == "compat":
    import re

    from monitoring.controller import MonitoringController
    from tools.importhook import PostImportFinder
    from tools.importhookast import InstrumentOnImportFinder

    controller = MonitoringController(sys.argv[5])
    empty = sys.argv[7] == "empty"
    if sys.argv[6] == "pre":
        sys.meta_path.insert(0, InstrumentOnImportFinder(instrument_pattern=re.compile("/monitored$"), empty=empty))
    else:
        sys.meta_path.insert(0, PostImportFinder(re.compile("^monitored$"), [], empty=empty))

from monitored import MonitoredClass  # noqa: E402

if how == "viztracer":
    import viztracer

    tracer = viztracer.VizTracer(verbose=0)
    tracer.start()
elif how == "deactivate":
    import kieker

    kieker.deactivate("*")

monitored = MonitoredClass()
clock = time.perf_counter_ns
taken = array.array("q", bytes(8 * calls))
for i in range(calls):
    begun = clock()
    monitored.monitored_method(0, depth)
    taken[i] = clock() - begun

if how == "viztracer":
    tracer.stop()
counters = {}
if "kieker" in sys.modules:
    import kieker

    kieker._kieker.stop(60.0)
    counters = kieker.stats()
with open(output, "wb") as file:
    file.write(json.dumps(counters).encode() + b"\n" + taken[calls // 2:].tobytes())
