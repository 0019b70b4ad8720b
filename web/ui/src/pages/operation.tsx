// SPDX-License-Identifier: Apache-2.0
// One operation: its numbers, its latency over time, who calls it and whom it calls, its slowest traces.

import { useMemo } from "preact/hooks";
import { applied, type Answer, type Graph, type GraphEdge, type Minute, type Operation, type TraceRow } from "../api.ts";
import { LatencyChart } from "../chart.tsx";
import { nodeName, type Names } from "../edgepanel.tsx";
import { operationGlob, without } from "../filter.ts";
import { count, duration, percent } from "../format.ts";
import { edgeKey, ENTRY } from "../graphmodel.ts";
import { useQuery, useTick, useTitle } from "../hooks.ts";
import { ProbeSwitch } from "../probeswitch.tsx";
import { Fact, Failed, Link, Loading, Name, Problem, Widths } from "../ui.tsx";
import { go, type Place } from "../url.ts";

const REFRESH_MS = 3000;
const SLOWEST = 10;

function Numbers({ o }: { o: Operation }) {
  const times: [string, number][] = [
    ["Total", o.total_ns],
    ["Self", o.self_ns],
    ["Min", o.min_ns],
    ["Mean", o.mean_ns],
    ["p50", o.p50_ns],
    ["p95", o.p95_ns],
    ["p99", o.p99_ns],
    ["Max", o.max_ns],
  ];
  return (
    <dl class="facts row">
      <Fact name="Calls">{count(o.calls)}</Fact>
      <Fact name="Failed">
        <Failed n={o.failed} /> {o.failed > 0 && <span class="muted">{percent(o.failed / Math.max(1, o.calls))}</span>}
      </Fact>
      {times.map(([name, ns]) => (
        <Fact name={name} key={name}>
          {duration(ns)}
        </Fact>
      ))}
    </dl>
  );
}

interface SideProps {
  title: string;
  none: string;
  edges: readonly GraphEdge[];
  other(e: GraphEdge): string;
  names: Names;
}

function Side({ title, none, edges, other, names }: SideProps) {
  return (
    <section class="card">
      <h2>{title}</h2>
      {edges.length === 0 ? (
        <p class="muted">{none}</p>
      ) : (
        <table class="plain">
          <Widths numbers={3} />
          <thead>
            <tr>
              <th scope="col">operation</th>
              <th scope="col" class="right">
                calls
              </th>
              <th scope="col" class="right">
                failed
              </th>
              <th scope="col" class="right">
                p95
              </th>
            </tr>
          </thead>
          <tbody>
            {edges.map((e) => {
              const id = other(e);
              const n = names.get(id);
              return (
                <tr key={edgeKey(e)}>
                  <td class="wide">
                    {n && id !== ENTRY ? (
                      <Link to="operation" query={{ id, op: operationGlob(n.parent ?? "", n.name) }}>
                        <Name operation={n.name} component={n.parent ?? ""} />
                      </Link>
                    ) : (
                      nodeName(names, id)
                    )}
                  </td>
                  <td class="right">
                    <Link to="architecture" query={{ level: "operation", focus: e.target, source: e.source, target: e.target }} title="this edge in the architecture">
                      {count(e.calls)}
                    </Link>
                  </td>
                  <td class="right">
                    <Failed n={e.failed} />
                  </td>
                  <td class="right">{duration(e.p95_ns)}</td>
                </tr>
              );
            })}
          </tbody>
        </table>
      )}
    </section>
  );
}

export function OperationPage({ at }: { at: Place }) {
  const { id = "", op = "" } = at.query;
  const tick = useTick(REFRESH_MS);
  const filter = without(at.filter, "op");
  const found = useQuery<Answer<Operation>>("operations", { ...applied("operations", filter), ...(op ? { op } : {}), limit: "1000" }, tick);
  const latency = useQuery<Answer<Minute>>("latency", op ? { ...applied("latency", filter), op } : null, tick);
  const graph = useQuery<Graph>("graph", { ...applied("graph", filter), level: "operation" }, tick);
  const slowest = useQuery<Answer<TraceRow>>("traces", op ? { ...applied("traces", filter), op, sort: "duration", limit: String(SLOWEST) } : null, tick);
  const names = useMemo<Names>(() => new Map((graph.data?.nodes ?? []).map((n) => [n.id, n])), [graph.data]);
  const rows = found.data?.rows ?? [];
  const o = id ? rows.find((r) => r.id === id) : rows[0];
  useTitle(o ? o.operation : "Operation");
  if (!o) {
    if (found.error) return <Problem error={found.error} />;
    if (found.loading) return <Loading what="the operation" />;
    return (
      <div class="page empty">
        <h1>No such operation</h1>
        <p>
          Nothing that matches the filter calls it. <Link to="operations">All operations</Link>
        </p>
      </div>
    );
  }
  const byTotal = (edges: GraphEdge[]) => edges.sort((a, b) => b.total_ns - a.total_ns);
  const callers = byTotal((graph.data?.edges ?? []).filter((e) => e.target === o.id));
  const callees = byTotal((graph.data?.edges ?? []).filter((e) => e.source === o.id));
  const glob = operationGlob(o.component, o.operation);
  const select = (a: number, b: number) =>
    go({ page: "traces", query: {}, filter: { ...filter, op: glob, since: `@${a.toFixed(3)}`, until: `@${b.toFixed(3)}` } });
  return (
    <div class="page operation">
      <div class="pagehead">
        <h1>
          <Name operation={o.operation} component={o.component} />
        </h1>
        <p class="buttons">
          <Link to="architecture" query={{ level: "operation", focus: o.id, node: o.id }} class="button">
            In architecture
          </Link>
          <Link to="traces" query={{ sort: "duration" }} filter={{ ...filter, op: glob }} class="button">
            Traces with it
          </Link>
          <Link to="tree" query={{ op: glob }} class="button">
            Call tree from it
          </Link>
        </p>
      </div>
      <Numbers o={o} />
      <ProbeSwitch component={o.component} operation={o.operation} />
      <section class="card">
        <h2>Latency of its calls</h2>
        {latency.data && latency.data.rows.length > 0 ? (
          <LatencyChart rows={latency.data.rows} of={o.operation} height={180} onSelect={select} />
        ) : (
          <p class="muted">{latency.data ? "No call of it has ended yet." : "…"}</p>
        )}
      </section>
      <div class="cards two">
        <Side title="Callers" none="Nobody that was recorded." edges={callers} other={(e) => e.source} names={names} />
        <Side title="Callees" none="It calls nothing that was recorded." edges={callees} other={(e) => e.target} names={names} />
      </div>
      <section class="card">
        <h2>
          Slowest traces with it{" "}
          <span class="more">
            <Link to="traces" query={{ sort: "duration" }} filter={{ ...filter, op: glob }}>
              all {slowest.data ? count(slowest.data.total) : ""}
            </Link>
          </span>
        </h2>
        {slowest.data?.rows.length === 0 && <p class="muted">None that matches the filter.</p>}
        <table class="plain">
          <Widths numbers={2} />
          <thead>
            <tr>
              <th scope="col">root operation</th>
              <th scope="col" class="right">
                calls
              </th>
              <th scope="col" class="right">
                duration
              </th>
            </tr>
          </thead>
          <tbody>
            {(slowest.data?.rows ?? []).map((t) => (
              <tr key={t.id}>
                <td class="wide">
                  <Link to="trace" query={{ id: t.id }}>
                    <Name operation={t.root} component={t.component} />
                  </Link>
                </td>
                <td class="right">{count(t.calls)}</td>
                <td class="right">{duration(t.duration_ns)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </section>
    </div>
  );
}
