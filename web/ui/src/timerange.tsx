// SPDX-License-Identifier: Apache-2.0
// The time range: the last minutes, everything, or from–to.

import type { TargetedEvent, TargetedSubmitEvent } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { without } from "./filter.ts";
import { setFilter, type Place } from "./url.ts";

const LAST: readonly [string, string][] = [
  ["5m", "Last 5 min"],
  ["15m", "Last 15 min"],
  ["1h", "Last hour"],
  ["1d", "Last day"],
  ["7d", "Last 7 days"],
];

/** What a datetime-local field holds is local time without a zone. */
function toFilter(local: string): string {
  return local ? new Date(local).toISOString().replace(".000Z", "Z") : "";
}

function toLocal(filter: string | undefined): string {
  if (!filter) return "";
  const ms = filter.startsWith("@") ? Number(filter.slice(1)) * 1000 : Date.parse(filter);
  if (!Number.isFinite(ms)) return "";
  return new Date(ms - new Date(ms).getTimezoneOffset() * 60_000).toISOString().slice(0, 19);
}

function FromTo({ at, onClose }: { at: Place; onClose(): void }) {
  const ref = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const d = ref.current;
    d?.showModal();
    return () => d?.close();
  }, []);
  const submit = (e: TargetedSubmitEvent<HTMLFormElement>) => {
    const data = new FormData(e.currentTarget);
    const [since, until] = ["since", "until"].map((k) => toFilter(String(data.get(k) ?? "")));
    const next = without(at.filter, "since", "until");
    if (since) next["since"] = since;
    if (until) next["until"] = until;
    setFilter(next);
  };
  return (
    <dialog ref={ref} aria-labelledby="range-title" onClose={onClose}>
      <form method="dialog" onSubmit={submit}>
        <h2 id="range-title">Time range</h2>
        <label>
          From <input type="datetime-local" name="since" step="1" defaultValue={toLocal(at.filter["since"])} />
        </label>
        <label>
          To <input type="datetime-local" name="until" step="1" defaultValue={toLocal(at.filter["until"])} />
        </label>
        <p class="buttons">
          <button type="submit">Show</button>
          <button type="button" onClick={onClose}>
            Cancel
          </button>
        </p>
      </form>
    </dialog>
  );
}

export function TimeRange({ at }: { at: Place }) {
  const [asking, setAsking] = useState(false);
  const { since, until } = at.filter;
  const known = !until && (!since || LAST.some(([v]) => v === since));
  const value = known ? since ?? "" : "range";
  const change = (e: TargetedEvent<HTMLSelectElement>) => {
    const v = e.currentTarget.value;
    if (v === "range" || v === "again") {
      e.currentTarget.value = value;
      setAsking(true);
      return;
    }
    const rest = without(at.filter, "since", "until");
    setFilter(v ? { ...rest, since: v } : rest);
  };
  return (
    <>
      <label class="picker">
        <span class="sr">Time range</span>
        <select value={value} onChange={change}>
          <option value="">All time</option>
          {LAST.map(([v, title]) => (
            <option value={v} key={v}>
              {title}
            </option>
          ))}
          <option value="range">{known ? "From – to …" : "From – to"}</option>
          {!known && <option value="again">Other from – to …</option>}
        </select>
      </label>
      {asking && <FromTo at={at} onClose={() => setAsking(false)} />}
    </>
  );
}
