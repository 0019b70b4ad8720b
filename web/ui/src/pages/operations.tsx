// SPDX-License-Identifier: Apache-2.0
// The flat report: every operation with its counts and times.

import { useMemo } from "preact/hooks";
import { applied, type Operation } from "../api.ts";
import { Empty } from "../empty.tsx";
import { count, duration } from "../format.ts";
import { useTick, useTitle } from "../hooks.ts";
import { operationGlob } from "../filter.ts";
import { Table, useSeen, type Column } from "../table.tsx";
import { Bar, Failed, Link, Loading, Name, Problem } from "../ui.tsx";
import { change, go, type Place } from "../url.ts";
import { useWindows } from "../windows.ts";

const TIMES: readonly [keyof Operation, string, string][] = [
  ["min_ns", "Min", "min"],
  ["mean_ns", "Mean", "mean"],
  ["p50_ns", "p50", "p50"],
  ["p95_ns", "p95", "p95"],
  ["p99_ns", "p99", "p99"],
  ["max_ns", "Max", "max"],
];

export function operationQuery(o: Pick<Operation, "id" | "operation" | "component">): Record<string, string> {
  return { id: o.id, op: operationGlob(o.component, o.operation) };
}

function columns(total: number, self: number): readonly Column<Operation>[] {
  return [
    {
      key: "operation",
      title: "Operation",
      width: "minmax(180px, 1fr)",
      narrow: "minmax(0, 1fr)",
      sort: "operation",
      ascending: true,
      cell: (o) => (
        <Link to="operation" query={operationQuery(o)} tabIndex={-1}>
          <Name operation={o.operation} component={o.component} />
        </Link>
      ),
    },
    { key: "calls", title: "Calls", width: "80px", narrow: "74px", right: true, sort: "calls", cell: (o) => count(o.calls) },
    { key: "failed", title: "Failed", width: "62px", right: true, sort: "failed", cell: (o) => <Failed n={o.failed} /> },
    {
      key: "total",
      title: "Total",
      width: "100px",
      sort: "total",
      help: "time between begin and end, recursion counted once a call",
      cell: (o) => <Bar ns={o.total_ns} share={o.total_ns / total} />,
    },
    {
      key: "self",
      title: "Self",
      width: "100px",
      narrow: "96px",
      sort: "self",
      help: "total without what was spent in recorded calls",
      cell: (o) => <Bar ns={o.self_ns} share={o.self_ns / self} kind="self" />,
    },
    ...TIMES.map(([key, title, sort]) => ({
      key,
      title,
      width: "66px",
      right: true,
      sort,
      ...(sort === "p95" ? { narrow: "70px" } : {}),
      cell: (o: Operation) => duration(o[key] as number),
    })),
  ];
}

const NO_PIN = () => ({});

export function Operations({ at }: { at: Place }) {
  useTitle("Operations");
  const sort = at.query["sort"] ?? "self";
  const order = at.query["order"] === "asc" ? "asc" : "desc";
  const list = useWindows<Operation>("operations", { ...applied("operations", at.filter), sort, order }, NO_PIN);
  const [seen, onSeen] = useSeen();
  const tick = useTick(2000);
  const asOf = useMemo(() => tick, [list.version]);
  const [total, self] = useMemo(() => {
    let [t, s] = [1, 1];
    for (let i = 0; i < Math.min(list.total ?? 0, 100); i++) {
      t = Math.max(t, list.row(i)?.total_ns ?? 0);
      s = Math.max(s, list.row(i)?.self_ns ?? 0);
    }
    return [t, s];
  }, [list.version]);
  const cols = useMemo(() => columns(total, self), [total, self]);
  if (list.total === null)
    return <div class="page">{list.error ? <Problem error={list.error} /> : <Loading what="operations" />}</div>;
  if (list.total === 0) return <Empty at={at} what="operations" onArrived={list.reload} />;
  return (
    <div class="page fill">
      <div class="pagehead">
        <h1>Operations</h1>
        <p class="range" role="status">
          {count(seen[0] + 1)}–{count(Math.max(seen[1] + 1, 1))} of {count(list.total)}
        </p>
        <p class="newer" aria-live="polite">
          {tick > asOf && (
            <button type="button" onClick={list.reload}>
              Newer numbers — show
            </button>
          )}
        </p>
      </div>
      {list.error && <Problem error={list.error} />}
      <Table
        label="Operations"
        columns={cols}
        total={list.total}
        row={list.row}
        rowKey={(o) => o.id}
        rowClass={(o) => (o.failed ? "hasfailed" : "")}
        sort={sort}
        order={order}
        onSort={(s, o) => change({ sort: s, order: o })}
        onShow={list.show}
        onSeen={onSeen}
        onOpen={(o) => go({ page: "operation", query: operationQuery(o), filter: at.filter })}
        version={list.version}
      />
    </div>
  );
}
