# SPDX-License-Identifier: Apache-2.0
"""Functions that are to be observed, one by one or a module's all. They are changed in place: no wrapper is put around them."""

import functools
import sys

import tools.const as con  # noqa: F401 (the pack's users find trace_reg and monitoring_controller here)
from monitoring import _agent


def instrument(func):
    """A decorator: the function's calls are recorded as soon as there is a controller with a configuration. The very object comes back."""
    _agent.instrument(func)
    return func


instrument_v1 = instrument


def instrument_empty(func):
    """A decorator for the case that nothing is to be recorded: what the agent does not observe, it does not touch."""
    return func


def decorate_members(mod, empty=False):
    """Has a module's own functions, and those of its classes, observed; not those that it has imported."""
    if not empty:
        _agent.instrument(mod)


def decorate_exec_module(exec_module=None, module_name=None, exclusion=None):
    """An exec_module() after which the module's functions are observed, if module_name is part of its name (None: of any)."""
    if exec_module is None:
        return functools.partial(decorate_exec_module, module_name=module_name, exclusion=exclusion)

    @functools.wraps(exec_module)
    def exec_and_decorate(*args, **kwargs):
        exec_module(*args, **kwargs)
        # The loader may come first; and the module may have put another one in its own place.
        name = args[-1].__spec__.name
        if module_name is None or module_name in name:
            decorate_members(sys.modules[name])

    return exec_and_decorate


def decorate_find_spec(find_spec=None, module_name=None, exclusion=None):
    """A find_spec() whose modules' functions are observed, if module_name is part of a module's name (None: of any)."""
    if find_spec is None:
        return functools.partial(decorate_find_spec, module_name=module_name, exclusion=exclusion)

    @functools.wraps(find_spec)
    def find_and_decorate(*args, **kwargs):
        spec = find_spec(*args, **kwargs)
        # A class that serves as loader serves all modules of its kind; these have no source.
        loader = getattr(spec, "loader", None)
        if hasattr(loader, "exec_module") and hasattr(loader, "__dict__") and not isinstance(loader, type):
            loader.exec_module = decorate_exec_module(loader.exec_module, module_name, exclusion)
        return spec

    return find_and_decorate
