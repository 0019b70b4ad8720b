// SPDX-License-Identifier: Apache-2.0
// The overlay that says which keys there are.

import { useEffect, useRef } from "preact/hooks";
import type { Place } from "./url.ts";

const EVERYWHERE: readonly [string, string][] = [
  ["/", "search: operation, trace id, >10ms, failed, roots, calls>100, root:NAME"],
  ["?", "this help"],
];
const LIST: readonly [string, string][] = [
  ["↑ ↓", "row by row; Page Up, Page Down, Home, End"],
  ["Enter", "open the row"],
];
const KEYS: Partial<Record<Place["page"], readonly [string, string][]>> = {
  traces: LIST,
  operations: LIST,
  trace: [
    ["↑ ↓", "call by call (icicle: caller, longest called)"],
    ["→ ←", "unfold, fold or go to the caller (icicle: next, previous)"],
    ["l", "longest child"],
    ["u", "up to the caller"],
    ["f", "focus: only the calls under this one"],
    ["Shift f", "the whole trace again"],
    ["n N", "next, previous hit of “find”, or failed call"],
    ["o", "this call's operation"],
    ["t i s", "tree, icicle, what was started from here"],
  ],
  tree: [
    ["↑ ↓ → ←", "row by row, unfold, fold"],
    ["l", "child with the greatest total"],
    ["u", "up to the caller"],
  ],
  architecture: [
    ["↑ ↓ ← →", "nearest node in that direction"],
    ["Enter", "focus on the node"],
    ["+ − 0", "larger, smaller, fit"],
    ["Escape", "drop the selection"],
  ],
};

export function Help({ page, onClose }: { page: Place["page"]; onClose(): void }) {
  const ref = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const d = ref.current;
    d?.showModal();
    return () => d?.close();
  }, []);
  return (
    <dialog ref={ref} aria-labelledby="help-title" onClose={onClose}>
      <h2 id="help-title">Keys</h2>
      <dl class="keys">
        {[...EVERYWHERE, ...(KEYS[page] ?? [])].map(([key, what]) => (
          <div key={key}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
      <form method="dialog">
        <button type="submit">Close</button>
      </form>
    </dialog>
  );
}
