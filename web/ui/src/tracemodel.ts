// SPDX-License-Identifier: Apache-2.0
// One trace's call tree as far as it was fetched; parts are filled in when they are asked for.

import type { Call } from "./api.ts";
import { offset } from "./format.ts";

export interface Node {
  id: string;
  call: Call;
  parent: Node | null;
  children: Node[];
  start: number; // ns after the trace's start
  asked: boolean; // its subtree was asked for by itself: what is hidden still, stays so
}

export interface Shown {
  key: string;
  node: Node;
  more: boolean; // not a call but the sum of the node's hidden calls
  level: number;
  pos: number;
  size: number;
  open: boolean | null; // null: nothing to unfold
}

export class TraceModel {
  roots: Node[] = [];
  private nodes = new Map<string, Node>();

  constructor(readonly startAt: string, calls: readonly Call[]) {
    this.roots = calls.map((c) => this.add(c, null));
  }

  private add(call: Call, parent: Node | null): Node {
    const node: Node = {
      id: call.call,
      call,
      parent,
      children: [],
      start: offset(call.start_at, this.startAt),
      asked: false,
    };
    this.nodes.set(node.id, node);
    node.children = call.children.map((c) => this.add(c, node));
    return node;
  }

  get(id: string | undefined): Node | undefined {
    return id === undefined ? undefined : this.nodes.get(id);
  }

  get size(): number {
    return this.nodes.size;
  }

  /** Puts a freshly fetched subtree in its place; one whose place is not known stands by itself. */
  merge(call: Call): Node {
    const old = this.nodes.get(call.call);
    if (!old) {
      const node = this.add(call, null);
      node.asked = true;
      return node;
    }
    old.call = call;
    old.children = call.children.map((c) => this.add(c, old));
    old.asked = true;
    return old;
  }

  ancestors(node: Node): Node[] {
    const out: Node[] = [];
    for (let n = node.parent; n; n = n.parent) out.unshift(n);
    return out;
  }
}

/** Calls below a node that the server has summed up and that can still be asked for. */
export function hiddenBelow(node: Node): number {
  let sum = node.asked ? 0 : node.call.hidden_calls;
  const stack = [...node.children];
  for (let n = stack.pop(); n; n = stack.pop()) {
    if (!n.asked) sum += n.call.hidden_calls;
    stack.push(...n.children);
  }
  return sum;
}

export function longestChild(node: Node): Node | undefined {
  return node.children.reduce<Node | undefined>((best, c) => (!best || c.call.duration_ns > best.call.duration_ns ? c : best), undefined);
}

/** Unfolds from `roots` as long as there is no choice: one call that makes one call. */
export function unfoldOnlyChildren(roots: readonly Node[], open: Set<string>): void {
  let row = roots;
  while (row.length === 1 && row[0]!.children.length > 0) {
    open.add(row[0]!.id);
    row = row[0]!.children;
  }
}

/** The rows to be seen, from top to bottom. */
export function shownRows(roots: readonly Node[], open: ReadonlySet<string>): Shown[] {
  const out: Shown[] = [];
  const visit = (nodes: readonly Node[], level: number, more: Node | null) => {
    const size = nodes.length + (more ? 1 : 0);
    nodes.forEach((node, i) => {
      const hidden = node.call.hidden_calls > 0;
      const leaf = node.children.length === 0 && !hidden;
      const unfolded = open.has(node.id);
      out.push({ key: node.id, node, more: false, level, pos: i + 1, size, open: leaf ? null : unfolded });
      if (!leaf && unfolded) visit(node.children, level + 1, hidden ? node : null);
    });
    if (more) out.push({ key: `${more.id}+`, node: more, more: true, level, pos: size, size, open: null });
  };
  visit(roots, 1, null);
  return out;
}

/** All nodes in the order of the tree. */
export function* walk(roots: readonly Node[]): Generator<Node> {
  const stack = [...roots].reverse();
  for (let n = stack.pop(); n; n = stack.pop()) {
    yield n;
    for (let i = n.children.length - 1; i >= 0; i--) stack.push(n.children[i]!);
  }
}

/** The next call after `from` (or before it) that `wanted` accepts, around the end if need be. */
export function nextHit(roots: readonly Node[], from: string | undefined, step: 1 | -1, wanted: (c: Call) => boolean): Node | undefined {
  const hits: Node[] = [];
  let before = 0; // hits that stand before `from`
  let passed = from === undefined;
  let onHit = false;
  for (const n of walk(roots)) {
    const hit = wanted(n.call);
    if (n.id === from) {
      passed = true;
      onHit = hit;
    }
    if (!hit) continue;
    if (!passed || n.id === from) before = hits.length + (n.id === from ? 0 : 1);
    hits.push(n);
  }
  if (!hits.length) return undefined;
  const next = step === 1 ? before + (onHit ? 1 : 0) : before - 1;
  return hits[(next + hits.length) % hits.length];
}
