// SPDX-License-Identifier: Apache-2.0
// The icicle of one trace: the canvas, its mouse and its keys.

import type { TargetedKeyboardEvent } from "preact";
import { useCallback, useEffect, useMemo, useRef, useState } from "preact/hooks";
import { duration, plural } from "./format.ts";
import { useSize } from "./hooks.ts";
import { AXIS_H, Boxes, HUES, hueOf, paint, ROW_H, type Box, type Painted, type Palette, type View } from "./icicle.ts";
import { token, useTheme } from "./theme.ts";
import { longestChild, walk, type Node } from "./tracemodel.ts";
import { callTitle } from "./ui.tsx";

declare global {
  interface Window {
    /** What is painted, for tests: reading it changes nothing. */
    __view?: { readonly boxes: readonly Painted[]; readonly selected: string | undefined; readonly hovered: string | null };
  }
}

const ZOOM = 1.5;
const MIN_NS = 50; // nothing is nearer than this

interface Props {
  roots: readonly Node[];
  version: number;
  selected: string | undefined;
  hits: ReadonlySet<string> | null;
  range: [number, number] | null; // part of the time that is shown, ns after the trace's start
  onSelect(node: Node): void;
  onZoom(node: Node): void;
  onRange(range: [number, number] | null): void;
}

function boxes(roots: readonly Node[]): [Boxes, Map<string, Node>] {
  const nodes = new Map<string, Node>();
  const depth = new Map<string, number>();
  const list: Box[] = [];
  for (const n of walk(roots)) {
    const d = n.parent ? (depth.get(n.parent.id) ?? -1) + 1 : 0;
    depth.set(n.id, d);
    nodes.set(n.id, n);
    list.push({
      id: n.id,
      x: n.start,
      w: n.call.duration_ns,
      depth: d,
      label: n.call.operation,
      hue: hueOf(n.call.component),
      failed: n.call.failed,
      open: n.call.open,
      hidden: n.call.hidden_calls,
    });
  }
  return [new Boxes(list), nodes];
}

function palette(): Palette {
  return {
    hues: Array.from({ length: HUES }, (_, i) => token(`hue-${i}`)),
    text: token("text"),
    line: token("line"),
    muted: token("muted"),
    failed: token("bad"),
    select: token("accent"),
    surface: token("surface"),
  };
}

export function Icicle(p: Props) {
  const [holder, size] = useSize<HTMLDivElement>();
  const canvas = useRef<HTMLCanvasElement>(null);
  const [top, setTop] = useState(0);
  const [hovered, setHovered] = useState<string | null>(null);
  const look = useTheme();
  const colors = useMemo(palette, [look]);
  const [all, nodes] = useMemo(() => boxes(p.roots), [p.roots, p.version]);
  const whole = useMemo<[number, number]>(() => {
    const starts = p.roots.map((r) => r.start);
    const ends = p.roots.map((r) => r.start + r.call.duration_ns);
    const [a, b] = [Math.min(...starts), Math.max(...ends)];
    return [a, Math.max(b, a + MIN_NS)];
  }, [p.roots, p.version]);
  const [t0, t1] = p.range ?? whole;
  const view: View = { t0, t1, top, width: size.width, height: size.height };

  useEffect(() => {
    const c = canvas.current;
    const ctx = c?.getContext("2d");
    if (!c || !ctx || size.width === 0) return;
    const ratio = devicePixelRatio || 1;
    c.width = Math.round(size.width * ratio);
    c.height = Math.round(size.height * ratio);
    ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
    const marks = { selected: p.selected, hovered, hits: p.hits };
    const painted = paint(ctx, all, view, colors, marks, (t) => (t === 0 ? "0" : duration(t)));
    window.__view = Object.freeze({ boxes: painted, selected: p.selected, hovered });
  });
  useEffect(() => () => void delete window.__view, []);

  const zoom = useCallback(
    (factor: number, at: number) => {
      const span = Math.max(MIN_NS, (t1 - t0) / factor);
      if (span >= whole[1] - whole[0]) return p.onRange(null);
      const a = Math.max(whole[0], Math.min(whole[1] - span, at - (at - t0) / factor));
      p.onRange([Math.round(a), Math.round(a + span)]);
    },
    [t0, t1, whole, p.onRange],
  );
  const pan = (share: number) => {
    const by = (t1 - t0) * share;
    const a = Math.max(whole[0], Math.min(whole[1] - (t1 - t0), t0 + by));
    p.onRange([Math.round(a), Math.round(a + t1 - t0)]);
  };

  const mouse = (e: MouseEvent) => {
    const r = canvas.current!.getBoundingClientRect();
    return all.at(view, e.clientX - r.left, e.clientY - r.top);
  };
  useEffect(() => {
    const e = holder.current;
    if (!e) return;
    const onWheel = (w: WheelEvent) => {
      if (!w.ctrlKey && !w.shiftKey) return;
      w.preventDefault();
      const r = e.getBoundingClientRect();
      if (w.shiftKey) pan(Math.sign(w.deltaY || w.deltaX) * 0.1);
      else zoom(w.deltaY < 0 ? ZOOM : 1 / ZOOM, t0 + ((w.clientX - r.left) / r.width) * (t1 - t0));
    };
    e.addEventListener("wheel", onWheel, { passive: false });
    return () => e.removeEventListener("wheel", onWheel);
  });

  const selected = p.selected === undefined ? undefined : nodes.get(p.selected);
  useEffect(() => {
    // the selected call is brought into view, without moving more than is needed
    if (!selected || !holder.current) return;
    let depth = 0;
    for (let n = selected; n.parent && nodes.has(n.parent.id); n = n.parent) depth++;
    const y = depth * ROW_H;
    const room = size.height - AXIS_H - ROW_H;
    if (y < top) holder.current.scrollTop = y;
    else if (y > top + room) holder.current.scrollTop = y - room;
  }, [selected, size.height]);

  const onKey = (e: TargetedKeyboardEvent<HTMLDivElement>) => {
    if (e.ctrlKey || e.metaKey || e.altKey) return;
    const now = selected ?? p.roots[0];
    if (!now) return;
    const siblings = now.parent && nodes.has(now.parent.id) ? now.parent.children : p.roots;
    const i = siblings.indexOf(now);
    const mid = (t0 + t1) / 2;
    let to: Node | null | undefined = null;
    if (e.key === "ArrowDown") to = selected ? longestChild(now) : now;
    else if (e.key === "ArrowUp") to = now.parent && nodes.has(now.parent.id) ? now.parent : null;
    else if (e.key === "ArrowRight") to = siblings[i + 1];
    else if (e.key === "ArrowLeft") to = siblings[i - 1];
    else if (e.key === "Enter") p.onZoom(now);
    else if (e.key === "+" || e.key === "=") zoom(ZOOM, now.start + now.call.duration_ns / 2);
    else if (e.key === "-") zoom(1 / ZOOM, mid);
    else if (e.key === "0") p.onRange(null);
    else return;
    e.preventDefault();
    if (to) p.onSelect(to);
  };

  const over = hovered ? nodes.get(hovered) : undefined;
  return (
    <div class="icicle">
      <div
        ref={holder}
        class="holder"
        tabIndex={0}
        role="application"
        aria-roledescription="icicle"
        aria-label="Calls over time. Arrow keys go to the caller, the longest called and the neighbours; Enter zooms."
        aria-describedby="icicle-said"
        onScroll={(e) => setTop(e.currentTarget.scrollTop)}
        onKeyDown={onKey}
        onMouseMove={(e) => setHovered(mouse(e)?.id ?? null)}
        onMouseLeave={() => setHovered(null)}
        onClick={(e) => {
          const n = nodes.get(mouse(e)?.id ?? "");
          if (n) p.onSelect(n);
        }}
        onDblClick={(e) => {
          const n = nodes.get(mouse(e)?.id ?? "");
          if (n) p.onZoom(n);
        }}
      >
        <div class="sticky">
          <canvas ref={canvas} style={{ width: `${size.width}px`, height: `${size.height}px` }} />
        </div>
        <div class="spacer" style={{ height: `${all.height + AXIS_H}px` }} />
      </div>
      <p class="readout">
        {over ? (
          <>
            <b>{callTitle(over.call)}</b> {duration(over.call.duration_ns)}, self {duration(over.call.self_ns)}
            {over.call.failed && ` · failed${over.call.cause ? `: ${over.call.cause}` : ""}`}
          </>
        ) : (
          <span class="hint">
            {plural(nodes.size, "call")} · double click zooms · Ctrl + wheel zooms in time, Shift + wheel moves
          </span>
        )}
      </p>
      <p class="sr" id="icicle-said" aria-live="polite">
        {selected
          ? `${callTitle(selected.call)}, ${duration(selected.call.duration_ns)}${selected.call.failed ? ", failed" : ""}`
          : "no call selected"}
      </p>
    </div>
  );
}
