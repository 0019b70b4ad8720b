# SPDX-License-Identifier: Apache-2.0
"""What the tests of kieker-collector share: the real program as a process, its HTTP side, and bytes that a client would send.

KIEKER_COLLECTOR names the program. Every collector takes free ports, and files in a directory of its own that goes with it.
"""
import http.client
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time
import urllib.parse

PATIENCE = 60  # seconds until a test gives up; no test asserts a time
TRACE = "kieker.common.record.flow.trace."


def program():
    path = os.environ.get("KIEKER_COLLECTOR", "./kieker-collector")
    if not os.path.exists(path):
        raise FileNotFoundError("KIEKER_COLLECTOR names %s, which is not there: build it first" % path)
    return path


def until(condition, what):
    """Waits until condition() is true, and returns what it gave."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        got = condition()
        if got:
            return got
        time.sleep(0.01)
    raise AssertionError("waited %d s for %s" % (PATIENCE, what))


def entry(number, text, length=None):
    data = text.encode()
    return struct.pack(">iii", -1, number, len(data) if length is None else length) + data


class Client:
    """The bytes of a client that calls functions: strings announced as they come, events of traces."""

    def __init__(self):
        self.names = {}
        self.time = 1795360226000000000

    def name(self, text):
        """(bytes that announce it, if it is new; its id)"""
        if text in self.names:
            return b"", self.names[text]
        self.names[text] = len(self.names)
        return entry(self.names[text], text), self.names[text]

    def record(self, name, layout, *values):
        out, number = self.name(TRACE + name)
        fields = b""
        for letter, value in zip(layout, values):
            if isinstance(value, str):
                more, value = self.name(value)
                out += more
            fields += struct.pack(">" + letter, value)
        return out + struct.pack(">iq", number, -1) + fields

    def metadata(self, trace):
        return self.record("TraceMetadata", "qqiiqi", trace, 1, "<no-session-id>", "host", trace, -1)

    def event(self, kind, trace, order, operation, component="shop.Catalog"):
        self.time += 1000
        return self.record("operation." + kind, "qqiii", self.time, trace, order, operation, component)

    def trace(self, number, operations=("main", "get_book")):
        """A whole trace: each operation calls the next."""
        out = self.metadata(number)
        for order, operation in enumerate(operations):
            out += self.event("BeforeOperationEvent", number, order, operation)
        for back, operation in enumerate(reversed(operations)):
            out += self.event("AfterOperationEvent", number, len(operations) + back, operation)
        return out


class Collector:
    """A running kieker-collector; a context that ends it."""

    def __init__(self, *options, directory=None, start=True, **popen):
        self.directory = directory or tempfile.mkdtemp(prefix="kieker-test-")
        self.owns_directory = directory is None
        self.database = os.path.join(self.directory, "test.db")
        self.ready_file = os.path.join(self.directory, "ready")
        self.log_path = os.path.join(self.directory, "stderr")
        self.options = options
        self.popen = popen
        self.process = None
        if start:
            self.start()

    def start(self):
        if os.path.exists(self.ready_file):
            os.unlink(self.ready_file)
        environment = {k: v for k, v in os.environ.items() if not k.startswith("KIEKER_")}
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                [program(), "--port", "0", "--http-port", "0", "--database", self.database, "--ready-file", self.ready_file,
                 "--batch-interval", "20ms", "--log-level", "debug"] + list(self.options),
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment, **self.popen)
        until(lambda: os.path.exists(self.ready_file) or self.process.poll() is not None, "the ready file")
        if self.process.poll() is not None:
            raise AssertionError("the collector ended with %d:\n%s" % (self.process.returncode, self.log()))
        with open(self.ready_file) as f:
            took = dict(line.rstrip("\n").split("=", 1) for line in f)
        self.port, self.http_port = int(took["port"]), int(took["http_port"])
        assert took["pid"] == str(self.process.pid) and took["database"] == self.database, took

    def log(self):
        with open(self.log_path, errors="replace") as f:
            return f.read()

    def log_lines(self, *words):
        return [line for line in self.log().splitlines() if all(word in line for word in words)]

    def connect(self):
        sock = socket.create_connection(("127.0.0.1", self.port), PATIENCE)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return sock

    def send(self, data):
        """One client: sends all, closes."""
        with self.connect() as sock:
            sock.sendall(data)

    def ask(self, path, method="GET", headers=None, body=None):
        """(status, headers, body) of one HTTP request."""
        connection = http.client.HTTPConnection("127.0.0.1", self.http_port, timeout=PATIENCE)
        try:
            connection.request(method, path, body=body, headers=headers or {})
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()

    def verb(self, name, **parameters):
        query = urllib.parse.urlencode({k.replace("_", "-"): v for k, v in parameters.items()})
        status, _, body = self.ask("/api/v1/%s?%s" % (name, query))
        assert status == 200, (name, parameters, status, body)
        return json.loads(body)

    def all_traces(self):
        rows, parameters = [], {"limit": 1000, "sort": "id", "order": "asc"}
        while True:
            page = self.verb("traces", **parameters)
            rows += page["rows"]
            if not page["next"]:
                return rows
            parameters["next"] = page["next"]

    def metrics(self):
        """{name with labels: number}"""
        _, _, body = self.ask("/metrics")
        return {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1])
                for line in body.decode().splitlines() if line and not line.startswith("#")}

    def metric(self, name):
        return self.metrics()["kieker_" + name]

    def lost(self, reason):
        return self.metric('connections_lost_total{reason="%s"}' % reason)

    def settled(self, records):
        """Waits until so many records came since the start, nobody is connected, and all is stored."""
        def is_settled():
            m = self.metrics()
            return (m["kieker_connections"] == 0 and m["kieker_records_total"] == m["kieker_stored_records_total"] and
                    m["kieker_batch_bytes"] == 0 and m["kieker_queue_batches"] == 0 and m["kieker_records_total"] >= records)
        until(is_settled, "all that was sent to be stored")

    def stop(self, how=signal.SIGTERM):
        """The exit status."""
        if self.process.poll() is None:
            self.process.send_signal(how)
        try:
            return self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError("the collector did not end:\n" + self.log())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            if self.process is not None and self.process.poll() is None:
                self.process.kill()
                self.process.wait()
        finally:
            if self.owns_directory:
                shutil.rmtree(self.directory, ignore_errors=True)
