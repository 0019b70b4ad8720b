// SPDX-License-Identifier: Apache-2.0
// What the server says by itself: one event stream a tab, polling where there is none, and
// whether the server is there at all.

import { ask, watchReach, type Answer, type Status, type Summary } from "./api.ts";

const POLL_MS = 2000; // without a stream
const RETRY_MS = 2000; // while the server is gone
const STREAM_FAILURES = 3; // then polling takes over

export interface LiveState {
  on: boolean; // the reader wants live counters
  way: "stream" | "poll" | "none";
  summary: Summary | null;
  lastAt: number | null; // ms, when the server was last heard
  goneSince: number | null; // ms
  epoch: number; // grows when the server has come back: everything is asked again
}

let state: LiveState = { on: true, way: "none", summary: null, lastAt: null, goneSince: null, epoch: 0 };
const listeners = new Set<() => void>();
let stream: EventSource | null = null;
let failures = 0;
let poller: number | undefined;
let retrier: number | undefined;

export function liveState(): LiveState {
  return state;
}

export function onLive(listener: () => void): () => void {
  listeners.add(listener);
  return () => void listeners.delete(listener);
}

function set(part: Partial<LiveState>): void {
  state = { ...state, ...part };
  for (const listener of [...listeners]) listener();
}

function heard(summary: Summary): void {
  set({ summary, lastAt: Date.now() });
}

function reached(ok: boolean): void {
  if (!ok) {
    if (state.goneSince !== null) return;
    set({ goneSince: Date.now(), way: "none" });
    close();
    retry();
  } else if (state.goneSince !== null) {
    set({ goneSince: null, epoch: state.epoch + 1, lastAt: Date.now() });
    failures = 0;
    open();
  } else {
    state.lastAt = Date.now(); // no one need draw again for this
  }
}

function retry(): void {
  clearTimeout(retrier);
  retrier = setTimeout(async () => {
    // asking is enough: the answer goes through reached()
    await poll().catch(() => undefined);
    if (state.goneSince !== null) retry();
  }, RETRY_MS);
}

async function poll(): Promise<void> {
  const [row] = (await ask<Answer<Status>>("status", {})).rows;
  if (!row) return;
  const before = state.summary;
  const seconds = before ? (Date.now() - (state.lastAt ?? Date.now())) / 1000 : 0;
  heard({
    at: String(BigInt(Date.now()) * 1_000_000n),
    traces: row.traces,
    running: row.running,
    failed: row.failed,
    incomplete: row.incomplete,
    calls: row.calls,
    records: row.records,
    records_per_s: before && seconds > 0 ? Math.max(0, (row.records - before.records) / seconds) : 0,
    connections: row.collector?.connections ?? row.open_streams,
    problem: row.collector?.problem ?? null,
    open_streams: row.open_streams,
  });
}

function startPolling(): void {
  clearInterval(poller);
  set({ way: "poll" });
  poller = setInterval(() => void poll().catch(() => undefined), POLL_MS);
}

function close(): void {
  stream?.close();
  stream = null;
  clearInterval(poller);
}

function open(): void {
  close();
  if (!state.on || document.hidden || state.goneSince !== null) return;
  if (failures >= STREAM_FAILURES || typeof EventSource === "undefined") return startPolling();
  stream = new EventSource("/api/v1/events");
  stream.addEventListener("open", () => {
    failures = 0;
    set({ way: "stream" });
  });
  stream.addEventListener("summary", (e) => heard(JSON.parse((e as MessageEvent<string>).data) as Summary));
  stream.addEventListener("error", () => {
    failures++;
    close();
    // the stream alone does not tell a server that is gone from one that has no stream
    poll().then(open, () => {
      // it answers, but with a refusal: it may be about to end, which only asking again tells
      if (state.goneSince === null) {
        clearTimeout(retrier);
        retrier = setTimeout(open, RETRY_MS);
      }
    });
  });
}

export function setLive(on: boolean): void {
  set({ on, way: on ? state.way : "none" });
  failures = 0;
  open();
  if (!on) close();
}

/** A hidden tab holds no connection: browsers give an origin only six. */
export function startLive(): void {
  watchReach(reached);
  document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()));
  void poll().catch(() => undefined);
  open();
}
