# SPDX-License-Identifier: Apache-2.0
"""Observes modules after their import: sys.meta_path.insert(0, PostImportFinder(re.compile("shop"), []))."""

import importlib
import sys

from kieker.post import Post
from monitoring import _agent
from tools.aspect import decorate_members


class _Selection:
    """The modules of a finder, as the agent's import hook asks for them."""

    def __init__(self, finder):
        self._finder = finder

    def may_have(self, name):
        finder = self._finder
        if finder.empty or _agent.is_own(name):
            return False
        if not (finder.param in name if isinstance(finder.param, str) else finder.param.search(name)):
            return False
        return not any(name == excluded if isinstance(excluded, str) else excluded.match(name) for excluded in finder.exclusions)

    def has(self, name, path):
        return self.may_have(name)


class PostImportFinder(Post):
    """A finder for sys.meta_path: functions of the modules that it finds are observed once the module has been executed, unless `empty`.

    param: a compiled pattern to be found in the name of a module, or a part of the name as text. exclusions: names of modules, or compiled
    patterns that match them from the beginning.
    """

    def __init__(self, param, exclusions=(), empty=False):
        self.param = param
        self.exclusions = exclusions
        self.empty = empty
        super().__init__(_Selection(self))
        _agent.take_counters(self)

    def find_module(self, fullname, path=None):
        """For programs that call it themselves; no interpreter does while there is find_spec, and those since 3.12 never do."""
        return PostImportLoader(self, self.param, self.exclusions, self.empty)


class PostImportLoader:
    """Imports a module for a PostImportFinder."""

    def __init__(self, finder, param, exclusions, empty=False):
        self.finder = finder
        self._selection = _Selection(self)
        self.param = param
        self.exclusions = exclusions
        self.empty = empty

    def load_module(self, fullname):
        module = importlib.import_module(fullname)
        # Again does no harm: what is observed stays as it is.
        if self._selection.may_have(fullname):
            decorate_members(module)
        return sys.modules[fullname]
