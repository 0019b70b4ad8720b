// SPDX-License-Identifier: Apache-2.0
// The present view as a kieker-query command: page, verb and parameters have the same names.

import { applied, type Verb } from "./api.ts";
import { FLAGS } from "./filter.ts";
import type { Place } from "./url.ts";

export function quote(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replace(/'/g, `'\\''`)}'`;
}

interface Shape {
  verb: Verb;
  options: readonly string[]; // own parameters that go along as options
  argument?: string; // own parameter that stands bare
}

const SHAPES: Partial<Record<Place["page"], Shape>> = {
  overview: { verb: "status", options: [] },
  traces: { verb: "traces", options: ["sort", "order"] },
  trace: { verb: "trace", options: ["call"], argument: "id" },
  operations: { verb: "operations", options: ["sort", "order"] },
  operation: { verb: "operations", options: ["op"] },
  architecture: { verb: "graph", options: ["level"] },
  tree: { verb: "tree", options: ["op"] },
  probes: { verb: "probes", options: [] },
  records: { verb: "records", options: [], argument: "type" },
};

/** `server`: where this page comes from; so the command answers the same wherever it is typed. */
export function command(place: Place, server: string): string {
  const shape = SHAPES[place.page] ?? SHAPES.overview!;
  const words = ["kieker-query", "--server", server, shape.verb as string];
  const argument = shape.argument && place.query[shape.argument];
  if (argument) words.push(quote(argument));
  for (const key of shape.options) {
    const value = place.query[key];
    if (value) words.push(`--${key}`, quote(value));
  }
  for (const [key, value] of Object.entries(applied(shape.verb, place.filter))) {
    words.push(`--${key}`);
    if (!FLAGS.includes(key)) words.push(quote(value));
  }
  return words.join(" ");
}
