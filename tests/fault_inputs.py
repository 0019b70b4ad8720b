# SPDX-License-Identifier: Apache-2.0
"""Bad input by kind and number, to the port of records and to that of the page, while a good client goes on: it prints how much of each was tried.

KIEKER_LOAD (1 by default) says how much.
"""
import os
import random
import socket
import struct
import unittest

from e2e_collector import captures
from e2e_collector_process import Collector, entry, until
from fault_process import Good

LOAD = float(os.environ.get("KIEKER_LOAD", "1"))
SEED = int(os.environ.get("KIEKER_SEED", random.randrange(1 << 32)))


def told(kind, number, more=""):
    print("bad input: %s: %d%s" % (kind, number, more), flush=True)


def changed(data, dice):
    """A few bytes of a capture set, put in, taken out or doubled."""
    data = bytearray(data)
    for _ in range(dice.randrange(1, 6)):
        at, how = dice.randrange(len(data)), dice.randrange(4)
        if how == 0:
            data[at] = dice.randrange(256)
        elif how == 1:
            data[at:at] = dice.randbytes(dice.randrange(1, 9))
        elif how == 2:
            del data[at:at + dice.randrange(1, 9)]
        else:
            data[at:at] = data[at:at + dice.randrange(1, 200)]
        if not data:
            data = bytearray(1)
    return bytes(data)


class Inputs(unittest.TestCase):
    def setUp(self):
        self.dice = random.Random(SEED)
        print("seed %d (KIEKER_SEED)" % SEED)
        self.collector = Collector("--log-level", "warn")
        self.addCleanup(self.collector.__exit__)
        self.good = Good(self.collector)

    def tearDown(self):
        sent = self.good.stop()
        until(lambda: self.collector.verb("traces", root="good", component="shop.Catalog", limit=1)["total"] >= sent, "the good client's traces")
        self.assertEqual(self.collector.stop(), 0)
        self.assertNotIn("ERROR: ", self.collector.log())
        self.assertNotIn("runtime error", self.collector.log())

    def test_records(self):
        recorded = [capture.bytes for capture in captures()]
        whole = self.dice.choice(recorded)
        huge = [-1, -(1 << 31), (1 << 31) - 1, (1 << 20) + 1]
        many = int(1000 * LOAD)
        kinds = {
            "records, random bytes": (self.dice.randbytes(self.dice.randrange(1, 3000)) for _ in range(many // 2)),
            "records, captures with bytes changed": (changed(self.dice.choice(recorded), self.dice) for _ in range(many)),
            "records, captures cut off": (whole[:self.dice.randrange(1, len(whole))] for _ in range(many // 4)),
            "records, impossible lengths": (whole + struct.pack(">iii", -1, 91, self.dice.choice(huge)) for _ in range(many // 8)),
            "records, unknown classes": (whole + entry(90, "x.Y%d" % n) + struct.pack(">iq", 90, -1) for n in range(many // 8)),
            "records, class ids never announced": (whole + struct.pack(">iq", self.dice.randrange(5000, 1 << 31), -1) for _ in range(many // 8)),
        }
        clients = 1
        for kind, inputs in kinds.items():
            number = 0
            for data in inputs:
                number += 1
                try:
                    self.collector.send(data)
                except ConnectionError:
                    pass  # closed while it was sending
            clients += number
            until(lambda: self.collector.metric("connections_total") == clients and self.collector.metric("connections") == 1, "their end")
            told(kind, number)

    def speak(self, data):
        """The first line of the answer, or nothing."""
        with socket.create_connection(("127.0.0.1", self.collector.http_port), 60) as sock:
            try:
                sock.sendall(data)
                sock.settimeout(0.5)  # what is no whole request has no answer
                return sock.recv(65536).split(b"\r\n", 1)[0]
            except (ConnectionError, socket.timeout):
                return b""

    def test_http(self):
        many = int(200 * LOAD)
        host = b"\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"

        def get(path):
            return b"GET " + path + b" HTTP/1.1" + host
        kinds = {
            "http, random bytes": [self.dice.randbytes(self.dice.randrange(1, 2000)) + b"\r\n\r\n" for _ in range(many)],
            "http, bad percent-encoding": [get(b"/api/v1/traces?root=" + bad)
                                           for bad in (b"%", b"%2", b"%zz", b"%00", b"%ff%fe", b"a%0d%0ab") * (many // 20)],
            "http, long queries": [get(b"/api/v1/traces?root=" + b"a" * size) for size in (1000, 10000, 30000, 100000, 1000000)],
            "http, many parameters": [get(b"/api/v1/traces?" + b"&".join([b"root=a"] * number)) for number in (10, 1000, 4000)],
            "http, huge headers": [b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: " + b"x" * size + b"\r\n\r\n" for size in (10000, 100000, 1000000)],
            "http, many headers": [b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * number + b"\r\n" for number in (100, 10000)],
            "http, pipelines": [get(b"/healthz").replace(b"Connection: close\r\n", b"") * 50 + get(b"/healthz")],
            "http, bad lengths of bodies": [b"POST /api/v1/status HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: " + length + b"\r\n\r\nx"
                                            for length in (b"-1", b"x", b"99999999999999999999", b"10", b"0x10")],
            "http, bad chunks": [b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk
                                 for chunk in (b"zz\r\n", b"-1\r\n", b"ffffffffffffffffff\r\n", b"5\r\nab")],
        }
        for kind, inputs in kinds.items():
            lines = [self.speak(data) for data in inputs]
            for line in lines:
                self.assertNotRegex(line, rb"^HTTP/1\.\d 500")
            told(kind, len(lines), ", %d answered" % sum(1 for line in lines if line))
            self.assertEqual(self.collector.ask("/healthz")[0], 200)

    def test_half_requests(self):
        """Requests that do not end, nearly as many as there may be connections. Others are answered, records come in."""
        halves = []
        for _ in range(200):
            sock = socket.create_connection(("127.0.0.1", self.collector.http_port), 60)
            sock.sendall(b"GET /api/v1/traces HTTP/1.1\r\nHost: 127.0.0.1\r\nX: ")
            halves.append(sock)
        before = self.good.sent
        until(lambda: self.good.sent > before + 20, "the good client to go on")
        for sock in halves:
            sock.close()
        self.assertEqual(self.collector.ask("/healthz")[0], 200)
        told("http, half requests at a time", len(halves))


if __name__ == "__main__":
    unittest.main(verbosity=2)
