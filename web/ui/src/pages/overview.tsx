// SPDX-License-Identifier: Apache-2.0
// The first page: how much there is, how latency went, and what stands out.

import type { ComponentChildren } from "preact";
import { applied, type Answer, type Graph, type Minute, type Operation, type Status, type TraceRow } from "../api.ts";
import { LatencyChart } from "../chart.tsx";
import { Empty } from "../empty.tsx";
import type { Filter } from "../filter.ts";
import { bytes, count, duration, plural } from "../format.ts";
import { useQuery, useTick, useTitle } from "../hooks.ts";
import { Failed, Link, Name, Problem, Widths } from "../ui.tsx";
import { go, type Page, type Place } from "../url.ts";
import { operationQuery } from "./operations.tsx";

const REFRESH_MS = 3000;
const TOP = 5;

interface Numbers {
  traces: number | null;
  calls: number | null;
  failed: number | null;
  incomplete: number | null;
  running: number | null;
}

/** Without a filter the server knows its numbers; with one they are counted by asking. */
function useNumbers(filter: Filter, tick: number): { numbers: Numbers; status: Status | null } {
  const filtered = Object.keys(filter).length > 0;
  const few = { ...filter, limit: "1" };
  const when = (params: Record<string, string>) => (filtered ? params : null);
  const status = useQuery<Answer<Status>>("status", {}, tick).data?.rows[0] ?? null;
  const all = useQuery<Answer<TraceRow>>("traces", when(few), tick).data;
  const failed = useQuery<Answer<TraceRow>>("traces", when({ ...few, failed: "1" }), tick).data;
  const incomplete = useQuery<Answer<TraceRow>>("traces", when({ ...few, state: "incomplete" }), tick).data;
  const running = useQuery<Answer<TraceRow>>("traces", when({ ...few, state: "running" }), tick).data;
  const hosts = useQuery<Graph>("graph", when({ ...applied("graph", filter), level: "container" }), tick).data;
  if (!filtered)
    return {
      status,
      numbers: {
        traces: status?.traces ?? null,
        calls: status?.calls ?? null,
        failed: status?.failed ?? null,
        incomplete: status?.incomplete ?? null,
        running: status?.running ?? null,
      },
    };
  return {
    status,
    numbers: {
      traces: all?.total ?? null,
      calls: hosts?.nodes.reduce((sum, n) => sum + (n.id === "entry" ? 0 : n.calls), 0) ?? null,
      failed: failed?.total ?? null,
      incomplete: incomplete?.total ?? null,
      running: running?.total ?? null,
    },
  };
}

interface TileProps {
  title: string;
  value: number | null;
  to: Page;
  filter: Filter;
  bad?: boolean;
}

function Tile({ title, value, to, filter, bad = false }: TileProps) {
  return (
    <Link to={to} filter={filter} class={`tile${bad && value ? " bad" : ""}`}>
      <span class="number" data-testid={`number-${title}`}>
        {value === null ? "…" : count(value)}
      </span>
      <span class="what">
        {bad && value ? <span aria-hidden="true">! </span> : null}
        {title}
      </span>
    </Link>
  );
}

interface TopProps<R> {
  title: string;
  more: ComponentChildren;
  heads: readonly [string, string];
  rows: readonly R[] | undefined;
  cells(row: R): [ComponentChildren, ComponentChildren];
  id(row: R): string;
  none: string;
}

function Top<R>(p: TopProps<R>) {
  return (
    <section class="card">
      <h2>
        {p.title} <span class="more">{p.more}</span>
      </h2>
      {p.rows?.length === 0 ? (
        <p class="muted">{p.none}</p>
      ) : (
        <table class="plain">
          <Widths numbers={1} />
          <thead class="sr">
            <tr>
              <th scope="col">{p.heads[0]}</th>
              <th scope="col">{p.heads[1]}</th>
            </tr>
          </thead>
          <tbody>
            {(p.rows ?? []).map((r) => {
              const [left, right] = p.cells(r);
              return (
                <tr key={p.id(r)}>
                  <td class="wide">{left}</td>
                  <td class="right">{right}</td>
                </tr>
              );
            })}
          </tbody>
        </table>
      )}
    </section>
  );
}

function OperationTop(p: { title: string; sort: string; head: string; filter: Filter; tick: number; value(o: Operation): ComponentChildren; keep?(o: Operation): boolean }) {
  const { data } = useQuery<Answer<Operation>>(
    "operations",
    { ...applied("operations", p.filter), sort: p.sort, limit: String(TOP) },
    p.tick,
  );
  return (
    <Top
      title={p.title}
      more={
        <Link to="operations" query={{ sort: p.sort }}>
          all
        </Link>
      }
      heads={["operation", p.head]}
      rows={data?.rows.filter((o) => p.keep?.(o) ?? true)}
      id={(o) => o.id}
      none="None."
      cells={(o) => [
        <Link to="operation" query={operationQuery(o)}>
          <Name operation={o.operation} component={o.component} />
        </Link>,
        p.value(o),
      ]}
    />
  );
}

export function Overview({ at }: { at: Place }) {
  useTitle("Overview");
  const tick = useTick(REFRESH_MS);
  const soon = useTick(500);
  const filter = applied("traces", at.filter);
  // until there is a trace, look often: the page turns to the first one by itself
  const any = useQuery<Answer<TraceRow>>("traces", { ...filter, limit: "1" }, soon);
  const empty = any.data !== null && any.data.total === 0;
  const { numbers, status } = useNumbers(filter, empty ? 0 : tick);
  const slowest = useQuery<Answer<TraceRow>>("traces", { ...filter, sort: "duration", limit: String(TOP) }, tick);
  const latency = useQuery<Answer<Minute>>("latency", applied("latency", at.filter), tick);
  if (any.error && !any.data) return <Problem error={any.error} />;
  if (empty) return <Empty at={at} what="traces" />;
  const select = (a: number, b: number) =>
    go({ page: "traces", query: {}, filter: { ...at.filter, since: `@${a.toFixed(3)}`, until: `@${b.toFixed(3)}` } });
  return (
    <div class="page overview">
      <h1 class="sr">Overview</h1>
      <div class="tiles">
        <Tile title="traces" value={numbers.traces} to="traces" filter={at.filter} />
        <Tile title="calls" value={numbers.calls} to="operations" filter={at.filter} />
        <Tile title="failed" value={numbers.failed} to="traces" filter={{ ...at.filter, failed: "1" }} bad />
        <Tile title="incomplete" value={numbers.incomplete} to="traces" filter={{ ...at.filter, state: "incomplete" }} bad />
        <Tile title="running" value={numbers.running} to="traces" filter={{ ...at.filter, state: "running" }} />
      </div>
      <section class="card">
        <h2>Latency of traces</h2>
        {latency.error && <Problem error={latency.error} />}
        {latency.data && latency.data.rows.length > 0 ? (
          <LatencyChart rows={latency.data.rows} of="traces" onSelect={select} />
        ) : (
          <p class="muted">{latency.data ? "No trace has ended yet." : "…"}</p>
        )}
      </section>
      <div class="cards">
        <Top
          title="Slowest traces"
          more={
            <Link to="traces" query={{ sort: "duration" }}>
              all
            </Link>
          }
          heads={["root operation", "duration"]}
          rows={slowest.data?.rows}
          id={(t) => t.id}
          none="None."
          cells={(t) => [
            <Link to="trace" query={{ id: t.id }}>
              <Name operation={t.root} component={t.component} />
            </Link>,
            duration(t.duration_ns),
          ]}
        />
        <OperationTop title="Hottest operations" sort="self" head="self time" filter={at.filter} tick={tick} value={(o) => duration(o.self_ns)} />
        <OperationTop title="Most called" sort="calls" head="calls" filter={at.filter} tick={tick} value={(o) => count(o.calls)} />
        <OperationTop
          title="Most failing"
          sort="failed"
          head="failed"
          filter={at.filter}
          tick={tick}
          value={(o) => <Failed n={o.failed} />}
          keep={(o) => o.failed > 0}
        />
      </div>
      {status && (
        <p class="muted foot">
          {plural(status.records, "record")} in {bytes(status.size_bytes)}, {plural(status.operations, "operation")} of{" "}
          {plural(status.components, "component")}
        </p>
      )}
    </div>
  );
}
