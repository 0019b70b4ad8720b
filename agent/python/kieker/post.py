# SPDX-License-Identifier: Apache-2.0
"""Functions that exist already get the code with probes that they would have, had their module been woven when it was imported.

A function keeps all it is and holds but its __code__. It gets another only where the text of its module still compiles to exactly the code that
it has, so what a program has made or changed itself is left. Calls that are running go on in the code that they are running in.
"""

import _thread
import builtins
import gc
import sys

from _frozen_importlib_external import ExtensionFileLoader, SourceFileLoader

from kieker import _kieker, weave
from kieker.hook import Hook, _Kind
from kieker.names import module_name

_code_type = type((lambda: None).__code__)
_function_type = type(lambda: None)
_module_type = type(sys)

# Around whatever a class or a module has put in the place of these attributes.
_module_of = type.__dict__["__module__"].__get__
_names_of = _module_type.__dict__["__dict__"].__get__

# What hook.py is called from: observed, the agent's own imports would be recorded as the program's.
_IMPORT_SYSTEM = ("_frozen_importlib", "_frozen_importlib_external", "importlib._bootstrap", "importlib._bootstrap_external", "zipimport")

# Where the types are from whose instances may hold a module's functions; besides its own classes.
_CONTAINERS = frozenset(("builtins", "functools", "types", "collections", "enum", "abc", "contextlib", "_thread", "weakref"))

# What types.coroutine() adds to the code of a generator function.
_ITERABLE_COROUTINE = 0x100

# In the code of functions, and not in that of modules and classes, which the interpreter runs as functions, too.
_OPTIMIZED = 0x1

# Python 3.12 has put away some hundred objects of its own; gc.freeze() puts away thousands.
_FROZEN = 1000 if sys.version_info[:2] == (3, 12) else 0

# How many names of functions that are not woven are kept for the report.
_KEPT_MAX = 1000


class Text:
    """What the text of a module compiles to, plain and woven: to the code of each function the one that is to take its place."""

    def __init__(self, source, filename, module):
        """Raises what the compiler raises."""
        plain = _kieker.compile_quietly(source, filename)
        woven, self.operations = _kieker.bind(*weave.weave(source, plain, module))
        self._places = {}
        self._pair(plain, woven)

    def _pair(self, plain, woven):
        inner = [code for code in woven.co_consts if type(code) is _code_type]
        for code in plain.co_consts:
            if type(code) is _code_type:
                at = next((at for at, other in enumerate(inner) if _place(code) == _place(other)), None)
                if at is not None:
                    other = inner.pop(at)
                    self._places.setdefault((code.co_firstlineno, code.co_name), []).append((code, other))
                    self._pair(code, other)

    def find(self, code):
        """(plain, woven) of that code; None when it is not made from this text."""
        mark = code.co_flags & _ITERABLE_COROUTINE
        asked = code.replace(co_flags=code.co_flags & ~mark) if mark else code
        for plain, woven in self._places.get((code.co_firstlineno, code.co_name), ()):
            if plain == asked:
                return plain, woven.replace(co_flags=woven.co_flags | mark) if mark else woven
        return None


def _place(code):
    return code.co_firstlineno, code.co_name, code.co_freevars, code.co_argcount


def _has_probes(code):
    return any(_kieker.is_woven(other) for other in weave.codes(code))


def put(function, text, alone=False):
    """Gives a function its woven code; alone: without those in it. What is in the way, or None when it has probes now or needs none."""
    code = function.__code__
    if _has_probes(code):
        return None
    found = text.find(code)
    if found is None:
        return "its code is not what its module's source compiles to"
    plain, woven = found
    if alone:
        woven = _alone(plain, woven)
    if woven.co_freevars != code.co_freevars:
        return "its code has other variables when it is woven"
    if _has_probes(woven):
        try:
            function.__code__ = woven
        except Exception as error:
            return "its code cannot be changed: %s" % type(error).__name__
    return None


def _alone(plain, woven):
    inner = [code for code in plain.co_consts if type(code) is _code_type]
    constants = []
    for constant in woven.co_consts:
        if type(constant) is _code_type:
            at = next((at for at, other in enumerate(inner) if _place(constant) == _place(other)), None)
            constant = constant if at is None else inner.pop(at)
        constants.append(constant)
    return woven.replace(co_consts=tuple(constants))


class NoSource(Exception):
    """There is no source for the code of a function; the text says why."""


def source_of(names, filename):
    """The text that a module with these names is made from, as far as its code has that file name. Raises NoSource."""
    name, path, loader = (dict.get(names, key) for key in ("__name__", "__file__", "__loader__"))
    source = None
    if type(path) is str and filename == path:
        if isinstance(loader, SourceFileLoader) or loader is None:
            source = _read(path)
        elif hasattr(loader, "get_source"):
            source = loader.get_source(name)
    elif type(path) is str and filename == "<frozen %s>" % name:
        source = _read(path)
    else:
        raise NoSource("it is not made from a file")
    if source is None:
        raise NoSource("there is no source")
    return source


def _read(path):
    # As bytes: the compiler looks for the encoding as it does at an import.
    if not path.endswith(".pyc"):
        try:
            with open(path, "rb") as file:
                return file.read()
        except OSError:
            pass
    return None


def all_functions():
    """Every function that there is, as far as the garbage collector knows."""
    functions = [thing for thing in gc.get_objects() if type(thing) is _function_type]
    if gc.get_freeze_count() > _FROZEN:
        # What gc.freeze() has put away is still held by something.
        known = set(map(id, functions))
        functions.extend(thing for thing in _reachable(list(sys.modules.values())) if id(thing) not in known)
    return functions


def _reachable(roots):
    """The functions that can be reached from these objects."""
    found, waiting = [], list(roots)
    seen = set(map(id, waiting))
    while waiting:
        for thing in gc.get_referents(waiting.pop()):
            if id(thing) not in seen and gc.is_tracked(thing):
                seen.add(id(thing))
                waiting.append(thing)
                if type(thing) is _function_type:
                    found.append(thing)
    return found


def functions_of(names):
    """The functions of the module with these names that are held by its names, its classes, their instances and ordinary containers."""
    module = dict.get(names, "__name__")
    seen = {id(names), id(vars(builtins))}
    found, waiting = [], [names]
    while waiting:
        for thing in gc.get_referents(waiting.pop()):
            if id(thing) in seen:
                continue
            seen.add(id(thing))
            kind = type(thing)
            if kind is _function_type:
                # On through what it holds, not through what it can name.
                seen.add(id(thing.__globals__))
                if thing.__globals__ is names:
                    found.append(thing)
                waiting.append(thing)
            elif gc.is_tracked(thing) and not issubclass(kind, _module_type):
                home = _module_of(thing if issubclass(kind, type) else kind)
                if type(home) is str and (home == module or (home in _CONTAINERS and not issubclass(kind, type))):
                    waiting.append(thing)
    return found


class Post(Hook):
    """The hook for --weave post: it weaves the functions of a module when that has been executed."""

    def __init__(self, selection):
        super().__init__(selection)
        self.counters["functions_not_woven"] = 0
        # What was not woven, with the reason, for the report: a part of it if it is very much.
        self.not_woven = {}
        # By thread: the modules that are being executed inside one another.
        self._under_way = {}
        self._woven = set()

    def weave_loaded(self):
        """Weaves the functions that there are of all modules that are selected."""
        self._weave_all(all_functions(), self._selects, {})

    def _selects(self, names):
        name, path = module_name(names), dict.get(names, "__file__")
        return name not in _IMPORT_SYSTEM and type(path) is str and self._selection.has(name, path)

    def _weave_all(self, functions, selects, known):
        """Weaves those in whose globals selects() finds a module; known: code by its id that was looked at before, will be extended."""
        selected, by_module, met = {}, {}, {}
        for function in functions:
            names, code = function.__globals__, function.__code__
            key = id(names)
            if key not in selected:
                selected[key] = selects(names)
            if selected[key] and code.co_flags & _OPTIMIZED and id(code) not in known and not _has_probes(code):
                met[id(code)] = code
                by_module.setdefault((key, code.co_filename), []).append(function)
        known.update(met)
        for own in by_module.values():
            self._weave(own)

    def _weave(self, functions):
        """Weaves functions of one module and one file."""
        names, filename = functions[0].__globals__, functions[0].__code__.co_filename
        name = module_name(names)
        try:
            text = Text(source_of(names, filename), filename, name)
        except Exception as error:
            if isinstance(error, NoSource):
                reason = str(error)
            else:
                reason = "%s: %s" % (type(error).__name__, error)
                self.counters["modules_not_woven"] += 1
            for function in functions:
                self._leave(name, function, reason)
            return
        reasons = [put(function, text) for function in functions]
        if (name, filename) not in self._woven and None in reasons:
            self._woven.add((name, filename))
            self.counters["woven_modules"] += 1
            self.counters["woven_operations"] += text.operations
        for function, reason in zip(functions, reasons):
            if reason is not None:
                self._leave(name, function, reason)

    def _leave(self, module, function, reason):
        self.counters["functions_not_woven"] += 1
        if len(self.not_woven) < _KEPT_MAX:
            self.not_woven["%s.%s" % (module, function.__qualname__)] = reason

    def _prepare(self, spec):
        loader = spec.loader
        while type(loader).__name__ == "LazyLoader" and hasattr(loader, "loader"):
            loader = loader.loader
        own = getattr(loader, "__dict__", None)
        # A loader that serves several modules may be prepared already.
        if type(own) is dict and "exec_module" not in own and hasattr(loader, "exec_module") and not isinstance(loader, ExtensionFileLoader):
            if spec.has_location and self._selection.has(spec.name, spec.origin):
                loader.exec_module = _kieker.around(self._before, loader.exec_module, self._after)
                kind = _Kind(type(loader))
                if kind.is_known and "get_code" not in own:
                    _kieker.loading_put(self, loader, None if kind.is_of_many else spec)

    def find_code(self, getter, name):
        return None

    def make_code(self, getter, name, plain):
        """The code of a main module, which runpy runs by itself: woven before, as a main script is."""
        # Whoever else asks executes a module, whose functions are woven after that.
        if sys._getframe(1).f_code.co_name != "_get_module_details":
            return None
        source = _read(plain.co_filename)
        return self.weave_main(getter.loader.get_source(name) if source is None else source, plain, name)

    def _before(self, module):
        under_way = self._under_way.setdefault(_thread.get_ident(), _UnderWay())
        under_way.depth += 1

    def _after(self, module):
        under_way = self._under_way[_thread.get_ident()]
        under_way.depth -= 1
        names = _names_of(module)
        vars(names["__loader__"]).pop("exec_module", None)
        if not self._selects(names):
            return
        under_way.modules[id(names)] = names
        self._weave_all(functions_of(names), lambda globals: globals is names, under_way.known)
        if under_way.depth == 0:
            del self._under_way[_thread.get_ident()]
            # Functions that are held elsewhere, by a registry for example. Once for all modules of an import, since it takes long.
            self._weave_all(under_way.functions(), lambda globals: id(globals) in under_way.modules, under_way.known)


class _UnderWay:
    """An import that is going on in a thread."""

    def __init__(self):
        self.depth = 0
        self.modules = {}
        self.known = {}
        self._collections = _collections()

    def functions(self):
        """All functions that can have been made since the import began."""
        if gc.get_freeze_count() > _FROZEN or _collections() != self._collections:
            return all_functions()
        # Without a collection of the older generations what is new is among the young.
        return [thing for generation in (0, 1) for thing in gc.get_objects(generation) if type(thing) is _function_type]


def _collections():
    return [generation["collections"] for generation in gc.get_stats()[1:]] if sys.version_info < (3, 14) else object()


def start(selection):
    """Weaves what is selected and there; the hook that is put in place for what is still to come."""
    hook = Post(selection)
    hook.weave_loaded()
    hook.install()
    return hook
