# SPDX-License-Identifier: Apache-2.0
"""How long it takes from the end of a call until a question finds it, asked now and then while a collector works."""

import socket
import struct
import threading
import time

EVENTS = "kieker.common.record.flow.trace."
CLASSES = (EVENTS + "TraceMetadata", EVENTS + "operation.BeforeOperationEvent", EVENTS + "operation.AfterOperationEvent")


def _bytes_of_a_call(name):
    """A trace of one call as a Kieker client writes it: registry entries (-1, id, length, text), and records (class, logging time, fields)."""
    texts = CLASSES + ("void visible.Probe.%s()" % name, "visible.Probe", "localhost", "<no-session-id>")
    sent = b"".join(struct.pack(">iii", -1, i, len(text)) + text.encode() for i, text in enumerate(texts))
    now = time.time_ns()
    sent += struct.pack(">iqqqiiqi", 0, now, 1, 1, 6, 5, -1, -1)
    sent += struct.pack(">iqqqiii", 1, now, now, 1, 0, 3, 4)
    return sent + struct.pack(">iqqqiii", 2, now, now, 1, 1, 3, 4)


class Prober:
    """Sends a call on a connection of its own every half second, and asks for it until it is there. `ms` is what that took."""

    def __init__(self, collector):
        self._collector = collector
        self._ended = threading.Event()
        self.ms = []
        self.sent = 0
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        while True:
            name = "probe%d" % self.sent
            with socket.create_connection(("127.0.0.1", self._collector.port)) as connection:
                self.sent += 1
                connection.sendall(_bytes_of_a_call(name))
                begun = time.monotonic()
            while not self._collector.ask("operations?op=*%s*&limit=1" % name)["rows"]:
                time.sleep(0.005)
            self.ms.append((time.monotonic() - begun) * 1e3)
            if self._ended.wait(0.5):
                return

    def stop(self):
        """Waits for the last one."""
        self._ended.set()
        self._thread.join(60)
