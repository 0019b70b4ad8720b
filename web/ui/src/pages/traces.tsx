// SPDX-License-Identifier: Apache-2.0
// The list of traces: sorted by the server over all that match, fetched in windows.

import { useCallback, useEffect, useMemo, useRef, useState } from "preact/hooks";
import { applied, ask, type Answer, type TraceAnswer, type TraceRow } from "../api.ts";
import { Empty } from "../empty.tsx";
import { without } from "../filter.ts";
import { count, unixFilter } from "../format.ts";
import { useQuery, useTick, useTitle } from "../hooks.ts";
import { Table, useSeen, type Column } from "../table.tsx";
import { Bar, Failed, Link, Loading, Name, Problem, State, Time } from "../ui.tsx";
import { change, go, setFilter, type Place } from "../url.ts";
import { useWindows, type Windows } from "../windows.ts";

const FOLLOWED = 8; // running traces in view whose rows are kept up to date

function columns(longest: number): readonly Column<TraceRow>[] {
  return [
    { key: "start", title: "Start", width: "150px", sort: "start", cell: (t) => <Time at={t.start_at} /> },
    {
      key: "root",
      title: "Root operation",
      width: "minmax(180px, 1fr)",
      narrow: "minmax(0, 1fr)",
      cell: (t) => (
        <Link to="trace" query={{ id: t.id }} tabIndex={-1} class="rowlink">
          {t.state !== "complete" && (
            <span class="narrowonly">
              <State state={t.state} />
            </span>
          )}
          <Name operation={t.root} component={t.component} />
        </Link>
      ),
    },
    {
      key: "duration",
      title: "Duration",
      width: "150px",
      narrow: "96px",
      sort: "duration",
      cell: (t) => <Bar ns={t.duration_ns} share={t.duration_ns / longest} />,
    },
    { key: "calls", title: "Calls", width: "90px", right: true, sort: "calls", cell: (t) => count(t.calls) },
    { key: "depth", title: "Depth", width: "70px", right: true, sort: "depth", cell: (t) => count(t.depth) },
    { key: "failed", title: "Failed", width: "76px", narrow: "62px", right: true, sort: "failed", cell: (t) => <Failed n={t.failed} /> },
    {
      key: "where",
      title: "Thread / host",
      width: "150px",
      cell: (t) => (
        <span class="clip" title={`${t.thread} on ${t.host}`}>
          {t.thread} <span class="muted">{t.host}</span>
        </span>
      ),
    },
    { key: "state", title: "State", width: "96px", cell: (t) => <State state={t.state} /> },
  ];
}

/** Cuts later windows from the list as it was: nothing that starts later pushes rows along. */
function pinFor(sort: string, order: string): (first: TraceRow[]) => Record<string, string> {
  return (first): Record<string, string> => {
    const newest = first[0];
    if (sort !== "start" || order !== "desc" || !newest) return {};
    return { until: unixFilter(newest.start_at, 1000n) };
  };
}

/** How many traces have come since the list was made. */
function useNewer(filter: Record<string, string>, shown: number | null): number {
  const tick = useTick(2000);
  const { data } = useQuery<Answer<TraceRow>>("traces", { ...filter, limit: "1" }, tick);
  return shown === null || !data ? 0 : Math.max(0, data.total - shown);
}

/** Keeps the rows of running traces in view up to date without moving any. */
function useFollow(list: Windows<TraceRow>, seen: [number, number]): void {
  const tick = useTick(2000);
  const busy = useRef(false);
  useEffect(() => {
    if (busy.current || tick === 0) return;
    const due: [number, string][] = [];
    for (let i = seen[0]; i <= seen[1] && due.length < FOLLOWED; i++) {
      const t = list.row(i);
      if (t?.state === "running") due.push([i, t.id]);
    }
    if (!due.length) return;
    busy.current = true;
    const one = async ([i, id]: [number, string]) => {
      const answer = await ask<TraceAnswer>("trace", { id, limit: "1" }).catch(() => null);
      if (answer?.trace && list.row(i)?.id === id) list.replace(i, answer.trace);
    };
    void Promise.all(due.map(one)).then(() => (busy.current = false));
  }, [tick]);
}

export function Traces({ at }: { at: Place }) {
  useTitle("Traces");
  const sort = at.query["sort"] ?? "start";
  const order = at.query["order"] === "asc" ? "asc" : "desc";
  const filter = applied("traces", at.filter);
  const pin = useCallback(pinFor(sort, order), [sort, order]);
  const list = useWindows<TraceRow>("traces", { ...filter, sort, order }, pin);
  const [seen, onSeen] = useSeen();
  const [sized, setSized] = useState(0);
  const newer = useNewer(filter, list.total);
  useFollow(list, seen);
  useEffect(() => {
    // bars compare with the longest seen so far, and do not shrink under the reader's eyes
    let longest = sort === "duration" ? 0 : sized;
    for (let i = seen[0]; i <= seen[1]; i++) longest = Math.max(longest, list.row(i)?.duration_ns ?? 0);
    if (sort === "duration" && order === "desc") longest = Math.max(longest, list.row(0)?.duration_ns ?? sized);
    setSized(longest);
  }, [list.version, seen[0], seen[1]]);
  const cols = useMemo(() => columns(Math.max(1, sized)), [sized]);
  const first = list.total === 0 && newer > 0;
  useEffect(() => {
    if (first) list.reload();
  }, [first]);

  if (list.total === null) return <div class="page">{list.error ? <Problem error={list.error} /> : <Loading what="traces" />}</div>;
  if (list.total === 0) return <Empty at={at} what="traces" />;
  return (
    <div class="page fill">
      <div class="pagehead">
        <h1>Traces</h1>
        <p class="range" role="status" data-testid="range">
          {count(seen[0] + 1)}–{count(Math.max(seen[1] + 1, 1))} of {count(list.total)}
        </p>
        <label class="check" title="without those that another trace has started: threads, tasks">
          <input
            type="checkbox"
            checked={at.filter["roots"] === "1"}
            onChange={(e) => setFilter({ ...without(at.filter, "roots"), ...(e.currentTarget.checked && { roots: "1" }) })}
          />
          Roots only
        </label>
        <p class="newer" aria-live="polite">
          {newer > 0 && (
            <button type="button" onClick={list.reload}>
              {count(newer)} new — show
            </button>
          )}
        </p>
      </div>
      {list.error && <Problem error={list.error} />}
      <Table
        label="Traces"
        columns={cols}
        total={list.total}
        row={list.row}
        rowKey={(t) => t.id}
        rowClass={(t) => (t.failed ? "hasfailed" : "")}
        sort={sort}
        order={order}
        onSort={(s, o) => change({ sort: s, order: o })}
        onShow={list.show}
        onSeen={onSeen}
        onOpen={(t) => go({ page: "trace", query: { id: t.id }, filter: at.filter })}
        version={list.version}
      />
    </div>
  );
}
