# SPDX-License-Identifier: Apache-2.0
"""The page and the API when clients send requests by halves, queries take too long, and tokens change."""
import contextlib
import http.client
import json
import os
import random
import signal
import socket
import sqlite3
import subprocess
import tempfile
import threading
import unittest
import urllib.parse

from e2e_collector_process import PATIENCE, Client, Collector, until

HALVES = {
    "nothing": b"",
    "half a line": b"GET /api/v1/sta",
    "half a head": b"GET /api/v1/status HTTP/1.1\r\nHost: localhost\r\nAccept: applic",
    "no empty line": b"GET / HTTP/1.1\r\nHost: localhost\r\n",
    "half a body": b"POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{\"resource",
}


def ended(sock):
    """Whether the other side has closed it; waits until it does."""
    sock.settimeout(PATIENCE)
    try:
        while sock.recv(65536):
            pass
    except ConnectionResetError:
        pass
    return True


class Halves(unittest.TestCase):
    def open(self, collector, data):
        sock = socket.create_connection(("127.0.0.1", collector.http_port), PATIENCE)
        self.addCleanup(sock.close)
        sock.sendall(data)
        return sock

    def test_timeout(self):
        """Each kind of half is closed by and by, also one of which a byte comes now and then, and is counted; whole ones are not."""
        with Collector("--http-request-timeout", "700ms") as collector:
            socks = [self.open(collector, data) for data in HALVES.values()]
            slow = self.open(collector, b"GET / HTTP/1.1\r\n")
            body = self.open(collector, HALVES["half a body"])
            events = self.open(collector, b"GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
            stopping = threading.Event()

            def trickle():
                while not stopping.wait(0.1):
                    for sock in (slow, body):
                        try:
                            sock.send(b"x")
                        except OSError:
                            pass  # closed, as it must be
            feeder = threading.Thread(target=trickle)
            feeder.start()
            try:
                self.assertTrue(all(ended(sock) for sock in socks + [slow, body]))
            finally:
                stopping.set()
                feeder.join(PATIENCE)
            self.assertEqual(collector.metric("http_closed_total"), len(HALVES) + 2)
            until(lambda: b"event: summary" in events.recv(65536), "an event, of a stream that nobody closes")
            self.assertEqual(collector.stop(), 0)

    def test_many(self):
        """Many more than there may be connections: the page answers all the while."""
        with Collector("--http-connections", "32", "--http-request-timeout", "3600s") as collector:
            dice, socks = random.Random(3), []
            for number in range(400):
                socks.append(self.open(collector, dice.choice(list(HALVES.values()))))
                if number % 20 == 19:
                    self.assertEqual(collector.ask("/api/v1/status")[0], 200)
                    self.assertEqual(collector.ask("/")[0] // 100 in (2, 4), True)
            closed = collector.metric("http_closed_total")
            self.assertGreaterEqual(closed, 400 - 32)
            # Whoever has asked and waits, and whoever keeps the connection for a next request, is answered.
            keeper = http.client.HTTPConnection("127.0.0.1", collector.http_port, timeout=PATIENCE)
            self.addCleanup(keeper.close)
            for _ in range(3):
                keeper.request("GET", "/api/v1/status")
                self.assertEqual(json.loads(keeper.getresponse().read())["total"], 1)
            self.assertEqual(collector.stop(), 0)


def query(*arguments):
    done = subprocess.run([os.environ["KIEKER_QUERY"]] + list(arguments), capture_output=True, text=True, timeout=PATIENCE,
                          env={k: v for k, v in os.environ.items() if not k.startswith("KIEKER_")})
    return done.returncode, done.stdout, done.stderr


ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
SLOW = (("sql", {"query": ENDLESS}), ("sql", {"query": "SELECT count(*) FROM call a, call b, call c, call d"}),
        ("sql", {"query": "SELECT sum(a.duration_ns) FROM trace a, trace b, trace c, trace d"}))


class Limits(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.collector = Collector("--query-timeout", "3s")
        dice, client, out = random.Random(2), Client(), []
        for number in range(1, 3001):
            out.append(client.trace(number, ["op%d" % dice.randrange(300) for _ in range(12)]))
        cls.collector.send(b"".join(out))
        cls.collector.settled(3000 * 25)

    @classmethod
    def tearDownClass(cls):
        cls.collector.__exit__()

    def ask(self, verb, parameters):
        status, _, body = self.collector.ask("/api/v1/%s?%s" % (verb, urllib.parse.urlencode(parameters)))
        return status, json.loads(body)

    def test_too_long(self):
        """503, as the description says, and a sentence; the next query is answered."""
        described = json.loads(self.collector.ask("/api/v1/openapi.json")[2])["paths"]["/api/v1/sql"]["get"]["responses"]
        self.assertIn("too long", described["503"]["description"])
        for verb, parameters in SLOW:
            with self.subTest(**parameters):
                status, answer = self.ask(verb, parameters)
                self.assertEqual(status, 503, answer)
                self.assertRegex(answer["error"], "longer than|took longer")
                self.assertEqual(self.ask("sql", {"query": "SELECT count(*) AS n FROM trace"})[1]["rows"], [{"n": 3000}])

    def test_any_verb_too_long(self):
        """Whatever is asked: what is not answered in time is 503."""
        with Collector("--query-timeout", "10ms", directory=self.collector.directory + "-short", start=False) as short:
            os.mkdir(short.directory)
            short.owns_directory = True
            source, there = self.collector.database, short.database
            with contextlib.closing(sqlite3.connect(source)) as copy:
                copy.execute("VACUUM INTO ?", (there,))
            short.start()
            seen = set()
            for verb, parameters in (("operations", {}), ("tree", {}), ("graph", {"level": "operation"}), ("classes", {}), ("traces", {"op": "op1*"}),
                                     ("export", {"to": "chrome"}), ("export", {"to": "csv"}), ("export", {"to": "folded"}),
                                     ("latency", {"op": "op2"}), ("sql", {"query": ENDLESS})):
                status, _, body = short.ask("/api/v1/%s?%s" % (verb, urllib.parse.urlencode(parameters)))
                seen.add(status)
                self.assertIn(status, (200, 404, 503), (verb, parameters, body[:300]))
                if status == 503:
                    self.assertRegex(json.loads(body)["error"], "longer than|took longer", verb)
            self.assertIn(503, seen)
            self.assertEqual(short.stop(), 0)

    def test_rows(self):
        """How many rows there may be is said where they are too many; a limit beyond what is allowed is refused."""
        answer = self.collector.verb("sql", query="SELECT id FROM trace")
        self.assertEqual((len(answer["rows"]), answer["truncated"]), (1000, True))
        for verb in ("traces", "sql", "operations"):
            status, answer = self.ask(verb, {"limit": 10**9, "query": "SELECT 1"} if verb == "sql" else {"limit": 10**9})
            self.assertEqual(status, 400, answer)
            self.assertIn("limit", answer["error"])

    def test_command_line(self):
        """--timeout, of a database and of a server; without one as long as it takes."""
        server = "http://127.0.0.1:%d" % self.collector.http_port
        for where in (["--database", self.collector.database], ["--server", server]):
            status, out, error = query("sql", ENDLESS, "--timeout", "100ms", *where)
            self.assertEqual((status, out), (3, ""), error)
            self.assertRegex(error, "longer|--timeout")
            self.assertEqual(query("traces", "--timeout", "50s", *where)[0], 0)
        status, _, error = query("sql", ENDLESS, "--server", server)
        self.assertEqual(status, 3, error)
        self.assertRegex(error, "longer")
        for wrong in ("5", "0s", "-1s", "soon", "999h"):
            status, _, error = query("status", "--timeout=" + wrong, "--database", self.collector.database)
            self.assertEqual(status, 2, wrong)
            self.assertIn("--timeout", error)

    def test_classes(self):
        """Our own views can be read, without what they use being a way to hold a worker up."""
        rows = self.collector.verb("sql", query="SELECT * FROM classes LIMIT 100")["rows"]
        self.assertEqual(len(rows), 100)
        self.assertTrue(all(len(row["hash"]) == 16 and set(row["hash"]) <= set("0123456789abcdef") for row in rows), rows[:3])
        whole = json.loads(query("sql", "--database", self.collector.database, "--json", "SELECT * FROM classes LIMIT 100")[1])["rows"]
        self.assertEqual(rows, whole)
        for column in ("printf('%*c', 2147483647, 'x')", "printf('%2147483647d', 1)", "format('%d', 1)", "printf()", "printf(NULL)", "printf('%016x')",
                       "printf('%016x', 1, 2)", "printf(x'00')"):
            status, answer = self.ask("sql", {"query": "WITH classes AS (SELECT %s AS a) SELECT a FROM classes" % column})
            self.assertEqual(status, 400, (column, answer))


class Tokens(unittest.TestCase):
    def test_streams_end_with_their_token(self):
        with tempfile.TemporaryDirectory() as directory:
            path = os.path.join(directory, "token")

            def write(token):
                with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as f:
                    f.write(token)
            write("the-first-token-of-all")
            with Collector("--http-token", path) as collector:
                def follow(token):
                    sock = socket.create_connection(("127.0.0.1", collector.http_port), PATIENCE)
                    self.addCleanup(sock.close)
                    sock.sendall(b"GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\n\r\n" % token.encode())
                    self.assertIn(b" 200 ", sock.recv(65536))
                    return sock
                old = [follow("the-first-token-of-all") for _ in range(3)]
                collector.process.send_signal(signal.SIGHUP)  # the same token: nothing ends
                for sock in old:
                    until(lambda: b"event: summary" in sock.recv(65536), "an event")
                write("another-token-than-it-was")
                collector.process.send_signal(signal.SIGHUP)
                for sock in old:
                    until(lambda: sock.recv(65536).endswith(b"0\r\n\r\n"), "the stream's end")
                new = follow("another-token-than-it-was")
                until(lambda: b"event: summary" in new.recv(65536), "an event")
                self.assertEqual(collector.stop(), 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
