// SPDX-License-Identifier: Apache-2.0
// The drawing of a graph: boxes and curves in SVG, moved and zoomed, usable by keyboard.

import type { TargetedKeyboardEvent } from "preact";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import type { GraphEdge, GraphNode } from "./api.ts";
import { duration, middle, percent, plural, short } from "./format.ts";
import { edgeKey, ENTRY, groupOf, type Part, type Shape } from "./graphmodel.ts";
import { useSize } from "./hooks.ts";
import type { Layout, Rect } from "./layout.ts";

const NAME_MAX = 32; // characters of a name in its box
const BOX_H = 42;
const BOX_PAD = 22;
const LABELS_MAX = 40; // with more edges than this, only the selected and hovered ones say their numbers
const STEPS = 5;
const ZOOM_MAX = 3;
const MARGIN = 16;
const READABLE = 0.55; // scale below which nothing can be read
const TINY = 0.02;

let measure: CanvasRenderingContext2D | null = null;

function textWidth(text: string, font: string): number {
  measure ??= document.createElement("canvas").getContext("2d");
  if (!measure) return text.length * 7;
  measure.font = font;
  return measure.measureText(text).width;
}

/** The last part of a name says most; the box around says the rest. */
function label(node: GraphNode, level: string): string {
  const group = groupOf(node, level);
  const name = group && node.name.startsWith(group + ".") ? node.name.slice(group.length + 1) : node.name;
  return middle(name, NAME_MAX);
}

function second(node: GraphNode): string {
  if (node.id === ENTRY) return "";
  const failed = node.failed ? `! ${percent(node.failed / Math.max(1, node.calls))} · ` : "";
  return `${failed}${short(node.calls)} ${node.calls === 1 ? "call" : "calls"} · p95 ${duration(node.p95_ns)}`;
}

/** What is said of a node that is pointed at: its whole name too. */
function nodeText(node: GraphNode, level: string): string {
  const full = level === "operation" && node.parent ? `${node.parent}.${node.name}` : node.name;
  return [label(node, level), second(node), full === label(node, level) ? "" : `(${full})`].filter(Boolean).join(" ");
}

export function shapeOf(part: Part, level: string): Shape {
  const index = new Map(part.nodes.map((n, i) => [n.id, i]));
  return {
    nodes: part.nodes.map((n) => ({
      id: n.id,
      w: Math.ceil(Math.max(70, textWidth(label(n, level), "600 13px system-ui"), textWidth(second(n), "12px system-ui")) + BOX_PAD),
      h: BOX_H,
      group: groupOf(n, level),
    })),
    edges: part.edges.map((e) => [index.get(e.source)!, index.get(e.target)!]),
  };
}

/** 0 … 4 on a logarithmic scale between the least and the greatest. */
export function heat(value: number, values: readonly number[]): number {
  const logs = values.filter((v) => v > 0).map(Math.log);
  const [lo, hi] = [Math.min(...logs), Math.max(...logs)];
  if (value <= 0 || !(hi > lo)) return 0;
  return Math.min(STEPS - 1, Math.floor(((Math.log(value) - lo) / (hi - lo)) * STEPS));
}

function curve(points: readonly [number, number][]): string {
  const [first, ...rest] = points;
  if (!first) return "";
  const tip = rest.length % 3 === 1 ? rest.pop() : undefined;
  let d = `M${first[0]},${first[1]}`;
  for (let i = 0; i + 2 < rest.length; i += 3) d += `C${rest.slice(i, i + 3).join(" ")}`;
  return tip ? d + `L${tip[0]},${tip[1]}` : d;
}

/** Where an edge's numbers stand: not quite halfway, for a box's title is often near its end. */
const LABEL_AT = 0.4;

function labelPoint(points: readonly [number, number][]): [number, number] {
  const pieces = Math.floor((points.length - 1) / 3);
  const along = pieces * LABEL_AT;
  const at = 3 * Math.floor(along);
  const p = points.slice(at, at + 4);
  if (pieces < 1 || p.length < 4) return points[points.length >> 1]!;
  const t = along - Math.floor(along);
  const s = 1 - t;
  const mix = (i: 0 | 1) => s * s * s * p[0]![i] + 3 * s * s * t * p[1]![i] + 3 * s * t * t * p[2]![i] + t * t * t * p[3]![i];
  return [mix(0), mix(1)];
}

function arrow(points: readonly [number, number][], size: number): string {
  const tip = points[points.length - 1];
  const from = points[points.length - 2];
  if (!tip || !from) return "";
  const a = Math.atan2(tip[1] - from[1], tip[0] - from[0]);
  const wing = (turn: number) => `${tip[0] - size * Math.cos(a + turn)},${tip[1] - size * Math.sin(a + turn)}`;
  return `${tip[0]},${tip[1]} ${wing(0.42)} ${wing(-0.42)}`;
}

export interface GraphViewProps {
  part: Part;
  layout: Layout;
  level: string;
  colour: "p95" | "failed";
  found: ReadonlySet<string> | null; // nodes the search found
  node: string | undefined;
  edge: string | undefined; // edgeKey
  centre: string; // the node to begin with when not all fits
  onNode(id: string | null): void;
  onEdge(e: GraphEdge): void;
  onFocus(id: string): void;
}

type Box = Rect;

/** The whole graph, or as much around one of its nodes as can still be read. */
function fitTo(layout: Layout, width: number, height: number, least: number, around: Rect | undefined): Box {
  const scale = Math.min(1.25, (width - 2 * MARGIN) / layout.width, (height - 2 * MARGIN) / layout.height);
  const s = Math.max(least, scale);
  const [w, h] = [width / s, height / s];
  const place = (size: number, room: number, mid: number) =>
    size <= room ? size / 2 - room / 2 : Math.max(-MARGIN, Math.min(size + MARGIN - room, mid - room / 2));
  return {
    x: place(layout.width, w, around ? around.x + around.w / 2 : 0),
    y: place(layout.height, h, around ? around.y + around.h / 2 : 0),
    w,
    h,
  };
}

function edgeText(e: GraphEdge): string {
  return `${short(e.calls)} · ${duration(e.p95_ns)}${e.failed ? ` · ! ${short(e.failed)}` : ""}`;
}

/** The node next in a direction: near, and more ahead than aside. */
function neighbour(rects: readonly Rect[], from: number, key: string): number {
  const dir: Record<string, [number, number]> = { ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] };
  const [dx, dy] = dir[key]!;
  const mid = (r: Rect) => [r.x + r.w / 2, r.y + r.h / 2] as const;
  const [x0, y0] = mid(rects[from]!);
  let [best, cost] = [from, Infinity];
  rects.forEach((r, i) => {
    const [x, y] = mid(r);
    const ahead = (x - x0) * dx + (y - y0) * dy;
    const aside = Math.abs((x - x0) * dy) + Math.abs((y - y0) * dx);
    if (i === from || ahead <= 1 || ahead + 2 * aside >= cost) return;
    [best, cost] = [i, ahead + 2 * aside];
  });
  return best;
}

export function GraphView(p: GraphViewProps) {
  const [holder, size] = useSize<HTMLDivElement>();
  const [box, setBox] = useState<Box | null>(null);
  const [hover, setHover] = useState<string | null>(null);
  const [over, setOver] = useState<string | null>(null);
  const drag = useRef<{ x: number; y: number; box: Box; moved: boolean } | null>(null);
  const stop = useRef(0);
  const [width, height] = [Math.max(1, size.width), Math.max(1, size.height)];
  const fit = fitTo(p.layout, width, height, TINY, undefined);
  const centre = Math.max(0, p.part.nodes.findIndex((n) => n.id === p.centre));
  const first = useMemo(() => fitTo(p.layout, width, height, READABLE, p.layout.nodes[centre]), [p.layout, width, height]);
  const view = box ?? first;
  useEffect(() => setBox(null), [p.layout]);

  const values = useMemo(() => p.part.edges.map((e) => e.p95_ns), [p.part]);
  const most = useMemo(() => Math.max(2, ...p.part.edges.map((e) => e.calls)), [p.part]);
  const zoom = (factor: number, cx = view.x + view.w / 2, cy = view.y + view.h / 2) => {
    const w = Math.min(Math.max(fit.w, first.w) * 2, Math.max(size.width / ZOOM_MAX, view.w / factor));
    const k = w / view.w;
    setBox({ x: cx - (cx - view.x) * k, y: cy - (cy - view.y) * k, w, h: view.h * k });
  };
  useEffect(() => {
    const e = holder.current;
    if (!e) return;
    const onWheel = (w: WheelEvent) => {
      w.preventDefault();
      const r = e.getBoundingClientRect();
      zoom(Math.exp(-w.deltaY / 400), view.x + ((w.clientX - r.left) / r.width) * view.w, view.y + ((w.clientY - r.top) / r.height) * view.h);
    };
    e.addEventListener("wheel", onWheel, { passive: false });
    return () => e.removeEventListener("wheel", onWheel);
  });

  const onKey = (e: TargetedKeyboardEvent<SVGSVGElement>) => {
    const at = (e.target as Element).closest<SVGGElement>("[data-node]");
    if (e.ctrlKey || e.metaKey || e.altKey) return;
    const i = at ? Number(at.dataset["node"]) : -1;
    const node = p.part.nodes[i];
    if (node && e.key.startsWith("Arrow")) {
      const next = neighbour(p.layout.nodes, i, e.key);
      stop.current = next;
      e.currentTarget.querySelector<SVGGElement>(`[data-node="${next}"]`)?.focus();
      const r = p.layout.nodes[next]!;
      if (r.x < view.x || r.y < view.y || r.x + r.w > view.x + view.w || r.y + r.h > view.y + view.h)
        setBox({ ...view, x: r.x + r.w / 2 - view.w / 2, y: r.y + r.h / 2 - view.h / 2 });
    } else if (node && (e.key === "Enter" || e.key === " ")) p.onNode(node.id);
    else if (node && e.key === "f") p.onFocus(node.id);
    else if (e.key === "+" || e.key === "=") zoom(1.4);
    else if (e.key === "-") zoom(1 / 1.4);
    else if (e.key === "0") setBox(fit);
    else if (e.key === "Escape") p.onNode(null);
    else return;
    e.preventDefault();
    e.stopPropagation();
  };

  const labelled = p.part.edges.length <= LABELS_MAX;
  const near = (e: GraphEdge) => p.node !== undefined && (e.source === p.node || e.target === p.node);
  const edges = p.part.edges.map((e, i) => {
    const points = p.layout.edges[i];
    if (!points?.length) return null;
    const key = edgeKey(e);
    const chosen = key === p.edge;
    const step = p.colour === "p95" ? `heat-${heat(e.p95_ns, values)}` : e.failed ? "heat-fail" : "heat-none";
    const width = 1 + 4 * (Math.log(Math.max(1, e.calls)) / Math.log(most));
    const mid = labelPoint(points);
    const d = curve(points);
    const quiet = p.node !== undefined && !near(e) && !chosen ? " quiet" : "";
    return (
      <g class={`edge ${step}${chosen ? " chosen" : ""}${quiet}`} key={key} onClick={() => p.onEdge(e)} onMouseEnter={() => setHover(key)} onMouseLeave={() => setHover(null)}>
        <path class="hit" d={d} />
        <path class="stroke" d={d} stroke-width={width.toFixed(2)} />
        <polygon points={arrow(points, 6 + width)} />
        {(labelled || chosen || hover === key || (near(e) && p.part.edges.filter(near).length < LABELS_MAX)) && (
          <text x={mid[0]} y={mid[1]}>
            {edgeText(e)}
          </text>
        )}
      </g>
    );
  });
  const nodes = p.part.nodes.map((n, i) => {
    const r = p.layout.nodes[i];
    if (!r) return null;
    const faded = p.found !== null && !p.found.has(n.id) ? " quiet" : "";
    const said = nodeText(n, p.level);
    return (
      <g
        class={`node${n.id === p.node ? " chosen" : ""}${n.id === ENTRY ? " entry" : ""}${faded}`}
        key={n.id}
        transform={`translate(${r.x},${r.y})`}
        data-node={i}
        role="button"
        aria-pressed={n.id === p.node}
        tabindex={i === Math.min(stop.current, p.part.nodes.length - 1) ? 0 : -1}
        onClick={() => ((stop.current = i), p.onNode(n.id))}
        onDblClick={() => p.onFocus(n.id)}
        onMouseEnter={() => setOver(said)}
        onMouseLeave={() => setOver(null)}
        onFocus={() => setOver(said)}
        onBlur={() => setOver(null)}
      >
        <rect width={r.w} height={r.h} rx="4" />
        <text class="name" x={r.w / 2} y={n.id === ENTRY ? r.h / 2 : r.h / 2 - 9}>
          {label(n, p.level)}
        </text>
        <text class="numbers" x={r.w / 2} y={r.h / 2 + 9}>
          {" " + second(n)}
        </text>
      </g>
    );
  });
  return (
    <div
      class="graph"
      ref={holder}
      onPointerDown={(e) => e.button === 0 && (drag.current = { x: e.clientX, y: e.clientY, box: view, moved: false })}
      onPointerMove={(e) => {
        const d = drag.current;
        if (!d || e.buttons === 0) return;
        const [dx, dy] = [e.clientX - d.x, e.clientY - d.y];
        if (!d.moved && Math.hypot(dx, dy) < 4) return;
        d.moved = true;
        setBox({ ...d.box, x: d.box.x - (dx * d.box.w) / size.width, y: d.box.y - (dy * d.box.h) / size.height });
      }}
      onPointerUp={() => setTimeout(() => (drag.current = null))}
      onClickCapture={(e) => drag.current?.moved && e.stopPropagation()}
    >
      {size.width > 0 && (
        <svg
          role="group"
          aria-label={`Graph of ${plural(p.part.nodes.length, "node")} and ${plural(p.part.edges.length, "edge")}`}
          width={size.width}
          height={size.height}
          viewBox={`${view.x} ${view.y} ${view.w} ${view.h}`}
          onKeyDown={onKey}
        >
          {p.layout.groups.map((g) => (
            <g class="group" key={g.name}>
              <rect x={g.x} y={g.y} width={g.w} height={g.h} rx="6" />
              <text x={g.x + 8} y={g.y + 11}>
                {middle(g.name, Math.max(6, Math.floor(g.w / 7)))}
              </text>
            </g>
          ))}
          {edges}
          {nodes}
        </svg>
      )}
      {over && (
        <p class="over" aria-hidden="true">
          {over}
        </p>
      )}
      <div class="zoom" role="group" aria-label="Zoom">
        <button type="button" aria-label="Larger" onClick={() => zoom(1.4)}>
          +
        </button>
        <button type="button" aria-label="Smaller" onClick={() => zoom(1 / 1.4)}>
          −
        </button>
        <button type="button" aria-label="Fit" onClick={() => setBox(fit)}>
          Fit
        </button>
      </div>
    </div>
  );
}
