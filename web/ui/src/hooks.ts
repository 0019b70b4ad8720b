// SPDX-License-Identifier: Apache-2.0
// Hooks that more than one page needs.

import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import type { RefObject } from "preact";
import { apiUrl, ask, ApiError, type Params, type Verb } from "./api.ts";
import { liveState, onLive, type LiveState } from "./live.ts";

export interface Asked<T> {
  data: T | null; // the last answer; stays while the next one is under way
  error: ApiError | null;
  loading: boolean;
  stale: boolean; // the data answer an earlier question
}

/**
 * Asks the API and asks again when the question, the server's presence or `tick` changes.
 * `params` null asks nothing. A tick never interrupts a request under way, so that a slow
 * server is not asked faster than it answers.
 */
export function useQuery<T>(verb: Verb, params: Params | null, tick = 0): Asked<T> {
  const { epoch } = useLive((s) => ({ epoch: s.epoch }));
  const url = params && apiUrl(verb, params);
  const [got, setGot] = useState<{ url: string; data: T | null; error: ApiError | null } | null>(null);
  const running = useRef<{ url: string; abort: AbortController } | null>(null);
  useEffect(() => {
    if (!url || !params || running.current?.url === url) return;
    running.current?.abort.abort();
    const mine = { url, abort: new AbortController() };
    running.current = mine;
    const done = (data: T | null, error: ApiError | null) => {
      if (running.current !== mine || mine.abort.signal.aborted) return;
      running.current = null;
      setGot((old) => ({ url, data: data ?? (old?.url === url ? old.data : null), error }));
    };
    ask<T>(verb, params, mine.abort.signal).then(
      (data) => done(data, null),
      (e) => done(null, e instanceof ApiError ? e : null),
    );
  }, [url, epoch, tick]);
  useEffect(() => () => running.current?.abort.abort(), []);
  return {
    data: got?.data ?? null,
    error: got?.url === url ? got?.error ?? null : null,
    loading: url !== null && got?.url !== url,
    stale: got?.url !== url,
  };
}

/** Part of the live state; draws again only when that part has changed. */
export function useLive<T extends object>(pick: (s: LiveState) => T): T {
  const [part, setPart] = useState(() => pick(liveState()));
  const picker = useRef(pick);
  picker.current = pick;
  useEffect(() => {
    const update = () =>
      setPart((old) => {
        const next = picker.current(liveState());
        const same = Object.keys(next).every((k) => old[k as keyof T] === next[k as keyof T]);
        return same ? old : next;
      });
    update();
    return onLive(update);
  }, []);
  return part;
}

/** A number that grows when something new was stored, at most once in `everyMs`, while live is on. */
export function useTick(everyMs: number): number {
  const [tick, setTick] = useState(0);
  const seen = useRef({ at: Date.now(), mark: mark(liveState()) });
  useEffect(() => {
    let timer: number | undefined;
    const look = () => {
      const s = liveState();
      const now = mark(s);
      if (seen.current.mark === "") seen.current.mark = now; // the first summary tells nothing new
      if (!s.on || now === seen.current.mark) return;
      const wait = seen.current.at + everyMs - Date.now();
      clearTimeout(timer);
      if (wait > 0) {
        timer = setTimeout(look, wait);
        return;
      }
      seen.current = { at: Date.now(), mark: now };
      setTick((n) => n + 1);
    };
    const stop = onLive(look);
    return () => {
      clearTimeout(timer);
      stop();
    };
  }, [everyMs]);
  return tick;
}

function mark(s: LiveState): string {
  const m = s.summary;
  return m ? `${m.traces}/${m.running}/${m.records}/${m.incomplete}` : "";
}

/** The size of an element, kept up to date. */
export function useSize<E extends HTMLElement>(): [RefObject<E | null>, { width: number; height: number }] {
  const ref = useRef<E>(null);
  const [size, setSize] = useState({ width: 0, height: 0 });
  useLayoutEffect(() => {
    const e = ref.current;
    if (!e) return;
    const look = () =>
      setSize((old) =>
        old.width === e.clientWidth && old.height === e.clientHeight
          ? old
          : { width: e.clientWidth, height: e.clientHeight },
      );
    look();
    const observer = new ResizeObserver(look);
    observer.observe(e);
    return () => observer.disconnect();
  }, []);
  return [ref, size];
}

export function useMedia(query: string): boolean {
  const [matches, setMatches] = useState(() => matchMedia(query).matches);
  useEffect(() => {
    const list = matchMedia(query);
    const look = () => setMatches(list.matches);
    look();
    list.addEventListener("change", look);
    return () => list.removeEventListener("change", look);
  }, [query]);
  return matches;
}

export const useNarrow = () => useMedia("(max-width: 720px)");

/** Keys of the whole page; typing into a field is left alone. */
export function useKeys(handler: (e: KeyboardEvent) => void): void {
  const current = useRef(handler);
  current.current = handler;
  useEffect(() => {
    const on = (e: KeyboardEvent) => {
      const t = e.target as HTMLElement | null;
      if (e.ctrlKey || e.metaKey || e.altKey || e.defaultPrevented) return;
      if (t && /^(INPUT|SELECT|TEXTAREA)$/.test(t.tagName)) return;
      current.current(e);
    };
    addEventListener("keydown", on);
    return () => removeEventListener("keydown", on);
  }, []);
}

export function useTitle(title: string): void {
  useEffect(() => {
    document.title = `${title} – Kieker`;
  }, [title]);
}
