# SPDX-License-Identifier: Apache-2.0
"""Which modules are observed."""

import os
import stat
import sys

from kieker import _kieker


class Selection:
    """Which modules are observed: the program's own, which lie below its directories, and what the patterns add or leave out."""

    def __init__(self, include=(), exclude=(), roots=()):
        self._include = include
        self._exclude = exclude
        self._libraries = _library_directories()
        self._roots = ()
        # What is known of directories: whether modules in it are the program's own.
        self._directories = {}
        for root in roots:
            self.add_root(root)

    def add_root(self, path):
        """Makes what lies below that directory (or that file itself) the program's own."""
        root = os.path.realpath(path).rstrip(os.sep) + os.sep
        if "@program" not in self._exclude and root not in self._roots:
            self._roots += (root,)
            self._directories.clear()

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
        directory = os.path.dirname(path)
        # The way to a directory is looked at once; a file may be a link by itself.
        if not os.path.isabs(path) or _is_link(path):
            return self._is_own(os.path.realpath(path))
        known = self._directories.get(directory)
        if known is None:
            real = os.path.realpath(directory)
            # Where a root is a file, its neighbours are not the program's own.
            if any(os.path.dirname(root[:-1]) == real and not os.path.isdir(root) for root in self._roots):
                return self._is_own(os.path.join(real, os.path.basename(path)))
            known = self._directories[directory] = self._is_own(os.path.join(real, "a.py"))
        return known

    def _is_own(self, path):
        return any((path + os.sep).startswith(root) and not self._is_library(path, root) for root in self._roots)

    def _is_library(self, path, root):
        if any(path.startswith(directory) and not root.startswith(directory) for directory in self._libraries):
            return True
        below = path[len(root):].split(os.sep)
        return "site-packages" in below or "dist-packages" in below


def _is_link(path):
    try:
        return stat.S_ISLNK(os.lstat(path).st_mode)
    except (OSError, ValueError):
        # A member of an archive.
        return False


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
