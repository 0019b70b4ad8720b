// SPDX-License-Identifier: Apache-2.0
// Fetches one trace, and the parts of it that are hidden until someone asks for them.

import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { ApiError, ask, type Answer, type ChildRow, type Parent, type TraceAnswer, type TraceRow } from "./api.ts";
import { useLive, useQuery, useTick } from "./hooks.ts";
import { hiddenBelow, TraceModel, unfoldOnlyChildren } from "./tracemodel.ts";

export interface TraceData {
  model: TraceModel | null;
  trace: TraceRow | null;
  parent: Parent | null; // the trace that has started it
  children: readonly ChildRow[]; // the first of those that it has started
  childrenTotal: number;
  total: number;
  thresholdNs: number;
  hiddenAtTop: number; // short calls that nobody calls
  error: ApiError | null;
  asking: ReadonlySet<string>; // calls whose subtree is under way
  version: number; // grows when the model has changed
  open: Set<string>; // unfolded calls
  load(call: string): void;
  reload(): void;
}

const NONE: readonly ChildRow[] = [];

export function useTrace(id: string): TraceData {
  const { epoch } = useLive((s) => ({ epoch: s.epoch }));
  const [generation, setGeneration] = useState(0);
  const [answer, setAnswer] = useState<TraceAnswer | null>(null);
  const [error, setError] = useState<ApiError | null>(null);
  const [version, setVersion] = useState(0);
  const [asking, setAsking] = useState<ReadonlySet<string>>(new Set());
  const model = useRef<TraceModel | null>(null);
  const open = useRef(new Set<string>());
  const abort = useRef(new AbortController());
  const under = useRef(new Set<string>());

  useEffect(() => {
    // a server that came back does not reload what the reader is looking at
    if (generation === 0 && model.current) return;
    abort.current.abort();
    abort.current = new AbortController();
    under.current.clear();
    ask<TraceAnswer>("trace", { id }, abort.current.signal).then(
      (a) => {
        model.current = new TraceModel(a.trace.start_at, a.rows);
        unfoldOnlyChildren(model.current.roots, open.current);
        setError(null);
        setAnswer(a);
        setVersion((n) => n + 1);
      },
      (e) => e instanceof ApiError && setError(e),
    );
  }, [id, generation, epoch]);
  useEffect(() => () => abort.current.abort(), []);

  const load = useCallback(
    (call: string) => {
      if (under.current.has(call) || !model.current) return;
      under.current.add(call);
      setAsking(new Set(under.current));
      const done = (e: unknown) => {
        under.current.delete(call);
        setAsking(new Set(under.current));
        if (e instanceof ApiError) setError(e);
      };
      const into = model.current;
      ask<TraceAnswer>("trace", { id, call }, abort.current.signal).then((a) => {
        const sub = a.rows[0];
        if (sub && into === model.current) into.merge(sub);
        setVersion((n) => n + 1);
        done(null);
      }, done);
    },
    [id],
  );

  return {
    model: model.current,
    trace: answer?.trace ?? null,
    parent: answer?.parent ?? null,
    children: answer?.children ?? NONE,
    childrenTotal: answer?.children_total ?? 0,
    total: answer?.total ?? 0,
    thresholdNs: answer?.threshold_ns ?? 0,
    hiddenAtTop: answer?.hidden_calls ?? 0,
    error,
    asking,
    version,
    open: open.current,
    load,
    reload: () => setGeneration((n) => n + 1),
  };
}

/** Asks for a focused call that is not there, or of which parts are hidden. */
export function useFocus(data: TraceData, focus: string | undefined): void {
  const asked = useRef(new Set<string>());
  useEffect(() => {
    if (!focus || !data.model || asked.current.has(focus)) return;
    const node = data.model.get(focus);
    if (node && hiddenBelow(node) === 0) return;
    asked.current.add(focus); // once: what the server keeps summed up then, it keeps
    data.load(focus);
  }, [focus, data.version]);
}

/** Asks for a selected call that is among the hidden ones: its numbers can be shown, though not its place in the tree. */
export function useSelected(data: TraceData, selected: string | undefined): void {
  const asked = useRef(new Set<string>());
  useEffect(() => {
    if (!selected || !/^\d+$/.test(selected) || !data.model || data.model.get(selected) || asked.current.has(selected)) return;
    asked.current.add(selected);
    data.load(selected);
  }, [selected, data.version]);
}

/** For a running trace: how many calls it has now, when they are more than those shown. */
export function useUpdated(trace: TraceRow | null, total: number): number | null {
  const tick = useTick(2000);
  const running = trace?.state === "running";
  const { data } = useQuery<Answer<unknown> & { trace: TraceRow }>("trace", running ? { id: trace.id, limit: "1" } : null, tick);
  if (!running || !data) return null;
  return data.total > total || data.trace.state !== "running" ? data.total : null;
}
