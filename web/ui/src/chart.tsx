// SPDX-License-Identifier: Apache-2.0
// Latency over time: p50, p95 and p99 a minute. Dragging selects a time range.

import { useEffect, useRef, useState } from "preact/hooks";
import type { Minute } from "./api.ts";
import { atToMs, count, duration, minute, plural } from "./format.ts";
import { useNarrow, useSize } from "./hooks.ts";
import { LINES, type Plot } from "./plotlines.ts";
import { token, useTheme } from "./theme.ts";

declare const PLOTTER: string; // its hashed name, put in by the build

type Plotter = typeof import("./plot.ts");
let loaded: Promise<Plotter> | null = null;

/** The plotter, fetched once; who comes after a failure tries again. */
export function plotter(): Promise<Plotter> {
  loaded ??= (import(PLOTTER) as Promise<Plotter>).catch((e) => {
    loaded = null;
    throw e;
  });
  return loaded;
}

interface Props {
  rows: readonly Minute[];
  of: string; // whose latency it is
  height?: number;
  onSelect?(fromS: number, toS: number): void;
}

function said(rows: readonly Minute[], atS: number | null): string {
  const r = (atS !== null && rows.find((m) => atToMs(m.at) / 1000 === atS)) || rows[rows.length - 1];
  if (!r) return "";
  const at = minute(r.at);
  return `${at} · ${plural(r.calls, "call")} · ${r.failed ? `${count(r.failed)} failed · ` : ""}p50 ${duration(r.p50_ns)} · p95 ${duration(r.p95_ns)} · p99 ${duration(r.p99_ns)} · max ${duration(r.max_ns)}`;
}

export function LatencyChart({ rows, of, height = 210, onSelect }: Props) {
  const [box, size] = useSize<HTMLDivElement>();
  const narrow = useNarrow();
  const readout = useRef<HTMLParagraphElement>(null);
  const plot = useRef<Plot | null>(null);
  const [made, setMade] = useState(0);
  const now = useRef({ rows, onSelect });
  now.current = { rows, onSelect };
  const look = useTheme();
  const ready = size.width > 0;
  useEffect(() => {
    if (!ready) return;
    let gone = false;
    const show = (at: number | null) => {
      if (readout.current) readout.current.textContent = said(now.current.rows, at);
    };
    plotter().then(
      (p) => {
        if (gone || !box.current) return;
        plot.current = p.plot(box.current, {
          rows: now.current.rows,
          width: box.current.clientWidth,
          height,
          color: token,
          onCursor: show,
          onSelect: (a, b) => now.current.onSelect?.(a, b),
        });
        setMade((n) => n + 1);
      },
      () => undefined, // the numbers below stand without it
    );
    return () => {
      gone = true;
      plot.current?.destroy();
      plot.current = null;
    };
  }, [ready, look, height]);
  useEffect(() => plot.current?.setSize(size.width, height), [size.width, height, made]);
  useEffect(() => {
    plot.current?.setRows(rows);
    if (readout.current) readout.current.textContent = said(rows, null);
  }, [rows]);
  const worst = rows.reduce((m, r) => Math.max(m, r.p99_ns), 0);
  return (
    <figure class="chart">
      <div
        ref={box}
        class="plot"
        role="img"
        style={{ height: `${height}px` }}
        aria-label={`Latency of ${of} over ${rows.length} minutes; highest p99 ${duration(worst)}`}
      />
      <figcaption>
        <span class="legend">
          {LINES.map(([label, , color]) => (
            <span key={label}>
              <i class={color} aria-hidden="true" />
              {label}
            </span>
          ))}
          {onSelect && !narrow && <span class="hint">drag to select a time range</span>}
        </span>
        <p ref={readout} class="readout">
          {said(rows, null)}
        </p>
      </figcaption>
    </figure>
  );
}
