# SPDX-License-Identifier: Apache-2.0
"""What kieker.instrument and kieker.operation need; loaded when a program uses them."""

import linecache
import os
import sys

from kieker import _kieker
from kieker.names import module_name

no_counters = {"woven_modules": 0, "woven_from_cache": 0, "woven_operations": 0, "modules_not_woven": 0}

_tried = False


def start():
    """Starts the agent if it does not run, with options from the environment."""
    global _tried
    if _tried or _kieker.is_running():
        return
    _tried = True
    from kieker import options

    if "kieker.launch" in sys.modules:
        return  # python3 -m kieker has decided: the writer is inactive, or the recording has ended.
    try:
        values = options.Values()
        values.read_environment()
        if values.writer == "inactive":
            return
        _kieker.start(values.writer, values.when_full, values.run, os.path.abspath(sys.argv[0]) if sys.argv and sys.argv[0] else "")
    except (options.Wrong, ValueError) as wrong:
        _kieker.say("nothing is recorded: %s" % wrong)
        return
    import atexit

    atexit.register(_kieker.stop, 10.0)


def instrument(thing):
    if isinstance(thing, (staticmethod, classmethod)):
        instrument(thing.__func__)
    elif isinstance(thing, type):
        for value in list(vars(thing).values()):
            if isinstance(value, (staticmethod, classmethod)) or type(value) is type(instrument):
                instrument(value)
            elif isinstance(value, property):
                for part in (value.fget, value.fset, value.fdel):
                    if type(part) is type(instrument):
                        instrument(part)
    elif type(thing) is type(instrument):
        woven = _woven(thing)
        if woven is not None:
            thing.__code__ = woven
    else:
        raise TypeError("kieker.instrument takes a function or a class, not %s" % type(thing).__name__)


def _woven(function):
    """The function's code with probes, or None when there is no source for exactly that code."""
    from kieker import weave

    code = function.__code__
    if _kieker.is_woven(code) or code.co_flags & weave.SUSPENDABLE:
        return None
    source = "".join(linecache.getlines(code.co_filename, function.__globals__))
    try:
        plain = _kieker.compile_quietly(source, code.co_filename)
        if not any(_is_place_of(code, other) and other.co_code == code.co_code for other in weave.codes(plain)):
            return None
        only = {(code.co_firstlineno, code.co_name)}
        woven = _kieker.bind(*weave.weave(source, plain, module_name(function.__globals__), only))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    for other in weave.codes(woven):
        if _is_place_of(code, other) and _kieker.is_woven(other):
            return other
    return None


def _is_place_of(code, other):
    return (code.co_firstlineno, code.co_name, code.co_freevars) == (other.co_firstlineno, other.co_name, other.co_freevars)
