# SPDX-License-Identifier: Apache-2.0
"""MooBench's benchmark for Python: calls the monitored method many times, and takes the time of each call.

workload.py CALLS DEPTH METHOD_TIME THREADS KIND OUTPUT [OBSERVER [WORD]...]

CALLS are shared by THREADS; METHOD_TIME is in ns. KIND is the method: monitored_method, floor_method, or monitored_coroutine (then THREADS are tasks
of one thread, and a call is a task's await). OUTPUT gets a line `thread;ns` for each call, in the order in which they were made, as in MooBench; OUTPUT.json
gets the counters of our agent once everything has been sent, and the times of the whole: `wall_ns` and `cpu_ns` of the process while calls were
made and sent, `own_ns` of the threads that made them.
"""

import array
import json
import sys
import threading
import time

import observers

CALLS, DEPTH, METHOD_TIME, THREADS = (int(word) for word in sys.argv[1:5])
KIND, OUTPUT = sys.argv[5:7]
observer = observers.BY_NAME[sys.argv[7] if len(sys.argv) > 7 else "nothing"](sys.argv[8:])
observer.prepare()

from monitored import MonitoredClass  # noqa: E402

own_ns = [0] * THREADS
taken = [array.array("q", bytes(8 * (CALLS // THREADS))) for _ in range(THREADS)]


def run(number):
    monitored, mine, clock = MonitoredClass(), taken[number], time.perf_counter_ns
    method = getattr(monitored, KIND)
    begun_own = time.thread_time_ns()
    for i in range(len(mine)):
        begun = clock()
        method(METHOD_TIME, DEPTH)
        mine[i] = clock() - begun
    own_ns[number] = time.thread_time_ns() - begun_own


def run_threads():
    if THREADS == 1:
        return run(0)
    threads = [threading.Thread(target=run, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def run_tasks():
    import asyncio

    async def task(number):
        monitored, mine, clock = MonitoredClass(), taken[number], time.perf_counter_ns
        for i in range(len(mine)):
            begun = clock()
            await monitored.monitored_coroutine(METHOD_TIME, DEPTH)
            mine[i] = clock() - begun
            # Others have their turn, as they have where something is waited for.
            await asyncio.sleep(0)

    async def main():
        await asyncio.gather(*(task(number) for number in range(THREADS)))

    begun_own = time.thread_time_ns()
    asyncio.run(main())
    own_ns[0] = time.thread_time_ns() - begun_own


def stop():
    """What our agent has counted, once all is sent."""
    if "kieker" not in sys.modules:
        return {}
    import kieker

    kieker._kieker.stop(60.0)
    return kieker.stats()


with observer:
    wall, cpu = time.perf_counter_ns(), time.process_time_ns()
    if KIND == "monitored_coroutine":
        run_tasks()
    else:
        run_threads()
counters = stop()
wall, cpu = time.perf_counter_ns() - wall, time.process_time_ns() - cpu

with open(OUTPUT, "w") as file:
    for number, mine in enumerate(taken):
        file.write("".join("%d;%d\n" % (number, ns) for ns in mine))
with open(OUTPUT + ".json", "w") as file:
    json.dump({"counters": counters, "wall_ns": wall, "cpu_ns": cpu, "own_ns": sum(own_ns)}, file)
