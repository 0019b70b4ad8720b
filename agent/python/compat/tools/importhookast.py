# SPDX-License-Identifier: Apache-2.0
"""Observes modules from their first line on: sys.meta_path.insert(0, InstrumentOnImportFinder(ignore_list=[]))."""

import os

from kieker.hook import Hook
from monitoring import _agent


class _Selection:
    """The modules of a finder, as the agent's import hook asks for them."""

    def __init__(self, finder):
        self._finder = finder

    def may_have(self, name):
        return not (self._finder.empty or name in self._finder.ignore_list or _agent.is_own(name))

    def has(self, name, path):
        # Of a package as of a module: its path without what an import adds.
        place, end = os.path.splitext(os.path.abspath(path))
        if os.path.basename(place) == "__init__":
            place = os.path.dirname(place)
        if "." not in name and os.path.realpath(os.path.dirname(place)) != os.path.realpath(os.getcwd()):
            return False
        return self.may_have(name) and self._finder.matches(place)


class InstrumentOnImportFinder(Hook):
    """A finder for sys.meta_path: functions of the modules that it finds are observed, unless `empty`.

    It finds packages' modules, and modules in the current directory; of these the ones in whose path instrument_pattern (compiled) is
    found, and whose name is not in ignore_list. debug_on says which ones, debug_detail where they lie.
    """

    def __init__(self, ignore_list=None, instrument_pattern=None, empty=False, debug_on=False, debug_detail=False):
        self.ignore_list = [] if ignore_list is None else ignore_list
        self.empty = empty
        self.debug_on = debug_on
        self.debug_detail = debug_detail
        self._pattern = instrument_pattern
        self._found = []
        self._own_selection = _Selection(self)
        super().__init__(self._own_selection)
        _agent.take_counters(self)

    @property
    def item_list(self):
        """(name, spec) of each module found."""
        return self._found

    def matches(self, place):
        """Whether the pattern is in the path of a module (without .py) or of a package."""
        return self._pattern is None or self._pattern.search(place) is not None

    def _prepare(self, spec):
        super()._prepare(spec)
        if spec.has_location and self._own_selection.has(spec.name, spec.origin):
            self._found.append((spec.name, spec))
            if self.debug_detail:
                print("observed: %s" % spec.origin)
            elif self.debug_on:
                print("observed: %s" % spec.name)
