// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Graph, GraphEdge, GraphNode } from "../src/api.ts";
import { choose, depths, dotText, groupOf, type Shape } from "../src/graphmodel.ts";
import { rowsLayout } from "../src/layout.ts";

const stats = { calls: 1, failed: 0, self_ns: 0, total_ns: 0, p50_ns: 0, p95_ns: 0, p99_ns: 0 };
const node = (id: string, total = 1, more: Partial<GraphNode> = {}): GraphNode => ({ id, name: id, level: "component", parent: null, ...stats, total_ns: total, ...more });
const edge = (source: string, target: string, calls = 1): GraphEdge => ({ source, target, ...stats, calls });
const graph = (nodes: GraphNode[], edges: GraphEdge[]): Graph => ({ nodes, edges, total: edges.length, truncated: false });
const all = { focus: undefined, hops: 1, minCalls: 1, max: 60 };
const chain = graph([node("entry"), node("a"), node("b"), node("c"), node("d")], [edge("entry", "a", 9), edge("a", "b", 5), edge("b", "c", 2), edge("c", "d", 1)]);

test("without a choice all is shown", () => {
  const p = choose(chain, all);
  assert.equal(p.nodes.length, 5);
  assert.equal(p.hiddenNodes + p.hiddenEdges, 0);
});

test("focus shows what is within so many hops, either way", () => {
  const ids = (hops: number) => choose(chain, { ...all, focus: "b", hops }).nodes.map((n) => n.id).sort();
  assert.deepEqual(ids(1), ["a", "b", "c"]);
  assert.deepEqual(ids(2), ["a", "b", "c", "d", "entry"]);
  assert.equal(choose(chain, { ...all, focus: "gone" }).nodes.length, 5);
});

test("thin edges are left out, and nodes that only they led to", () => {
  const p = choose(chain, { ...all, minCalls: 5 });
  assert.deepEqual(p.nodes.map((n) => n.id).sort(), ["a", "b", "entry"]);
  assert.equal(p.hiddenNodes, 2);
  assert.equal(p.hiddenEdges, 2);
});

test("of many nodes the heaviest are shown, and it is said how many are not", () => {
  const many = graph(Array.from({ length: 500 }, (_, i) => node(`n${i}`, i)), []);
  const p = choose(many, { ...all, max: 150 });
  assert.equal(p.nodes.length, 150);
  assert.equal(p.hiddenNodes, 350);
  assert.ok(p.nodes.every((n) => n.total_ns >= 350));
});

test("of many edges the heaviest are drawn, and those that lead to a node", () => {
  const ids = ["entry", "a", "b", "c"];
  const edges = ids.flatMap((s) => ids.filter((t) => t !== "entry").map((t) => ({ ...edge(s, t), total_ns: s === "b" ? 9 : 1 })));
  const p = choose(graph(ids.map((id) => node(id)), edges), all);
  assert.equal(p.edges.length, 8);
  assert.equal(p.hiddenEdges, 4);
  assert.ok(p.edges.filter((e) => e.source === "b").length === 3);
});

test("what is shown hangs together", () => {
  const far = graph(
    [node("entry"), node("a", 5), node("b", 4), node("x", 99), node("y", 98)],
    [edge("entry", "a"), edge("a", "b"), edge("b", "x")],
  );
  assert.deepEqual(choose(far, { ...all, max: 4 }).nodes.map((n) => n.id), ["entry", "a", "b", "x"]);
  assert.equal(choose(far, all).nodes.length, 5);
});

test("boxes are packages of components and components of operations", () => {
  assert.equal(groupOf(node("shop.db.Query"), "component"), "shop.db");
  assert.equal(groupOf(node("main"), "component"), null);
  assert.equal(groupOf(node("7", 1, { parent: "shop.db.Query" }), "operation"), "shop.db.Query");
  assert.equal(groupOf(node("entry"), "component"), null);
});

const shape: Shape = {
  nodes: ["a", "b", "c"].map((id) => ({ id, w: 100, h: 40, group: id === "c" ? null : 'say "hi"' })),
  edges: [[0, 1], [1, 2], [2, 0], [1, 1]],
};

test("no name reaches the layout's language", () => {
  const text = dotText(shape, false);
  assert.ok(!text.includes("hi"));
  assert.match(text, /subgraph cluster_0 \{.*n0; n1;/);
  assert.match(text, /n1 -> n1 \[id="e3"\]/);
  assert.ok(!dotText(shape, true).includes("cluster"));
});

test("a graph that is all circles still has rows", () => {
  assert.deepEqual(depths(shape), [0, 1, 2]);
  const l = rowsLayout(shape);
  assert.equal(l.nodes.length, 3);
  assert.equal(l.edges.length, 4);
  assert.ok(l.nodes.every((n) => n.w === 100 && n.x >= 0));
  assert.equal(rowsLayout({ nodes: [], edges: [] }).nodes.length, 0);
});
