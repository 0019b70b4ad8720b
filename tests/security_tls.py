# SPDX-License-Identifier: Apache-2.0
"""Records by TLS: who is let in, what becomes of those who cannot be agreed with, and the agent's side of it."""
import os
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import textwrap
import time
import unittest

from e2e_collector_process import Client, Collector, PATIENCE, program, until
from security_certificates import Certificates, need_openssl

CALLS = 3000


def setUpModule():
    global directory, certificates, path
    directory = tempfile.mkdtemp(prefix="kieker-test-")
    certificates = Certificates(directory)
    path = certificates.path


def tearDownModule():
    shutil.rmtree(directory)


class Secured(Collector):
    """A collector with a TLS port; port is still the plain one."""

    def __init__(self, *options, server="server"):
        super().__init__("--tls-cert", path(server + ".pem"), "--tls-key", path(server + ".key"), "--tls-port", "0", *options)

    def start(self):
        super().start()
        with open(self.ready_file) as f:
            self.tls_port = int(dict(line.rstrip("\n").split("=", 1) for line in f)["tls_port"])

    def reach(self):
        return socket.create_connection(("127.0.0.1", self.tls_port), PATIENCE)

    def greet(self, client=None, host="localhost", **settings):
        context = ssl.create_default_context(cafile=path("ca.pem"))
        if client:
            context.load_cert_chain(path(client + ".both"))
        for name, value in settings.items():
            setattr(context, name, value)
        if "maximum_version" in settings:
            context.set_ciphers("ALL:@SECLEVEL=0")
        return context.wrap_socket(self.reach(), server_hostname=host)

    def failed(self, count, *words):
        """Waits until so many could not be agreed with, and the log says why."""
        until(lambda: self.lost("tls_failed") == count, "%d that failed" % count)
        lines = self.log_lines("tls_failed")
        assert min(count, 10) <= len(lines) <= count, lines
        assert all(word in lines[-1] for word in words), (words, lines[-1])


def traces(first, count):
    client = Client()
    return b"".join(client.trace(number) for number in range(first, first + count))


class Clients(unittest.TestCase):
    def test_records(self):
        """As much as comes plain, whole, whatever the pieces in which it comes."""
        with Secured() as collector:
            for seed, data in enumerate((traces(0, 2000), traces(2000, 1), traces(2001, 999))):
                with collector.greet() as sock:
                    for at in range(0, len(data), (70000, 7, 1000)[seed]):
                        sock.sendall(data[at:at + (70000, 7, 1000)[seed]])
                    sock.unwrap()
            collector.send(traces(5000, 10))
            collector.settled(3010 * 5)
            self.assertEqual(len(collector.all_traces()), 3010)
            self.assertEqual(collector.lost("tls_failed"), 0)
            self.assertEqual(collector.log_lines(" warn "), [])

    def test_nothing_is_written(self):
        """Not even what TLS likes to hand out: a client that never reads would lose what it sent last."""
        with Secured() as collector:
            for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
                with collector.greet(minimum_version=version, maximum_version=version) as sock:
                    sock.sendall(traces(0, 1))
                    until(lambda: collector.metric("connections") == 1, "the connection")
                    until(lambda: collector.metric("records_total") >= 5, "its records")
                    sock.settimeout(0.2)
                    with self.assertRaises(TimeoutError):
                        sock.recv(1, 0) if version == ssl.TLSVersion.TLSv1_2 else sock.recv(1)
                    # Neither does the socket itself hold anything.
                    raw = socket.socket(fileno=os.dup(sock.fileno()))
                    raw.setblocking(False)
                    with self.assertRaises(BlockingIOError):
                        raw.recv(1, socket.MSG_PEEK)
                    raw.close()

    def test_client_certificates(self):
        with Secured("--tls-client-ca", path("ca.pem")) as collector:
            with collector.greet("client") as sock:
                sock.sendall(traces(0, 3))
                sock.unwrap()
            collector.settled(15)
            self.assertTrue(collector.log_lines("opened", "certificate=client"))
            for count, (client, words) in enumerate(((None, "--tls-client-ca"), ("stranger", "certificate is not accepted")), 1):
                with self.assertRaises((ssl.SSLError, OSError)):
                    with collector.greet(client) as sock:
                        sock.sendall(traces(10, 3))
                        sock.recv(1)  # with TLS 1.3 the refusal comes after the client's own end of the handshake
                        raise OSError("the end")
                collector.failed(count, words)
            self.assertEqual(len(collector.all_traces()), 3)
            # No stream was begun for those.
            self.assertEqual(collector.metric("connections_total"), 1)

    def test_bytes_that_are_no_tls(self):
        with Secured() as collector:
            for count, data in enumerate((traces(0, 100), b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", b"\x16\x03\x01\xff\xff" + bytes(70000), b"\0" * 100,
                                          b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x03"), 1):
                with collector.reach() as sock:
                    try:
                        sock.sendall(data)
                        sock.shutdown(socket.SHUT_WR)
                        while sock.recv(4096):
                            pass
                    except OSError:
                        pass
                collector.failed(count)
            # And TLS at the plain port is no record.
            with socket.create_connection(("127.0.0.1", collector.port), PATIENCE) as sock:
                with self.assertRaises((ssl.SSLError, OSError)):
                    ssl.create_default_context(cafile=path("ca.pem")).wrap_socket(sock, server_hostname="localhost")
            with collector.greet() as sock:
                sock.sendall(traces(0, 1))
                sock.unwrap()
            until(lambda: collector.metric("records_total") == 5, "a good one")

    def test_many_that_fail(self):
        """All are counted; the log has a few at once, then one a second, which says how many were left out."""
        with Secured() as collector:
            began, count = time.monotonic(), 600
            for _ in range(count):
                with collector.reach() as sock:
                    sock.sendall(b"GET / HTTP/1.1\r\n\r\n")
            until(lambda: collector.lost("tls_failed") == count, "all to fail")
            lines = len(collector.log_lines("tls_failed"))
            self.assertLessEqual(lines, 11 + time.monotonic() - began)
            self.assertGreaterEqual(lines, 10)

            def one_more():
                nonlocal count
                collector.reach().close()
                count += 1
                return len(collector.log_lines("tls_failed")) > lines
            until(one_more, "a line once there is room for it")
            until(lambda: collector.lost("tls_failed") == count, "all to fail")
            lines = collector.log_lines("tls_failed")
            left_out = sum(int(line.partition(" left_out=")[2] or 0) for line in lines)
            self.assertTrue(0 < left_out <= count - len(lines), (left_out, count, lines))
            self.assertEqual(collector.stop(), 0)

    def test_half_a_handshake(self):
        with Secured() as collector:
            for count, how in enumerate((b"", b"\x16", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"), 1):
                with collector.reach() as sock:
                    sock.sendall(how)
                collector.failed(count, "cut")

    def test_slow_handshakes(self):
        """Silent ones and ones that send byte by byte alike; meanwhile others come through."""
        with Secured("--tls-handshake-timeout", "500ms") as collector:
            silent = [collector.reach() for _ in range(20)]
            slow = collector.reach()
            with collector.greet() as good:
                good.sendall(traces(0, 1))
                good.unwrap()
            hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(400)
            deadline = time.monotonic() + PATIENCE
            try:
                for byte in hello:
                    slow.sendall(bytes([byte]))
                    time.sleep(0.02)
                    assert time.monotonic() < deadline
            except OSError:
                pass
            collector.failed(21, "--tls-handshake-timeout")
            for sock in silent + [slow]:
                sock.close()
            self.assertEqual(collector.metric("records_total"), 5)
            # Who has ended the handshake may be silent for as long as it likes.
            with collector.greet() as idle:
                time.sleep(1)
                idle.sendall(traces(1, 1))
                idle.unwrap()
            until(lambda: collector.metric("records_total") == 10, "the idle one's records")

    def test_limit_of_connections(self):
        """Those that are still being greeted count, too."""
        with Secured("--max-connections", "3") as collector:
            waiting = [collector.reach() for _ in range(3)]
            late = collector.reach()
            until(lambda: collector.log_lines("further clients wait"), "the limit")
            for sock in waiting:
                sock.close()
            context = ssl.create_default_context(cafile=path("ca.pem"))
            with context.wrap_socket(late, server_hostname="localhost") as sock:
                sock.sendall(traces(0, 1))
                sock.unwrap()
            until(lambda: collector.metric("records_total") == 5, "who came last")

    def test_limit_by_tls(self):
        """Clients by TLS have a limit of their own, and plain ones do not notice."""
        with Secured("--tls-connections", "2") as collector:
            first, second = collector.greet(), collector.greet()
            late = collector.reach()
            until(lambda: collector.log_lines("further clients wait", "--tls-connections"), "the limit")
            collector.send(traces(0, 1))
            until(lambda: collector.metric("records_total") == 5, "a plain client's records")
            first.unwrap()
            with ssl.create_default_context(cafile=path("ca.pem")).wrap_socket(late, server_hostname="localhost") as sock:
                sock.sendall(traces(1, 1))
                sock.unwrap()
            until(lambda: collector.metric("records_total") == 10, "who waited")
            first.close()
            second.close()

    def test_cut(self):
        """An end without TLS's own end is no end: somebody on the way may have cut it."""
        with Secured() as collector:
            raw = collector.reach()
            context = ssl.create_default_context(cafile=path("ca.pem"))
            sock = context.wrap_socket(raw, server_hostname="localhost")
            sock.sendall(traces(0, 2))
            sock.close()
            collector.failed(1, "TLS had not been ended")
            collector.settled(10)
            self.assertEqual(len(collector.all_traces()), 2)

    def test_versions(self):
        with Secured() as collector:
            with self.assertRaises(ssl.SSLError):
                collector.greet(minimum_version=ssl.TLSVersion.TLSv1, maximum_version=ssl.TLSVersion.TLSv1_1)
            collector.failed(1, "1.1")
            for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
                with collector.greet(minimum_version=version, maximum_version=version) as sock:
                    self.assertEqual(sock.version(), version.name.replace("_", "."))

    def test_renegotiation(self):
        """A client that asks to begin anew is not followed, and costs only itself."""
        with Secured() as collector:
            asked = subprocess.run(["openssl", "s_client", "-connect", "127.0.0.1:%d" % collector.tls_port, "-CAfile", path("ca.pem"), "-tls1_2"],
                                   input=b"R\n", capture_output=True, timeout=PATIENCE)
            self.assertIn(b"RENEGOTIATING", asked.stdout + asked.stderr)
            self.assertIn(b"no renegotiation", (asked.stdout + asked.stderr).lower())
            until(lambda: collector.metric("connections") == 0, "its end")
            with collector.greet() as sock:
                sock.sendall(traces(0, 1))
                sock.unwrap()
            until(lambda: collector.metric("records_total") == 5, "another's records")

    def test_reload(self):
        """At SIGHUP; a connection that is there goes on."""
        now = path("now.pem"), path("now.key")

        def use(name):
            shutil.copy(path(name + ".pem"), now[0])
            shutil.copy(path(name + ".key"), now[1])
        use("elsewhere")
        with Secured(server="now") as collector:
            with self.assertRaises(ssl.SSLCertVerificationError):
                collector.greet()
            old = collector.greet(host="collector.example")
            use("server")
            collector.process.send_signal(signal.SIGHUP)

            def is_new():
                try:
                    collector.greet().close()
                    return True
                except ssl.SSLCertVerificationError:
                    return False
            until(is_new, "the new certificate")
            with open(now[0], "w") as f:
                f.write("no certificate")
            collector.process.send_signal(signal.SIGHUP)
            until(lambda: collector.log_lines("the certificate of records stays as it was", "--tls-cert"), "the log to say so")
            collector.greet().close()
            old.sendall(traces(0, 1))
            old.unwrap()
            old.close()
            until(lambda: collector.metric("records_total") == 5, "the old connection's records")

    def test_stop(self):
        """What lies in the sockets is stored; who has not ended the handshake is closed."""
        with Secured() as collector:
            open_one, half = collector.greet(), collector.reach()
            open_one.sendall(traces(0, 50))
            until(lambda: collector.metric("records_total") == 250, "the records")
            open_one.sendall(traces(50, 50))
            self.assertEqual(collector.stop(), 0)
            open_one.close()
            half.close()
            collector.start()
            self.assertEqual(len(collector.all_traces()), 100)

    def test_refused_at_the_start(self):
        for options, word in ((("--tls-cert", path("nothing"), "--tls-key", path("server.key")), "No such file"),
                              (("--tls-key", path("server.key")), "--tls-cert FILE"), (("--tls-client-ca", path("ca.pem")), "--tls-cert FILE"),
                              (("--tls-cert", path("server.pem")), "chmod 600"),
                              (("--tls-cert", path("server.pem"), "--tls-key", path("client.key")), "mismatch"),
                              (("--tls-cert", path("server.both"), "--tls-client-ca", path("server.key")), "--tls-client-ca")):
            done = subprocess.run([program(), "--port", "0", "--http-port", "0", "--tls-port", "0", "--database", path("db")] + list(options),
                                  capture_output=True, text=True, timeout=PATIENCE)
            self.assertEqual(done.returncode, 1, done)
            self.assertIn(word, done.stderr)
            self.assertFalse(os.path.exists(path("db")))


class Agent(unittest.TestCase):
    """The writer tls:// of a real program."""

    def run_program(self, collector, *options, host="localhost", text=None, port=None, scheme="tls", **environment):
        script = path("script.py")
        with open(script, "w") as f:
            f.write(textwrap.dedent(text or """
                def inner(i):
                    return i

                def main():
                    for i in range(%d):
                        inner(i)

                main()
                maps = open("/proc/self/maps").read()
                print("libssl" in maps, "libcrypto" in maps)
                """ % CALLS))
        done = subprocess.run([os.environ["KIEKER_PYTHON"], "-m", "kieker", "--writer", "%s://%s:%d" % (scheme, host, port or collector.tls_port)]
                              + list(options) + [script], capture_output=True, text=True, timeout=PATIENCE,
                              env={**{k: v for k, v in os.environ.items() if not k.startswith("KIEKER_")}, **environment})
        self.assertEqual(done.returncode, 0, done)
        return done

    def calls(self, collector):
        """Of each function that was stored, once all has come."""
        until(lambda: collector.metric("connections") == 0, "the program's end")
        collector.settled(0)
        calls = {}
        for row in collector.verb("operations", limit=1000)["rows"]:
            calls[row["operation"]] = calls.get(row["operation"], 0) + row["calls"]
        return calls

    def test_delivers(self):
        with Secured("--tls-client-ca", path("ca.pem")) as collector:
            client = "--writer-cert", path("client.both")
            for count, (host, options) in enumerate((("localhost", client), ("127.0.0.1", ("--writer-cert", path("client.pem"), "--writer-key", path("client.key"))),
                                                     ("localhost", client + ("--record", "executions"))), 1):
                done = self.run_program(collector, "--writer-ca", path("ca.pem"), *options, host=host)
                self.assertEqual(done.stderr, "")
                self.assertEqual(self.calls(collector)["inner"], CALLS * count)
            done = self.run_program(collector, KIEKER_WRITER_CA=path("ca.pem"), KIEKER_WRITER_CERT=path("client.both"))
            self.assertEqual(done.stderr, "")
            self.assertEqual(self.calls(collector), {"inner": CALLS * 4, "main": 4})
            self.assertEqual(collector.lost("tls_failed"), 0)

    def test_collector_killed(self):
        """What was under way is sent again: exactly once by TLS, too."""
        go = path("go")
        with open(path("script.py"), "w") as f:
            f.write(textwrap.dedent("""
                import os, time

                def inner(i):
                    return i

                def main():
                    for i in range(%d):
                        inner(i)
                    while not os.path.exists(%r):
                        time.sleep(0.01)
                    for i in range(%d):
                        inner(i)

                main()
                """ % (CALLS, go, CALLS)))
        with Secured() as collector:
            program = subprocess.Popen([os.environ["KIEKER_PYTHON"], "-m", "kieker", "--writer", "tls://localhost:%d" % collector.tls_port, "--writer-ca",
                                        path("ca.pem"), path("script.py")], stderr=subprocess.PIPE, text=True)
            try:
                until(lambda: collector.metric("records_total") > CALLS, "the first half")
                collector.process.kill()
                collector.process.wait()
                collector.options += ("--tls-port", str(collector.tls_port))
                collector.start()
                open(go, "w").close()
                self.assertEqual((program.wait(PATIENCE), program.stderr.read()), (0, ""))
            finally:
                program.kill()
                program.wait()
                program.stderr.close()
            self.assertEqual(self.calls(collector), {"inner": 2 * CALLS, "main": 1})
            self.assertEqual([row["state"] for row in collector.all_traces()], ["complete"])

    def test_forks(self):
        """Processes that the program forks are observed likewise, each by a connection of its own; and the program may use TLS itself."""
        with Secured() as collector:
            done = self.run_program(collector, "--writer-ca", path("ca.pem"), text="""
                import os, ssl, sys

                def work():
                    return ssl.create_default_context() is not None

                for _ in range(3):
                    child = os.fork()
                    if child == 0:
                        work()
                        sys.exit(0)
                    assert os.waitpid(child, 0)[1] == 0
                work()
                """)
            self.assertEqual(done.stderr, "")
            self.assertEqual(self.calls(collector)["work"], 4)

    def test_is_not_loaded_without(self):
        with Secured() as collector:
            self.assertEqual(self.run_program(collector, port=collector.port, scheme="tcp").stdout, "False False\n")
            self.assertEqual(self.run_program(collector, "--writer-ca", path("ca.pem")).stdout, "True True\n")

    def test_refuses(self):
        """A collector that does not show who it is gets nothing, and the program runs on."""
        for server, options, host, words in (("server", ("--writer-ca", path("other-ca.pem")), "localhost", "certificate is not believed"),
                                             ("server", (), "localhost", "certificate is not believed"),
                                             ("expired", ("--writer-ca", path("ca.pem")), "localhost", "expired"),
                                             ("elsewhere", ("--writer-ca", path("ca.pem")), "localhost", "hostname mismatch"),
                                             ("elsewhere", ("--writer-ca", path("ca.pem")), "127.0.0.1", "IP address mismatch")):
            with Secured(server=server) as collector:
                said = self.run_program(collector, *options, host=host).stderr
                self.assertIn(words, said)
                self.assertIn("the program runs on", said)
                self.assertEqual(collector.metric("records_total"), 0)

    def test_plain_collector(self):
        """TLS to a port that does not speak it."""
        with Secured() as collector:
            said = self.run_program(collector, "--writer-ca", path("ca.pem"), port=collector.port).stderr
            self.assertIn("no collector at tls://localhost:%d" % collector.port, said)

    def test_wrong_options(self):
        for options, word in ((("--writer-ca", path("nothing")), "No such file"), (("--writer-cert", path("ca.pem")), "--writer-key"),
                              (("--writer", "tls://localhost"), "tls://HOST:PORT"), (("--writer", "tls://localhost:1?what=1"), "ca=, cert= and key=")):
            done = subprocess.run([os.environ["KIEKER_PYTHON"], "-m", "kieker", "--writer", "tls://localhost:1"] + list(options) + ["-c", "pass"],
                                  capture_output=True, text=True, timeout=PATIENCE)
            self.assertEqual(done.returncode, 2, done)
            self.assertIn(word, done.stderr)


if __name__ == "__main__":
    need_openssl()
    unittest.main()
