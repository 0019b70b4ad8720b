// SPDX-License-Identifier: Apache-2.0
// How numbers, durations and points in time are written for people.

const NARROW = "\u202f"; // narrow no-break space: groups digits without a comma or point

/** 103421 → "103 421". */
export function count(n: number): string {
  return Math.round(n).toString().replace(/\B(?=(\d{3})+$)/g, NARROW);
}

/** 103421 → "103 k": for labels with little room. */
export function short(n: number): string {
  for (const [limit, sign] of [[1e9, "G"], [1e6, "M"], [1e3, "k"]] as const)
    if (n >= limit) return three(n / limit) + NARROW + sign;
  return count(n);
}

function three(x: number): string {
  if (x === 0) return "0";
  const digits = x >= 100 ? 0 : x >= 10 ? 1 : 2;
  return x.toFixed(digits);
}

const UNITS = [[1e9, "s"], [1e6, "ms"], [1e3, "µs"], [1, "ns"]] as const;

/** Nanoseconds → "1.23 ms"; whole minutes and hours are spelled "2 min 5 s". */
const FIGURE = new Intl.NumberFormat("en", { notation: "compact", maximumSignificantDigits: 4 });

/** Any number of a record: "0.25", "12.5M". */
export function figure(n: number): string {
  return n !== 0 && Math.abs(n) < 1e-4 ? n.toExponential(2) : FIGURE.format(n);
}

export function duration(ns: number | null | undefined): string {
  if (ns === null || ns === undefined) return "–";
  if (ns < 0) return "−" + duration(-ns);
  if (ns >= 60e9) return longDuration(ns);
  if (ns < 1000) return Math.round(ns) + NARROW + "ns";
  for (const [unit, sign] of UNITS) {
    // 999.95 µs would be written "1000 µs": let the next unit take it
    if (ns >= unit * 0.9995) return three(ns / unit) + NARROW + sign;
  }
  return "0";
}

function longDuration(ns: number): string {
  const all = Math.round(ns / 1e9);
  const [h, min, s] = [Math.floor(all / 3600), Math.floor(all / 60) % 60, all % 60];
  if (h > 0) return `${count(h)}${NARROW}h ${min}${NARROW}min`;
  return `${min}${NARROW}min ${s}${NARROW}s`;
}

/** A share of 0…1 → "12.3 %". */
export function percent(share: number): string {
  if (!Number.isFinite(share)) return "–";
  const p = share * 100;
  if (p > 0 && p < 0.1) return "<0.1" + NARROW + "%";
  return p.toFixed(p >= 99.95 || p === 0 ? 0 : 1) + NARROW + "%";
}

export function bytes(n: number): string {
  for (const [unit, sign] of [[2 ** 30, "GiB"], [2 ** 20, "MiB"], [2 ** 10, "KiB"]] as const)
    if (n >= unit) return three(n / unit) + NARROW + sign;
  return count(n) + NARROW + "B";
}

const two = (n: number) => String(n).padStart(2, "0");

/** Points in time come as text of nanoseconds since 1970: more digits than a number holds. */
export function atToMs(at: string): number {
  return Number(BigInt(at) / 1_000_000n);
}

/** "17:03:09.123", with the date in front when it is not today. */
export function time(at: string | null | undefined, now = Date.now()): string {
  if (!at) return "–";
  const d = new Date(atToMs(at));
  const clock = `${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())}`;
  const full = `${clock}.${String(d.getMilliseconds()).padStart(3, "0")}`;
  if (new Date(now).toDateString() === d.toDateString()) return full;
  return `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())} ${clock}`;
}

/** The same without seconds. */
export function minute(at: string, now = Date.now()): string {
  const text = time(at, now);
  return text.includes(" ") ? text.slice(0, 16) : text.slice(0, 5);
}

/** ISO time in UTC with all nine digits. */
export function isoTime(at: string | null | undefined): string {
  if (!at) return "";
  const ns = BigInt(at);
  const frac = String(ns % 1_000_000_000n).padStart(9, "0");
  return new Date(Number(ns / 1_000_000n)).toISOString().slice(0, 19) + "." + frac + "Z";
}

/** Difference of two points in time in nanoseconds; exact before it becomes a number. */
export function offset(at: string, from: string): number {
  return Number(BigInt(at) - BigInt(from));
}

/** A point in time as the filters write it: "@seconds.fraction", `more` nanoseconds later. */
export function unixFilter(at: string, more = 0n): string {
  const ns = BigInt(at) + more;
  return `@${ns / 1_000_000_000n}.${String(ns % 1_000_000_000n).padStart(9, "0")}`;
}

const DURATION = /^(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)$/;
const FACTOR: Record<string, number> = { ns: 1, us: 1e3, "µs": 1e3, ms: 1e6, s: 1e9, m: 60e9, h: 3600e9 };

/** "10ms" → 10000000; null when it is not a duration with a unit. */
export function parseDuration(text: string): number | null {
  const m = DURATION.exec(text);
  return m ? Number(m[1]) * (FACTOR[m[2] ?? ""] ?? NaN) : null;
}

/** Shortens in the middle, where names differ least: "shop…Catalog.get_book". */
export function middle(text: string, max: number): string {
  if (text.length <= max) return text;
  const head = Math.floor((max - 1) / 3);
  return text.slice(0, head) + "…" + text.slice(text.length - (max - 1 - head));
}

export function plural(n: number, one: string, many = one + "s"): string {
  return `${count(n)} ${n === 1 ? one : many}`;
}
