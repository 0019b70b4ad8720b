// SPDX-License-Identifier: Apache-2.0
// Switches patterns on and off, and says who obeys.

import { useState } from "preact/hooks";
import type { ApiError } from "./api.ts";
import { count, plural } from "./format.ts";
import { useQuery, useTick } from "./hooks.ts";
import { change, patternOf, type Action, type Probes } from "./probes.ts";
import { Link, Problem } from "./ui.tsx";

const REFRESH_MS = 1000;

/** The patterns in force, and a function that changes them; the sentence of a change that was refused. */
export function useProbes(): { probes: Probes | null; error: ApiError | null; order(action: Action, pattern: string): Promise<boolean> } {
  const [changes, setChanges] = useState(0);
  const [refused, setRefused] = useState<ApiError | null>(null);
  const tick = useTick(REFRESH_MS);
  const asked = useQuery<Probes>("probes", {}, tick + changes);
  const order = async (action: Action, pattern: string) => {
    try {
      await change(action, pattern);
      setRefused(null);
      return true;
    } catch (e) {
      setRefused(e as ApiError);
      return false;
    } finally {
      setChanges((n) => n + 1);
    }
  };
  return { probes: asked.data, error: refused ?? asked.error, order };
}

export function Obedience({ probes }: { probes: Probes }) {
  const { agents_total: all, agents_obeying: obey } = probes;
  return (
    <span role="status">
      {all === 0
        ? "No agent is connected; those that come will obey."
        : obey === all
          ? `${plural(all, "connected agent")} ${all === 1 ? "obeys" : "obey"}.`
          : `${count(obey)} of ${plural(all, "connected agent")} obey so far.`}
    </span>
  );
}

/** Of one operation. Nothing where nothing may be changed and nothing is in force for it. */
export function ProbeSwitch({ component, operation }: { component: string; operation: string }) {
  const { probes, error, order } = useProbes();
  const pattern = patternOf(component, operation);
  const rule = probes?.rows.find((r) => r.pattern === pattern);
  if (!probes || (!probes.may_change && !rule)) return null;
  return (
    <section class="card probe">
      <h2>
        Its probes{" "}
        <span class="more">
          <Link to="probes">all patterns</Link>
        </span>
      </h2>
      {error && <Problem error={error} />}
      <p class="buttons">
        {probes.may_change && (
          <>
            <button type="button" onClick={() => order("deactivate", pattern)} disabled={rule?.state === "inactive"}>
              Switch off
            </button>
            <button type="button" onClick={() => order("activate", pattern)} disabled={rule?.state === "active"}>
              Switch on
            </button>
            {rule && (
              <button type="button" onClick={() => order("forget", pattern)}>
                Forget
              </button>
            )}
          </>
        )}{" "}
        <span class="muted">
          {rule && `Switched ${rule.state === "active" ? "on" : "off"}. `}
          {rule && <Obedience probes={probes} />}
          {!rule && "No pattern of its own is in force."}
        </span>
      </p>
    </section>
  );
}
