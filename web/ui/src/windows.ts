// SPDX-License-Identifier: Apache-2.0
// A long list that stays on the server: windows of it are fetched as they come into view.

import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { apiUrl, ask, ApiError, type Answer, type Params, type Verb } from "./api.ts";
import { useLive } from "./hooks.ts";

const WINDOW = 100; // rows a request
const KEEP = 40; // windows kept; the browser never holds the whole list
const SETTLE_MS = 60; // while the reader still scrolls nothing is asked

export interface Windows<T> {
  total: number | null; // null until the first answer
  row(index: number): T | undefined;
  show(first: number, last: number): void;
  error: ApiError | null;
  loading: boolean;
  version: number; // grows with every answer
  reload(): void;
  replace(index: number, row: T): void;
}

interface List<T> {
  url: string;
  total: number | null;
  pin: Params; // added to every window but the first, so that they are cut from the same list
  pages: Map<number, T[]>;
  asked: Set<number>;
  abort: AbortController;
}

/**
 * `pin` makes of the first answer what must be added to later questions, so that rows that arrive
 * meanwhile do not push the others from one window into the next.
 */
export function useWindows<T>(verb: Verb, params: Params, pin: (first: T[]) => Params): Windows<T> {
  const { epoch } = useLive((s) => ({ epoch: s.epoch }));
  const [generation, setGeneration] = useState(0);
  const [version, setVersion] = useState(0);
  const [error, setError] = useState<ApiError | null>(null);
  const list = useRef<List<T> | null>(null);
  const timer = useRef<number | undefined>(undefined);
  const [shown, setShown] = useState<List<T> | null>(null);
  const url = apiUrl(verb, params);

  const load = useCallback(
    (into: List<T>, page: number) => {
      if (into.asked.has(page)) return;
      into.asked.add(page);
      const window = { ...params, ...into.pin, limit: String(WINDOW), offset: String(page * WINDOW) };
      ask<Answer<T>>(verb, window, into.abort.signal).then(
        (answer) => {
          if (page === 0 && into.total === null) into.pin = pin(answer.rows);
          into.total ??= answer.total;
          into.pages.set(page, answer.rows);
          for (const old of into.pages.keys()) {
            if (into.pages.size <= KEEP) break;
            if (Math.abs(old - page) < 3) continue;
            into.pages.delete(old);
            into.asked.delete(old);
          }
          if (list.current !== into) return;
          setError(null);
          setShown(into);
          setVersion((n) => n + 1);
        },
        (e) => {
          into.asked.delete(page);
          if (e instanceof ApiError && list.current === into) setError(e);
        },
      );
    },
    [url],
  );

  useEffect(() => {
    list.current?.abort.abort();
    const next: List<T> = {
      url,
      total: null,
      pin: {},
      pages: new Map(),
      asked: new Set(),
      abort: new AbortController(),
    };
    list.current = next;
    setError(null);
    load(next, 0);
  }, [url, epoch, generation]);

  useEffect(
    () => () => {
      clearTimeout(timer.current);
      list.current?.abort.abort();
    },
    [],
  );

  const show = useCallback(
    (first: number, last: number) => {
      clearTimeout(timer.current);
      timer.current = setTimeout(() => {
        const now = list.current;
        if (!now || now.total === null) return;
        for (let page = Math.floor(first / WINDOW); page * WINDOW <= Math.min(last, now.total - 1); page++)
          if (page >= 0) load(now, page);
      }, SETTLE_MS);
    },
    [load],
  );

  return {
    total: shown?.total ?? null,
    row: (index) => shown?.pages.get(Math.floor(index / WINDOW))?.[index % WINDOW],
    show,
    error,
    loading: shown === null || shown.url !== url,
    version,
    reload: () => setGeneration((n) => n + 1),
    replace: (index, row) => {
      const page = shown?.pages.get(Math.floor(index / WINDOW));
      if (page && index % WINDOW < page.length) page[index % WINDOW] = row;
      setVersion((n) => n + 1);
    },
  };
}
