# SPDX-License-Identifier: Apache-2.0
"""MooBench's monitored application for Python: workload.py CALLS DEPTH OUTPUT writes the ns of each outer call of the second half."""

import array
import sys
import time


class MonitoredClass:
    def monitored_method(self, method_time, rec_depth):
        if rec_depth > 1:
            return self.monitored_method(method_time, rec_depth - 1)
        exit_time = time.time_ns() + method_time
        current_time = time.time_ns()
        while current_time < exit_time:
            current_time = time.time_ns()
        return current_time


monitored = MonitoredClass()
clock = time.perf_counter_ns
calls, depth = int(sys.argv[1]), int(sys.argv[2])
taken = array.array("q", bytes(8 * calls))
for i in range(calls):
    begun = clock()
    monitored.monitored_method(0, depth)
    taken[i] = clock() - begun

with open(sys.argv[3], "wb") as output:
    output.write(taken[calls // 2:].tobytes())
