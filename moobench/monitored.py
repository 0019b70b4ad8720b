# SPDX-License-Identifier: Apache-2.0
"""MooBench's monitored application for Python: a call that calls itself `rec_depth` deep, and then waits for `method_time` ns.

The same three times: as everyone writes it, as a coroutine, and with a C function that does nothing called where a probe would be: the floor of
all that is called from the function's own code.
"""

import gc
import time

# It only says yes or no: no C function that can be called costs less.
do_nothing = gc.isenabled


class MonitoredClass:
    def monitored_method(self, method_time, rec_depth):
        if rec_depth > 1:
            return self.monitored_method(method_time, rec_depth - 1)
        exit_time = time.time_ns() + method_time
        current_time = time.time_ns()
        while current_time < exit_time:
            current_time = time.time_ns()
        return current_time

    async def monitored_coroutine(self, method_time, rec_depth):
        if rec_depth > 1:
            return await self.monitored_coroutine(method_time, rec_depth - 1)
        exit_time = time.time_ns() + method_time
        current_time = time.time_ns()
        while current_time < exit_time:
            current_time = time.time_ns()
        return current_time

    def floor_method(self, method_time, rec_depth):
        do_nothing()
        try:
            if rec_depth > 1:
                return self.floor_method(method_time, rec_depth - 1)
            exit_time = time.time_ns() + method_time
            current_time = time.time_ns()
            while current_time < exit_time:
                current_time = time.time_ns()
            return current_time
        finally:
            do_nothing()
