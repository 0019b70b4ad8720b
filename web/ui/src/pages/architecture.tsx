// SPDX-License-Identifier: Apache-2.0
// Who calls whom: the graph of components, operations or hosts, and the same as a table.

import type { ComponentChildren } from "preact";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { applied, type Graph, type GraphEdge } from "../api.ts";
import { EdgePanel, NodeName, NodePanel, nodeName, type Names } from "../edgepanel.tsx";
import { Empty } from "../empty.tsx";
import { count, duration, plural } from "../format.ts";
import { choose, edgeKey, ENTRY, NODES, NODES_USUAL, type Part } from "../graphmodel.ts";
import { GraphView, shapeOf } from "../graphview.tsx";
import { useQuery, useTick, useTitle } from "../hooks.ts";
import { layout, type Layout } from "../layout.ts";
import { Table, type Column } from "../table.tsx";
import { Failed, Loading, Problem } from "../ui.tsx";
import { change, useParam, type Place } from "../url.ts";

const LEVELS = ["component", "operation", "container"];
const REFRESH_MS = 3000;
const HOPS = ["1", "2", "3", "4"];
const HOPS_USUAL = "2"; // one shows of a leaf only who calls it

interface Drawn {
  key: string; // of the question it answers
  part: Part;
  layout: Layout;
}

/** What is drawn keeps its place while numbers change; new things wait until they are asked for. */
function useDrawn(part: Part | null, key: string, level: string): { drawn: Drawn | null; news: number; tidy(): void; busy: boolean } {
  const [drawn, setDrawn] = useState<Drawn | null>(null);
  const [busy, setBusy] = useState(false);
  const turn = useRef(0);
  const tidy = (now: Part) => {
    const mine = ++turn.current;
    setBusy(true);
    void layout(shapeOf(now, level)).then((l) => {
      if (mine !== turn.current) return;
      setBusy(false);
      setDrawn({ key, part: now, layout: l });
    });
  };
  const asked = useRef<string | null>(null);
  useEffect(() => {
    if (!part || asked.current === key) return;
    asked.current = key;
    tidy(part);
  }, [part !== null, key]);
  const fresh = useMemo(() => {
    if (!drawn || !part || drawn.key !== key) return { shown: drawn, news: 0 };
    const nodes = new Map(part.nodes.map((n) => [n.id, n]));
    const edges = new Map(part.edges.map((e) => [edgeKey(e), e]));
    const known = new Set([...drawn.part.nodes.map((n) => n.id), ...drawn.part.edges.map(edgeKey)]);
    const news = [...nodes.keys(), ...edges.keys()].filter((k) => !known.has(k)).length;
    const shown = {
      ...drawn,
      part: {
        ...drawn.part,
        nodes: drawn.part.nodes.map((n) => nodes.get(n.id) ?? n),
        edges: drawn.part.edges.map((e) => edges.get(edgeKey(e)) ?? e),
      },
    };
    return { shown, news };
  }, [drawn, part, key]);
  return { drawn: fresh.shown, news: fresh.news, tidy: () => part && tidy(part), busy };
}

function edgeColumns(names: Names): readonly Column<GraphEdge>[] {
  const name = (id: string) => <NodeName names={names} id={id} />;
  const part = "minmax(0, 1fr)";
  return [
    { key: "source", title: "Caller", width: part, narrow: part, sort: "source", ascending: true, cell: (e) => name(e.source) },
    { key: "target", title: "Called", width: part, narrow: part, sort: "target", ascending: true, cell: (e) => name(e.target) },
    { key: "calls", title: "Calls", width: "70px", narrow: "70px", right: true, sort: "calls", cell: (e) => count(e.calls) },
    { key: "failed", title: "Failed", width: "54px", right: true, sort: "failed", cell: (e) => <Failed n={e.failed} /> },
    { key: "p95", title: "p95", width: "76px", narrow: "74px", right: true, sort: "p95_ns", cell: (e) => duration(e.p95_ns) },
  ];
}

function sorted(edges: readonly GraphEdge[], by: string, order: "asc" | "desc", names: Names): GraphEdge[] {
  const sign = order === "asc" ? 1 : -1;
  const key = by as keyof GraphEdge;
  return [...edges].sort((a, b) => {
    if (key === "source" || key === "target") return sign * nodeName(names, a[key]).localeCompare(nodeName(names, b[key]));
    return sign * ((a[key] as number) - (b[key] as number));
  });
}

/** "59 of 105 nodes, 120 of 334 edges": what is seen, and of how much. */
function shownOf(part: Part): string {
  const of = (shown: number, hidden: number, what: string) =>
    hidden > 0 ? `${count(shown)} of ${plural(shown + hidden, what)}` : plural(shown, what);
  const nodes = part.nodes.filter((n) => n.id !== ENTRY).length;
  return `${of(nodes, part.hiddenNodes, "node")}, ${of(part.edges.length, part.hiddenEdges, "edge")}`;
}

function Toolbar({ at, part, truncated, children }: { at: Place; part: Part | null; truncated: boolean; children: ComponentChildren }) {
  const [find = "", setFind] = useParam("find");
  const [least = "", setLeast] = useParam("edge-calls");
  const level = at.query["level"] ?? "component";
  return (
    <div class="toolbar wrapped">
      <label>
        Level{" "}
        <select value={level} onChange={(e) => change({ level: e.currentTarget.value, focus: "", node: "", source: "", target: "" })}>
          {LEVELS.map((l) => (
            <option key={l}>{l}</option>
          ))}
        </select>
      </label>
      <label>
        Colour{" "}
        <select value={at.query["colour"] ?? "p95"} onChange={(e) => change({ colour: e.currentTarget.value })}>
          <option value="p95">p95</option>
          <option value="failed">failures</option>
        </select>
      </label>
      <label>
        Heaviest{" "}
        <select value={at.query["nodes"] ?? String(NODES_USUAL)} onChange={(e) => change({ nodes: e.currentTarget.value })}>
          {NODES.map((n) => (
            <option key={n}>{n}</option>
          ))}
        </select>{" "}
        nodes
      </label>
      <label>
        Edges with ≥{" "}
        <input type="number" class="number" min="1" placeholder="1" value={least} onInput={(e) => setLeast(e.currentTarget.value)} /> calls
      </label>
      <input type="search" aria-label="Find nodes" placeholder="find nodes" value={find} onInput={(e) => setFind(e.currentTarget.value)} />
      {at.query["focus"] && (
        <span class="chip">
          <label>
            focus, hops{" "}
            <select value={at.query["hops"] ?? HOPS_USUAL} onChange={(e) => change({ hops: e.currentTarget.value })}>
              {HOPS.map((h) => (
                <option key={h}>{h}</option>
              ))}
            </select>
          </label>
          <button type="button" aria-label="Drop the focus" onClick={() => change({ focus: "", hops: "" })}>
            ×
          </button>
        </span>
      )}
      <span class="muted" role="status">
        {part && shownOf(part)}
        {truncated && "; the server left some out"}
      </span>
      <span class="newer" aria-live="polite">
        {children}
      </span>
    </div>
  );
}

function Legend({ colour, form }: { colour: string; form: Layout["form"] }) {
  return (
    <p class="legend foot">
      on edges: calls · p95 · thickness: calls ·{" "}
      {colour === "p95" ? (
        <>
          p95 from low <i class="ramp" aria-hidden="true" /> to high
        </>
      ) : (
        <>
          <i class="fail" aria-hidden="true" /> edges with failures
        </>
      )}
      {form !== "curves" && <span class="muted"> · too large for curves in time: {form === "lines" ? "straight lines" : "simple rows"}</span>}
    </p>
  );
}

export function Architecture({ at }: { at: Place }) {
  useTitle("Architecture");
  const level = LEVELS.includes(at.query["level"] ?? "") ? at.query["level"]! : "component";
  const tick = useTick(REFRESH_MS);
  const params = { ...applied("graph", at.filter), level };
  const { data, error, stale } = useQuery<Graph>("graph", params, tick);
  const { focus, node, source, target } = at.query;
  const hops = Number(at.query["hops"] ?? HOPS_USUAL);
  const minCalls = Number(at.query["edge-calls"] ?? "1") || 1;
  const graph = stale ? null : data;
  const max = Number(at.query["nodes"]) || NODES_USUAL;
  const part = useMemo(() => graph && choose(graph, { focus, hops, minCalls, max }), [graph, focus, hops, minCalls, max]);
  const { drawn, news, tidy, busy } = useDrawn(part, JSON.stringify([params, focus, hops, minCalls, max]), level);
  const names = useMemo<Names>(() => new Map((data?.nodes ?? []).map((n) => [n.id, n])), [data]);
  const [sort, setSort] = useState<{ by: string; order: "asc" | "desc" }>({ by: "calls", order: "desc" });
  const rows = useMemo(() => sorted(drawn?.part.edges ?? [], sort.by, sort.order, names), [drawn, sort, names]);
  const cols = useMemo(() => edgeColumns(names), [names]);
  const find = (at.query["find"] ?? "").toLowerCase();
  const found = useMemo(
    () => (find && drawn ? new Set(drawn.part.nodes.filter((n) => nodeName(names, n.id).toLowerCase().includes(find)).map((n) => n.id)) : null),
    [find, drawn, names],
  );
  if (!data) return <div class="page">{error ? <Problem error={error} /> : <Loading what="the graph" />}</div>;
  if (data.nodes.every((n) => n.id === ENTRY)) return <Empty at={at} what="components" />;

  const chosen = source && target ? edgeKey({ source, target }) : undefined;
  const edge = chosen ? data.edges.find((e) => edgeKey(e) === chosen) : undefined;
  const chosenNode = !edge && node ? names.get(node) : undefined;
  const onNode = (id: string | null) => change({ node: id ?? "", source: "", target: "" }, true);
  const onEdge = (e: GraphEdge) => change({ source: e.source, target: e.target, node: "" });
  const onFocus = (id: string | null) => change({ focus: id ?? "", node: id ?? "", source: "", target: "", hops: "" });
  return (
    <div class="page fill architecture">
      <h1 class="sr">Architecture</h1>
      <Toolbar at={at} part={part} truncated={data.truncated}>
        {news > 0 && (
          <button type="button" onClick={tidy}>
            {count(news)} new — tidy up
          </button>
        )}
        {busy && <span class="muted">laying out …</span>}
      </Toolbar>
      {error && <Problem error={error} />}
      <div class="split">
        <div class="main">
          {drawn && (
            <GraphView
              part={drawn.part}
              layout={drawn.layout}
              level={level}
              colour={at.query["colour"] === "failed" ? "failed" : "p95"}
              found={found}
              node={node}
              edge={chosen}
              centre={node ?? source ?? focus ?? ENTRY}
              onNode={onNode}
              onEdge={onEdge}
              onFocus={onFocus}
            />
          )}
          {drawn && <Legend colour={at.query["colour"] ?? "p95"} form={drawn.layout.form} />}
        </div>
        <aside class="side" aria-label="Details">
          {edge && <EdgePanel edge={edge} level={level} names={names} filter={at.filter} onNode={onNode} onClose={() => onNode(null)} />}
          {chosenNode && (
            <NodePanel
              node={chosenNode}
              level={level}
              names={names}
              edges={data.edges}
              focused={focus === chosenNode.id}
              onEdge={onEdge}
              onFocus={onFocus}
              onClose={() => onNode(null)}
            />
          )}
          <Table
            label={`Edges between ${level}s`}
            columns={cols}
            total={rows.length}
            row={(i) => rows[i]}
            rowKey={(e) => edgeKey(e)}
            rowClass={(e) => `${edgeKey(e) === chosen ? "chosen" : ""} ${e.failed ? "hasfailed" : ""}`}
            sort={sort.by}
            order={sort.order}
            onSort={(by, order) => setSort({ by, order })}
            onOpen={onEdge}
          />
        </aside>
      </div>
    </div>
  );
}
