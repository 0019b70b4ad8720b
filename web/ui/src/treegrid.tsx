// SPDX-License-Identifier: Apache-2.0
// A tree as a table: rows that unfold, only the visible ones in the page, keys as in any tree.

import type { ComponentChildren, TargetedKeyboardEvent } from "preact";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import { useNarrow } from "./hooks.ts";
import { leastWidth } from "./table.tsx";
import { useVirtual } from "./virtual.ts";

const ROW = 26;
const HEADER = 30;
const INDENTS = [14, 4]; // px a level: up to the tenth, then
const INDENT_LEVELS = 30; // deeper rows stand no further right, but say their level

export interface TreeRow {
  key: string;
  level: number;
  pos: number;
  size: number;
  open: boolean | null;
}

export interface TreeColumn<R> {
  key: string;
  title: string;
  width: string;
  narrow?: string; // left out on narrow screens without it
  right?: boolean;
  help?: string;
  cell(row: R): ComponentChildren;
}

interface Props<R extends TreeRow> {
  label: string;
  rows: readonly R[];
  columns: readonly TreeColumn<R>[]; // the first holds the tree
  selected: string | undefined;
  rowClass?(row: R): string;
  onSelect(row: R): void;
  onToggle(row: R): void;
  onEnter?(row: R): void; // Enter or double click; default: unfold
  onKey?(e: KeyboardEvent, row: R): boolean; // true: it was for the page
}

/** How far right a row stands: less and less with depth, so that names keep their room. */
function indentOf(level: number, narrow: boolean): number {
  const deep = Math.max(0, Math.min(level, INDENT_LEVELS) - 10);
  const px = (Math.min(level, 10) - 1) * INDENTS[0]! + deep * INDENTS[1]!;
  return narrow ? px / 2.5 : px;
}

function parentOf<R extends TreeRow>(rows: readonly R[], index: number): number {
  const level = rows[index]!.level;
  for (let i = index - 1; i >= 0; i--) if (rows[i]!.level < level) return i;
  return index;
}

/** Where a key leads to, or null when it does something else. */
function target<R extends TreeRow>(key: string, rows: readonly R[], i: number, page: number): number | null {
  const row = rows[i]!;
  if (key === "ArrowDown") return i + 1;
  if (key === "ArrowUp") return i - 1;
  if (key === "PageDown") return i + page;
  if (key === "PageUp") return i - page;
  if (key === "Home") return 0;
  if (key === "End") return rows.length - 1;
  if (key === "ArrowRight" && row.open === true) return i + 1;
  if (key === "ArrowLeft" && row.open !== true) return parentOf(rows, i);
  return null;
}

export function TreeGrid<R extends TreeRow>(p: Props<R>) {
  const narrow = useNarrow();
  const v = useVirtual(p.rows.length, ROW, HEADER);
  const columns = narrow ? p.columns.filter((c) => c.narrow !== undefined) : p.columns;
  const tracks = columns.map((c) => (narrow ? c.narrow! : c.width)).join(" ");
  const found = p.rows.findIndex((r) => r.key === p.selected);
  const wantFocus = useRef(false);
  const last = useRef<string | undefined>(undefined);

  useEffect(() => {
    if (found < 0 || last.current === p.selected) return; // not unfolded yet, or seen already
    v.reveal(found);
    last.current = p.selected;
  }, [p.selected, found]);
  useLayoutEffect(() => {
    if (!wantFocus.current) return;
    const row = v.ref.current?.querySelector<HTMLElement>('[aria-selected="true"]');
    if (!row) return;
    row.focus({ preventScroll: true });
    wantFocus.current = false;
  });

  const onKey = (e: TargetedKeyboardEvent<HTMLDivElement>) => {
    const at = (e.target as HTMLElement).closest<HTMLElement>("[data-index]");
    if (!at || e.ctrlKey || e.metaKey || e.altKey) return;
    const i = Number(at.dataset["index"]);
    const row = p.rows[i];
    if (!row) return;
    const to = target(e.key, p.rows, i, v.page);
    wantFocus.current = true;
    if (to !== null) {
      const index = Math.max(0, Math.min(p.rows.length - 1, to));
      v.reveal(index);
      p.onSelect(p.rows[index]!);
    } else if ((e.key === "ArrowRight" || e.key === "ArrowLeft") && row.open !== null) p.onToggle(row);
    else if (e.key === "Enter" || e.key === " ") (p.onEnter ?? p.onToggle)(row);
    else if (!p.onKey?.(e, row)) {
      wantFocus.current = false;
      return;
    }
    e.preventDefault();
    e.stopPropagation();
  };

  const stop = found >= v.first && found < v.last ? found : v.seen[0];
  const drawn = [];
  for (let i = v.first; i < v.last; i++) {
    const row = p.rows[i];
    if (!row) continue;
    const indent = indentOf(row.level, narrow);
    drawn.push(
      <div
        role="row"
        class={`row ${p.rowClass?.(row) ?? ""}`}
        key={row.key}
        data-index={i}
        data-key={row.key}
        aria-level={row.level}
        aria-posinset={row.pos}
        aria-setsize={row.size}
        aria-expanded={row.open === null ? undefined : row.open}
        aria-selected={i === found}
        aria-rowindex={i + 2}
        tabIndex={i === stop ? 0 : -1}
        style={{ top: `${v.top(i)}px` }}
        onClick={() => p.onSelect(row)}
        onDblClick={() => (p.onEnter ?? p.onToggle)(row)}
      >
        {columns.map((c, n) => (
          <div role="gridcell" key={c.key} class={c.right ? "right" : ""}>
            {n === 0 && (
              <>
                <span class="indent" style={{ width: `${indent}px` }}>
                  {row.level > INDENT_LEVELS ? `${row.level} ` : ""}
                </span>
                <span
                  class={`twisty ${row.open === null ? "" : row.open ? "open" : "closed"}`}
                  aria-hidden="true"
                  onClick={(e) => {
                    if (row.open === null) return;
                    e.stopPropagation();
                    p.onToggle(row);
                  }}
                  onDblClick={(e) => e.stopPropagation()}
                />
              </>
            )}
            {c.cell(row)}
          </div>
        ))}
      </div>,
    );
  }
  return (
    <div
      class="grid tree"
      role="treegrid"
      aria-label={p.label}
      aria-rowcount={p.rows.length + 1}
      ref={v.ref}
      onKeyDown={onKey}
      style={{ "--tracks": tracks, "--least": `${leastWidth(tracks)}px` }}
    >
      <div role="rowgroup" class="head">
        <div role="row" class="row" aria-rowindex={1}>
          {columns.map((c) => (
            <div role="columnheader" key={c.key} class={c.right ? "right" : ""} title={c.help}>
              {c.title}
            </div>
          ))}
        </div>
      </div>
      <div role="rowgroup" class="body" style={{ height: `${v.height}px` }}>
        {drawn}
      </div>
    </div>
  );
}
