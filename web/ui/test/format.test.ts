// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import { atToMs, bytes, count, duration, isoTime, middle, minute, offset, parseDuration, percent, plural, short, unixFilter } from "../src/format.ts";

const plain = (s: string) => s.replace(/\u202f/g, " ");

test("digits stand in groups of three", () => {
  for (const [n, text] of [[0, "0"], [999, "999"], [1000, "1 000"], [103421, "103 421"], [1e7, "10 000 000"]] as const)
    assert.equal(plain(count(n)), text);
  assert.equal(plain(short(103421)), "103 k");
  assert.equal(plain(plural(1, "call")), "1 call");
  assert.equal(plain(plural(2000, "call")), "2 000 calls");
});

test("durations have three digits and the unit that fits", () => {
  for (const [ns, text] of [
    [0, "0 ns"],
    [1, "1 ns"],
    [999, "999 ns"],
    [1000, "1.00 µs"],
    [1234567, "1.23 ms"],
    [12345678, "12.3 ms"],
    [999949, "1.00 ms"],
    [999960, "1.00 ms"],
    [1.5e9, "1.50 s"],
    [61e9, "1 min 1 s"],
    [3723e9, "1 h 2 min"],
    [-5e6, "−5.00 ms"],
  ] as const)
    assert.equal(plain(duration(ns)), text, String(ns));
  assert.equal(duration(null), "–");
});

test("a share that is not nothing is not written as nothing", () => {
  assert.equal(plain(percent(0)), "0 %");
  assert.equal(plain(percent(0.0001)), "<0.1 %");
  assert.equal(plain(percent(0.4321)), "43.2 %");
  assert.equal(plain(percent(1)), "100 %");
  assert.equal(percent(1 / 0), "–");
});

test("points in time keep their nanoseconds", () => {
  const at = "1767225600123456789"; // more digits than a number holds
  assert.equal(isoTime(at), "2026-01-01T00:00:00.123456789Z");
  assert.equal(atToMs(at), 1767225600123);
  assert.equal(offset("1767225600123456790", at), 1);
  assert.equal(unixFilter(at), "@1767225600.123456789");
  assert.equal(unixFilter("1767225600999999999", 1n), "@1767225601.000000000");
  assert.equal(isoTime(null), "");
});

test("a minute has no seconds, today or another day", () => {
  const now = Date.UTC(2026, 0, 1, 12, 0, 0);
  assert.match(minute(String(BigInt(now) * 1_000_000n), now), /^\d\d:\d\d$/);
  assert.match(minute("1000000000000000000", now), /^2001-09-\d\d \d\d:\d\d$/);
});

test("a duration that was typed needs a unit", () => {
  assert.equal(parseDuration("10ms"), 10e6);
  assert.equal(parseDuration("1.5s"), 1.5e9);
  assert.equal(parseDuration("10"), null);
  assert.equal(parseDuration("ms"), null);
});

test("long names are cut in the middle", () => {
  assert.equal(middle("shop.catalog.Catalog.get_book", 12), "sho…get_book");
  assert.equal(middle("short", 12), "short");
  assert.equal(plain(bytes(4.56 * 2 ** 20)), "4.56 MiB");
});
