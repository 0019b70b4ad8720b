// SPDX-License-Identifier: Apache-2.0
// Where nodes and edges stand: asked of Graphviz in a worker, with a deadline; then simpler.

import { clusterNames, depths, dotText, type Shape } from "./graphmodel.ts";
import type { FromWorker, ToWorker } from "./graphworker.ts";

declare const GRAPH_WORKER: string; // its hashed name, put in by the build

export interface Rect {
  x: number;
  y: number;
  w: number;
  h: number;
}

export interface Layout {
  width: number;
  height: number;
  nodes: Rect[]; // in the order of the shape's nodes
  edges: [number, number][][]; // Bézier points, the arrow's tip last
  groups: (Rect & { name: string })[];
  form: "curves" | "lines" | "rows";
}

const LOAD_MS = 15_000; // for fetching and starting the engine, once
const DEADLINE_MS = 2000;

let worker: Worker | null = null;
let ready: Promise<Worker> | null = null;
let serial = 0;

function start(): Promise<Worker> {
  if (ready) return ready;
  const w = new Worker(GRAPH_WORKER, { type: "module" });
  worker = w;
  ready = new Promise<Worker>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error("the layout engine did not start")), LOAD_MS);
    w.onerror = () => reject(new Error("the layout engine could not be loaded"));
    w.addEventListener("message", (e: MessageEvent<FromWorker>) => {
      if (e.data.kind !== "ready") return;
      clearTimeout(timer);
      resolve(w);
    });
  });
  ready.catch(stop);
  return ready;
}

function stop(): void {
  worker?.terminate();
  worker = null;
  ready = null;
}

async function run(dot: string): Promise<Extract<FromWorker, { kind: "done" }>> {
  const w = await start();
  const id = ++serial;
  return new Promise((resolve, reject) => {
    const end = (act: () => void) => {
      clearTimeout(timer);
      w.removeEventListener("message", on);
      act();
    };
    const timer = setTimeout(() => {
      stop(); // a layout under way cannot be interrupted otherwise
      end(() => reject(new Error("the layout took too long")));
    }, DEADLINE_MS);
    const on = (e: MessageEvent<FromWorker>) => {
      const m = e.data;
      if (m.kind === "ready" || m.id !== id) return;
      end(() => (m.kind === "done" ? resolve(m) : reject(new Error(m.error))));
    };
    w.addEventListener("message", on);
    w.postMessage({ id, dot } satisfies ToWorker);
  });
}

/** Without an engine: rows by distance from the nodes that nobody calls. */
export function rowsLayout(shape: Shape): Layout {
  const rows: number[][] = [];
  depths(shape).forEach((d, i) => (rows[d] ??= []).push(i));
  const [gap, step] = [24, 90];
  const widths = rows.map((r) => r.reduce((sum, i) => sum + shape.nodes[i]!.w + gap, -gap));
  const width = Math.max(1, ...widths);
  const nodes: Rect[] = [];
  rows.forEach((r, d) => {
    let x = (width - widths[d]!) / 2;
    for (const i of r) {
      const n = shape.nodes[i]!;
      nodes[i] = { x, y: d * step, w: n.w, h: n.h };
      x += n.w + gap;
    }
  });
  const edges = shape.edges.map(([a, b]): [number, number][] => {
    const [s, t] = [nodes[a]!, nodes[b]!];
    const from: [number, number] = [s.x + s.w / 2, s.y + s.h];
    const to: [number, number] = [t.x + t.w / 2, t.y];
    return [from, [from[0], from[1] + 30], [to[0], to[1] - 30], to];
  });
  return { width, height: Math.max(1, rows.length * step), nodes, edges, groups: [], form: "rows" };
}

export async function layout(shape: Shape): Promise<Layout> {
  const names = clusterNames(shape);
  for (const simple of [false, true]) {
    try {
      const { layout: l } = await run(dotText(shape, simple));
      return {
        ...l,
        groups: l.groups.map((g, i) => ({ ...g, name: names[i] ?? "" })),
        form: simple ? "lines" : "curves",
      };
    } catch {
      // the next form is simpler; the last needs no engine
    }
  }
  return rowsLayout(shape);
}
