# SPDX-License-Identifier: Apache-2.0
"""The pack's writers. To make one is to start the agent, which writes there from then on; there is one agent in a process."""

import os

from monitoring import _agent
from monitoring._configuration import Configuration
from monitoring.serialization import Values
from monitoring.util import get_prefix


class _Writer:

    def writeMonitoringRecord(self, record):
        """Sends a record: its class has the name of a record of Kieker, and serialize() puts the fields. Raises TypeError if it has not."""
        name = type(record).__name__
        prefix = get_prefix(name)
        if prefix is None:
            raise TypeError("%s is none of Kieker's records that this package knows" % name)
        fields = Values()
        record.serialize(fields)
        _agent.record(prefix + name, tuple(fields.values))

    def on_new_registry_entry(self, value, idee):
        """The agent numbers strings itself."""

    def onStarting(self):
        """The agent has been started already."""

    def on_terminating(self):
        """The agent ends with the process."""

    def to_string(self):
        return type(self).__name__


class DummyWriter(_Writer):
    """Records are made and thrown away."""

    def __init__(self):
        _agent.start("null")


class FileWriter(_Writer):
    """A Kieker log, a directory of its own: in the directory file_path, or beside the file that it names. binary is of this package."""

    def __init__(self, file_path, string_buffer=None, binary=False):
        self.file_path = os.fspath(file_path)
        is_directory = os.path.isdir(self.file_path) or self.file_path.endswith(os.sep)
        directory = os.path.abspath(self.file_path if is_directory else os.path.dirname(self.file_path) or os.curdir)
        _agent.start(("binary:" if binary else "file:") + directory)


class MappingFileWriter:
    """Lines `$ number = name` at the end of a file. The agent's own logs do not need it."""

    def __init__(self):
        self.file_path = "./record-map.log"

    def add(self, Id, class_name):
        with open(self.file_path, "a", encoding="utf-8") as file:
            file.write("$ %s = %s \n" % (Id, class_name))


class TCPWriter(_Writer):
    """To the collector that section [Tcp] of the ini file names: the agent connects as soon as there is one, and again when it comes back."""

    def __init__(self, config):
        configuration = config if isinstance(config, Configuration) else Configuration(config)
        self.multConnections = configuration.is_true("General", "multiple_Connections")
        self.host = configuration.get("Tcp", "host")
        self.port = configuration.get_port()
        if self.multConnections:
            _agent.say("multiple_Connections = True has no effect: all records of a process go through one connection")
        _agent.start("tcp://%s:%d" % ("[%s]" % self.host if ":" in self.host else self.host, self.port))
