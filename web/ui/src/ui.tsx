// SPDX-License-Identifier: Apache-2.0
// Small parts of which every page is made.

import type { ComponentChildren, TargetedKeyboardEvent, TargetedMouseEvent } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { ApiError, Call, TraceRow } from "./api.ts";
import { count, duration, isoTime, time } from "./format.ts";
import { formatPlace, go, place, type Page } from "./url.ts";
import type { Filter } from "./filter.ts";

interface LinkProps {
  to: Page;
  query?: Record<string, string>;
  filter?: Filter; // default: the present one goes along
  children: ComponentChildren;
  class?: string;
  title?: string;
  current?: boolean;
  tabIndex?: number;
}

export function href(to: Page, query: Record<string, string> = {}, filter: Filter = place().filter): string {
  return formatPlace({ page: to, query, filter });
}

/** A link inside the page: the browser's own ways to open it elsewhere keep working. */
export function Link(p: LinkProps) {
  const url = href(p.to, p.query, p.filter);
  const onClick = (e: TargetedMouseEvent<HTMLAnchorElement>) => {
    if (e.defaultPrevented || e.button !== 0 || e.metaKey || e.ctrlKey || e.shiftKey || e.altKey) return;
    e.preventDefault();
    go(url);
  };
  return (
    <a
      href={url}
      class={p.class}
      title={p.title}
      aria-current={p.current ? "page" : undefined}
      tabIndex={p.tabIndex}
      onClick={onClick}
    >
      {p.children}
    </a>
  );
}

/** Copies text and says so for a moment. */
export function Copy({ text, label, what }: { text: string | (() => string); label: string; what: string }) {
  const [said, setSaid] = useState("");
  useEffect(() => {
    if (!said) return;
    const timer = setTimeout(() => setSaid(""), 1600);
    return () => clearTimeout(timer);
  }, [said]);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(typeof text === "string" ? text : text());
      setSaid("Copied");
    } catch {
      setSaid("The browser does not allow copying");
    }
  };
  return (
    <button type="button" class="small" onClick={copy} title={`Copy ${what}`}>
      <span aria-live="polite">{said || label}</span>
    </button>
  );
}

export function Command({ text, what }: { text: string; what: string }) {
  return (
    <div class="command">
      <code>{text}</code>
      <Copy text={text} label="Copy" what={what} />
    </div>
  );
}

/** A value with a bar of its share of the greatest. */
export function Bar({ ns, share, kind = "total" }: { ns: number; share: number; kind?: "total" | "self" }) {
  const width = Math.max(0, Math.min(1, Number.isFinite(share) ? share : 0)) * 100;
  return (
    <span class={`bar ${kind}`}>
      <span class="fill" style={{ width: `${width.toFixed(2)}%` }} />
      <span class="value">{duration(ns)}</span>
    </span>
  );
}

const STATE_TITLE: Record<TraceRow["state"], string> = {
  running: "not ended yet: what was recorded so far is shown",
  complete: "every call has its beginning and its end",
  incomplete: "the program ended, or its connection broke, before the trace did",
  damaged: "records are missing or contradict each other",
};

export function State({ state }: { state: TraceRow["state"] }) {
  return (
    <span class={`state ${state}`} title={STATE_TITLE[state]}>
      {state}
    </span>
  );
}

/** Failures are never told by colour alone. */
export function Failed({ n }: { n: number }) {
  if (!n) return <span class="none">0</span>;
  return (
    <span class="failed">
      <span aria-hidden="true">! </span>
      {count(n)}
    </span>
  );
}

export function Name({ operation, component }: { operation: string; component: string }) {
  return (
    <span class="name" title={component ? `${component}.${operation}` : operation}>
      <span class="op">{operation}</span>
      {component && <span class="component">{component}</span>}
    </span>
  );
}

export function Time({ at }: { at: string | null }) {
  return (
    <time title={isoTime(at)} dateTime={isoTime(at).slice(0, 23) + (at ? "Z" : "")}>
      {time(at)}
    </time>
  );
}

export function Problem({ error }: { error: ApiError }) {
  return (
    <p class="notice bad" role="alert">
      {error.message}
    </p>
  );
}

export function Loading({ what }: { what: string }) {
  return (
    <p class="notice" role="status">
      Asking for {what} …
    </p>
  );
}

export interface TabItem {
  id: string;
  title: string;
}

export function Tabs(p: { items: TabItem[]; selected: string; label: string; onSelect(id: string): void }) {
  const onKey = (e: TargetedKeyboardEvent<HTMLElement>) => {
    const step = e.key === "ArrowRight" ? 1 : e.key === "ArrowLeft" ? -1 : 0;
    if (!step) return;
    e.preventDefault();
    const at = p.items.findIndex((i) => i.id === p.selected);
    const next = p.items[(at + step + p.items.length) % p.items.length]!;
    p.onSelect(next.id);
    e.currentTarget.querySelector<HTMLElement>(`#tab-${next.id}`)?.focus();
  };
  return (
    <div class="tabs" role="tablist" aria-label={p.label} onKeyDown={onKey}>
      {p.items.map((i) => (
        <button
          type="button"
          role="tab"
          id={`tab-${i.id}`}
          key={i.id}
          aria-selected={i.id === p.selected}
          aria-controls="tabpanel"
          tabIndex={i.id === p.selected ? 0 : -1}
          onClick={() => p.onSelect(i.id)}
        >
          {i.title}
        </button>
      ))}
    </div>
  );
}

export function callTitle(c: Pick<Call, "component" | "operation">): string {
  return c.component ? `${c.component}.${c.operation}` : c.operation;
}

/** Widths of a small table: a name, and so many numbers. */
export function Widths({ numbers }: { numbers: number }) {
  return (
    <colgroup>
      <col />
      {Array.from({ length: numbers }, (_, i) => (
        <col key={i} class="number" />
      ))}
    </colgroup>
  );
}

/** A fact and its value, for side panels and headers. */
export function Fact({ name, children }: { name: string; children: ComponentChildren }) {
  return (
    <div class="fact">
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}
