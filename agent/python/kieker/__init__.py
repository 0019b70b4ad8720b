# SPDX-License-Identifier: Apache-2.0
"""Kieker's agent for Python: what functions do becomes records, without an edit to the program.

A program is observed by starting it with ``python3 -m kieker script.py``. What is in this module is for programs that
want to say themselves what is to be observed; it works under ``python3 -m kieker`` and without it. Without it the agent
starts at the first use, with its options from the environment (``KIEKER_WRITER`` and so on, see
``python3 -m kieker --help``).
"""

import sys

from kieker import _kieker

__all__ = ["activate", "deactivate", "instrument", "operation", "stats"]

__version__ = _kieker.__version__

# The import hook, when python3 -m kieker has put one in place.
_hook = None


def instrument(function):
    """Has the calls of a function recorded; to be used as a decorator.

    The function is changed in place: the very object comes back, with other code. A function that is observed already, and
    one whose code is not what its module's source compiles to stay as they are. A method, a property, a functools.partial and
    what functools.wraps has made are changed inside; a class has this done to each function in its body, and a module to all
    functions that were made from its source. Raises TypeError when it is none of these.
    """
    from kieker import byhand

    byhand.start()
    byhand.instrument(function)
    return function


class operation:
    """A part of a function as an operation of its own: ``with kieker.operation("load"): ...``

    The component is the module in which this is written, or the one that is given. The object may be used again, also
    while it is in use. Raises TypeError when a name is not a str. An exception in the part passes through, and is recorded as
    the cause of its end.
    """

    __slots__ = ("_probe",)

    def __init__(self, name, component=None):
        if component is None:
            component = _component(sys._getframe(1))
        if not _kieker.is_running():
            from kieker import byhand

            byhand.start()
        self._probe = _kieker.probe(name, component)

    def __enter__(self):
        -self._probe
        return self

    def __exit__(self, kind, value, traceback):
        if kind is None:
            ~self._probe
        else:
            +self._probe


def _component(frame):
    from kieker import byhand

    return byhand.module_name(frame.f_globals)


def activate(pattern="*"):
    """Has operations recorded again that deactivate() has switched off; returns how many there are now.

    The pattern is compared with component and operation, ``shop.Catalog.get_book``: a shell pattern (``shop.*``: * also matches
    dots), a signature as Kieker has them (``* shop..*.get_book(..)``), or ``%`` and a regular expression. It holds for operations
    that are woven later, too; of several patterns that fit an operation the latest one counts, the collector's before these.
    """
    return _kieker.activate(pattern, True)


def deactivate(pattern="*"):
    """Has operations not recorded any more, until activate(); returns how many there are now that the pattern fits.

    Calls that are under way are recorded to their end. After that a call costs next to nothing.
    """
    return _kieker.activate(pattern, False)


def stats():
    """The agent's counters since its start, a dict of int: records are counted, and bytes where the name says so.

    sent, bytes: handed to the writer, once each. connections: made. resumed: those on which the records went on where the
    one before had broken. unacknowledged: bytes that the collector has not yet said to have stored. dropped_ring_full,
    dropped_disconnected, dropped_queue_full, dropped_no_memory: records lost because the program was faster than the collector
    and was not to wait, because there was no collector, or for want of memory. unmatched: ends of calls without a beginning,
    and the reverse. operations, causes (two of them the agent's own), threads: known so far. woven_modules, woven_from_cache,
    woven_operations: modules woven at their import, how many of them from cached bytecode, and their functions. modules_not_woven: modules that could not be. hook_put_back, hook_moved, import_replaced: how
    often the program has taken the agent's finder away, put others before it, and replaced builtins.__import__. When the
    agent does not run, all are 0 but causes.
    """
    from kieker import byhand

    counters = _kieker.stats()
    counters.update(byhand.no_counters if _hook is None else _hook.counters)
    return counters
