# SPDX-License-Identifier: Apache-2.0
"""MooBench's monitored application for Python: a call that calls itself `rec_depth` deep, and then waits for `method_time` ns."""

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
