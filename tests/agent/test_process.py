# SPDX-License-Identifier: Apache-2.0
"""The life of the observed process: its ends, also those that pass by atexit, its forks, its threads, the signals it gets, its collector's end.

What is made is counted by the program itself or known beforehand; what arrives is decoded here, or stored by the real collector and asked for.
"""

import collections
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import unittest

import harness

UNFINISHED = "(its end was not seen)"


def counted(streams):
    """How many calls of which operation arrived, in all streams; that all their traces are complete is checked."""
    return collections.Counter(call.operation for stream in streams for trace in stream.traces() for call in trace.walk())


def settled(text):
    """Without what differs from run to run: addresses; and without what faulthandler says of the agent's extension, which is loaded."""
    return re.sub(r"\n\nExtension modules: kieker._kieker \(total: 1\)", "", re.sub("0x[0-9a-f]+", "0x", text))


def unfinished(streams):
    """The operations of the calls that were still open at the end."""
    return sorted(call.operation for stream in streams for trace in stream.traces() for call in trace.walk() if call.cause == UNFINISHED)


class Unseen(harness.Case):
    """What the agent puts in the place of the interpreter's functions and of signals' effects is nothing that a program can see."""

    def test_builtins_and_signals_look_as_ever(self):
        path = self.write("look.py", """\
            import copy, inspect, os, pickle, posix, signal, _signal, sys

            def show():
                for function in (os._exit, os.execv, os.execve, _signal.signal):
                    print(repr(function), function.__name__, function.__doc__, function.__module__, function.__text_signature__,
                          inspect.signature(function), pickle.dumps(function), copy.copy(function) is function, type(function), len(dir(function)))
                print(os._exit is posix._exit, os._exit == posix._exit)
                for number in sorted(signal.valid_signals()):
                    print(number, signal.getsignal(number))
                for arguments in ((), ("1",), (1.5,), (1, 2), (1 << 40,), (None,)):
                    try:
                        os._exit(*arguments)
                    except Exception as error:
                        print(type(error), error)
                try:
                    os._exit(other=1)
                except Exception as error:
                    print(type(error), error)
                for arguments in ((), ("x",), ("/nowhere", ["x"]), ("/nowhere", []), ("/bin/true", [1]), ("/bin/tr\\0ue", ["true"]), (3, ["x"]),
                                  (None, ["x"]), (b"/nowhere", ("x",)), ("/", ["x"])):
                    for function, more in (os.execv, ()), (os.execve, ({},)), (os.execve, (3,)):
                        try:
                            function(*arguments, *more)
                        except Exception as error:
                            print(type(error), error, getattr(error, "filename", None))
                try:
                    os.execvp("nowhere", ["nowhere"])
                except OSError as error:
                    print(error)
                for arguments in ((), (1,), (signal.SIGKILL, signal.SIG_DFL), (0, signal.SIG_DFL), ("x", 1), (signal.SIGTERM, 7)):
                    try:
                        signal.signal(*arguments)
                    except Exception as error:
                        print(type(error), error)
                print(signal.signal(signal.SIGTERM, show), signal.signal(signal.SIGTERM, signal.SIG_IGN) is show,
                      signal.signal(signal.SIGTERM, signal.SIG_DFL), signal.getsignal(signal.SIGTERM))

            show()
            """)
        plain = self.plain(path)
        self.assertEqual((plain.returncode, plain.stderr), (0, ""))
        observed = self.observed(path)
        self.assertEqual((observed.returncode, observed.stdout, observed.stderr), (plain.returncode, plain.stdout, plain.stderr))

    def test_programs_that_are_started_have_the_usual_signals(self):
        path = self.write("start.py", """\
            import os, signal, subprocess

            def start():
                show = ["grep", "-E", "Sig(Cgt|Ign|Blk)", "/proc/self/status"]
                print(subprocess.run(show, stdout=subprocess.PIPE, text=True).stdout)
                print(subprocess.run(show, stdout=subprocess.PIPE, text=True, preexec_fn=lambda: None).stdout)
                print(subprocess.run(show, stdout=subprocess.PIPE, text=True, restore_signals=False).stdout, flush=True)
                pid = os.posix_spawnp("grep", show, os.environ)
                os.waitpid(pid, 0)
                signal.signal(signal.SIGUSR1, signal.SIG_IGN)
                if os.fork() == 0:
                    os.execvp("grep", show)
                os.wait()

            start()
            """)
        plain = self.plain(path)
        self.assertEqual((plain.returncode, plain.stderr, plain.stdout.count("SigCgt")), (0, "", 5))
        observed = self.observed(path)
        self.assertEqual((observed.returncode, observed.stdout, observed.stderr), (0, plain.stdout, ""))


    def test_references_from_before(self):
        # The agent begins when the program has taken the functions, and has called them until the interpreter knows these calls by heart.
        sink = self.sink()
        done = self.plain(self.write("program.py", """\
            import kieker, os, signal
            from os import _exit as leave

            def set(number, effect):
                return signal.signal(number, effect)

            def try_to_leave(status):
                try:
                    leave(status)
                except OverflowError:
                    pass

            for _ in range(1000):
                set(signal.SIGUSR1, signal.SIG_IGN)
                try_to_leave(1 << 40)

            @kieker.instrument
            def work():
                set(signal.SIGUSR1, signal.SIG_DFL)
                if os.fork() == 0:
                    with kieker.operation("child"):
                        os.kill(os.getpid(), signal.SIGUSR1)
                assert os.wait()[1] == signal.SIGUSR1
                try_to_leave(6)

            work()
            """), env=self.environment(KIEKER_WRITER=sink.address))
        streams = sink.streams()
        self.assertEqual((done.returncode, done.stderr), (6, ""))
        self.assertEqual(counted(streams), {"work": 1, "child": 1})
        self.assertEqual(unfinished(streams), ["child", "work"])

    def test_thread_of_the_agent_takes_no_signals(self):
        done = self.observed(self.write("program.py", """\
            import glob

            for path in glob.glob("/proc/self/task/*/status"):
                with open(path) as file:
                    status = dict(line.rstrip("\\n").split(":\\t", 1) for line in file)
                print(status["Name"], status["SigBlk"])
            """))
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        blocked = dict(line.split() for line in done.stdout.splitlines())
        mask = int(blocked["kieker-sender"], 16)
        # All but those that nobody can block, and the two that the C library keeps for itself.
        free = [number for number in range(1, 65) if not mask & 1 << number - 1]
        self.assertEqual(set(free) - {32, 33}, {signal.SIGKILL, signal.SIGSTOP})


class Ends(harness.Case):
    """Ends that pass by atexit."""

    MANY = """\
        import os, signal, sys, threading, time

        def leaf():
            pass

        def work(count):
            for _ in range(count):
                leaf()
        """

    def ended(self, text, status, **options):
        """Runs MANY and that; it must end so, and say nothing."""
        path = self.write("program.py", "")
        with open(path, "w", encoding="utf-8") as file:
            file.write(harness.textwrap.dedent(self.MANY) + harness.textwrap.dedent(text))
        done = self.observed(path, **options)
        self.assertEqual((done.returncode, done.stderr), (status, ""))
        return done

    def test_exit_at_once(self):
        done = self.ended("""
            def end():
                work(5000)
                os._exit(7)

            end()
            """, 7)
        self.assertEqual(counted(done.streams), {"end": 1, "work": 1, "leaf": 5000})
        self.assertEqual(unfinished(done.streams), ["end"])

    def test_exit_at_once_with_other_threads(self):
        done = self.ended("""
            begun = threading.Barrier(5)

            def stay():
                leaf()
                begun.wait()
                time.sleep(60)

            def end():
                begun.wait()
                os._exit(status=3)

            for _ in range(3):
                threading.Thread(target=stay).start()
            threading.Thread(target=end).start()
            begun.wait()
            time.sleep(60)
            """, 3)
        self.assertEqual(counted(done.streams), {"stay": 3, "leaf": 3, "end": 1})
        self.assertEqual(unfinished(done.streams), ["end", "stay", "stay", "stay"])

    def test_exit_at_once_while_another_thread_records(self):
        done = self.ended("""
            going = threading.Event()

            def go_on():
                while True:
                    work(100)
                    going.set()

            threading.Thread(target=go_on, daemon=True).start()
            going.wait()
            os._exit(0)
            """, 0)
        self.assertGreaterEqual(counted(done.streams)["leaf"], 100)

    def test_exit_that_fails(self):
        done = self.ended("""
            class Odd:
                def __index__(self):
                    raise ValueError

            def main():
                for arguments in (), ("1",), (1 << 40,), (Odd(),):
                    leaf()
                    try:
                        os._exit(*arguments)
                    except (TypeError, ValueError, OverflowError):
                        pass
                work(10)

            main()
            """, 0)
        found = counted(done.streams)
        self.assertEqual(found["leaf"], 14)
        self.assertEqual(found["work"], 1)

    def test_exec(self):
        self.write("next.py", "import sys; print('next', sys.argv)")
        for call in ('os.execv(sys.executable, [sys.executable, "next.py", "a"])',
                     'os.execvp("python3", ["python3", "next.py", "a"])',
                     'os.execl(sys.executable, sys.executable, "next.py", "a")',
                     'os.execve(sys.executable, [sys.executable, "next.py", "a"], os.environ)',
                     'os.execve(path=sys.executable, argv=[sys.executable, "next.py", "a"], env=os.environ)'):
            with self.subTest(call):
                done = self.ended("""
                    def change():
                        work(3000)
                        %s

                    change()
                    """ % call, 0, env=self.environment(PATH=os.pathsep.join(["/nowhere", os.path.dirname(sys.executable), os.environ["PATH"]])))
                self.assertEqual(done.stdout, "next ['next.py', 'a']\n")
                self.assertEqual(counted(done.streams), {"change": 1, "work": 1, "leaf": 3000})
                self.assertEqual(unfinished(done.streams), ["change"])

    def test_exec_that_fails(self):
        # That a file can be executed does not mean that it is a program: then the recording has ended, and begins anew.
        os.chmod(self.write("no_program", "?"), 0o755)
        done = self.ended("""
            def change(path):
                work(10)
                try:
                    os.execv(path, [path])
                except OSError as error:
                    print(error.errno)
                work(1)

            def main():
                change("nowhere")
                change("./no_program")
                work(100)

            main()
            work(1000)
            """, 0)
        self.assertEqual(done.stdout, "2\n8\n")
        self.assertEqual(len(done.streams), 2)
        self.assertEqual(counted(done.streams), {"main": 1, "change": 2, "work": 6, "leaf": 1122})
        self.assertEqual(unfinished(done.streams), ["change", "main"])

    def test_exit_of_c(self):
        done = self.ended("""
            import ctypes

            def end():
                work(100)
                ctypes.CDLL(None).exit(5)

            end()
            """, 5)
        self.assertEqual(counted(done.streams), {"end": 1, "work": 1, "leaf": 100})


class Shutdown(harness.Case):
    """The interpreter's own end."""

    def test_daemon_threads_that_go_on(self):
        done = self.observed(self.write("program.py", """\
            import atexit, threading, time

            def leaf():
                pass

            def go_on():
                while True:
                    for _ in range(100):
                        leaf()
                    time.sleep(0.001)

            def wait():
                leaf()
                time.sleep(3600)

            class Late:
                def __del__(self):
                    leaf()

            def last():
                leaf()

            atexit.register(last)
            late = Late()
            late.late = late
            for _ in range(3):
                threading.Thread(target=go_on, daemon=True).start()
                threading.Thread(target=wait, daemon=True).start()
            time.sleep(0.1)
            """))
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        found = counted(done.streams)
        self.assertEqual((found["go_on"], found["wait"], found["last"]), (3, 3, 1))
        self.assertEqual(unfinished(done.streams).count("wait"), 3)

    def test_exceptions_in_atexit_functions(self):
        path = self.write("program.py", """\
            import atexit, sys, threading

            def leaf():
                pass

            def fails():
                leaf()
                raise ValueError("at exit")

            def ends():
                leaf()
                sys.exit(9)

            def thread():
                leaf()
                sys.exit(3)

            def late():
                leaf()
                atexit.register(fails)

            atexit.register(fails)
            atexit.register(ends)
            atexit.register(late)
            threading.Thread(target=thread).start()
            """)
        plain, done = self.plain(path), self.observed(path)
        self.assertEqual((done.returncode, done.stdout, settled(done.stderr)), (plain.returncode, plain.stdout, settled(plain.stderr)))
        self.assertIn("at exit", done.stderr)
        found = counted(done.streams)
        self.assertEqual((found["thread"], found["ends"], found["late"]), (1, 1, 1))
        self.assertEqual(found["leaf"], 3 + found["fails"])
        self.assertEqual(found["fails"], plain.stderr.count("raise ValueError"))

    def test_many_threads(self):
        done = self.observed(self.write("program.py", """\
            import threading

            def leaf():
                pass

            def thread(begun):
                begun.wait()
                for _ in range(200):
                    leaf()

            begun = threading.Barrier(100)
            for _ in range(100):
                threading.Thread(target=thread, args=(begun,)).start()
            """))
        self.assertEqual((done.returncode, done.stderr, len(done.streams)), (0, "", 1))
        self.assertEqual(counted(done.streams), {"thread": 100, "leaf": 20000})
        self.assertEqual(len(done.streams[0].threads), 100)


class Signals(harness.Case):
    """Signals that kill."""

    PROGRAM = """\
        import os, signal, sys, threading, time

        def leaf():
            pass

        def work():
            for _ in range(3000):
                leaf()
            if sys.argv[1:]:
                os.kill(os.getpid(), int(sys.argv[1]))
            else:
                print("ready", flush=True)
            time.sleep(60)

        work()
        """

    def killed(self, number, *arguments, **options):
        done = self.observed(*arguments, **options)
        self.assertEqual((done.returncode, done.stderr), (-number, ""))
        return done

    def check(self, done):
        self.assertEqual(counted(done.streams), {"work": 1, "leaf": 3000})
        self.assertEqual(unfinished(done.streams), ["work"])

    def test_each_kills_as_ever(self):
        path = self.write("program.py", self.PROGRAM)
        for name in ("HUP QUIT ILL TRAP ABRT BUS FPE USR1 SEGV USR2 ALRM TERM XCPU VTALRM IO PWR SYS PROF KILL").split():
            with self.subTest(name):
                number = getattr(signal, "SIG" + name)
                done = self.killed(number, path, str(int(number)))
                if name not in ("KILL", "TRAP", "PROF"):
                    self.check(done)

    def test_from_outside(self):
        sink = self.sink()
        process = self.start([self.write("program.py", self.PROGRAM)], ["--writer", sink.address])
        self.assertEqual(process.stdout.readline(), "ready\n")
        process.terminate()
        done = self.finish(process)
        self.assertEqual((done.returncode, done.stderr), (-signal.SIGTERM, ""))
        done.streams = sink.streams()
        self.check(done)

    def test_with_other_threads(self):
        done = self.killed(signal.SIGTERM, self.write("program.py", """\
            import os, signal, threading, time

            def leaf():
                pass

            def go_on():
                while True:
                    for _ in range(100):
                        leaf()
                    going.set()
                    time.sleep(0.001)

            def stay():
                leaf()
                time.sleep(60)

            going = threading.Event()
            for _ in range(3):
                threading.Thread(target=go_on).start()
                threading.Thread(target=stay).start()
            going.wait()
            time.sleep(0.1)
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(60)
            """))
        found = counted(done.streams)
        self.assertEqual((found["go_on"], found["stay"]), (3, 3))
        self.assertEqual(unfinished(done.streams).count("stay"), 3)

    def test_timer_in_a_busy_program(self):
        done = self.killed(signal.SIGALRM, self.write("program.py", """\
            import signal

            def leaf():
                pass

            def work():
                while True:
                    leaf()

            signal.setitimer(signal.ITIMER_REAL, 0.02)
            work()
            """))
        self.assertGreater(counted(done.streams)["leaf"], 0)

    def test_default_that_the_program_has_set(self):
        done = self.killed(signal.SIGINT, self.write("program.py", """\
            import os, signal

            def leaf():
                pass

            def handle(number, frame):
                leaf()

            def work():
                for number in signal.SIGTERM, signal.SIGINT, signal.SIGPIPE:
                    before = signal.signal(number, handle)
                    os.kill(os.getpid(), number)
                    signal.signal(number, signal.SIG_IGN)
                    os.kill(os.getpid(), number)
                    assert signal.signal(number, signal.SIG_DFL) is signal.SIG_IGN
                leaf()
                os.kill(os.getpid(), signal.SIGINT)

            work()
            """))
        self.assertEqual(counted(done.streams), {"work": 1, "handle": 3, "leaf": 4})
        self.assertEqual(unfinished(done.streams), ["work"])

    def test_handlers_of_the_program(self):
        path = self.write("program.py", """\
            import faulthandler, os, signal, sys

            def handle(number, frame):
                print("handled", number)

            def main():
                signal.signal(signal.SIGTERM, handle)
                os.kill(os.getpid(), signal.SIGTERM)
                signal.signal(signal.SIGUSR1, signal.SIG_IGN)
                os.kill(os.getpid(), signal.SIGUSR1)
                os.kill(os.getpid(), signal.SIGHUP)         # ignored from the start
                faulthandler.register(signal.SIGUSR2, file=sys.stdout)
                os.kill(os.getpid(), signal.SIGUSR2)
                faulthandler.unregister(signal.SIGUSR2)
                signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGALRM])
                os.kill(os.getpid(), signal.SIGALRM)
                print(signal.sigpending(), signal.sigwait([signal.SIGALRM]))
                try:
                    os.kill(os.getpid(), signal.SIGINT)
                    signal.sigtimedwait([], 5)
                except KeyboardInterrupt:
                    print("interrupted")
                signal.signal(signal.SIGTERM, lambda *_: sys.exit(4))
                os.kill(os.getpid(), signal.SIGTERM)

            main()
            """)

        def ignore():
            signal.signal(signal.SIGHUP, signal.SIG_IGN)

        plain, done = self.plain(path, preexec_fn=ignore), self.observed(path, preexec_fn=ignore)
        self.assertEqual((done.returncode, settled(done.stdout), done.stderr), (plain.returncode, settled(plain.stdout), plain.stderr))
        self.assertEqual(plain.returncode, 4)
        self.assertEqual(unfinished(done.streams), [])

    def test_crashes(self):
        path = self.write("program.py", """\
            import ctypes, faulthandler, os, sys

            def leaf():
                pass

            def crash():
                for _ in range(3000):
                    leaf()
                if sys.argv[1] == "abort":
                    os.abort()
                elif sys.argv[1] == "stack":
                    faulthandler._stack_overflow()
                else:
                    ctypes.string_at(8)

            if sys.argv[2:]:
                faulthandler.enable()
            crash()
            """)
        for kind in "abort", "stack", "null":
            for more in (), ("faulthandler",):
                with self.subTest(kind=kind, more=more):
                    plain, done = self.plain(path, kind, *more), self.observed(path, kind, *more)
                    self.assertEqual((done.returncode, done.stdout), (plain.returncode, plain.stdout))
                    self.assertLess(plain.returncode, 0)
                    self.assertEqual(settled(done.stderr), settled(plain.stderr))
                    self.assertEqual("Fatal Python error" in plain.stderr, bool(more))
                    self.assertEqual(counted(done.streams), {"crash": 1, "leaf": 3000})
                    self.assertEqual(unfinished(done.streams), ["crash"])

    def test_collector_that_hangs(self):
        sink = self.sink(reading=False)
        process = self.start([self.write("program.py", """\
            import os, signal, threading, time

            def leaf():
                pass

            def work():
                while True:
                    leaf()

            threading.Thread(target=work, daemon=True).start()
            time.sleep(1)
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(60)
            """)], ["--writer", sink.address])
        self.assertEqual(self.finish(process).returncode, -signal.SIGTERM)
        for stream in sink.streams():
            stream.traces(complete=False)

    def test_no_collector(self):
        with socket.socket() as nobody:
            nobody.bind(("127.0.0.1", 0))
            process = self.start([self.write("program.py", self.PROGRAM), "15"], ["--writer", "tcp://127.0.0.1:%d" % nobody.getsockname()[1]])
            done = self.finish(process)
        self.assertEqual(done.returncode, -signal.SIGTERM)
        self.assertEqual(len(done.stderr.splitlines()), 1)


class Collector:
    """The real collector, with a database of its own."""

    def __init__(self, directory, port=0):
        self._directory = directory
        ready = os.path.join(directory, "ready")
        self._log = open(os.path.join(directory, "collector.log"), "ab")
        self._process = subprocess.Popen(
            [os.environ["KIEKER_COLLECTOR"], "--port", str(port), "--http-port", "0", "--database", self._database(), "--ready-file", ready],
            stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log)
        took = {}
        while "port" not in took:
            if self._process.poll() is not None:
                raise AssertionError("the collector has ended")
            time.sleep(0.01)
            if os.path.exists(ready):
                with open(ready, encoding="ascii") as file:
                    took = dict(line.rstrip("\n").split("=", 1) for line in file if line.endswith("\n"))
        os.unlink(ready)
        self.port = int(took["port"])
        self.address = "tcp://127.0.0.1:%d" % self.port

    def _database(self):
        return os.path.join(self._directory, "kieker.db")

    def ask(self, *verb):
        command = [os.environ["KIEKER_QUERY"], "--database", self._database()] + list(verb) + ["--json"]
        return json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)["rows"]

    def settle(self, calls=0):
        """Waits until no client is connected, and what they sent is stored, so many calls at least; the status then, or after a minute."""
        for _ in range(600):
            status = self.ask("status")[0]
            if status["open_streams"] == 0 and status["running"] == 0 and status["calls"] >= calls:
                break
            time.sleep(0.1)
        return status

    def calls(self):
        """Calls of each operation."""
        return collections.Counter({row["operation"]: row["calls"] for row in self.ask("operations", "--limit", "100")})

    def crash(self):
        self._process.kill()
        self._process.wait()
        self._log.close()

    def stop(self):
        if self._process.poll() is None:
            self._process.terminate()
        self._process.wait()
        self._log.close()


class Stored(harness.Case):
    """Tests that ask the real collector."""

    def collector(self, port=0):
        if not os.path.exists(os.environ.get("KIEKER_COLLECTOR", "")):
            self.skipTest("KIEKER_COLLECTOR does not say where the collector is")
        collector = Collector(self.directory, port)
        self.addCleanup(collector.stop)
        return collector


class Forks(Stored):
    """Each process has a stream of its own; with block nothing is lost, and nothing is doubled."""

    LEAF = """\
        import os, signal, sys, threading, time, warnings

        if sys.version_info >= (3, 12):
            warnings.filterwarnings("ignore", ".*multi-threaded.*")         # of forks in programs with threads of their own

        def leaf():
            pass

        def work(count):
            for _ in range(count):
                leaf()
        """

    def stored(self, text, **expected):
        """Runs LEAF and that, and asks the collector: exactly these calls, all traces whole."""
        collector = self.collector()
        path = self.write("program.py", harness.textwrap.dedent(self.LEAF) + harness.textwrap.dedent(text))
        done = self.finish(self.start([path], ["--when-full", "block", "--writer", collector.address]))
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        status = collector.settle(sum(expected.values()))
        self.assertEqual(collector.calls(), expected)
        self.assertEqual({key: status[key] for key in ("incomplete", "damaged", "running")}, {"incomplete": 0, "damaged": 0, "running": 0})

    def test_many(self):
        self.stored("""
            def child(count):
                work(count)

            def fork():
                pid = os.fork()
                if pid == 0:
                    child(300)
                    os._exit(0)
                work(10)
                return pid

            for _ in range(20):
                for pid in [fork() for _ in range(5)]:
                    assert os.waitpid(pid, 0)[1] == 0
            """, fork=100, child=100, work=200, leaf=100 * 310)

    def test_children_that_end_as_usual(self):
        self.stored("""
            def fork():
                work(5)
                if os.fork() == 0:
                    work(1000)
                    sys.exit(3)
                assert os.WEXITSTATUS(os.wait()[1]) == 3

            fork()
            work(7)
            """, fork=1, work=3, leaf=1012)

    def test_nested(self):
        # A call that was under way when the process forked is the parent's; so is its end.
        self.stored("""
            def fork(depth):
                work(10)
                if depth > 0:
                    for _ in range(2):
                        if os.fork() == 0:
                            fork(depth - 1)
                            os._exit(0)
                    for _ in range(2):
                        assert os.wait()[1] == 0

            fork(4)
            """, fork=31, work=31, leaf=310)

    def test_in_threads_while_others_record(self):
        self.stored("""
            def fork():
                for _ in range(10):
                    pid = os.fork()
                    if pid == 0:
                        work(200)
                        os._exit(0)
                    assert os.waitpid(pid, 0)[1] == 0

            def thread():
                for _ in range(200):
                    work(100)

            threads = [threading.Thread(target=target) for target in (thread, thread, fork, fork)]
            for one in threads:
                one.start()
            for one in threads:
                one.join()
            """, fork=2, thread=2, work=420, leaf=44000)

    def test_forkpty(self):
        self.stored("""
            pid, terminal = os.forkpty()
            if pid == 0:
                work(100)
                os._exit(0)
            try:
                while os.read(terminal, 100):
                    pass
            except OSError:
                pass
            assert os.waitpid(pid, 0)[1] == 0
            work(50)
            """, work=2, leaf=150)

    def test_children_that_call_nothing(self):
        done = self.observed(self.write("program.py", """\
            import os, signal

            def fork():
                for end in (lambda: os._exit(0)), (lambda: os.execv("/bin/true", ["true"])), (lambda: os.kill(os.getpid(), signal.SIGTERM)):
                    if os.fork() == 0:
                        end()
                    os.wait()

            fork()
            """))
        self.assertEqual((done.returncode, done.stderr, len(done.streams)), (0, "", 1))
        self.assertEqual(counted(done.streams), {"fork": 1})
        self.assertEqual(unfinished(done.streams), [])

    def test_multiprocessing(self):
        self.stored("""
            import multiprocessing
            from concurrent.futures import ProcessPoolExecutor

            def task(count):
                work(count)
                return count

            if __name__ == "__main__":
                multiprocessing.set_start_method("fork")
                with multiprocessing.Pool(3) as pool:       # ends its workers by SIGTERM
                    assert sum(pool.map(task, [100] * 60, 1)) == 6000
                children = [multiprocessing.Process(target=task, args=(200,)) for _ in range(5)]
                for child in children:
                    child.start()
                for child in children:
                    child.join()
                    assert child.exitcode == 0
                with ProcessPoolExecutor(2) as executor:
                    assert sum(executor.map(task, [50] * 20)) == 1000
            """, task=85, work=85, leaf=8000)

    def test_forking_server(self):
        self.stored("""
            import socket, socketserver

            class Handler(socketserver.StreamRequestHandler):
                def handle(self):
                    work(int(self.rfile.readline()))
                    self.wfile.write(b"done")

            class Server(socketserver.ForkingMixIn, socketserver.TCPServer):
                pass

            def ask(port):
                with socket.create_connection(("127.0.0.1", port)) as connection:
                    connection.sendall(b"100\\n")
                    assert connection.makefile("rb").read() == b"done"

            with Server(("127.0.0.1", 0), Handler) as server:
                thread = threading.Thread(target=server.serve_forever, args=(0.02,))
                thread.start()
                for _ in range(10):
                    ask(server.server_address[1])
                server.shutdown()
                thread.join()
            """, handle=10, work=10, ask=10, leaf=1000)

    def test_master_and_workers(self):
        # As servers that fork before they serve: the workers are told to end by a signal, some with a handler, and so is the master in the end.
        self.stored("""
            def serve(pipe):
                work(500)
                os.write(pipe, b".")
                while True:
                    signal.pause()

            def worker(number, pipe):
                if number % 2:
                    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
                serve(pipe)

            def master():
                reader, writer = os.pipe()
                pids = []
                for number in range(4):
                    pid = os.fork()
                    if pid == 0:
                        worker(number, writer)
                    pids.append(pid)
                for _ in pids:
                    os.read(reader, 1)
                for number, pid in enumerate(pids):
                    os.kill(pid, signal.SIGTERM)
                    assert os.waitpid(pid, 0)[1] == (0 if number % 2 else signal.SIGTERM)
                os.kill(os.getppid(), signal.SIGUSR1)
                time.sleep(60)

            told = []
            signal.signal(signal.SIGUSR1, lambda *_: told.append(1))
            pid = os.fork()
            if pid == 0:
                master()
            while not told:
                time.sleep(0.01)
            os.kill(pid, signal.SIGTERM)
            assert os.waitpid(pid, 0)[1] == signal.SIGTERM
            """, master=1, worker=4, serve=4, work=4, leaf=2000)

    def test_master_that_only_waits(self):
        # In the process that is killed nothing is called any more after its fork.
        self.stored("""
            def master():
                leaf()
                if os.fork() == 0:
                    time.sleep(0.2)
                    leaf()
                    os.kill(os.getppid(), signal.SIGTERM)
                    os._exit(0)
                time.sleep(60)

            pid = os.fork()
            if pid == 0:
                master()
            assert os.waitpid(pid, 0)[1] == signal.SIGTERM
            time.sleep(0.5)
            """, master=1, leaf=2)


class ForkWarnings(harness.Case):
    def test_only_of_the_programs_threads(self):
        """logging has functions that run between the fork and the counting of threads; with '*' they are observed, too."""
        path = self.write("program.py", """
            import logging, os, subprocess, sys, threading
            def fork():
                if not os.fork(): os._exit(0)
                os.wait()
            fork()
            fork()
            subprocess.run([sys.executable, "-c", ""], preexec_fn=lambda: None)
            threading.Thread(target=threading.Event().wait, daemon=True).start()
            fork()
        """)
        for agent in [], ["--include", "*"]:
            plain = self.plain(path, interpreter=["-W", "always"])
            observed = self.observed(path, agent=agent, interpreter=["-W", "always"])
            self.assertEqual(*[re.sub("pid=[0-9]+", "pid", done.stderr) for done in (plain, observed)])
            self.assertEqual(plain.stderr.count("multi-threaded"), sys.version_info >= (3, 12))
            self.assertEqual([t.operation for t in observed.streams[0].traces() if t.operation == "fork"], ["fork"] * 3)


class CollectorsEnd(Stored):
    """The collector is killed, and another one begins, while the program runs."""

    # When `last` is called there is room for it, and the other collector is there.
    PROGRAM = """\
        import sys, time
        from kieker import _kieker

        def leaf():
            pass

        def work(count):
            for _ in range(count):
                leaf()

        def last():
            pass

        for number in range(300):
            work(999)
            if number % 100 == 0:
                print(number, flush=True)
                sys.stdin.readline()
        while _kieker.stats()["connections"] < 2:
            time.sleep(0.01)
        time.sleep(0.2)
        last()
        _kieker.stop(60)
        stats = _kieker.stats()
        print(stats["sent"], stats["dropped_disconnected"], stats["dropped_ring_full"], stats["unmatched"])
        """

    def check(self, when_full):
        collector = self.collector()
        process = self.start([self.write("program.py", self.PROGRAM)], ["--when-full", when_full, "--writer", collector.address],
                             stdin=subprocess.PIPE)
        self.addCleanup(process.kill)
        for number in 0, 100, 200:
            self.assertEqual(process.stdout.readline(), "%d\n" % number)
            if number == 100:
                collector.crash()
            elif number == 200:
                collector = self.collector(collector.port)
            process.stdin.write("\n")
            process.stdin.flush()
        done = self.finish(process)
        self.assertEqual(done.returncode, 0)
        sent, disconnected, full, unmatched = map(int, done.stdout.split())
        # Each record was handed over, or is counted as lost; and none arrived twice.
        self.assertEqual((sent + disconnected + full, unmatched), (2 * 300 * 1000 + 2, 0))
        for _ in range(600):
            if collector.calls()["last"]:
                break
            time.sleep(0.1)
        self.assertEqual(collector.calls()["last"], 1)
        self.assertLessEqual(2 * sum(collector.calls().values()), sent)
        return full

    def test_block(self):
        self.assertEqual(self.check("block"), 0)

    def test_drop(self):
        self.check("drop")


class Interpreters(harness.Case):
    """Only the main interpreter is observed."""

    PROGRAM = """\
        import sys

        def leaf():
            pass

        TEXT = '''if True:
            try:
                import kieker._kieker
            except ImportError as error:
                print(error, flush=True)
            '''

        def main():
            leaf()
            if sys.version_info >= (3, 13):
                import _interpreters
                made = [_interpreters.create("legacy"), _interpreters.create("isolated")]
                run = _interpreters.exec
            elif sys.version_info >= (3, 12):
                import _xxsubinterpreters as _interpreters
                made = [_interpreters.create(isolated=False), _interpreters.create(isolated=True)]
                run = _interpreters.run_string
            else:
                import _xxsubinterpreters as _interpreters
                made = [_interpreters.create(), _interpreters.create()]
                run = _interpreters.run_string
            for one in made:
                run(one, TEXT)
                leaf()
                _interpreters.destroy(one)
            leaf()

        main()
        """

    def check(self, done):
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        alone = "kieker observes the main interpreter alone"
        checked = "module kieker._kieker does not support loading in subinterpreters"
        self.assertEqual(done.stdout.splitlines(), [alone, checked if sys.version_info >= (3, 12) else alone])
        self.assertEqual([trace.shape() for trace in done.streams[0].traces()], [("main", "leaf", "leaf", "leaf", "leaf")])

    def test_others_are_refused(self):
        self.check(self.observed(self.write("program.py", self.PROGRAM)))

    def test_others_begin_as_ever(self):
        # Each interpreter reads the .pth that starts the agent of children, here by way of a module that stands for it.
        pth = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "agent", "python", "kieker.pth")
        self.write("site/sitecustomize.py", "for line in open(%r):\n    exec(line)\n" % pth)
        path = os.pathsep.join([os.path.join(self.directory, "site"), harness.PACKAGE_PATH])
        self.check(self.observed(self.write("program.py", self.PROGRAM), env=self.environment(PYTHONPATH=path)))


def main():
    harness.main()


if __name__ == "__main__":
    main()
