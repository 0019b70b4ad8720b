# SPDX-License-Identifier: Apache-2.0
"""Observes modules after their import: sys.meta_path.insert(0, PostImportFinder(re.compile("shop"), []))."""

import importlib
import sys

from monitoring import _agent
from tools.aspect import decorate_members


class PostImportFinder:
    """A finder for sys.meta_path. It finds what the finders behind it find, and looks at the module when it has been executed.

    param: a compiled pattern to be found in the name of a module, or a text. exclusions: names of modules, or compiled patterns that
    match them from the beginning. empty: nothing is recorded.
    """

    def __init__(self, param, exclusions=(), empty=False):
        self.param = param
        self.exclusions = exclusions
        self.empty = empty

    def find_spec(self, fullname, path=None, target=None):
        if self.empty or not self._has(fullname):
            return None
        finders = list(sys.meta_path)
        for finder in finders[finders.index(self) + 1:] if self in finders else ():
            find_spec = getattr(finder, "find_spec", None)
            spec = None if find_spec is None else find_spec(fullname, path, target)
            if spec is not None:
                self._prepare(spec.loader)
                return spec
        return None

    def invalidate_caches(self):
        """There are none."""

    def find_module(self, fullname, path=None):
        """For programs that call it themselves; no interpreter does while there is find_spec, and those since 3.12 never do."""
        return PostImportLoader(self, self.param, self.exclusions, self.empty)

    def _has(self, name):
        if _agent.is_own(name) or not (self.param in name if isinstance(self.param, str) else self.param.search(name)):
            return False
        return not any(name == excluded if isinstance(excluded, str) else excluded.match(name) for excluded in self.exclusions)

    def _prepare(self, loader):
        # A loader without a dictionary, or a class that is one, is that of a module without source.
        plain = getattr(loader, "exec_module", None)
        if plain is None or isinstance(loader, type) or "exec_module" in getattr(loader, "__dict__", {"exec_module": None}):
            return

        def exec_module(module):
            # As it was, before anything of the module runs.
            del loader.exec_module
            plain(module)
            decorate_members(module)

        loader.exec_module = exec_module


class PostImportLoader:
    """Imports a module for a PostImportFinder."""

    def __init__(self, finder, param, exclusions, empty):
        self.finder = finder
        self.param = param
        self.exclusions = exclusions
        self.empty = empty

    def load_module(self, fullname):
        module = importlib.import_module(fullname)
        if self.finder not in sys.meta_path and not self.empty and self.finder._has(fullname):
            decorate_members(module)
        return module
