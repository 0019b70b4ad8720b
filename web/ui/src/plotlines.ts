// SPDX-License-Identifier: Apache-2.0
// What a chart of latencies shows, and what is said between the page and the plotter.

import type { Minute } from "./api.ts";

export const LINES = [
  ["p50", "p50_ns", "line-1"],
  ["p95", "p95_ns", "line-2"],
  ["p99", "p99_ns", "line-3"],
] as const;

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
