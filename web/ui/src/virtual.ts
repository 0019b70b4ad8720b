// SPDX-License-Identifier: Apache-2.0
// Fixed-height rows of which only the visible ones are in the page.

import { useCallback, useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import type { RefObject } from "preact";

// Engines stop placing things at about 17 (Firefox) and 33 (Chromium) million pixels. Beyond this the
// scroll bar stands for more rows than it has pixels.
const HEIGHT_MAX = 12_000_000;
const OVERSCAN = 6;

export interface Virtual {
  ref: RefObject<HTMLDivElement | null>;
  first: number; // rows to draw: first … last − 1
  last: number;
  seen: [number, number]; // rows really visible, both ends included
  height: number; // of the spacer
  top(index: number): number;
  reveal(index: number): void;
  page: number; // rows that fit
}

/** `header` is the height of what sticks to the top inside the scrolling element. */
export function useVirtual(count: number, rowHeight: number, header: number): Virtual {
  const ref = useRef<HTMLDivElement>(null);
  const [scroll, setScroll] = useState(0);
  const [view, setView] = useState(600);
  const real = count * rowHeight;
  const height = Math.min(real, HEIGHT_MAX);
  const body = Math.max(view - header, rowHeight);
  // how many real pixels one pixel of the scroll bar stands for
  const factor = height > body && real > height ? (real - body) / (height - body) : 1;
  const y = scroll * factor;

  useLayoutEffect(() => {
    const e = ref.current;
    if (!e) return;
    const look = () => setView(e.clientHeight);
    const onScroll = () => setScroll(e.scrollTop);
    look();
    onScroll();
    const observer = new ResizeObserver(look);
    observer.observe(e);
    e.addEventListener("scroll", onScroll, { passive: true });
    return () => {
      observer.disconnect();
      e.removeEventListener("scroll", onScroll);
    };
  }, []);

  useEffect(() => {
    const e = ref.current;
    if (!e || factor === 1) return;
    const onWheel = (w: WheelEvent) => {
      if (w.ctrlKey || w.deltaMode !== 0) return;
      w.preventDefault();
      e.scrollTop += w.deltaY / factor;
    };
    e.addEventListener("wheel", onWheel, { passive: false });
    return () => e.removeEventListener("wheel", onWheel);
  }, [factor]);

  const reveal = useCallback(
    (index: number) => {
      const e = ref.current;
      if (!e) return;
      const at = index * rowHeight;
      const now = e.scrollTop * factor;
      if (at < now) e.scrollTop = at / factor;
      else if (at + rowHeight > now + body) e.scrollTop = Math.ceil((at + rowHeight - body) / factor);
    },
    [factor, body, rowHeight],
  );

  const visible = Math.floor(y / rowHeight);
  const page = Math.max(1, Math.floor(body / rowHeight));
  return {
    ref,
    first: Math.max(0, visible - OVERSCAN),
    last: Math.min(count, visible + page + 2 + OVERSCAN),
    seen: [Math.min(Math.round(y / rowHeight), Math.max(0, count - 1)), Math.min(count, Math.floor((y + body + 1) / rowHeight)) - 1],
    height,
    // rows stand where they would, moved by what the scroll bar and the real position differ
    top: (index) => index * rowHeight - (y - scroll),
    reveal,
    page,
  };
}
