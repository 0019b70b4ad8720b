// SPDX-License-Identifier: Apache-2.0
// What agents record and what not: the patterns in force, and how they are changed.

import { ApiError, type Answer } from "./api.ts";

export interface ProbeRule {
  state: "active" | "inactive";
  pattern: string;
  since_at: string | null;
}

export interface ProbeAgent {
  stream: string;
  peer: string;
  run: string;
  program: string;
  pid: string;
  obeys: boolean;
  operations: number;
  off: number;
}

export interface Probes extends Answer<ProbeRule> {
  agents: ProbeAgent[];
  agents_total: number;
  agents_obeying: number;
  may_change: boolean;
  problem: string | null;
}

export type Action = "activate" | "deactivate" | "forget" | "reset";

/** A pattern that means this operation alone: a shell pattern, or an expression where brackets would make it a signature. */
export function patternOf(component: string, operation: string): string {
  const name = `${component}.${operation}`;
  if (/[()]/.test(name) || name.startsWith("%")) return "%" + name.replace(/[\\.[\]{}()*+?^$|]/g, "\\$&");
  return name.replace(/[[*?]/g, "[$&]");
}

/** Changes what is in force; what it is then. Throws ApiError with a sentence for the reader. */
export async function change(action: Action, pattern: string): Promise<Probes> {
  let response: Response;
  try {
    response = await fetch(`/api/v1/probes?${new URLSearchParams({ action, pattern })}`, { method: "POST", headers: { "kieker-change": "yes" } });
  } catch {
    throw new ApiError("The collector does not answer.", 0);
  }
  const body = (await response.json().catch(() => ({}))) as Probes & { error?: string };
  if (!response.ok) throw new ApiError(body.error ?? `The collector answered with status ${response.status}.`, response.status);
  return body;
}
