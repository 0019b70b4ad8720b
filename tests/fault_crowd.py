# SPDX-License-Identifier: Apache-2.0
"""Captures of real clients by the thousand, many at a time, with slow, silent and broken ones among them: nothing is lost.

KIEKER_CROWD says how many clients there are at a time (200 by default; 2000 is what is promised), and there are three times as many in all.
"""
import os
import random
import resource
import socket
import struct
import time
import unittest

from e2e_collector import captures
from e2e_collector_process import Client, Collector, until
from fault_memory import largest, sanitized
from fault_process import descriptors, settled_descriptors

CROWD = int(os.environ.get("KIEKER_CROWD", "200"))
SEED = int(os.environ.get("KIEKER_SEED", random.randrange(1 << 32)))
MOST = 256 << 20


class Sender:
    """One client among many, driven by the loop below: sends its bytes piece by piece."""

    def __init__(self, collector, kind, data, dice):
        self.kind, self.data, self.at, self.dice = kind, data, 0, dice
        self.sock = socket.socket()
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.sock.connect(("127.0.0.1", collector.port))
        self.sock.setblocking(False)
        self.until = len(data) if kind not in ("half open", "reset") else dice.randrange(len(data))

    def step(self):
        """Sends a piece. Whether that was all."""
        size = {"whole": len(self.data), "pieces": self.dice.randrange(1, 400), "slow": self.dice.randrange(1, 9)}.get(self.kind, 100)
        try:
            self.at += self.sock.send(self.data[self.at:min(self.at + size, self.until)]) if self.at < self.until else 0
        except BlockingIOError:
            pass
        return self.at >= self.until

    def close(self):
        if self.kind == "reset":
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()


class Crowd(unittest.TestCase):
    def test_crowd(self):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, CROWD * 2 + 200)), hard))
        dice = random.Random(SEED)
        print("seed %d (KIEKER_SEED), %d clients at a time (KIEKER_CROWD)" % (SEED, CROWD))
        recorded = captures()
        self.assertTrue(recorded)
        for number, capture in enumerate(recorded):  # each has trace ids of its own
            capture.next_trace = (number + 1) << 32
        kinds = ["whole"] * 6 + ["pieces"] * 2 + ["slow"]
        with Collector("--log-level", "warn", "--batch-interval", "100ms") as collector, collector.connect() as quick:
            # What one of each gives, alone.
            for capture in recorded:
                collector.send(capture.sent_once_more())
            until(lambda: collector.metric("connections") == 1, "their end")
            alone = sum(len(capture.records) for capture in recorded)
            until(lambda: collector.metric("stored_records_total") == alone, "their records")
            traces = {}
            for row in collector.all_traces():
                traces.setdefault(row["stream"], []).append((row["calls"], row["failed"], row["depth"], row["state"]))
            by_capture = [sorted(of) for _, of in sorted(traces.items(), key=lambda item: int(item[0]))]
            self.assertEqual(len(by_capture), len(recorded))
            before, spare = settled_descriptors(collector), 3 * CROWD
            latencies, client, number = [], Client(), 0
            expected, count, broken = alone, {kind: 0 for kind in kinds}, 0
            senders, most_at_a_time = [], 0
            looked = time.monotonic()
            silent = [collector.connect() for _ in range(CROWD // 20)]
            while spare > 0 or senders:
                while spare > 0 and len(senders) < CROWD:
                    kind, capture = dice.choice(kinds), dice.choice(recorded)
                    senders.append(Sender(collector, kind, capture.sent_once_more(), dice))
                    expected += len(capture.records)
                    count[kind] += 1
                    spare -= 1
                most_at_a_time = max(most_at_a_time, len(senders) + len(silent))
                left = []
                for sender in senders:
                    # Whoever is whole is held back for a while, so that there are many at a time.
                    if dice.random() < 0.02 and sender.step():
                        sender.close()
                    elif sender.at < sender.until and sender.kind != "whole" and sender.step():
                        left.append(sender)
                    else:
                        left.append(sender)
                senders = left
                if time.monotonic() - looked > 0.5:
                    number += 1
                    quick.sendall(client.trace(number, ["quick"]))
                    sent = time.monotonic()
                    until(lambda: collector.verb("traces", root="quick")["total"] == number, "the quick client's trace")
                    latencies.append(time.monotonic() - sent)
                    looked = time.monotonic()
            until(lambda: collector.metric("connections") == 1 + len(silent), "the end of all but the silent")
            for sock in silent:
                sock.close()
            until(lambda: collector.metric("connections") == 1, "the silent ones' end")
            until(lambda: collector.metric("stored_records_total") == expected + 3 * number, "all records")
            metrics = collector.metrics()
            self.assertEqual(metrics["kieker_records_total"], expected + 3 * number)
            self.assertEqual(sum(n for name, n in metrics.items() if name.startswith("kieker_connections_lost")), 0)
            self.assertEqual(collector.verb("traces", limit=1)["total"], number + self.check_traces(collector, by_capture))
            # And those who break off: what they sent of whole records is there, nobody else is hurt.
            for kind in ("half open", "reset"):
                gone = [Sender(collector, kind, dice.choice(recorded).sent_once_more(), dice) for _ in range(CROWD // 2)]
                for sender in gone:
                    while not sender.step():
                        pass
                for sender in gone:
                    sender.close()
                broken += len(gone)
            clients = len(recorded) + 1 + len(silent) + 3 * CROWD + broken
            until(lambda: collector.metric("connections_total") == clients, "all of them to be accepted")
            until(lambda: collector.metric("connections") == 1, "their end")
            lost = {reason: collector.lost(reason) for reason in ("cut_off", "connection_reset")}
            self.assertLessEqual(sum(lost.values()), broken)
            number += 1
            quick.sendall(client.trace(number, ["quick"]))
            until(lambda: collector.verb("traces", root="quick")["total"] == number, "the quick client's last trace")
            until(lambda: descriptors(collector) <= before, "descriptors to return")
            most = largest(collector)
            print("clients: %s; at a time: %d; silent: %d; broken off: %d (%s)" % (
                ", ".join("%d %s" % (count[kind], kind) for kind in sorted(count)), most_at_a_time, len(silent), broken,
                ", ".join("%d %s" % (n, reason) for reason, n in lost.items())))
            print("records sent and stored: %d; most memory: %d MiB; descriptors before and after: %d, %d" % (
                expected + 3 * number, most >> 20, before, descriptors(collector)))
            if latencies:
                print("until another client's trace is seen: %.0f ms in the middle, %.0f at most, of %d" % (
                    sorted(latencies)[len(latencies) // 2] * 1000, max(latencies) * 1000, len(latencies)))
            if not sanitized(collector):
                self.assertLess(most, MOST)
            self.assertEqual(collector.stop(), 0)

    def check_traces(self, collector, by_capture):
        """Every stream has the traces that one of the captures gives alone. How many there are of all streams but the quick client's."""
        streams = {}
        for row in collector.all_traces():
            if row["root"] != "quick":
                streams.setdefault(row["stream"], []).append((row["calls"], row["failed"], row["depth"], row["state"]))
        for traces in streams.values():
            self.assertIn(sorted(traces), by_capture)
        return sum(len(traces) for traces in streams.values())


if __name__ == "__main__":
    unittest.main(verbosity=2)
