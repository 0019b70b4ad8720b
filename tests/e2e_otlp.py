# SPDX-License-Identifier: Apache-2.0
"""OTLP/HTTP into the real collector, as bytes that this test makes itself: what is taken, what is refused and how the client is told."""
import gzip
import json
import signal
import sqlite3
import struct
import unittest

from e2e_collector_process import Collector, until
from security_http import TOKEN, bearer, write

JSON, PROTOBUF = "application/json", "application/x-protobuf"
START = 1795360226000000000


def varint(number):
    out = b""
    while number >= 0x80:
        out += bytes([number & 0x7F | 0x80])
        number >>= 7
    return out + bytes([number])


def part(field, data):
    data = data.encode() if isinstance(data, str) else data
    return varint(field << 3 | 2) + varint(len(data)) + data


def pair(key, value):
    return part(1, key) + part(2, part(1, value))


def span(trace, number, parent=0, name="op", start=START, duration=1000):
    """A Span as protobuf; parent 0: none."""
    return (part(1, trace.to_bytes(16, "big")) + part(2, number.to_bytes(8, "big")) + (part(4, parent.to_bytes(8, "big")) if parent else b"") +
            part(5, name) + varint(7 << 3 | 1) + struct.pack("<Q", start) + varint(8 << 3 | 1) + struct.pack("<Q", start + duration))


def request(*spans, service="shop", scope="catalog"):
    resource = part(1, part(1, pair("service.name", service)))
    return part(1, resource + part(2, part(1, part(1, scope)) + b"".join(part(2, one) for one in spans)))


def json_request(*spans, service="shop"):
    return json.dumps({"resourceSpans": [{"resource": {"attributes": [{"key": "service.name", "value": {"stringValue": service}}]},
                                          "scopeSpans": [{"scope": {"name": "catalog"}, "spans": list(spans)}]}]})


def json_span(trace, number, parent=0, name="op", start=START, duration=1000, **more):
    more.update(traceId="%032x" % trace, spanId="%016x" % number, name=name, startTimeUnixNano=str(start), endTimeUnixNano=str(start + duration))
    return dict(more, parentSpanId="%016x" % parent) if parent else more


def fields(data):
    """{field number: value} of a protobuf message of numbers and bytes."""
    def number():
        nonlocal data
        value = shift = 0
        while True:
            byte, data = data[0], data[1:]
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value
    found = {}
    while data:
        key = number()
        if key & 7 == 0:
            found[key >> 3] = number()
        else:
            length = number()
            found[key >> 3], data = data[:length], data[length:]
    return found


class Ways(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.collector = Collector()

    @classmethod
    def tearDownClass(cls):
        status = cls.collector.stop()
        cls.collector.__exit__()
        assert status == 0, status

    def post(self, body, kind=PROTOBUF, **headers):
        headers = {k.replace("_", "-"): v for k, v in headers.items()}
        return self.collector.ask("/v1/traces", "POST", dict(headers, **{"Content-Type": kind}), body)

    def tree(self, service):
        """[(depth, component, operation, flaw or state)] of the first trace of a service, once it is stored."""
        rows = until(lambda: self.collector.verb("traces", component=service + "/*")["rows"], "the trace of " + service)
        return self.collector.verb("trace", id=rows[0]["id"])["rows"]

    def test_protobuf_becomes_a_call_tree(self):
        # The callee comes first, as exporters do it, and in a request of its own.
        self.assertEqual(self.post(request(span(1, 2, 1, "inner", START + 100, 300), service="pb"))[0::2], (200, b""))
        status, headers, body = self.post(request(span(1, 1, 0, "outer"), service="pb"))
        self.assertEqual((status, headers["Content-Type"], body), (200, PROTOBUF, b""))
        text = json.dumps(self.tree("pb"))
        self.assertIn("pb/catalog", text)
        self.assertLess(text.index("outer"), text.index("inner"))

    def test_json_and_gzip(self):
        failed = json_span(2, 1, name="work", status={"code": 2, "message": "no more books"})
        for body, more in ((json_request(failed, service="js"), {}), (gzip.compress(json_request(json_span(3, 1), service="gz").encode()),
                                                                       {"Content_Encoding": "gzip"})):
            status, headers, body = self.post(body, JSON, **more)
            self.assertEqual((status, headers["Content-Type"], body), (200, JSON, b"{}"))
        self.assertEqual(self.post(gzip.compress(request(span(4, 1), service="pz")), Content_Encoding="gzip")[0], 200)
        self.assertIn("no more books", json.dumps(self.tree("js")))
        self.tree("gz")
        self.tree("pz")
        self.assertEqual(self.post(json_request(), JSON + "; charset=utf-8")[0], 200)
        self.assertEqual(self.post(b"")[0], 200)

    def test_rejected_spans_are_told(self):
        before = self.collector.metric("spans_rejected_total")
        status, _, body = self.post(request(span(5, 1), span(0, 2), span(6, 0), service="some"))
        self.assertEqual(status, 200)
        told = fields(fields(body)[1])
        self.assertEqual(told[1], 2)
        self.assertIn(b"span id", told[2])
        status, _, body = self.post(json_request({"name": "no ids"}, json_span(7, 1), service="some"), JSON)
        self.assertEqual((status, json.loads(body)["partialSuccess"]["rejectedSpans"]), (200, "1"))
        self.assertEqual(self.collector.metric("spans_rejected_total") - before, 3)
        until(lambda: self.collector.verb("status")["rows"][0]["collector"]["spans_rejected"] == self.collector.metric("spans_rejected_total"),
              "status to say it")

    def test_refusals(self):
        small = request(span(8, 1))
        before = self.collector.metrics()
        cases = (
            (b"\xff" * 20, PROTOBUF, {}, 400, "ExportTraceServiceRequest"), (small[:-1], PROTOBUF, {}, 400, "ExportTraceServiceRequest"),
            (b"{", JSON, {}, 400, "no JSON"), (b'{"a":1}', JSON, {}, 400, "resourceSpans"), (small, "text/plain", {}, 415, "x-protobuf"),
            (small, PROTOBUF, {"Content_Encoding": "br"}, 415, "gzip"), (small, PROTOBUF, {"Content_Encoding": "gzip"}, 400, "gzip"),
            (gzip.compress(small)[:-4], PROTOBUF, {"Content_Encoding": "gzip"}, 400, "gzip"),
            (gzip.compress(small) + b"more", PROTOBUF, {"Content_Encoding": "gzip"}, 400, "gzip"),
            (b"\0" * (8 << 20 | 1), PROTOBUF, {}, 413, "8 MiB"), (b" " * (9 << 20), JSON, {}, 413, "8 MiB"),
            (gzip.compress(b"\0" * (200 << 20), 1), PROTOBUF, {"Content_Encoding": "gzip"}, 413, "8 MiB"),
            (b"[" + b"{},{}," * (1 << 20) + b"{}]", JSON, {}, 413, "protobuf"))
        for body, kind, more, wanted, word in cases:
            status, headers, answer = self.post(body, kind, **more)
            self.assertEqual(status, wanted, (body[:40], kind, more, answer))
            if headers["Content-Type"] == JSON:
                self.assertIn(word, json.loads(answer)["message"])
            else:
                self.assertEqual(headers["Content-Type"], PROTOBUF)
                self.assertIn(word.encode(), fields(answer)[2])
        after = self.collector.metrics()
        self.assertEqual(after["kieker_span_requests_refused_total"] - before["kieker_span_requests_refused_total"], len(cases))
        self.assertEqual(after["kieker_spans_total"], before["kieker_spans_total"])

    def test_other_methods(self):
        for method in ("GET", "HEAD", "PUT", "DELETE"):
            status, headers, _ = self.collector.ask("/v1/traces", method)
            self.assertEqual((status, headers["Allow"]), (405, "POST"), method)
        self.assertEqual(self.post(b"", Origin="http://evil.example")[0], 403)
        self.assertEqual(self.post(b"", Host="evil.example")[0], 421)
        self.assertEqual(self.collector.ask("/v1/metrics", "POST", {"Content-Type": PROTOBUF}, b"")[0], 405)


class Alone(unittest.TestCase):
    """Collectors of their own."""

    def test_token(self):
        with Collector(start=False) as collector:
            collector.options = ("--http-token", write(collector.directory + "/token", TOKEN))
            collector.start()
            kind = {"Content-Type": PROTOBUF}
            self.assertEqual(collector.ask("/v1/traces", "POST", kind, request(span(1, 1)))[0], 401)
            self.assertEqual(collector.ask("/v1/traces", "POST", dict(kind, **bearer("wrong")), request(span(1, 1)))[0], 401)
            self.assertEqual(collector.ask("/v1/traces", "POST", dict(kind, **bearer(TOKEN)), request(span(1, 1)))[0], 200)
            self.assertEqual(collector.stop(), 0)

    def test_what_waits_is_stored_at_the_end(self):
        with Collector() as collector:
            # Its parent never comes, so it would wait for half a minute.
            self.assertEqual(collector.ask("/v1/traces", "POST", {"Content-Type": PROTOBUF}, request(span(1, 2, 1, "orphan")))[0], 200)
            self.assertEqual(collector.stop(signal.SIGTERM), 0)
            collector.start()
            self.assertEqual(len(collector.all_traces()), 1)
            self.assertEqual(collector.stop(), 0)

    def test_who_sends_too_much_is_told_to_come_again(self):
        with Collector("--queue-size", "64K", "--batch-size", "64K") as collector:
            holder = sqlite3.connect(collector.database, isolation_level=None)
            holder.execute("BEGIN IMMEDIATE")  # nothing can be committed
            taken = 0
            for round_ in range(200):
                spans = [span(round_ * 1000 + i // 6 + 1, i % 6 + 1, i % 6, "ab"[i % 2] * 1000, START + i) for i in range(6000)]
                status, headers, body = collector.ask("/v1/traces", "POST", {"Content-Type": PROTOBUF}, request(*spans))
                if status != 200:
                    break
                taken += 6000
            self.assertEqual((status, headers["Retry-After"]), (503, "1"), body)
            self.assertIn(b"try again", fields(body)[2])
            self.assertGreater(taken, 0)
            holder.execute("ROLLBACK")
            holder.close()
            until(lambda: collector.metric("calls_total") == taken, "what was taken to be there")
            collector.settled(2 * taken)
            self.assertEqual(collector.ask("/v1/traces", "POST", {"Content-Type": PROTOBUF}, request(*spans))[0], 200)
            self.assertEqual(collector.stop(), 0)
            self.assertEqual(collector.log_lines("event=stopped", "lost_records=0"), collector.log_lines("event=stopped"))

    def test_many_spans(self):
        with Collector() as collector:
            for round_ in range(10):
                spans = [span(100 * round_ + i // 50 + 1, i % 50 + 1, i % 50, "op%d" % (i % 50), START + i, 1000000 - 10 * (i % 50))
                         for i in range(5000)]
                self.assertEqual(collector.ask("/v1/traces", "POST", {"Content-Type": PROTOBUF}, request(*spans))[0], 200)
            until(lambda: collector.metric("traces_finished_total") == 1000, "all traces")
            metrics = collector.metrics()
            self.assertEqual((metrics["kieker_calls_total"], metrics["kieker_spans_total"]), (50000, 50000))
            until(lambda: collector.metric("spans_waiting_bytes") == 0, "nothing to wait")
            self.assertEqual(collector.stop(), 0)
            self.assertEqual(collector.log_lines("level=error"), [])


if __name__ == "__main__":
    unittest.main()
