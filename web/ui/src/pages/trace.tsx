// SPDX-License-Identifier: Apache-2.0
// One trace: its numbers, and its calls as a tree or over time.

import { useCallback, useEffect, useMemo, useState } from "preact/hooks";
import type { Call, ChildRow } from "../api.ts";
import { CallPanel } from "../callpanel.tsx";
import { operationGlob } from "../filter.ts";
import { count, duration, percent, plural } from "../format.ts";
import { useKeys, useTitle } from "../hooks.ts";
import { Icicle } from "../icicleview.tsx";
import { hueOf } from "../icicle.ts";
import { byCall, Mark, Started, StartedBy } from "../kin.tsx";
import { useFocus, useSelected, useTrace, useUpdated, type TraceData } from "../tracedata.ts";
import { longestChild, nextHit, shownRows, walk, type Node, type Shown } from "../tracemodel.ts";
import { TreeGrid, type TreeColumn } from "../treegrid.tsx";
import { Bar, callTitle, Fact, Failed, Link, Loading, Name, Problem, State, Tabs, Time } from "../ui.tsx";
import { change, go, useParam, type Place } from "../url.ts";

const TABS = [
  { id: "tree", title: "Tree" },
  { id: "icicle", title: "Icicle" },
];

function columns(traceNs: number, data: TraceData, started: ReadonlyMap<string, ChildRow[]>): readonly TreeColumn<Shown>[] {
  const of = (r: Shown) => r.node.call;
  return [
    {
      key: "name",
      title: "Operation",
      width: "minmax(260px, 1fr)",
      narrow: "minmax(0, 1fr)",
      cell: (r) =>
        r.more ? (
          <span class="more">
            {data.asking.has(r.node.id)
              ? "asking …"
              : plural(of(r).hidden_calls, "shorter call") + (r.node.asked ? "" : ": Enter shows more")}
          </span>
        ) : (
          <>
            <i class={`swatch hue-${hueOf(of(r).component)}`} aria-hidden="true" />
            {of(r).failed && (
              <span class="failed" title={of(r).cause ?? "failed"}>
                <span aria-hidden="true">! </span>
                <span class="sr">failed </span>
              </span>
            )}
            {of(r).open && <span class="state running">running</span>}
            <Name operation={of(r).operation} component={of(r).component} />
            <Mark started={started.get(r.key)} />
            {of(r).failed && of(r).cause && <span class="cause">{of(r).cause}</span>}
          </>
        ),
    },
    {
      key: "total",
      title: "Total",
      width: "130px",
      narrow: "96px",
      cell: (r) => {
        const ns = r.more ? of(r).hidden_ns : of(r).duration_ns;
        return <Bar ns={ns} share={ns / traceNs} />;
      },
    },
    {
      key: "self",
      title: "Self",
      width: "130px",
      help: "total without what was spent in recorded calls",
      cell: (r) => (r.more ? "" : <Bar ns={of(r).self_ns} share={of(r).self_ns / traceNs} kind="self" />),
    },
    {
      key: "share",
      title: "% of caller",
      width: "88px",
      right: true,
      cell: (r) => {
        if (r.more) return percent(of(r).hidden_ns / of(r).duration_ns);
        return r.node.parent ? percent(of(r).duration_ns / r.node.parent.call.duration_ns) : "";
      },
    },
    { key: "calls", title: "Calls", width: "84px", narrow: "64px", right: true, help: "calls in this subtree, with itself", cell: (r) => count(r.more ? of(r).hidden_calls : of(r).calls) },
  ];
}

function Head({ data, at }: { data: TraceData; at: Place }) {
  const t = data.trace!;
  const updated = useUpdated(t, data.total);
  return (
    <div class="tracehead">
      <div class="pagehead">
        <h1>
          <Name operation={t.root} component={t.component} />
        </h1>
        <p class="newer" aria-live="polite">
          {updated !== null && (
            <button type="button" onClick={data.reload}>
              Updated: {plural(updated, "call")} now — show
            </button>
          )}
        </p>
      </div>
      <dl class="facts row">
        <Fact name="Trace">
          <span title={`Kieker's trace id ${t.trace_id}, session ${t.session}, stream ${t.stream}`}>{t.id}</span>
        </Fact>
        <Fact name="Duration">{duration(t.duration_ns)}</Fact>
        <Fact name="Calls">{count(t.calls)}</Fact>
        <Fact name="Depth">{count(t.depth)}</Fact>
        <Fact name="Failed">
          <Failed n={t.failed} />
        </Fact>
        <Fact name="Start">
          <Time at={t.start_at} />
        </Fact>
        <Fact name="State">
          <State state={t.state} />
        </Fact>
        <Fact name="Thread, host">
          {t.thread}, {t.host}
        </Fact>
        {data.parent && (
          <Fact name="Started by">
            <StartedBy parent={data.parent} />
          </Fact>
        )}
        {t.run && <Fact name="Run">{t.run}</Fact>}
        <Fact name="Class">
          {t.class === null ? (
            "–"
          ) : (
            <Link to="traces" filter={{ ...at.filter, class: t.class }} title="traces with the same call tree">
              {t.class}
            </Link>
          )}
        </Fact>
      </dl>
    </div>
  );
}

function parseRange(text: string | undefined): [number, number] | null {
  const m = /^(-?\d+)-(\d+)$/.exec(text ?? "");
  return m && Number(m[2]) > Number(m[1]) ? [Number(m[1]), Number(m[2])] : null;
}

export function TracePage({ at }: { at: Place }) {
  const id = at.query["id"] ?? "";
  const data = useTrace(id);
  const focus = at.query["call"];
  useFocus(data, focus);
  const [selected, select] = useParam("selected");
  const [find = "", setFind] = useParam("find");
  const [view, setView] = useParam("view");
  const [, redraw] = useState(0);
  useSelected(data, selected);
  const started = useMemo(() => byCall(data.children), [data.children]);
  const tabs = data.childrenTotal > 0 ? [...TABS, { id: "started", title: `Started ${count(data.childrenTotal)}` }] : TABS;
  const tab = tabs.find((t) => t.id === at.query["tab"])?.id ?? "tree";
  useTitle(data.trace ? `Trace ${id} ${data.trace.root}` : `Trace ${id}`);

  const model = data.model;
  const focused = model?.get(focus);
  const roots = useMemo(() => (!model ? [] : focus ? (focused ? [focused] : []) : model.roots), [model, focus, focused, data.version]);
  const node = model?.get(selected);
  useEffect(() => {
    // whatever is selected can be seen
    if (!model || !node) return;
    for (const a of model.ancestors(node)) data.open.add(a.id);
    redraw((n) => n + 1);
  }, [node, data.version]);

  const wanted = useCallback(
    (c: Call) => (find ? callTitle(c).toLowerCase().includes(find.toLowerCase()) : c.failed),
    [find],
  );
  const hits = useMemo(() => {
    if (!find || !model) return null;
    return new Set([...walk(roots)].filter((n) => wanted(n.call)).map((n) => n.id));
  }, [find, roots, data.version]);

  const setFocus = (n: Node | null) => change({ call: n?.id ?? "", view: "", selected: n?.id ?? selected ?? "" });
  const toggle = (n: Node) => {
    if (data.open.has(n.id)) data.open.delete(n.id);
    else {
      data.open.add(n.id);
      if (n.children.length === 0 && n.call.hidden_calls > 0 && !n.asked) data.load(n.id);
    }
    redraw((k) => k + 1);
  };
  const key = (k: string, from: Node | undefined): boolean => {
    const now = from ?? node ?? roots[0];
    if (!now) return false;
    if (k === "l") {
      data.open.add(now.id);
      if (now.call.hidden_calls > 0 && now.children.length === 0) data.load(now.id);
      select(longestChild(now)?.id ?? now.id);
    } else if (k === "u") {
      if (now.id === focus) setFocus(now.parent);
      else select(now.parent?.id ?? now.id);
    } else if (k === "f") setFocus(now);
    else if (k === "F") setFocus(null);
    else if (k === "n" || k === "N") {
      const hit = nextHit(roots, node?.id, k === "n" ? 1 : -1, wanted);
      if (hit) select(hit.id);
    } else if (k === "o")
      go({ page: "operation", query: { id: now.call.operation_id, op: operationGlob(now.call.component, now.call.operation) }, filter: at.filter });
    else if (k === "t") change({ tab: "" }, true);
    else if (k === "i") change({ tab: "icicle" }, true);
    else if (k === "s" && data.childrenTotal > 0) change({ tab: "started" }, true);
    else return false;
    redraw((n) => n + 1);
    return true;
  };
  useKeys((e) => {
    if (model && key(e.key, undefined)) e.preventDefault();
  });

  if (!data.trace || !model)
    return <div class="page">{data.error ? <Problem error={data.error} /> : <Loading what={`trace ${id}`} />}</div>;
  const traceNs = Math.max(1, data.trace.duration_ns);
  const rows = shownRows(roots, data.open);
  return (
    <div class="page fill trace">
      <Head data={data} at={at} />
      <div class="toolbar">
        <Tabs items={tabs} selected={tab} label="How the calls are shown" onSelect={(t) => change({ tab: t === "tree" ? "" : t }, true)} />
        {tab !== "started" && (
          <input
            type="search"
            aria-label="Find in this trace"
            placeholder="find in this trace"
            value={find}
            onInput={(e) => setFind(e.currentTarget.value)}
            onKeyDown={(e) => {
              if (e.key !== "Enter") return;
              key(e.shiftKey ? "N" : "n", undefined);
            }}
          />
        )}
        <span class="muted" role="status">
          {find && hits ? `${plural(hits.size, "hit")}, n and N go on` : ""}
        </span>
        {focus && (
          <span class="chip">
            <span class="text">focus {focused ? callTitle(focused.call) : focus}</span>
            <button type="button" aria-label="Show the whole trace" onClick={() => setFocus(null)}>
              ×
            </button>
          </span>
        )}
        {data.thresholdNs > 0 && (
          <span class="muted">
            calls under {duration(data.thresholdNs)} are summed up
            {data.hiddenAtTop > 0 && ` (${plural(data.hiddenAtTop, "call")} at the top)`}
          </span>
        )}
      </div>
      {data.error && <Problem error={data.error} />}
      <div class="split">
        <div class="main" role="tabpanel" id="tabpanel" aria-labelledby={`tab-${tab}`}>
          {tab === "started" ? (
            <Started rows={data.children} total={data.childrenTotal} onCall={(call) => change({ tab: "", selected: call })} />
          ) : focus && !focused ? (
            <Loading what="the focused call" />
          ) : tab === "tree" ? (
            <TreeGrid
              label={`Calls of trace ${id}`}
              rows={rows}
              columns={columns(traceNs, data, started)}
              selected={selected}
              rowClass={(r) => `${r.more ? "morerow" : ""} ${r.node.call.failed ? "hasfailed" : ""} ${hits?.has(r.key) ? "hit" : ""}`}
              onSelect={(r) => select(r.key)}
              onToggle={(r) => toggle(r.node)}
              onEnter={(r) => (r.more ? data.load(r.node.id) : toggle(r.node))}
              onKey={(e, r) => key(e.key, r.node)}
            />
          ) : (
            <Icicle
              roots={roots}
              version={data.version}
              selected={selected}
              hits={hits}
              range={parseRange(view)}
              onSelect={(n) => select(n.id)}
              onZoom={setFocus}
              onRange={(r) => setView(r ? `${r[0]}-${r[1]}` : undefined)}
            />
          )}
        </div>
        <CallPanel node={node} started={node && started.get(node.id)} traceNs={traceNs} focused={!!focus && node?.id === focus} onFocus={setFocus} />
      </div>
    </div>
  );
}
