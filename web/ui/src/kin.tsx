// SPDX-License-Identifier: Apache-2.0
// Which trace has started this one, and which it has started: threads, tasks.

import type { ChildRow, Parent } from "./api.ts";
import { count, duration, plural } from "./format.ts";
import { Table, type Column } from "./table.tsx";
import { Bar, callTitle, Failed, Link, Name, State, Time } from "./ui.tsx";
import { go, place } from "./url.ts";

const LISTED = 8; // beside a call

/** What was started, by the call in which it was; what the server cannot place is left out. */
export function byCall(children: readonly ChildRow[]): ReadonlyMap<string, ChildRow[]> {
  const found = new Map<string, ChildRow[]>();
  for (const c of children) {
    if (c.call === null) continue;
    const there = found.get(c.call);
    if (there) there.push(c);
    else found.set(c.call, [c]);
  }
  return found;
}

function placeTitle(at: Pick<Parent, "in_operation" | "in_component">): string | null {
  return at.in_operation === null ? null : callTitle({ operation: at.in_operation, component: at.in_component ?? "" });
}

export function StartedBy({ parent }: { parent: Parent }) {
  const where = placeTitle(parent);
  if (parent.id === null) return <span title="it is not stored, or not any more">the client's trace {parent.trace_id}</span>;
  return (
    <Link to="trace" query={{ id: parent.id, ...(parent.call !== null && { selected: parent.call }) }}>
      trace {parent.id}
      {where !== null && ` in ${where}`}
    </Link>
  );
}

/** At a call in the tree. */
export function Mark({ started }: { started: readonly ChildRow[] | undefined }) {
  if (!started) return null;
  const said = `started ${plural(started.length, "trace")}`;
  return (
    <span class="started" title={said}>
      <span aria-hidden="true">↳{started.length > 1 && ` ${count(started.length)}`}</span>
      <span class="sr">{said}</span>
    </span>
  );
}

/** Beside the selected call. */
export function StartedHere({ started }: { started: readonly ChildRow[] | undefined }) {
  if (!started) return null;
  return (
    <>
      <h3>Traces started here</h3>
      <ul class="list">
        {started.slice(0, LISTED).map((t) => (
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
      {started.length > LISTED && <p class="muted">and {count(started.length - LISTED)} more</p>}
    </>
  );
}

function columns(longest: number, onCall: (call: string) => void): readonly Column<ChildRow>[] {
  return [
    {
      key: "root",
      title: "Root operation",
      width: "minmax(180px, 1fr)",
      narrow: "minmax(0, 1fr)",
      cell: (t) => (
        <Link to="trace" query={{ id: t.id }} tabIndex={-1} class="rowlink">
          {t.state !== "complete" && <State state={t.state} />}
          <Name operation={t.root} component={t.component} />
        </Link>
      ),
    },
    { key: "duration", title: "Duration", width: "130px", narrow: "96px", cell: (t) => <Bar ns={t.duration_ns} share={t.duration_ns / longest} /> },
    { key: "calls", title: "Calls", width: "70px", right: true, cell: (t) => count(t.calls) },
    { key: "failed", title: "Failed", width: "62px", narrow: "62px", right: true, cell: (t) => <Failed n={t.failed} /> },
    {
      key: "by",
      title: "Started in",
      width: "minmax(120px, 0.7fr)",
      help: "the call that was open there",
      cell: (t) =>
        t.call === null ? (
          "–"
        ) : (
          <button type="button" class="link clip" title={placeTitle(t) ?? undefined} onClick={() => onCall(t.call!)}>
            {t.in_operation}
          </button>
        ),
    },
    { key: "start", title: "Start", width: "110px", cell: (t) => <Time at={t.start_at} /> },
  ];
}

interface Props {
  rows: readonly ChildRow[];
  total: number;
  onCall(call: string): void;
}

/** All of them, as far as the server lists them. */
export function Started({ rows, total, onCall }: Props) {
  const longest = rows.reduce((most, t) => Math.max(most, t.duration_ns), 1);
  return (
    <>
      {rows.length < total && (
        <p class="muted">
          The first {count(rows.length)} of {count(total)}.
        </p>
      )}
      <Table
        label="Traces that were started from here"
        columns={columns(longest, onCall)}
        total={rows.length}
        row={(i) => rows[i]}
        rowKey={(t) => t.id}
        rowClass={(t) => (t.failed ? "hasfailed" : "")}
        onOpen={(t) => go({ page: "trace", query: { id: t.id }, filter: place().filter })}
      />
    </>
  );
}
