// SPDX-License-Identifier: Apache-2.0
// All traces laid one over the other: how often and how long each path of calls was taken.

import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { applied, type Answer, type Path } from "../api.ts";
import { Empty } from "../empty.tsx";
import { operationGlob } from "../filter.ts";
import { count, duration, percent, plural } from "../format.ts";
import { useQuery, useTitle } from "../hooks.ts";
import { hueOf } from "../icicle.ts";
import { TreeGrid, type TreeColumn, type TreeRow } from "../treegrid.tsx";
import { Bar, Failed, Link, Loading, Name, Problem } from "../ui.tsx";
import { change, useParam, type Place } from "../url.ts";

interface Row extends TreeRow {
  path: Path;
  parent: Path | null;
}

function shown(roots: readonly Path[], open: ReadonlySet<string>): Row[] {
  const out: Row[] = [];
  const visit = (paths: readonly Path[], level: number, parent: Path | null) =>
    paths.forEach((path, i) => {
      const unfolded = path.children.length === 0 ? null : open.has(path.path);
      out.push({ key: path.path, level, pos: i + 1, size: paths.length, open: unfolded, path, parent });
      if (unfolded) visit(path.children, level + 1, path);
    });
  visit(roots, 1, null);
  return out;
}

const heaviest = (paths: readonly Path[]) => paths.reduce<Path | undefined>((a, b) => (!a || b.total_ns > a.total_ns ? b : a), undefined);

function columns(total: number): readonly TreeColumn<Row>[] {
  return [
    {
      key: "name",
      title: "Operation",
      width: "minmax(260px, 1fr)",
      narrow: "minmax(0, 1fr)",
      cell: (r) => (
        <>
          <i class={`swatch hue-${hueOf(r.path.component)}`} aria-hidden="true" />
          <Name operation={r.path.operation} component={r.path.component} />
          {r.path.hidden_calls > 0 && <span class="more">&nbsp; +{plural(r.path.hidden_calls, "lighter call")}</span>}
        </>
      ),
    },
    { key: "total", title: "Total", width: "130px", narrow: "96px", cell: (r) => <Bar ns={r.path.total_ns} share={r.path.total_ns / total} /> },
    { key: "self", title: "Self", width: "130px", cell: (r) => <Bar ns={r.path.self_ns} share={r.path.self_ns / total} kind="self" /> },
    { key: "share", title: "% of caller", width: "88px", right: true, cell: (r) => (r.parent ? percent(r.path.total_ns / r.parent.total_ns) : "") },
    { key: "calls", title: "Calls", width: "96px", narrow: "70px", right: true, cell: (r) => count(r.path.calls) },
    { key: "failed", title: "Failed", width: "70px", right: true, cell: (r) => <Failed n={r.path.failed} /> },
    { key: "p50", title: "p50", width: "80px", right: true, cell: (r) => duration(r.path.p50_ns) },
    { key: "p95", title: "p95", width: "80px", right: true, cell: (r) => duration(r.path.p95_ns) },
  ];
}

export function CallTree({ at }: { at: Place }) {
  useTitle("Call tree");
  const op = at.query["op"];
  const { data, error } = useQuery<Answer<Path>>("tree", { ...applied("tree", at.filter), ...(op ? { op } : {}) });
  const open = useRef(new Set<string>());
  const [, redraw] = useState(0);
  const [selected, select] = useParam("selected");
  const roots = useMemo(() => [...(data?.rows ?? [])].sort((a, b) => b.total_ns - a.total_ns), [data]);
  useEffect(() => {
    // begin with the heaviest way down laid open
    for (let p = heaviest(roots), i = 0; p && i < 6; p = heaviest(p.children), i++) open.current.add(p.path);
    redraw((n) => n + 1);
  }, [roots]);
  if (!data) return <div class="page">{error ? <Problem error={error} /> : <Loading what="the call tree" />}</div>;
  if (roots.length === 0) return <Empty at={at} what="calls" />;
  const rows = shown(roots, open.current);
  const row = rows.find((r) => r.key === selected);
  const toggle = (r: Row) => {
    if (!open.current.delete(r.key)) open.current.add(r.key);
    redraw((n) => n + 1);
  };
  return (
    <div class="page fill">
      <div class="pagehead">
        <h1>Call tree</h1>
        <p class="range" role="status">
          {plural(data.total, "path")}
          {data.truncated && ", the lightest left out"}
        </p>
        {op && (
          <span class="chip">
            <span class="text">from {op}</span>
            <button type="button" aria-label="Whole tree" onClick={() => change({ op: "" })}>
              ×
            </button>
          </span>
        )}
        {row && (
          <p class="buttons">
            <Link to="operation" query={{ id: row.path.operation_id, op: operationGlob(row.path.component, row.path.operation) }} class="button">
              This operation
            </Link>
          </p>
        )}
      </div>
      {error && <Problem error={error} />}
      <TreeGrid
        label="Aggregated call tree"
        rows={rows}
        columns={columns(Math.max(1, ...roots.map((r) => r.total_ns)))}
        selected={selected}
        onSelect={(r) => select(r.key)}
        onToggle={toggle}
        onKey={(e, r) => {
          if (e.key === "l") {
            open.current.add(r.key);
            select(heaviest(r.path.children)?.path ?? r.key);
          } else if (e.key === "u") select(r.parent?.path ?? r.key);
          else return false;
          redraw((n) => n + 1);
          return true;
        }}
      />
    </div>
  );
}
