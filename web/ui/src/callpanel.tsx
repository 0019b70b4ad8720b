// SPDX-License-Identifier: Apache-2.0
// Everything about the selected call, and the ways on from it.

import type { ChildRow } from "./api.ts";
import { operationGlob } from "./filter.ts";
import { count, duration, percent } from "./format.ts";
import { StartedHere } from "./kin.tsx";
import type { Node } from "./tracemodel.ts";
import { callTitle, Fact, Link, Time } from "./ui.tsx";

interface Props {
  node: Node | undefined;
  traceNs: number;
  focused: boolean;
  started: readonly ChildRow[] | undefined; // traces that this call has started
  onFocus(node: Node | null): void;
}

export function CallPanel({ node, traceNs, focused, started, onFocus }: Props) {
  if (!node)
    return (
      <aside class="panel" aria-label="Selected call">
        <p class="muted">Select a call to see its numbers. Keys: ? for help.</p>
      </aside>
    );
  const c = node.call;
  return (
    <aside class="panel" aria-label="Selected call">
      <h2 class="wrap">{callTitle(c)}</h2>
      <dl class="facts">
        <Fact name="Total">
          {duration(c.duration_ns)} {c.open && <span class="state running">not ended</span>}
          {c.assumed && <span class="state running">assumed</span>}
        </Fact>
        <Fact name="Self">{duration(c.self_ns)}</Fact>
        <Fact name="Of the trace">{percent(c.duration_ns / traceNs)}</Fact>
        {node.parent && <Fact name="Of its caller">{percent(c.duration_ns / node.parent.call.duration_ns)}</Fact>}
        <Fact name="Begins">
          <Time at={c.start_at} /> <span class="muted">+{duration(node.start)}</span>
        </Fact>
        <Fact name="Calls below">{count(c.calls - 1)}</Fact>
        {c.hidden_calls > 0 && (
          <Fact name="Not shown">
            {count(c.hidden_calls)}, {duration(c.hidden_ns)}
          </Fact>
        )}
        <Fact name="Host">{c.host}</Fact>
        {c.failed && (
          <Fact name="Failed">
            <span class="failed wrap">
              <span aria-hidden="true">! </span>
              {c.cause ?? "no cause recorded"}
            </span>
          </Fact>
        )}
      </dl>
      <p class="buttons">
        <Link to="operation" query={{ id: c.operation_id, op: operationGlob(c.component, c.operation) }} class="button">
          This operation
        </Link>
        <Link to="architecture" query={{ level: "operation", focus: c.operation_id }} class="button">
          In architecture
        </Link>
        <button type="button" onClick={() => onFocus(focused ? null : node)}>
          {focused ? "Show the whole trace" : "Focus"}
        </button>
      </p>
      <StartedHere started={started} />
    </aside>
  );
}
