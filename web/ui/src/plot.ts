// SPDX-License-Identifier: Apache-2.0
// The one place that knows uPlot. Bundled by itself and fetched with the first chart.

import uPlot from "uplot";
import type { Minute } from "./api.ts";
import { atToMs, duration, figure, time } from "./format.ts";
import { COLORS, LINES, type FieldPlot, type FieldPlotRequest, type Lines, type Plot, type PlotRequest } from "./plotlines.ts";

const MINUTE_S = 60;
const STEPS_S = [1, 2, 5, 10, 15, 30, 60, 120, 360, 720, 1440, 2880, 10080, 43200].map((min) => min * MINUTE_S);
const LEAST_S = 10 * MINUTE_S; // shown at least

/** Columns as uPlot takes them; a pause of more than a minute becomes a gap. */
export function columns(rows: readonly Minute[]): (number | null)[][] {
  const out: (number | null)[][] = [[], [], [], []];
  let last = NaN;
  for (const r of rows) {
    const s = atToMs(r.at) / 1000;
    if (s - last > MINUTE_S * 1.5) {
      out[0]!.push(last + MINUTE_S);
      for (let i = 1; i < 4; i++) out[i]!.push(null);
    }
    out[0]!.push(s);
    // a logarithmic axis has no zero
    LINES.forEach(([, key], i) => out[i + 1]!.push(Math.max(1, r[key])));
    last = s;
  }
  const [first, end] = [out[0]![0], out[0]![out[0]!.length - 1]];
  const lack = LEAST_S - (end! - first!);
  if (lack > 0) {
    // a few minutes are not stretched to fill the width, and one minute is a point in the middle
    out[0]!.unshift(first! - lack / 2);
    out[0]!.push(end! + lack / 2);
    for (let i = 1; i < 4; i++) out[i] = [null, ...out[i]!, null];
  }
  return out;
}

const isPower = (t: number) => /^10*$/.test(String(t));

/** Only powers of ten have a line: the others make a fence. */
const powers = (_u: uPlot, at: number[]) => at.map((t) => (isPower(t) ? t : null));

/** Hours and minutes, and the day where it changes. */
function clock(_u: uPlot, at: number[]): string[] {
  let day = "";
  return at.map((s) => {
    const text = time(String(Math.round(s)) + "000000000", 0);
    const [today = "", hours = ""] = text.split(" ");
    const shown = hours.slice(0, 5) + (today === day ? "" : `\n${today}`);
    day = today;
    return shown;
  });
}

function options(r: PlotRequest, show: (x: number | null) => void): uPlot.Options {
  const thin = { stroke: r.color("line"), width: 1 };
  const axis = { stroke: r.color("muted"), grid: thin, ticks: thin, font: "12px system-ui, sans-serif" };
  return {
    width: r.width,
    height: r.height,
    legend: { show: false },
    cursor: { y: false, drag: { x: true, y: false, setScale: false }, points: { size: 6 } },
    scales: { x: { time: true }, y: { distr: 3 } },
    axes: [
      { ...axis, incrs: STEPS_S, values: clock },
      {
        ...axis,
        grid: { ...thin, filter: powers },
        ticks: { ...thin, filter: powers },
        size: 64,
        values: (_u, at) => at.map((t) => (isPower(t) ? duration(t).replace(/\.0+/, "") : "")),
      },
    ],
    series: [
      {},
      ...LINES.map(([label, , color]) => ({
        label,
        stroke: r.color(color),
        width: 1.5,
        spanGaps: false,
        points: { size: 4, fill: r.color(color) },
      })),
    ],
    hooks: {
      setCursor: [(u) => show(u.cursor.idx == null ? null : u.data[0][u.cursor.idx] ?? null)],
      setSelect: [
        (u) => {
          if (u.select.width < 4) return;
          r.onSelect(u.posToVal(u.select.left, "x"), u.posToVal(u.select.left + u.select.width, "x"));
          u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
        },
      ],
    },
  };
}

export function plot(into: HTMLElement, request: PlotRequest): Plot {
  const u = new uPlot(options(request, request.onCursor), columns(request.rows) as uPlot.AlignedData, into);
  return {
    setRows: (rows) => u.setData(columns(rows) as uPlot.AlignedData),
    setSize: (width, height) => u.setSize({ width, height }),
    destroy: () => u.destroy(),
  };
}

/** A pause of all lines becomes a gap; where only others have a value, a line goes on. */
export function aligned(l: Lines): (number | null | undefined)[][] {
  const out: (number | null | undefined)[][] = [[], ...l.lines.map(() => [])];
  l.at.forEach((s, i) => {
    const before = l.at[i - 1];
    if (before !== undefined && s - before > l.step * 2.5) {
      out[0]!.push(before + l.step);
      l.lines.forEach((_, n) => out[n + 1]!.push(null));
    }
    out[0]!.push(s);
    l.lines.forEach((line, n) => out[n + 1]!.push(line.values[i] ?? undefined));
  });
  return out;
}

export function plotField(into: HTMLElement, lines: Lines, r: FieldPlotRequest): FieldPlot {
  let shown = lines;
  const thin = { stroke: r.color("line"), width: 1 };
  const axis = { stroke: r.color("muted"), grid: thin, ticks: thin, font: "12px system-ui, sans-serif" };
  const options: uPlot.Options = {
    width: r.width,
    height: r.height,
    legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false }, points: { size: 6 } },
    scales: { x: { time: true } },
    axes: [
      { ...axis, values: (u, at) => (at.length > 1 && at[1]! - at[0]! < MINUTE_S ? at.map((s) => time(String(Math.round(s)) + "000000000", s * 1000).slice(0, 8)) : clock(u, at)) },
      { ...axis, size: 58, values: (_u, at) => at.map(figure) },
    ],
    series: [
      {},
      ...lines.lines.map((line, i) => ({
        label: line.name,
        stroke: r.color(COLORS[i] ?? "line-1"),
        width: 1.5,
        spanGaps: false,
        points: { size: 4, fill: r.color(COLORS[i] ?? "line-1") },
      })),
    ],
    hooks: {
      setCursor: [
        (u) => {
          const s = u.cursor.idx == null ? null : u.data[0][u.cursor.idx];
          const i = s == null ? -1 : shown.at.indexOf(s);
          r.onCursor(i < 0 ? null : i);
        },
      ],
    },
  };
  const u = new uPlot(options, aligned(lines) as uPlot.AlignedData, into);
  return {
    setLines: (next) => {
      shown = next;
      u.setData(aligned(next) as uPlot.AlignedData);
    },
    setSize: (width, height) => u.setSize({ width, height }),
    destroy: () => u.destroy(),
  };
}
