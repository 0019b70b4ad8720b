# SPDX-License-Identifier: Apache-2.0
"""Programs that are started without the command, by KIEKER_START in their environment: children, workers, and whatever else. They are observed from
their start, run as they would without, and find nothing of it in their environment."""

import collections
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
import zipfile

import harness


class Start(harness.Case):
    """Has a virtual environment in which the package is installed."""

    @classmethod
    def setUpClass(cls):
        cls.environment_directory = tempfile.mkdtemp(prefix="kieker-")
        cls.addClassCleanup(shutil.rmtree, cls.environment_directory, True)
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", cls.environment_directory], check=True)
        cls.python = os.path.join(cls.environment_directory, "bin", "python")
        site = subprocess.run([cls.python, "-c", "import sysconfig; print(sysconfig.get_paths()['purelib'])"], check=True, stdout=subprocess.PIPE, text=True,
                              env={key: value for key, value in os.environ.items() if key != "PYTHONPATH"}).stdout.strip()
        shutil.copy(os.path.join(harness.PACKAGE_PATH, "kieker.pth"), site)
        with open(os.path.join(site, "kieker-is-there.pth"), "w") as file:
            file.write(harness.PACKAGE_PATH + "\n")

    def environment(self, **changes):
        environment = super().environment(**changes)
        del environment["PYTHONPATH"]
        return environment

    def begin(self, *arguments, command=(), **changes):
        """Starts this Python with arguments and changes of its environment."""
        return subprocess.Popen([self.python] + list(command) + list(arguments), env=self.environment(**changes), cwd=self.directory,
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True, encoding="utf-8")

    def run_plain(self, *arguments, input="", **changes):
        return self.finish(self.begin(*arguments, **changes), input=input)

    def run_started(self, *arguments, input="", **changes):
        """Runs with KIEKER_START=1 and a sink; the finished process has the decoded streams."""
        sink = self.sink()
        done = self.finish(self.begin(*arguments, **dict({"KIEKER_START": "1", "KIEKER_WRITER": sink.address}, **changes)), input=input)
        done.streams = sink.streams()
        return done

    def run_command(self, *arguments, agent=(), **changes):
        """Runs by python3 -m kieker with a sink."""
        sink = self.sink()
        done = self.finish(self.begin(*arguments, command=["-m", "kieker", "--writer", sink.address] + list(agent), **changes))
        done.streams = sink.streams()
        return done

    @staticmethod
    def outcome(done):
        return tuple(re.sub("0x[0-9a-f]{6,}", "0x", text) for text in (done.stdout, done.stderr)) + (done.returncode,)

    @staticmethod
    def operations(done):
        """How often each was called, over all streams; raises ValueError unless every trace is valid."""
        return dict(collections.Counter(call.operation for stream in done.streams for trace in stream.traces() for call in trace.walk()))


class Same(Start):
    LOOK = """
        import sys, os
        def look():
            main = sys.modules["__main__"]
            print(sys.argv, sys.path, sys.flags, __name__, globals().get("__file__"), __spec__, __package__, __doc__, __builtins__)
            print(list(vars(main)), __loader__, getattr(sys, "orig_argv", 0))
            print(main.__dict__ is globals(), sys.excepthook is sys.__excepthook__, sys.gettrace(), sys.getprofile(), "runpy" in sys.modules)
            print(len(sys.path_hooks), [k for k in sys.path_importer_cache if k.endswith("program.py")])
            frame = sys._getframe()
            while frame: print(frame.f_code.co_name, frame.f_lineno); frame = frame.f_back
        look()
    """

    def same(self, *arguments, recorded=("look",), **options):
        plain = self.run_plain(*arguments, **options)
        started = self.run_started(*arguments, **options)
        self.assertEqual(self.outcome(started), self.outcome(plain))
        self.assertEqual(sorted(self.operations(started)), sorted(recorded))
        return plain

    def test_script(self):
        self.write("folder/program.py", self.LOOK)
        os.symlink("folder/program.py", self.directory + "/link.py")
        for arguments in ["folder/program.py", "a", "-b"], ["./folder/../folder/program.py"], ["link.py"], [self.directory + "/folder/program.py"]:
            with self.subTest(arguments):
                self.assertEqual(self.same(*arguments).returncode, 0)
        for option in "-O", "-B", "-E", "-I", "-u", "-s", "-Xdev", "-Wdefault":
            with self.subTest(option):
                self.same(option, "folder/program.py")
        if sys.version_info >= (3, 11):
            self.same("-P", "folder/program.py")
            self.same("folder/program.py", PYTHONSAFEPATH="1")

    def test_others(self):
        self.write("program.py", self.LOOK)
        self.write("package/__main__.py", self.LOOK)
        self.write("package/__init__.py", "")
        with zipfile.ZipFile(self.directory + "/app.zip", "w") as archive:
            archive.write(self.directory + "/package/__main__.py", "__main__.py")
        self.same("-m", "program", "a")
        self.same("-mprogram", "a")
        self.same("-Bm", "package", "-m", "b")
        self.same("-W", "ignore", "-X", "utf8", "-m", "package")
        self.same("package")
        self.same("app.zip")
        self.same("-c", "import package.__main__", "x")
        self.same("-", "a", input="import package.__main__")
        self.same(input="import package.__main__")
        # What has no file is not observed.
        self.same("-c", "def look(): pass\nlook()", recorded=[])

    def test_without_site(self):
        # Then nothing starts.
        self.write("program.py", self.LOOK)
        self.same("-S", "program.py", recorded=[])

    def test_ends(self):
        for text, status in (("raise ValueError('x')", 1), ("import sys; sys.exit(3)", 3), ("import sys; sys.exit('text')", 1), ("1 +", 1), ("pass", 0),
                             ("import os; os._exit(4)", 4)):
            with self.subTest(text):
                self.write("program.py", "def look(): pass\nlook()\n" + text + "\n")
                recorded = [] if text == "1 +" else ["look"]
                self.assertEqual(self.same("program.py", recorded=recorded).returncode, status)
        self.same("missing.py", recorded=[])
        self.same("-m", "missing", recorded=[])
        self.same("program.py", "-i", recorded=["look"])
        self.write("text.txt", "#!\nx = = 1\n")
        self.same("text.txt", recorded=[])

    def test_asked_interactively(self):
        self.write("program.py", "def look(): print('look')\nlook()\n")
        self.write("part.py", "def look(): print('part')\n")
        self.same("-i", "program.py", input="look()\nimport part\npart.look()\n")

    def test_order_of_the_end(self):
        self.write("program.py", """
            import atexit, threading, time
            def look(x): print(x, "__file__" in globals())
            atexit.register(look, "atexit")
            class Kept:
                def __del__(self): print("deleted")
            kept = Kept()
            threading.Thread(target=lambda: (time.sleep(0.2), look("thread"))).start()
            print("main ends")
        """)
        self.same("program.py", recorded=["look"])

    def test_interrupted(self):
        self.write("program.py", "import time\ndef look():\n    print('ready', flush=True)\n    time.sleep(60)\nlook()\n")
        results = []
        for changes in {}, {"KIEKER_START": "1", "KIEKER_WRITER": "null"}:
            process = self.begin("program.py", **changes)
            self.assertEqual(process.stdout.readline(), "ready\n")
            time.sleep(0.3)
            process.send_signal(signal.SIGINT)
            done = self.finish(process)
            results.append((done.returncode, done.stdout, done.stderr))
        self.assertEqual(results[0][0], -signal.SIGINT)
        self.assertEqual(results[1], results[0])

    def test_own_modules_instead_of_the_librarys(self):
        names = "types collections contextlib opcode keyword ast options hook start launch marshal".split()
        for name in names:
            self.write("app/%s.py" % name, "def mine(): return %r\n" % name)
        self.write("app/program.py", "import %s\n" % ", ".join(names) + "\n".join("print(getattr(%s, 'mine', str)())" % name for name in names))
        plain, started = self.run_plain("app/program.py"), self.run_started("app/program.py")
        self.assertEqual(self.outcome(started), self.outcome(plain))

    def test_errors(self):
        self.write("program.py", "def look(): print(1)\nlook()\n")
        for changes in {"KIEKER_WRITER": "nowhere"}, {"KIEKER_START": "maybe"}, {"KIEKER_CONFIG": "missing.ini"}, {"KIEKER_WRITER": "tcp://nowhere"}:
            with self.subTest(changes):
                done = self.finish(self.begin("program.py", **dict({"KIEKER_START": "1"}, **changes)))
                self.assertEqual((done.returncode, done.stdout), (0, "1\n"))
                self.assertRegex(done.stderr, r"\Akieker: nothing is (observed|recorded): [^\n]+\n\Z")

    def test_options(self):
        self.write("program.py", "import part, json\ndef look(): part.f(); json.dumps([1], indent=1)\nlook()\n")
        self.write("part.py", "def f(): pass\n")
        for changes, found in (({}, ["f", "look"]), ({"KIEKER_EXCLUDE": "part"}, ["look"]), ({"KIEKER_START": "0"}, []), ({"KIEKER_START": ""}, []),
                               ({"KIEKER_WEAVE": "none"}, []), ({"KIEKER_WRITER": "inactive"}, []),
                               ({"KIEKER_EXCLUDE": "@program", "KIEKER_INCLUDE": "json"}, ["dumps"]),
                               ({"KIEKER_ROOT": "elsewhere"}, []), ({"KIEKER_ROOT": self.directory}, ["f", "look"])):
            with self.subTest(changes):
                done = self.run_started("program.py", **changes)
                self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))
                self.assertEqual(sorted(self.operations(done)), found)

    def test_nothing_to_observe(self):
        # Then there is no connection, nor a word that there is none.
        done = self.finish(self.begin("-c", "import json", KIEKER_START="1", KIEKER_WRITER="tcp://127.0.0.1:1"))
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))
        self.write("program.py", "import kieker\nwith kieker.operation('part'): pass\n")
        done = self.run_started("program.py", KIEKER_WEAVE="none")
        self.assertEqual((done.stderr, self.operations(done)), ("", {"part": 1}))

    def test_the_command(self):
        # It starts the agent itself.
        self.write("program.py", "def look(): print(1)\nlook()\n")
        done = self.run_command("program.py", KIEKER_START="1")
        self.assertEqual((done.returncode, done.stdout, done.stderr, len(done.streams)), (0, "1\n", "", 1))
        self.assertEqual(self.operations(done), {"look": 1})


class Children(Start):
    CHILD = """
        import os, sys
        def child(): print(sys.argv[1:], sorted(os.environ.items()), flush=True)
        child()
    """

    def test_ways_to_start(self):
        self.write("child.py", self.CHILD)
        self.write("program.py", """
            import asyncio, os, subprocess, sys
            def main():
                print(sorted(os.environ.items()), flush=True)
                def call(way, *more): return [sys.executable, "child.py", way] + list(more)
                subprocess.run(call("inherited"))
                subprocess.run(call("copied"), env=dict(os.environ, MORE="1"))
                subprocess.run(call("without closing"), close_fds=False)
                subprocess.run("%s child.py shell" % sys.executable, shell=True)
                os.system("%s child.py system" % sys.executable)
                os.spawnv(os.P_WAIT, sys.executable, call("spawnv"))
                os.waitpid(os.posix_spawn(sys.executable, call("posix_spawn"), os.environ), 0)
                os.waitpid(os.posix_spawnp(sys.executable, call("posix_spawnp"), dict(os.environ)), 0)
                async def start():
                    await (await asyncio.create_subprocess_exec(*call("asyncio"))).wait()
                asyncio.run(start())
                if os.fork() == 0:
                    os.execve(sys.executable, call("execve"), os.environ)
                os.wait()
                subprocess.run([sys.executable, "-m", "child", "module"])
                subprocess.run([sys.executable, "-c", "import child", "text"])
                # Not to be observed: an environment of its own, a wish, no program of ours.
                subprocess.run(call("new"), env={"A": "1"})
                subprocess.run(call("unwished"), env=dict(os.environ, KIEKER_START="0"))
                subprocess.run([sys.executable, "-c", "import json; print(json.dumps([1]))"])
            main()
        """)
        plain = self.run_plain("program.py")
        for done in self.run_command("program.py"), self.run_command("program.py", agent=["--exclude", "x*", "--run", "a & b%"]):
            self.assertEqual(self.outcome(done), self.outcome(plain))
            self.assertNotIn("KIEKER", done.stdout.replace("('KIEKER_START', '0')", ""))
            found = self.operations(done)
            self.assertEqual((found["main"], found["child"]), (1, 12))
            # One more is what the fork does before it becomes another program.
            self.assertEqual(len(done.streams), 14)
        self.assertEqual({re.search(" run=([^ ]*)", stream.entries[0]).group(1) for stream in done.streams}, {"a%20%26%20b%25"})
        # A user's own wish shows, in all of them.
        done = self.run_started("program.py", KIEKER_RUN="x")
        self.assertEqual(done.stdout.count("('KIEKER_START', '1')"), 14 - 1)
        self.assertEqual(self.operations(done)["child"], 12)
        done = self.run_command("program.py", agent=["--children", "no"])
        self.assertEqual((self.outcome(done), len(done.streams)), (self.outcome(plain), 2))

    def test_children_of_children(self):
        self.write("program.py", """
            import subprocess, sys
            def level(n):
                if n: subprocess.run([sys.executable, sys.argv[0], str(n - 1)], check=True)
            level(int(sys.argv[1]))
        """)
        done = self.run_command("program.py", "4")
        self.assertEqual((done.returncode, done.stderr, self.operations(done), len(done.streams)), (0, "", {"level": 5}, 5))

    def test_elsewhere(self):
        # Options hold wherever the child is; its own script is the program's, too, and what is installed is not.
        self.write("tools/tool.py", "import own\ndef tool(): own.f()\ntool()\n")
        self.write("program.py", "def main():\n    import os, subprocess, sys\n    os.chdir('tools')\n    subprocess.run([sys.executable, 'tool.py'], check=True,"
                   " env=dict(os.environ, PYTHONPATH='../lib'))\n    subprocess.run([sys.executable, '-m', 'json.tool'], input=b'1')\nmain()\n")
        self.write("lib/own.py", "def f(): pass\n")
        self.assertEqual(self.operations(self.run_command("program.py")), {"main": 1, "tool": 1, "f": 1})
        self.assertEqual(self.operations(self.run_command("program.py", agent=["--root", "lib"])), {"f": 1})

    def test_multiprocessing(self):
        self.write("program.py", """
            import multiprocessing, sys
            import part
            def work(x): return part.double(x) - x
            def main(method):
                with multiprocessing.get_context(method).Pool(2) as pool:
                    print(pool.map(work, range(30), 3))
                    pool.close()
                    pool.join()
                process = multiprocessing.get_context(method).Process(target=work, args=(1,))
                process.start()
                process.join()
            if __name__ == "__main__": main(sys.argv[1])
        """)
        self.write("part.py", "def double(x): return 2 * x\n")
        for method in "fork", "spawn", "forkserver":
            with self.subTest(method):
                plain = self.run_plain("program.py", method)
                done = self.run_command("program.py", method)
                self.assertEqual(self.outcome(done), self.outcome(plain))
                self.assertEqual(self.operations(done), {"main": 1, "work": 31, "double": 31})

    def test_forking_server(self):
        self.write("server.py", """
            import os, signal, socket, sys
            def handle(peer):
                peer.sendall(peer.recv(100).upper())
                peer.close()
            def serve(listener):
                signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(0))
                while True: handle(listener.accept()[0])
            def main():
                listener = socket.create_server(("127.0.0.1", 0))
                workers = []
                for i in range(3):
                    pid = os.fork()
                    if pid == 0: serve(listener)
                    workers.append(pid)
                for i in range(40):
                    with socket.create_connection(listener.getsockname()) as peer:
                        peer.sendall(b"x%d" % i)
                        print(peer.recv(100).decode())
                for pid in workers: os.kill(pid, signal.SIGTERM)
                print([os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in workers])
            if __name__ == "__main__": main()
        """)
        plain = self.run_plain("-m", "server")
        done = self.run_started("-m", "server")
        self.assertEqual(self.outcome(done), self.outcome(plain))
        found = self.operations(done)
        self.assertEqual((found["main"], found["handle"]), (1, 40))


class Command(harness.Case):
    """python3 -m kieker where it is started."""

    def test_text(self):
        text = "import sys\ndef f(): print(sys.argv, sys.path, __name__, globals().get('__file__'), __loader__, list(globals()))\nf()\nprint(1 / (len(sys.argv) - 2))\n"
        self.write("part.py", "def f(): pass\n")
        for arguments, given in (["-c", text, "a", "-b"], ""), (["-c", text, "a"], ""), (["-", "a", "b"], text), (["-", "a"], text):
            with self.subTest(arguments):
                plain = self.finish(self.start(arguments, None, stdin=subprocess.PIPE), input=given)
                sink = self.sink()
                done = self.finish(self.start(arguments, ["--writer", sink.address, "--include", "__main__"], stdin=subprocess.PIPE), input=given)
                self.assertEqual((done.returncode, done.stdout, done.stderr), (plain.returncode, plain.stdout, plain.stderr))
                self.assertEqual([trace.operation for trace in sink.streams()[0].traces()], ["f"])
        sink = self.sink()
        self.assertEqual(self.finish(self.start(["-c", "import part; part.f()"], ["--writer", sink.address])).returncode, 0)
        self.assertEqual([trace.operation for trace in sink.streams()[0].traces()], ["f"])

    def test_names_of_the_library(self):
        # For the program alone, wherever they are.
        for name in "opcode", "atexit", "marshal", "_ast", "stat":
            self.write(name + ".py", "def f(): pass\nf()\nprint(__name__)\n")
        self.write("program.py", "import opcode, atexit, stat\n")
        for arguments in ["program.py"], ["-m", "program"], ["-c", "import opcode, atexit, stat"]:
            plain, done = self.plain(*arguments), self.observed(*arguments)
            if arguments[0] == "program.py":
                self.assertEqual(plain.stdout, "opcode\n")
            self.assertEqual((done.returncode, done.stdout, done.stderr), (plain.returncode, plain.stdout, plain.stderr))

    def test_switches(self):
        from kieker import options

        def read(*arguments):
            given, rest = options.parse(arguments)
            values = options.Values()
            values.read_arguments(given)
            return values, rest

        for arguments, wanted in ((), ("no", "yes")), (("--report", "--children", "no"), ("yes", "no")), (("--report=on", "--children=0"), ("yes", "no")):
            values, rest = read(*arguments, "x.py", "yes")
            self.assertEqual(((values.report, values.children), rest), (wanted, ["x.py", "yes"]))
        with self.assertRaises(options.Wrong):
            read("--children=perhaps")
        values, _ = read("--include", "a.*", "--include=b", "--run", "\udcff %&\n", "--writer", "file:x", "--root", "y", "--c-functions")
        copy = options.Values()
        copy.read_written(values.written(("/o", "/p"), "1"), "KIEKER_START")
        changed = {"writer": "file:" + os.path.abspath("x"), "root": os.path.abspath("y"), "own": ("/o", "/p"), "shown": "1"}
        self.assertEqual(vars(copy), dict(vars(values), **changed))


class Readme(unittest.TestCase):
    """What agent/README.md says of options is what the table of them says."""

    # Of weave and report, and what is no option of a run.
    OTHERS = {"help", "config", "out", "json"}
    VARIABLES = {"KIEKER_START", "KIEKER_NAME", "KIEKER_CONFIG"}

    def setUp(self):
        from kieker import options
        self.options = options
        with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "agent", "README.md"), encoding="utf-8") as file:
            self.text = file.read()

    def test_table(self):
        rows = re.findall(r"^\| `--([a-z-]+)` \| `(.*)` \| (?:`(.*)`)? *\|$", self.text, re.M)
        table = [(option.name, option.metavar, option.default or "") for option in self.options.OPTIONS]
        self.assertEqual([(name, value.replace("` `", "|"), default) for name, value, default in rows], table)

    def test_names(self):
        told = set(re.findall(r"(?<![\w-])--([a-z][a-z-]*)", self.text))
        self.assertGreater(len(told), 10)
        self.assertEqual(told - self.OTHERS - set(self.options.BY_NAME), set())
        variables = set(re.findall(r"KIEKER_[A-Z_]+", self.text))
        self.assertEqual(variables - self.VARIABLES - {option.variable for option in self.options.OPTIONS}, set())

    def test_values(self):
        """Words in code spans that stand behind an option with choices are among them."""
        checked = 0
        for span in re.findall(r"`([^`\n]+)`", self.text):
            for name, value in re.findall(r"--([a-z-]+)[ =]([a-z]\S*)", span):
                option = self.options.BY_NAME.get(name)
                if option and (option.choices or option.switch):
                    option.check(value, "agent/README.md: " + span)
                    checked += 1
        self.assertGreater(checked, 5)

    def test_defaults_in_sentences(self):
        self.assertIn("(`%s` unless told otherwise)" % self.options.DEFAULT_WRITER, self.text)
        self.assertEqual(re.findall(r"`--patience` seconds \((\d+)\)", self.text), [self.options.BY_NAME["patience"].default])


class Types(unittest.TestCase):
    def test_stubs_are_in_step(self):
        import ast
        import kieker
        from kieker import _kieker

        def names(nodes):
            for node in nodes:
                if isinstance(node, ast.If):
                    holds = eval(compile(ast.Expression(node.test), "stub", "eval"), {"sys": sys})
                    yield from names(node.body if holds else node.orelse)
                elif isinstance(node, ast.AnnAssign):
                    yield node.target.id
                elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
                    yield node.name

        for stub, there in ("__init__.pyi", kieker.__all__), ("_kieker.pyi", vars(_kieker)):
            with open(os.path.join(os.path.dirname(kieker.__file__), stub), encoding="utf-8") as file:
                told = set(names(ast.parse(file.read()).body))
            self.assertEqual({name for name in told if name[0] != "_"}, {name for name in there if name[0] != "_"})


if __name__ == "__main__":
    harness.main()
