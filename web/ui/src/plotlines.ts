// SPDX-License-Identifier: Apache-2.0
// What a chart of latencies shows, and what is said between the page and the plotter.

import type { Minute } from "./api.ts";

export const LINES = [
  ["p50", "p50_ns", "line-1"],
  ["p95", "p95_ns", "line-2"],
  ["p99", "p99_ns", "line-3"],
] as const;

/** Of the lines of a field, in order; there are no more. */
export const COLORS = ["line-1", "line-2", "line-3", "line-4", "line-5", "line-6"] as const;

export interface Lines {
  at: number[]; // s
  step: number; // s between two of them, where nothing is missing
  lines: { name: string; values: (number | null)[] }[];
}

export interface FieldPlotRequest {
  width: number;
  height: number;
  color(token: string): string;
  onCursor(index: number | null): void;
}

export interface FieldPlot {
  setLines(lines: Lines): void;
  setSize(width: number, height: number): void;
  destroy(): void;
}

export interface PlotRequest {
  rows: readonly Minute[];
  width: number;
  height: number;
  color(token: string): string;
  onCursor(seconds: number | null): void; // the minute under the mouse
  onSelect(fromS: number, toS: number): void;
}

export interface Plot {
  setRows(rows: readonly Minute[]): void;
  setSize(width: number, height: number): void;
  destroy(): void;
}
