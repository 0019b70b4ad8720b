# SPDX-License-Identifier: Apache-2.0
"""The import hook: modules that are to be observed get woven code from the loader they would have been loaded with anyway."""

import marshal
import os
import sys

from _frozen_importlib_external import (
    _LoaderBasics,
    SourceFileLoader,
    SourceLoader,
    cache_from_source,
)

from kieker import _kieker, weave

# To be raised whenever weave.py makes other code than before: what was cached is then made anew.
_LAYOUT = 2

# A woven file in __pycache__ begins with this; it is no pyc.
_MAGIC = b"kieker\r\n"


class Selection:
    """Which modules are observed: the program's own, which lie below its directories, and what the patterns add or leave out."""

    def __init__(self, include=(), exclude=(), roots=()):
        self._include = include
        self._exclude = exclude
        self._libraries = _library_directories()
        self._roots = ()
        for root in roots:
            self.add_root(root)

    def add_root(self, path):
        """Makes what lies below that directory (or that file itself) the program's own."""
        root = os.path.realpath(path).rstrip(os.sep) + os.sep
        if "@program" not in self._exclude and root not in self._roots:
            self._roots += (root,)

    def may_have(self, name):
        """Whether a module of that name can be one of them, as far as its name tells."""
        if name == "kieker" or name.startswith("kieker.") or _fits(name, self._exclude):
            return False
        return bool(self._roots) or _fits(name, self._include)

    def has(self, name, path):
        """Whether the module is one of them that has that name and comes from that file."""
        if not self.may_have(name):
            return False
        if _fits(name, self._include):
            return True
        path = os.path.realpath(path)
        return any((path + os.sep).startswith(root) and not self._is_library(path, root) for root in self._roots)

    def _is_library(self, path, root):
        if any(path.startswith(directory) and not root.startswith(directory) for directory in self._libraries):
            return True
        below = path[len(root):].split(os.sep)
        return "site-packages" in below or "dist-packages" in below


def _library_directories():
    # The standard library's directory, and what is installed next to it.
    found = {os.path.dirname(os.__file__)}
    found.update(path for path in sys.path if path.endswith(("site-packages", "dist-packages")))
    return tuple(os.path.realpath(path) + os.sep for path in found)


def _fits(name, patterns):
    for pattern in patterns:
        if _kieker.matches(name, pattern) or (pattern.endswith(".*") and _kieker.matches(name, pattern[:-2])):
            return True
    return False


class Hook:
    """A finder for sys.meta_path. It finds what the finders behind it find, and prepares the loader."""

    def __init__(self, selection):
        self._selection = selection
        self.counters = {"woven_modules": 0, "woven_from_cache": 0, "woven_operations": 0, "modules_not_woven": 0}

    def find_spec(self, name, path=None, target=None):
        if not self._selection.may_have(name):
            return None
        finders = list(sys.meta_path)
        for finder in finders[finders.index(self) + 1:] if self in finders else ():
            find_spec = getattr(finder, "find_spec", None)
            if find_spec is None:
                return None
            spec = find_spec(name, path, target)
            if spec is not None:
                self._prepare(spec)
                return spec
        return None

    def invalidate_caches(self):
        pass

    def _prepare(self, spec):
        loader = spec.loader
        kind = type(loader)
        # A loader that makes code in a way of its own knows why; and one without a dictionary cannot be given another way.
        if (
            spec.has_location
            and getattr(kind, "exec_module", None) is _LoaderBasics.exec_module
            and getattr(kind, "get_code", None) in _GET_CODE
            and getattr(kind, "source_to_code", SourceLoader.source_to_code) is SourceLoader.source_to_code
            and "get_code" not in getattr(loader, "__dict__", {"get_code": None})
            and self._selection.has(spec.name, spec.origin)
        ):
            loader.get_code = self._get_code(loader)

    def _get_code(self, loader):
        def before(name):
            path = loader.get_filename(name)
            cache = self._cache(loader, name, path)
            found = cache and cache.read()
            if not found:
                return None
            self.counters["woven_from_cache"] += 1
            return self._bind(*found)

        def after(name, plain):
            path = loader.get_filename(name)
            # A zip file has one loader for all of its modules.
            if not self._selection.has(name, path):
                return plain
            # The source's age before its text: what is written meanwhile makes the cached file too old, not the other way round.
            cache = self._cache(loader, name, path)
            source = loader.get_data(path) if isinstance(loader, SourceFileLoader) else loader.get_source(name)
            found = None if source is None else self.weave(source, plain, name)
            if found is None:
                return plain
            if cache:
                cache.write(found)
            return self._bind(*found)

        # In between the plain code is made as without the agent: warnings, errors and its own bytecode file are what they always were.
        return _kieker.loader_method(before, loader.get_code, after)

    @staticmethod
    def _cache(loader, name, path):
        return _Cache.of(loader, name, path) if isinstance(loader, SourceFileLoader) else None

    def weave(self, source, plain, name):
        """Code with placeholders and the operations, or None when that module cannot be woven."""
        try:
            return weave.weave(source, plain, name)
        except Exception as error:
            self.counters["modules_not_woven"] += 1
            _kieker.say("the module %s is not observed: %s: %s" % (name, type(error).__name__, error))
            return None

    def _bind(self, code, operations):
        self.counters["woven_modules"] += 1
        self.counters["woven_operations"] += len(operations)
        return _kieker.bind(code, operations)

    def weave_main(self, source, plain, name):
        """The code of the program's main script."""
        found = self.weave(source, plain, name) if self._selection.has(name, plain.co_filename) else None
        return plain if found is None else self._bind(*found)


def _get_codes():
    yield SourceLoader.get_code
    try:
        from zipimport import zipimporter
    except ImportError:
        return
    if issubclass(zipimporter, _LoaderBasics):
        yield zipimporter.get_code


_GET_CODE = tuple(_get_codes())


class _Cache:
    """The file in __pycache__ that keeps a module's woven code: valid for one source, agent and interpreter."""

    def __init__(self, loader, path, head, mode):
        self._loader = loader
        self._path = path
        self._head = head
        self._mode = mode

    @classmethod
    def of(cls, loader, name, source):
        try:
            path = cache_from_source(source, optimization=_tag())
            stats = os.stat(source)
        except (NotImplementedError, OSError):
            return None
        key = (name, stats.st_size, stats.st_mtime_ns, _kieker.__version__, _LAYOUT, sys.version, sys.flags.optimize)
        return cls(loader, path, _MAGIC + marshal.dumps(key), stats.st_mode)

    def read(self):
        """What weave() gave, or None."""
        try:
            with open(self._path, "rb", 0) as file:
                data = file.read()
            if data.startswith(self._head):
                return marshal.loads(memoryview(data)[len(self._head):])
        except (OSError, ValueError, EOFError, TypeError):
            pass
        return None

    def write(self, found):
        """Writes it as the interpreter writes its own: whole or not at all, and not where it may not."""
        if sys.dont_write_bytecode:
            return
        try:
            self._loader.set_data(self._path, self._head + marshal.dumps(found), _mode=(self._mode | 0o200) & 0o666)
        except (OSError, NotImplementedError, ValueError):
            pass


def _tag():
    level = sys.flags.optimize
    return "kieker" if level == 0 else "kieker%d" % level
