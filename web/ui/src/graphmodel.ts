// SPDX-License-Identifier: Apache-2.0
// Which part of a graph is shown, and how it is described to the layout engine.

import type { Graph, GraphEdge, GraphNode } from "./api.ts";

export const ENTRY = "entry";
export const NODES = [30, 60, 150]; // how many may be seen at once
export const NODES_USUAL = 60;
const EDGES_A_NODE = 2; // more than so many make a thicket

export interface Choice {
  focus: string | undefined;
  hops: number;
  minCalls: number; // edges with fewer calls are left out
  max: number; // nodes
}

export interface Part {
  nodes: GraphNode[];
  edges: GraphEdge[];
  hiddenNodes: number;
  hiddenEdges: number;
}

export const edgeKey = (e: Pick<GraphEdge, "source" | "target">) => JSON.stringify([e.source, e.target]);

/** Nodes within `hops` edges of `focus`, either way. */
function around(edges: readonly GraphEdge[], focus: string, hops: number): Set<string> {
  const next = new Map<string, string[]>();
  const link = (a: string, b: string) => (next.get(a) ?? next.set(a, []).get(a)!).push(b);
  for (const e of edges) {
    link(e.source, e.target);
    link(e.target, e.source);
  }
  const seen = new Set([focus]);
  let front = [focus];
  for (let i = 0; i < hops && front.length; i++) {
    front = front.flatMap((n) => next.get(n) ?? []).filter((n) => !seen.has(n) && seen.add(n));
  }
  return seen;
}

/**
 * `max` nodes that hang together: from the focus on, either way, or from the entry on, always the heaviest
 * of those that an edge leads to; when no more are reached, the heaviest of the rest begins anew.
 */
function heaviest(nodes: readonly GraphNode[], edges: readonly GraphEdge[], focus: string | undefined, max: number): GraphNode[] {
  const rest = new Map([...nodes].sort((a, b) => b.total_ns - a.total_ns || b.calls - a.calls || (a.id < b.id ? -1 : 1)).map((n) => [n.id, n]));
  const next = new Map<string, string[]>();
  const link = (a: string, b: string) => (next.get(a) ?? next.set(a, []).get(a)!).push(b);
  for (const e of edges) {
    link(e.source, e.target);
    if (focus) link(e.target, e.source);
  }
  const taken: GraphNode[] = [];
  const reached = new Map<string, GraphNode>();
  const take = (n: GraphNode) => {
    rest.delete(n.id);
    reached.delete(n.id);
    taken.push(n);
    for (const id of next.get(n.id) ?? []) {
      const callee = rest.get(id);
      if (callee) reached.set(id, callee);
    }
  };
  const first = rest.get(focus ?? ENTRY);
  if (first) take(first);
  while (taken.length < max && rest.size > 0) {
    let best: GraphNode | undefined;
    for (const n of reached.values()) if (!best || n.total_ns > best.total_ns) best = n;
    take(best ?? rest.values().next().value!);
  }
  return taken;
}

/** The heaviest edges; but what leads to a node, most of its time, stays, and so does all about the focus. */
function thinned(edges: readonly GraphEdge[], max: number, focus: string | undefined): GraphEdge[] {
  if (edges.length <= max) return [...edges];
  const leads = new Map<string, GraphEdge>();
  for (const e of edges)
    if (e.source !== e.target && e.total_ns >= (leads.get(e.target)?.total_ns ?? -1)) leads.set(e.target, e);
  const stays = (e: GraphEdge) => Number(leads.get(e.target) === e || e.source === focus || e.target === focus);
  return [...edges].sort((a, b) => stays(b) - stays(a) || b.total_ns - a.total_ns).slice(0, max);
}

/** The part to be seen: around the focus, without thin edges, and the heaviest nodes of the rest. */
export function choose(graph: Graph, c: Choice): Part {
  let edges = graph.edges.filter((e) => e.calls >= c.minCalls);
  let nodes = graph.nodes;
  if (c.focus && nodes.some((n) => n.id === c.focus)) {
    const near = around(edges, c.focus, c.hops);
    nodes = nodes.filter((n) => near.has(n.id));
  } else if (c.minCalls > 1) {
    const linked = new Set(edges.flatMap((e) => [e.source, e.target]));
    nodes = nodes.filter((n) => linked.has(n.id));
  }
  const shown = heaviest(nodes, edges, c.focus, c.max);
  const ids = new Set(shown.map((n) => n.id));
  edges = thinned(edges.filter((e) => ids.has(e.source) && ids.has(e.target)), shown.length * EDGES_A_NODE, c.focus);
  // an entry that leads nowhere says nothing
  const left = shown.filter((n) => n.id !== ENTRY || edges.some((e) => e.source === ENTRY));
  return {
    nodes: left,
    edges,
    hiddenNodes: graph.nodes.filter((n) => n.id !== ENTRY).length - left.filter((n) => n.id !== ENTRY).length,
    hiddenEdges: graph.edges.length - edges.length,
  };
}

/** The box a node stands in: a component's package, an operation's component. */
export function groupOf(node: GraphNode, level: string): string | null {
  if (node.id === ENTRY || level === "container") return null;
  if (level === "operation") return node.parent;
  const dot = node.name.lastIndexOf(".");
  return dot > 0 ? node.name.slice(0, dot) : null;
}

export interface Sized {
  id: string;
  w: number; // px
  h: number;
  group: string | null;
}

export interface Shape {
  nodes: Sized[];
  edges: [number, number][]; // indices of nodes
}

const INCH = 72;
const WIDE_PX = 1400; // rows wider than this are better laid as columns: boxes are wider than high

/** Distance of each node from those that nobody calls. */
export function depths(shape: Shape): number[] {
  const depth = shape.nodes.map(() => -1);
  const called = new Set(shape.edges.filter(([a, b]) => a !== b).map(([, b]) => b));
  let front = shape.nodes.map((_, i) => i).filter((i) => !called.has(i));
  if (!front.length && shape.nodes.length) front = [0];
  for (let d = 0; front.length; d++) {
    for (const i of front) depth[i] = d;
    front = [...new Set(shape.edges.filter(([a]) => depth[a] === d).map(([, b]) => b))].filter((i) => depth[i] === -1);
  }
  return depth.map((d) => Math.max(0, d));
}

function direction(shape: Shape): "TB" | "LR" {
  const rows = new Map<number, number>();
  depths(shape).forEach((d, i) => rows.set(d, (rows.get(d) ?? 0) + shape.nodes[i]!.w));
  return Math.max(0, ...rows.values()) > WIDE_PX ? "LR" : "TB";
}

/** The graph in Graphviz' language. The simple form takes straight lines and no boxes. */
export function dotText(shape: Shape, simple: boolean): string {
  const out = ["digraph {", `rankdir=${direction(shape)}; nodesep=0.28; ranksep=0.85; splines=${simple ? "line" : "true"};`];
  if (simple) out.push("nslimit=2; mclimit=0.5;");
  out.push('node [shape=box fixedsize=true label=""]; edge [arrowsize=0.6];');
  const groups = new Map<string, number[]>();
  shape.nodes.forEach((n, i) => {
    out.push(`n${i} [width=${(n.w / INCH).toFixed(3)} height=${(n.h / INCH).toFixed(3)}];`);
    if (n.group !== null && !simple) (groups.get(n.group) ?? groups.set(n.group, []).get(n.group)!).push(i);
  });
  let g = 0;
  for (const members of groups.values()) {
    // the label only reserves room: it is drawn by the page, in the page's own type
    out.push(`subgraph cluster_${g++} { label=" "; margin=10; ${members.map((i) => `n${i};`).join(" ")} }`);
  }
  const entry = shape.nodes.findIndex((n) => n.id === ENTRY);
  if (entry >= 0) out.push(`{ rank=source; n${entry}; }`); // calls begin there, whatever circles there are
  shape.edges.forEach(([a, b], i) => out.push(`n${a} -> n${b} [id="e${i}"];`));
  out.push("}");
  return out.join("\n");
}

/** Names of the clusters in the order in which dotText wrote them. */
export function clusterNames(shape: Shape): string[] {
  return [...new Set(shape.nodes.map((n) => n.group).filter((g): g is string => g !== null))];
}
