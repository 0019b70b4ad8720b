// SPDX-License-Identifier: Apache-2.0
// The worker in which Graphviz runs: takes a graph's text, gives back positions.

import { Graphviz } from "@hpcc-js/wasm-graphviz";
import type { Layout } from "./layout.ts";

export interface ToWorker {
  id: number;
  dot: string;
}

export type FromWorker =
  | { kind: "ready" }
  | { kind: "done"; id: number; layout: Omit<Layout, "form" | "groups"> & { groups: { x: number; y: number; w: number; h: number }[] } }
  | { kind: "failed"; id: number; error: string };

interface GvObject {
  name: string;
  pos?: string;
  bb?: string;
  width?: string;
  height?: string;
}

interface GvJson {
  bb: string;
  objects?: GvObject[];
  edges?: { id?: string; pos?: string }[];
}

const numbers = (text: string) => text.split(",").map(Number);

/** Graphviz counts y upwards, in points; an edge's tip stands first, marked "e". */
function points(pos: string, height: number): [number, number][] {
  const at = (text: string): [number, number] => {
    const [x = 0, y = 0] = numbers(text);
    return [x, height - y];
  };
  const out: [number, number][] = [];
  let tip: [number, number] | null = null;
  for (const part of pos.trim().split(/\s+/)) {
    if (part.startsWith("e,")) tip = at(part.slice(2));
    else if (!part.startsWith("s,")) out.push(at(part));
  }
  return tip ? [...out, tip] : out;
}

function read(json: GvJson): Extract<FromWorker, { kind: "done" }>["layout"] {
  const [, , width = 0, height = 0] = numbers(json.bb);
  const nodes: Layout["nodes"] = [];
  const groups: { x: number; y: number; w: number; h: number }[] = [];
  const edges: Layout["edges"] = [];
  for (const o of json.objects ?? []) {
    if (o.pos) {
      const [x = 0, y = 0] = numbers(o.pos);
      const [w, h] = [Number(o.width) * 72, Number(o.height) * 72];
      nodes[Number(o.name.slice(1))] = { x: x - w / 2, y: height - y - h / 2, w, h };
    } else if (o.bb) {
      const [x0 = 0, y0 = 0, x1 = 0, y1 = 0] = numbers(o.bb);
      groups[Number(o.name.replace("cluster_", ""))] = { x: x0, y: height - y1, w: x1 - x0, h: y1 - y0 };
    }
  }
  for (const e of json.edges ?? []) if (e.id && e.pos) edges[Number(e.id.slice(1))] = points(e.pos, height);
  return { width, height, nodes, edges, groups };
}

const post = (message: FromWorker) => postMessage(message);
const engine = Graphviz.load();
void engine.then(() => post({ kind: "ready" }));

addEventListener("message", async (e: MessageEvent<ToWorker>) => {
  const { id, dot } = e.data;
  try {
    const graphviz = await engine;
    post({ kind: "done", id, layout: read(JSON.parse(graphviz.layout(dot, "json", "dot")) as GvJson) });
  } catch (error) {
    post({ kind: "failed", id, error: String(error) });
  }
});
