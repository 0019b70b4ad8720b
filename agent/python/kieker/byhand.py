# SPDX-License-Identifier: Apache-2.0
"""What kieker.instrument and kieker.operation need; loaded when a program uses them."""

import linecache
import os
import sys

from kieker import _kieker
from kieker.names import module_name

no_counters = {"woven_modules": 0, "woven_from_cache": 0, "woven_operations": 0, "modules_not_woven": 0,
               "hook_put_back": 0, "hook_moved": 0, "import_replaced": 0}

_tried = False


def start():
    """Starts the agent if it does not run, with options from the environment."""
    global _tried
    if _tried or _kieker.is_running():
        return
    _tried = True
    from kieker import options

    recording = sys.modules.get("kieker.recording")
    if recording is not None and recording.current is not None:
        # Options have been read. It may have waited for something to observe; else it is inactive, or has ended.
        recording.current.begin_quietly()
        return
    try:
        values = options.Values()
        values.read_environment()
        if values.writer == "inactive":
            return
        program = os.path.abspath(sys.argv[0]) if sys.argv and sys.argv[0] else ""
        _kieker.start(values.writer_text(), values.when_full, values.run, program, values.record, float(values.patience))
    except (options.Wrong, ValueError, RuntimeError, OSError) as wrong:
        _kieker.say("nothing is recorded: %s" % wrong)
        return
    import atexit

    atexit.register(_kieker.stop, 10.0)


def instrument(thing):
    """Weaves what kieker.instrument is given; raises TypeError where there is no function in it."""
    from kieker import post

    if isinstance(thing, type(sys)):
        functions = [function for function in post.all_functions() if function.__globals__ is vars(thing)]
    elif isinstance(thing, type):
        functions = [function for part in list(vars(thing).values()) for function in _functions(part) or ()]
    else:
        functions = _functions(thing)
    if functions is None:
        raise TypeError("kieker.instrument takes a function, a class or a module, not %s" % type(thing).__name__)
    for function in functions:
        text = _text(function)
        if text is not None:
            post.put(function, text, alone=not isinstance(thing, type(sys)))


def _functions(thing):
    """The functions that a thing is, or that it is around; None when it is of no kind that has some."""
    import functools

    around = (
        ((staticmethod, classmethod, type(_functions.__get__(0))), ("__func__",)),
        ((functools.partial, functools.partialmethod, functools.cached_property, functools.singledispatchmethod), ("func",)),
        ((property,), ("fget", "fset", "fdel")),
    )
    found, seen, known, waiting = [], set(), False, [thing]
    while waiting:
        thing = waiting.pop()
        if id(thing) in seen:
            continue
        seen.add(id(thing))
        if type(thing) is type(_functions):
            found.append(thing)
        for kinds, names in around:
            if isinstance(thing, kinds):
                known = True
                waiting.extend(getattr(thing, name) for name in names)
        # What functools.wraps leaves, looked up so that nothing of the program's runs.
        try:
            own = object.__getattribute__(thing, "__dict__")
        except (AttributeError, TypeError):
            continue
        if type(own) is dict and "__wrapped__" in own:
            waiting.append(own["__wrapped__"])
    return found if found or known else None


# The text of the last function, since others of the same module often follow: (file name, module, source, post.Text or None).
_last = (None, None, None, None)


def _text(function):
    """What a function's module compiles to; None when there is no source for it, or none that can be woven."""
    global _last
    from kieker import post

    filename, names = function.__code__.co_filename, function.__globals__
    try:
        source = post.source_of(names, filename)
    except Exception:
        # What was typed, or is a doctest's.
        source = "".join(linecache.getlines(filename, names))
    key = (filename, module_name(names), source)
    if _last[:3] != key:
        try:
            text = post.Text(source, filename, key[1])
        except Exception:
            text = None
        _last = key + (text,)
    return _last[3]
