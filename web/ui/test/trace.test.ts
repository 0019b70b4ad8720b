// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Call } from "../src/api.ts";
import { Boxes, hueOf, ROW_H, AXIS_H, ticks, type Box, type View } from "../src/icicle.ts";
import { hiddenBelow, longestChild, nextHit, shownRows, TraceModel, unfoldOnlyChildren } from "../src/tracemodel.ts";

function call(id: string, start: number, ns: number, children: Call[] = [], more: Partial<Call> = {}): Call {
  return {
    call: id,
    operation: `op${id}`,
    operation_id: id,
    component: "c",
    host: "h",
    start_at: String(1767225600000000000n + BigInt(start)),
    duration_ns: ns,
    self_ns: ns,
    failed: false,
    cause: null,
    open: false,
    calls: 1,
    hidden_calls: 0,
    hidden_ns: 0,
    children,
    ...more,
  };
}

const START = "1767225600000000000";
const sample = () =>
  new TraceModel(START, [call("0", 0, 100, [call("1", 3, 10), call("2", 20, 60, [call("3", 21, 5, [], { failed: true })], { hidden_calls: 7, hidden_ns: 9 })])]);

test("starts are exact although the clock has nineteen digits", () => {
  assert.equal(sample().get("1")!.start, 3);
});

test("rows are what is unfolded, hidden calls last", () => {
  const m = sample();
  assert.deepEqual(shownRows(m.roots, new Set()).map((r) => r.key), ["0"]);
  const rows = shownRows(m.roots, new Set(["0", "2"]));
  assert.deepEqual(rows.map((r) => r.key), ["0", "1", "2", "3", "2+"]);
  assert.deepEqual(rows.map((r) => r.level), [1, 2, 2, 3, 3]);
  assert.deepEqual([rows[4]!.pos, rows[4]!.size, rows[4]!.more], [2, 2, true]);
  assert.deepEqual(rows.map((r) => r.open), [true, null, true, null, null]);
});

test("a fetched subtree takes its place", () => {
  const m = sample();
  assert.equal(hiddenBelow(m.get("0")!), 7);
  m.merge(call("2", 20, 60, [call("3", 21, 5), call("4", 30, 2)], { hidden_calls: 0 }));
  assert.equal(hiddenBelow(m.get("0")!), 0);
  assert.deepEqual(m.get("2")!.children.map((c) => c.id), ["3", "4"]);
  assert.equal(m.get("4")!.parent!.id, "2");
  assert.equal(m.get("0")!.children[1]!.id, "2");
});

test("what the server keeps summed up is not asked for again", () => {
  const m = sample();
  m.merge(call("2", 20, 60, [], { hidden_calls: 7 }));
  assert.equal(hiddenBelow(m.get("0")!), 0);
});

test("the longest child, and unfolding without a choice", () => {
  const m = sample();
  assert.equal(longestChild(m.roots[0]!)!.id, "2");
  const open = new Set<string>();
  unfoldOnlyChildren(m.roots, open);
  assert.deepEqual([...open], ["0"]);
});

test("hits follow one another, round and round", () => {
  const m = new TraceModel(START, [call("0", 0, 9, [call("1", 1, 1, [], { failed: true }), call("2", 2, 1), call("3", 3, 1, [], { failed: true })])]);
  const failed = (c: Call) => c.failed;
  const go = (from: string | undefined, step: 1 | -1) => nextHit(m.roots, from, step, failed)?.id;
  assert.equal(go(undefined, 1), "1");
  assert.equal(go("1", 1), "3");
  assert.equal(go("2", 1), "3");
  assert.equal(go("3", 1), "1");
  assert.equal(go("1", -1), "3");
  assert.equal(go("2", -1), "1");
  assert.equal(go("0", 1), "1");
  assert.equal(nextHit(m.roots, "0", 1, () => false), undefined);
});

const box = (id: string, x: number, w: number, depth = 0): Box => ({ id, x, w, depth, label: id, hue: 0, failed: false, open: false, hidden: 0 });
const view = (t0: number, t1: number, top = 0): View => ({ t0, t1, top, width: 100, height: AXIS_H + 10 * ROW_H });

test("boxes are found where they are painted", () => {
  const boxes = new Boxes([box("a", 0, 50), box("b", 50, 50), box("c", 60, 10, 1)]);
  const y = (depth: number) => AXIS_H + depth * ROW_H + 3;
  assert.equal(boxes.at(view(0, 100), 10, y(0))?.id, "a");
  assert.equal(boxes.at(view(0, 100), 55, y(0))?.id, "b");
  assert.equal(boxes.at(view(0, 100), 65, y(1))?.id, "c");
  assert.equal(boxes.at(view(0, 100), 40, y(1)), null);
  assert.equal(boxes.at(view(0, 100), 65, 2), null);
  assert.equal(boxes.at(view(0, 100, ROW_H), 65, y(0))?.id, "c");
  assert.equal(boxes.height, 2 * ROW_H);
});

test("boxes too narrow to be seen become one", () => {
  const many = Array.from({ length: 10_000 }, (_, i) => box(String(i), i, 1));
  const seen: string[] = [];
  let crumbs = 0;
  new Boxes(many).each(view(0, 10_000), (b) => seen.push(b.id), () => crumbs++);
  assert.equal(seen.length, 0);
  assert.equal(crumbs, 1);
  new Boxes(many).each(view(5000, 5010), (b) => seen.push(b.id), () => crumbs++);
  assert.deepEqual(seen, many.slice(5000, 5010).map((b) => b.id));
});

test("an axis has round steps", () => {
  assert.deepEqual(ticks(0, 100, 5), [0, 20, 40, 60, 80, 100]);
  assert.deepEqual(ticks(0, 0, 5), []);
  assert.equal(hueOf("shop.Catalog"), hueOf("shop.Catalog"));
});
