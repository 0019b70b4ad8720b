// SPDX-License-Identifier: Apache-2.0
// The URL is the whole state of the view: page, filter, sort, selection, tab.

import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { FILTER_KEYS, pickFilter, type Filter } from "./filter.ts";

export const PAGES = ["overview", "traces", "trace", "operations", "operation", "architecture", "tree", "probes", "records"] as const;
export type Page = (typeof PAGES)[number];

export interface Place {
  page: Page | "nowhere";
  query: Record<string, string>; // what belongs to the page alone
  filter: Filter; // goes along from page to page
}

/** Parameters that name the page's own thing although a filter has the same name. */
const OWN: Partial<Record<Place["page"], readonly string[]>> = {
  operation: ["op"],
  tree: ["op"],
};

export function parsePlace(pathname: string, search: string): Place {
  const name = pathname.replace(/^\/+|\/+$/g, "") || "overview";
  const page = (PAGES as readonly string[]).includes(name) ? (name as Page) : "nowhere";
  const all: Record<string, string> = {};
  for (const [k, v] of new URLSearchParams(search)) if (v !== "") all[k] = v;
  const own = OWN[page] ?? [];
  const filter = pickFilter(Object.fromEntries(Object.entries(all).filter(([k]) => !own.includes(k))));
  const query = Object.fromEntries(Object.entries(all).filter(([k]) => own.includes(k) || !FILTER_KEYS.includes(k)));
  return { page, query, filter };
}

export function formatPlace(place: Place): string {
  const params = new URLSearchParams();
  const own = OWN[place.page] ?? [];
  for (const [k, v] of Object.entries(place.query)) if (v !== "") params.set(k, v);
  for (const k of FILTER_KEYS) {
    const v = place.filter[k];
    if (v && !own.includes(k)) params.set(k, v);
  }
  // these characters are common in names and safe in a query: keep the link readable
  const text = params.toString().replace(/%2F/g, "/").replace(/%3A/g, ":").replace(/%40/g, "@").replace(/%2C/g, ",");
  const path = place.page === "overview" ? "/" : "/" + place.page;
  return path + (text ? "?" + text : "");
}

const listeners = new Set<() => void>();
let current: Place | null = null;

export function place(): Place {
  return (current ??= parsePlace(location.pathname, location.search));
}

function changed(): void {
  current = null;
  for (const listener of [...listeners]) listener();
}

export function listenToHistory(): void {
  addEventListener("popstate", changed);
}

/** Goes to a place. `replace` is for what must not become a step of "back" (a selection moved by a key). */
export function go(to: Place | string, replace = false): void {
  const url = typeof to === "string" ? to : formatPlace(to);
  if (url === location.pathname + location.search) return;
  history[replace ? "replaceState" : "pushState"](null, "", url);
  changed();
}

/** The same page with some parameters of its own changed; empty text removes one. */
export function change(query: Record<string, string>, replace = false): void {
  const at = place();
  go({ ...at, query: { ...at.query, ...query } }, replace);
}

export function setFilter(filter: Filter): void {
  go({ ...place(), filter });
}

export function usePlace(): Place {
  const [, update] = useState(0);
  useEffect(() => {
    const listener = () => update((n) => n + 1);
    listeners.add(listener);
    return () => void listeners.delete(listener);
  }, []);
  return place();
}

const SETTLE_MS = 200; // browsers refuse a URL that changes with every repeated key

/** One parameter of the page: it changes at once, and the URL follows when the reader has come to rest. */
export function useParam(key: string): [string | undefined, (value: string | undefined) => void] {
  const at = usePlace();
  const inUrl = at.query[key];
  const [value, setValue] = useState(inUrl);
  const written = useRef(inUrl);
  const timer = useRef<number | undefined>(undefined);
  useEffect(() => {
    if (inUrl === written.current) return;
    clearTimeout(timer.current);
    written.current = inUrl;
    setValue(inUrl);
  }, [inUrl]);
  useEffect(() => () => clearTimeout(timer.current), []);
  const set = useCallback(
    (next: string | undefined) => {
      const page = place().page;
      setValue(next);
      clearTimeout(timer.current);
      timer.current = setTimeout(() => {
        if (place().page !== page) return;
        written.current = next || undefined;
        change({ [key]: next ?? "" }, true);
      }, SETTLE_MS);
    },
    [key],
  );
  return [value, set];
}
