# SPDX-License-Identifier: Apache-2.0
"""Woven code that is kept: where the files are, and what they are valid for.

A module's file lies beside its bytecode, under a name of its own: __pycache__/shop.cpython-311.opt-kieker.pyc (so PYTHONPYCACHEPREFIX moves it, too).
Where that cannot be written, it lies in the user's own directory, ${XDG_CACHE_HOME:-~/.cache}/kieker, at the path that its source has. It begins
with a head that says for what it is valid, see agent/python/cached.h; it is no bytecode file of the interpreter.
"""

import errno
import marshal
import os
import sys

from _frozen_importlib_external import _write_atomic

from kieker import _kieker

# To be raised whenever weave.py makes other code than before: what was cached is then made anew.
LAYOUT = 7

_MAGIC = b"kieker\r\n"

_NOT_ALLOWED = (errno.EACCES, errno.EPERM, errno.EROFS)


class Source:
    """The file of a module as it is now. It is looked at before its text is read: then what is written meanwhile makes the kept code too old."""

    def __init__(self, name, path, status):
        self.name = name
        self.path = path
        self.size = status.st_size
        self.stamp = status.st_mtime_ns & 0xFFFFFFFFFFFFFFFF
        self.mode = status.st_mode


class Cache:
    """The files of one agent, interpreter and choice of options."""

    def __init__(self, options=()):
        """options: whatever else changes the code that is made."""
        valid = (_kieker.__version__, LAYOUT, sys.version, sys.flags.optimize, options)
        # Not by marshal: equal values can give different bytes there.
        self._prefix = _MAGIC + repr(valid).encode("utf-8", "backslashreplace") + b"\n"

    @staticmethod
    def look(name, path):
        """A Source; None when there is no such file."""
        try:
            return Source(name, path, os.stat(path))
        except (OSError, ValueError):
            return None

    def read(self, source, bytecode):
        """(code with its probes, how many operations), or None. bytecode is the path of the interpreter's own file, or None."""
        found = None
        if bytecode:
            found = self._read(_beside(bytecode), False, source)
        if found is None:
            path = _in_own_directory(source.path)
            # What root runs must not come from somebody else.
            found = path and self._read(path, True, source)
        return found or None

    def _read(self, path, own, source):
        return _kieker.cached_read(path, own, self._prefix, source.size, source.stamp, source.name, source.path)

    def write(self, source, bytecode, found):
        """Keeps what weave.py gave, if it may: whole or not at all, as the interpreter writes its own."""
        if sys.dont_write_bytecode:
            return
        data = _kieker.cached_head(self._prefix, source.size, source.stamp, source.name) + marshal.dumps(found)
        try:
            if bytecode:
                try:
                    return _write(_beside(bytecode), data, 0o777, (source.mode | 0o200) & 0o666)
                except OSError as error:
                    if error.errno not in _NOT_ALLOWED:
                        return
            path = _in_own_directory(source.path)
            if path:
                _write(path, data, 0o700, 0o600)
        except (OSError, ValueError):
            pass


def _beside(bytecode):
    # shop.cpython-311.pyc gives shop.cpython-311.opt-kieker.pyc, shop.cpython-311.opt-1.pyc gives shop.cpython-311.opt-1kieker.pyc.
    stem = bytecode[:-4]
    return stem + ("kieker.pyc" if ".opt-" in stem[-8:] else ".opt-kieker.pyc")


def _in_own_directory(path):
    base = os.environ.get("XDG_CACHE_HOME") or ""
    if not os.path.isabs(base):
        home = os.environ.get("HOME") or ""
        if not os.path.isabs(home):
            return None
        base = os.path.join(home, ".cache")
    path = os.path.abspath(path)
    level = sys.flags.optimize
    tag = "%s.opt-%skieker.pyc" % (sys.implementation.cache_tag, level or "")
    return os.path.join(base, "kieker", (path[:-3] if path.endswith(".py") else path).lstrip("/") + "." + tag)


def _write(path, data, directory_mode, mode):
    directory = os.path.dirname(path)
    if not os.path.isdir(directory):
        os.makedirs(directory, directory_mode, exist_ok=True)
    _write_atomic(path, data, mode)
