// SPDX-License-Identifier: Apache-2.0
// The HTTP API: what its answers hold, and how one is asked for.

import { pickFilter, type Filter } from "./filter.ts";

export interface Answer<T> {
  rows: T[];
  total: number;
  truncated: boolean;
  next: string | null;
}

export interface Status {
  version: string;
  database: string;
  size_bytes: number;
  runs: number;
  streams: number;
  open_streams: number;
  records: number;
  traces: number;
  running: number;
  incomplete: number;
  damaged: number;
  failed: number;
  calls: number;
  operations: number;
  components: number;
  first_at: string | null;
  last_at: string | null;
  counters: Record<string, number>;
  collector?: {
    listening: string; // where records are received, "127.0.0.1:10133"
    connections: number;
    problem: string | null;
  };
}

export interface Summary {
  at: string;
  traces: number;
  running: number;
  failed: number;
  incomplete: number;
  calls: number;
  records: number;
  records_per_s: number;
  connections: number;
  open_streams: number;
  problem: string | null; // why nothing can be stored at the moment
}

export interface Run {
  name: string;
  first_at: string;
  last_at: string;
  traces: number;
}

export interface TraceRow {
  id: string;
  run: string;
  host: string;
  thread: string;
  root: string;
  component: string;
  start_at: string;
  duration_ns: number;
  calls: number;
  depth: number;
  failed: number;
  state: "running" | "complete" | "incomplete" | "damaged";
  class: string | null; // not known while it runs
  trace_id: string;
  session: string;
  stream: string;
}

export interface Call {
  call: string;
  operation: string;
  operation_id: string;
  component: string;
  host: string;
  start_at: string;
  duration_ns: number;
  self_ns: number;
  failed: boolean;
  cause: string | null;
  open: boolean;
  assumed: boolean; // only its caller's Call event tells of it
  calls: number;
  hidden_calls: number;
  hidden_ns: number;
  children: Call[];
}

/** Where a trace was started: null as far as it is not known. */
export interface StartedAt {
  order: number | null; // the client's order index
  call: string | null; // the innermost call that was open there
  in_operation: string | null;
  in_component: string | null;
}

export interface Parent extends StartedAt {
  id: string | null; // not stored, or not any more
  trace_id: string; // the client's
}

export type ChildRow = TraceRow & StartedAt;

export interface TraceAnswer extends Answer<Call> {
  trace: TraceRow;
  parent: Parent | null; // what has started it
  children: ChildRow[]; // the first of what it has started
  children_total: number;
  threshold_ns: number;
  hidden_calls: number; // left out beside the rows, not below one of them
  hidden_ns: number;
}

export interface Operation {
  id: string;
  operation: string;
  component: string;
  calls: number;
  failed: number;
  total_ns: number;
  self_ns: number;
  min_ns: number;
  mean_ns: number;
  p50_ns: number;
  p95_ns: number;
  p99_ns: number;
  max_ns: number;
}

export interface GraphNode {
  id: string;
  name: string;
  level: string;
  parent: string | null;
  calls: number;
  failed: number;
  self_ns: number;
  total_ns: number;
  p50_ns: number;
  p95_ns: number;
  p99_ns: number;
}

export interface GraphEdge {
  source: string;
  target: string;
  calls: number;
  failed: number;
  total_ns: number;
  p50_ns: number;
  p95_ns: number;
  p99_ns: number;
}

export interface Graph {
  nodes: GraphNode[];
  edges: GraphEdge[];
  total: number;
  truncated: boolean;
}

export interface Path {
  path: string;
  operation: string;
  operation_id: string;
  component: string;
  calls: number;
  failed: number;
  total_ns: number;
  self_ns: number;
  min_ns: number;
  max_ns: number;
  p50_ns: number;
  p95_ns: number;
  p99_ns: number;
  hidden_calls: number;
  hidden_ns: number;
  children: Path[];
}

export interface Minute {
  at: string;
  calls: number;
  failed: number;
  min_ns: number;
  mean_ns: number;
  p50_ns: number;
  p95_ns: number;
  p99_ns: number;
  max_ns: number;
}

export interface RecordType {
  type: string;
  records: number;
  first_at: string;
  last_at: string;
  fields: { name: string; type: string; number: boolean; splits: boolean }[];
}

/** What a field of records was in a step of time. */
export interface Step {
  at: string;
  field: string;
  by: string; // of what: "web-1 cpu0"
  records: number;
  min: number;
  mean: number;
  max: number;
}

export interface SeriesAnswer extends Answer<Step> {
  bucket_ns: number; // the width of a step
}

export type Verb = "status" | "runs" | "traces" | "trace" | "operations" | "graph" | "tree" | "latency" | "probes" | "records";
export type Params = Record<string, string>;

/** Which filters a verb understands; the chips of the others are shown as not applied. */
const AGGREGATE = ["run", "host", "since", "until", "op", "component"];
const TAKES: Record<Verb, readonly string[] | "all"> = {
  status: [],
  runs: [],
  traces: "all",
  trace: [],
  operations: [...AGGREGATE, "min-calls", "failed"],
  graph: AGGREGATE,
  tree: AGGREGATE,
  latency: AGGREGATE,
  probes: [],
  records: ["run", "since", "until"],
};

export function takes(verb: Verb, key: string): boolean {
  const keys = TAKES[verb];
  return keys === "all" || keys.includes(key);
}

export function applied(verb: Verb, filter: Filter): Filter {
  return Object.fromEntries(Object.entries(pickFilter(filter)).filter(([k]) => takes(verb, k)));
}

export class ApiError extends Error {
  constructor(message: string, readonly status: number) {
    super(message);
  }
}

let onLocked: () => void = () => {};

/** Whoever shows the form is told when the server wants a token. */
export function watchLock(watcher: () => void): void {
  onLocked = watcher;
}

type Reached = (ok: boolean) => void;
let onReached: Reached = () => {};

/** Whoever watches the connection is told whether each request got through to the server. */
export function watchReach(watcher: Reached): void {
  onReached = watcher;
}

export function apiUrl(verb: Verb, params: Params): string {
  const text = new URLSearchParams(params).toString();
  return `/api/v1/${verb}${text ? "?" + text : ""}`;
}

/** One answer of the API. Throws ApiError with a sentence for the reader (status 0: not reached). */
export async function ask<T>(verb: Verb, params: Params, signal?: AbortSignal): Promise<T> {
  let response: Response;
  try {
    response = await fetch(apiUrl(verb, params), { signal: signal ?? null, headers: { accept: "application/json" } });
  } catch (e) {
    if ((e as Error).name === "AbortError") throw e;
    onReached(false);
    throw new ApiError("The collector does not answer.", 0);
  }
  onReached(true);
  if (response.status === 401) onLocked();
  let body: unknown;
  try {
    body = await response.json();
  } catch (e) {
    if ((e as Error).name === "AbortError") throw e;
    throw new ApiError(`The collector's answer was not JSON (status ${response.status}).`, response.status);
  }
  if (!response.ok) {
    const said = (body as { error?: string }).error;
    throw new ApiError(said ?? `The collector answered with status ${response.status}.`, response.status);
  }
  return body as T;
}
