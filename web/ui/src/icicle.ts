// SPDX-License-Identifier: Apache-2.0
// Rows of boxes over time, painted on a canvas: only what is in view, and what is wide enough to be seen.

export interface Box {
  id: string;
  x: number; // ns
  w: number; // ns
  depth: number;
  label: string;
  hue: number; // which of the tokens' hues
  failed: boolean;
  open: boolean;
  hidden: number; // calls below it that were not fetched
}

export interface View {
  t0: number;
  t1: number;
  top: number; // px scrolled down
  width: number;
  height: number;
}

export interface Palette {
  hues: string[];
  text: string;
  line: string;
  muted: string;
  failed: string;
  select: string;
  surface: string;
}

export interface Painted {
  id: string;
  x: number;
  y: number;
  w: number;
  h: number;
}

export const ROW_H = 20;
export const AXIS_H = 22;
export const HUES = 8;
const SEEN_PX = 0.5;
const LABEL_PX = 28;
const PAD = 4;

/** The same component has the same hue on every page. */
export function hueOf(name: string): number {
  let h = 2166136261;
  for (let i = 0; i < name.length; i++) h = Math.imul(h ^ name.charCodeAt(i), 16777619);
  return (h >>> 0) % HUES;
}

export class Boxes {
  readonly rows: Box[][] = [];

  constructor(boxes: Iterable<Box>) {
    for (const b of boxes) (this.rows[b.depth] ??= []).push(b);
    for (const row of this.rows) row?.sort((a, b) => a.x - b.x);
  }

  get height(): number {
    return this.rows.length * ROW_H;
  }

  /** Index of the first box of a row that ends after `t`. */
  private firstAfter(row: readonly Box[], t: number): number {
    let [lo, hi] = [0, row.length];
    while (lo < hi) {
      const mid = (lo + hi) >> 1;
      if (row[mid]!.x + row[mid]!.w <= t) lo = mid + 1;
      else hi = mid;
    }
    return lo;
  }

  at(view: View, px: number, py: number): Box | null {
    const row = this.rows[Math.floor((py - AXIS_H + view.top) / ROW_H)];
    if (!row || py < AXIS_H) return null;
    const per = (view.t1 - view.t0) / view.width;
    const t = view.t0 + px * per;
    const box = row[this.firstAfter(row, t - per / 2)];
    return box && box.x <= t + per / 2 ? box : null;
  }

  /** Hands over every box in view that is wide enough, and what lies between as runs of narrow ones. */
  each(view: View, box: (b: Box, x: number, w: number, y: number) => void, crumbs: (x: number, w: number, y: number) => void): void {
    const scale = view.width / (view.t1 - view.t0);
    const from = Math.max(0, Math.floor(view.top / ROW_H));
    const to = Math.min(this.rows.length, Math.ceil((view.top + view.height - AXIS_H) / ROW_H));
    for (let d = from; d < to; d++) {
      const row = this.rows[d] ?? [];
      const y = AXIS_H + d * ROW_H - view.top;
      let run = -1; // where a run of boxes too narrow to be seen begins
      let end = -1;
      const flush = () => {
        if (run >= 0) crumbs(run, Math.max(1, end - run), y);
        run = -1;
      };
      for (let i = this.firstAfter(row, view.t0); i < row.length; i++) {
        const b = row[i]!;
        if (b.x >= view.t1) break;
        const x = (b.x - view.t0) * scale;
        const w = b.w * scale;
        if (w < SEEN_PX) {
          if (run >= 0 && x - end > 1) flush();
          if (run < 0) run = x;
          end = x + w;
          continue;
        }
        flush();
        box(b, Math.max(x, -1), Math.min(x + w, view.width + 1) - Math.max(x, -1), y);
      }
      flush();
    }
  }
}

/** Round steps of a time axis: 1, 2 or 5 times a power of ten. */
export function ticks(t0: number, t1: number, want: number): number[] {
  const raw = (t1 - t0) / Math.max(1, want);
  if (!(raw > 0)) return [];
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = power * ([1, 2, 5].find((m) => m * power >= raw) ?? 10);
  const out: number[] = [];
  for (let t = Math.ceil(t0 / step) * step; t <= t1; t += step) out.push(t);
  return out;
}

function fit(text: string, width: number, charWidth: number): string {
  const max = Math.floor(width / charWidth);
  if (text.length <= max) return text;
  return max < 2 ? "" : text.slice(0, max - 1) + "…";
}

export interface Marks {
  selected: string | undefined;
  hovered: string | null;
  hits: ReadonlySet<string> | null; // what “find” found: the rest is dimmed
}

/** Paints the view and returns the boxes that were painted. */
export function paint(ctx: CanvasRenderingContext2D, boxes: Boxes, view: View, colors: Palette, marks: Marks, axisLabel: (t: number) => string): Painted[] {
  const painted: Painted[] = [];
  ctx.clearRect(0, 0, view.width, view.height);
  ctx.font = "12px system-ui, sans-serif";
  ctx.textBaseline = "middle";
  const charWidth = ctx.measureText("abcdefghijklmnopqrst").width / 20;
  const frame = (x: number, y: number, w: number, color: string, line: number) => {
    ctx.strokeStyle = color;
    ctx.lineWidth = line;
    ctx.strokeRect(x + line / 2, y + line / 2, Math.max(1, w - line - 0.5), ROW_H - 1 - line);
  };
  boxes.each(
    view,
    (b, x, w, y) => {
      ctx.globalAlpha = marks.hits && !marks.hits.has(b.id) ? 0.35 : 1;
      ctx.fillStyle = colors.hues[b.hue]!;
      ctx.fillRect(x, y, Math.max(1, w - (w > 3 ? 1 : 0)), ROW_H - 1);
      ctx.globalAlpha = 1;
      if (b.failed) frame(x, y, w, colors.failed, 2);
      if (b.id === marks.selected) frame(x, y, w, colors.select, 3);
      else if (b.id === marks.hovered) frame(x, y, w, colors.text, 1);
      if (w >= LABEL_PX) {
        ctx.fillStyle = colors.text;
        const sign = (b.failed ? "! " : "") + (b.open ? "… " : "");
        const more = b.hidden ? ` (+${b.hidden})` : "";
        ctx.fillText(fit(sign + b.label + more, w - 2 * PAD, charWidth), Math.max(x, 0) + PAD, y + ROW_H / 2);
      }
      painted.push({ id: b.id, x, y, w, h: ROW_H });
    },
    (x, w, y) => {
      ctx.fillStyle = colors.muted;
      ctx.fillRect(x, y + ROW_H / 4, w, ROW_H / 2);
    },
  );
  // the axis is painted last: rows scroll below it
  ctx.fillStyle = colors.surface;
  ctx.fillRect(0, 0, view.width, AXIS_H);
  ctx.strokeStyle = colors.line;
  ctx.lineWidth = 1;
  ctx.fillStyle = colors.muted;
  for (const t of ticks(view.t0, view.t1, view.width / 110)) {
    const x = Math.round(((t - view.t0) / (view.t1 - view.t0)) * view.width) + 0.5;
    ctx.beginPath();
    ctx.moveTo(x, AXIS_H - 6);
    ctx.lineTo(x, AXIS_H);
    ctx.stroke();
    ctx.fillText(axisLabel(t), x + 3, AXIS_H / 2);
  }
  return painted;
}
