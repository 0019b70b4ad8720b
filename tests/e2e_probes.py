# SPDX-License-Identifier: Apache-2.0
"""Probes switched off and on while programs run: kieker-query, kieker-collector and the agent, and a JVM's controller played over a socket."""
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import textwrap
import threading
import time
import unittest

from e2e_collector_process import Collector, PATIENCE, entry, until
from security_certificates import Certificates

PACKAGE = "kieker.common.record.remotecontrol."
QUERY = os.environ.get("KIEKER_QUERY", "./kieker-query")
PYTHON = os.environ.get("KIEKER_PYTHON", "tests/python")

WORK = """
    import sys, time

    def leaf():
        return 1

    def middle():
        return leaf()

    class Shop:
        def get(self):
            return middle()

    def held():
        print("held", flush=True)
        sys.stdin.readline()
        leaf()
"""


def query(*arguments, server=None, token=None):
    """(exit status, standard output, standard error)"""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("KIEKER_")}
    if token:
        environment["KIEKER_TOKEN"] = token
    where = ("--server", server) if server else ()
    done = subprocess.run([QUERY, *arguments, *where], capture_output=True, text=True, env=environment, timeout=PATIENCE)
    return done.returncode, done.stdout, done.stderr


class Program:
    """A program under the agent; a context that ends it."""

    def __init__(self, text, writer, *options, module="work"):
        self.directory = tempfile.mkdtemp(prefix="kieker-test-")
        path = os.path.join(self.directory, module + ".py")
        with open(path, "w") as f:
            f.write(textwrap.dedent(WORK) + textwrap.dedent(text))
        environment = {k: v for k, v in os.environ.items() if not k.startswith("KIEKER_")}
        self.process = subprocess.Popen([PYTHON, "-m", "kieker", "--writer", writer, *options, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True, env=environment)

    def say(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def hear(self):
        return self.process.stdout.readline().rstrip("\n")

    def end(self):
        out, errors = self.process.communicate(timeout=PATIENCE)
        assert self.process.returncode == 0, (self.process.returncode, errors)
        return out, errors

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            stream.close()
        shutil.rmtree(self.directory)


LOOP = """
    shop = Shop()
    print("begun", flush=True)
    while True:
        shop.get()
        time.sleep(0.002)
"""

ASKED = """
    for line in sys.stdin:
        if line.strip() == "end":
            break
        eval(line)
        print("done", flush=True)
"""


class Watched(Collector):
    def __init__(self, *options, **named):
        super().__init__(*options, **named)

    @property
    def writer(self):
        return "tcp://127.0.0.1:%d" % self.port

    @property
    def server(self):
        return "http://127.0.0.1:%d" % self.http_port

    def probes(self, *arguments, status=0):
        """What `kieker-query probes` answers as JSON."""
        code, out, errors = query("probes", *arguments, "--json", server=self.server)
        assert code == status, (arguments, code, out, errors)
        return json.loads(out) if status == 0 else errors

    def agents(self, count):
        """Waits until so many are there, and obey."""
        def there():
            answer = self.probes()
            return answer["agents_total"] == count and answer["agents_obeying"] == count and answer
        return until(there, "%d agents that obey" % count)

    def calls(self):
        return {row["component"].rpartition(".")[2] + "." + row["operation"]: row["calls"]
                for row in self.verb("operations", limit=1000)["rows"]}

    def order(self, *arguments, server=None):
        """Says it, by the command line; the moment when it began."""
        begun = time.monotonic()
        code, _, errors = query("probes", *arguments, server=server or self.server)
        assert code == 0, errors
        return begun


def steady(collector, operation, others):
    """Waits until `operation` has no more calls while others go on; how many it has."""
    def settled():
        before = collector.calls()
        until(lambda: all(collector.calls()[other] > before[other] + 20 for other in others), "calls of the others")
        return before.get(operation, 0) == collector.calls().get(operation, 0)
    until(settled, "the end of %s's records" % operation)
    return collector.calls().get(operation, 0)


def begun_of(collector, operation):
    """When calls of the operation began, ns since 1970, as far as they are stored."""
    rows = collector.verb("sql", query="SELECT max(start_at) AS last FROM call WHERE operation = '%s'" % operation)["rows"]
    return int(rows[0]["last"] if isinstance(rows[0], dict) else rows[0][0])


class SwitchedWhileTheyRun(unittest.TestCase):
    def off_and_on(self, collector, *options, writer=None):
        """The measured times, in s."""
        with Program(LOOP, writer or collector.writer, *options) as program:
            self.assertEqual(program.hear(), "begun")
            until(lambda: collector.calls().get("work.middle", 0) > 20, "its first calls")
            at = time.time_ns()
            collector.order("deactivate", "work.middle")
            until(lambda: collector.calls()["work.leaf"] > collector.calls()["work.middle"] + 50, "calls without it")
            steady(collector, "work.middle", ["Shop.get", "work.leaf"])
            off = (begun_of(collector, "middle") - at) / 1e9
            before = collector.calls()["work.middle"]
            begun = collector.order("activate", "work.middle")
            until(lambda: collector.calls()["work.middle"] > before, "its calls again")
            on = time.monotonic() - begun
        print("%s: its last call began %.3f s after the order, its first one was seen after %.3f s" % (" ".join(options) or "events", off, on),
              flush=True)
        return off, on

    def test_by_the_command_line(self):
        with Watched() as collector:
            self.off_and_on(collector)

    def test_executions(self):
        with Watched() as collector:
            self.off_and_on(collector, "--record", "executions")

    def test_without_weaving(self):
        with Watched() as collector:
            self.off_and_on(collector, "--weave", "monitor")

    @unittest.skipUnless(shutil.which("openssl"), "openssl is missing")
    def test_by_tls(self):
        directory = tempfile.mkdtemp(prefix="kieker-test-")
        self.addCleanup(shutil.rmtree, directory)
        certificates = Certificates(directory)
        with Watched("--tls-cert", certificates.path("server.pem"), "--tls-key", certificates.path("server.key"), "--tls-port", "0") as collector:
            with open(collector.ready_file) as f:
                port = dict(line.rstrip("\n").split("=", 1) for line in f)["tls_port"]
            self.off_and_on(collector, "--writer-ca", certificates.path("ca.pem"), writer="tls://localhost:" + port)

    def test_an_open_call_is_recorded_to_its_end(self):
        """Its trace is whole: no flaw, complete, and the call in it."""
        with Watched() as collector, Program(ASKED, collector.writer) as program:
            program.say("held()")
            self.assertEqual(program.hear(), "held")
            collector.agents(1)
            collector.order("deactivate", "* *.*(..)")
            self.assertEqual(collector.agents(1)["latest_operations"], 4)
            program.say("")
            self.assertEqual(program.hear(), "done")
            program.say("leaf()")
            self.assertEqual(program.hear(), "done")
            program.say("end")
            program.end()
            until(lambda: collector.metric("connections") == 0, "the end")
            collector.settled(1)
            traces = collector.all_traces()
            self.assertEqual([(t["state"], t["calls"], t["root"]) for t in traces], [("complete", 1, "held")])
            self.assertEqual(collector.calls(), {"work.held": 1})

    def test_idle(self):
        """A program that sends nothing obeys, too."""
        with Watched() as collector, Program(ASKED, collector.writer) as program:
            program.say("leaf()")
            self.assertEqual(program.hear(), "done")
            collector.agents(1)
            begun = collector.order("deactivate", "work.leaf")
            answer = collector.agents(1)
            print("idle: obeyed after %.3f s" % (time.monotonic() - begun), flush=True)
            self.assertEqual(answer["agents"][0]["off"], 1)
            program.say("[middle() for _ in range(100)]")
            self.assertEqual(program.hear(), "done")
            program.say("end")
            program.end()
            collector.settled(201)
            self.assertEqual(collector.calls(), {"work.leaf": 1, "work.middle": 100})

    def test_saturated(self):
        """One that sends as much as it can obeys, too, though its collector cannot take it: it is stopped meanwhile."""
        text = """
            print("begun", flush=True)
            while True:
                middle()
        """
        with Watched() as collector, Program(text, collector.writer) as program:
            self.assertEqual(program.hear(), "begun")
            until(lambda: collector.metric("records_total") > 1000000, "many records")
            begun = collector.order("deactivate", "*")
            answer = collector.agents(1)
            print("saturated: obeyed, and known of, after %.3f s" % (time.monotonic() - begun), flush=True)
            self.assertEqual(answer["agents"][0]["off"], answer["agents"][0]["operations"])
            last = []

            def rests():
                last.append(collector.metric("records_total"))
                return len(last) > 10 and last[-1] == last[-10]
            until(rests, "the end of the records")
            self.assertEqual(program.process.poll(), None)

    def test_children(self):
        """Of processes that are forked, those that there are and those that come."""
        text = """
            import multiprocessing

            def loop():
                while True:
                    middle()
                    time.sleep(0.002)

            children = []
            for line in sys.stdin:
                if line.strip() == "end":
                    break
                children.append(multiprocessing.get_context("fork").Process(target=loop, daemon=True))
                children[-1].start()
                print("begun", flush=True)
            for child in children:
                child.terminate()
            for child in children:
                child.join()
        """
        with Watched() as collector, Program(text, collector.writer) as program:
            program.say("fork")
            self.assertEqual(program.hear(), "begun")
            until(lambda: collector.calls().get("work.middle", 0) > 10, "calls of the child")
            collector.order("deactivate", "work.middle")
            agents = until(lambda: (a := collector.probes())["agents_obeying"] == a["agents_total"] > 0 and a, "obedience")["agents_total"]
            steady(collector, "work.middle", ["work.leaf"])
            # The next child comes of a process that obeys already, or is told as soon as it comes.
            program.say("fork")
            self.assertEqual(program.hear(), "begun")
            until(lambda: (a := collector.probes())["agents_obeying"] == a["agents_total"] > agents, "one more that obeys")
            steady(collector, "work.middle", ["work.leaf"])
            program.say("end")
            program.end()


class WhatIsInForce(unittest.TestCase):
    def test_patterns(self):
        """The last that fits counts; later agents and later operations obey; the collector's go before the program's own."""
        with Watched() as collector:
            for arguments in (("deactivate", "work.*"), ("activate", "* work.Shop.*(..)"), ("deactivate", "%.*\\.nothing")):
                collector.order(*arguments)
            self.assertEqual([(row["state"], row["pattern"]) for row in collector.probes()["rows"]],
                             [("inactive", "work.*"), ("active", "* work.Shop.*(..)"), ("inactive", "%.*\\.nothing")])
            text = """
                import kieker
                print("begun", flush=True)
                sys.stdin.readline()
                kieker.activate("*")
                kieker.deactivate("work.Shop.get")
                exec("def later(): return 1")
                kieker.instrument(later)
                for _ in range(7):
                    Shop().get(), later()
            """
            with Program(text, collector.writer) as program:
                self.assertEqual(program.hear(), "begun")
                collector.agents(1)
                program.say("")
                program.end()
            collector.settled(14)
            self.assertEqual(collector.calls(), {"Shop.get": 7})

    def test_they_outlive_collector_and_connection(self):
        with Watched("--resume-wait", "60s") as collector, Program(LOOP, collector.writer) as program:
            self.assertEqual(program.hear(), "begun")
            collector.order("deactivate", "work.middle")
            collector.agents(1)
            port, collector.options = collector.port, collector.options
            collector.stop(signal.SIGKILL)
            collector.options += ("--port", str(port))
            collector.start()
            self.assertEqual([row["pattern"] for row in collector.probes()["rows"]], ["work.middle"])
            self.assertEqual(collector.agents(1)["agents"][0]["off"], 1)
            # Nothing is in force any more while the agent is away: it hears of it when it comes.
            collector.stop(signal.SIGTERM)
            os.unlink(collector.database + ".probes")
            collector.start()
            collector.agents(1)
            before = collector.calls().get("work.middle", 0)
            until(lambda: collector.calls().get("work.middle", 0) > before, "its calls again")

    def test_the_file(self):
        """A file as Kieker's adaptive monitoring has it: read at the start and at SIGHUP, written by changes."""
        directory = tempfile.mkdtemp(prefix="kieker-test-")
        self.addCleanup(shutil.rmtree, directory)
        path = os.path.join(directory, "adaptive.conf")
        with open(path, "w") as f:
            f.write("# what is off\n- *\n+ * shop..*.get(..)\n\n")
        with Watched("--probes", path) as collector:
            self.assertEqual([(row["state"], row["pattern"], row["since_at"]) for row in collector.probes()["rows"]],
                             [("inactive", "*", None), ("active", "* shop..*.get(..)", None)])
            collector.order("deactivate", "* shop.b*.*(..)")
            collector.order("activate", "*")
            with open(path) as f:
                self.assertEqual([line for line in f.read().splitlines() if not line.startswith("#")],
                                 ["+ * shop..*.get(..)", "- * shop.b*.*(..)", "+ *"])
            self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)
            with open(path, "a") as f:
                f.write("shop.x\n")
            collector.process.send_signal(signal.SIGHUP)
            until(lambda: collector.log_lines("the patterns stay as they were", ":6: a line begins with"), "the refusal")
            self.assertEqual(len(collector.probes()["rows"]), 3)
            with open(path, "w") as f:
                f.write("- shop.x\n#%s\n" % ("- *" * 2000))
            collector.process.send_signal(signal.SIGHUP)
            until(lambda: [row["pattern"] for row in collector.probes()["rows"]] == ["shop.x"], "the file's patterns")
            collector.order("reset")
            self.assertEqual(collector.probes()["rows"], [])
            # Where it cannot be kept, it holds all the same, and that is said.
            os.mkdir(path + ".new")
            code, _, errors = query("probes", "deactivate", "a.b", server=collector.server)
            self.assertEqual(code, 0)
            self.assertIn("could not be kept", errors)
            self.assertEqual([row["pattern"] for row in collector.probes()["rows"]], ["a.b"])

    def test_what_makes_no_sense(self):
        with Watched() as collector:
            for arguments, sentence in ((("deactivate",), "needs a pattern"), (("deactivate", "%(a"), "expression"), (("switch", "a"), "no action"),
                                        (("activate", "a" * 600), "longer than 500"), (("deactivate", "x.y(..)"), "a type and a full name"),
                                        (("set", "*", "name", "value"), "--jvm"), (("activate", "*", "name", "value"), "--jvm")):
                self.assertIn(sentence, collector.probes(*arguments, status=2))
            self.assertIn("no pattern", collector.probes("forget", "a.b", status=4))
            for number in range(200):
                status, _, body = collector.ask("/api/v1/probes?action=deactivate&pattern=a%d" % number, "POST", {"Kieker-Change": "yes"})
                self.assertEqual(status, 200, body)
            self.assertIn("200 patterns already", collector.probes("deactivate", "one.more", status=2))
            collector.order("deactivate", "a7")
            collector.order("reset")
        code, _, errors = query("probes", server="http://127.0.0.1:1")
        self.assertEqual(code, 3)
        self.assertIn("No server", errors)
        self.assertEqual(query("probes", "--database", "x")[0], 2)


class WhoMay(unittest.TestCase):
    CHANGE = "/api/v1/probes?action=deactivate&pattern=a.b"

    def refused(self, collector, status, *words, **headers):
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        got, _, body = collector.ask(self.CHANGE, "POST", headers)
        self.assertEqual(got, status, body)
        for word in words:
            self.assertIn(word, body.decode())
        return body

    def test_other_sites_may_not(self):
        with Watched() as collector:
            self.refused(collector, 403, "Kieker-Change")
            self.refused(collector, 403, "another site", Kieker_Change="yes", Origin="http://evil.example")
            self.refused(collector, 403, "another site", Kieker_Change="yes", Sec_Fetch_Site="cross-site")
            self.refused(collector, 421, "does not know itself", Kieker_Change="yes", Host="evil.example")
            for method in "PUT", "DELETE", "OPTIONS", "PATCH":
                self.assertEqual(collector.ask(self.CHANGE, method, {"Kieker-Change": "yes"})[0], 405)
            # Reading changes nothing, whatever it says.
            self.assertEqual(collector.ask(self.CHANGE, headers={"Kieker-Change": "yes"})[0], 200)
            self.assertEqual(collector.probes()["rows"], [])
            self.assertTrue(collector.probes()["may_change"])

    def test_only_with_the_token(self):
        directory = tempfile.mkdtemp(prefix="kieker-test-")
        self.addCleanup(shutil.rmtree, directory)
        path, token = os.path.join(directory, "token"), "0123456789abcdef0123"
        with open(path, "w") as f:
            os.chmod(path, 0o600)
            f.write(token)
        with Watched("--http-token", path) as collector:
            self.refused(collector, 401, "token", Kieker_Change="yes")
            self.refused(collector, 401, "token", Kieker_Change="yes", Authorization="Bearer wrong-wrong-wrong-wrong")
            code, out, errors = query("probes", "deactivate", "a.b", "--json", server=collector.server, token=token)
            self.assertEqual(code, 0, errors)
            self.assertEqual(json.loads(out)["total"], 1)
            # The page's session may, too: its cookie goes with no request of another site.
            _, headers, _ = collector.ask("/login", "POST", {"Authorization": "Bearer " + token})
            cookie = headers["Set-Cookie"].split(";")[0]
            self.assertEqual(collector.ask("/api/v1/probes?action=reset", "POST", {"Cookie": cookie, "Kieker-Change": "yes"})[0], 200)
            self.assertEqual(collector.ask("/api/v1/probes?action=reset", "POST", {"Cookie": cookie})[0], 403)
            self.refused(collector, 403, "another site", Cookie=cookie, Kieker_Change="yes", Origin="http://127.0.0.1:1")

    def test_nobody(self):
        with Watched("--http-changes", "no") as collector:
            self.refused(collector, 403, "--http-changes", Kieker_Change="yes")
            self.assertFalse(collector.probes()["may_change"])
            self.assertIn("--http-changes", collector.probes("reset", status=3))


class Jvm(threading.Thread):
    """A monitored JVM's controller: takes one connection at a time, reads it to its end."""

    def __init__(self):
        super().__init__(daemon=True)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(PATIENCE)
        self.port = self.listener.getsockname()[1]
        self.streams = []

    def run(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            with sock:
                sock.settimeout(PATIENCE)
                data = b""
                while more := sock.recv(65536):
                    data += more
            self.streams.append(data)

    def ordered(self, *arguments):
        """The bytes of one command."""
        before = len(self.streams)
        code, out, errors = query("probes", *arguments, "--jvm", "localhost:%d" % self.port)
        assert code == 0, errors
        assert "has read it" in errors, errors
        until(lambda: len(self.streams) == before + 1, "the stream")
        return self.streams[-1]


def stream_of(*records):
    """(class, strings..., or a list of them): the bytes as Kieker's SingleSocketTcpWriter has them, ids from 0."""
    names, out = [], b""

    def number(text):
        nonlocal out
        if text not in names:
            out += entry(len(names), text)
            names.append(text)
        return struct.pack(">i", names.index(text))

    for name, *fields in records:
        head, body = number(PACKAGE + name), b""
        for field in fields:
            body += struct.pack(">i", len(field)) + b"".join(map(number, field)) if isinstance(field, list) else number(field)
        out += head + struct.pack(">q", -1) + body
    return out


class AJvm(unittest.TestCase):
    PATTERN = "public * shop..*.get(..)"

    def setUp(self):
        self.jvm = Jvm()
        self.jvm.start()
        self.addCleanup(self.jvm.join)
        self.addCleanup(self.jvm.listener.close)
        self.addCleanup(self.jvm.listener.shutdown, socket.SHUT_RDWR)

    def test_bytes(self):
        pattern = self.PATTERN
        for arguments, records in (
                (("activate", pattern), [("ActivationEvent", pattern)]),
                (("deactivate", pattern), [("DeactivationEvent", pattern)]),
                (("activate", pattern, "sql", "a", "b"), [("ActivationParameterEvent", pattern, "sql", []),
                                                          ("AddParameterValueEvent", pattern, "sql", "a"),
                                                          ("AddParameterValueEvent", pattern, "sql", "b")]),
                (("set", pattern, "sql", "a", "b", "a"), [("UpdateParameterEvent", pattern, "sql", ["a", "b", "a"])]),
                (("add", pattern, "sql", "sql"), [("AddParameterValueEvent", pattern, "sql", "sql")]),
                (("remove", "*", "größe", "ein Wert"), [("RemoveParameterValueEvent", "*", "größe", "ein Wert")])):
            with self.subTest(arguments):
                self.assertEqual(self.jvm.ordered(*arguments), stream_of(*records))

    def test_by_hand(self):
        """One stream spelled out: two strings, then class 0, no logging time, pattern 1."""
        self.assertEqual(
            self.jvm.ordered("deactivate", "*").hex(),
            "ffffffff" "00000000" "00000034" + b"kieker.common.record.remotecontrol.DeactivationEvent".hex() +
            "ffffffff" "00000001" "00000001" "2a"
            "00000000" "ffffffffffffffff" "00000001")

    def test_our_own_reader(self):
        """What is sent to a JVM is read by a collector as the records that it is."""
        with Watched() as collector:
            collector.send(self.jvm.ordered("activate", self.PATTERN, "sql", "a", "b"))
            collector.settled(3)
            self.assertEqual(collector.metric("records_total"), 3)
            self.assertEqual(collector.log_lines(" warn "), [])

    def test_what_makes_no_sense(self):
        for arguments, sentence in ((("activate", "shop.*"), "brackets"), (("set", "*"), "which parameter"), (("forget", "*"), "knows activate"),
                                    (("deactivate", "*", "a", "b"), "has no parameters"), (("deactivate",), "empty")):
            code, _, errors = query("probes", *arguments, "--jvm", "localhost:%d" % self.jvm.port)
            self.assertEqual(code, 2, errors)
            self.assertIn(sentence, errors)
        self.assertEqual(self.jvm.streams, [])

    def test_nobody_there(self):
        with socket.create_server(("127.0.0.1", 0)) as unused:
            port = unused.getsockname()[1]
        code, _, errors = query("probes", "activate", "*", "--jvm", "127.0.0.1:%d" % port)
        self.assertEqual(code, 3, errors)
        self.assertIn("kieker.monitoring.tcp.remote.port", errors)
        self.assertIn("HOST:PORT", query("probes", "activate", "*", "--jvm", "nowhere")[2])


if __name__ == "__main__":
    unittest.main()
