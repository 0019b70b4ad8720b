// SPDX-License-Identifier: Apache-2.0
// What agents record and what not: the patterns in force, new ones, and who obeys them.

import { useState } from "preact/hooks";
import type { TargetedSubmitEvent } from "preact";
import { count } from "../format.ts";
import { useTitle } from "../hooks.ts";
import { Obedience, useProbes } from "../probeswitch.tsx";
import type { Action, ProbeAgent, Probes } from "../probes.ts";
import { Loading, Problem, Time } from "../ui.tsx";

type Order = (action: Action, pattern: string) => Promise<boolean>;

function Rules({ probes, order }: { probes: Probes; order: Order }) {
  if (probes.rows.length === 0) return <p class="muted">No pattern is in force: all that agents observe is recorded.</p>;
  return (
    <table class="plain">
      <thead>
        <tr>
          <th scope="col">pattern</th>
          <th scope="col">state</th>
          <th scope="col">since</th>
          {probes.may_change && <th scope="col">change</th>}
        </tr>
      </thead>
      <tbody>
        {probes.rows.map((r) => (
          <tr key={r.pattern}>
            <td class="wide">
              <code>{r.pattern}</code>
            </td>
            <td>{r.state}</td>
            <td>{r.since_at ? <Time at={r.since_at} /> : "the file"}</td>
            {probes.may_change && (
              <td>
                <button type="button" class="small" onClick={() => order(r.state === "active" ? "deactivate" : "activate", r.pattern)}>
                  {r.state === "active" ? "Switch off" : "Switch on"}
                </button>{" "}
                <button type="button" class="small" onClick={() => order("forget", r.pattern)}>
                  Forget
                </button>
              </td>
            )}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function NewRule({ order }: { order: Order }) {
  const [pattern, setPattern] = useState("");
  const say = async (action: Action) => {
    if (await order(action, pattern)) setPattern("");
  };
  return (
    <form
      class="newrule"
      onSubmit={(e: TargetedSubmitEvent<HTMLFormElement>) => {
        e.preventDefault();
        void say("deactivate");
      }}
    >
      <label>
        Pattern{" "}
        <input value={pattern} onInput={(e) => setPattern(e.currentTarget.value)} placeholder="shop.Catalog.*" size={40} spellcheck={false} required />
      </label>{" "}
      <button type="submit">Switch off</button>{" "}
      <button type="button" onClick={() => say("activate")}>
        Switch on
      </button>
      <p class="muted">
        <code>shop.*</code> (its * also takes dots), a signature as Kieker has it (<code>* shop..*.get(..)</code>), or <code>%</code> and a regular
        expression, of component.operation. Of several that fit the last one counts.
      </p>
    </form>
  );
}

function Agents({ agents, total }: { agents: ProbeAgent[]; total: number }) {
  if (total === 0) return null;
  return (
    <table class="plain">
      <thead>
        <tr>
          <th scope="col">program</th>
          <th scope="col">process</th>
          <th scope="col">obeys</th>
          <th scope="col" class="right">
            operations
          </th>
          <th scope="col" class="right">
            switched off
          </th>
        </tr>
      </thead>
      <tbody>
        {agents.map((a) => (
          <tr key={a.stream}>
            <td class="wide">{a.program || "(no name)"}</td>
            <td>
              {a.pid} at {a.peer}
            </td>
            <td>{a.obeys ? "yes" : "not yet"}</td>
            <td class="right">{a.operations ? count(a.operations) : ""}</td>
            <td class="right">{a.operations ? count(a.off) : ""}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

export function ProbesPage() {
  const { probes, error, order } = useProbes();
  useTitle("Probes");
  if (!probes) return error ? <Problem error={error} /> : <Loading what="the patterns" />;
  return (
    <div class="page probes">
      <div class="pagehead">
        <h1>Probes</h1>
      </div>
      {error && <Problem error={error} />}
      {probes.problem && (
        <p class="notice bad" role="alert">
          {probes.problem}
        </p>
      )}
      <section class="card">
        <h2>What is recorded, and what not</h2>
        <Rules probes={probes} order={order} />
        {probes.may_change ? <NewRule order={order} /> : <p class="muted">This collector does not let you change it from here.</p>}
      </section>
      <section class="card">
        <h2>Agents</h2>
        <p class="muted">
          <Obedience probes={probes} />
        </p>
        <Agents agents={probes.agents} total={probes.agents_total} />
      </section>
    </div>
  );
}
