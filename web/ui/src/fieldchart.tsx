// SPDX-License-Identifier: Apache-2.0
// A number of records over time: a line for each thing that has it (host, CPU, …).

import { useEffect, useRef, useState } from "preact/hooks";
import type { Step } from "./api.ts";
import { plotter } from "./chart.tsx";
import { figure, time } from "./format.ts";
import { useSize } from "./hooks.ts";
import { COLORS, type FieldPlot, type Lines } from "./plotlines.ts";
import { token, useTheme } from "./theme.ts";

const HEIGHT = 150;

/** The steps of one field as lines over a common axis. The lines that are too many are left out, those with fewest steps first. */
export function linesOf(rows: readonly Step[], bucketNs: number): Lines & { left: number } {
  const groups = new Map<string, Map<number, Step>>();
  for (const r of rows) {
    const s = Number(BigInt(r.at) / 1_000_000n) / 1000;
    let group = groups.get(r.by);
    if (!group) groups.set(r.by, (group = new Map()));
    group.set(s, r);
  }
  const shown = [...groups].sort((a, b) => b[1].size - a[1].size).slice(0, COLORS.length);
  shown.sort((a, b) => a[0].localeCompare(b[0]));
  const at = new Set<number>();
  for (const [, steps] of shown) for (const s of steps.keys()) at.add(s);
  const x = [...at].sort((a, b) => a - b);
  return {
    at: x,
    step: bucketNs / 1e9,
    lines: shown.map(([name, steps]) => ({ name, values: x.map((s) => steps.get(s)?.mean ?? null) })),
    left: groups.size - shown.length,
  };
}

function said(l: Lines, index: number | null): string {
  const i = index ?? l.at.length - 1;
  const s = l.at[i];
  if (s === undefined) return "";
  const values = l.lines.map((line) => {
    const v = line.values.slice(0, i + 1).findLast((x) => x !== null); // its last one up to here
    return `${line.name ? line.name + " " : ""}${v === null || v === undefined ? "–" : figure(v)}`;
  });
  return `${time(String(Math.round(s * 1000)) + "000000")} · ${values.join(" · ")}`;
}

export function FieldChart({ field, rows, bucketNs }: { field: string; rows: readonly Step[]; bucketNs: number }) {
  const [box, size] = useSize<HTMLDivElement>();
  const readout = useRef<HTMLParagraphElement>(null);
  const plot = useRef<FieldPlot | null>(null);
  const [made, setMade] = useState(0);
  const look = useTheme();
  const lines = linesOf(rows, bucketNs);
  const now = useRef(lines);
  now.current = lines;
  const shape = lines.lines.map((l) => l.name).join("\n");
  const ready = size.width > 0;
  useEffect(() => {
    if (!ready) return;
    let gone = false;
    plotter().then(
      (p) => {
        if (gone || !box.current) return;
        const show = (i: number | null) => {
          if (readout.current) readout.current.textContent = said(now.current, i);
        };
        plot.current = p.plotField(box.current, now.current, { width: box.current.clientWidth, height: HEIGHT, color: token, onCursor: show });
        setMade((n) => n + 1);
      },
      () => undefined,
    );
    return () => {
      gone = true;
      plot.current?.destroy();
      plot.current = null;
    };
  }, [ready, look, shape]);
  useEffect(() => plot.current?.setSize(size.width, HEIGHT), [size.width, made]);
  useEffect(() => {
    plot.current?.setLines(lines);
    if (readout.current) readout.current.textContent = said(lines, null);
  }, [rows]);
  const least = Math.min(...rows.map((r) => r.min));
  const most = Math.max(...rows.map((r) => r.max));
  return (
    <section class="card">
      <h2>{field}</h2>
      <figure class="chart">
        <div
          ref={box}
          class="plot"
          role="img"
          style={{ height: `${HEIGHT}px` }}
          aria-label={`${field} over time, from ${figure(least)} to ${figure(most)}; ${lines.lines.length} lines of ${lines.at.length} steps`}
        />
        <figcaption>
          {lines.lines.length > 1 && (
            <span class="legend">
              {lines.lines.map((l, i) => (
                <span key={l.name}>
                  <i class={COLORS[i]} aria-hidden="true" />
                  {l.name || "(none)"}
                </span>
              ))}
              {lines.left > 0 && <span>and {lines.left} more</span>}
            </span>
          )}
          <p ref={readout} class="readout">
            {said(lines, null)}
          </p>
        </figcaption>
      </figure>
    </section>
  );
}
