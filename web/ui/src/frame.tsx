// SPDX-License-Identifier: Apache-2.0
// What stands around every page: top bar, navigation, filter chips, the state of the connection.

import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import type { Answer, Run, Verb } from "./api.ts";
import { takes } from "./api.ts";
import { command } from "./cli.ts";
import { chipText, without } from "./filter.ts";
import { count, short, time } from "./format.ts";
import { Help } from "./help.tsx";
import { useKeys, useLive, useQuery, useTick } from "./hooks.ts";
import { setLive } from "./live.ts";
import { Architecture } from "./pages/architecture.tsx";
import { CallTree } from "./pages/calltree.tsx";
import { OperationPage } from "./pages/operation.tsx";
import { Operations } from "./pages/operations.tsx";
import { Overview } from "./pages/overview.tsx";
import { ProbesPage } from "./pages/probes.tsx";
import { Records } from "./pages/records.tsx";
import { TracePage } from "./pages/trace.tsx";
import { Traces } from "./pages/traces.tsx";
import { SearchBox } from "./search.tsx";
import { setTheme, theme, useTheme, type Theme } from "./theme.ts";
import { TimeRange } from "./timerange.tsx";
import { Copy, Link } from "./ui.tsx";
import { place, setFilter, usePlace, type Page, type Place } from "./url.ts";

const NAV: readonly [Page, string, readonly Page[]][] = [
  ["overview", "Overview", []],
  ["traces", "Traces", ["trace"]],
  ["operations", "Operations", ["operation"]],
  ["architecture", "Architecture", []],
  ["tree", "Call tree", []],
  ["probes", "Probes", []],
  ["records", "Records", []],
];

/** Which verb answers a page: tells which chips take effect on it. */
const VERB: Record<Place["page"], Verb> = {
  overview: "traces",
  traces: "traces",
  trace: "trace",
  operations: "operations",
  operation: "operations",
  architecture: "graph",
  tree: "tree",
  probes: "probes",
  records: "records",
  nowhere: "status",
};

function Content({ at }: { at: Place }) {
  switch (at.page) {
    case "overview":
      return <Overview at={at} />;
    case "traces":
      return <Traces at={at} />;
    case "trace":
      return <TracePage at={at} key={at.query["id"] ?? ""} />;
    case "operations":
      return <Operations at={at} />;
    case "operation":
      return <OperationPage at={at} />;
    case "architecture":
      return <Architecture at={at} />;
    case "tree":
      return <CallTree at={at} />;
    case "probes":
      return <ProbesPage />;
    case "records":
      return <Records at={at} />;
    default:
      return (
        <div class="page">
          <h1>There is no such page</h1>
          <p class="notice">
            <Link to="overview">Go to the overview</Link>
          </p>
        </div>
      );
  }
}

function RunPicker({ at }: { at: Place }) {
  const tick = useTick(10_000);
  const { data } = useQuery<Answer<Run>>("runs", {}, tick);
  const value = at.filter["run"] ?? "";
  const names = (data?.rows ?? []).map((r) => r.name);
  if (value && !names.includes(value)) names.push(value);
  return (
    <label class="picker">
      <span class="sr">Run</span>
      <select
        value={value}
        onChange={(e) => {
          const rest = without(at.filter, "run");
          setFilter(e.currentTarget.value ? { ...rest, run: e.currentTarget.value } : rest);
        }}
      >
        <option value="">All runs</option>
        {names.map((n) => (
          <option value={n} key={n}>
            {n || "(no name)"}
          </option>
        ))}
      </select>
    </label>
  );
}

function LiveSwitch() {
  const { on, way, summary, goneSince } = useLive((s) => ({
    on: s.on,
    way: s.way,
    summary: s.summary,
    goneSince: s.goneSince,
  }));
  const state = !on ? "off" : goneSince !== null ? "gone" : way === "none" ? "…" : "on";
  const title = summary
    ? `${count(summary.connections)} connections, ${count(summary.records)} records, ${count(summary.traces)} traces`
    : "";
  return (
    <button type="button" class={`live ${state}`} aria-pressed={on} onClick={() => setLive(!on)} title={title}>
      <span class="dot" aria-hidden="true" />
      Live
      <span class="rate">{on && summary ? `${short(summary.records_per_s)}/s` : "off"}</span>
    </button>
  );
}

const THEMES: readonly [Theme, string][] = [
  ["system", "◐"],
  ["light", "☀"],
  ["dark", "☾"],
];

function ThemeSwitch() {
  useTheme();
  const at = THEMES.findIndex(([t]) => t === theme());
  const [next] = THEMES[(at + 1) % THEMES.length]!;
  const label = `Theme: ${theme()}. Change to ${next}`;
  return (
    <button type="button" class="icon" aria-label={label} title={label} onClick={() => setTheme(next)}>
      {THEMES[at]?.[1]}
    </button>
  );
}

function Chips({ at }: { at: Place }) {
  const chips = Object.entries(at.filter);
  if (!chips.length) return null;
  return (
    <div class="chips" role="group" aria-label="Filter">
      {chips.map(([key, value]) => {
        const works = takes(VERB[at.page], key);
        const text = chipText(key, value);
        return (
          <span class={`chip${works ? "" : " idle"}`} key={key} title={works ? undefined : "has no effect on this page"}>
            <span class="text">
              {text}
              {!works && <span class="sr"> (has no effect on this page)</span>}
            </span>
            <button type="button" aria-label={`Drop the filter ${text}`} onClick={() => setFilter(without(at.filter, key))}>
              ×
            </button>
          </span>
        );
      })}
      {chips.length > 1 && (
        <button type="button" class="small" onClick={() => setFilter({})}>
          Drop all
        </button>
      )}
    </div>
  );
}

function Gone() {
  const { goneSince, lastAt, problem } = useLive((s) => ({
    goneSince: s.goneSince,
    lastAt: s.lastAt,
    problem: s.summary?.problem ?? null,
  }));
  if (goneSince === null)
    return problem ? (
      <p class="notice bad" role="alert">
        {problem}
      </p>
    ) : null;
  const clock = (ms: number) => time(String(BigInt(ms) * 1_000_000n)).slice(0, 8);
  return (
    <p class="gone" role="alert">
      The collector is gone since {clock(goneSince)}
      {lastAt !== null && lastAt < goneSince && ` (last heard ${clock(lastAt)})`}. What is shown stays; trying again every two seconds.
    </p>
  );
}

function Bar({ at, children }: { at: Place; children: ComponentChildren }) {
  return (
    <header class="top">
      <Link to="overview" class="brand" query={{}}>
        <svg viewBox="0 0 32 32" width="22" height="22" aria-hidden="true">
          <rect x="2" y="4" width="28" height="6" rx="1.5" class="b1" />
          <rect x="6" y="13" width="20" height="6" rx="1.5" class="b2" />
          <rect x="6" y="22" width="9" height="6" rx="1.5" class="b3" />
        </svg>
        Kieker
      </Link>
      <SearchBox at={at} />
      <RunPicker at={at} />
      <TimeRange at={at} />
      <span class="space" />
      <span class="copies">
        <Copy text={() => location.href} label="Copy link" what="a link to exactly this view" />
        <Copy text={() => command(place(), location.origin)} label="Copy as kieker-query" what={`“${command(at, location.origin)}”`} />
      </span>
      {children}
    </header>
  );
}

export function Frame() {
  const at = usePlace();
  const main = useRef<HTMLElement>(null);
  const [help, setHelp] = useState(false);
  const seenPage = useRef(at.page);
  useEffect(() => {
    if (seenPage.current === at.page) return;
    seenPage.current = at.page;
    // a reader who followed a link by key is put at the beginning of the new page
    if (document.activeElement === document.body || !document.activeElement) main.current?.focus({ preventScroll: true });
    main.current?.scrollTo(0, 0);
    document.querySelector("nav [aria-current]")?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }, [at.page]);
  useKeys((e) => {
    if (e.key === "?") setHelp(true);
  });
  return (
    <>
      <a class="skip" href="#main" onClick={(e) => (e.preventDefault(), main.current?.focus())}>
        Skip to the page
      </a>
      <Bar at={at}>
        <LiveSwitch />
        <ThemeSwitch />
        <button type="button" class="icon" aria-label="Keyboard help" title="Keyboard help (?)" onClick={() => setHelp(true)}>
          ?
        </button>
      </Bar>
      <nav class="side" aria-label="Pages">
        {NAV.map(([page, title, also]) => (
          <Link key={page} to={page} current={at.page === page || also.includes(at.page as Page)}>
            {title}
          </Link>
        ))}
        <a class="foot" href="/notices.txt">
          Licences
        </a>
      </nav>
      <main id="main" ref={main} tabIndex={-1}>
        <Gone />
        <Chips at={at} />
        <Content at={at} />
      </main>
      {help && <Help page={at.page} onClose={() => setHelp(false)} />}
    </>
  );
}
