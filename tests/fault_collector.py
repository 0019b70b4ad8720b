# SPDX-License-Identifier: Apache-2.0
"""Clients that do what they must not: each costs its own connection, one line in the log and one counter, and nobody else notices.

A well-behaved client stays connected through all of it, and what it sends in the end is there.
"""
import os
import random
import re
import resource
import socket
import struct
import subprocess
import threading
import time
import unittest
import urllib.parse

from e2e_collector_process import Client, Collector, entry, program, until

SEED = int(os.environ.get("KIEKER_SEED", random.randrange(1 << 32)))


class Hostile(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        print("seed %d (KIEKER_SEED)" % SEED)

    def setUp(self):
        self.collector = Collector()
        self.addCleanup(self.collector.__exit__)
        self.good = self.collector.connect()
        self.addCleanup(self.good.close)
        self.client = Client()
        self.good.sendall(self.client.trace(1))
        until(lambda: self.collector.verb("traces")["total"] == 1, "the good client's trace")

    def tearDown(self):
        """The other client has noticed nothing, and the collector ends as it should."""
        before = self.collector.verb("traces", root="main", component="shop.Catalog")["total"]
        self.good.sendall(self.client.trace(2))
        until(lambda: self.collector.verb("traces", root="main", component="shop.Catalog")["total"] == before + 1, "the good client's second trace")
        self.good.close()
        self.assertEqual(self.collector.stop(), 0)
        self.assertNotIn("ERROR: ", self.collector.log())  # a sanitizer's
        self.assertNotIn("runtime error", self.collector.log())

    def check(self, data, reason, sentence, kept=1):
        """Sends a good trace, then `data`: the connection ends for `reason`, the trace is kept."""
        bad = Client()
        whole = bad.trace(7, ["kept"])
        with self.collector.connect() as sock:
            sock.sendall(whole + data)
            if reason == "cut_off":
                sock.shutdown(socket.SHUT_WR)
            until(lambda: self.collector.lost(reason) == 1, "the counter %s" % reason)
            self.assertEqual(len(sock.recv(1) if reason == "cut_off" else b""), 0)
        lines = self.collector.log_lines(" warn ")
        self.assertEqual(len(lines), 1, lines)
        self.assertIn("event=%s " % reason, lines[0])
        self.assertRegex(lines[0], sentence)
        self.assertRegex(lines[0], r"stream=2 peer=127\.0\.0\.1:\d+ ")
        self.assertEqual(int(re.search(r" bytes=(\d+)", lines[0]).group(1)), len(whole))
        until(lambda: self.collector.verb("traces", root="kept")["total"] == kept, "what came before")
        counters = self.collector.verb("status")["rows"][0]["counters"]
        self.assertEqual(counters.get(reason), 1, counters)

    def test_unknown_class_id(self):
        self.check(struct.pack(">iq", 4711, -1), "unknown_class_id", "4711")

    def test_unknown_class(self):
        self.unknown_class("x.Y", r'error="unknown record type \(90\) x\.Y: --records FILE\.irl teaches it"')

    def unknown_class(self, name, sentence):
        bad = Client()
        whole = bad.trace(7, ["kept"]) + entry(90, name)
        with self.collector.connect() as sock:
            sock.sendall(whole + struct.pack(">iq", 90, -1))
            until(lambda: self.collector.lost("unknown_class") == 1, "the counter")
        line, = self.collector.log_lines(" warn ")
        self.assertRegex(line, sentence)
        self.assertIn(" bytes=%d" % len(whole), line)
        until(lambda: self.collector.verb("traces", root="kept")["total"] == 1, "what came before")

    def test_class_name_that_forges_the_log(self):
        self.unknown_class('x\n2026-03-01T12:00:00Z error "forged\x1b[31m\u2028\u202e\x9b', r"\\x0a.*\\\"forged\\x1b\[31m")
        self.assertFalse(re.search(r"^\S+ error ", self.collector.log(), re.M))
        self.assertNotIn("\x1b", self.collector.log())

    def test_negative_length(self):
        self.check(struct.pack(">iii", -1, 91, -5), "bad_length", "length of -5")

    def test_huge_length(self):
        self.check(struct.pack(">iii", -1, 91, 0x7FFFFFFF), "bad_length", "length of 2147483647")

    def test_half_a_record(self):
        self.check(Client().event("BeforeOperationEvent", 7, 0, "main")[:30], "cut_off", "30 bytes")

    def test_half_an_entry(self):
        self.check(entry(91, "half an entry")[:20], "cut_off", "20 bytes")

    def test_reset(self):
        """A client that is killed with bytes unread, or a machine that goes away."""
        sock = self.collector.connect()
        sock.sendall(Client().trace(7, ["kept"]))
        until(lambda: self.collector.verb("traces", root="kept")["total"] == 1, "the trace")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.close()
        until(lambda: self.collector.lost("connection_reset") == 1, "the counter")
        self.assertEqual(len(self.collector.log_lines("event=connection_reset")), 1)

    def test_unknown_string_id(self):
        """No reason to end anything: the name is not known, the call is."""
        bad = Client()
        with self.collector.connect() as sock:
            head, number = bad.name("kieker.common.record.flow.trace.TraceMetadata")
            before, before_id = bad.name("kieker.common.record.flow.trace.operation.BeforeOperationEvent")
            after, after_id = bad.name("kieker.common.record.flow.trace.operation.AfterOperationEvent")
            sock.sendall(head + before + after + struct.pack(">iqqqiiqi", number, -1, 9, 1, 1000, 1001, 9, -1))
            sock.sendall(struct.pack(">iqqqiii", before_id, -1, bad.time, 9, 0, 1002, 1003))
            sock.sendall(struct.pack(">iqqqiii", after_id, -1, bad.time + 5, 9, 1, 1002, 1003))
            rows = until(lambda: [row for row in self.collector.verb("traces")["rows"] if row["trace_id"] == "9"], "the trace")
            self.assertEqual((rows[0]["calls"], rows[0]["state"]), (1, "complete"))
        until(lambda: self.collector.metric("connections") == 1, "its end")
        self.assertEqual(self.collector.log_lines(" warn "), [])

    def test_nothing_said(self):
        quiet = [self.collector.connect() for _ in range(5)]
        until(lambda: self.collector.metric("connections") == 6, "the clients")
        time.sleep(0.3)
        for sock in quiet:
            sock.close()
        until(lambda: self.collector.metric("connections") == 1, "their end")
        self.assertEqual(self.collector.log_lines(" warn "), [])
        self.assertEqual(len(self.collector.log_lines("event=closed", "records=0")), 5)

    def wait_for_end_of(self, clients):
        until(lambda: self.collector.metric("connections_total") == 1 + clients, "them to be accepted")
        until(lambda: self.collector.metric("connections") == 1, "their end")

    def check_ends(self, clients, *words):
        """All are counted. Of those that could not be read the log has a few at once, then one a second, which says how many were left out."""
        lines = self.collector.log_lines(*words)
        lost = sum(count for name, count in self.collector.metrics().items() if name.startswith("kieker_connections_lost_total"))
        closed = len(self.collector.log_lines("event=closed", "stream="))
        self.assertEqual(lost + closed, clients)
        warnings = [line for line in lines if " warn " in line]
        left_out = sum(int(line.partition(" left_out=")[2] or 0) for line in warnings)
        self.assertGreaterEqual(len(warnings), 10)
        self.assertLessEqual(len(warnings) + left_out, lost)

    def test_random_bytes(self):
        dice = random.Random(SEED)
        for _ in range(100):
            try:
                self.collector.send(dice.randbytes(dice.randrange(1, 5000)))
            except ConnectionError:
                pass  # ended while it was sending: that may be
        self.wait_for_end_of(100)
        self.check_ends(100, " warn connection event=")

    def test_random_changes(self):
        """Streams that are nearly right get further in."""
        dice = random.Random(SEED + 1)
        whole = b"".join(Client().trace(n, ["a", "b", "c"]) for n in range(1, 6))
        for _ in range(300):
            data = bytearray(whole)
            for _ in range(dice.randrange(1, 6)):
                data[dice.randrange(len(data))] = dice.randrange(256)
            try:
                self.collector.send(data)
            except ConnectionError:
                pass
        self.wait_for_end_of(300)
        self.check_ends(300, "connection event=", "stream=")

    def test_500_connections(self):
        many = [self.collector.connect() for _ in range(500)]
        for number, sock in enumerate(many):
            sock.sendall(Client().trace(number + 10, ["many"]))
        until(lambda: self.collector.verb("traces", root="many")["total"] == 500, "their traces")
        self.assertEqual(self.collector.metric("connections"), 501)
        for sock in many:
            sock.close()
        until(lambda: self.collector.metric("connections") == 1, "their end")
        self.assertEqual(self.collector.log_lines(" warn "), [])

    def test_slow_client(self):
        """A long string that comes in small pieces, while another client is served."""
        text = "slow" * 60000
        data = entry(0, text)
        with self.collector.connect() as sock:
            for at in range(0, len(data), 5000):
                sock.sendall(data[at:at + 5000])
                time.sleep(0.001)
            until(lambda: self.collector.metric("stream_bytes") >= len(text), "the string")
        until(lambda: self.collector.metric("connections") == 1, "its end")
        self.assertEqual(len(self.collector.log_lines("event=closed", "bytes=%d" % len(data))), 1)

    def test_long_string(self):
        """As Java announces it, in UTF-16 units of which each takes three bytes: nearly a mebibyte of them."""
        text = "€" * ((1 << 20) // 3)
        with self.collector.connect() as sock:
            sock.sendall(entry(0, text, len(text)) + entry(1, "next"))
            until(lambda: self.collector.metric("stream_bytes") >= len(text.encode()), "the string")
        until(lambda: self.collector.metric("connections") == 1, "its end")
        self.assertEqual(self.collector.log_lines(" warn "), [])


class Limits(unittest.TestCase):
    def test_memory_of_streams(self):
        """Who fills memory with strings is ended, not who has few."""
        with Collector("--stream-memory", "4M") as collector, collector.connect() as modest, collector.connect() as greedy:
            client = Client()
            modest.sendall(client.trace(1))
            try:
                for number in range(100):
                    greedy.sendall(entry(number, "x" * 100000))
            except ConnectionError:
                pass
            until(lambda: collector.lost("memory_limit") == 1, "the end of the greedy one")
            self.assertIn("--stream-memory", collector.log_lines(" warn ")[0])
            modest.sendall(client.trace(2))
            until(lambda: collector.verb("traces")["total"] == 2, "the modest one's traces")

    def test_as_many_clients_as_allowed(self):
        """Further ones wait in the kernel, and are served when one leaves; said once."""
        with Collector("--max-connections", "3") as collector:
            first = [collector.connect() for _ in range(3)]
            until(lambda: collector.metric("connections") == 3, "three clients")
            late = [collector.connect() for _ in range(4)]
            for number, sock in enumerate(late):
                sock.sendall(Client().trace(number, ["late"]))
                sock.close()
            until(lambda: collector.metric("accept_pauses_total") >= 1, "the pause")
            self.assertEqual(collector.metric("connections"), 3)
            for sock in first:
                sock.close()
            until(lambda: collector.verb("traces", root="late")["total"] == 4, "those who waited")
            self.assertEqual(len(collector.log_lines(" warn listener")), 1)
            self.assertEqual(collector.stop(), 0)

    def test_out_of_descriptors(self):
        """Where the limit of open files is lower than what was asked for, fewer clients are taken, with a line that says so."""
        def few_files():
            resource.setrlimit(resource.RLIMIT_NOFILE, (400, 400))
        with Collector("--http-connections", "64", preexec_fn=few_files) as collector:
            line, = collector.log_lines(" warn listener")
            most = int(re.search(r"max_connections=(\d+)", line).group(1))
            self.assertTrue(0 < most < 400, most)
            socks = [collector.connect() for _ in range(most + 20)]
            for number, sock in enumerate(socks):
                sock.sendall(Client().trace(number, ["few"]))
            until(lambda: collector.verb("traces", root="few")["total"] == most, "as many as can be")
            for sock in socks:
                sock.close()
            until(lambda: collector.verb("traces", root="few")["total"] == most + 20, "the others")
            self.assertEqual(collector.stop(), 0)

    def test_port_taken(self):
        with Collector() as collector:
            for option in ("--port", "--http-port"):
                port = collector.port if option == "--port" else collector.http_port
                second = subprocess.run([program(), "--port", "0", "--http-port", "0", option, str(port), "--database", collector.database + "2"],
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True)
                self.assertEqual(second.returncode, 1)
                self.assertRegex(second.stdout, r"^kieker-collector: port %d of 127\.0\.0\.1 is taken .* %s" % (port, option))
                self.assertFalse(os.path.exists(collector.database + "2"))

    def test_one_collector_a_database(self):
        with Collector() as collector:
            second = subprocess.run([program(), "--port", "0", "--http-port", "0", "--database", collector.database],
                                    stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True)
            self.assertEqual(second.returncode, 1)
            self.assertIn(collector.database, second.stdout)


class Http(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.collector = Collector()

    @classmethod
    def tearDownClass(cls):
        status = cls.collector.stop()
        cls.collector.__exit__()
        assert status == 0, status

    def test_methods(self):
        for method in ("POST", "PUT", "DELETE", "OPTIONS", "PATCH"):
            status, headers, body = self.collector.ask("/api/v1/status", method, body=b"x" * 10000)
            self.assertEqual((status, headers["Allow"]), (405, "GET, HEAD"))
        status, headers, body = self.collector.ask("/api/v1/status", "HEAD")
        self.assertEqual((status, body), (200, b""))

    def test_foreign_host(self):
        for host in ("evil.example", "evil.example:80", "127.0.0.1.evil.example", "localhost.evil.example", "", "[::1", "a b"):
            status, _, body = self.collector.ask("/api/v1/status", headers={"Host": host})
            self.assertIn(status, (400, 421), host)
        for host in ("localhost", "LOCALHOST:8080", "127.0.0.1", "[::1]:80", "x.localhost", "192.168.1.1:1", socket.gethostname()):
            status, _, body = self.collector.ask("/api/v1/status", headers={"Host": host})
            self.assertEqual(status, 200, (host, body))

    def test_refusals_say_what_next(self):
        for path, status, word in (("/api/v1/trac", 404, "traces"), ("/api/v1/traces?limi=1", 400, "limit"), ("/api/v1/trace?id=99999", 404, "99999"),
                                   ("/api/v1/trace", 400, "id"), ("/api/v1/traces?min=10", 400, "min"), ("/no/such.file", 404, "/api/v1/"),
                                   ("/api/v1/traces?op=a%00b", 400, "zero"), ("/api/v1/sql?query=DROP+TABLE+trace", 400, "")):
            got, headers, body = self.collector.ask(path)
            self.assertEqual(got, status, (path, body))
            self.assertEqual(headers["Content-Type"], "application/json")
            self.assertRegex(body.decode(), r'^\{"error":".*%s' % word)

    def test_security_headers(self):
        for path in ("/", "/api/v1/status", "/metrics", "/healthz", "/no/such.file"):
            _, headers, _ = self.collector.ask(path)
            self.assertIn("default-src 'none'; script-src 'self' 'wasm-unsafe-eval'", headers["Content-Security-Policy"])
            self.assertNotIn("unsafe-inline", headers["Content-Security-Policy"])
            self.assertEqual((headers["X-Content-Type-Options"], headers["Referrer-Policy"]), ("nosniff", "no-referrer"))

    def test_long_queries(self):
        """Each ends after its time, and meanwhile what needs no query is answered."""
        endless = urllib.parse.quote("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n")
        with Collector("--query-timeout", "1s") as collector:
            answers = []
            threads = [threading.Thread(target=lambda: answers.append(collector.ask("/api/v1/sql?query=" + endless))) for _ in range(3)]
            for thread in threads:
                thread.start()
            while len(answers) < 3:
                self.assertEqual(collector.ask("/healthz")[0], 200)
                time.sleep(0.05)
            for thread in threads:
                thread.join()
            for status, _, body in answers:
                self.assertEqual(status, 503, body)
                self.assertIn(b'{"error":"', body)
            self.assertEqual(collector.ask("/api/v1/status")[0], 200)
            self.assertEqual(collector.stop(), 0)

    def test_garbage(self):
        dice = random.Random(SEED + 2)
        for head in (b"", b"GET ", b"GET / HTTP/1.1\r\n", b"GET /" + b"a" * 40000):
            with socket.create_connection(("127.0.0.1", self.collector.http_port), 10) as sock:
                try:
                    sock.sendall(head + dice.randbytes(2000) + b"\r\n\r\n")
                    sock.shutdown(socket.SHUT_WR)
                    while sock.recv(65536):
                        pass
                except OSError:
                    pass  # it was closed meanwhile
        self.assertEqual(self.collector.ask("/healthz")[2], b"ok\n")


if __name__ == "__main__":
    unittest.main(verbosity=2)
