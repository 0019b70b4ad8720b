// SPDX-License-Identifier: Apache-2.0
// The filter: one thing for all pages, spelled as the API and kieker-query spell it.

import { parseDuration } from "./format.ts";

export type Filter = Record<string, string>;

interface Key {
  key: string;
  title: string; // as the chip says it
}

/** Every filter there is, in the order in which it stands in the URL and in the chips. */
export const FILTERS: readonly Key[] = [
  { key: "run", title: "run" },
  { key: "host", title: "host" },
  { key: "since", title: "since" },
  { key: "until", title: "until" },
  { key: "op", title: "operation" },
  { key: "root", title: "root" },
  { key: "component", title: "component" },
  { key: "min", title: "at least" },
  { key: "max", title: "at most" },
  { key: "min-calls", title: "calls ≥" },
  { key: "failed", title: "failed" },
  { key: "state", title: "state" },
  { key: "roots", title: "roots only" },
  { key: "class", title: "class" },
  { key: "caller", title: "caller" },
  { key: "callee", title: "callee" },
  { key: "caller-component", title: "calling component" },
  { key: "callee-component", title: "called component" },
];

export const FILTER_KEYS: readonly string[] = FILTERS.map((f) => f.key);

/** Filters that are on or off: they have no value on the command line. */
export const FLAGS: readonly string[] = ["failed", "roots"];

export const STATES = ["running", "complete", "incomplete", "damaged"];

export function pickFilter(query: Record<string, string>): Filter {
  const out: Filter = {};
  for (const key of FILTER_KEYS) if (query[key]) out[key] = query[key];
  return out;
}

export function without(filter: Filter, ...keys: string[]): Filter {
  return Object.fromEntries(Object.entries(filter).filter(([k]) => !keys.includes(k)));
}

/** What one chip says. */
export function chipText(key: string, value: string): string {
  const title = FILTERS.find((f) => f.key === key)?.title ?? key;
  if (FLAGS.includes(key)) return title;
  if ((key === "since" || key === "until") && value.startsWith("@"))
    return `${title} ${new Date(Number(value.slice(1)) * 1000).toLocaleString()}`;
  if (key === "since" && /^\d+[smhd]$/.test(value)) return `last ${value}`;
  return `${title} ${value}`;
}

/** The glob that finds one operation. A name that holds "*" or "?" may find others too: see its id. */
export function operationGlob(component: string, operation: string): string {
  return component ? `${component}.${operation}` : operation;
}

export interface Search {
  trace: string | null; // go to this trace
  filter: Filter; // add to the filter
  unknown: string[]; // words that mean nothing, to be said
}

const PREFIXED = /^(run|host|root|component|class|op|since|until|state):(.+)$/;

function word(text: string, out: Search): void {
  const prefixed = PREFIXED.exec(text);
  const compare = /^(>|<|>=|<=)(.+)$/.exec(text);
  const calls = /^calls>=?(\d+)$/.exec(text);
  if (/^#?\d+$/.test(text)) {
    out.trace = text.replace("#", "");
  } else if (FLAGS.includes(text)) {
    out.filter[text] = "1";
  } else if (STATES.includes(text)) {
    out.filter["state"] = text;
  } else if (calls) {
    out.filter["min-calls"] = calls[1]!;
  } else if (compare) {
    const value = compare[2]!.replace("=", "").replace("µ", "u");
    if (parseDuration(value) === null) out.unknown.push(text);
    else out.filter[compare[1]!.startsWith(">") ? "min" : "max"] = value;
  } else if (prefixed) {
    out.filter[prefixed[1]!] = prefixed[2]!;
  } else {
    out.filter["op"] = /[*?[]/.test(text) ? text : `*${text}*`;
  }
}

/** Reads what was typed into the search box: operation, trace id, ">10ms", "failed". */
export function parseSearch(text: string): Search {
  const out: Search = { trace: null, filter: {}, unknown: [] };
  for (const w of text.trim().split(/\s+/)) if (w) word(w, out);
  return out;
}
