// SPDX-License-Identifier: Apache-2.0
// The one search box: an operation, a trace's number, ">10ms", "failed".

import type { TargetedSubmitEvent } from "preact";
import { useRef, useState } from "preact/hooks";
import { parseSearch } from "./filter.ts";
import { useKeys } from "./hooks.ts";
import { go, type Place } from "./url.ts";

/** Pages on which a filter takes effect at once; from elsewhere a search leads to the traces. */
const STAYS: readonly Place["page"][] = ["traces", "operations", "architecture", "tree"];

export function SearchBox({ at }: { at: Place }) {
  const input = useRef<HTMLInputElement>(null);
  const [text, setText] = useState("");
  const [said, setSaid] = useState("");
  useKeys((e) => {
    if (e.key !== "/") return;
    e.preventDefault();
    input.current?.focus();
    input.current?.select();
  });
  const submit = (e: TargetedSubmitEvent<HTMLFormElement>) => {
    e.preventDefault();
    const found = parseSearch(text);
    if (found.unknown.length) {
      setSaid(`Not understood: ${found.unknown.join(" ")}. A duration needs a unit: >10ms`);
      return;
    }
    setSaid("");
    const filter = { ...at.filter, ...found.filter };
    if (found.trace) go({ page: "trace", query: { id: found.trace }, filter });
    else if (Object.keys(found.filter).length === 0) return;
    else if (STAYS.includes(at.page)) go({ ...at, filter });
    else go({ page: "traces", query: {}, filter });
    setText("");
  };
  return (
    <form class="search" role="search" onSubmit={submit}>
      <input
        ref={input}
        type="text"
        value={text}
        spellcheck={false}
        autocomplete="off"
        placeholder="operation, trace id, >10ms, failed   ( / )"
        aria-label="Search: operation, trace id, >10ms, failed"
        aria-describedby={said ? "search-said" : undefined}
        aria-invalid={said ? "true" : undefined}
        onInput={(e) => (setText(e.currentTarget.value), setSaid(""))}
      />
      {said && (
        <p id="search-said" class="said" role="alert">
          {said}
        </p>
      )}
    </form>
  );
}
