# SPDX-License-Identifier: Apache-2.0
"""The controllers. The first one that is made with a configuration file starts the agent."""

import logging
from abc import ABC, abstractmethod

from monitoring._configuration import Configuration
from monitoring.util import TimeStamp
from monitoring.writer import DummyWriter, FileWriter, TCPWriter


class AbstractController(ABC):

    def __init__(self, domain, tcp_enabled, reader_thread, port, terminated):
        self.domain = domain
        self.tcp_enabled = tcp_enabled
        self.reader_thread = reader_thread
        self.port = port
        self.terminated = terminated
        self.threading = None
        self.logger = logging.getLogger("ControllerLogger")

    @abstractmethod
    def initialize(self):
        if self.tcp_enabled:
            self.threading.start()

    @abstractmethod
    def cleanup(self):
        if self.tcp_enabled:
            self.logger.info("terminated")

    @abstractmethod
    def toString(self):
        return type(self).__name__


class TimeSourceController(AbstractController):

    def __init__(self, time_source):
        self.time_source = time_source

    def initialize(self):
        """A clock needs nothing."""

    def cleanup(self):
        """A clock leaves nothing."""

    def toString(self):
        return type(self).__name__

    def get_time(self):
        """ns since 1970, unless the time source has another idea."""
        return self.time_source.get_time()


class WriterController:
    """Has the writer that a configuration file asks for, and hands it records."""

    def __init__(self, config=None, path=None):
        configuration = Configuration(config)
        mode = configuration.mode
        if mode == "tcp":
            self.monitoring_writer = TCPWriter(configuration)
        elif mode in ("file", "binary"):
            self.monitoring_writer = FileWriter(configuration.get("FileWriter", "file_path"), [], mode == "binary")
        else:
            self.monitoring_writer = DummyWriter()

    def initialize(self):
        """The agent has been started already."""

    def cleanup(self):
        """The agent ends with the process."""

    def new_monitoring_record(self, record):
        self.monitoring_writer.writeMonitoringRecord(record)


class SingleMonitoringController:
    """The one controller of the process, whoever asks for it. The first to name a configuration file starts the agent."""

    __instance = None

    def __new__(cls, config=None):
        if SingleMonitoringController.__instance is None:
            controller = object.__new__(cls)
            controller.time_source_controller = TimeSourceController(TimeStamp())
            SingleMonitoringController.__instance = controller
        controller = SingleMonitoringController.__instance
        if config is not None:
            controller.writer_controller = config if isinstance(config, WriterController) else WriterController(config)
        return controller

    def __getattr__(self, name):
        if name == "writer_controller":
            raise AttributeError("nobody has said yet where records go: SingleMonitoringController('monitoring.ini')")
        raise AttributeError("%s has no attribute %s" % (type(self).__name__, name))

    def new_monitoring_record(self, record):
        """Sends a record that the program made itself."""
        self.writer_controller.new_monitoring_record(record)


# The name under which MooBench asks for it.
MonitoringController = SingleMonitoringController
