# SPDX-License-Identifier: Apache-2.0
"""What the agent's tests share: a TCP sink that decodes Kieker's single-socket stream by the protocol's own rules, and ways to run a program
plain and under the agent."""

import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import textwrap
import threading
import unittest

import kieker

# Whoever runs the tests may ignore signals (nohup, a shell's background), and programs would inherit that.
for number, effect in (signal.SIGHUP, signal.SIG_DFL), (signal.SIGQUIT, signal.SIG_DFL), (signal.SIGINT, signal.default_int_handler):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, effect)

PACKAGE_PATH = os.path.dirname(os.path.dirname(os.path.abspath(kieker.__file__)))

_FLOW = "kieker.common.record.flow.trace."
LAYOUTS = {
    _FLOW + "TraceMetadata": (">qqiiqi", ("trace", "thread", "session", "host", "parent", "parent_order"), ("session", "host")),
    _FLOW + "operation.BeforeOperationEvent": (">qqiii", ("at", "trace", "order", "operation", "component"), ("operation", "component")),
    _FLOW + "operation.AfterOperationEvent": (">qqiii", ("at", "trace", "order", "operation", "component"), ("operation", "component")),
    _FLOW + "operation.AfterOperationFailedEvent": (
        ">qqiiii", ("at", "trace", "order", "operation", "component", "cause"), ("operation", "component", "cause")),
    _FLOW + "concurrency.SplitEvent": (">qqi", ("at", "trace", "order"), ()),
    "kieker.common.record.misc.KiekerMetadataRecord": (
        ">iiii?qiq", ("version", "controller", "host", "experiment", "debug", "offset", "unit", "count"),
        ("version", "controller", "host", "unit")),
}


class Call:
    """One call of a trace, with the calls in it."""

    def __init__(self, record):
        self.operation = record["operation"]
        self.component = record["component"]
        self.begun = record["at"]
        self.ended = None
        self.cause = None
        self.calls = []

    def shape(self):
        """(operation, cause, shapes of the calls in it), with (operation, shape...) for the ordinary case."""
        name = self.operation if self.cause is None else (self.operation, self.cause)
        return (name,) + tuple(call.shape() for call in self.calls) if self.calls else name

    def walk(self):
        """This call and all in it, in order of their beginning."""
        waiting = [self]
        while waiting:
            call = waiting.pop()
            yield call
            waiting.extend(reversed(call.calls))


class Stream:
    """One connection's bytes, decoded. Raises ValueError where they break a rule of the protocol."""

    def __init__(self, data):
        self.texts = {}
        self.entries = []
        self.records = []
        self.size = len(data)
        self.rest = self._decode(data)

    def _decode(self, data):
        at = 0
        while at + 12 <= len(data):
            number, = struct.unpack_from(">i", data, at)
            if number == -1:
                number, length = struct.unpack_from(">ii", data, at + 4)
                if not 0 <= length <= 65536:
                    raise ValueError("length %d at %d" % (length, at))
                if at + 12 + length > len(data):
                    break
                if number in self.texts:
                    raise ValueError("id %d announced twice" % number)
                if number != len(self.texts):
                    raise ValueError("id %d after %d entries" % (number, len(self.texts)))
                self.texts[number] = data[at + 12:at + 12 + length].decode("utf-8")
                self.entries.append(self.texts[number])
                at += 12 + length
                continue
            layout, fields, strings = LAYOUTS[self.texts[number]]
            size = struct.calcsize(layout)
            if at + 12 + size > len(data):
                break
            if struct.unpack_from(">q", data, at + 4) != (-1,):
                raise ValueError("logging timestamp at %d" % at)
            record = dict(zip(fields, struct.unpack_from(layout, data, at + 12)))
            for field in strings:
                record[field] = self.texts[record[field]]
            record["type"] = self.texts[number].rpartition(".")[2]
            self.records.append(record)
            at += 12 + size
        return data[at:]

    @property
    def events(self):
        return [record for record in self.records if "order" in record and record["type"] != "SplitEvent"]

    def counters(self):
        """The losses the stream told last, or {}."""
        told = [text for text in self.entries if text.startswith("kieker:counters ")]
        return {key: int(value) for key, _, value in (pair.partition("=") for pair in told[-1].split()[1:])} if told else {}

    def traces(self, complete=True):
        """The traces' roots in order of their beginning. Raises ValueError for a trace that is not valid, or not complete."""
        metadata, roots, stacks, orders, last = {}, {}, {}, {}, {}
        # Where traces were split, (trace, order): the call that was going on.
        self.splits = {}
        for record in self.records:
            trace = record.get("trace")
            if record["type"] == "TraceMetadata":
                if trace in metadata:
                    raise ValueError("trace %d announced twice" % trace)
                if record["session"] != "<no-session-id>" or not self._is_parent(record):
                    raise ValueError("metadata %r" % record)
                metadata[trace] = record
                orders[trace], stacks[trace], last[trace] = 0, [], 0
                continue
            if "order" not in record:
                continue
            if trace not in metadata:
                raise ValueError("trace %d is not announced" % trace)
            if record["order"] != orders[trace]:
                raise ValueError("event %d of trace %d comes as %d" % (orders[trace], trace, record["order"]))
            if record["at"] < last[trace]:
                raise ValueError("time goes back in trace %d" % trace)
            orders[trace] += 1
            last[trace] = record["at"]
            self._step(record, roots, stacks[trace])
        self.open = [trace for trace, stack in stacks.items() if stack]
        if complete and (self.open or self.rest):
            raise ValueError("%d traces are open, %d bytes are left" % (len(self.open), len(self.rest)))
        self.threads = {record["thread"] for record in metadata.values()}
        # For the traces that were started in another: the call in which they were, by the root call.
        self.parents = {
            roots[trace]: self.splits[record["parent"], record["parent_order"]]
            for trace, record in metadata.items() if record["parent_order"] != -1 and trace in roots
        }
        return list(roots.values())

    def _is_parent(self, record):
        """Whether a trace's parent is none, or a split event that came before."""
        if (record["parent"], record["parent_order"]) == (record["trace"], -1):
            return True
        return (record["parent"], record["parent_order"]) in self.splits

    def _step(self, record, roots, stack):
        trace = record["trace"]
        if record["type"] == "SplitEvent":
            if not stack:
                raise ValueError("trace %d is split where no call is open" % trace)
            self.splits[trace, record["order"]] = stack[-1]
            return
        if record["type"] == "BeforeOperationEvent":
            call = Call(record)
            if stack:
                stack[-1].calls.append(call)
            elif trace in roots:
                raise ValueError("trace %d goes on after its end" % trace)
            else:
                roots[trace] = call
            stack.append(call)
            return
        call = stack.pop() if stack else None
        if call is None or (call.operation, call.component) != (record["operation"], record["component"]):
            raise ValueError("trace %d: %s ends in %s" % (trace, record["operation"], call and call.operation))
        call.ended = record["at"]
        call.cause = record.get("cause")


class Sink:
    """A collector for a test: takes connections on a port of its own, keeps their bytes."""

    def __init__(self, port=0, reading=True):
        self._server = socket.create_server(("127.0.0.1", port))
        self.port = self._server.getsockname()[1]
        self.address = "tcp://127.0.0.1:%d" % self.port
        self._data, self._peers, self._threads = [], [], []
        self._last = None
        self._accepted_last = threading.Event()
        self.connected = threading.Event()
        self.reading = threading.Event()
        if reading:
            self.reading.set()
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()

    def _accept(self):
        while True:
            try:
                peer, name = self._server.accept()
            except OSError:
                return
            if name == self._last:
                peer.close()
                self._accepted_last.set()
                continue
            data = bytearray()
            self._data.append(data)
            self._peers.append(peer)
            thread = threading.Thread(target=self._read, args=(peer, data), daemon=True)
            thread.start()
            self._threads.append(thread)
            self.connected.set()

    def _read(self, peer, data):
        while True:
            self.reading.wait()
            try:
                got = peer.recv(1 << 16)
            except OSError:
                return
            if not got:
                peer.close()
                return
            data += got

    def received(self):
        """Bytes so far."""
        return sum(map(len, self._data))

    def kill(self):
        """Ends all as a crash does: what was not read is lost, the peers are reset."""
        self._stop_listening()
        for peer in self._peers:
            try:
                peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                peer.shutdown(socket.SHUT_RD)
            except OSError:
                pass
            peer.close()

    def streams(self):
        """Waits for the end of every connection; one Stream for each that brought anything."""
        self.reading.set()
        # Connections are accepted in the order of their making: once this one has been, all that were made before have been, too.
        with socket.socket() as last:
            last.bind(("127.0.0.1", 0))
            self._last = last.getsockname()
            last.connect(("127.0.0.1", self.port))
            if not self._accepted_last.wait(30):
                raise AssertionError("connections are not accepted")
        for thread in list(self._threads):
            thread.join(30)
            if thread.is_alive():
                raise AssertionError("a connection was not closed")
        return [Stream(bytes(data)) for data in self._data if data]

    def _stop_listening(self):
        try:
            self._server.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._server.close()
        self._accepting.join()

    def close(self):
        self._stop_listening()
        for peer in self._peers:
            peer.close()


class Case(unittest.TestCase):
    """A test with a directory of its own and means to run programs in it."""

    maxDiff = 4000

    def setUp(self):
        self.directory = os.path.realpath(tempfile.mkdtemp(prefix="kieker-"))
        self.addCleanup(shutil.rmtree, self.directory, True)

    def write(self, name, text):
        path = os.path.join(self.directory, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(textwrap.dedent(text))
        return path

    def sink(self, **options):
        sink = Sink(**options)
        self.addCleanup(sink.close)
        return sink

    def environment(self, **changes):
        environment = {key: value for key, value in os.environ.items() if not key.startswith("KIEKER_") and key != "PYTHONDONTWRITEBYTECODE"}
        environment["PYTHONPATH"] = PACKAGE_PATH
        environment["PYTHONIOENCODING"] = "utf-8"
        environment.update(changes)
        return environment

    def start(self, arguments, agent=(), interpreter=(), **options):
        """Starts python3 [-m kieker AGENT...] ARGUMENTS; plain when agent is None."""
        command = [sys.executable] + list(interpreter) + ([] if agent is None else ["-m", "kieker"] + list(agent)) + list(arguments)
        options.setdefault("env", self.environment())
        options.setdefault("cwd", self.directory)
        options.setdefault("stdout", subprocess.PIPE)
        options.setdefault("stderr", subprocess.PIPE)
        return subprocess.Popen(command, universal_newlines=True, encoding="utf-8", **options)

    def finish(self, process, timeout=120, **options):
        try:
            out, err = process.communicate(timeout=timeout, **options)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
            self.fail("the program hangs; it wrote %r and %r" % (out, err))
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def plain(self, *arguments, **options):
        return self.finish(self.start(arguments, None, **options))

    def observed(self, *arguments, agent=(), **options):
        """Runs under the agent with a sink; the finished process has the decoded streams, in order of their connecting."""
        sink = self.sink()
        done = self.finish(self.start(arguments, list(agent) + ["--writer", sink.address], **options))
        done.streams = sink.streams()
        return done

    def calls(self, text, *arguments, agent=(), **options):
        """The traces of a program that is given as text; it must end well."""
        done = self.observed(self.write("program.py", text), *arguments, agent=agent, **options)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(len(done.streams), 1)
        return done.streams[0].traces()

    def shapes(self, text, **options):
        return [trace.shape() for trace in self.calls(text, **options)]


def main():
    unittest.main(verbosity=1)
