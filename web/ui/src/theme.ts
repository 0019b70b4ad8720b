// SPDX-License-Identifier: Apache-2.0
// Light, dark or as the system says; and the tokens' colours for what is painted on a canvas.

import { useEffect, useState } from "preact/hooks";

export type Theme = "system" | "light" | "dark";
const KEY = "kieker.theme";
const listeners = new Set<() => void>();
let version = 0;
let probe: HTMLElement | null = null;

export function theme(): Theme {
  const value = document.documentElement.dataset["theme"];
  return value === "light" || value === "dark" ? value : "system";
}

function apply(value: Theme): void {
  if (value === "system") delete document.documentElement.dataset["theme"];
  else document.documentElement.dataset["theme"] = value;
  version++;
  for (const listener of [...listeners]) listener();
}

export function setTheme(value: Theme): void {
  try {
    if (value === "system") localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, value);
  } catch {
    // storage may be forbidden; the choice then lasts as long as the page
  }
  apply(value);
}

export function startTheme(): void {
  let stored: string | null = null;
  try {
    stored = localStorage.getItem(KEY);
  } catch {
    // see setTheme
  }
  apply(stored === "light" || stored === "dark" ? stored : "system");
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => apply(theme()));
}

/** Changes when colours change: canvases paint again. */
export function useTheme(): number {
  const [, update] = useState(0);
  useEffect(() => {
    const listener = () => update(version);
    listeners.add(listener);
    return () => void listeners.delete(listener);
  }, []);
  return version;
}

/** The colour a token stands for now, as the canvas understands it. */
export function token(name: string): string {
  if (!probe) {
    probe = document.createElement("span");
    probe.hidden = true;
    document.body.append(probe);
  }
  probe.style.color = `var(--${name})`;
  return getComputedStyle(probe).color;
}
