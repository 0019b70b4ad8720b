# SPDX-License-Identifier: Apache-2.0
"""What was recorded arrives, or is counted: collectors that are absent, late, slow, stuck or killed; the end of a program; fork."""

import os
import re
import signal
import socket
import sys
import threading
import time
import unittest

import harness

LOOP = """
    import sys, time
    def outer(n):
        for i in range(n): inner(i)
    def inner(i): pass
"""


def may_be_interrupted():
    """In the child: what a shell starts in the background ignores SIGINT, and so would all below."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Case(harness.Case):
    def lost(self, text):
        """The records that the agent says were lost, from its last line on stderr."""
        found = re.search(r"kieker: (\d+) records were lost", text)
        return int(found.group(1)) if found else 0

    def program(self, text, header=LOOP):
        import textwrap

        return self.write("program.py", textwrap.dedent(header) + textwrap.dedent(text))

    def wait_for(self, condition, what):
        end = time.time() + 30
        while not condition():
            self.assertLess(time.time(), end, "waited in vain for " + what)
            time.sleep(0.01)


class Stream(Case):
    def test_begins_with_hello_and_metadata(self):
        done = self.observed(self.program("outer(1)"), agent=["--run", "my run=1 %ü"])
        stream, = done.streams
        hello = stream.entries[0].split(" ")
        self.assertEqual(hello[:3], ["kieker:agent", "version=2", "language=python"])
        self.assertRegex(hello[3], r"^pid=\d+$")
        self.assertEqual(hello[4:6], ["run=my%20run%3D1%20%25%C3%BC", "program=" + self.directory + "/program.py"])
        self.assertRegex(hello[6], "^session=[0-9a-f]{32}$")
        self.assertEqual(hello[7:], ["position=0", "registry=0"])
        first = stream.records[0]
        self.assertEqual((first["type"], first["controller"], first["host"], first["unit"], first["offset"], first["debug"]),
                         ("KiekerMetadataRecord", "KIEKER", socket.gethostname(), "NANOSECONDS", 0, False))
        self.assertEqual(stream.records[1]["type"], "TraceMetadata")
        self.assertEqual(stream.records[1]["host"], socket.gethostname())
        self.assertEqual(stream.counters(), {})
        self.assertEqual(len(stream.entries), len(set(stream.entries)))

    def test_module_and_no_run(self):
        self.program("outer(1)")
        stream, = self.observed("-m", "program").streams
        self.assertRegex(stream.entries[0], r"^kieker:agent version=2 language=python pid=\d+ program=program session=")

    def test_trace_ids_differ_between_processes(self):
        path = self.program("outer(1)")
        ids = [self.observed(path).streams[0].records[1]["trace"] for _ in range(3)]
        self.assertEqual(len({number >> 32 for number in ids}), 3)

    def test_long_names(self):
        name = "n" * 5000
        trace, = self.calls("def %s(): pass\n%s()\n" % (name, name))
        self.assertEqual(trace.operation, name[:2048])

    def test_many_records(self):
        stream, = self.observed(self.program("for i in range(100): outer(5000)")).streams
        traces = stream.traces()
        self.assertEqual((len(traces), len(stream.events)), (100, 100 * 5001 * 2))

    def test_one_long_trace(self):
        trace, = self.calls("def main():\n    for i in range(300000): f()\ndef f(): pass\nmain()\n")
        self.assertEqual(len(trace.calls), 300000)

    def test_arrives_while_the_program_runs(self):
        sink = self.sink()
        process = self.start([self.program("""
            def waits():
                inner(0)
                sys.stdin.readline()
            waits()
        """)], ["--writer", sink.address], stdin=-1)
        # Three events, the last of which has nothing behind it that could push it out.
        def events():
            return sum(len(harness.Stream(bytes(data)).events) for data in sink._data)
        self.wait_for(lambda: events() == 3, "a record of a program that waits")
        self.finish(process, input="\n")
        self.assertEqual([t.shape() for t in sink.streams()[0].traces()], [("waits", "inner")])

    def test_idle_costs_nothing(self):
        sink = self.sink()
        # As often as any of its threads has gone to sleep: the sender looks around now and then, and the program is one that only waits.
        done = self.finish(self.start([self.program(
            "import resource\nouter(1); time.sleep(1); print(resource.getrusage(resource.RUSAGE_SELF).ru_nvcsw)")], ["--writer", sink.address]))
        self.assertLess(int(done.stdout), 500)

    def test_what_the_collector_writes_is_ignored(self):
        server = socket.create_server(("127.0.0.1", 0))
        process = self.start([self.program("outer(1000); time.sleep(0.5); outer(1000)")],
                             ["--writer", "tcp://127.0.0.1:%d" % server.getsockname()[1]])
        peer, _ = server.accept()
        peer.sendall(b"x" * 10000)
        data = bytearray()
        while True:
            got = peer.recv(1 << 16)
            if not got:
                break
            data += got
            peer.send(b"y")
        self.assertEqual(len(harness.Stream(bytes(data)).traces()), 2)
        self.assertEqual(self.finish(process).returncode, 0)
        peer.close()
        server.close()

    def test_host_names(self):
        done = self.sink()
        process = self.finish(self.start([self.program("outer(1)")], ["--writer", "tcp://localhost:%d" % done.port]))
        self.assertEqual(process.stderr, "")
        self.assertEqual(len(done.streams()[0].traces()), 1)
        process = self.finish(self.start([self.program("outer(1)")], ["--writer", "tcp://no-such-host.invalid:1"]))
        self.assertEqual(process.returncode, 0)
        self.assertIn("no-such-host.invalid", process.stderr)
        self.assertEqual(self.lost(process.stderr), 4)

    @unittest.skipUnless(socket.has_ipv6, "there is no IPv6")
    def test_ipv6(self):
        try:
            server = socket.create_server(("::1", 0), family=socket.AF_INET6)
        except OSError:
            self.skipTest("there is no IPv6")
        process = self.start([self.program("outer(1)")], ["--writer", "tcp://[::1]:%d" % server.getsockname()[1]])
        peer, _ = server.accept()
        data = b"".join(iter(lambda: peer.recv(65536), b""))
        self.assertEqual(len(harness.Stream(data).traces()), 1)
        self.assertEqual(self.finish(process).returncode, 0)
        peer.close()
        server.close()


class Collector(Case):
    def unused_port(self):
        with socket.create_server(("127.0.0.1", 0)) as server:
            return server.getsockname()[1]

    def test_absent(self):
        done = self.finish(self.start([self.program("outer(100000); print('ran')")], ["--writer", "tcp://127.0.0.1:%d" % self.unused_port()]))
        self.assertEqual((done.returncode, done.stdout), (0, "ran\n"))
        self.assertEqual(self.lost(done.stderr), 2 * 100001)
        self.assertEqual(done.stderr.count("\n"), 2)
        self.assertIn("no collector at tcp://127.0.0.1:", done.stderr)
        self.assertIn("Connection refused", done.stderr)

    def test_comes_later(self):
        port = self.unused_port()
        process = self.start([self.program("""
            def main():
                import kieker
                outer(1000)
                while not kieker.stats()["dropped_disconnected"]: time.sleep(0.01)
                print("ready", flush=True)
                sys.stdin.readline()
                outer(1000)
                while not kieker.stats()["connections"]: time.sleep(0.01)
                before()
                outer(10)
            def before(): pass
            main()
            outer(10)
        """)], ["--writer", "tcp://127.0.0.1:%d" % port], stdin=-1)
        self.assertEqual(process.stdout.readline(), "ready\n")
        sink = self.sink(port=port)
        process.stdin.write("\n")
        process.stdin.flush()
        done = self.finish(process)
        stream, = sink.streams()
        # The call that is open when the collector comes is sent with its real beginning; what had ended is lost, and counted.
        traces = stream.traces()
        self.assertEqual([t.operation for t in traces], ["main", "outer"])
        self.assertEqual(traces[0].calls[-1].operation, "outer")
        self.assertEqual(len(traces[0].calls[-1].calls), 10)
        self.assertEqual(stream.counters()["dropped_disconnected"], self.lost(done.stderr))
        self.assertEqual(len(stream.events) + self.lost(done.stderr), 2 * (1 + 1001 + 1001 + 1 + 11 + 11))
        self.assertIn("is there: records are sent from now on", done.stderr)

    def test_killed_and_back(self):
        sink = self.sink()
        process = self.start([self.program("""
            import kieker
            def main():
                outer(1000)
                print("ready", flush=True)
                sys.stdin.readline()
                while kieker.stats()["connections"] < 2:
                    outer(100)
                    time.sleep(0.002)
                outer(7)
            main()
        """)], ["--writer", sink.address], stdin=-1)
        self.assertEqual(process.stdout.readline(), "ready\n")
        self.wait_for(lambda: sink.received() > 1000 * 80, "the first records")
        first = bytes(sink._data[0])
        sink.kill()
        process.stdin.write("\n")
        process.stdin.flush()
        time.sleep(0.4)
        again = self.sink(port=sink.port)
        done = self.finish(process)
        self.assertEqual(done.returncode, 0)
        stream, = again.streams()
        trace, = stream.traces()
        self.assertEqual(trace.operation, "main")
        self.assertEqual(len(trace.calls[-1].calls), 7)
        self.assertGreater(self.lost(done.stderr), 0)
        self.assertEqual(stream.counters()["dropped_disconnected"], self.lost(done.stderr))
        # The first connection's records are valid as far as they go, and its trace has another id.
        cut = harness.Stream(first)
        cut.traces(complete=False)
        self.assertEqual(len(cut.open), 1)
        self.assertNotEqual(cut.records[1]["trace"], stream.records[1]["trace"])

    def test_gone_for_good(self):
        sink = self.sink()
        process = self.start([self.program("""
            outer(10)
            print("ready", flush=True)
            sys.stdin.readline()
            outer(200000)
            print("ran")
        """)], ["--writer", sink.address], stdin=-1)
        self.assertEqual(process.stdout.readline(), "ready\n")
        self.wait_for(lambda: sink.received() > 800, "the first records")
        sink.kill()
        done = self.finish(process, input="\n")
        self.assertEqual((done.returncode, done.stdout), (0, "ran\n"))
        self.assertGreater(self.lost(done.stderr), 100000)

    def test_slow_collector_loses_nothing(self):
        sink = self.sink(reading=False)
        process = self.start([self.program("""
            for i in range(60): outer(5000)
            print("ran", flush=True)
        """)], ["--writer", sink.address])
        time.sleep(0.5)
        self.assertIsNone(process.poll())
        sink.reading.set()
        done = self.finish(process)
        self.assertEqual((done.returncode, done.stderr, done.stdout), (0, "", "ran\n"))
        self.assertEqual(len(sink.streams()[0].events), 60 * 5001 * 2)

    def test_other_threads_run_while_a_probe_waits(self):
        sink = self.sink(reading=False)
        process = self.start([self.program("""
            import threading
            def ticks():
                for i in range(20): time.sleep(0.05)
                print("ticked", flush=True)
            thread = threading.Thread(target=ticks)
            thread.start()
            while thread.is_alive(): outer(5000)
        """)], ["--writer", sink.address])
        self.assertEqual(process.stdout.readline(), "ticked\n")
        sink.reading.set()
        self.assertEqual(self.finish(process).stderr, "")
        sink.streams()[0].traces()

    def test_stuck_collector_can_be_interrupted(self):
        sink = self.sink(reading=False)
        process = self.start([self.program("""
            def main():
                try:
                    while True: outer(5000)
                except KeyboardInterrupt: print("interrupted", flush=True)
            main()
        """)], ["--writer", sink.address], preexec_fn=may_be_interrupted)
        self.assertTrue(sink.connected.wait(30))
        time.sleep(2.0)
        end = time.time() + 20
        out = []
        reader = threading.Thread(target=lambda: out.append(process.stdout.readline()))
        reader.start()
        while reader.is_alive() and time.time() < end:
            process.send_signal(signal.SIGINT)
            reader.join(1)
        if reader.is_alive():
            process.kill()
        sink.reading.set()
        done = self.finish(process)
        self.assertEqual(out, ["interrupted\n"])
        traces = sink.streams()[0].traces()
        self.assertEqual(traces[-1].operation, "main")

    def test_drop(self):
        sink = self.sink(reading=False)
        process = self.start([self.program("""
            def deep(n): return n and deep(n - 1)
            def fails(n):
                if n: fails(n - 1)
                raise ValueError("x")
            def main():
                for i in range(150):
                    outer(5000)
                    deep(300)
                    try: fails(20)
                    except ValueError: pass
            main()
            print("ran", flush=True)
            sys.stdin.readline()
            outer(3)
        """)], ["--writer", sink.address, "--when-full", "drop"], stdin=-1)
        self.assertEqual(process.stdout.readline(), "ran\n")
        sink.reading.set()
        time.sleep(0.5)
        done = self.finish(process, input="\n")
        stream, = sink.streams()
        traces = stream.traces()
        self.assertEqual([t.operation for t in traces], ["main", "outer"])
        self.assertEqual(len(traces[1].calls), 3)
        lost = self.lost(done.stderr)
        self.assertGreater(lost, 0)
        self.assertEqual(stream.counters()["dropped_ring_full"], lost)
        self.assertEqual(len(stream.events) + lost, 2 * (1 + 150 * (5001 + 301 + 21) + 4))
        # What did arrive is whole: failures have their cause.
        for call in traces[0].walk():
            self.assertEqual(call.cause, "ValueError('x')" if call.operation == "fails" else None)

    def test_unreachable_collector_is_not_waited_for_long(self):
        # A listening socket whose queue is full does not answer.
        server = socket.socket()
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        self.addCleanup(server.close)
        for _ in range(4):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(server.getsockname())
            self.addCleanup(filler.close)
        done = self.finish(self.start([self.program("outer(100000); print('ran')")], ["--writer", "tcp://127.0.0.1:%d" % server.getsockname()[1]]))
        self.assertEqual((done.returncode, done.stdout), (0, "ran\n"))
        self.assertEqual(self.lost(done.stderr), 2 * 100001)


class End(Case):
    def test_stuck_collector_holds_up_the_end_for_a_while_only(self):
        sink = self.sink(reading=False)
        process = self.start([self.program("""
            outer(4000)
            import kieker
            from kieker import launch
            import atexit
            atexit.unregister(kieker._kieker.stop)
            atexit.register(kieker._kieker.stop, 1.0)
            outer(100000)
            print("ran", flush=True)
        """)], ["--writer", sink.address, "--when-full", "drop"])
        self.assertEqual(process.stdout.readline(), "ran\n")
        done = self.finish(process)
        self.assertEqual(done.returncode, 0)
        self.assertIn("in time", done.stderr)

    def test_calls_during_the_end(self):
        self.assertEqual(self.shapes("""
            import atexit
            def at_end(): helper()
            def helper(): pass
            atexit.register(at_end)
            class Kept:
                def __del__(self): helper()
            kept = Kept()
            helper()
        """)[:2], ["helper", ("at_end", "helper")])

    def test_daemon_threads(self):
        done = self.observed(self.program("""
            import threading
            def forever():
                while True: inner(1); time.sleep(0.0001)
            for i in range(3): threading.Thread(target=forever, daemon=True).start()
            time.sleep(0.1)
            outer(3)
        """))
        self.assertEqual(done.returncode, 0)
        stream, = done.streams
        self.assertEqual(stream.rest, b"")
        stream.traces(complete=False)
        self.assertLessEqual(len(stream.open), 3)

    def test_killed(self):
        sink = self.sink()
        process = self.start([self.program("outer(1000); print('x', flush=True); time.sleep(60)")], ["--writer", sink.address])
        process.stdout.readline()
        self.wait_for(lambda: sink.received() > 80000, "the records")
        process.kill()
        self.finish(process)
        sink.streams()[0].traces()


class Fork(Case):
    def test_child_has_a_stream_of_its_own(self):
        done = self.observed(self.program("""
            import os
            def main():
                outer(1000)
                pid = os.fork()
                if pid == 0:
                    child()
                    sys.exit(3)
                assert os.waitpid(pid, 0)[1] == 3 << 8
                outer(5)
            def child(): outer(10)
            main()
        """))
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        parent, child = sorted(done.streams, key=lambda stream: -stream.size)
        self.assertEqual([(t.operation, len(t.calls)) for t in parent.traces()], [("main", 2)])
        # The calls that were open at the fork are the parent's.
        self.assertEqual([t.shape() for t in child.traces()], [("child", ("outer",) + ("inner",) * 10)])
        self.assertNotEqual(parent.entries[0], child.entries[0])
        self.assertNotEqual(parent.records[1]["trace"] >> 32, child.records[1]["trace"] >> 32)
        self.assertNotEqual(parent.records[1]["thread"], child.records[1]["thread"])

    def test_under_load_with_threads(self):
        done = self.observed(self.program("""
            import os, threading
            stop = False
            def busy():
                while not stop: outer(50); time.sleep(0.001)
            threads = [threading.Thread(target=busy) for _ in range(3)]
            for t in threads: t.start()
            for i in range(40):
                pid = os.fork()
                if pid == 0:
                    stop = True
                    def nested():
                        grandchild = os.fork()
                        outer(2)
                        if grandchild: os.waitpid(grandchild, 0)
                    nested()
                    import kieker
                    kieker._kieker.stop(5.0)
                    os._exit(0)
                assert os.waitpid(pid, 0)[1] == 0
            stop = True
            for t in threads: t.join()
        """), interpreter=["-W", "ignore::DeprecationWarning"])
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(len(done.streams), 81)
        kinds = sorted(([t.shape() for t in stream.traces()] for stream in done.streams), key=len)
        child, grandchild = [("nested", ("outer", "inner", "inner"))], [("outer", "inner", "inner")]
        for shapes in kinds[:80]:
            self.assertIn(shapes, (child, grandchild))

    def test_child_that_runs_another_program(self):
        done = self.observed(self.program("""
            import os, subprocess
            def main():
                outer(10)
                print(subprocess.run(["echo", "x"], stdout=subprocess.PIPE, preexec_fn=os.getpid).stdout, flush=True)
                if os.fork() == 0: os.execvp("sleep", ["sleep", "0.3"])
            main()
        """))
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "b'x\\n'\n", ""))
        stream, = done.streams
        self.assertEqual(len(stream.traces()), 1)

    def test_without_a_collector_it_is_said_once(self):
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
        done = self.finish(self.start([self.program("""
            import os
            outer(1)
            time.sleep(0.3)
            for i in range(3):
                if os.fork() == 0:
                    outer(1)
                    sys.exit()
            for i in range(3): os.wait()
        """)], ["--writer", "tcp://127.0.0.1:%d" % port]))
        self.assertEqual(done.stderr.count("no collector at"), 1)
        self.assertEqual(done.stderr.count("4 records were lost"), 4)


if __name__ == "__main__":
    harness.main()
