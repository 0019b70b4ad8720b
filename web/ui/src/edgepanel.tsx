// SPDX-License-Identifier: Apache-2.0
// What is selected in the architecture: a node with its neighbours, or an edge with its traces.

import { applied, type Answer, type GraphEdge, type GraphNode, type TraceRow } from "./api.ts";
import type { Filter } from "./filter.ts";
import { operationGlob } from "./filter.ts";
import { count, duration, percent } from "./format.ts";
import { edgeKey, ENTRY } from "./graphmodel.ts";
import { useQuery } from "./hooks.ts";
import { Fact, Failed, Link, Name, Problem } from "./ui.tsx";

const TRACES = 8;

export type Names = ReadonlyMap<string, GraphNode>;

export function nodeName(names: Names, id: string): string {
  const n = names.get(id);
  if (!n) return id;
  return n.parent && n.level === "operation" ? `${n.parent}.${n.name}` : n.name;
}

/** The last part of a name first: it says most where there is little room. */
export function NodeName({ names, id }: { names: Names; id: string }) {
  const full = nodeName(names, id);
  const dot = full.lastIndexOf(".");
  return <Name operation={full.slice(dot + 1)} component={dot > 0 ? full.slice(0, dot) : ""} />;
}

/** The filter that finds the traces in which this edge occurs; none for containers. */
export function edgeFilter(level: string, e: Pick<GraphEdge, "source" | "target">): Filter | null {
  if (level === "operation") return { caller: e.source, callee: e.target };
  if (level === "component") return { "caller-component": e.source, "callee-component": e.target };
  return null;
}

function Times({ of }: { of: GraphEdge | GraphNode }) {
  return (
    <>
      <Fact name="Calls">{count(of.calls)}</Fact>
      <Fact name="Failed">
        <Failed n={of.failed} /> {of.failed > 0 && <span class="muted">{percent(of.failed / Math.max(1, of.calls))}</span>}
      </Fact>
      <Fact name="p50">{duration(of.p50_ns)}</Fact>
      <Fact name="p95">{duration(of.p95_ns)}</Fact>
      <Fact name="p99">{duration(of.p99_ns)}</Fact>
      <Fact name="Total">{duration(of.total_ns)}</Fact>
    </>
  );
}

function EdgeTraces({ filter }: { filter: Filter }) {
  const { data, error } = useQuery<Answer<TraceRow>>("traces", {
    ...applied("traces", filter),
    sort: "duration",
    limit: String(TRACES),
  });
  if (error) return <Problem error={error} />;
  if (!data) return <p class="muted">Asking for its traces …</p>;
  return (
    <>
      <h3>
        Its traces{" "}
        <span class="more">
          <Link to="traces" query={{ sort: "duration" }} filter={filter}>
            all {count(data.total)}
          </Link>
        </span>
      </h3>
      <ul class="list" data-testid="edge-traces">
        {data.rows.map((t) => (
          <li key={t.id}>
            <Link to="trace" query={{ id: t.id }}>
              <Name operation={t.root} component={t.component} />
            </Link>
            <span class="right">
              {t.failed > 0 && <Failed n={t.failed} />} {duration(t.duration_ns)}
            </span>
          </li>
        ))}
      </ul>
    </>
  );
}

interface EdgeProps {
  edge: GraphEdge;
  level: string;
  names: Names;
  filter: Filter;
  onNode(id: string): void;
  onClose(): void;
}

export function EdgePanel(p: EdgeProps) {
  const end = (id: string) => (
    <button type="button" class="link wrap" onClick={() => p.onNode(id)}>
      {nodeName(p.names, id)}
    </button>
  );
  const more = edgeFilter(p.level, p.edge);
  return (
    <section class="panel" aria-label="Selected edge">
      <button type="button" class="icon close" aria-label="Close" onClick={p.onClose}>
        ×
      </button>
      <h2 class="wrap">
        {end(p.edge.source)} <span aria-label="calls">→</span> {end(p.edge.target)}
      </h2>
      <dl class="facts">
        <Times of={p.edge} />
      </dl>
      {more ? <EdgeTraces filter={{ ...p.filter, ...more }} /> : <p class="muted">Traces are found by operation or component.</p>}
    </section>
  );
}

interface NodeProps {
  node: GraphNode;
  level: string;
  names: Names;
  edges: readonly GraphEdge[];
  focused: boolean;
  onEdge(e: GraphEdge): void;
  onFocus(id: string | null): void;
  onClose(): void;
}

export function NodePanel(p: NodeProps) {
  const n = p.node;
  const list = (title: string, edges: GraphEdge[], other: (e: GraphEdge) => string) =>
    edges.length > 0 && (
      <>
        <h3>{title}</h3>
        <ul class="list">
          {edges
            .sort((a, b) => b.total_ns - a.total_ns)
            .slice(0, TRACES)
            .map((e) => (
              <li key={edgeKey(e)}>
                <button type="button" class="link clip" onClick={() => p.onEdge(e)}>
                  <NodeName names={p.names} id={other(e)} />
                </button>
                <span class="right">{count(e.calls)} ×</span>
              </li>
            ))}
        </ul>
      </>
    );
  return (
    <section class="panel" aria-label="Selected node">
      <button type="button" class="icon close" aria-label="Close" onClick={p.onClose}>
        ×
      </button>
      <h2 class="wrap">{nodeName(p.names, n.id)}</h2>
      {n.id !== ENTRY && (
        <dl class="facts">
          <Times of={n} />
          <Fact name="Self">{duration(n.self_ns)}</Fact>
        </dl>
      )}
      <p class="buttons">
        <button type="button" onClick={() => p.onFocus(p.focused ? null : n.id)}>
          {p.focused ? "Show everything" : "Focus"}
        </button>
        {p.level === "operation" && n.id !== ENTRY && (
          <Link to="operation" query={{ id: n.id, op: operationGlob(n.parent ?? "", n.name) }} class="button">
            This operation
          </Link>
        )}
        {p.level === "component" && n.id !== ENTRY && (
          <Link to="architecture" query={{ level: "operation", find: `${n.name}.` }} class="button">
            Its operations
          </Link>
        )}
      </p>
      {list("Called by", p.edges.filter((e) => e.target === n.id), (e) => e.source)}
      {list("Calls", p.edges.filter((e) => e.source === n.id), (e) => e.target)}
    </section>
  );
}
