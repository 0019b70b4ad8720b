// SPDX-License-Identifier: Apache-2.0
// What stands where there is nothing to show yet: which link of the chain is missing, and what to do.

import { useEffect, useState } from "preact/hooks";
import { applied, ask, type Answer, type Status, type TraceRow } from "./api.ts";
import { chipText, without } from "./filter.ts";
import { count, plural } from "./format.ts";
import { useLive, useQuery, useTick } from "./hooks.ts";
import { Command, Link } from "./ui.tsx";
import { setFilter, type Place } from "./url.ts";

/** Where agents reach the collector when it was started without options. */
const DEFAULT_LISTEN = "127.0.0.1:10133";

export function agentCommand(listen: string): string {
  const writer = listen === DEFAULT_LISTEN ? "" : ` --writer tcp://${listen}`;
  return `python3 -m kieker${writer} yourprogram.py`;
}

function hostAndPort(listen: string): [string, string] {
  const colon = listen.lastIndexOf(":");
  return [listen.slice(0, colon).replace(/^\[|\]$/g, ""), listen.slice(colon + 1)];
}

function javaCommand(listen: string): string {
  const [host, port] = hostAndPort(listen);
  const writer = "kieker.monitoring.writer.tcp.SingleSocketTcpWriter";
  return `java -javaagent:kieker-aspectj.jar -Dkieker.monitoring.writer=${writer} -D${writer}.hostname=${host} -D${writer}.port=${port} -jar yourprogram.jar`;
}

function cCommand(listen: string): string {
  const [host, port] = hostAndPort(listen);
  return `KIEKER_HOSTNAME=${host} KIEKER_PORT=${port} ./yourprogram`;
}

/** Which chip removes most: how many traces there would be without each. */
function FilteredOut({ at, what }: { at: Place; what: string }) {
  const keys = Object.keys(at.filter);
  const [totals, setTotals] = useState<Record<string, number>>({});
  useEffect(() => {
    const abort = new AbortController();
    for (const key of keys)
      ask<Answer<TraceRow>>("traces", { ...applied("traces", without(at.filter, key)), limit: "1" }, abort.signal).then(
        (a) => setTotals((t) => ({ ...t, [key]: a.total })),
        () => undefined,
      );
    return () => abort.abort();
  }, [keys.map((k) => `${k}=${at.filter[k]}`).join("&")]);
  const sorted = [...keys].sort((a, b) => (totals[b] ?? -1) - (totals[a] ?? -1));
  return (
    <div class="page empty">
      <h1>No {what} match the filter</h1>
      <p>Drop one of its parts:</p>
      <ul class="drops">
        {sorted.map((key) => (
          <li key={key}>
            <button type="button" onClick={() => setFilter(without(at.filter, key))}>
              {chipText(key, at.filter[key]!)} ×
            </button>
            {totals[key] !== undefined && <span> then {plural(totals[key]!, "trace")}</span>}
          </li>
        ))}
        {keys.length > 1 && (
          <li>
            <button type="button" onClick={() => setFilter({})}>
              Drop all
            </button>
          </li>
        )}
      </ul>
    </div>
  );
}

function Waiting({ status, connections }: { status: Status | null; connections: number }) {
  const listen = status?.collector?.listening ?? DEFAULT_LISTEN;
  return (
    <div class="page empty">
      <h1 data-testid="listening">
        Listening on {listen} — {plural(connections, "connection")} {status?.records ? "now" : "so far"}
      </h1>
      {connections > 0 && !status?.records && (
        <p class="notice">A program is connected but has sent no record yet. Are its functions among those the agent includes?</p>
      )}
      {(status?.records ?? 0) > 0 && (
        <p class="notice">
          {plural(status!.records, "record")} received, but no call among them yet.{" "}
          {Object.entries(status!.counters ?? {})
            .filter(([, n]) => n > 0)
            .map(([name, n]) => `${name}: ${count(n)}`)
            .join(" · ")}
        </p>
      )}
      <p>Run a Python program under the agent; no edit is needed:</p>
      <Command text={agentCommand(listen)} what="the agent's command" />
      <details>
        <summary>Java or C</summary>
        <p>A Java program with Kieker's AspectJ agent:</p>
        <Command text={javaCommand(listen)} what="the options of Java" />
        <p>A C program that is linked with Kieker's library:</p>
        <Command text={cCommand(listen)} what="the environment of C" />
      </details>
      <p>This page turns to the first trace by itself.</p>
      {status && (
        <p class="muted">
          Kept in <code class="wrap">{status.database}</code>, collector {status.version}.
        </p>
      )}
    </div>
  );
}

interface Props {
  at: Place;
  what: string;
  onArrived?: () => void;
}

export function Empty({ at, what, onArrived }: Props) {
  const tick = useTick(500);
  const { data } = useQuery<Answer<Status>>("status", {}, tick);
  const { connections } = useLive((s) => ({ connections: s.summary?.connections ?? 0 }));
  const status = data?.rows[0] ?? null;
  useEffect(() => {
    if (tick > 0) onArrived?.();
  }, [tick]);
  if (Object.keys(at.filter).length > 0) return <FilteredOut at={at} what={what} />;
  if (status && status.traces + status.running > 0 && what !== "traces")
    return (
      <div class="page empty">
        <h1>No {what} yet</h1>
        <p>
          {status.running > 0
            ? `${plural(status.running, "trace")} ${status.running === 1 ? "is" : "are"} running; none has ended.`
            : "The stored traces hold none."}{" "}
          <Link to="traces">Look at the traces</Link>
        </p>
      </div>
    );
  return <Waiting status={status} connections={connections} />;
}
