# SPDX-License-Identifier: Apache-2.0
"""What arrives at a collector that says what it has stored: everything, once, whatever becomes of the connection; or it is counted."""

import os
import random
import re
import socket
import struct
import textwrap
import threading
import time
import unittest
import unittest.mock

import harness

SEED = int(os.environ.get("KIEKER_SEED", random.randrange(1 << 32)))

LOOP = """
    import sys, time, kieker
    def outer(n):
        for i in range(n): inner(i)
    def inner(i): pass
"""


def entry(text):
    data = text.encode()
    return struct.pack(">iii", -1, 0, len(data)) + data


class Session:
    """A stream, whatever connections it came by: its bytes from position 0 on, as far as they were stored or are on their way."""

    def __init__(self, hello):
        self.hello = hello
        self.data = bytearray()
        self.stored = 0
        self.connections = 0
        self.ended = False

    def stream(self):
        """All that was stored, as one unbroken connection would have brought it."""
        return harness.Stream(entry(self.hello) + bytes(self.data[:self.stored]))


class Store:
    """A collector that keeps streams by session. It stores in steps, and what was not stored is gone with the connection."""

    def __init__(self, test, **how):
        self.random = random.Random("%d %s" % (SEED, test.id()))
        self.sessions = {}
        self.refused = []
        self.problems = []
        self.lock = threading.RLock()
        # Whether something is stored when it comes; by chance.
        self.storing = how.get("storing", 0.3)
        # So many connections are broken, each behind so many bytes at most.
        self.breaks, self.breaking = how.get("breaks", 0), how.get("breaking", 200000)
        self.answering = True
        self.port = 0
        self.peers, self.threads = [], []
        self.open()

    @property
    def address(self):
        return "tcp://127.0.0.1:%d" % self.port

    def open(self):
        self.server = socket.socket()
        self.server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.server.bind(("127.0.0.1", self.port))
        self.server.listen(16)
        self.port = self.server.getsockname()[1]
        self.accepting = threading.Thread(target=self._accept, args=(self.server,), daemon=True)
        self.accepting.start()

    def close(self):
        """As if it had been killed: no listener, connections reset."""
        try:
            self.server.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.server.close()
        self.accepting.join()
        with self.lock:
            for peer in self.peers:
                self._reset(peer)
        for thread in self.threads:
            thread.join(30)

    def _accept(self, server):
        while True:
            try:
                peer, _ = server.accept()
            except OSError:
                return
            # What it says is under way at once, whatever becomes of the connection.
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.peers.append(peer)
            thread = threading.Thread(target=self._serve, args=(peer,), daemon=True)
            thread.start()
            self.threads.append(thread)

    def _reset(self, peer):
        try:
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            peer.shutdown(socket.SHUT_RD)
        except OSError:
            pass
        peer.close()

    def _serve(self, peer):
        session = None
        try:
            session = self._begin(peer)
            if session is not None:
                self._read(peer, session)
        except OSError:
            pass
        except Exception as error:  # the test says so
            self.problems.append(repr(error))
        finally:
            with self.lock:
                if session is not None and not session.ended:
                    del session.data[session.stored:]
                if session is not None and session.ended:
                    peer.close()
                else:
                    self._reset(peer)

    def _exactly(self, peer, size):
        data = b""
        while len(data) < size:
            got = peer.recv(size - len(data))
            if not got:
                raise OSError("the connection ends inside of something")
            data += got
        return data

    def _begin(self, peer):
        head = self._exactly(peer, 12)
        mark, number, size = struct.unpack(">iii", head)
        if (mark, number) != (-1, 0):
            raise ValueError("no hello but %r" % head)
        hello = self._exactly(peer, size).decode()
        pairs = dict(pair.split("=", 1) for pair in hello.split()[1:])
        position, name = int(pairs["position"]), pairs["session"]
        registry = self._exactly(peer, int(pairs["registry"]))
        with self.lock:
            session = self.sessions.get(name)
            if session is None and position == 0:
                session = self.sessions[name] = Session(hello)
            if session is None or session.stored < position:
                self.refused.append(name)
                peer.sendall(entry("kieker:unknown position=%d" % (session.stored if session else 0)))
                # It reads what is under way, or its answer would be lost.
                peer.shutdown(socket.SHUT_WR)
                while peer.recv(1 << 16):
                    pass
                return None
            session.connections += 1
            self._check_registry(registry, session, position)
            session.at = position
            if self.answering:
                peer.sendall(entry("kieker:unheard-of x=1") + entry("kieker:committed position=%d" % session.stored))
        return session

    def _check_registry(self, registry, session, position):
        """What is announced again is what was announced before that position."""
        told, known = harness.Stream(entry("") + registry).texts, harness.Stream(entry("") + bytes(session.data[:position])).texts
        if position == 0:
            known = {0: ""}
        if told.keys() != known.keys():
            raise ValueError("%d texts are announced again at %d, there were %d" % (len(told), position, len(known)))
        different = [(text, known[number]) for number, text in told.items() if text not in ("", known[number])]
        if different:
            raise ValueError("announced again as something else: %r" % different)

    def _read(self, peer, session):
        left = None
        if self.breaks > 0:
            self.breaks -= 1
            left = self.random.randrange(self.breaking)
        peer.settimeout(0.05)
        while True:
            try:
                data = peer.recv(1 << 16)
            except socket.timeout:
                with self.lock:
                    if self.storing and session.stored < len(session.data):
                        self._store(peer, session)
                continue
            if not data:
                break
            with self.lock:
                if left is not None:
                    data, left = data[:left], left - len(data)
                self._take(session, data)
                if left is not None and left <= 0:
                    if self.random.random() < 0.5:
                        self._reset(peer)
                    return
                if self.random.random() < self.storing:
                    self._store(peer, session)
        # Everything came, and the end says so, or it was broken.
        with self.lock:
            session.ended = session.data.endswith(b"kieker:end")
            if session.ended and self.storing:
                self._store(peer, session)

    def _take(self, session, data):
        old = session.data[session.at:session.at + len(data)]
        if old != data[:len(old)]:
            raise ValueError("other bytes at %d than before" % session.at)
        session.data += data[len(old):]
        session.at += len(data)

    def _store(self, peer, session):
        before, session.stored = session.stored, len(session.data)
        try:
            if self.answering:
                peer.sendall(entry("kieker:committed position=%d" % session.stored))
        except OSError:
            session.stored = before
            raise

    def received(self):
        with self.lock:
            return sum(len(session.data) for session in self.sessions.values())

    def stored(self):
        with self.lock:
            return sum(session.stored for session in self.sessions.values())


class Case(harness.Case):
    @classmethod
    def setUpClass(cls):
        print("seed %d (KIEKER_SEED)" % SEED)

    def store(self, **how):
        store = Store(self, **how)
        self.addCleanup(store.close)
        return store

    def run_program(self, store, text, *options, wait=True):
        path = self.write("program.py", textwrap.dedent(LOOP) + textwrap.dedent(text))
        process = self.start([path], ["--writer", store.address] + list(options), stdin=-1)
        return self.finish(process) if wait else process

    def wait_for(self, condition, what):
        for _ in range(6000):
            if condition():
                return
            time.sleep(0.01)
        self.fail("waited in vain for " + what)

    def lost(self, text):
        found = re.search(r"kieker: (\d+) records were lost", text)
        return int(found.group(1)) if found else 0

    def only(self, store):
        """The stream of the one session."""
        self.assertEqual(store.problems, [])
        session, = store.sessions.values()
        self.assertTrue(session.ended)
        return session.stream()


class Break(Case):
    def test_without_one(self):
        store = self.store()
        done = self.run_program(store, "outer(20000)")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        stream = self.only(store)
        self.assertEqual(len(stream.traces()[0].calls), 20000)
        self.assertEqual(stream.entries[-1], "kieker:end")
        self.assertEqual(len(store.peers), 1)

    def test_again_and_again(self):
        store = self.store(breaks=10)
        done = self.run_program(store, """
            def fails(i): raise ValueError(i)
            def main():
                n = 0
                while kieker.stats()["resumed"] < 10:
                    outer(100)
                    try: fails(n)
                    except ValueError: pass
                    n += 1
                    time.sleep(0.002)
                return n
            n = main()
            for i in range(100): outer(100)
            print(n)
        """)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        rounds = int(done.stdout)
        traces = self.only(store).traces()
        self.assertEqual([len(trace.calls) for trace in traces], [2 * rounds] + [100] * 100)
        self.assertEqual(sum(len(call.calls) for call in traces[0].calls), 100 * rounds)
        self.assertEqual([call.cause for call in traces[0].calls if call.cause], ["ValueError(%d)" % i for i in range(rounds)])

    def test_executions(self):
        layout = unittest.mock.patch.dict(harness.LAYOUTS, {"kieker.common.record.controlflow.OperationExecutionRecord": (
            ">iiqqqiii", ("signature", "session", "trace", "begun", "ended", "host", "order", "depth"), ("signature", "session", "host"))})
        layout.start()
        self.addCleanup(layout.stop)
        store = self.store(breaks=5)
        done = self.run_program(store, """
            def main():
                n = 0
                while kieker.stats()["resumed"] < 5:
                    outer(100)
                    n += 1
                    time.sleep(0.002)
                return n
            n = main()
            for i in range(n): outer(100)
            print(n)
        """, "--record", "executions")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        rounds = int(done.stdout)
        traces = {}
        for record in self.only(store).records[1:]:
            traces.setdefault(record["trace"], []).append(record)
        self.assertEqual([len(calls) for calls in traces.values()], [1 + 101 * rounds] + [101] * rounds)
        for calls in traces.values():
            self.assertEqual(sorted(call["order"] for call in calls), list(range(len(calls))))
        self.assertEqual(store.sessions.popitem()[1].connections, 6)

    def test_while_little_happens(self):
        """The connection is looked at when nothing is to be sent, too."""
        store = self.store()
        process = self.run_program(store, """
            def waits():
                inner(0)
                sys.stdin.readline()
            waits()
            outer(3)
        """, wait=False)
        self.wait_for(lambda: store.received() > 0, "the first records")
        store.close()
        store.open()
        self.wait_for(lambda: any(session.connections > 1 for session in store.sessions.values()), "the stream")
        done = self.finish(process, input="\n")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual([trace.shape() for trace in self.only(store).traces()], [("waits", "inner"), ("outer",) + 3 * ("inner",)])

    def test_collector_away_for_a_while(self):
        """The program runs on meanwhile."""
        store = self.store()
        process = self.run_program(store, """
            def main():
                outer(10)
                print("begun", flush=True)
                sys.stdin.readline()
                outer(100000)
                print("ran", flush=True)
                sys.stdin.readline()
                outer(10)
            main()
        """, wait=False)
        process.stdout.readline()
        self.wait_for(lambda: store.stored() > 400, "the first records")
        store.close()
        process.stdin.write("\n")
        process.stdin.flush()
        self.assertEqual(process.stdout.readline(), "ran\n")
        store.open()
        done = self.finish(process, input="\n")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        trace, = self.only(store).traces()
        self.assertEqual([len(call.calls) for call in trace.calls], [10, 100000, 10])

    def test_nonsense_from_one_that_has_made_sense(self):
        store = self.store()
        process = self.run_program(store, """
            while kieker.stats()["resumed"] == 0: outer(10); time.sleep(0.001)
            outer(5)
        """, wait=False)
        self.wait_for(lambda: store.stored() > 400, "the first records")
        with store.lock:
            store.peers[0].sendall(b"nonsense")
        done = self.finish(process)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(len(self.only(store).traces()[-1].calls), 5)

    def test_fork(self):
        """A child's stream is its own, though the parent's window is full of what is not stored."""
        store = self.store(storing=0.05, breaks=5)
        done = self.run_program(store, """
            import os
            def main():
                for i in range(10):
                    outer(1000)
                    if os.fork() == 0:
                        child()
                        sys.exit()
                    os.wait()
            def child(): outer(7)
            main()
        """)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(store.problems, [])
        streams = [session.stream().traces() for session in store.sessions.values() if session.ended]
        shapes = sorted((traces[0].operation, sum(1 for _ in traces[0].walk())) for traces in streams)
        self.assertEqual(shapes, [("child", 9)] * 10 + [("main", 1 + 10 * 1001)])


class Words(Case):
    """What is written of the talk, record/talk.h and agent/README.md, is what is said."""

    def read_source(self, *path):
        with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", *path), encoding="utf-8") as file:
            return file.read()

    def test_hello(self):
        store = self.store()
        done = self.run_program(store, "outer(1)", "--run", "nightly build")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        session, = store.sessions.values()
        said = dict(pair.split("=", 1) for pair in session.hello.split()[1:])
        told = re.search(r"kieker:agent (.*?) the first entry", re.sub(r"\n \*", " ", self.read_source("record", "talk.h"))).group(1)
        told = dict(pair.split("=", 1) for pair in told.split())
        self.assertEqual(list(said), list(told))
        self.assertEqual((said["version"], said["language"], said["run"]), (told["version"], told["language"], "nightly%20build"))
        in_readme = re.search(r"`kieker:agent (.*?)`", self.read_source("agent", "README.md")).group(1)
        in_readme = dict(pair.split("=", 1) for pair in in_readme.split())
        self.assertEqual(list(in_readme.items()), [pair for pair in told.items() if pair[0] not in ("session", "position", "registry")])

    def test_names(self):
        text = self.read_source("record", "talk.h")
        comment, code = text[:text.index("#ifndef")], text[text.index("#ifndef"):]
        self.assertEqual(set(re.findall(r"^ \*   kieker:([a-z]+)", comment, re.M)), set(re.findall(r'#define TALK_\w+ "kieker:(\w+)"', code)))

    def test_counters(self):
        told = re.search(r"`kieker:counters (.*?)`", self.read_source("agent", "README.md")).group(1)
        names = re.findall(r"(dropped_\w+)=%llu", self.read_source("agent", "core", "rounds.c"))
        self.assertEqual([pair.split("=")[0] for pair in told.split()], names)
        self.assertIn("kieker:counters %s=" % names[0], self.read_source("record", "talk.h"))


class Unknown(Case):
    def test_begins_anew_and_counts(self):
        store = self.store(storing=1)
        process = self.run_program(store, """
            def main():
                outer(1000)
                print("begun", flush=True)
                sys.stdin.readline()
                for i in range(100): outer(100)
                while kieker.stats()["connections"] < 3: time.sleep(0.01)
                outer(10)
            main()
        """, wait=False)
        process.stdout.readline()
        self.wait_for(lambda: store.received() > 2000 * 40, "the first records")
        store.close()
        # It has forgotten everything, so what is on its way cannot be understood.
        first, = store.sessions.values()
        first_events = len(first.stream().events)
        store.sessions.clear()
        process.stdin.write("\n")
        process.stdin.flush()
        store.open()
        done = self.finish(process)
        self.assertEqual(done.returncode, 0)
        self.assertEqual(store.problems, [])
        self.assertEqual(len(store.refused), 1)
        session, = store.sessions.values()
        stream = session.stream()
        trace, = stream.traces()
        self.assertEqual((trace.operation, len(trace.calls[-1].calls)), ("main", 10))
        lost = self.lost(done.stderr)
        self.assertGreater(lost, 0)
        self.assertEqual(stream.counters()["dropped_disconnected"], lost)
        # main's beginning is in both.
        self.assertEqual(first_events + len(stream.events) + lost, 2 * (1 + 1001 + 100 * 101 + 11) + 1)
        self.assertIn("does not know what it was sent before", done.stderr)


class Gone(Case):
    MANY = """
        def main():
            outer(10)
            print("begun", flush=True)
            sys.stdin.readline()
            for i in range(1100): outer(1000)
            print("ran", flush=True)
            sys.stdin.readline()
            outer(10)
        main()
    """

    def gone(self, *options):
        store = self.store()
        process = self.run_program(store, self.MANY, *options, wait=False)
        process.stdout.readline()
        self.wait_for(lambda: store.stored() > 400, "the first records")
        store.close()
        process.stdin.write("\n")
        process.stdin.flush()
        return store, process

    def test_patience(self):
        store, process = self.gone("--patience", "1")
        self.assertEqual(process.stdout.readline(), "ran\n")
        store.open()
        self.wait_for(lambda: len(store.sessions) > 1, "the next stream")
        done = self.finish(process, input="\n")
        first, second = store.sessions.values()
        lost = self.lost(done.stderr)
        self.assertEqual(store.problems, [])
        self.assertGreater(lost, 1000000)
        trace, = second.stream().traces()
        self.assertEqual(len(trace.calls[-1].calls), 10)
        # main's beginning is in both.
        self.assertEqual(len(first.stream().events) + len(second.stream().events) + lost, 2 * (1 + 11 + 1100 * 1001 + 11) + 1)
        self.assertEqual(done.stderr.count("records are dropped until there is one"), 1)
        self.assertEqual(done.stderr.count("is there: records are sent from now on"), 1)

    def test_back_in_time(self):
        store, process = self.gone()
        ran = []
        reader = threading.Thread(target=lambda: ran.append(process.stdout.readline()))
        reader.start()
        # It cannot get to its end as long as nobody takes the records.
        reader.join(5)
        self.assertEqual(ran, [])
        store.open()
        reader.join(100)
        self.assertEqual(ran, ["ran\n"])
        done = self.finish(process, input="\n")
        self.assertEqual(self.lost(done.stderr), 0)
        lines = done.stderr.splitlines()
        self.assertEqual(len(lines), 2)
        self.assertIn("the program waits until it is back, for 60 s at most", lines[0])
        self.assertIn("is there: records are sent from now on", lines[1])
        trace, = self.only(store).traces()
        self.assertEqual(len(trace.calls), 1102)

    def test_drop(self):
        store, process = self.gone("--when-full", "drop")
        self.assertEqual(process.stdout.readline(), "ran\n")
        store.open()
        done = self.finish(process, input="\n")
        stream = self.only(store)
        stream.traces()
        self.assertGreater(self.lost(done.stderr), 0)
        self.assertEqual(len(stream.events) + self.lost(done.stderr), 2 * (1 + 11 + 1100 * 1001 + 11))


class End(Case):
    def test_waits_until_everything_is_stored(self):
        store = self.store(storing=0)
        process = self.run_program(store, """
            outer(1000)
            while not kieker.stats()["unacknowledged"]: time.sleep(0.01)  # it knows by now that it will be told
        """, wait=False)
        self.wait_for(lambda: any(session.data.endswith(b"kieker:end") for session in store.sessions.values()), "the end")
        time.sleep(0.5)
        self.assertIsNone(process.poll())
        store.storing = 1
        store.close()
        store.open()
        done = self.finish(process)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(len(self.only(store).traces()[0].calls), 1000)

    def test_never_stored(self):
        store = self.store(storing=0)
        done = self.run_program(store, """
            outer(1000)
            while not kieker.stats()["unacknowledged"]: time.sleep(0.01)
            kieker._kieker.stop(1.0)
            print("ended", flush=True)
        """)
        self.assertEqual((done.returncode, done.stdout), (0, "ended\n"))
        self.assertIn("has not confirmed the last 2002 records in time: they may be missing", done.stderr)

    def test_os_exit(self):
        store = self.store(breaks=1, breaking=30000)
        # A connection that breaks before the first answer is read takes with it what was under way.
        done = self.run_program(store, "import os\nouter(1); time.sleep(1); outer(1000); os._exit(3)")
        self.assertEqual((done.returncode, done.stderr), (3, ""))
        self.assertEqual([len(trace.calls) for trace in self.only(store).traces()], [1, 1000])

    def test_signal(self):
        store = self.store()
        done = self.run_program(store, "import os, signal\nouter(1000); os.kill(os.getpid(), signal.SIGTERM)")
        self.assertEqual(done.returncode, -15)
        self.assertEqual(len(self.only(store).traces()[0].calls), 1000)

    def test_gone_for_good(self):
        store = self.store()
        process = self.run_program(store, """
            outer(10)
            print("begun", flush=True)
            sys.stdin.readline()
            outer(1000)
            kieker._kieker.stop(1.0)
        """, wait=False)
        process.stdout.readline()
        self.wait_for(lambda: store.stored() > 400, "the first records")
        store.close()
        done = self.finish(process, input="\n")
        self.assertEqual(done.returncode, 0)
        session, = store.sessions.values()
        missing = re.search(r"the last (\d+) records in time", done.stderr)
        missing = int(missing.group(1)) if missing else 0
        self.assertEqual(len(session.stream().events) + self.lost(done.stderr) + missing, 2 * (11 + 1001))

    def test_resumes_after_an_exec_that_fails(self):
        store = self.store()
        done = self.run_program(store, """
            import os
            outer(5)
            try: os.execv("/dev/null", ["x"])
            except OSError: pass
            try: os._exit("x")
            except TypeError: pass
            outer(6)
        """)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        calls = [len(trace.calls) for session in store.sessions.values() for trace in session.stream().traces()]
        self.assertEqual(calls, [5, 6])


if __name__ == "__main__":
    harness.main()
