// SPDX-License-Identifier: Apache-2.0
// One table for all lists: fixed rows, of which only the visible ones exist; sorted elsewhere
// (mostly by the server); wholly usable by keyboard.

import type { ComponentChildren, TargetedKeyboardEvent } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { useNarrow } from "./hooks.ts";
import { useVirtual } from "./virtual.ts";

const ROW = 30;
const HEADER = 32;
const GAP = 16; // px between columns, as in the style sheet

export interface Column<R> {
  key: string;
  title: string;
  width: string; // a grid track
  right?: boolean;
  sort?: string; // the parameter's value, where it can be sorted by
  ascending?: boolean; // sorted from A on at first
  narrow?: string; // track on narrow screens; without it the column is left out there
  help?: string;
  cell(row: R, index: number): ComponentChildren;
}

interface Props<R> {
  label: string;
  columns: readonly Column<R>[];
  total: number;
  row(index: number): R | undefined;
  rowKey(row: R): string;
  rowClass?(row: R): string;
  sort?: string;
  order?: "asc" | "desc";
  onSort?(sort: string, order: "asc" | "desc"): void;
  onShow?(first: number, last: number): void; // rows drawn, to be fetched
  onSeen?(first: number, last: number): void; // rows really visible
  onOpen(row: R, e: KeyboardEvent | MouseEvent): void;
  version?: unknown;
}

/** What the columns need at least; with less room the table is scrolled sideways. */
export function leastWidth(tracks: string): number {
  const px = [...tracks.matchAll(/(\d+)px/g)].map((m) => Number(m[1]));
  return px.reduce((sum, n) => sum + n + GAP, GAP);
}

function Header<R>({ column, props }: { column: Column<R>; props: Props<R> }) {
  const sorted = column.sort !== undefined && props.sort === column.sort;
  const aria = sorted ? (props.order === "asc" ? "ascending" : "descending") : undefined;
  const press = () => {
    const first = column.ascending ? "asc" : "desc";
    const other = column.ascending ? "desc" : "asc";
    props.onSort?.(column.sort!, sorted && props.order === first ? other : first);
  };
  return (
    <div role="columnheader" class={column.right ? "right" : ""} aria-sort={aria} title={column.help}>
      {column.sort !== undefined && props.onSort ? (
        <button type="button" class="sort" onClick={press}>
          {column.title}
          <span class="arrow" aria-hidden="true">
            {sorted ? (props.order === "asc" ? "▲" : "▼") : ""}
          </span>
        </button>
      ) : (
        <span>{column.title}</span>
      )}
    </div>
  );
}

export function Table<R>(p: Props<R>) {
  const narrow = useNarrow();
  const v = useVirtual(p.total, ROW, HEADER);
  const [active, setActive] = useState(0);
  const moved = useRef(false);
  const columns = narrow ? p.columns.filter((c) => c.narrow !== undefined) : p.columns;
  const tracks = columns.map((c) => (narrow ? c.narrow! : c.width)).join(" ");

  useEffect(() => p.onShow?.(v.first, v.last), [v.first, v.last, p.onShow, p.version]);
  useEffect(() => p.onSeen?.(v.seen[0], v.seen[1]), [v.seen[0], v.seen[1], p.onSeen]);
  useEffect(() => {
    // another sort or filter is another list: begin at its top
    if (v.ref.current) v.ref.current.scrollTop = 0;
    setActive(0);
  }, [p.sort, p.order, p.label]);
  useLayoutEffect(() => {
    if (!moved.current) return;
    const row = v.ref.current?.querySelector<HTMLElement>(`[data-index="${active}"]`);
    if (!row) return; // not drawn yet: the scroll that reveals it draws again
    row.focus({ preventScroll: true });
    moved.current = false;
  });

  const move = (to: number) => {
    const index = Math.max(0, Math.min(p.total - 1, to));
    moved.current = true;
    setActive(index);
    v.reveal(index);
  };
  const onKey = (e: TargetedKeyboardEvent<HTMLDivElement>) => {
    const at = (e.target as HTMLElement).closest<HTMLElement>("[data-index]");
    if (!at || e.ctrlKey || e.metaKey || e.altKey) return;
    const index = Number(at.dataset["index"]);
    const row = p.row(index);
    const steps: Record<string, number> = {
      ArrowDown: index + 1,
      ArrowUp: index - 1,
      PageDown: index + v.page,
      PageUp: index - v.page,
      Home: 0,
      End: p.total - 1,
    };
    if (e.key in steps) move(steps[e.key]!);
    else if ((e.key === "Enter" || e.key === " ") && row && e.target === at) p.onOpen(row, e);
    else return;
    e.preventDefault();
  };

  // the one row that Tab reaches must be a row that exists
  const stop = active >= v.first && active < v.last ? active : v.seen[0];
  const rows = [];
  for (let i = v.first; i < v.last; i++) {
    const row = p.row(i);
    rows.push(
      <div
        role="row"
        class={`row ${row ? p.rowClass?.(row) ?? "" : "absent"}`}
        key={i} // a row that arrives keeps the focus of its place
        data-index={i}
        data-key={row ? p.rowKey(row) : undefined}
        aria-rowindex={i + 2}
        tabIndex={i === stop ? 0 : -1}
        style={{ top: `${v.top(i)}px` }}
        onFocus={() => setActive(i)}
        onClick={(e) => {
          if (row && !(e.target as HTMLElement).closest("a,button")) p.onOpen(row, e);
        }}
      >
        {columns.map((c) => (
          <div role="gridcell" key={c.key} class={c.right ? "right" : ""}>
            {row ? c.cell(row, i) : <span class="wait">…</span>}
          </div>
        ))}
      </div>,
    );
  }
  return (
    <div
      class="grid"
      role="grid"
      aria-label={p.label}
      aria-rowcount={p.total + 1}
      aria-colcount={columns.length}
      ref={v.ref}
      onKeyDown={onKey}
      style={{ "--tracks": tracks, "--least": `${leastWidth(tracks)}px` }}
    >
      <div role="rowgroup" class="head">
        <div role="row" class="row" aria-rowindex={1}>
          {columns.map((c) => (
            <Header key={c.key} column={c} props={p} />
          ))}
        </div>
      </div>
      <div role="rowgroup" class="body" style={{ height: `${v.height}px` }}>
        {rows}
      </div>
    </div>
  );
}

/** "1–40 of 103 421": what is in view of how many. */
export function useSeen(): [[number, number], (first: number, last: number) => void] {
  const [seen, setSeen] = useState<[number, number]>([0, 0]);
  const on = useRef((first: number, last: number) => setSeen([first, last]));
  return [seen, on.current];
}
