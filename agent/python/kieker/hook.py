# SPDX-License-Identifier: Apache-2.0
"""The import hook: modules that are to be observed get woven code from the loader they would have been loaded with anyway."""

import os
import sys

from _frozen_importlib_external import SourceFileLoader, SourceLoader

from kieker import _kieker, cache, weave
from kieker.selection import Selection  # noqa: F401

# What a loader must leave as it is for its code to be what one file's text gives.
_OF_FILES = ("get_filename", "get_data", "path_stats", "path_mtime", "set_data", "_cache_bytecode")


class Hook(_kieker.finder_type()):
    """A finder for sys.meta_path: what the finders behind it find gets a loader that gives woven code to the import system.

    Finding, and keeping its place there, is agent/python/imports.c; standing in front of a loader's get_code is loading.c.
    """

    def __init__(self, selection, stay=True, options=()):
        """stay: goes back to its place when the program takes it away, or else only says so; options change the code, see weave.py."""
        self._selection = selection
        self._stay = stay
        self._cache = cache.Cache(options)
        self._kinds = {}
        self._counters = {"woven_modules": 0, "woven_from_cache": 0, "woven_operations": 0, "modules_not_woven": 0}
        # What was not woven although it was tried, and why, for the report.
        self.not_woven = {}

    @property
    def counters(self):
        self._counters.update(_kieker.watch_counters())
        return self._counters

    def install(self):
        """Puts it in its place."""
        sys.meta_path.insert(0, self)
        _kieker.watch_imports(self, not self._stay)
        if sys.version_info < (3, 10) and "zipimport" in sys.modules:
            _kieker.loading_zip(self)

    def may_have(self, name):
        """Whether the finders behind this one are to be asked for it now."""
        return self._selection.may_have(name)

    def _prepare(self, spec):
        """Makes ready what was found."""
        loader = spec.loader
        if loader is None or not spec.has_location or not self._selection.has(spec.name, spec.origin):
            return
        kind = type(loader)
        if kind not in self._kinds:
            self._kinds[kind] = _Kind(kind)
        kind = self._kinds[kind]
        if not kind.is_known or type(getattr(loader, "__dict__", None)) is not dict:
            if kind.has_source:
                self._counters["modules_not_woven"] += 1
        elif kind.is_of_many:
            if "get_code" not in loader.__dict__:
                _kieker.loading_put(self, loader, None)
        elif "get_code" not in loader.__dict__:
            _kieker.loading_put(self, loader, spec)

    def find_code(self, getter, name):
        """The code of a module, when it can be had without the plain code."""
        spec = getter.spec
        if spec is None or spec.name != name or not self._kinds[type(getter.loader)].is_of_files:
            return None
        bytecode = spec.cached
        # Plain bytecode that is not there would be written now, with whatever the compiler warns of: that remains so.
        if not bytecode or not os.access(bytecode, os.F_OK):
            return None
        source = self._cache.look(name, spec.origin)
        return source and self._kept(source, bytecode)

    def make_code(self, getter, name, plain):
        """The code of a module of which this is the plain code."""
        loader = getter.loader
        path = loader.get_filename(name)
        # An archive has one loader for all of its modules.
        if not self._selection.has(name, path):
            return None
        source = None
        if self._kinds[type(loader)].is_of_files:
            source = self._cache.look(name, path)
            bytecode = getter.spec.cached
            code = source and self._kept(source, bytecode)
            if code:
                return code
        try:
            text = loader.get_data(path) if isinstance(loader, SourceFileLoader) else loader.get_source(name)
            if text is not None and source and not _is_source(text, bytecode):
                text = None
        except OSError:
            text = None
        if text is None:
            self._counters["modules_not_woven"] += 1
            return None
        found = self.weave(text, plain, name)
        if found and source:
            self._cache.write(source, bytecode, found)
        return found and self._bind(*found)

    def make_archived(self, archive, name, plain):
        """The same for a module of an archive, in Python 3.9."""
        path = archive.get_filename(name)
        if not self._selection.has(name, path):
            return None
        found = self.weave(archive.get_source(name), plain, name)
        return found and self._bind(*found)

    def weave(self, source, plain, name):
        """Code with placeholders and the operations, or None when that module cannot be woven."""
        try:
            return weave.weave(source, plain, name)
        except Exception as error:
            self._counters["modules_not_woven"] += 1
            self.not_woven[name] = "%s: %s" % (type(error).__name__, error)
            _kieker.say("the module %s is not observed: %s: %s" % (name, type(error).__name__, error))
            return None

    def _kept(self, source, bytecode):
        found = self._cache.read(source, bytecode)
        if not found:
            return None
        self._counters["woven_from_cache"] += 1
        return self._counted(found)

    def _counted(self, found):
        code, operations = found
        self._counters["woven_modules"] += 1
        self._counters["woven_operations"] += operations
        return code

    def _bind(self, code, operations):
        return self._counted(_kieker.bind(code, operations))

    def weave_main(self, source, plain, name):
        """The code of the program's main script."""
        found = self.weave(source, plain, name) if self._selection.has(name, plain.co_filename) else None
        return plain if found is None else self._bind(*found)


class _Kind:
    """What the hook has to know of a class of loaders."""

    def __init__(self, kind):
        get_code = getattr(kind, "get_code", None)
        archives = "zipimport" in sys.modules and get_code is getattr(sys.modules["zipimport"].zipimporter, "get_code", self)
        # A loader that makes code in a way of its own knows why.
        own = getattr(kind, "source_to_code", SourceLoader.source_to_code) is not SourceLoader.source_to_code
        self.is_known = archives or (get_code is SourceLoader.get_code and not own)
        self.is_of_many = archives
        self.is_of_files = not archives and issubclass(kind, SourceFileLoader) and all(
            getattr(kind, name, None) is getattr(SourceFileLoader, name, None) for name in _OF_FILES)
        self.has_source = hasattr(kind, "get_source") and hasattr(kind, "exec_module") and not kind.__module__.startswith("_frozen_importlib")


def _is_source(text, bytecode):
    """Whether that text is what the bytecode is of. It need not be where the bytecode is valid unchecked."""
    try:
        with open(bytecode, "rb", 0) as file:
            head = file.read(16)
    except (OSError, TypeError):
        return True
    if len(head) < 16 or not head[4] & 1:
        return True
    import _imp

    return _imp.source_hash(int.from_bytes(head[:4], "little"), text) == head[8:]
