# SPDX-License-Identifier: Apache-2.0
"""monitoring.ini: what it may say, and the writer of the agent that it means."""

import configparser
import os

from monitoring import _agent

_KEYS = {
    "general": ("mode", "istcp", "multiple_connections"),
    "main": ("mode",),
    "tcp": ("host", "port", "connection_timeout"),
    "filewriter": ("file_path",),
}

# What the file calls a mode, and the writer's kind.
_MODES = {"tcp": "tcp", "text": "file", "file": "file", "binary": "binary", "dummy": "null", "null": "null", "none": "null", "inactive": "inactive"}


class Configuration:
    """An ini file of the Kieker Python pack. Raises ValueError when it cannot be read or does not say enough."""

    def __init__(self, path):
        if path is None:
            raise ValueError("say where the configuration file is: SingleMonitoringController('monitoring.ini')")
        self._path = os.fspath(path)
        self._values = {}
        parser = configparser.ConfigParser(interpolation=None)
        try:
            if not parser.read(self._path, encoding="utf-8-sig") or not parser.sections():
                raise ValueError("the configuration file %s is empty or cannot be found" % self._path)
        except (configparser.Error, UnicodeDecodeError) as error:
            raise ValueError("the configuration file %s cannot be read: %s" % (self._path, " ".join(str(error).split()))) from None
        for section in parser.sections():
            for key, value in parser.items(section):
                if key not in _KEYS.get(section.lower(), ()):
                    _agent.say("%s: [%s] %s is not known and has no effect" % (self._path, section, key))
                self._values[section.lower(), key] = value.strip()

    def get(self, section, key):
        """The value of that key. It has to be there."""
        value = self._values.get((section.lower(), key.lower()))
        if not value:
            raise ValueError("%s: a line `%s = ...` is missing in section [%s]" % (self._path, key, section))
        return value

    def get_port(self):
        text = self.get("Tcp", "port")
        if not text.isdecimal() or not 0 < int(text) < 65536:
            raise ValueError("%s: [Tcp] port must be a number from 1 to 65535, not %s" % (self._path, text))
        return int(text)

    def is_true(self, section, key):
        """Whether the key is there and says yes."""
        value = self._values.get((section.lower(), key.lower()), "no")
        return configparser.ConfigParser.BOOLEAN_STATES.get(value.lower(), False)

    @property
    def mode(self):
        """tcp, file, binary, null or inactive."""
        named = self._values.get(("general", "mode")) or self._values.get(("main", "mode"))
        if named is None and ("general", "istcp") in self._values:
            named = "tcp" if self.is_true("General", "isTCP") else "text"
        if named is None:
            raise ValueError("%s: say `mode = tcp`, `text`, `binary` or `dummy` in section [General] or [Main]" % self._path)
        if named.lower() not in _MODES:
            _agent.say("%s: mode %s is none of %s: records are made and thrown away" % (self._path, named, ", ".join(_MODES)))
        return _MODES.get(named.lower(), "null")
